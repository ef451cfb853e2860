//! Strava's two answers become the document that is kept.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{BEGINNING, Bounded, MAX_BYTES, VERSION, damaged, instant_ms, no_json};
use crate::decode::limits::{Limits, check};
use crate::error::DecodeError;

/// What a field holds; one that holds something else is left out, as one that
/// is not there.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    Id,
    Number,
    Text,
    Truth,
}

use Holds::{Id, Number, Text, Truth};

/// The fields of an activity that are kept, in the document's order: its name
/// there, the path in Strava's answer, and what it holds. What is not read yet
/// (`type`, `external_id`, Strava's local start) tells what the rest means.
const ACTIVITY: &[(&str, &[&str], Holds)] = &[
    ("id", &["id"], Id),
    ("athlete_id", &["athlete", "id"], Id),
    ("upload_id", &["upload_id"], Id),
    ("external_id", &["external_id"], Text),
    ("name", &["name"], Text),
    ("description", &["description"], Text),
    ("sport_type", &["sport_type"], Text),
    ("type", &["type"], Text),
    ("start_date", &["start_date"], Text),
    ("start_date_local", &["start_date_local"], Text),
    ("timezone", &["timezone"], Text),
    ("utc_offset", &["utc_offset"], Number),
    ("distance", &["distance"], Number),
    ("moving_time", &["moving_time"], Number),
    ("elapsed_time", &["elapsed_time"], Number),
    ("total_elevation_gain", &["total_elevation_gain"], Number),
    ("calories", &["calories"], Number),
    ("average_heartrate", &["average_heartrate"], Number),
    ("max_heartrate", &["max_heartrate"], Number),
    ("trainer", &["trainer"], Truth),
    ("commute", &["commute"], Truth),
    ("manual", &["manual"], Truth),
    ("private", &["private"], Truth),
    ("visibility", &["visibility"], Text),
    ("gear", &["gear", "name"], Text),
    ("device", &["device_name"], Text),
];

/// The fields of a lap that are kept.
const LAP: &[(&str, &[&str], Holds)] = &[
    ("start_date", &["start_date"], Text),
    ("elapsed_time", &["elapsed_time"], Number),
    ("distance", &["distance"], Number),
    ("average_heartrate", &["average_heartrate"], Number),
    ("max_heartrate", &["max_heartrate"], Number),
];

/// The streams that are kept, and how many numbers an entry of each has.
const STREAMS: &[(&str, usize)] = &[
    ("time", 1),
    ("distance", 1),
    ("latlng", 2),
    ("altitude", 1),
    ("heartrate", 1),
    ("cadence", 1),
    ("watts", 1),
    ("temp", 1),
];

type Object<'a> = BTreeMap<String, &'a RawValue>;

/// The document of an activity: `activity` is the answer about it in detail,
/// `streams` that about its streams, by type or as an array; `None` where there
/// are none.
///
/// Equal content gives equal bytes. Numbers stand as Strava wrote them. An
/// answer that holds no streams, such as one that says that there are none yet,
/// gives the same document as `None`.
///
/// # Errors
/// Where an answer is no JSON, is not about an activity with an id and a start,
/// has streams that are none, or is beyond what an activity may hold.
pub fn document(activity: &[u8], streams: Option<&[u8]>) -> Result<Vec<u8>, DecodeError> {
    let answers = [Some(activity), streams];
    for answer in answers.into_iter().flatten() {
        check(answer.len(), MAX_BYTES, "bytes in one answer of Strava")?;
    }
    let limits = Limits::default();
    let activity: Object<'_> = serde_json::from_slice(activity).map_err(no_json)?;
    is_about_an_activity(&activity)?;

    let mut out = BEGINNING.to_vec();
    out.extend(VERSION.to_string().as_bytes());
    out.extend(b",\"activity\":");
    write_fields(&mut out, &activity, ACTIVITY, &limits)?;
    if let Some(laps) = activity.get("laps").filter(|laps| !is_null(laps)) {
        let laps: Bounded<Object<'_>> = serde_json::from_str(laps.get()).map_err(no_json)?;
        check(laps.0.len(), limits.laps, "laps in one activity")?;
        out.extend(b",\"laps\":[");
        for (at, lap) in laps.0.iter().enumerate() {
            separate(&mut out, at);
            write_fields(&mut out, lap, LAP, &limits)?;
        }
        out.push(b']');
    }
    if let Some(streams) = streams {
        write_streams(&mut out, &by_kind(streams)?, &limits)?;
    }
    out.push(b'}');
    Ok(out)
}

/// An id and a start are what makes it an activity: nothing is done without.
fn is_about_an_activity(activity: &Object<'_>) -> Result<(), DecodeError> {
    let named = activity.get("id").copied().and_then(id);
    named.ok_or_else(|| damaged("it has no activity id"))?;
    let start = activity.get("start_date").copied().and_then(text);
    let start_ms = start.and_then(|start| instant_ms(&start));
    start_ms.ok_or_else(|| damaged("it has no start"))?;
    Ok(())
}

fn separate(out: &mut Vec<u8>, at: usize) {
    if at > 0 {
        out.push(b',');
    }
}

fn write_fields(
    out: &mut Vec<u8>,
    object: &Object<'_>,
    fields: &[(&str, &[&str], Holds)],
    limits: &Limits,
) -> Result<(), DecodeError> {
    out.push(b'{');
    let mut written = 0;
    for (name, path, holds) in fields {
        let Some(value) = value_at(object, path, *holds) else {
            continue;
        };
        check(
            value.len(),
            limits.xml_text_bytes,
            "bytes in one text of Strava's",
        )?;
        separate(out, written);
        written += 1;
        out.push(b'"');
        out.extend(name.as_bytes());
        out.extend(b"\":");
        out.extend(value.as_bytes());
    }
    out.push(b'}');
    Ok(())
}

/// The value at a path, as it stands in the document.
fn value_at(object: &Object<'_>, path: &[&str], holds: Holds) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let value = object.get(*first)?;
    if !rest.is_empty() {
        let inner: Object<'_> = serde_json::from_str(value.get()).ok()?;
        return value_at(&inner, rest, holds);
    }
    match holds {
        Id => id(value).map(|id| id.to_string()),
        Number => is_number(value).then(|| value.get().to_owned()),
        Truth => matches!(value.get(), "true" | "false").then(|| value.get().to_owned()),
        // Written anew: the same letters may be escaped or not.
        Text => serde_json::to_string(&text(value)?).ok(),
    }
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Ids are above 0 and fit 64 bits.
fn id(value: &RawValue) -> Option<i64> {
    value.get().parse().ok().filter(|id| *id > 0)
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// Whether it is a number that a double can hold.
fn is_number(value: &RawValue) -> bool {
    let text = value.get();
    let begins = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    begins && text.parse().is_ok_and(|number: f64| number.is_finite())
}

#[derive(Deserialize)]
struct Stream<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// The data of the streams that are kept, by their type; none of an answer that
/// says why there are none.
fn by_kind(answer: &[u8]) -> Result<BTreeMap<&'static str, &RawValue>, DecodeError> {
    let is_list = answer.trim_ascii_start().starts_with(b"[");
    let streams: Vec<(Option<String>, Stream<'_>)> = if is_list {
        let streams: Bounded<Stream<'_>> = serde_json::from_slice(answer).map_err(no_json)?;
        let streams = streams.0.into_iter();
        streams
            .map(|stream| (stream.kind.clone(), stream))
            .collect()
    } else {
        let object: Object<'_> = serde_json::from_slice(answer).map_err(no_json)?;
        let kept = object.into_iter();
        let kept = kept.filter(|(kind, _)| STREAMS.iter().any(|(name, _)| name == kind));
        kept.map(|(kind, raw)| {
            let stream = serde_json::from_str(raw.get()).map_err(no_json)?;
            Ok((Some(kind), stream))
        })
        .collect::<Result<_, DecodeError>>()?
    };
    let mut found = BTreeMap::new();
    for (kind, stream) in streams {
        if let Some((name, _)) = STREAMS
            .iter()
            .find(|(name, _)| Some(*name) == kind.as_deref())
        {
            found.insert(*name, stream.data);
        }
    }
    Ok(found)
}

fn write_streams(
    out: &mut Vec<u8>,
    streams: &BTreeMap<&str, &RawValue>,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let mut written = 0;
    for (name, numbers) in STREAMS {
        let Some(data) = streams.get(name).filter(|data| !is_null(data)) else {
            continue;
        };
        let entries: Bounded<&RawValue> = serde_json::from_str(data.get()).map_err(no_json)?;
        check(entries.0.len(), limits.samples, "samples in one stream")?;
        if entries.0.is_empty() {
            continue;
        }
        out.extend(if written == 0 {
            &b",\"streams\":{\""[..]
        } else {
            b",\""
        });
        written += 1;
        out.extend(name.as_bytes());
        out.extend(b"\":[");
        for (at, entry) in entries.0.iter().enumerate() {
            separate(out, at);
            write_entry(out, entry, *numbers)?;
        }
        out.push(b']');
    }
    if written > 0 {
        out.push(b'}');
    }
    Ok(())
}

/// One entry: null, a number, or a pair of them.
fn write_entry(out: &mut Vec<u8>, entry: &RawValue, numbers: usize) -> Result<(), DecodeError> {
    if is_null(entry) || (numbers == 1 && is_number(entry)) {
        out.extend(entry.get().as_bytes());
        return Ok(());
    }
    let none = || damaged("an entry of a stream is none");
    if numbers == 1 {
        return Err(none());
    }
    let pair: [&RawValue; 2] = serde_json::from_str(entry.get()).map_err(no_json)?;
    if !pair.iter().all(|number| is_number(number)) {
        return Err(none());
    }
    out.push(b'[');
    out.extend(pair[0].get().as_bytes());
    out.push(b',');
    out.extend(pair[1].get().as_bytes());
    out.push(b']');
    Ok(())
}
