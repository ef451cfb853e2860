//! Times of samples of which Strava told distances alone.
//!
//! Its answer in detail names samples and when they were: a split ends on the
//! first sample at or past its mark, efforts and segments have indices and
//! instants. These are pins. Between two pins as many samples as seconds lie a
//! second apart; where there are more samples, the closest share a second; where
//! there are fewer, each missing second is given to the step that is the fastest
//! until then. So times are exact on pins, and between two of them off by as much
//! as samples and seconds differ there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::answers::Answers;
use crate::rules::{KILOMETRE, MILE, ends_of_splits};

/// The effort whose time is not that of its samples: Strava gives a race the
/// time that its athlete told.
pub const RACE: &str = "Marathon";

/// Seconds since the start, a sample each.
///
/// # Panics
/// If Strava's answer contradicts itself, or has no distances.
pub fn times(answers: &Answers) -> Vec<i64> {
    let distance = answers.stream("distance").expect("distances were captured");
    let pins: Vec<(usize, i64)> = pins(answers, &distance).into_iter().collect();
    let mut times = vec![0];
    for pair in pins.windows(2) {
        let [(from, begin_s), (to, end_s)] = pair else {
            continue;
        };
        let steps = lay(&distance[*from..=*to], end_s - begin_s);
        for step in steps {
            times.push(times[times.len() - 1] + step);
        }
        assert_eq!((times.len() - 1, times[times.len() - 1]), (*to, *end_s));
    }
    times
}

/// Samples whose times Strava's answer says.
pub fn pins(answers: &Answers, distance: &[f64]) -> BTreeMap<usize, i64> {
    let mut pins = BTreeMap::from([(0, 0)]);
    let mut pin = |sample: usize, second: i64| {
        let there = *pins.entry(sample).or_insert(second);
        assert_eq!(there, second, "sample {sample}");
    };
    for (key, length_m) in [("splits_metric", KILOMETRE), ("splits_standard", MILE)] {
        let splits = answers.list(key);
        let mut second = 0;
        for (split, end) in splits.iter().zip(ends_of_splits(distance, length_m)) {
            second += whole(&split["elapsed_time"]);
            pin(end, second);
        }
    }
    let begun = instant(&answers.activity["start_date"]);
    for key in ["best_efforts", "segment_efforts"] {
        for effort in answers.list(key) {
            let second = instant(&effort["start_date"]) - begun;
            pin(whole(&effort["start_index"]) as usize, second);
            if effort["name"] != RACE {
                let end = whole(&effort["end_index"]) as usize;
                pin(end, second + whole(&effort["elapsed_time"]));
            }
        }
    }
    pins
}

/// The seconds of each step between two pins.
fn lay(distance: &[f64], seconds: i64) -> Vec<i64> {
    let metres: Vec<f64> = distance.windows(2).map(|two| two[1] - two[0]).collect();
    let mut steps = vec![1; metres.len()];
    let speed = |steps: &[i64], at: usize| metres[at] / steps[at] as f64;
    for _ in metres.len() as i64..seconds {
        // Of equal ones the first.
        let places = (0..metres.len()).rev();
        let fastest = places.max_by(|a, b| speed(&steps, *a).total_cmp(&speed(&steps, *b)));
        steps[fastest.expect("pins lie apart")] += 1;
    }
    let mut by_length: Vec<usize> = (0..metres.len()).collect();
    by_length.sort_by(|a, b| metres[*a].total_cmp(&metres[*b]).then(a.cmp(b)));
    let doubled = usize::try_from(metres.len() as i64 - seconds).unwrap_or(0);
    for shortest in by_length.iter().take(doubled) {
        steps[*shortest] = 0;
    }
    steps
}

/// By how many seconds an instant may be off, in seconds since the start: by
/// none on a pin, and where as many samples as seconds lie between two of them.
pub fn may_be_off_s(pins: &BTreeMap<usize, i64>, second: f64) -> i64 {
    let pins: Vec<_> = pins.iter().collect();
    let around = pins
        .windows(2)
        .find(|two| (*two[0].1 as f64) < second && second < *two[1].1 as f64);
    around.map_or(0, |two| {
        let samples = (two[1].0 - two[0].0) as i64;
        (two[1].1 - two[0].1 - samples).abs()
    })
}

fn whole(value: &Value) -> i64 {
    value.as_i64().expect("it is a whole number")
}

fn instant(value: &Value) -> i64 {
    let instant: Timestamp = value.as_str().expect("it is an instant").parse().unwrap();
    instant.as_second()
}
