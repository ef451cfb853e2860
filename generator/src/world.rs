//! Years of believable training, and the truth beside them.
//!
//! Persons have weeks, weeks have sessions, a session has legs of constant
//! speed, which are its true motion. From the legs alone follow, exactly, its
//! totals, splits and best efforts. Devices record the motion with pauses, laps
//! and flaws, as FIT, GPX and TCX. Each activity follows from the seed and its
//! place in the calendar alone.

mod activity;
mod archive;
mod body;
mod calendar;
mod devices;
mod fit;
mod laps;
mod legs;
mod person;
mod places;
mod recording;
mod setup;
mod sport;
mod truth;
mod writing;
mod xml;

use std::sync::Arc;

pub use self::writing::{Written, write};

use self::calendar::Session;
use self::person::Person;
use crate::error::Error;

/// The most years for which anybody trains.
const MOST_YEARS: u32 = 100;
/// How many activities anybody comes to in that time, and more.
const MOST_EACH: u64 = 10_000;

/// How the files of a world lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// `ATHLETE/YEAR/START-SPORT.fit.gz`, and `.gpx.gz` and `.tcx.gz`.
    #[default]
    Files,
    /// `ATHLETE/activities.csv` and `ATHLETE/activities/`, as Strava's account
    /// archive is when it is unpacked.
    Archive,
}

/// What to make: the same world gives the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    /// Chooses one of many worlds.
    pub seed: u64,
    /// How many athletes there are; at least 1.
    pub athletes: u64,
    /// How many activities, of all athletes together, at most; `None`: as many
    /// as there are.
    pub activities: Option<u64>,
    /// For how many years each trains; `None`: until there are enough
    /// activities.
    pub years: Option<u32>,
    /// How files lie.
    pub layout: Layout,
    /// Whether each recording is packed by gzip.
    pub packed: bool,
}

/// One activity to be made.
#[derive(Clone, Debug)]
pub struct Outing {
    person: Arc<Person>,
    session: Session,
}

impl World {
    /// Whether there are as many activities as were asked for.
    ///
    /// # Errors
    /// [`Error::TooMany`] where one athlete's life is too short for them.
    pub fn check(&self) -> Result<(), Error> {
        let (activities, athletes) = (self.activities.unwrap_or(0), self.athletes.max(1));
        match self.years {
            None if activities.div_ceil(athletes) > MOST_EACH => Err(Error::TooMany {
                activities,
                athletes,
            }),
            _ => Ok(()),
        }
    }

    /// The outings, athlete by athlete, in order of time; each athlete has as
    /// many as the others where their number is given.
    pub fn outings(&self) -> impl Iterator<Item = Outing> {
        let world = *self;
        let weeks = u64::from(world.years.unwrap_or(MOST_YEARS)) * 365 / 7;
        (1..=world.athletes.max(1)).flat_map(move |athlete| {
            let person = Arc::new(Person::new(world.seed, athlete));
            let share = world.share(athlete);
            let sessions = (0..weeks).flat_map({
                let person = Arc::clone(&person);
                move |week| calendar::week(&person, week)
            });
            sessions.take(share).map(move |session| Outing {
                person: Arc::clone(&person),
                session,
            })
        })
    }

    /// How many outings are this athlete's (from 1) share.
    fn share(&self, athlete: u64) -> usize {
        let athletes = self.athletes.max(1);
        let share = self.activities.map(|activities| {
            let more = u64::from(athlete <= activities % athletes);
            activities / athletes + more
        });
        share.map_or(usize::MAX, |share| {
            usize::try_from(share).unwrap_or(usize::MAX)
        })
    }
}

#[cfg(test)]
mod tests;
