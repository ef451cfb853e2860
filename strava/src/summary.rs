//! An activity as a list shows it: what a poll compares.

use jiff::{Timestamp, civil};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::{Attempt, Error};
use crate::value;

/// Who may see an activity at Strava.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everyone.
    Everyone,
    /// Followers.
    FollowersOnly,
    /// The athlete alone.
    OnlyMe,
    /// A value that came later.
    Other(String),
    /// Nothing was said.
    Unknown,
}

impl Visibility {
    /// Strava's name for it; empty where nothing was said.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Everyone => "everyone",
            Self::FollowersOnly => "followers_only",
            Self::OnlyMe => "only_me",
            Self::Other(name) => name,
            Self::Unknown => "",
        }
    }

    /// From its name and, where there is none (before 2018), from `private`.
    fn of(name: Option<String>, private: Option<bool>) -> Self {
        match (name.as_deref(), private) {
            (Some("everyone"), _) => Self::Everyone,
            (Some("followers_only"), _) => Self::FollowersOnly,
            (Some("only_me"), _) => Self::OnlyMe,
            (Some(""), _) => Self::Unknown,
            (Some(other), _) => Self::Other(other.to_owned()),
            (None, Some(true)) => Self::OnlyMe,
            (None, Some(false) | None) => Self::Unknown,
        }
    }
}

/// One activity of a list. Social fields, other people and places are not read.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Strava's number for it.
    pub id: i64,
    /// Strava's number for whose it is.
    pub athlete_id: Option<i64>,
    /// What the athlete calls it; empty where absent.
    pub name: String,
    /// Strava's finer kind, such as `TrailRun`, or the older `type` where that
    /// is absent. New kinds appear: take it as it is.
    pub sport_type: String,
    /// When it began. One second after local midnight for an activity whose
    /// start is hidden.
    pub start_date: Timestamp,
    /// The same on the athlete's clock. (Strava ends it with a `Z` that means
    /// nothing.)
    pub start_date_local: Option<civil::DateTime>,
    /// Strava's zone, such as `(GMT-05:00) America/New_York`; the name is
    /// right, the offset is the standard one also in summer.
    pub timezone: Option<String>,
    /// All time, in seconds.
    pub elapsed_time_s: Option<i64>,
    /// Time with movement by Strava's rules, in seconds.
    pub moving_time_s: Option<i64>,
    /// Length in metres.
    pub distance_m: Option<f64>,
    /// Who may see it.
    pub visibility: Visibility,
    /// Entered by hand, so without streams.
    pub manual: bool,
    /// On a trainer or treadmill.
    pub trainer: bool,
    /// On the way to work.
    pub commute: bool,
    /// Strava's name for the shoes or bike.
    pub gear_id: Option<String>,
    /// The upload that it came from, which names its file in the archive.
    pub upload_id: Option<i64>,
    /// What the uploading program called it.
    pub external_id: Option<String>,
}

impl Summary {
    /// The summary within an activity in full, as
    /// [`Strava::activity`](crate::Strava::activity) gives it. It has the same
    /// fingerprint as the activity has in a list.
    ///
    /// # Errors
    /// If it is no JSON, or has no id or no start.
    pub fn parse(activity: &[u8]) -> Result<Self, Error> {
        let attempt = Attempt::ReadSummary;
        let value: Value =
            serde_json::from_slice(activity).map_err(|error| Error::json(attempt, &error))?;
        Self::of(&value).map_err(|what| Error::malformed(attempt, what))
    }

    /// # Errors
    /// What is missing without which it is no activity.
    pub(crate) fn of(value: &Value) -> Result<Self, &'static str> {
        let map = value.as_object().ok_or("the activity is no JSON object")?;
        let text = |key| value::text(map, key);
        let flag = |key| value::flag(map, key);
        let athlete = map.get("athlete").and_then(Value::as_object);
        let sport_type = text("sport_type").filter(|kind| !kind.is_empty());
        Ok(Self {
            id: value::integer(map, "id").ok_or("the activity has no id")?,
            athlete_id: athlete.and_then(|athlete| value::integer(athlete, "id")),
            name: text("name").unwrap_or_default(),
            sport_type: sport_type.or_else(|| text("type")).unwrap_or_default(),
            start_date: value::time(map, "start_date").ok_or("the activity has no start")?,
            start_date_local: text("start_date_local").and_then(|time| wall_clock(&time)),
            timezone: text("timezone"),
            elapsed_time_s: value::integer(map, "elapsed_time"),
            moving_time_s: value::integer(map, "moving_time"),
            distance_m: value::number(map, "distance"),
            visibility: Visibility::of(text("visibility"), flag("private")),
            manual: flag("manual").unwrap_or_default(),
            trainer: flag("trainer").unwrap_or_default(),
            commute: flag("commute").unwrap_or_default(),
            gear_id: text("gear_id"),
            upload_id: value::integer(map, "upload_id"),
            external_id: text("external_id"),
        })
    }

    /// SHA-256, in hexadecimal, over the fields that pacelake would show or
    /// derive differently: a changed one means a changed activity, also where
    /// Strava sent no event. Kudos, comments and counts are not in it.
    ///
    /// It is compared with stored ones: another way of computing it makes all
    /// activities look changed, and costs a fetch of each.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        // Each field with its length before it, so that none runs into the next.
        let mut put = |field: &str| {
            hash.update((field.len() as u64).to_le_bytes());
            hash.update(field.as_bytes());
        };
        let whole = |number: Option<i64>| number.map(|n| n.to_string()).unwrap_or_default();
        // In centimetres: a list and an activity in full may write the same
        // distance with different digits.
        let centimetres = self
            .distance_m
            .map(|metres| (metres * 100.0).round() as i64);
        put("summary 1");
        put(&self.name);
        put(&self.sport_type);
        put(self.visibility.as_str());
        put(&self.start_date.to_string());
        put(&whole(centimetres));
        put(&whole(self.elapsed_time_s));
        put(&whole(self.moving_time_s));
        put(self.gear_id.as_deref().unwrap_or_default());
        put(&whole(self.upload_id));
        for flag in [self.manual, self.trainer, self.commute] {
            put(if flag { "true" } else { "false" });
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// A time without zone, of a text that ends as if it had one.
fn wall_clock(text: &str) -> Option<civil::DateTime> {
    text.trim_end_matches('Z').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = r#"{"id": 9007199254740993, "athlete": {"id": 26462176},
        "name": "Morning Run", "type": "Run", "sport_type": "TrailRun",
        "start_date": "2025-07-19T20:00:00Z", "start_date_local": "2025-07-19T16:00:00Z",
        "timezone": "(GMT-05:00) America/New_York", "elapsed_time": 2178,
        "moving_time": 2151, "distance": 6764.8, "visibility": "everyone",
        "private": false, "manual": false, "trainer": false, "commute": false,
        "gear_id": "g1", "upload_id": 17279496051, "external_id": "garmin_ping_1",
        "kudos_count": 7}"#;

    fn with(key: &str, value: Value) -> Summary {
        let mut run: Value = serde_json::from_str(RUN).unwrap();
        run[key] = value;
        Summary::of(&run).unwrap()
    }

    #[test]
    fn every_field_is_read() {
        let run = Summary::parse(RUN.as_bytes()).unwrap();
        assert_eq!(
            (run.id, run.athlete_id),
            (9_007_199_254_740_993, Some(26_462_176))
        );
        assert_eq!(
            (run.name.as_str(), run.sport_type.as_str()),
            ("Morning Run", "TrailRun")
        );
        assert_eq!(run.start_date.to_string(), "2025-07-19T20:00:00Z");
        assert_eq!(
            run.start_date_local.unwrap().to_string(),
            "2025-07-19T16:00:00"
        );
        assert_eq!(
            (run.elapsed_time_s, run.moving_time_s),
            (Some(2178), Some(2151))
        );
        assert_eq!(run.distance_m, Some(6764.8));
        assert_eq!(run.visibility, Visibility::Everyone);
        assert_eq!(
            (run.manual, run.trainer, run.commute),
            (false, false, false)
        );
        assert_eq!(run.gear_id.as_deref(), Some("g1"));
        assert_eq!(run.upload_id, Some(17_279_496_051));
        assert_eq!(run.external_id.as_deref(), Some("garmin_ping_1"));
    }

    #[test]
    fn only_id_and_start_must_be_there() {
        let least = Summary::parse(br#"{"id":1,"start_date":"2025-07-19T20:00:00Z"}"#).unwrap();
        assert_eq!((least.name.as_str(), least.distance_m), ("", None));
        assert_eq!(least.visibility, Visibility::Unknown);
        assert_eq!(with("id", "12".into()).id, 12);
        let odd = with("distance", "far".into());
        assert_eq!(
            (odd.distance_m, with("name", Value::Null).name.as_str()),
            (None, "")
        );
        assert_eq!(
            with("visibility", "clubs".into()).visibility.as_str(),
            "clubs"
        );
        assert_eq!(
            with("sport_type", "Quidditch".into()).sport_type,
            "Quidditch"
        );
        assert_eq!(with("sport_type", Value::Null).sport_type, "Run");
        for broken in [
            "{}",
            "[]",
            "7",
            r#"{"id":1}"#,
            r#"{"id":1,"start_date":"soon"}"#,
        ] {
            assert!(Summary::parse(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn an_old_answer_has_private_only() {
        let old = |private: bool| {
            let mut run: Value = serde_json::from_str(RUN).unwrap();
            run["visibility"] = Value::Null;
            run["private"] = private.into();
            Summary::of(&run).unwrap().visibility
        };
        assert_eq!(old(true), Visibility::OnlyMe);
        assert_eq!(old(false), Visibility::Unknown);
    }

    #[test]
    fn what_matters_changes_the_fingerprint() {
        let before = Summary::parse(RUN.as_bytes()).unwrap().fingerprint();
        for (key, value) in [
            ("name", Value::from("Evening Run")),
            ("sport_type", "Run".into()),
            ("visibility", "only_me".into()),
            ("start_date", "2025-07-19T20:00:01Z".into()),
            ("distance", 6764.9.into()),
            ("elapsed_time", 2179.into()),
            ("moving_time", 2150.into()),
            ("gear_id", Value::Null),
            ("upload_id", Value::Null),
            ("manual", true.into()),
            ("trainer", true.into()),
            ("commute", true.into()),
        ] {
            assert_ne!(with(key, value).fingerprint(), before, "{key}");
        }
        // What is taken from one field is not made up for by the next.
        assert_ne!(
            with("name", "Morning RunTrail".into()).fingerprint(),
            with("sport_type", "TrailTrailRun".into()).fingerprint()
        );
    }

    #[test]
    fn what_does_not_matter_leaves_the_fingerprint() {
        let before = Summary::parse(RUN.as_bytes()).unwrap().fingerprint();
        for (key, value) in [
            ("kudos_count", Value::from(8)),
            ("external_id", Value::Null),
            ("type", "Walk".into()),
            ("timezone", Value::Null),
            ("distance", Value::from(6_764.800_000_001)),
            ("athlete_count", 3.into()),
        ] {
            assert_eq!(with(key, value).fingerprint(), before, "{key}");
        }
    }

    #[test]
    fn the_fingerprint_is_the_same_in_every_version() {
        let run = Summary::parse(RUN.as_bytes()).unwrap();
        // By hashlib, from the fields in order.
        let expected = "6a803655d382d60ed7d1c58484917dd693ad7c4f579472216c29660cdf92370c";
        assert_eq!(run.fingerprint(), expected);
    }
}
