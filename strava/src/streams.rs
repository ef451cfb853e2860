//! Whether an answer to streams has any sample, without building its values:
//! it may be megabytes long, and goes to the raw store as it is.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::{Attempt, Error};

/// The kinds of streams that are asked for: those that pacelake keeps. Strava
/// sends those that an activity has, and `distance` always.
pub const STREAM_KEYS: &[&str] = &[
    "time",
    "distance",
    "latlng",
    "altitude",
    "heartrate",
    "cadence",
    "watts",
    "temp",
    "moving",
];

/// Whether one of the streams has a sample.
///
/// # Errors
/// If the body is no JSON, or neither an object of streams nor (as before 2015)
/// an array of them.
pub fn have_samples(attempt: Attempt, body: &[u8]) -> Result<bool, Error> {
    let answer: Streams =
        serde_json::from_slice(body).map_err(|error| Error::json(attempt, &error))?;
    Ok(answer.have_samples)
}

/// All streams of an answer.
struct Streams {
    have_samples: bool,
}

impl<'de> Deserialize<'de> for Streams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StreamsVisitor)
    }
}

struct StreamsVisitor;

impl<'de> Visitor<'de> for StreamsVisitor {
    type Value = Streams;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or array of streams")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Streams, A::Error> {
        let mut have_samples = false;
        while let Some((_, stream)) = map.next_entry::<IgnoredAny, Stream>()? {
            have_samples |= stream.has_samples;
        }
        Ok(Streams { have_samples })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Streams, A::Error> {
        let mut have_samples = false;
        while let Some(stream) = list.next_element::<Stream>()? {
            have_samples |= stream.has_samples;
        }
        Ok(Streams { have_samples })
    }
}

/// One stream; whatever else stands in its place has no samples.
struct Stream {
    has_samples: bool,
}

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let has_samples = deserializer.deserialize_any(Samples { inside: true })?;
        Ok(Self { has_samples })
    }
}

/// Looks for samples: inside a stream, under `data`, or in the data itself.
struct Samples {
    inside: bool,
}

impl<'de> Visitor<'de> for Samples {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut has_samples = false;
        while let Some(key) = map.next_key::<Key>()? {
            if self.inside && key.is_data {
                has_samples |= map.next_value::<Data>()?.has_samples;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(has_samples)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        let mut any = false;
        while list.next_element::<IgnoredAny>()?.is_some() {
            any = true;
        }
        Ok(any && !self.inside)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }
}

/// The name of a stream's field.
struct Key {
    is_data: bool,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Ok(Self {
            is_data: name == "data",
        })
    }
}

/// The values of a stream.
struct Data {
    has_samples: bool,
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let has_samples = deserializer.deserialize_any(Samples { inside: false })?;
        Ok(Self { has_samples })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Verdict;

    fn found(body: &str) -> Result<bool, Error> {
        have_samples(Attempt::FetchStreams, body.as_bytes())
    }

    #[test]
    fn a_sample_of_any_kind_is_found() {
        for body in [
            r#"{"time":{"data":[0],"series_type":"distance"}}"#,
            r#"{"time":{"data":[]},"latlng":{"original_size":1,"data":[[1.5,2.5]]}}"#,
            r#"{"heartrate":{"data":[null]}}"#,
            r#"[{"type":"time","data":[0,1]}]"#,
        ] {
            assert!(found(body).unwrap(), "{body}");
        }
    }

    #[test]
    fn nothing_is_no_sample() {
        for body in [
            "{}",
            "[]",
            r#"{"distance":{"data":[],"original_size":0}}"#,
            r#"{"distance":{"original_size":0},"message":"not yet","time":null}"#,
            r#"{"time":[1,2],"a":7,"b":-7,"c":1.5,"d":true,"data":[1]}"#,
            r#"{"time":{"data":7}}"#,
            r#"{"time":{"data":{"data":[1]}}}"#,
        ] {
            assert!(!found(body).unwrap(), "{body}");
        }
    }

    #[test]
    fn what_is_no_answer_is_told() {
        let verdict = |body| found(body).unwrap_err().verdict();
        assert!(matches!(verdict("7"), Verdict::Malformed { .. }));
        assert!(matches!(verdict("<html>"), Verdict::Malformed { .. }));
        assert!(matches!(
            verdict(r#"{"time":{"data":[0,]}}"#),
            Verdict::Malformed { .. }
        ));
        assert_eq!(verdict(r#"{"time":{"data":[0,1"#), Verdict::CutOff);
        let deep = "[".repeat(100_000);
        assert_eq!(verdict(&deep), Verdict::CutOff, "and the stack holds");
    }
}
