//! Sports as sources name them, mapped to ours by one declared list.

use storage::sport::{Family, Sport};

use Family::{Other, Ride, Run, Swim, Walk};

/// A sport as the columns `sport`, `sport_detail` and `indoor` have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// Family, and whether inside.
    pub sport: Sport,
    /// The fine sport, lower snake case.
    pub detail: String,
}

/// One line of [`SPORT_WORDS`].
#[derive(Clone, Copy, Debug)]
pub struct SportWord {
    /// The source's word, in lower snake case.
    pub word: &'static str,
    /// The finer word beside it (FIT's sub-sport); empty: none, or one that
    /// has no line of its own.
    pub sub_word: &'static str,
    /// The column `sport_detail`.
    pub detail: &'static str,
    /// The family.
    pub family: Family,
    /// Whether the word alone says that it was inside.
    pub indoor: bool,
}

const fn outside(
    word: &'static str,
    sub_word: &'static str,
    detail: &'static str,
    family: Family,
) -> SportWord {
    SportWord {
        word,
        sub_word,
        detail,
        family,
        indoor: false,
    }
}

const fn inside(
    word: &'static str,
    sub_word: &'static str,
    detail: &'static str,
    family: Family,
) -> SportWord {
    SportWord {
        word,
        sub_word,
        detail,
        family,
        indoor: true,
    }
}

/// Every word that is known: FIT's sports and sub-sports, TCX's `Sport`, the
/// `type` that Garmin, Strava and others write into GPX, and Strava's types.
pub const SPORT_WORDS: &[SportWord] = &[
    // FIT, with sub-sports.
    outside("running", "", "run", Run),
    outside("running", "trail", "trail_run", Run),
    outside("running", "track", "track_run", Run),
    outside("running", "street", "road_run", Run),
    outside("running", "road", "road_run", Run),
    outside("running", "ultra", "ultra_run", Run),
    outside("running", "obstacle", "obstacle_run", Run),
    inside("running", "treadmill", "treadmill_run", Run),
    inside("running", "indoor_running", "indoor_run", Run),
    inside("running", "virtual_activity", "virtual_run", Run),
    outside("cycling", "", "ride", Ride),
    outside("cycling", "road", "road_ride", Ride),
    outside("cycling", "mountain", "mountain_bike_ride", Ride),
    outside("cycling", "downhill", "downhill_ride", Ride),
    outside("cycling", "gravel_cycling", "gravel_ride", Ride),
    outside("cycling", "cyclocross", "cyclocross_ride", Ride),
    outside("cycling", "track_cycling", "track_ride", Ride),
    outside("cycling", "recumbent", "recumbent_ride", Ride),
    outside("cycling", "hand_cycling", "handcycle", Ride),
    outside("cycling", "bmx", "bmx_ride", Ride),
    outside("cycling", "commuting", "commute_ride", Ride),
    outside("cycling", "mixed_surface", "mixed_surface_ride", Ride),
    outside("cycling", "e_bike_fitness", "e_bike_ride", Ride),
    outside("cycling", "e_bike_mountain", "e_mountain_bike_ride", Ride),
    inside("cycling", "spin", "spin_ride", Ride),
    inside("cycling", "indoor_cycling", "indoor_ride", Ride),
    inside("cycling", "virtual_activity", "virtual_ride", Ride),
    outside("e_biking", "", "e_bike_ride", Ride),
    outside("e_biking", "e_bike_mountain", "e_mountain_bike_ride", Ride),
    outside("walking", "", "walk", Walk),
    outside("walking", "casual_walking", "casual_walk", Walk),
    outside("walking", "speed_walking", "speed_walk", Walk),
    inside("walking", "indoor_walking", "indoor_walk", Walk),
    inside("walking", "treadmill", "treadmill_walk", Walk),
    inside("walking", "virtual_activity", "virtual_walk", Walk),
    outside("hiking", "", "hike", Walk),
    outside("mountaineering", "", "mountaineering", Walk),
    outside("snowshoeing", "", "snowshoe", Walk),
    outside("swimming", "", "swim", Swim),
    outside("swimming", "lap_swimming", "pool_swim", Swim),
    outside("swimming", "open_water", "open_water_swim", Swim),
    outside("rowing", "", "rowing", Other),
    inside("rowing", "indoor_rowing", "indoor_rowing", Other),
    inside("rowing", "virtual_activity", "virtual_rowing", Other),
    inside("fitness_equipment", "", "fitness_equipment", Other),
    inside("fitness_equipment", "treadmill", "treadmill_run", Run),
    inside("fitness_equipment", "indoor_running", "indoor_run", Run),
    inside("fitness_equipment", "indoor_cycling", "indoor_ride", Ride),
    inside("fitness_equipment", "indoor_walking", "indoor_walk", Walk),
    inside("fitness_equipment", "indoor_rowing", "indoor_rowing", Other),
    inside("fitness_equipment", "elliptical", "elliptical", Other),
    inside(
        "fitness_equipment",
        "stair_climbing",
        "stair_climbing",
        Other,
    ),
    outside("training", "", "workout", Other),
    outside("training", "strength_training", "weight_training", Other),
    outside("training", "cardio_training", "cardio_training", Other),
    outside("training", "yoga", "yoga", Other),
    outside("training", "pilates", "pilates", Other),
    outside("generic", "", "other", Other),
    outside("all", "", "other", Other),
    outside("cross_country_skiing", "", "nordic_ski", Other),
    outside("cross_country_skiing", "skate_skiing", "skate_ski", Other),
    outside("alpine_skiing", "", "alpine_ski", Other),
    outside("alpine_skiing", "backcountry", "backcountry_ski", Other),
    outside("snowboarding", "", "snowboard", Other),
    outside("inline_skating", "", "inline_skate", Other),
    outside("ice_skating", "", "ice_skate", Other),
    outside("rock_climbing", "", "rock_climbing", Other),
    outside("rock_climbing", "bouldering", "bouldering", Other),
    inside("rock_climbing", "indoor_climbing", "indoor_climbing", Other),
    outside("paddling", "", "paddling", Other),
    outside("kayaking", "", "kayaking", Other),
    outside("stand_up_paddleboarding", "", "stand_up_paddling", Other),
    outside("sailing", "", "sail", Other),
    outside("surfing", "", "surfing", Other),
    outside("windsurfing", "", "windsurf", Other),
    outside("kitesurfing", "", "kitesurf", Other),
    // TCX, and what GPX files hold besides the words of FIT.
    outside("biking", "", "ride", Ride),
    outside("other", "", "other", Other),
    outside("unknown", "", "other", Other),
    outside("uncategorized", "", "other", Other),
    outside("jogging", "", "run", Run),
    outside("street_running", "", "road_run", Run),
    outside("trail_running", "", "trail_run", Run),
    outside("track_running", "", "track_run", Run),
    outside("ultra_run", "", "ultra_run", Run),
    outside("obstacle_run", "", "obstacle_run", Run),
    inside("treadmill", "", "treadmill_run", Run),
    inside("treadmill_running", "", "treadmill_run", Run),
    inside("indoor_running", "", "indoor_run", Run),
    inside("virtual_running", "", "virtual_run", Run),
    outside("bike", "", "ride", Ride),
    outside("bicycle", "", "ride", Ride),
    outside("road_biking", "", "road_ride", Ride),
    outside("road_cycling", "", "road_ride", Ride),
    outside("mountain_biking", "", "mountain_bike_ride", Ride),
    outside("gravel_cycling", "", "gravel_ride", Ride),
    outside("cyclocross", "", "cyclocross_ride", Ride),
    outside("downhill_biking", "", "downhill_ride", Ride),
    outside("track_cycling", "", "track_ride", Ride),
    outside("recumbent_cycling", "", "recumbent_ride", Ride),
    outside("e_bike_fitness", "", "e_bike_ride", Ride),
    outside("e_bike_mountain", "", "e_mountain_bike_ride", Ride),
    inside("indoor_cycling", "", "indoor_ride", Ride),
    inside("spinning", "", "spin_ride", Ride),
    inside("virtual_cycling", "", "virtual_ride", Ride),
    outside("casual_walking", "", "casual_walk", Walk),
    outside("speed_walking", "", "speed_walk", Walk),
    outside("nordic_walking", "", "nordic_walk", Walk),
    outside("trekking", "", "hike", Walk),
    inside("indoor_walking", "", "indoor_walk", Walk),
    outside("lap_swimming", "", "pool_swim", Swim),
    outside("pool_swimming", "", "pool_swim", Swim),
    outside("open_water_swimming", "", "open_water_swim", Swim),
    inside("indoor_rowing", "", "indoor_rowing", Other),
    outside("strength_training", "", "weight_training", Other),
    // Strava.
    outside("run", "", "run", Run),
    outside("trail_run", "", "trail_run", Run),
    inside("virtual_run", "", "virtual_run", Run),
    outside("ride", "", "ride", Ride),
    outside("gravel_ride", "", "gravel_ride", Ride),
    outside("mountain_bike_ride", "", "mountain_bike_ride", Ride),
    outside("e_bike_ride", "", "e_bike_ride", Ride),
    outside("e_mountain_bike_ride", "", "e_mountain_bike_ride", Ride),
    outside("handcycle", "", "handcycle", Ride),
    outside("velomobile", "", "velomobile", Ride),
    inside("virtual_ride", "", "virtual_ride", Ride),
    outside("walk", "", "walk", Walk),
    outside("hike", "", "hike", Walk),
    outside("snowshoe", "", "snowshoe", Walk),
    outside("swim", "", "swim", Swim),
    inside("elliptical", "", "elliptical", Other),
    inside("stair_stepper", "", "stair_climbing", Other),
    inside("virtual_row", "", "virtual_rowing", Other),
    outside("alpine_ski", "", "alpine_ski", Other),
    outside("backcountry_ski", "", "backcountry_ski", Other),
    outside("badminton", "", "badminton", Other),
    outside("canoeing", "", "canoeing", Other),
    outside("crossfit", "", "crossfit", Other),
    outside("golf", "", "golf", Other),
    outside(
        "high_intensity_interval_training",
        "",
        "high_intensity_interval_training",
        Other,
    ),
    outside("ice_skate", "", "ice_skate", Other),
    outside("inline_skate", "", "inline_skate", Other),
    outside("kitesurf", "", "kitesurf", Other),
    outside("nordic_ski", "", "nordic_ski", Other),
    outside("pickleball", "", "pickleball", Other),
    outside("pilates", "", "pilates", Other),
    outside("racquetball", "", "racquetball", Other),
    outside("roller_ski", "", "roller_ski", Other),
    outside("sail", "", "sail", Other),
    outside("skateboard", "", "skateboard", Other),
    outside("snowboard", "", "snowboard", Other),
    outside("soccer", "", "soccer", Other),
    outside("squash", "", "squash", Other),
    outside("stand_up_paddling", "", "stand_up_paddling", Other),
    outside("table_tennis", "", "table_tennis", Other),
    outside("tennis", "", "tennis", Other),
    outside("weight_training", "", "weight_training", Other),
    outside("wheelchair", "", "wheelchair", Other),
    outside("windsurf", "", "windsurf", Other),
    outside("workout", "", "workout", Other),
    outside("yoga", "", "yoga", Other),
];

/// The numbers that Strava writes into GPX `type`, as words of
/// [`SPORT_WORDS`] or words that pass through.
pub const STRAVA_NUMBERS: &[(&str, &str)] = &[
    ("1", "ride"),
    ("2", "alpine_ski"),
    ("4", "hike"),
    ("9", "run"),
    ("10", "walk"),
    ("16", "swim"),
    ("23", "rowing"),
];

/// Maps a source's words; `indoor` is what it says beside them (a trainer or
/// treadmill flag). Without any word it is `other`; an unknown word passes
/// through in lower snake case, of no family, and an unknown finer word
/// beside a known one keeps that one's family.
pub fn map(word: Option<&str>, sub_word: Option<&str>, indoor: Option<bool>) -> Mapped {
    let word = word.map(snake_case).filter(|word| !word.is_empty());
    let word = word.unwrap_or_else(|| "other".to_owned());
    let word = STRAVA_NUMBERS
        .iter()
        .find(|(number, _)| *number == word)
        .map_or(word.as_str(), |(_, named)| named);
    let sub_word = sub_word.map(snake_case).unwrap_or_default();
    let sub_word = match sub_word.as_str() {
        "generic" | "none" | "all" | "invalid" => "",
        finer => finer,
    };

    let line = |sub: &str| {
        let mut lines = SPORT_WORDS.iter();
        lines.find(|line| line.word == word && line.sub_word == sub)
    };
    let (family, detail, is_inside) = match (line(sub_word), line("")) {
        (Some(exact), Some(_) | None) => (exact.family, exact.detail, exact.indoor),
        (None, Some(coarse)) => (coarse.family, sub_word, coarse.indoor),
        (None, None) if sub_word.is_empty() => (Other, word, false),
        (None, None) => (Other, sub_word, false),
    };
    Mapped {
        sport: Sport {
            family,
            indoor: is_inside || indoor == Some(true),
        },
        detail: detail.to_owned(),
    }
}

/// Whether a fine sport says no more than its family, so that a finer word of
/// another source may stand in its place.
pub fn is_coarse(detail: &str) -> bool {
    matches!(
        detail,
        "run" | "ride" | "walk" | "swim" | "other" | "workout"
    )
}

/// `TrailRun`, `Trail Run` and `trail-run` become `trail_run`.
fn snake_case(word: &str) -> String {
    let letters: Vec<char> = word.trim().chars().collect();
    let mut snake = String::with_capacity(word.len() + 4);
    for (i, letter) in letters.iter().enumerate() {
        if !letter.is_alphanumeric() {
            if !snake.is_empty() && !snake.ends_with('_') {
                snake.push('_');
            }
            continue;
        }
        let before = i.checked_sub(1).map(|b| letters[b]);
        let starts_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_numeric()
                    || (before.is_uppercase()
                        && letters.get(i + 1).is_some_and(|next| next.is_lowercase()))
            });
        if starts_word {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests;
