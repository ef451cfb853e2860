//! What is told of whole activities.

use crate::answers::Answers;
use crate::lake::Lake;
use crate::pages::{markdown, maybe, number};

/// A quantity: Strava's name, ours, decimals that are shown, and the letter of
/// why they differ.
const QUANTITIES: &[(&str, &str, usize, &str)] = &[
    ("distance", "distance_m", 2, "A"),
    ("elapsed_time", "elapsed_s", 3, "B"),
    ("moving_time", "moving_s", 3, "C"),
    ("total_elevation_gain", "climb_m", 2, "D"),
    ("average_speed", "avg_speed_m_s", 3, "E"),
    ("max_speed", "max_speed_m_s", 3, "F"),
    ("average_heartrate", "avg_heart_rate_bpm", 2, "G"),
    ("max_heartrate", "max_heart_rate_bpm", 0, "G"),
    ("average_cadence", "avg_cadence_rpm", 2, "H"),
    ("max_cadence", "max_cadence_rpm", 0, "H"),
    ("average_watts", "avg_power_w", 2, "H"),
    ("max_watts", "max_power_w", 0, "H"),
    ("elev_high", "max_altitude_m", 2, "I"),
];

/// Each quantity that Strava tells of an activity beside ours.
pub fn table(all: &[Answers], lake: &Lake) -> String {
    let mut rows = Vec::new();
    for answers in all {
        let ours = lake.ours(answers);
        for &(key, column, decimals, why) in QUANTITIES {
            let (theirs, mine) = (answers.told(key), ours.number(column));
            let Some(told) = theirs else {
                continue;
            };
            let difference = mine.map(|mine| told - mine);
            let why = match difference {
                None => "–",
                Some(difference) if number(difference, 3) == "0" => "equal",
                Some(_) => why,
            };
            rows.push(vec![
                answers.name.to_owned(),
                format!("`{key}`"),
                number(told, decimals),
                format!("`{column}`"),
                maybe(mine, decimals),
                maybe(difference, decimals.max(1)),
                why.to_owned(),
            ]);
        }
    }
    let head = [
        "activity",
        "Strava's",
        "",
        "ours",
        "",
        "Strava's less ours",
        "why",
    ];
    markdown(&head, &rows)
}
