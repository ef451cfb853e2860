//! Writes a world: recordings, tables of archives, and `truth.jsonl`.
//!
//! Activities are made some at a time, on all cores, and told in order, so that
//! memory does not grow with their count.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::activity::{Activity, Line};
use super::{Outing, World, archive};
use crate::error::Error;

/// How many activities are made before they are told.
const AT_ONCE: usize = 64;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Activities, each with a line of truth.
    pub activities: u64,
    /// Their recordings.
    pub recordings: u64,
}

/// Writes the world below `folder`, on all cores, and calls `done` after each
/// activity. `truth.jsonl` is there even where there are no activities.
///
/// # Errors
/// [`Error::TooMany`] before anything is written; [`Error::Write`] where a file
/// or folder cannot be written: what was written before stays.
pub fn write(world: &World, folder: &Path, done: &(dyn Fn() + Sync)) -> Result<Written, Error> {
    world.check()?;
    let mut telling = Telling::new(folder)?;
    let mut outings = world.outings();
    loop {
        let some: Vec<Outing> = outings.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return telling.finish();
        }
        let told: Result<Vec<Told>, Error> = some
            .par_iter()
            .map(|outing| {
                let activity = Activity::new(world, &outing.person, &outing.session)?;
                let told = keep(folder, activity)?;
                done();
                Ok(told)
            })
            .collect();
        for told in told? {
            telling.tell(&told)?;
        }
    }
}

/// What is left to tell of an activity whose files are written.
struct Told {
    athlete: u64,
    truth: Line,
    rows: Vec<Vec<String>>,
}

/// Writes the files of an activity.
fn keep(folder: &Path, activity: Activity) -> Result<Told, Error> {
    let mut rows = Vec::new();
    for file in activity.files {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|source| at(parent, source))?;
        fs::write(&path, &file.bytes).map_err(|source| at(&path, source))?;
        rows.extend(file.row);
    }
    Ok(Told {
        athlete: activity.athlete,
        truth: activity.truth,
        rows,
    })
}

fn at(path: &Path, source: std::io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

/// `truth.jsonl`, and the table of the athlete whose turn it is.
struct Telling {
    folder: PathBuf,
    truth: (PathBuf, BufWriter<File>),
    table: Option<Table>,
    written: Written,
}

/// The table of one athlete's archive.
struct Table {
    athlete: u64,
    path: PathBuf,
    rows: csv::Writer<File>,
}

impl Telling {
    fn new(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|source| at(folder, source))?;
        let path = folder.join("truth.jsonl");
        let truth = File::create(&path).map_err(|source| at(&path, source))?;
        Ok(Self {
            folder: folder.to_owned(),
            truth: (path, BufWriter::new(truth)),
            table: None,
            written: Written::default(),
        })
    }

    fn tell(&mut self, told: &Told) -> Result<(), Error> {
        let (path, truth) = &mut self.truth;
        let line = serde_json::to_string(&told.truth);
        let line = line.map_err(|error| Error::Encode(error.to_string()))?;
        writeln!(truth, "{line}").map_err(|source| at(path, source))?;
        self.written.activities += 1;
        self.written.recordings += told.truth.recordings.len() as u64;
        if told.rows.is_empty() {
            return Ok(());
        }
        // Athletes come one after the other.
        if self
            .table
            .as_ref()
            .is_none_or(|table| table.athlete != told.athlete)
        {
            self.close()?;
            self.table = Some(Table::new(&self.folder, told.athlete)?);
        }
        if let Some(table) = &mut self.table {
            for row in &told.rows {
                table.add(row)?;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(mut table) = self.table.take() else {
            return Ok(());
        };
        table.rows.flush().map_err(|source| at(&table.path, source))
    }

    fn finish(mut self) -> Result<Written, Error> {
        self.close()?;
        let (path, mut truth) = self.truth;
        truth.flush().map_err(|source| at(&path, source))?;
        Ok(self.written)
    }
}

impl Table {
    fn new(folder: &Path, athlete: u64) -> Result<Self, Error> {
        let path = folder.join(athlete.to_string()).join("activities.csv");
        let file = File::create(&path).map_err(|source| at(&path, source))?;
        let mut table = Self {
            athlete,
            path,
            rows: csv::Writer::from_writer(file),
        };
        table.add(&archive::header())?;
        Ok(table)
    }

    fn add<T: AsRef<[u8]>>(&mut self, cells: &[T]) -> Result<(), Error> {
        let added = self.rows.write_record(cells);
        added.map_err(|error| at(&self.path, error.into()))
    }
}
