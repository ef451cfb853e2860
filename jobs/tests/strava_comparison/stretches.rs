//! Splits and best efforts, one by one.

use serde_json::Value;

use crate::answers::Answers;
use crate::lake::Lake;
use crate::pages::{markdown, maybe, number};
use crate::pins::{self, RACE};
use crate::rules::{KILOMETRE, MILE, ends_of_splits};

/// A split of Strava's beside ours.
pub struct Beside {
    pub number: usize,
    theirs: Value,
    ours: Value,
    /// By how many seconds Strava's begins and ends after ours.
    pub begins_late_s: f64,
    pub ends_late_s: f64,
}

impl Beside {
    /// Strava's elapsed time less ours.
    pub fn elapsed_difference_s(&self) -> f64 {
        told(&self.theirs, "elapsed_time").unwrap() - told(&self.ours, "elapsed_s").unwrap()
    }
}

fn told(row: &Value, key: &str) -> Option<f64> {
    row[key].as_f64()
}

/// All splits in one unit.
///
/// # Panics
/// If there are not as many here as there.
pub fn beside(answers: &Answers, lake: &Lake, unit: &str) -> Vec<Beside> {
    let (key, length_m) = match unit {
        "km" => ("splits_metric", KILOMETRE),
        _ => ("splits_standard", MILE),
    };
    let distance = answers.stream("distance").unwrap();
    let time_s = answers.stream("time").unwrap();
    let ours = &lake.ours(answers).splits;
    let ours: Vec<&Value> = ours.iter().filter(|split| split["unit"] == unit).collect();
    let theirs = answers.list(key);
    assert_eq!(ours.len(), theirs.len(), "{} {unit}", answers.name);
    let mut from = 0;
    let pairs = theirs
        .iter()
        .zip(ours)
        .zip(ends_of_splits(&distance, length_m));
    let mut beside = Vec::new();
    for (((theirs, ours), to), place) in pairs.zip(1..) {
        let begins_s = told(ours, "start_offset_s").unwrap();
        let ends_s = begins_s + told(ours, "elapsed_s").unwrap();
        beside.push(Beside {
            number: place,
            theirs: theirs.clone(),
            ours: ours.clone(),
            begins_late_s: time_s[from] - begins_s,
            ends_late_s: time_s[to] - ends_s,
        });
        from = to;
    }
    beside
}

/// The table of all splits in one unit.
pub fn splits(answers: &Answers, lake: &Lake, unit: &str) -> String {
    let rows: Vec<_> = beside(answers, lake, unit)
        .iter()
        .map(|split| {
            let (theirs, ours) = (&split.theirs, &split.ours);
            let moving = told(theirs, "moving_time").zip(told(ours, "moving_s"));
            let mut row = vec![
                split.number.to_string(),
                maybe(told(theirs, "distance"), 1),
                maybe(told(ours, "distance_m"), 3),
                maybe(told(theirs, "elapsed_time"), 0),
                maybe(told(ours, "elapsed_s"), 3),
                number(split.elapsed_difference_s(), 3),
                number(split.begins_late_s, 3),
                number(split.ends_late_s, 3),
                maybe(told(theirs, "moving_time"), 0),
                maybe(told(ours, "moving_s"), 3),
                maybe(moving.map(|(theirs, ours)| theirs - ours), 3),
            ];
            if told(ours, "avg_heart_rate_bpm").is_some() {
                row.push(maybe(told(theirs, "average_heartrate"), 2));
                row.push(maybe(told(ours, "avg_heart_rate_bpm"), 2));
                row.push(maybe(told(theirs, "elevation_difference"), 1));
                let net = told(ours, "climb_m").zip(told(ours, "descent_m"));
                row.push(maybe(net.map(|(up, down)| up - down), 2));
            }
            row
        })
        .collect();
    let mut head = vec![
        unit,
        "m",
        "ours",
        "elapsed s",
        "ours",
        "less ours",
        "begins late",
        "ends late",
        "moving s",
        "ours",
        "less ours",
    ];
    if rows[0].len() > head.len() {
        head.extend(["heart rate", "ours", "up m", "ours, climb less descent"]);
    }
    markdown(&head, &rows)
}

/// A best effort of Strava's, of ours, or both.
pub struct Effort {
    pub name: String,
    theirs: Option<Value>,
    pub theirs_s: Option<f64>,
    pub ours_s: Option<f64>,
    ours: Option<Value>,
    refused: Option<Value>,
    metres: f64,
}

/// Distances that are called the same: Strava's are whole metres.
const SAME_M: f64 = 1.0;

/// All efforts, by distance.
pub fn efforts_beside(answers: &Answers, lake: &Lake) -> Vec<Effort> {
    let ours = lake.ours(answers);
    let find = |rows: &[Value], metres: f64| {
        let mut same = rows.iter().filter(|row| {
            let is = told(row, "distance_m").unwrap();
            (is - metres).abs() < SAME_M
        });
        same.next().cloned()
    };
    let mut efforts: Vec<Effort> = answers
        .list("best_efforts")
        .iter()
        .map(|theirs| {
            let metres = told(theirs, "distance").unwrap();
            let ours_here = find(&ours.efforts, metres);
            Effort {
                name: theirs["name"].as_str().unwrap().to_owned(),
                theirs_s: told(theirs, "elapsed_time"),
                theirs: Some(theirs.clone()),
                ours_s: ours_here.as_ref().and_then(|ours| told(ours, "elapsed_s")),
                ours: ours_here,
                refused: find(&ours.refused, metres),
                metres,
            }
        })
        .collect();
    for mine in &ours.efforts {
        let metres = told(mine, "distance_m").unwrap();
        if !efforts
            .iter()
            .any(|effort| (effort.metres - metres).abs() < SAME_M)
        {
            efforts.push(Effort {
                name: String::new(),
                theirs: None,
                theirs_s: None,
                ours_s: told(mine, "elapsed_s"),
                ours: Some(mine.clone()),
                refused: find(&ours.refused, metres),
                metres,
            });
        }
    }
    efforts.sort_by(|a, b| a.metres.total_cmp(&b.metres));
    efforts
}

/// The table of all efforts.
pub fn efforts(answers: &Answers, lake: &Lake) -> String {
    let distance = answers.stream("distance").unwrap();
    let pins = pins::pins(answers, &distance);
    let rows: Vec<_> = efforts_beside(answers, lake)
        .iter()
        .map(|effort| {
            let theirs = effort.theirs.as_ref();
            let at = |key: &str| theirs.and_then(|theirs| theirs[key].as_u64());
            let spans = at("start_index").zip(at("end_index"));
            let spans = spans.map(|(from, to)| distance[to as usize] - distance[from as usize]);
            let from_s = effort
                .ours
                .as_ref()
                .and_then(|ours| told(ours, "start_offset_s"));
            let to_s = effort
                .ours
                .as_ref()
                .and_then(|ours| told(ours, "end_offset_s"));
            let off = from_s.zip(to_s).map(|(from, to)| {
                let ends = [from, to].map(|second| pins::may_be_off_s(&pins, second));
                (ends[0] + ends[1]) as f64
            });
            let difference = effort.theirs_s.zip(effort.ours_s);
            let refused = effort
                .refused
                .as_ref()
                .and_then(|row| told(row, "elapsed_s"));
            vec![
                effort.name.clone(),
                maybe(theirs.and_then(|theirs| told(theirs, "distance")), 0),
                maybe(spans, 1),
                maybe(effort.theirs_s, 0),
                maybe(
                    effort
                        .ours
                        .as_ref()
                        .and_then(|ours| told(ours, "distance_m")),
                    3,
                ),
                maybe(effort.ours_s, 3),
                maybe(from_s, 3),
                maybe(off, 0),
                maybe(difference.map(|(theirs, ours)| theirs - ours), 3),
                why(effort, off, refused),
            ]
        })
        .collect();
    let head = [
        "Strava's",
        "m",
        "between its samples",
        "s",
        "ours m",
        "s",
        "from s",
        "± s",
        "less ours",
        "why",
    ];
    markdown(&head, &rows)
}

fn why(effort: &Effort, off_s: Option<f64>, refused_s: Option<f64>) -> String {
    let refused = refused_s.map(|seconds| {
        format!(
            "; a faster one of {} s holds a jump and does not count",
            number(seconds, 3)
        )
    });
    let why = match (effort.theirs_s, effort.ours_s) {
        (None, _) => "Strava has no such distance",
        (Some(_), None) => "pacelake has no such distance",
        (Some(_), Some(_)) if effort.name == RACE => "J: the time of the race, told by its athlete",
        (Some(_), Some(_)) if off_s != Some(0.0) => "L: where positions leap",
        (Some(_), Some(_)) => "K: on samples, and to whole seconds",
    };
    format!("{why}{}", refused.unwrap_or_default())
}
