//! What every job needs: where things are kept, and what time it is.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use storage::catalog::Athlete;
use storage::{AthleteId, Storage};

use crate::error::Error;
use crate::progress::{Progress, Stop};

/// Where things are kept, what time it is, whom to tell, when to stop.
#[derive(Clone)]
pub struct Context {
    /// Lake, raw store and catalog.
    pub storage: Storage,
    /// The clock; tests stop it.
    pub now: fn() -> Timestamp,
    /// Whom to tell.
    pub progress: Arc<dyn Progress>,
    /// When to stop.
    pub stop: Stop,
}

impl Context {
    /// The athlete that a command is about: the one named, else the only one,
    /// else (an empty catalog) a new athlete 1.
    ///
    /// # Errors
    /// [`Error::NoSuchAthlete`], or [`Error::WhichAthlete`] where there are
    /// several and none is named.
    pub async fn athlete(&self, named: Option<AthleteId>) -> Result<Athlete, Error> {
        let catalog = &self.storage.catalog;
        if let Some(id) = named {
            return catalog.athlete(id).await?.ok_or(Error::NoSuchAthlete(id));
        }
        let mut athletes = catalog.athletes().await?;
        match athletes.len() {
            0 => Ok(catalog.first_athlete().await?),
            1 => Ok(athletes.remove(0)),
            several => Err(Error::WhichAthlete(several)),
        }
    }

    /// Today in the athlete's time zone (UTC where none is set): the day on
    /// which the windows of their ranks end.
    pub fn today(&self, athlete: &Athlete) -> Date {
        day(athlete, (self.now)())
    }
}

/// The day in the athlete's time zone, UTC where none is set.
pub fn day(athlete: &Athlete, at: Timestamp) -> Date {
    let zone = athlete
        .time_zone
        .as_deref()
        .and_then(|name| TimeZone::get(name).ok());
    at.to_zoned(zone.unwrap_or(TimeZone::UTC)).date()
}
