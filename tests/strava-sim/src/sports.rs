//! Strava's words for sports: `sport_type`, and the older and fewer `type`.

use pipeline::recording::Recording;

// What moves goes at least so many metres per second.
const FOOT_M_S: f64 = 0.5;
const WHEELS_M_S: f64 = 1.0;
const WATER_M_S: f64 = 0.2;

/// A known `sport_type`, the `type` that goes with it, and what people call it.
const KNOWN: &[(&str, &str, &str)] = &[
    ("Run", "Run", "Run"),
    ("TrailRun", "Run", "Trail Run"),
    ("VirtualRun", "VirtualRun", "Run"),
    ("Ride", "Ride", "Ride"),
    ("MountainBikeRide", "Ride", "Mountain Bike Ride"),
    ("GravelRide", "Ride", "Gravel Ride"),
    ("EBikeRide", "EBikeRide", "E-Bike Ride"),
    ("EMountainBikeRide", "EBikeRide", "E-Mountain Bike Ride"),
    ("VirtualRide", "VirtualRide", "Virtual Ride"),
    ("Walk", "Walk", "Walk"),
    ("Hike", "Hike", "Hike"),
    ("Snowshoe", "Snowshoe", "Snowshoe"),
    ("Swim", "Swim", "Swim"),
    ("Rowing", "Rowing", "Row"),
    ("VirtualRow", "Rowing", "Row"),
    ("AlpineSki", "AlpineSki", "Ski"),
    ("BackcountrySki", "BackcountrySki", "Backcountry Ski"),
    ("NordicSki", "NordicSki", "Nordic Ski"),
    ("Elliptical", "Elliptical", "Elliptical"),
    ("WeightTraining", "WeightTraining", "Weight Training"),
    ("Yoga", "Yoga", "Yoga"),
    ("Kayaking", "Kayaking", "Kayak"),
    ("Workout", "Workout", "Workout"),
];

/// The fine sport of a device (the words that pacelake gives FIT, GPX and TCX)
/// and Strava's.
const FROM_DEVICES: &[(&str, &str)] = &[
    ("trail_run", "TrailRun"),
    ("virtual_run", "VirtualRun"),
    ("mountain_bike_ride", "MountainBikeRide"),
    ("gravel_ride", "GravelRide"),
    ("e_bike_ride", "EBikeRide"),
    ("e_mountain_bike_ride", "EMountainBikeRide"),
    ("virtual_ride", "VirtualRide"),
    ("hike", "Hike"),
    ("mountaineering", "Hike"),
    ("snowshoe", "Snowshoe"),
    ("rowing", "Rowing"),
    ("indoor_rowing", "Rowing"),
    ("alpine_ski", "AlpineSki"),
    ("backcountry_ski", "BackcountrySki"),
    ("nordic_ski", "NordicSki"),
    ("elliptical", "Elliptical"),
    ("weight_training", "WeightTraining"),
    ("yoga", "Yoga"),
    ("kayaking", "Kayaking"),
];

/// The `sport_type` of a recording.
pub(crate) fn sport_type(recording: &Recording) -> &'static str {
    let mapped = pipeline::sport::map(
        recording.sport.as_deref(),
        recording.sub_sport.as_deref(),
        recording.claims.indoor,
    );
    let fine = FROM_DEVICES.iter().find(|(word, _)| *word == mapped.detail);
    match (fine, mapped.detail.as_str()) {
        (Some((_, strava)), _) => strava,
        (None, detail) if detail.contains("run") => "Run",
        (None, detail) if detail.contains("ride") || detail.contains("cycl") => "Ride",
        (None, detail) if detail.contains("walk") => "Walk",
        (None, detail) if detail.contains("swim") => "Swim",
        (None, _) => "Workout",
    }
}

/// The `type` of a `sport_type`; `Workout` for one that nobody knows.
pub(crate) fn old_type(sport_type: &str) -> &'static str {
    known(sport_type).map_or("Workout", |(_, old, _)| old)
}

/// What people call it.
pub(crate) fn called(sport_type: &str) -> &str {
    known(sport_type).map_or(sport_type, |(_, _, called)| called)
}

/// Whether it has best efforts.
pub(crate) fn is_run(sport_type: &str) -> bool {
    matches!(old_type(sport_type), "Run" | "VirtualRun")
}

/// Whether a bicycle is under it.
pub(crate) fn is_ride(sport_type: &str) -> bool {
    matches!(old_type(sport_type), "Ride" | "VirtualRide" | "EBikeRide")
}

/// Below this many metres per second nobody moves.
pub(crate) fn moves_from_m_s(sport_type: &str) -> f64 {
    match old_type(sport_type) {
        "Swim" | "Rowing" | "Kayaking" => WATER_M_S,
        "Ride" | "VirtualRide" | "EBikeRide" => WHEELS_M_S,
        _ => FOOT_M_S,
    }
}

fn known(sport_type: &str) -> Option<(&'static str, &'static str, &'static str)> {
    KNOWN
        .iter()
        .copied()
        .find(|(word, _, _)| *word == sport_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_sport_passes_through_as_a_workout() {
        assert_eq!(old_type("Pickleball"), "Workout");
        assert_eq!(called("Pickleball"), "Pickleball");
        assert_eq!(old_type("TrailRun"), "Run");
        assert!(is_run("TrailRun") && !is_run("Ride"));
    }

    #[test]
    fn whatever_a_device_says_is_a_known_word() {
        for (_, strava) in FROM_DEVICES {
            assert!(known(strava).is_some(), "{strava}");
        }
    }
}
