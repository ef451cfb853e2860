//! What to make.

use crate::athlete::Athlete;
use crate::error::Error;
use crate::fit;
use crate::outing::Outing;

/// How files are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As watches hand them out.
    Fit,
    /// As account archives hold them.
    #[default]
    FitGz,
}

/// What to make: the same plan gives the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many recordings, of all athletes together.
    pub activities: u64,
    /// Chooses one of many worlds.
    pub seed: u64,
    /// How many athletes they are shared among; at least 1.
    pub athletes: u64,
    /// About how many minutes each lasts; 30 to 90 where it is not said.
    pub minutes: Option<u32>,
    /// How files are packed.
    pub format: Format,
}

/// One recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Whose, from 1.
    pub athlete: u64,
    /// Seconds since 1970, in UTC.
    pub start_unix_s: i64,
    /// Its sport, in one word.
    pub sport: &'static str,
    /// The FIT file.
    pub fit: Vec<u8>,
}

impl Plan {
    /// The recording of this number, from 0; athletes take turns.
    ///
    /// # Errors
    /// [`Error::Encode`], which is a fault of ours.
    pub fn recording(&self, number: u64) -> Result<Recording, Error> {
        let athletes = self.athletes.max(1);
        let (athlete, turn) = (number % athletes, number / athletes);
        let each = self.activities.div_ceil(athletes);
        let person = Athlete::new(self.seed, athlete);
        let outing = Outing::new(self, &person, number, turn, each);
        Ok(Recording {
            athlete: athlete + 1,
            start_unix_s: outing.start_unix_s,
            sport: outing.sport.word(),
            fit: fit::encode(&person, &outing)?,
        })
    }
}
