//! The recording of a document.

use serde::Deserialize;

use super::{Bounded, MAX_BYTES, VERSION, damaged, instant_ms, no_json};
use crate::decode::limits::{Limits, check};
use crate::error::DecodeError;
use crate::finding::{Finding, FindingKind};
use crate::recording::{Claims, Clock, Format, Lap, Recording, Sample};
use crate::times;

#[derive(Deserialize)]
struct Document {
    strava_api: u8,
    activity: Activity,
    #[serde(default)]
    laps: Bounded<LapLine>,
    #[serde(default)]
    streams: Streams,
}

/// What Strava says of the whole; what it does not say is not there.
#[derive(Deserialize)]
struct Activity {
    id: i64,
    upload_id: Option<i64>,
    name: Option<String>,
    description: Option<String>,
    sport_type: Option<String>,
    r#type: Option<String>,
    start_date: String,
    timezone: Option<String>,
    utc_offset: Option<f64>,
    distance: Option<f64>,
    moving_time: Option<f64>,
    elapsed_time: Option<f64>,
    total_elevation_gain: Option<f64>,
    calories: Option<f64>,
    average_heartrate: Option<f64>,
    max_heartrate: Option<f64>,
    trainer: Option<bool>,
    commute: Option<bool>,
    private: Option<bool>,
    visibility: Option<String>,
    gear: Option<String>,
    device: Option<String>,
}

#[derive(Deserialize)]
struct LapLine {
    start_date: Option<String>,
    elapsed_time: Option<f64>,
    distance: Option<f64>,
    average_heartrate: Option<f64>,
    max_heartrate: Option<f64>,
}

/// One entry a sample in each that is there; any may be null.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Streams {
    /// Seconds since the start.
    time: Bounded<Option<f64>>,
    /// Metres since the start.
    distance: Bounded<Option<f64>>,
    /// Degrees.
    latlng: Bounded<Option<(f64, f64)>>,
    /// Metres.
    altitude: Bounded<Option<f64>>,
    /// Beats per minute.
    heartrate: Bounded<Option<f64>>,
    /// Turns of one leg a minute, as ours.
    cadence: Bounded<Option<f64>>,
    /// Watts.
    watts: Bounded<Option<f64>>,
    /// Degrees Celsius.
    temp: Bounded<Option<f64>>,
}

/// The recording of a document as [`document`](super::document) makes it.
///
/// It has no samples where the document has no stream of times: the activity
/// was typed in, or its streams were not ready.
///
/// # Errors
/// Where it is no such document, of a version that is not known, or beyond
/// `limits`.
pub(in crate::decode) fn decode_document(
    bytes: &[u8],
    limits: &Limits,
) -> Result<Recording, DecodeError> {
    check(bytes.len(), MAX_BYTES, "bytes in one document of Strava's")?;
    let document: Document = serde_json::from_slice(bytes).map_err(no_json)?;
    if document.strava_api != VERSION {
        return Err(damaged("its version is not known"));
    }
    let activity = document.activity;
    if activity.id <= 0 {
        return Err(damaged("it has no activity id"));
    }
    check(document.laps.0.len(), limits.laps, "laps in one activity")?;
    let start_ms = instant_ms(&activity.start_date).ok_or_else(|| damaged("it has no start"))?;
    let (samples, finding) = samples(&document.streams, start_ms, limits)?;
    let laps = document.laps.0.iter();
    let laps = laps.filter_map(|line| {
        Some(Lap {
            is_length: false,
            start_ms: instant_ms(line.start_date.as_deref()?)?,
            elapsed_s: claimed(line.elapsed_time),
            distance_m: claimed(line.distance),
            avg_heart_rate_bpm: whole(claimed(line.average_heartrate)),
            max_heart_rate_bpm: whole(claimed(line.max_heartrate)),
            ..Lap::default()
        })
    });
    Ok(Recording {
        format: Format::StravaApi,
        part: 0,
        claimed_start_ms: Some(start_ms),
        sport: activity.sport_type.clone().or(activity.r#type.clone()),
        sub_sport: None,
        samples,
        laps: laps.collect(),
        // Strava does not say where the device paused.
        clock: Clock::Unmarked,
        claims: claims(activity),
        findings: finding.into_iter().collect(),
    })
}

fn claims(activity: Activity) -> Claims {
    let utc_offset_s = whole(activity.utc_offset);
    Claims {
        distance_m: claimed(activity.distance),
        elapsed_s: claimed(activity.elapsed_time),
        moving_s: claimed(activity.moving_time),
        climb_m: claimed(activity.total_elevation_gain),
        calories_kcal: claimed(activity.calories),
        avg_heart_rate_bpm: claimed(activity.average_heartrate),
        max_heart_rate_bpm: whole(claimed(activity.max_heartrate)),
        device: said(activity.device),
        name: said(activity.name),
        description: said(activity.description),
        gear: said(activity.gear),
        commute: activity.commute,
        visibility: visibility(activity.visibility.as_deref(), activity.private),
        utc_offset_s,
        time_zone: activity.timezone.as_deref().and_then(zone),
        external_id: Some(format!("strava:{}", activity.id)),
        upload_id: activity.upload_id.map(|id| id.to_string()),
        indoor: activity.trainer,
        ..Claims::default()
    }
}

/// Samples, and what was left out of streams that are not equally long. A sample
/// whose time is null is none: nobody can say where it belongs.
fn samples(
    streams: &Streams,
    start_ms: i64,
    limits: &Limits,
) -> Result<(Vec<Sample>, Option<Finding>), DecodeError> {
    let lengths = [
        streams.time.0.len(),
        streams.distance.0.len(),
        streams.latlng.0.len(),
        streams.altitude.0.len(),
        streams.heartrate.0.len(),
        streams.cadence.0.len(),
        streams.watts.0.len(),
        streams.temp.0.len(),
    ];
    let longest = lengths.into_iter().max().unwrap_or(0);
    check(longest, limits.samples, "samples in one activity")?;
    if streams.time.0.is_empty() {
        return Ok((Vec::new(), None));
    }
    let there = lengths.into_iter().filter(|length| *length > 0);
    let shortest = there.min().unwrap_or(0);
    let finding = (shortest < longest).then(|| Finding {
        kind: FindingKind::CutOff,
        samples: None,
        size: None,
        action: format!("streams of {shortest} to {longest} entries; the shortest counts"),
    });
    let samples = streams.time.0.iter().take(shortest).enumerate();
    let samples = samples.filter_map(|(at, time_s)| {
        let of = |stream: &Bounded<Option<f64>>| stream.0.get(at).copied().flatten();
        let position = streams.latlng.0.get(at).copied().flatten();
        Some(Sample {
            time_ms: start_ms as f64 + (*time_s)? * 1_000.0,
            lat_deg: position.map(|(lat, _)| lat),
            lng_deg: position.map(|(_, lng)| lng),
            distance_m: of(&streams.distance),
            altitude_m: of(&streams.altitude),
            heart_rate_bpm: whole(of(&streams.heartrate)),
            cadence_rpm: whole(of(&streams.cadence)),
            power_w: whole(of(&streams.watts)),
            temperature_c: whole(of(&streams.temp)),
            speed_m_s: None,
        })
    });
    Ok((samples.collect(), finding))
}

/// What Strava claims of a whole is never below nothing.
fn claimed(number: Option<f64>) -> Option<f64> {
    number.filter(|number| *number >= 0.0)
}

/// Rounded; what no integer holds is none.
fn whole(number: Option<f64>) -> Option<i32> {
    let rounded = number?.round();
    let fits = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&rounded);
    fits.then_some(rounded as i32)
}

/// A text that says something.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// As the column has it; activities of before 2018 only say whether they are
/// private.
fn visibility(visibility: Option<&str>, private: Option<bool>) -> Option<String> {
    match (visibility, private) {
        (Some("followers_only"), _) => Some("followers".to_owned()),
        (Some(other), _) => said(Some(other.to_owned())),
        (None, Some(true)) => Some("only_me".to_owned()),
        (None, Some(false) | None) => None,
    }
}

/// The zone of `(GMT-05:00) America/New_York`, if there is one of that name. The
/// offset before it is the zone's standard one, whatever held that day.
fn zone(text: &str) -> Option<String> {
    let name = text.rsplit(' ').next()?;
    times::is_known_zone(name).then(|| name.to_owned())
}
