//! The list is whole, and every vocabulary maps.

use super::*;

fn mapped(word: &str, sub_word: Option<&str>) -> (&'static str, String) {
    let mapped = map(Some(word), sub_word, None);
    (mapped.sport.name(), mapped.detail)
}

#[test]
fn every_line_is_unique_and_in_snake_case() {
    let mut seen = std::collections::BTreeSet::new();
    for line in SPORT_WORDS {
        assert!(
            seen.insert((line.word, line.sub_word)),
            "{} {}",
            line.word,
            line.sub_word
        );
        for word in [line.word, line.sub_word, line.detail] {
            assert_eq!(snake_case(word), word);
        }
        assert!(!line.detail.is_empty());
    }
    for line in SPORT_WORDS.iter().filter(|line| !line.sub_word.is_empty()) {
        assert!(
            seen.contains(&(line.word, "")),
            "{} has no coarse line",
            line.word
        );
    }
}

#[test]
fn a_detail_maps_to_itself() {
    // What one source calls `trail_run` must not be another sport elsewhere.
    for line in SPORT_WORDS {
        let again = map(Some(line.detail), None, Some(line.indoor));
        if again.sport.family != Family::Other {
            assert_eq!(again.sport.family, line.family, "{}", line.detail);
            assert_eq!(again.detail, line.detail);
        }
    }
}

#[test]
fn fit_sports_and_sub_sports() {
    let is = |word, sub, sport, detail: &str| {
        assert_eq!(mapped(word, sub), (sport, detail.to_owned()));
    };
    is("running", None, "run", "run");
    is("running", Some("generic"), "run", "run");
    is("running", Some("trail"), "run", "trail_run");
    is("running", Some("treadmill"), "run_indoor", "treadmill_run");
    is(
        "cycling",
        Some("indoor_cycling"),
        "ride_indoor",
        "indoor_ride",
    );
    is(
        "cycling",
        Some("virtual_activity"),
        "ride_indoor",
        "virtual_ride",
    );
    is("swimming", Some("lap_swimming"), "swim", "pool_swim");
    is("swimming", Some("open_water"), "swim", "open_water_swim");
    is(
        "walking",
        Some("indoor_walking"),
        "walk_indoor",
        "indoor_walk",
    );
    is("hiking", None, "walk", "hike");
    is("training", Some("yoga"), "other", "yoga");
    is("transition", Some("generic"), "other", "transition");
    is("generic", Some("generic"), "other", "other");
}

#[test]
fn tcx_gpx_and_strava_words() {
    let is = |word, sport, detail: &str| {
        assert_eq!(mapped(word, None), (sport, detail.to_owned()), "{word}");
    };
    is("Running", "run", "run");
    is("Biking", "ride", "ride");
    is("Other", "other", "other");
    is("9", "run", "run");
    is("1", "ride", "ride");
    is("10", "walk", "walk");
    is("trail_running", "run", "trail_run");
    is("TrailRun", "run", "trail_run");
    is("Trail Run", "run", "trail_run");
    is("VirtualRide", "ride_indoor", "virtual_ride");
    is("EBikeRide", "ride", "e_bike_ride");
    is("E-Bike Ride", "ride", "e_bike_ride");
    is("GravelRide", "ride", "gravel_ride");
    is("Hike", "walk", "hike");
    is("Swim", "swim", "swim");
    is("Workout", "other", "workout");
    is("Weight Training", "other", "weight_training");
}

#[test]
fn unknown_words_pass_through_in_snake_case() {
    assert_eq!(
        mapped("Pickleball", None),
        ("other", "pickleball".to_owned())
    );
    assert_eq!(
        mapped("StandUpPaddling", None),
        ("other", "stand_up_paddling".to_owned())
    );
    assert_eq!(
        mapped(" Eis-Schwimmen! ", None),
        ("other", "eis_schwimmen".to_owned())
    );
    assert_eq!(mapped("77", None), ("other", "77".to_owned()));
    assert_eq!(
        mapped("running", Some("Moon Run")),
        ("run", "moon_run".to_owned())
    );
    assert_eq!(
        mapped("sport_99", Some("sub_7")),
        ("other", "sub_7".to_owned())
    );
}

#[test]
fn without_a_word_it_is_other() {
    for word in [None, Some(""), Some("  "), Some("--")] {
        assert_eq!(map(word, None, None).detail, "other");
    }
}

#[test]
fn a_flag_beside_the_word_makes_it_indoor() {
    assert_eq!(
        map(Some("Run"), None, Some(true)).sport.name(),
        "run_indoor"
    );
    assert_eq!(map(Some("Run"), None, Some(false)).sport.name(), "run");
    // The word knows better than a flag that is not set.
    assert_eq!(
        map(Some("VirtualRide"), None, Some(false)).sport.name(),
        "ride_indoor"
    );
}

#[test]
fn every_type_of_strava_maps() {
    let is = |word, sport, detail: &str| {
        assert_eq!(mapped(word, None), (sport, detail.to_owned()), "{word}");
    };
    is("TrailRun", "run", "trail_run");
    is("EMountainBikeRide", "ride", "e_mountain_bike_ride");
    is("VirtualRow", "other_indoor", "virtual_rowing");
    is(
        "HighIntensityIntervalTraining",
        "other",
        "high_intensity_interval_training",
    );
    is("Pickleball", "other", "pickleball");
    is("Wheelchair", "other", "wheelchair");
    // One that came after this was written.
    is("UnderwaterHockey", "other", "underwater_hockey");
}
