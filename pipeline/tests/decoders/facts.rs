//! Facts of a decoded file, beside those that other readers state, as text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pacelake_pipeline::recording::{Lap, Recording, Sample};
use serde_json::Value;

/// A folder of the project's sample data.
pub fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../data")
        .join(folder)
}

/// Name of a fact, and its value as text.
pub type Facts = BTreeMap<String, String>;

/// What our decoder says of a file.
pub fn ours(recordings: &[Recording]) -> Facts {
    let samples = || recordings.iter().flat_map(|r| &r.samples);
    let laps = || recordings.iter().flat_map(|r| &r.laps);
    let count_samples = |what: fn(&Sample) -> bool| samples().filter(|s| what(s)).count();
    let mut facts = Facts::new();
    let mut say = |name: &str, value: String| facts.insert(name.to_owned(), value);
    say("records", samples().count().to_string());
    say(
        "records_with_position",
        count_samples(|s| s.lat_deg.is_some() && s.lng_deg.is_some()).to_string(),
    );
    say(
        "records_with_heart_rate",
        count_samples(|s| s.heart_rate_bpm.is_some()).to_string(),
    );
    say(
        "laps",
        laps().filter(|l: &&Lap| !l.is_length).count().to_string(),
    );
    say(
        "lengths",
        laps().filter(|l| l.is_length).count().to_string(),
    );
    let times = samples().map(|s| s.time_ms);
    say("first_record", instant(times.clone().reduce(f64::min)));
    say("last_record", instant(times.reduce(f64::max)));
    let rates = || samples().filter_map(|s| s.heart_rate_bpm);
    say("max_heart_rate", whole(rates().max().map(f64::from)));
    let mean = rates().map(f64::from).sum::<f64>() / rates().count() as f64;
    say(
        "mean_heart_rate",
        hundredths(Some(mean).filter(|mean| !mean.is_nan())),
    );
    say(
        "greatest_distance_m",
        hundredths(samples().filter_map(|s| s.distance_m).reduce(f64::max)),
    );
    say(
        "laps_timer_s",
        hundredths(laps().filter_map(|l| l.timer_s).reduce(|a, b| a + b)),
    );
    say(
        "laps_distance_m",
        hundredths(laps().filter_map(|l| l.distance_m).reduce(|a, b| a + b)),
    );
    say("recordings", recordings.len().to_string());
    for recording in recordings {
        let part = recording.part;
        let claims = &recording.claims;
        let mut say = |name: &str, value: String| {
            facts.insert(format!("{part}.{name}"), value);
        };
        say("sport", recording.sport.clone().unwrap_or_default());
        say("sub_sport", recording.sub_sport.clone().unwrap_or_default());
        say(
            "start",
            instant(recording.claimed_start_ms.map(|ms| ms as f64)),
        );
        say("distance_m", hundredths(claims.distance_m));
        say("elapsed_s", hundredths(claims.elapsed_s));
        say("timer_s", hundredths(claims.timer_s));
        say("avg_heart_rate", whole(claims.avg_heart_rate_bpm));
        say(
            "max_heart_rate",
            whole(claims.max_heart_rate_bpm.map(f64::from)),
        );
    }
    facts
}

/// What fitdecode says of a FIT file.
pub fn of_fitdecode(said: &Value) -> Facts {
    let mut facts = Facts::new();
    for name in [
        "records",
        "records_with_position",
        "records_with_heart_rate",
        "laps",
        "lengths",
    ] {
        facts.insert(name.to_owned(), said[name].to_string());
    }
    for name in ["first_record", "last_record"] {
        facts.insert(name.to_owned(), text(&said[name]));
    }
    facts.insert(
        "max_heart_rate".to_owned(),
        whole(said["record_max_hr_bpm"].as_f64()),
    );
    facts.insert(
        "mean_heart_rate".to_owned(),
        hundredths(said["record_avg_hr_bpm"].as_f64()),
    );
    facts.insert(
        "greatest_distance_m".to_owned(),
        hundredths(said["record_max_distance_m"].as_f64()),
    );
    let sessions = said["sessions"].as_array().expect("sessions are a list");
    facts.insert("recordings".to_owned(), sessions.len().max(1).to_string());
    for (part, session) in sessions.iter().enumerate() {
        let mut say = |name: &str, value: String| {
            facts.insert(format!("{part}.{name}"), value);
        };
        say("sport", text(&session["sport"]));
        // It writes None, and the generic sub-sport says as little.
        let sub_sport = text(&session["sub_sport"])
            .replace("None", "")
            .replace("generic", "");
        say("sub_sport", sub_sport);
        say("start", text(&session["start_time"]));
        say(
            "distance_m",
            hundredths(session["total_distance_m"].as_f64()),
        );
        say("elapsed_s", hundredths(session["total_elapsed_s"].as_f64()));
        say("timer_s", hundredths(session["total_timer_s"].as_f64()));
        say("avg_heart_rate", whole(session["avg_hr_bpm"].as_f64()));
        say("max_heart_rate", whole(session["max_hr_bpm"].as_f64()));
    }
    facts
}

/// Each fact of `theirs` that ours contradicts: name, ours, theirs.
pub fn differences(ours: &Facts, theirs: &Facts) -> Vec<(String, String, String)> {
    theirs
        .iter()
        .filter_map(|(name, theirs)| {
            let ours = ours.get(name).map_or("", String::as_str);
            (ours != theirs).then(|| (name.clone(), ours.to_owned(), theirs.clone()))
        })
        .collect()
}

/// A JSON string, or nothing.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Whole seconds as `2020-01-01T00:00:00Z`, with a fraction where there is one.
pub fn instant(unix_ms: Option<f64>) -> String {
    unix_ms.map_or_else(String::new, |ms| {
        jiff::Timestamp::from_millisecond(ms.round() as i64)
            .expect("a time that a recording can have")
            .to_string()
    })
}

/// Rounded to a whole number.
pub fn whole(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.0}"))
}

/// Rounded to hundredths.
pub fn hundredths(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.2}"))
}
