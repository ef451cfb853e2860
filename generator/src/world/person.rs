//! A person who trains for years: where they live, how fast they are, what
//! they like, what they record with.

use super::devices::{BIKE_COMPUTERS, Device, PHONES, WATCHES};
use super::places::{HOMES, Place};
use crate::random::Random;

/// What the draws of a path are for: its second number, behind the athlete's.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub enum Draw {
    /// Of the person.
    Person,
    /// Of a quarter of a year.
    Quarter,
    /// Of a week.
    Week,
    /// Of the motion of an outing.
    Motion,
    /// Of what is recorded, by which device.
    Setup,
    /// Of body and path during an outing.
    Body,
    /// Of the errors of a recording.
    Errors,
}

/// A person.
#[derive(Clone, Debug)]
pub struct Person {
    /// The world that they live in.
    pub seed: u64,
    /// Which athlete, from 1.
    pub number: u64,
    /// Where they live.
    pub home: &'static Place,
    /// An easy run, in cm/s.
    pub run_cm_s: u32,
    /// An easy ride, in cm/s.
    pub ride_cm_s: u32,
    /// An easy swim, in cm/s.
    pub swim_cm_s: u32,
    /// A walk, in cm/s.
    pub walk_cm_s: u32,
    /// How often they train in a usual week.
    pub sessions: usize,
    /// Whether they own a bicycle.
    pub rides: bool,
    /// Whether they go swimming.
    pub swims: bool,
    /// Whether they lift weights.
    pub lifts: bool,
    /// The length of their pool, in cm.
    pub pool_cm: u32,
    /// Whether their watch stops by itself where they stand.
    pub auto_pause: bool,
    /// Heart rate at rest.
    pub rest_bpm: f64,
    /// Heart rate at an easy effort.
    pub easy_bpm: f64,
    /// Rider and machine, in kg.
    pub weight_kg: f64,
    /// On the wrist.
    pub watch: &'static Device,
    /// On the handlebar.
    pub bike_computer: &'static Device,
    /// In the pocket.
    pub phone: &'static Device,
}

impl Person {
    /// The athlete of this number, from 1.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut random = Random::at(seed, &[number, Draw::Person as u64]);
        Self {
            seed,
            number,
            home: random.one_of(HOMES),
            run_cm_s: random.whole(230, 370),
            ride_cm_s: random.whole(560, 860),
            swim_cm_s: random.whole(80, 135),
            walk_cm_s: random.whole(115, 160),
            sessions: random.whole(4, 9) as usize,
            rides: random.chance(0.75),
            swims: random.chance(0.5),
            lifts: random.chance(0.5),
            // 25 m, 50 m and 25 yards.
            pool_cm: *random.one_of(&[2_500, 5_000, 2_286]),
            auto_pause: random.chance(0.3),
            rest_bpm: random.between(44.0, 66.0),
            easy_bpm: random.between(128.0, 148.0),
            weight_kg: random.between(62.0, 94.0),
            watch: random.one_of(WATCHES),
            bike_computer: random.one_of(BIKE_COMPUTERS),
            phone: random.one_of(PHONES),
        }
    }

    /// The sequence for `draw` at the end of `path`, which each athlete has
    /// for themselves.
    pub fn random(&self, draw: Draw, path: &[u64]) -> Random {
        let path = [&[self.number, draw as u64][..], path].concat();
        Random::at(self.seed, &path)
    }
}
