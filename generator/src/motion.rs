//! How a body moves over the ground, second by second.
//!
//! Speed, slope, heart rate and the error of the position wander slowly around
//! what the moment asks for, so that neighbouring samples are alike, as they
//! are in recordings, and pack as those do.

use crate::athlete::Athlete;
use crate::outing::{Outing, Sport, Stop};
use crate::random::{Random, Wander};

/// Metres of a degree of latitude.
const DEGREE_M: f64 = 111_195.0;
/// How far from home an outing leads before it turns back, in metres.
const REACH_M: f64 = 6_000.0;
/// The pull of the Earth, in m/s².
const GRAVITY: f64 = 9.81;
/// Rolling resistance of a road tyre.
const ROLLING: f64 = 0.005;
/// Half of the air's density times a rider's drag area, in kg/m.
const DRAG: f64 = 0.2;

/// What a watch writes down in one second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Seconds since the start.
    pub at_s: u32,
    /// Degrees north.
    pub lat_deg: f64,
    /// Degrees east.
    pub lng_deg: f64,
    /// Metres since the start.
    pub distance_m: f64,
    /// Metres per second.
    pub speed_m_s: f64,
    /// Metres above the sea.
    pub altitude_m: f64,
    /// Beats per minute.
    pub heart_rate_bpm: Option<u8>,
    /// Steps of one leg, or turns, per minute.
    pub cadence_rpm: u8,
    /// Watts; rides only.
    pub power_w: Option<u16>,
    /// Degrees Celsius.
    pub temperature_c: i8,
}

/// The samples of an outing, in order of time.
pub struct Motion<'a> {
    athlete: &'a Athlete,
    outing: &'a Outing,
    random: Random,
    at_s: u32,
    /// Metres east and north of home, and the direction of travel.
    place: (f64, f64),
    heading: (f64, f64),
    turning: Wander,
    slope: Wander,
    pace: Wander,
    push: Wander,
    error: (Wander, Wander),
    distance_m: f64,
    speed_m_s: f64,
    altitude_m: f64,
    heart_bpm: f64,
    temperature_c: f64,
}

impl<'a> Motion<'a> {
    /// At the start of the outing.
    pub fn new(athlete: &'a Athlete, outing: &'a Outing) -> Self {
        let mut random = outing.random.clone();
        let heading = unit(random.normal(), random.normal());
        let temperature_c = random.between(2.0, 27.0);
        let error = Wander::new(60.0, 2.5);
        Self {
            athlete,
            outing,
            at_s: 0,
            place: (random.between(-200.0, 200.0), random.between(-200.0, 200.0)),
            heading,
            turning: Wander::new(12.0, 0.04),
            slope: Wander::new(90.0, athlete.home.hills),
            pace: Wander::new(45.0, 0.05),
            push: Wander::new(3.0, 0.16),
            error: (error.clone(), error),
            distance_m: 0.0,
            speed_m_s: 0.0,
            altitude_m: athlete.home.altitude_m,
            heart_bpm: athlete.rest_bpm + 25.0,
            temperature_c,
            random,
        }
    }

    /// The stop that this second lies in.
    fn stop(&self) -> Option<Stop> {
        let within = |stop: &&Stop| (stop.from_s..stop.from_s + stop.lasts_s).contains(&self.at_s);
        self.outing.stops.iter().find(within).copied()
    }

    /// How hard this second is, as a factor.
    fn effort(&self) -> f64 {
        let interval_s = self.outing.interval_s;
        let warm_s = 600;
        if interval_s == 0 || self.at_s < warm_s {
            return self.outing.effort;
        }
        match ((self.at_s - warm_s) / interval_s).is_multiple_of(2) {
            true => self.outing.effort * 1.28,
            false => self.outing.effort * 0.82,
        }
    }

    fn turn(&mut self) {
        let (east, north) = self.place;
        let mut by = self.turning.step(&mut self.random);
        if east * east + north * north > REACH_M * REACH_M {
            // Towards home: the side on which it lies.
            let side = self.heading.0 * -north - self.heading.1 * -east;
            by += if side > 0.0 { 0.03 } else { -0.03 };
        }
        let (x, y) = self.heading;
        self.heading = unit(x - by * y, y + by * x);
    }

    /// Speed, slope, power and cadence of this second.
    fn drive(&mut self) -> (f64, Option<u16>, u8) {
        let slope = self.slope.step(&mut self.random);
        let pace = 1.0 + self.pace.step(&mut self.random);
        let effort = self.effort();
        match self.outing.sport {
            Sport::Run => {
                let slowed = (1.0 - 3.0 * slope).clamp(0.5, 1.25);
                let wanted = self.athlete.run_m_s * effort * pace * slowed;
                self.speed_m_s += 0.25 * (wanted - self.speed_m_s);
                let cadence = 76.0 + 4.0 * self.speed_m_s + self.random.normal();
                (slope, None, cadence.clamp(0.0, 120.0) as u8)
            }
            Sport::Ride => {
                let push = 1.0 + self.push.step(&mut self.random);
                let coasts = slope < -0.03;
                let watts = match coasts {
                    true => 0.0,
                    false => self.athlete.ride_w * effort * pace * push * (1.0 + 8.0 * slope),
                };
                let watts = watts.max(0.0);
                let speed = self.speed_m_s.max(1.0);
                let force = watts / speed
                    - self.athlete.weight_kg * GRAVITY * (slope + ROLLING)
                    - DRAG * speed * speed;
                let faster = (force / self.athlete.weight_kg).clamp(-2.0, 1.0);
                self.speed_m_s = (self.speed_m_s + faster).clamp(1.5, 19.0);
                let cadence = if coasts {
                    0.0
                } else {
                    86.0 + 60.0 * (pace - 1.0) + 1.5 * self.random.normal()
                };
                (slope, Some(watts as u16), cadence.clamp(0.0, 130.0) as u8)
            }
        }
    }
}

impl Iterator for Motion<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        let (mut power_w, mut cadence_rpm) = (None, 0);
        loop {
            if self.at_s > self.outing.lasts_s {
                return None;
            }
            let stop = self.stop();
            let mut asked = self.athlete.rest_bpm + 22.0;
            if stop.is_some() {
                self.speed_m_s = 0.0;
                if self.outing.sport == Sport::Ride {
                    power_w = Some(0);
                }
            } else {
                self.turn();
                let slope;
                (slope, power_w, cadence_rpm) = self.drive();
                let v = self.speed_m_s;
                self.place.0 += self.heading.0 * v;
                self.place.1 += self.heading.1 * v;
                self.distance_m += v;
                self.altitude_m += slope * v;
                // Back to where the land lies.
                self.altitude_m += 0.0005 * (self.athlete.home.altitude_m - self.altitude_m);
                let drift = f64::from(self.at_s) / 1_200.0;
                asked = self.athlete.easy_bpm * (0.4 + 0.6 * self.effort()) + 250.0 * slope + drift;
            }
            self.heart_bpm += 0.03 * (asked - self.heart_bpm) + 0.25 * self.random.normal();
            self.temperature_c += 0.01 * self.random.normal();
            let at_s = self.at_s;
            self.at_s += 1;
            let error = (
                self.error.0.step(&mut self.random),
                self.error.1.step(&mut self.random),
            );
            // A watch that is told to stop writes nothing, and now and then it
            // misses a second.
            let missed = at_s > 0 && self.random.chance(0.001);
            if stop.is_some_and(|stop| stop.marked) || missed {
                continue;
            }
            let home = self.athlete.home;
            return Some(Sample {
                at_s,
                lat_deg: home.lat_deg + (self.place.1 + error.1) / DEGREE_M,
                lng_deg: home.lng_deg + (self.place.0 + error.0) / (DEGREE_M * home.cos_lat),
                distance_m: self.distance_m,
                speed_m_s: self.speed_m_s,
                altitude_m: self.altitude_m,
                heart_rate_bpm: self
                    .outing
                    .has_heart_rate
                    .then(|| self.heart_bpm.clamp(35.0, 215.0) as u8),
                cadence_rpm,
                power_w,
                temperature_c: self.temperature_c as i8,
            });
        }
    }
}

/// The direction of a vector.
fn unit(x: f64, y: f64) -> (f64, f64) {
    let length = (x * x + y * y).sqrt().max(1e-9);
    (x / length, y / length)
}
