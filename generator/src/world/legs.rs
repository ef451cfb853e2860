//! The true motion of an outing: legs of constant speed.
//!
//! A leg lasts whole seconds and covers whole centimetres, outside of pools
//! whole centimetres each second, so that whatever is asked of the motion has
//! an exact answer, and a device that writes a sample a second sees all of it.
//! Where nothing moves, it does so for longer than devices repeat a distance;
//! what moves is clearly slower or faster than the least speed that counts as
//! movement. So the truth is beyond dispute.

use super::calendar::{Kind, Session};
use super::person::{Draw, Person};
use super::sport::Sport;
use crate::random::Random;

/// The shortest time for which anybody stands, in s.
const SHORTEST_STAND_S: u32 = 6;
/// The shortest pause that a device marks, in s: shorter breaks of a GPX track
/// are none.
const SHORTEST_PAUSE_S: u32 = 12;

/// A stretch at constant speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// How long, in s; above 0.
    pub lasts_s: u32,
    /// How far, in cm.
    pub covers_cm: u32,
    /// Whether the device was told to stop, or stopped by itself; nothing is
    /// covered then.
    pub paused: bool,
}

/// How often something comes between two legs, as shares.
#[derive(Clone, Copy)]
struct Breaks {
    /// Standing, as at a traffic light.
    stand: f64,
    /// A pause that the device marks.
    pause: f64,
    /// Hardly moving, as in a crowd.
    creep: f64,
}

const ROAD: Breaks = Breaks {
    stand: 0.07,
    pause: 0.015,
    creep: 0.01,
};
const INSIDE: Breaks = Breaks {
    stand: 0.0,
    pause: 0.03,
    creep: 0.0,
};
const NONE: Breaks = Breaks {
    stand: 0.0,
    pause: 0.0,
    creep: 0.0,
};

/// The legs of a session, in order; at least one, the last of them not paused.
pub fn legs(person: &Person, session: &Session) -> Vec<Leg> {
    let sport = session.kind.sport();
    let mut course = Course {
        legs: Vec::new(),
        random: person.random(Draw::Motion, &session.path),
        sport,
        auto_pause: person.auto_pause,
    };
    if !sport.words().inside && course.random.chance(0.25) {
        // Waiting for satellites.
        course.stand_for(5, 25);
    }
    let fit = |cm_s: u32| cm_s * session.fitness / 100;
    let minutes = |course: &mut Course, low: u32, high: u32| {
        course.random.whole(low * 60, high * 60) * session.volume / 100
    };
    let run = fit(person.run_cm_s);
    match session.kind {
        Kind::EasyRun => {
            let lasts_s = minutes(&mut course, 28, 60);
            course.steady(lasts_s, run, (20, 150), 0.08, ROAD);
        }
        Kind::LongRun => {
            let lasts_s = minutes(&mut course, 80, 150);
            course.steady(lasts_s, run * 96 / 100, (30, 200), 0.07, ROAD);
        }
        Kind::Tempo => {
            course.steady(720, run, (20, 120), 0.06, ROAD);
            let lasts_s = minutes(&mut course, 15, 30);
            course.steady(lasts_s, run * 118 / 100, (30, 180), 0.03, NONE);
            course.steady(600, run * 92 / 100, (20, 120), 0.06, ROAD);
        }
        Kind::Intervals => course.intervals(run),
        Kind::Race(cm) => {
            // The longer, the slower.
            let percent = match cm {
                0..=200_000 => 140,
                200_001..=600_000 => 128,
                600_001..=1_200_000 => 122,
                1_200_001..=2_200_000 => 115,
                _ => 107,
            };
            course.exactly(cm, run * percent / 100, (20, 90), 0.04);
        }
        Kind::Treadmill => {
            let lasts_s = minutes(&mut course, 25, 50);
            course.steady(lasts_s, run, (60, 300), 0.05, INSIDE);
        }
        Kind::Ride => {
            let lasts_s = minutes(&mut course, 60, 130);
            course.steady(lasts_s, fit(person.ride_cm_s), (15, 180), 0.3, ROAD);
        }
        Kind::LongRide => {
            let ride = fit(person.ride_cm_s);
            let lasts_s = minutes(&mut course, 75, 150);
            course.steady(lasts_s, ride, (20, 240), 0.28, ROAD);
            course.pause_for(900, 1_800);
            let lasts_s = minutes(&mut course, 75, 150);
            course.steady(lasts_s, ride * 97 / 100, (20, 240), 0.28, ROAD);
        }
        Kind::Trainer => {
            let lasts_s = minutes(&mut course, 40, 80);
            course.steady(lasts_s, fit(person.ride_cm_s), (60, 300), 0.12, INSIDE);
        }
        Kind::Swim => course.swim(person.pool_cm, fit(person.swim_cm_s)),
        Kind::Hike => {
            let lasts_s = minutes(&mut course, 120, 330);
            course.steady(lasts_s, person.walk_cm_s * 85 / 100, (40, 300), 0.25, ROAD);
        }
        Kind::Walk => {
            let lasts_s = minutes(&mut course, 20, 60);
            course.steady(lasts_s, person.walk_cm_s, (30, 200), 0.1, ROAD);
        }
        Kind::Gym => {
            let lasts_s = minutes(&mut course, 12, 30);
            course.rest(lasts_s, false);
            course.pause_for(30, 240);
            let lasts_s = minutes(&mut course, 12, 30);
            course.rest(lasts_s, false);
        }
    }
    if sport.has_distance() && sport != Sport::Swim && course.random.chance(0.06) {
        // Nobody told the device that it was over.
        let lasts_s = course.random.whole(60, 900);
        course.rest(lasts_s, false);
    }
    course.legs
}

/// Legs in the making.
struct Course {
    legs: Vec<Leg>,
    random: Random,
    sport: Sport,
    auto_pause: bool,
}

impl Course {
    /// Goes on at this speed.
    fn go(&mut self, lasts_s: u32, cm_s: u32) {
        if lasts_s > 0 {
            self.legs.push(Leg {
                lasts_s,
                covers_cm: lasts_s * cm_s,
                paused: false,
            });
        }
    }

    /// Moves no further.
    fn rest(&mut self, lasts_s: u32, paused: bool) {
        self.legs.push(Leg {
            lasts_s: lasts_s.max(SHORTEST_STAND_S),
            covers_cm: 0,
            paused,
        });
    }

    /// Stands, which some devices notice.
    fn stand_for(&mut self, low_s: u32, high_s: u32) {
        let lasts_s = self.random.whole(low_s, high_s);
        let noticed = self.auto_pause && lasts_s >= SHORTEST_PAUSE_S && !self.legs.is_empty();
        self.rest(lasts_s, noticed);
    }

    /// Tells the device to stop.
    fn pause_for(&mut self, low_s: u32, high_s: u32) {
        let lasts_s = self.random.whole(low_s, high_s);
        self.rest(lasts_s, true);
    }

    /// About `cm_s` for so long, in pieces of `pieces_s` that differ by
    /// `spread`, with `breaks` between them.
    fn steady(
        &mut self,
        lasts_s: u32,
        cm_s: u32,
        pieces_s: (u32, u32),
        spread: f64,
        breaks: Breaks,
    ) {
        let mut left_s = lasts_s;
        while left_s > 0 {
            let mut piece_s = self.random.whole(pieces_s.0, pieces_s.1).min(left_s);
            if left_s - piece_s < pieces_s.0 {
                piece_s = left_s;
            }
            let speed = self.about(cm_s, spread);
            self.go(piece_s, speed);
            left_s -= piece_s;
            if left_s > 0 {
                self.between(breaks);
            }
        }
    }

    fn between(&mut self, breaks: Breaks) {
        let drawn = self.random.unit();
        if drawn < breaks.stand {
            self.stand_for(SHORTEST_STAND_S, 60);
        } else if drawn < breaks.stand + breaks.pause {
            self.pause_for(30, 600);
        } else if drawn < breaks.stand + breaks.pause + breaks.creep {
            // Clearly below the least speed that is movement.
            let least = self.sport.words().least_moving_cm_s;
            let (lasts_s, cm_s) = (
                self.random.whole(20, 60),
                self.random.whole(least * 3 / 10, least * 7 / 10),
            );
            self.go(lasts_s, cm_s);
        }
    }

    /// A speed near this one, clearly above the least that is movement and
    /// below what is impossible.
    fn about(&mut self, cm_s: u32, spread: f64) -> u32 {
        let drawn = f64::from(cm_s) * self.random.between(1.0 - spread, 1.0 + spread);
        let least = self.sport.words().least_moving_cm_s;
        (drawn as u32).clamp(least * 3 / 2, 1_200)
    }

    /// So many cm at about `cm_s`, to the cm.
    fn exactly(&mut self, cm: u32, cm_s: u32, pieces_s: (u32, u32), spread: f64) {
        let mut left_cm = cm;
        while left_cm > 2 * pieces_s.1 * cm_s {
            let lasts_s = self.random.whole(pieces_s.0, pieces_s.1);
            let speed = self.about(cm_s, spread);
            self.go(lasts_s, speed);
            left_cm -= lasts_s * speed;
        }
        let lasts_s = (left_cm / cm_s.max(1)).max(1);
        let (speed, rest) = (left_cm / lasts_s, left_cm % lasts_s);
        // As many seconds one cm faster as there are cm left over.
        self.go(lasts_s - rest, speed);
        self.go(rest, speed + 1);
    }

    /// Warm up, fast and slow in turn, cool down.
    fn intervals(&mut self, run_cm_s: u32) {
        self.steady(900, run_cm_s * 96 / 100, (20, 120), 0.06, ROAD);
        let by_distance = self.random.chance(0.5);
        let (cm, seconds) = *self
            .random
            .one_of(&[(40_000, 60), (80_000, 120), (100_000, 180)]);
        let repeats = match cm {
            40_000 => self.random.whole(8, 12),
            80_000 => self.random.whole(5, 8),
            _ => self.random.whole(4, 6),
        };
        let stands = self.random.chance(0.3);
        for _ in 0..repeats {
            let speed = self.about(run_cm_s * 132 / 100, 0.03);
            if by_distance {
                self.exactly(cm, speed, (10, 20), 0.02);
            } else {
                self.go(seconds, speed);
            }
            if stands {
                self.stand_for(45, 90);
            } else {
                let (lasts_s, speed) = (
                    self.random.whole(60, 120),
                    self.about(run_cm_s * 70 / 100, 0.05),
                );
                self.go(lasts_s, speed);
            }
        }
        self.steady(600, run_cm_s * 90 / 100, (20, 120), 0.06, ROAD);
    }

    /// Sets of lengths with a rest at the wall after each but the last.
    fn swim(&mut self, pool_cm: u32, cm_s: u32) {
        let sets = self.random.whole(4, 10);
        for set in 1..=sets {
            let lengths = 2 * self.random.whole(2, 8);
            for _ in 0..lengths {
                let about_s = pool_cm / cm_s.max(1);
                let lasts_s = self
                    .random
                    .whole(about_s.saturating_sub(2), about_s + 2)
                    .max(10);
                self.legs.push(Leg {
                    lasts_s,
                    covers_cm: pool_cm,
                    paused: false,
                });
            }
            if set < sets {
                let lasts_s = self.random.whole(10, 45);
                self.rest(lasts_s, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::calendar::week;

    fn outings(seed: u64) -> Vec<(Session, Vec<Leg>)> {
        let mut outings = Vec::new();
        for number in 1..=6 {
            let person = Person::new(seed, number);
            for session in (0..30).flat_map(|number| week(&person, number)) {
                let legs = legs(&person, &session);
                outings.push((session, legs));
            }
        }
        outings
    }

    #[test]
    fn no_leg_is_near_a_limit_at_which_definitions_change() {
        for (session, legs) in outings(3) {
            let sport = session.kind.sport();
            let least = sport.words().least_moving_cm_s;
            let fastest = if sport.has_power() { 3_500 } else { 700 };
            assert!(legs.last().is_some_and(|leg| !leg.paused));
            for leg in legs {
                assert!(leg.lasts_s > 0);
                if leg.covers_cm == 0 {
                    assert!(leg.lasts_s >= SHORTEST_STAND_S, "{leg:?}");
                    assert!(!leg.paused || leg.lasts_s >= SHORTEST_PAUSE_S);
                    continue;
                }
                assert!(!leg.paused);
                let speed = f64::from(leg.covers_cm) / f64::from(leg.lasts_s);
                assert!(speed < f64::from(fastest) * 0.95, "{leg:?}");
                let (low, high) = (f64::from(least) * 0.75, f64::from(least) * 1.4);
                assert!(!(low..=high).contains(&speed), "{leg:?} in {sport:?}");
                if sport != Sport::Swim {
                    assert_eq!(leg.covers_cm % leg.lasts_s, 0, "{leg:?}");
                }
            }
        }
    }

    #[test]
    fn a_race_is_as_long_as_it_should_be() {
        let mut races = 0;
        for (session, legs) in outings(5) {
            if let Kind::Race(cm) = session.kind {
                let covered: u32 = legs.iter().map(|leg| leg.covers_cm).sum();
                assert_eq!(covered, cm);
                races += 1;
            }
        }
        assert!(races > 3);
    }

    #[test]
    fn an_outing_ends_before_the_next_one_begins() {
        for (session, legs) in outings(7) {
            let lasts_s: u32 = legs.iter().map(|leg| leg.lasts_s).sum();
            assert!(
                (240..6 * 3_600 + 3_000).contains(&lasts_s),
                "{session:?} {lasts_s}"
            );
        }
    }
}
