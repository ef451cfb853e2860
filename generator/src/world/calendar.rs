//! A person's weeks: which sessions there are, on which day, at what time.
//!
//! Each week follows from the person and its number alone. Mondays are for
//! rest, every fourth week is light, and in each quarter of a year there is
//! room for a week of illness, one away and a race.

use super::person::{Draw, Person};
use super::places::{AWAY, Place};
use super::sport::Sport;
use crate::random::Random;

/// The day on which the first week begins: Monday, 2016-01-04.
const FIRST_MONDAY: i64 = 16_804;

/// Weeks in a quarter of a year.
const QUARTER: u64 = 13;

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Slow and not far.
    EasyRun,
    /// Slow and far.
    LongRun,
    /// Fast and slow in turn.
    Intervals,
    /// Fast for a while.
    Tempo,
    /// As fast as may be over so many cm.
    Race(u32),
    /// Inside, on a belt.
    Treadmill,
    /// On the road.
    Ride,
    /// On the road for hours.
    LongRide,
    /// Inside, on a bike that stands.
    Trainer,
    /// Up and down a pool.
    Swim,
    /// For half a day.
    Hike,
    /// Around the corner.
    Walk,
    /// With weights.
    Gym,
}

impl Kind {
    /// What is done in it.
    pub fn sport(self) -> Sport {
        match self {
            Self::EasyRun | Self::LongRun | Self::Intervals | Self::Tempo | Self::Race(_) => {
                Sport::Run
            }
            Self::Treadmill => Sport::Treadmill,
            Self::Ride | Self::LongRide => Sport::Ride,
            Self::Trainer => Sport::Trainer,
            Self::Swim => Sport::Swim,
            Self::Hike => Sport::Hike,
            Self::Walk => Sport::Walk,
            Self::Gym => Sport::Gym,
        }
    }

    /// As its owner might call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::EasyRun => "Easy run",
            Self::LongRun => "Long run, slowly",
            Self::Intervals => "Intervals",
            Self::Tempo => "Tempo run",
            Self::Race(_) => "Race",
            Self::Treadmill => "Treadmill",
            Self::Ride => "Ride",
            Self::LongRide => "Long ride, with coffee",
            Self::Trainer => "Trainer",
            Self::Swim => "Pool",
            Self::Hike => "Hike",
            Self::Walk => "Walk",
            Self::Gym => "Weights",
        }
    }
}

/// One session of a week.
#[derive(Clone, Debug)]
pub struct Session {
    /// What it is for.
    pub kind: Kind,
    /// Where it begins.
    pub place: &'static Place,
    /// When it begins, in UTC seconds since 1970.
    pub start_unix_s: i64,
    /// Local time less UTC.
    pub utc_offset_s: i32,
    /// The speed of this week as percent of the person's own.
    pub fitness: u32,
    /// How long it lasts as percent of what its kind usually does.
    pub volume: u32,
    /// Week and half day: what its draws are found by.
    pub path: [u64; 2],
}

/// What a week is like.
enum Week {
    Training,
    Light,
    Race,
    Away(&'static Place),
    Ill,
}

/// A wish for a day of the week (0 is Monday), in its evening or not.
type Wish = (u64, bool, Kind);

const MORNING: bool = false;
const EVENING: bool = true;

/// The sessions of a person's week (from 0), in order of time.
pub fn week(person: &Person, week: u64) -> Vec<Session> {
    let kind = kind_of(person, week);
    let mut random = person.random(Draw::Week, &[week]);
    let (wishes, count) = match kind {
        Week::Training => (usual(person, week, &mut random), person.sessions),
        Week::Light => {
            let count = person.sessions.saturating_sub(2).max(3);
            (usual(person, week, &mut random), count)
        }
        Week::Race => {
            let mut wishes = usual(person, week, &mut random);
            wishes.retain(|(day, _, _)| *day < 5);
            let distances = [160_935, 500_000, 1_000_000, 2_109_750, 4_219_500];
            wishes.insert(0, (6, MORNING, Kind::Race(*random.one_of(&distances))));
            (wishes, person.sessions.saturating_sub(1).max(3))
        }
        Week::Away(_) => (away(), person.sessions),
        Week::Ill => (vec![(6, EVENING, Kind::Walk)], 1),
    };
    let place = match kind {
        Week::Away(place) => place,
        Week::Training | Week::Light | Week::Race | Week::Ill => person.home,
    };
    let volume = match kind {
        Week::Light | Week::Race => 70,
        Week::Training | Week::Away(_) | Week::Ill => 100,
    };
    // A season takes them from slow to fast.
    let fitness = 97 + (week % 52 * 6 / 52) as u32;
    let mut sessions: Vec<Session> = Vec::with_capacity(count);
    for (day, evening, kind) in wishes.into_iter().take(count) {
        // Life gets in the way of one in twelve.
        let missed = random.chance(1.0 / 12.0);
        let second_of_day = time_of_day(day, evening, &mut random);
        if missed && !matches!(kind, Kind::Race(_)) {
            continue;
        }
        let day_number = FIRST_MONDAY + (week * 7 + day) as i64;
        let (start_unix_s, utc_offset_s) = place.instant(day_number, second_of_day);
        sessions.push(Session {
            kind,
            place,
            start_unix_s,
            utc_offset_s,
            fitness,
            volume,
            path: [week, day * 2 + u64::from(evening)],
        });
    }
    sessions.sort_by_key(|session| session.start_unix_s);
    sessions
}

fn kind_of(person: &Person, week: u64) -> Week {
    let mut random = person.random(Draw::Quarter, &[week / QUARTER]);
    // Beyond the quarter's last week: not in this one.
    let (ill, away, race) = (
        random.whole(0, 25),
        random.whole(0, 20),
        random.whole(0, 17),
    );
    let place = random.one_of(AWAY);
    match (week % QUARTER) as u32 {
        at if at == ill => Week::Ill,
        at if at == away => Week::Away(place),
        at if at == race => Week::Race,
        _ if week % 4 == 3 => Week::Light,
        _ => Week::Training,
    }
}

/// The wishes for a week at home, the most important ones first; no two for
/// the same half day.
fn usual(person: &Person, week: u64, random: &mut Random) -> Vec<Wish> {
    let winter = person.home.in_winter(week % 52);
    let ride = match (person.rides, winter) {
        (false, _) => Kind::EasyRun,
        (true, false) => Kind::Ride,
        (true, true) => Kind::Trainer,
    };
    let long = match person.rides && !winter && random.chance(0.4) {
        true => Kind::LongRide,
        false => Kind::LongRun,
    };
    let hard = match random.chance(0.6) {
        true => Kind::Intervals,
        false => Kind::Tempo,
    };
    let dark = match winter && random.chance(0.5) {
        true => Kind::Treadmill,
        false => Kind::EasyRun,
    };
    let water = match person.swims {
        true => Kind::Swim,
        false => Kind::EasyRun,
    };
    let strength = match person.lifts {
        true => Kind::Gym,
        false => Kind::Walk,
    };
    vec![
        (6, MORNING, long),
        (1, EVENING, hard),
        (5, MORNING, ride),
        (3, EVENING, dark),
        (2, MORNING, water),
        (4, EVENING, strength),
        (2, EVENING, Kind::EasyRun),
        (6, EVENING, Kind::Walk),
        (3, MORNING, water),
    ]
}

/// The wishes for a week away.
fn away() -> Vec<Wish> {
    vec![
        (1, MORNING, Kind::Hike),
        (3, MORNING, Kind::EasyRun),
        (4, MORNING, Kind::Hike),
        (2, EVENING, Kind::Walk),
        (6, MORNING, Kind::LongRun),
        (0, EVENING, Kind::Walk),
        (5, MORNING, Kind::EasyRun),
    ]
}

/// Seconds since midnight: before or after work, and at leisure on weekends.
fn time_of_day(day: u64, evening: bool, random: &mut Random) -> i64 {
    let (from_h, to_h) = match (evening, day > 4) {
        (false, false) => (5.7, 7.5),
        (false, true) => (7.5, 9.5),
        (true, _) => (17.0, 19.2),
    };
    (random.between(from_h, to_h) * 3_600.0) as i64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn years_have_rest_light_weeks_illness_holidays_and_races() {
        let person = Person::new(1, 1);
        let weeks: Vec<Vec<Session>> = (0..520).map(|number| week(&person, number)).collect();
        let all: Vec<&Session> = weeks.iter().flatten().collect();
        let per_week = all.len() as f64 / weeks.len() as f64;
        assert!(
            per_week > 2.5 && per_week < person.sessions as f64,
            "{per_week}"
        );
        assert!(weeks.iter().filter(|week| week.len() < 2).count() > 5);
        assert!(all.iter().any(|s| s.place.zone != person.home.zone));
        assert!(all.iter().any(|s| matches!(s.kind, Kind::Race(_))));
        // At home nobody trains on Mondays.
        let at_home = all.iter().filter(|s| s.place.zone == person.home.zone);
        let day = |s: &Session| (s.start_unix_s + i64::from(s.utc_offset_s)).div_euclid(86_400);
        for session in at_home {
            assert_ne!((day(session) - FIRST_MONDAY) % 7, 0);
        }
    }

    #[test]
    fn sessions_come_in_order_and_keep_apart() {
        for number in 1..=20 {
            let person = Person::new(9, number);
            let starts: Vec<i64> = (0..100)
                .flat_map(|number| week(&person, number))
                .map(|session| session.start_unix_s)
                .collect();
            // Longer than any session lasts.
            let apart = starts.windows(2).all(|pair| pair[1] - pair[0] > 6 * 3_600);
            assert!(apart);
        }
    }

    #[test]
    fn a_path_is_one_session() {
        let person = Person::new(2, 3);
        let paths: Vec<[u64; 2]> = (0..200)
            .flat_map(|number| week(&person, number))
            .map(|session| session.path)
            .collect();
        let distinct: BTreeSet<&[u64; 2]> = paths.iter().collect();
        assert_eq!(distinct.len(), paths.len());
    }

    #[test]
    fn everything_is_done_by_somebody() {
        let mut kinds = BTreeSet::new();
        for number in 1..=10 {
            let person = Person::new(4, number);
            for session in (0..104).flat_map(|number| week(&person, number)) {
                kinds.insert(session.kind.name());
            }
        }
        assert_eq!(kinds.len(), 13, "{kinds:?}");
    }
}
