//! What is read in an athlete's name: the list, an activity, its streams.

use bytes::Bytes;
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde_json::Value;
use url::Url;

use crate::answer::Answer;
use crate::app::Strava;
use crate::error::{Attempt, Error, Verdict};
use crate::secret::Secret;
use crate::streams::{self, STREAM_KEYS};
use crate::summary::Summary;

/// The most activities of a page.
const MAX_PER_PAGE: u32 = 200;

/// Which page of an athlete's activities.
///
/// Do not rely on an order: it is newest first, but with `after` often oldest
/// first. A page that is shorter than `per_page` is no end, an empty one is;
/// and what is added between two pages shifts the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// Only activities that start before this, to the second.
    pub before: Option<Timestamp>,
    /// Only activities that start after this, to the second.
    pub after: Option<Timestamp>,
    /// The page, from 1 on.
    pub page: u32,
    /// Activities a page, 1 to 200.
    pub per_page: u32,
}

impl Default for List {
    /// The first page, as long as may be.
    fn default() -> Self {
        Self {
            before: None,
            after: None,
            page: 1,
            per_page: MAX_PER_PAGE,
        }
    }
}

impl List {
    fn onto(&self, url: &mut Url) {
        let mut query = url.query_pairs_mut();
        for (name, time) in [("before", self.before), ("after", self.after)] {
            if let Some(time) = time {
                query.append_pair(name, &time.as_second().to_string());
            }
        }
        query.append_pair("page", &self.page.max(1).to_string());
        let per_page = self.per_page.clamp(1, MAX_PER_PAGE);
        query.append_pair("per_page", &per_page.to_string());
    }
}

impl Strava {
    /// One page of an athlete's activities. An item that has no id or no start
    /// is left out with a warning; a page of such items only is malformed, so
    /// that it is not taken for the end.
    pub async fn activities(&self, access: &Secret, list: &List) -> Answer<Vec<Summary>> {
        let attempt = Attempt::ListActivities;
        let mut url = self.api(&["athlete", "activities"]);
        list.onto(&mut url);
        let answer = self.get(attempt, url, access).await;
        answer.read(|body| summaries(attempt, &body))
    }

    /// One activity in full, as JSON, byte for byte as it came. It is only
    /// known to be a JSON object.
    pub async fn activity(&self, access: &Secret, id: i64) -> Answer<Bytes> {
        let attempt = Attempt::FetchActivity;
        let url = self.api(&["activities", &id.to_string()]);
        let answer = self.get(attempt, url, access).await;
        answer.read(|body| {
            serde_json::from_slice::<IgnoredAny>(&body)
                .map_err(|error| Error::json(attempt, &error))?;
            if body.trim_ascii_start().first() == Some(&b'{') {
                Ok(body)
            } else {
                Err(Error::malformed(attempt, "the answer is no JSON object"))
            }
        })
    }

    /// An activity's streams of the kinds in [`STREAM_KEYS`], as JSON, byte for
    /// byte as it came. `None` where there is no sample: for activities entered
    /// by hand, for those that are gone or hidden (404), and for a while after
    /// an activity was created.
    pub async fn streams(&self, access: &Secret, id: i64) -> Answer<Option<Bytes>> {
        let attempt = Attempt::FetchStreams;
        let mut url = self.api(&["activities", &id.to_string(), "streams"]);
        url.query_pairs_mut()
            .append_pair("keys", &STREAM_KEYS.join(","))
            .append_pair("key_by_type", "true");
        let mut answer = self.get(attempt, url, access).await;
        let not_there = |error: &Error| error.verdict() == Verdict::NotFound;
        if answer.outcome.as_ref().is_err_and(not_there) {
            answer.outcome = Ok(Bytes::from_static(b"{}"));
        }
        answer.read(|body| Ok(streams::have_samples(attempt, &body)?.then_some(body)))
    }

    async fn get(&self, attempt: Attempt, url: Url, access: &Secret) -> Answer<Bytes> {
        let request = self.inner.http.get(url).bearer_auth(access.expose());
        self.send(attempt, request, &[access.expose()]).await
    }
}

fn summaries(attempt: Attempt, body: &[u8]) -> Result<Vec<Summary>, Error> {
    let items: Vec<Value> =
        serde_json::from_slice(body).map_err(|error| Error::json(attempt, &error))?;
    let mut summaries = Vec::with_capacity(items.len());
    let mut unreadable = None;
    for (position, item) in items.iter().enumerate() {
        match Summary::of(item) {
            Ok(summary) => summaries.push(summary),
            Err(what) => {
                tracing::warn!(
                    position,
                    what,
                    "an item of a list of activities is left out"
                );
                unreadable = Some(what);
            }
        }
    }
    match unreadable {
        Some(what) if summaries.is_empty() => Err(Error::malformed(
            attempt,
            format!("no item can be read: {what}"),
        )),
        _ => Ok(summaries),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(list: List) -> String {
        let mut url: Url = "http://h/athlete/activities".parse().unwrap();
        list.onto(&mut url);
        url.query().unwrap().to_owned()
    }

    #[test]
    fn a_page_is_asked_for_within_bounds() {
        assert_eq!(query(List::default()), "page=1&per_page=200");
        let list = List {
            before: Some(Timestamp::from_second(2_000_000_000).unwrap()),
            after: Some(Timestamp::from_second(1_000_000_000).unwrap()),
            page: 0,
            per_page: 1_000,
        };
        assert_eq!(
            query(list),
            "before=2000000000&after=1000000000&page=1&per_page=200"
        );
    }

    #[test]
    fn good_items_of_a_page_stay() {
        let attempt = Attempt::ListActivities;
        let good = r#"{"id":7,"start_date":"2018-12-01T10:00:00Z"}"#;
        let page = format!(r#"[{good},{{"id":8}},7,null,{{"start_date":"2018-12-01T10:00:00Z"}}]"#);
        let read = summaries(attempt, page.as_bytes()).unwrap();
        assert_eq!(
            read.iter().map(|summary| summary.id).collect::<Vec<_>>(),
            [7]
        );
        assert!(summaries(attempt, b"[]").unwrap().is_empty());
        let verdict = |page: &[u8]| summaries(attempt, page).unwrap_err().verdict();
        assert!(matches!(
            verdict(br#"[{"id":8}]"#),
            Verdict::Malformed { .. }
        ));
        assert!(matches!(verdict(b"{}"), Verdict::Malformed { .. }));
        assert!(matches!(verdict(b"<html>"), Verdict::Malformed { .. }));
        assert_eq!(verdict(br#"[{"id":8}"#), Verdict::CutOff);
        assert_eq!(verdict(b""), Verdict::CutOff);
    }
}
