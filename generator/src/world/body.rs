//! Second by second: where a body is on its legs, and how it does.
//!
//! The path turns and comes back, heart and slope wander around what the moment
//! asks for. As in the motion of plain recordings there are only operations
//! that every machine rounds alike.

use super::calendar::Session;
use super::legs::Leg;
use super::person::{Draw, Person};
use super::sport::Sport;
use crate::random::{Random, Wander};

/// How far from its start an outing leads before it turns back, in metres.
const REACH_M: f64 = 6_000.0;

/// One second of an outing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Degrees north.
    pub lat_deg: f64,
    /// Degrees east.
    pub lng_deg: f64,
    /// How far, in cm, since the start; rounded where it is no whole number.
    pub distance_cm: u32,
    /// How fast, in cm/s.
    pub speed_cm_s: u32,
    /// Metres above the sea.
    pub altitude_m: f64,
    /// Beats per minute.
    pub heart_rate_bpm: u8,
    /// Steps of one leg, strokes or turns, per minute.
    pub cadence_rpm: u8,
    /// Watts.
    pub power_w: u16,
    /// Degrees Celsius.
    pub temperature_c: i8,
    /// Whether two legs meet here, or one begins or ends.
    pub corner: bool,
    /// Whether it lies within a marked pause, not at its ends.
    pub in_pause: bool,
    /// Whether a marked pause begins or ends here.
    pub pause_edge: bool,
}

/// The moments of an outing: one a second, the first and the last included.
pub fn moments(person: &Person, session: &Session, legs: &[Leg]) -> Vec<Moment> {
    let lasts_s: u32 = legs.iter().map(|leg| leg.lasts_s).sum();
    let mut moments = Vec::with_capacity(lasts_s as usize + 1);
    let mut body = Body::new(person, session);
    let mut covered_cm = 0;
    let mut after_pause = false;
    moments.push(body.moment(0, 0));
    for leg in legs {
        mark(moments.last_mut(), leg.paused || after_pause);
        for second in 1..=leg.lasts_s {
            let part = u64::from(leg.covers_cm) * u64::from(second);
            let lasts = u64::from(leg.lasts_s);
            let part_cm = ((2 * part + lasts) / (2 * lasts)) as u32;
            body.live(leg);
            let mut moment = body.moment(covered_cm + part_cm, leg.covers_cm / leg.lasts_s);
            moment.in_pause = leg.paused && second < leg.lasts_s;
            moments.push(moment);
        }
        covered_cm += leg.covers_cm;
        after_pause = leg.paused;
    }
    mark(moments.last_mut(), after_pause);
    moments
}

fn mark(moment: Option<&mut Moment>, pause_edge: bool) {
    if let Some(moment) = moment {
        moment.corner = true;
        moment.pause_edge = pause_edge;
    }
}

/// A body on its way.
struct Body<'a> {
    session: &'a Session,
    random: Random,
    /// Degrees, and metres east and north of the start.
    position: (f64, f64),
    place: (f64, f64),
    heading: (f64, f64),
    turning: Wander,
    slope: Wander,
    push: Wander,
    altitude_m: f64,
    rest_bpm: f64,
    easy_bpm: f64,
    heart_bpm: f64,
    weight_kg: f64,
    temperature_c: f64,
    /// An easy speed, in m/s.
    easy_m_s: f64,
    speed_m_s: f64,
    power_w: f64,
}

impl<'a> Body<'a> {
    fn new(person: &Person, session: &'a Session) -> Self {
        let mut random = person.random(Draw::Body, &session.path);
        let heading = unit(random.normal(), random.normal());
        let near = (random.between(-400.0, 400.0), random.between(-400.0, 400.0));
        let place = session.place;
        let by_deg = place.degrees(place.lat_deg, near);
        let easy_cm_s = match session.kind.sport() {
            Sport::Run | Sport::Treadmill => person.run_cm_s,
            Sport::Ride | Sport::Trainer => person.ride_cm_s,
            Sport::Swim => person.swim_cm_s,
            Sport::Hike | Sport::Walk | Sport::Gym => person.walk_cm_s,
        };
        Self {
            session,
            position: (place.lat_deg + by_deg.0, place.lng_deg + by_deg.1),
            place: (0.0, 0.0),
            heading,
            turning: Wander::new(12.0, 0.04),
            slope: Wander::new(90.0, place.hills),
            push: Wander::new(3.0, 0.16),
            altitude_m: place.altitude_m,
            rest_bpm: person.rest_bpm,
            easy_bpm: person.easy_bpm,
            heart_bpm: person.rest_bpm + 25.0,
            weight_kg: person.weight_kg,
            temperature_c: random.between(2.0, 27.0),
            easy_m_s: f64::from(easy_cm_s) / 100.0,
            speed_m_s: 0.0,
            power_w: 0.0,
            random,
        }
    }

    /// Lets a second of a leg pass.
    fn live(&mut self, leg: &Leg) {
        let speed_m_s = f64::from(leg.covers_cm) / f64::from(leg.lasts_s) / 100.0;
        self.speed_m_s = speed_m_s;
        let mut slope = self.slope.step(&mut self.random);
        let push = 1.0 + self.push.step(&mut self.random);
        self.turn();
        if speed_m_s > 0.0 {
            let (east_m, north_m) = (self.heading.0 * speed_m_s, self.heading.1 * speed_m_s);
            let place = self.session.place;
            let by_deg = place.degrees(self.position.0, (east_m, north_m));
            self.position.0 += by_deg.0;
            self.position.1 += by_deg.1;
            self.place.0 += east_m;
            self.place.1 += north_m;
            self.altitude_m += slope * speed_m_s;
            self.altitude_m += 0.0005 * (place.altitude_m - self.altitude_m);
        } else {
            slope = 0.0;
        }
        // Rolling and climbing resistance, and that of the air.
        let force = self.weight_kg * 9.81 * (slope + 0.005) + 0.2 * speed_m_s * speed_m_s;
        self.power_w = (force * speed_m_s * push).clamp(0.0, 900.0);
        let effort = speed_m_s / self.easy_m_s;
        let resting = self.rest_bpm + 22.0;
        let asked = resting + (self.easy_bpm - resting) * effort + 250.0 * slope;
        self.heart_bpm += 0.03 * (asked - self.heart_bpm) + 0.25 * self.random.normal();
        self.temperature_c += 0.01 * self.random.normal();
    }

    fn turn(&mut self) {
        let (east, north) = self.place;
        let mut by = self.turning.step(&mut self.random);
        if east * east + north * north > REACH_M * REACH_M {
            // Towards the start: the side on which it lies.
            let side = self.heading.0 * -north - self.heading.1 * -east;
            by += if side > 0.0 { 0.03 } else { -0.03 };
        }
        let (x, y) = self.heading;
        self.heading = unit(x - by * y, y + by * x);
    }

    fn moment(&self, distance_cm: u32, speed_cm_s: u32) -> Moment {
        let cadence = match self.session.kind.sport() {
            _ if self.speed_m_s == 0.0 => 0.0,
            Sport::Run | Sport::Treadmill => 74.0 + 4.0 * self.speed_m_s,
            Sport::Ride | Sport::Trainer => 60.0 + 3.0 * self.speed_m_s,
            Sport::Swim => 28.0,
            Sport::Hike | Sport::Walk | Sport::Gym => 50.0,
        };
        Moment {
            lat_deg: self.position.0,
            lng_deg: self.position.1,
            distance_cm,
            speed_cm_s,
            altitude_m: self.altitude_m,
            heart_rate_bpm: self.heart_bpm.clamp(35.0, 210.0) as u8,
            cadence_rpm: cadence as u8,
            power_w: self.power_w as u16,
            temperature_c: self.temperature_c as i8,
            corner: false,
            in_pause: false,
            pause_edge: false,
        }
    }
}

/// The direction of a vector.
fn unit(x: f64, y: f64) -> (f64, f64) {
    let length = (x * x + y * y).sqrt().max(1e-9);
    (x / length, y / length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::calendar::week;
    use crate::world::legs::legs;

    #[test]
    fn a_body_is_on_its_legs_at_every_second() {
        let person = Person::new(6, 2);
        let mut edges = 0;
        for session in (0..20).flat_map(|number| week(&person, number)) {
            let legs = legs(&person, &session);
            let moments = moments(&person, &session, &legs);
            let mut at = 0;
            for leg in &legs {
                let (from, to) = (moments[at], moments[at + leg.lasts_s as usize]);
                assert!(from.corner && to.corner);
                assert_eq!(to.distance_cm - from.distance_cm, leg.covers_cm);
                if leg.paused {
                    assert!(from.pause_edge && to.pause_edge);
                    edges += 1;
                }
                let within = &moments[at + 1..at + leg.lasts_s as usize];
                assert!(within.iter().all(|m| m.in_pause == leg.paused && !m.corner));
                at += leg.lasts_s as usize;
            }
            assert_eq!(at + 1, moments.len());
            let far = |m: &Moment| (m.lat_deg - session.place.lat_deg).abs() > 0.2;
            assert!(!moments.iter().any(far));
        }
        assert!(edges > 5);
    }
}
