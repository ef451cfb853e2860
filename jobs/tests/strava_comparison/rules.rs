//! Rules of Strava's own that its answers show: for how many of the numbers
//! that were captured each holds.

use serde_json::Value;

use crate::answers::{self, Answers};
use crate::pages::markdown;
use crate::pins::{self, RACE};

/// Metres of a split in metric and in imperial units.
pub const KILOMETRE: f64 = 1000.0;
pub const MILE: f64 = 1609.344;

/// Strava rounds metres of a split, and of altitude, to a tenth.
const TENTH: f64 = 0.051;

/// The samples on which splits end: the first at or past each whole distance,
/// counted from nought, and the last.
pub fn ends_of_splits(distance: &[f64], length_m: f64) -> Vec<usize> {
    let last = distance.len() - 1;
    let mut ends = Vec::new();
    for mark in 1.. {
        let end = distance.partition_point(|metres| *metres < f64::from(mark) * length_m);
        ends.push(end.min(last));
        if end >= last {
            break;
        }
    }
    ends
}

/// A rule, and for how many of how many it holds.
struct Rule {
    says: &'static str,
    holds: usize,
    of: usize,
}

impl Rule {
    fn new(says: &'static str) -> Self {
        Self {
            says,
            holds: 0,
            of: 0,
        }
    }

    fn count(&mut self, holds: bool) {
        self.of += 1;
        self.holds += usize::from(holds);
    }
}

/// Each rule, and how often it holds.
pub fn table(all: &[Answers]) -> String {
    let mut rules = splits(all);
    rules.extend(efforts(all));
    rules.extend(wholes(all));
    let rows: Vec<_> = rules
        .iter()
        .map(|rule| {
            let counted = format!("{} of {}", rule.holds, rule.of);
            vec![rule.says.to_owned(), counted]
        })
        .collect();
    markdown(&["rule", "holds for"], &rows)
}

const UNITS: [(&str, f64); 2] = [("splits_metric", KILOMETRE), ("splits_standard", MILE)];

fn splits(all: &[Answers]) -> Vec<Rule> {
    let mut length = Rule::new(
        "a split ends on the first sample at or past the mark; the next begins there; \
         the first begins at 0 m, wherever the first sample is: its distance",
    );
    let mut time = Rule::new("the same: its elapsed time, where times were captured");
    let mut rise = Rule::new(
        "a split's elevation difference is the altitude of its last sample less that of its first",
    );
    let mut heart = Rule::new(
        "a split's average heart rate is the plain mean of its samples, the one on which it \
         begins left out",
    );
    let mut speed = Rule::new(
        "a split's average speed is its distance over its moving time, in a race over its elapsed time",
    );
    for answers in all {
        let Some(distance) = answers.stream("distance") else {
            continue;
        };
        let has_times = answers.name != answers::MARATHON;
        let time_s = answers.stream("time").filter(|_| has_times);
        let altitude = answers.stream("altitude");
        let beats = answers.stream("heartrate");
        for (key, length_m) in UNITS {
            let mut from = 0;
            let theirs = answers.list(key);
            if theirs.is_empty() {
                continue;
            }
            let ends = ends_of_splits(&distance, length_m);
            assert_eq!(ends.len(), theirs.len(), "{} {key}", answers.name);
            for (split, to) in theirs.iter().zip(ends) {
                let told = |key: &str| split[key].as_f64().unwrap();
                let begin_m = if from == 0 { 0.0 } else { distance[from] };
                let is_near = |a: f64, b: f64, by: f64| (a - b).abs() < by;
                length.count(is_near(distance[to] - begin_m, told("distance"), TENTH));
                if let Some(time_s) = &time_s {
                    time.count(time_s[to] - time_s[from] == told("elapsed_time"));
                }
                if let Some(altitude) = &altitude {
                    let rises = altitude[to] - altitude[from];
                    rise.count(is_near(rises, told("elevation_difference"), TENTH));
                }
                if let Some(beats) = &beats {
                    let mean = mean(&beats[from + 1..=to]);
                    heart.count(is_near(mean, told("average_heartrate"), 1e-6));
                }
                let over = told("distance") / told(clock_of_speed(answers));
                speed.count(is_near(over, told("average_speed"), 0.006));
                from = to;
            }
        }
    }
    vec![length, time, rise, heart, speed]
}

fn efforts(all: &[Answers]) -> Vec<Rule> {
    let mut ends = Rule::new(
        "a best effort begins on a sample and ends on the first that is at least its metres on",
    );
    let mut whole =
        Rule::new("metres of best efforts are whole: 1609 for a mile, 21097 for a half marathon");
    let mut moving = Rule::new("a best effort's elapsed time is a whole number of seconds");
    for answers in all {
        let distance = answers.stream("distance");
        for effort in answers.list("best_efforts") {
            let metres = effort["distance"].as_f64().unwrap();
            whole.count(metres.fract() == 0.0);
            moving.count(effort["elapsed_time"].is_i64());
            if let Some(distance) = &distance {
                let at = |key: &str| effort[key].as_u64().unwrap() as usize;
                let (from, to) = (at("start_index"), at("end_index"));
                // Sums of tenths miss by a hair.
                let far = |to: usize| distance[to] - distance[from] > metres - 1e-6;
                ends.count(far(to) && !far(to - 1));
            }
        }
    }
    vec![ends, whole, moving]
}

fn wholes(all: &[Answers]) -> Vec<Rule> {
    let mut elapsed = Rule::new("splits' elapsed times add up to the activity's, to a second");
    let mut moving = Rule::new("splits' moving times add up to the activity's, to a second");
    let mut metres = Rule::new("splits' metres add up to the activity's, to a metre");
    let mut speed =
        Rule::new("the average speed is distance over moving time, in a race over elapsed time");
    let mut fastest = Rule::new("the maximum speed is the greatest value of `velocity_smooth`");
    let mut heart = Rule::new("the average heart rate is the plain mean of all samples, to 0.5");
    let mut rises =
        Rule::new("the elevation gain is the sum of all rises of the altitude stream, to 2 m");
    let mut turning =
        Rule::new("the average cadence is the mean of samples that are not 0, to 0.5");
    for answers in all {
        for (key, _) in UNITS {
            let sum = |of: &str| {
                answers
                    .list(key)
                    .iter()
                    .filter_map(|s| s[of].as_f64())
                    .sum::<f64>()
            };
            if answers.list(key).len() > 1 {
                let is_near = |key: &str| {
                    let total = answers.told(key).unwrap();
                    (sum(key) - total).abs() <= 1.0
                };
                elapsed.count(is_near("elapsed_time"));
                moving.count(is_near("moving_time"));
                metres.count(is_near("distance"));
            }
        }
        let clock = answers.told(clock_of_speed(answers));
        let both = answers.told("distance").zip(clock);
        if let Some((told, (m, s))) = answers.told("average_speed").zip(both) {
            // Told to a tenth in 2013, later to a thousandth.
            let digits = if (told * 10.0).fract() == 0.0 {
                0.05
            } else {
                0.0051
            };
            speed.count((m / s - told).abs() < digits);
        }
        if answers.streams.is_none() {
            continue;
        }
        let both = |key: &str, kind: &str| Some((answers.told(key)?, answers.stream(kind)?));
        if let Some((told, smooth)) = both("max_speed", "velocity_smooth") {
            fastest.count(smooth.iter().copied().fold(0.0, f64::max) == told);
        }
        if let Some((told, beats)) = both("average_heartrate", "heartrate") {
            heart.count((mean(&beats) - told).abs() <= 0.5);
        }
        if let Some((told, altitude)) = both("total_elevation_gain", "altitude") {
            let up: f64 = altitude
                .windows(2)
                .map(|two| (two[1] - two[0]).max(0.0))
                .sum();
            rises.count((up - told).abs() <= 2.0);
        }
        if let Some((told, cadence)) = both("average_cadence", "cadence") {
            let turns: Vec<f64> = cadence.into_iter().filter(|rpm| *rpm > 0.0).collect();
            turning.count((mean(&turns) - told).abs() <= 0.5);
        }
    }
    vec![
        elapsed, moving, metres, speed, fastest, heart, turning, rises,
    ]
}

/// What distances are divided by.
fn clock_of_speed(answers: &Answers) -> &'static str {
    let is_race = answers.activity["workout_type"] == 1;
    if is_race {
        "elapsed_time"
    } else {
        "moving_time"
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The time of the race is what its athlete wrote of it, in seconds.
#[test]
fn a_race_has_the_time_that_its_athlete_told() {
    let all = answers::all();
    let marathon = crate::of(&all, answers::MARATHON);
    let told = marathon.activity["description"].as_str().unwrap();
    assert!(told.contains("Official time 3:42:02"), "{told}");
    let is_race = |effort: &&Value| effort["name"] == RACE;
    let race = marathon.list("best_efforts").iter().find(is_race).unwrap();
    assert_eq!(race["elapsed_time"], 3 * 3600 + 42 * 60 + 2);
    // Its samples say otherwise: they are pinned on both sides of its end.
    let distance = marathon.stream("distance").unwrap();
    let pins = pins::pins(marathon, &distance);
    let end = race["end_index"].as_u64().unwrap() as usize;
    let (_, before_s) = pins.range(..=end).next_back().unwrap();
    let (_, after_s) = pins.range(end..).next().unwrap();
    assert!((13_000..=13_200).contains(before_s) && *after_s <= 13_200);
}
