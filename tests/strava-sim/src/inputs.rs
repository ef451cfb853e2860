//! What the control is told: new athletes and activities, and changes to them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::as_text;

/// Who may see an activity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody.
    #[default]
    Everyone,
    /// Those who follow the athlete.
    FollowersOnly,
    /// The athlete, and programs with `activity:read_all`.
    OnlyMe,
}

impl Visibility {
    /// As Strava writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::FollowersOnly => "followers_only",
            Self::OnlyMe => "only_me",
        }
    }
}

/// An athlete to be added; what is not said is made up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewAthlete {
    /// Their id; none: the next one.
    pub id: Option<i64>,
    /// Their first name.
    pub firstname: Option<String>,
    /// Their last name.
    pub lastname: Option<String>,
    /// IANA zone of what they record without positions; none: Europe/Berlin.
    pub time_zone: Option<String>,
    /// Their shoes, by name; the first are on the feet in every run.
    pub shoes: Vec<String>,
    /// Their bicycles, by name; the first is under every ride.
    pub bikes: Vec<String>,
    /// Places of which only they, and programs with `activity:read_all`, see
    /// positions.
    pub privacy_zones: Vec<PrivacyZone>,
}

/// A place that an athlete hides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivacyZone {
    /// Latitude of its middle, in degrees.
    pub lat_deg: f64,
    /// Longitude of its middle, in degrees.
    pub lng_deg: f64,
    /// Metres from there to its edge.
    pub radius_m: f64,
}

/// What an activity's streams answer while they are not there yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lag {
    /// For so many seconds of the simulator's clock after its creation.
    pub seconds: i64,
    /// For so many requests.
    pub requests: u32,
    /// 200 and `{}` in place of 404.
    pub empty: bool,
}

/// What is said of an activity beside its recording; what is not said comes
/// from the recording or is made up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Details {
    /// Its id, which may be above 2^53; none: the next one.
    pub id: Option<i64>,
    /// Its name; none: the recording's, or `Morning Run`.
    pub name: Option<String>,
    /// Strava's word for the sport, known or not; none: the recording's.
    pub sport_type: Option<String>,
    /// Who may see it.
    pub visibility: Visibility,
    /// What the athlete says of it.
    pub description: Option<String>,
    /// Another start than the recording's: all its times move by as much.
    #[serde(with = "as_text")]
    pub start: Option<Timestamp>,
    /// The zone, which need be no real one; none: that of the first position,
    /// or else the athlete's.
    pub time_zone: Option<String>,
    /// The start that others see is midnight and a second.
    pub hide_start_time: bool,
    /// The name of the uploaded file; none: made up of the upload's id.
    pub external_id: Option<String>,
    /// 1 race, 2 long run, 3 workout; 10 to 12 for rides.
    pub workout_type: Option<i64>,
    /// Whether it was a commute.
    pub commute: bool,
    /// Whether streams hold nulls, also in `time`, as old ones do.
    pub odd_nulls: bool,
    /// How long its streams lag behind; none: as the switch says.
    pub streams_lag: Option<Lag>,
    /// No event is sent, as for what was there before the app was connected.
    pub silent: bool,
}

/// An activity that somebody typed in: it has no streams.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Manual {
    /// Its start; none: an hour before the simulator's now.
    #[serde(with = "as_text")]
    pub start: Option<Timestamp>,
    /// Metres.
    pub distance_m: f64,
    /// Seconds.
    pub elapsed_s: i64,
    /// The rest; `start` there is not looked at.
    pub details: Details,
}

/// A recording to be made from a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Generated {
    /// Chooses one of many worlds.
    pub seed: u64,
    /// Which of that world's recordings.
    pub number: u64,
    /// About how long it lasts, in minutes.
    pub minutes: u32,
}

impl Default for Generated {
    fn default() -> Self {
        Self {
            seed: 1,
            number: 0,
            minutes: 30,
        }
    }
}

/// The seconds of an activity that stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crop {
    /// From so many seconds after its start.
    pub from_s: i64,
    /// To so many seconds after its start.
    pub to_s: i64,
}

/// What an athlete changes of an activity. Name, sport and visibility send an
/// event; crop and gear send none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Edit {
    /// A new name.
    pub name: Option<String>,
    /// Another sport.
    pub sport_type: Option<String>,
    /// Who may see it now.
    pub visibility: Option<Visibility>,
    /// What stays of its track.
    pub crop: Option<Crop>,
    /// Other shoes, or another bicycle.
    pub gear_id: Option<String>,
    /// Another description; it sends no event.
    pub description: Option<String>,
}
