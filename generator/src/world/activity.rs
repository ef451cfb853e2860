//! One activity: its recordings as files, and the truth beside them.

use std::io::Write;

use flate2::{Compression, GzBuilder};
use jiff::Timestamp;
use serde::Serialize;

use super::archive;
use super::body::moments;
use super::calendar::Session;
use super::fit;
use super::legs::legs;
use super::person::{Draw, Person};
use super::recording::{Recorded, record};
use super::setup::{FileFormat, Flaw, Sampling, Setup, setups};
use super::truth::{BestEffort, Split, Totals, Truth};
use super::xml;
use super::{Layout, World};
use crate::error::Error;

/// An activity as it will be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Whose, from 1.
    pub athlete: u64,
    /// Its recordings, the one that counts first.
    pub files: Vec<File>,
    /// Its line of `truth.jsonl`.
    pub truth: Line,
}

/// One recording as a file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Where it lies below the world's folder.
    pub path: String,
    /// Its bytes, packed where the world's files are.
    pub bytes: Vec<u8>,
    /// Its row in the table of an archive; elsewhere none.
    pub row: Option<Vec<String>>,
}

/// A line of `truth.jsonl`: what is true of one activity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Whose, from 1.
    pub athlete: u64,
    /// First moment, in UTC: `YYYY-MM-DDTHH:MM:SSZ`.
    pub start_time: String,
    /// The same on the clock of the place, without a zone.
    pub start_time_local: String,
    /// The zone of the place.
    pub time_zone: &'static str,
    /// Local time less UTC.
    pub utc_offset_s: i32,
    /// Its family, and whether it was inside, such as `ride_indoor`.
    pub sport: &'static str,
    /// What it was for.
    pub name: &'static str,
    /// What goes wrong in the recording that counts.
    pub flaws: Vec<Flaw>,
    /// All recordings, the one that counts first.
    pub recordings: Vec<Told>,
    /// Totals.
    pub totals: Totals,
    /// By unit and number.
    pub splits: Vec<Split>,
    /// By distance.
    pub best_efforts: Vec<BestEffort>,
}

/// What a line tells of a recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// Where it lies below the world's folder.
    pub file: String,
    /// What it is.
    pub format: FileFormat,
    /// What made it.
    pub device: &'static str,
    /// When samples are written.
    pub sampling: Sampling,
    /// Its first sample, in UTC.
    pub start_time: String,
    /// What goes wrong in it.
    pub flaws: Vec<Flaw>,
}

impl Activity {
    /// Makes the activity of a session.
    ///
    /// # Errors
    /// [`Error::Encode`], which is a fault of ours.
    pub fn new(world: &World, person: &Person, session: &Session) -> Result<Self, Error> {
        let sport = session.kind.sport();
        let legs = legs(person, session);
        let moments = moments(person, session, &legs);
        let Truth {
            totals,
            splits,
            best_efforts,
        } = Truth::of(sport, &legs);
        let setups = setups(person, session);
        let mut files = Vec::with_capacity(setups.len());
        let mut recordings = Vec::with_capacity(setups.len());
        for (number, setup) in setups.iter().enumerate() {
            let [week, half_day] = session.path;
            let random = person.random(Draw::Errors, &[week, half_day, number as u64]);
            let recorded = record(setup, sport, session.place, &legs, &moments, random);
            let bytes = match setup.format {
                FileFormat::Fit => fit::encode(session, setup, &recorded)?,
                FileFormat::Gpx => xml::gpx(session, setup, &recorded).into_bytes(),
                FileFormat::Tcx => xml::tcx(session, setup, &recorded).into_bytes(),
            };
            let name = name(world, session, setup, &recorded, number);
            let row = (world.layout == Layout::Archive)
                .then(|| archive::row(session, number, &recorded, totals.moving_s, &name));
            let path = format!("{}/{name}", person.number);
            recordings.push(Told {
                file: path.clone(),
                format: setup.format,
                device: setup.device.name,
                sampling: setup.sampling,
                start_time: xml::time(session, recorded.first_s()),
                flaws: setup.flaws.clone(),
            });
            files.push(File {
                path,
                bytes: if world.packed { packed(&bytes)? } else { bytes },
                row,
            });
        }
        let local_s = session.start_unix_s + i64::from(session.utc_offset_s);
        let truth = Line {
            athlete: person.number,
            start_time: xml::time(session, 0),
            start_time_local: shown(local_s, "%Y-%m-%dT%H:%M:%S"),
            time_zone: session.place.zone,
            utc_offset_s: session.utc_offset_s,
            sport: sport.words().family,
            name: session.kind.name(),
            flaws: setups[0].flaws.clone(),
            recordings,
            totals,
            splits,
            best_efforts,
        };
        Ok(Self {
            athlete: person.number,
            files,
            truth,
        })
    }
}

/// Where a recording lies below its athlete's folder.
fn name(
    world: &World,
    session: &Session,
    setup: &Setup,
    recorded: &Recorded,
    number: usize,
) -> String {
    let packed = if world.packed { ".gz" } else { "" };
    let suffix = setup.format.suffix();
    match world.layout {
        // An upload's file has a number of its own.
        Layout::Archive => {
            let upload = archive::id(session, number) + 1_000_003;
            format!("activities/{upload}.{suffix}{packed}")
        }
        Layout::Files => {
            let start_s = session.start_unix_s + i64::from(recorded.first_s());
            let start = shown(start_s, "%Y/%Y%m%dT%H%M%SZ");
            let sport = session.kind.sport().words().file;
            let other = if number == 0 { "" } else { "-other" };
            format!("{start}-{sport}{other}.{suffix}{packed}")
        }
    }
}

fn shown(unix_s: i64, format: &str) -> String {
    // Sessions lie within some centuries of 1970.
    let instant = Timestamp::from_second(unix_s).unwrap_or(Timestamp::UNIX_EPOCH);
    instant.strftime(format).to_string()
}

fn packed(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    // No name and no time: the same bytes whenever it is run.
    let mut packed = GzBuilder::new().write(Vec::new(), Compression::default());
    let written = packed.write_all(bytes).and_then(|()| packed.finish());
    written.map_err(|error| Error::Encode(error.to_string()))
}

#[cfg(test)]
mod tests;
