//! One outing: when, what, how long, with which stops.

use crate::athlete::Athlete;
use crate::plan::Plan;
use crate::random::Random;

/// The first day on which there can be one: 2010-01-01.
const FIRST_DAY_UNIX_S: i64 = 1_262_304_000;
/// All lie within about fifteen years.
const SPAN_S: i64 = 15 * 365 * DAY_S;
const DAY_S: i64 = 86_400;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sport {
    /// On foot.
    Run,
    /// On a road bike, with a power meter.
    Ride,
}

impl Sport {
    /// Its name in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Ride => "ride",
        }
    }

    /// A lap that the watch takes by itself, in metres.
    pub fn lap_m(self) -> f64 {
        match self {
            Self::Run => 1_000.0,
            Self::Ride => 5_000.0,
        }
    }
}

/// A stop, and whether the watch was told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// In seconds since the start.
    pub from_s: u32,
    /// How long.
    pub lasts_s: u32,
    /// Whether the timer was stopped, so that nothing was recorded.
    pub marked: bool,
}

/// One outing.
#[derive(Clone, Debug)]
pub struct Outing {
    /// Seconds since 1970, in UTC.
    pub start_unix_s: i64,
    /// What is done.
    pub sport: Sport,
    /// From start to end, stops included.
    pub lasts_s: u32,
    /// In order of time, none touching another.
    pub stops: Vec<Stop>,
    /// How hard it is; 1 is easy.
    pub effort: f64,
    /// Seconds of each hard piece and of the rest after it; 0: none.
    pub interval_s: u32,
    /// Whether a chest strap was worn.
    pub has_heart_rate: bool,
    /// What its motion draws from.
    pub random: Random,
}

impl Outing {
    /// The outing of this `number`, the `turn`th of `each` that its athlete has.
    pub fn new(plan: &Plan, athlete: &Athlete, number: u64, turn: u64, each: u64) -> Self {
        let mut random = Random::of(plan.seed, number);
        let sport = match random.chance(0.62) {
            true => Sport::Run,
            false => Sport::Ride,
        };
        let minutes = match plan.minutes {
            Some(minutes) => f64::from(minutes) * random.between(0.5, 1.5),
            None => random.between(30.0, 90.0),
        };
        let lasts_s = (minutes * 60.0).max(30.0) as u32;
        // Once a day, or oftener where a life has no room for so many.
        let slot_s = DAY_S.min(SPAN_S / i64::try_from(each.max(1)).unwrap_or(i64::MAX));
        let within_s = if slot_s == DAY_S {
            let hour_s = random.between(6.0, 19.5) * 3_600.0;
            hour_s as i64 - athlete.home.utc_offset_s
        } else {
            (random.unit() * slot_s as f64 / 2.0) as i64
        };
        let turn = i64::try_from(turn).unwrap_or(i64::MAX);
        let interval_s = match random.chance(0.2) {
            true => 60 + 30 * random.below(5) as u32,
            false => 0,
        };
        Self {
            start_unix_s: FIRST_DAY_UNIX_S + slot_s.saturating_mul(turn) + within_s,
            sport,
            lasts_s,
            stops: stops(&mut random, lasts_s),
            effort: random.between(0.92, 1.12),
            interval_s,
            has_heart_rate: !random.chance(0.05),
            random,
        }
    }
}

/// None to three stops of each kind, in the middle of the outing.
fn stops(random: &mut Random, lasts_s: u32) -> Vec<Stop> {
    let mut stops: Vec<Stop> = Vec::new();
    let count = random.below(4);
    let piece_s = lasts_s / (count as u32 + 1);
    for number in 1..=count as u32 {
        let marked = random.chance(0.4);
        let longest_s = if marked { 400.0 } else { 60.0 };
        let lasts_s = random.between(8.0, longest_s) as u32;
        // Short outings have no room for long stops.
        if lasts_s * 2 < piece_s {
            let early_s = (random.unit() * f64::from(piece_s / 4)) as u32;
            stops.push(Stop {
                from_s: number * piece_s - early_s - lasts_s / 2,
                lasts_s,
                marked,
            });
        }
    }
    stops
}
