//! What Strava posts to the webhook. Nothing signs it, so it is a hint to look,
//! never data: whoever gets one checks its subscription and fetches.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::{Attempt, Error};
use crate::value;

/// The most bytes of an event; real ones have about 200.
const MAX_BYTES: usize = 16 << 10;

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ObjectType {
    /// An activity.
    Activity,
    /// The athlete.
    Athlete,
    /// A kind that came later.
    Other(String),
}

/// What happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Aspect {
    /// It is there.
    Create,
    /// It changed.
    Update,
    /// It is gone.
    Delete,
    /// Something that came later.
    Other(String),
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub object_type: ObjectType,
    /// The number of the activity, or of the athlete.
    pub object_id: i64,
    /// What happened.
    pub aspect_type: Aspect,
    /// Strava's number for whose it is.
    pub owner_id: i64,
    /// The subscription that it came by; another one's are not for us.
    pub subscription_id: i64,
    /// When it happened, to the second.
    pub event_time: Timestamp,
    /// What changed and to what: `title`, `type`, `private`, `authorized`.
    /// Strava writes truth values as texts; they are texts here in any case.
    pub updates: BTreeMap<String, String>,
}

/// What an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An activity is there, or can be seen again.
    ActivityCreated(i64),
    /// An activity changed.
    ActivityUpdated {
        /// Which.
        id: i64,
        /// What was named of it; may be empty.
        updates: BTreeMap<String, String>,
    },
    /// An activity is gone, or can no longer be seen.
    ActivityDeleted(i64),
    /// The athlete withdrew what was granted. Whether it is true, a call with
    /// the athlete's token tells.
    Deauthorised,
    /// Nothing that pacelake acts on.
    Other,
}

impl Event {
    /// Reads the body of a post.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above 16 KiB; [`Error::Malformed`] or
    /// [`Error::Lost`] if it is no JSON object or lacks one of the numbers.
    ///
    /// ```
    /// use pacelake_strava::{Event, Meaning};
    ///
    /// let event = Event::parse(br#"{"object_type": "activity", "object_id": 1360128428,
    ///     "aspect_type": "create", "updates": {}, "owner_id": 134815,
    ///     "subscription_id": 120475, "event_time": 1516126040}"#)?;
    /// assert_eq!(event.meaning(), Meaning::ActivityCreated(1360128428));
    /// # Ok::<(), pacelake_strava::Error>(())
    /// ```
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let attempt = Attempt::ReadEvent;
        if body.len() > MAX_BYTES {
            return Err(Error::TooLarge {
                attempt,
                limit: MAX_BYTES,
            });
        }
        let map: Map<String, Value> =
            serde_json::from_slice(body).map_err(|error| Error::json(attempt, &error))?;
        let missing = |key: &str| Error::malformed(attempt, format!("the event has no `{key}`"));
        let text = |key| value::text(&map, key).ok_or_else(|| missing(key));
        let integer = |key| value::integer(&map, key).ok_or_else(|| missing(key));
        let event_time = Timestamp::from_second(integer("event_time")?)
            .map_err(|_| Error::malformed(attempt, "the event's time is out of range"))?;
        Ok(Self {
            object_type: match text("object_type")?.as_str() {
                "activity" => ObjectType::Activity,
                "athlete" => ObjectType::Athlete,
                other => ObjectType::Other(other.to_owned()),
            },
            object_id: integer("object_id")?,
            aspect_type: match text("aspect_type")?.as_str() {
                "create" => Aspect::Create,
                "update" => Aspect::Update,
                "delete" => Aspect::Delete,
                other => Aspect::Other(other.to_owned()),
            },
            owner_id: integer("owner_id")?,
            subscription_id: integer("subscription_id")?,
            event_time,
            updates: updates(map.get("updates")),
        })
    }

    /// What it asks for.
    pub fn meaning(&self) -> Meaning {
        match (&self.object_type, &self.aspect_type) {
            (ObjectType::Activity, Aspect::Create) => Meaning::ActivityCreated(self.object_id),
            (ObjectType::Activity, Aspect::Update) => Meaning::ActivityUpdated {
                id: self.object_id,
                updates: self.updates.clone(),
            },
            (ObjectType::Activity, Aspect::Delete) => Meaning::ActivityDeleted(self.object_id),
            (ObjectType::Athlete, Aspect::Update) if self.withdraws() => Meaning::Deauthorised,
            (ObjectType::Activity, Aspect::Other(_))
            | (
                ObjectType::Athlete,
                Aspect::Create | Aspect::Update | Aspect::Delete | Aspect::Other(_),
            )
            | (ObjectType::Other(_), _) => Meaning::Other,
        }
    }

    /// A withdrawal names the athlete twice; one that names two is none.
    fn withdraws(&self) -> bool {
        let authorized = self.updates.get("authorized");
        let authorized = authorized.and_then(|text| value::truth(text));
        authorized == Some(false) && self.object_id == self.owner_id
    }
}

/// The changes as texts. Absent, null and other shapes are no changes.
fn updates(value: Option<&Value>) -> BTreeMap<String, String> {
    let Some(Value::Object(map)) = value else {
        return BTreeMap::new();
    };
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    map.iter()
        .filter_map(|(key, value)| Some((key.clone(), text(value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Verdict;

    fn event(object: &str, aspect: &str, updates: &str) -> Event {
        let body = format!(
            r#"{{"object_type":"{object}","object_id":7,"aspect_type":"{aspect}",
                {updates}"owner_id":7,"subscription_id":120475,"event_time":1516126040}}"#
        );
        Event::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn each_kind_of_event_has_its_meaning() {
        let of =
            |object: &str, aspect: &str, updates: &str| event(object, aspect, updates).meaning();
        assert_eq!(
            of("activity", "create", r#""updates":{},"#),
            Meaning::ActivityCreated(7)
        );
        assert_eq!(of("activity", "delete", ""), Meaning::ActivityDeleted(7));
        let updated = of(
            "activity",
            "update",
            r#""updates":{"title":"Messy","private":"true"},"#,
        );
        let expected = [("private", "true"), ("title", "Messy")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(
            updated,
            Meaning::ActivityUpdated {
                id: 7,
                updates: expected.into()
            }
        );
        for withdrawn in [r#""false""#, "false", r#""False""#] {
            let updates = format!(r#""updates":{{"authorized":{withdrawn}}},"#);
            assert_eq!(of("athlete", "update", &updates), Meaning::Deauthorised);
        }
    }

    #[test]
    fn what_is_not_known_asks_for_nothing() {
        let of =
            |object: &str, aspect: &str, updates: &str| event(object, aspect, updates).meaning();
        assert_eq!(
            of("athlete", "update", r#""updates":{"authorized":"true"},"#),
            Meaning::Other
        );
        assert_eq!(of("athlete", "update", ""), Meaning::Other);
        assert_eq!(
            of("athlete", "delete", r#""updates":{"authorized":"false"},"#),
            Meaning::Other
        );
        assert_eq!(of("segment", "create", ""), Meaning::Other);
        assert_eq!(of("activity", "archive", ""), Meaning::Other);
        let mut of_two = event("athlete", "update", r#""updates":{"authorized":"false"},"#);
        of_two.owner_id = 8;
        assert_eq!(of_two.meaning(), Meaning::Other);
    }

    #[test]
    fn updates_may_be_anything() {
        for nothing in [
            "",
            r#""updates":null,"#,
            r#""updates":[1],"#,
            r#""updates":"x","#,
        ] {
            assert!(
                event("activity", "update", nothing).updates.is_empty(),
                "{nothing}"
            );
        }
        let odd = event(
            "activity",
            "update",
            r#""updates":{"a":1,"b":true,"c":null,"d":{}},"#,
        );
        let kept: Vec<_> = odd
            .updates
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(kept, [("a", "1"), ("b", "true")]);
    }

    #[test]
    fn bounds_hold() {
        let verdict = |body: &[u8]| Event::parse(body).unwrap_err().verdict();
        assert_eq!(verdict(&vec![b' '; MAX_BYTES + 1]), Verdict::TooLarge);
        assert_eq!(verdict(b""), Verdict::CutOff);
        assert_eq!(verdict(br#"{"object_type""#), Verdict::CutOff);
        for body in [
            "null",
            "[]",
            "{}",
            "<html>",
            "\u{0}",
            &"[".repeat(MAX_BYTES),
        ] {
            let verdict = verdict(body.as_bytes());
            assert!(
                matches!(verdict, Verdict::Malformed { .. }),
                "{body} {verdict:?}"
            );
        }
        let late = br#"{"object_type":"activity","object_id":1,"aspect_type":"create",
            "owner_id":1,"subscription_id":1,"event_time":9223372036854775807}"#;
        assert!(
            Event::parse(late)
                .unwrap_err()
                .to_string()
                .contains("out of range")
        );
        let beyond = br#"{"object_type":"activity","object_id":18446744073709551615,
            "aspect_type":"create","owner_id":1,"subscription_id":1,"event_time":1}"#;
        assert!(
            Event::parse(beyond)
                .unwrap_err()
                .to_string()
                .contains("`object_id`")
        );
    }

    #[test]
    fn no_change_of_a_byte_makes_it_panic() {
        let body = br#"{"object_type":"athlete","object_id":134815,"aspect_type":"update",
            "updates":{"authorized":"false"},"owner_id":134815,"subscription_id":120475,
            "event_time":1516126040}"#;
        let mut withdrawals = 0;
        for place in 0..body.len() {
            assert!(Event::parse(&body[..place]).is_err(), "{place}");
            for byte in 0..=u8::MAX {
                let mut changed = *body;
                changed[place] = byte;
                let event = Event::parse(&changed);
                let withdrawn = |event: Event| event.meaning() == Meaning::Deauthorised;
                withdrawals += usize::from(event.is_ok_and(withdrawn));
            }
        }
        assert!(
            withdrawals >= body.len(),
            "each place was also left as it is"
        );
    }
}
