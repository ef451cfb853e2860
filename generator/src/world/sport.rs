//! What is done, and the words that each format has for it.

use rustyfit::profile::typedef::{self, SubSport};

/// A sport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sport {
    /// On foot, outside.
    Run,
    /// On a treadmill.
    Treadmill,
    /// On a road bike.
    Ride,
    /// On a bike that stands.
    Trainer,
    /// In a pool.
    Swim,
    /// Up and down hills.
    Hike,
    /// Around the corner.
    Walk,
    /// With weights, without any distance.
    Gym,
}

/// The words and limits of a sport.
#[derive(Debug)]
pub struct Words {
    /// Its family and whether it is inside, as the truth has it.
    pub family: &'static str,
    /// In names of files.
    pub file: &'static str,
    /// In FIT.
    pub fit: (typedef::Sport, SubSport),
    /// In an account archive of Strava's.
    pub strava: &'static str,
    /// In GPX.
    pub gpx: &'static str,
    /// In TCX.
    pub tcx: &'static str,
    /// Whether there are no positions.
    pub inside: bool,
    /// The least speed that is movement, in cm/s; by definition.
    pub least_moving_cm_s: u32,
    /// A lap that a device takes by itself, in cm.
    pub lap_cm: u32,
}

const RUN: Words = Words {
    family: "run",
    file: "run",
    fit: (typedef::Sport::RUNNING, SubSport::GENERIC),
    strava: "Run",
    gpx: "running",
    tcx: "Running",
    inside: false,
    least_moving_cm_s: 50,
    lap_cm: 100_000,
};

const TREADMILL: Words = Words {
    family: "run_indoor",
    file: "treadmill",
    fit: (typedef::Sport::RUNNING, SubSport::TREADMILL),
    inside: true,
    ..RUN
};

const RIDE: Words = Words {
    family: "ride",
    file: "ride",
    fit: (typedef::Sport::CYCLING, SubSport::ROAD),
    strava: "Ride",
    gpx: "cycling",
    tcx: "Biking",
    inside: false,
    least_moving_cm_s: 100,
    lap_cm: 500_000,
};

const TRAINER: Words = Words {
    family: "ride_indoor",
    file: "trainer",
    fit: (typedef::Sport::CYCLING, SubSport::INDOOR_CYCLING),
    inside: true,
    ..RIDE
};

const SWIM: Words = Words {
    family: "swim",
    file: "swim",
    fit: (typedef::Sport::SWIMMING, SubSport::LAP_SWIMMING),
    strava: "Swim",
    gpx: "swimming",
    tcx: "Other",
    inside: true,
    least_moving_cm_s: 20,
    lap_cm: u32::MAX,
};

const HIKE: Words = Words {
    family: "walk",
    file: "hike",
    fit: (typedef::Sport::HIKING, SubSport::GENERIC),
    strava: "Hike",
    gpx: "hiking",
    tcx: "Other",
    inside: false,
    least_moving_cm_s: 50,
    lap_cm: 100_000,
};

const WALK: Words = Words {
    file: "walk",
    fit: (typedef::Sport::WALKING, SubSport::GENERIC),
    strava: "Walk",
    gpx: "walking",
    ..HIKE
};

const GYM: Words = Words {
    family: "other",
    file: "gym",
    fit: (typedef::Sport::TRAINING, SubSport::STRENGTH_TRAINING),
    strava: "Weight Training",
    gpx: "training",
    tcx: "Other",
    inside: true,
    least_moving_cm_s: 50,
    lap_cm: u32::MAX,
};

impl Sport {
    /// Its words and limits.
    pub fn words(self) -> &'static Words {
        match self {
            Self::Run => &RUN,
            Self::Treadmill => &TREADMILL,
            Self::Ride => &RIDE,
            Self::Trainer => &TRAINER,
            Self::Swim => &SWIM,
            Self::Hike => &HIKE,
            Self::Walk => &WALK,
            Self::Gym => &GYM,
        }
    }

    /// Whether it covers any distance.
    pub fn has_distance(self) -> bool {
        self != Self::Gym
    }

    /// Whether there are turns of a crank, with a power meter on it.
    pub fn has_power(self) -> bool {
        matches!(self, Self::Ride | Self::Trainer)
    }
}
