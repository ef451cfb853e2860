//! The app's webhook subscription: there is one for all its athletes.

use std::fmt;

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Map, Value};
use url::Url;

use crate::answer::Answer;
use crate::app::Strava;
use crate::error::{Attempt, Error};
use crate::value;

/// A subscription as Strava lists it; when it was just made, often only its id.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its number, which every event carries.
    pub id: i64,
    /// Where events go. Its path may be a secret, so `Debug` leaves it out.
    pub callback_url: Option<Url>,
    /// Whose app it is of.
    pub application_id: Option<i64>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it was changed.
    pub updated_at: Option<Timestamp>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = |url: &Url| url.origin().ascii_serialization();
        f.debug_struct("Subscription")
            .field("id", &self.id)
            .field("callback_url", &self.callback_url.as_ref().map(origin))
            .field("application_id", &self.application_id)
            .field("created_at", &self.created_at)
            .field("updated_at", &self.updated_at)
            .finish()
    }
}

impl Subscription {
    fn of(map: &Map<String, Value>) -> Option<Self> {
        let url = value::text(map, "callback_url");
        Some(Self {
            id: value::integer(map, "id")?,
            callback_url: url.and_then(|url| url.parse().ok()),
            application_id: value::integer(map, "application_id"),
            created_at: value::time(map, "created_at"),
            updated_at: value::time(map, "updated_at"),
        })
    }

    /// All that a body holds: an array, or one alone.
    fn all(attempt: Attempt, body: &[u8]) -> Result<Vec<Self>, Error> {
        let value: Value =
            serde_json::from_slice(body).map_err(|error| Error::json(attempt, &error))?;
        let items = match value {
            Value::Array(items) => items,
            one => vec![one],
        };
        let read = |item: &Value| item.as_object().and_then(Self::of);
        let subscriptions = items.iter().map(read).collect::<Option<Vec<_>>>();
        subscriptions.ok_or_else(|| Error::malformed(attempt, "a subscription has no id"))
    }
}

impl Strava {
    /// The app's subscriptions: none or one.
    pub async fn subscriptions(&self) -> Answer<Vec<Subscription>> {
        let attempt = Attempt::ListSubscriptions;
        let request = (Method::GET, self.api(&["push_subscriptions"]));
        let answer = self.as_app(attempt, request, &[], &[]).await;
        answer.read(|body| Subscription::all(attempt, &body))
    }

    /// Subscribes. While this call is under way Strava asks `callback` for the
    /// challenge, with `verify_token` beside it, and wants it back in two
    /// seconds: the callback must be served already.
    ///
    /// The outcome is an error with [`Verdict::CallbackUnreachable`] if that
    /// fails and [`Verdict::AlreadySubscribed`] if there is one. If its answer
    /// was lost, look at [`subscriptions`](Self::subscriptions).
    ///
    /// [`Verdict::CallbackUnreachable`]: crate::Verdict::CallbackUnreachable
    /// [`Verdict::AlreadySubscribed`]: crate::Verdict::AlreadySubscribed
    pub async fn subscribe(&self, callback: &Url, verify_token: &str) -> Answer<Subscription> {
        let attempt = Attempt::Subscribe;
        let request = (Method::POST, self.api(&["push_subscriptions"]));
        let parameters = [
            ("callback_url", callback.as_str()),
            ("verify_token", verify_token),
        ];
        // The path is what keeps others from posting events.
        let path = callback.path().trim_matches('/');
        let secrets = [verify_token, callback.as_str(), path];
        let answer = self.as_app(attempt, request, &parameters, &secrets).await;
        answer.read(|body| {
            let subscriptions = Subscription::all(attempt, &body)?;
            let first = subscriptions.into_iter().next();
            first.ok_or_else(|| Error::malformed(attempt, "the answer names no subscription"))
        })
    }

    /// Ends a subscription.
    pub async fn unsubscribe(&self, id: i64) -> Answer<()> {
        let attempt = Attempt::Unsubscribe;
        let url = self.api(&["push_subscriptions", &id.to_string()]);
        let answer = self.as_app(attempt, (Method::DELETE, url), &[], &[]).await;
        answer.read(|_empty| Ok(()))
    }

    /// A call in the app's name, which Strava knows by parameters only: in the
    /// form of a POST, otherwise in the query. That URL holds the app's secret,
    /// so it goes to no log and no error.
    async fn as_app(
        &self,
        attempt: Attempt,
        (method, url): (Method, Url),
        parameters: &[(&str, &str)],
        secrets: &[&str],
    ) -> Answer<bytes::Bytes> {
        let app = &self.inner.app;
        let client_id = app.client_id.to_string();
        let mut all = vec![
            ("client_id", client_id.as_str()),
            ("client_secret", app.client_secret.expose()),
        ];
        all.extend_from_slice(parameters);
        let in_form = method == Method::POST;
        let request = self.inner.http.request(method, url);
        let request = if in_form {
            request.form(&all)
        } else {
            request.query(&all)
        };
        let mut secrets = secrets.to_vec();
        secrets.push(app.client_secret.expose());
        self.send(attempt, request, &secrets).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(body: &str) -> Result<Vec<Subscription>, Error> {
        Subscription::all(Attempt::ListSubscriptions, body.as_bytes())
    }

    #[test]
    fn an_array_and_one_alone_are_read() {
        assert_eq!(all("[]\n").unwrap(), []);
        let one = all(r#"{"id":131300}"#).unwrap();
        assert_eq!(one, all(r#"[{"id":131300}]"#).unwrap());
        assert_eq!((one[0].id, &one[0].callback_url), (131_300, &None));
        let odd = all(r#"[{"id":1,"callback_url":"no url","created_at":"yesterday"}]"#).unwrap();
        assert_eq!((&odd[0].callback_url, odd[0].created_at), (&None, None));
    }

    #[test]
    fn what_has_no_id_is_malformed() {
        for body in ["null", "7", "[{}]", "[7]", r#"[{"id":1},{}]"#, "<html>"] {
            assert!(all(body).is_err(), "{body}");
        }
    }

    #[test]
    fn the_path_of_the_callback_is_not_shown() {
        let text = r#"{"id":1,"callback_url":"https://me.example/hook/deadbeef?x=cafe"}"#;
        let shown = format!("{:?}", all(text).unwrap());
        assert!(shown.contains("https://me.example"), "{shown}");
        assert!(
            !shown.contains("deadbeef") && !shown.contains("cafe"),
            "{shown}"
        );
    }
}
