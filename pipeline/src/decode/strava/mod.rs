//! What Strava tells: the table of activities in its account archive, and its
//! [API](api).
//!
//! Each row of the table becomes an [`ArchiveRow`]: what Strava says of one activity, and
//! the file that holds its samples, where there is one. What is kept of a row
//! is itself a raw input, [`ArchiveRow::canonical_json`], from which
//! [`decode`](super::decode) makes the same recording again.

pub mod api;
mod cells;
mod columns;
mod languages;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::columns::{Column, Columns};
use super::limits::{Limits, check};
use super::text::text_of;
use crate::error::DecodeError;
use crate::recording::{Claims, Clock, Format, Recording};

/// One row of `activities.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchiveRow {
    /// `strava:` and the activity's id; not the number in the file's name.
    pub external_id: String,
    /// The member of the archive that holds its samples, such as
    /// `activities/123.fit.gz`.
    pub file: Option<String>,
    /// What the row says, without samples.
    pub recording: Recording,
    /// The kept columns, as they stood in the row; recognised by
    /// [`recognise`](super::recognise).
    pub canonical_json: String,
}

impl ArchiveRow {
    /// Gives the row's id and words to the recording of its own file that it
    /// speaks of: the one that starts nearest to the row's date.
    pub fn join(&self, recordings: &mut [Recording]) {
        let row_ms = self.recording.claimed_start_ms.unwrap_or(0) as f64;
        let distance = |recording: &Recording| {
            let first = recording.samples.first().map(|sample| sample.time_ms);
            let start = first.or(recording.claimed_start_ms.map(|ms| ms as f64));
            start.map_or(f64::INFINITY, |start| (start - row_ms).abs())
        };
        let nearest = recordings
            .iter_mut()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)));
        if let Some(recording) = nearest {
            let row = &self.recording.claims;
            recording.claims.external_id.clone_from(&row.external_id);
            recording.claims.name.clone_from(&row.name);
            recording.claims.description.clone_from(&row.description);
            recording.claims.gear.clone_from(&row.gear);
            recording.claims.commute = row.commute;
        }
    }
}

/// What is kept of a row, as text. Its fields stand in this order in JSON, so
/// that [`is_row`] knows it by its beginning.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The version of this shape.
    strava_archive_row: u8,
    /// The account's language, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    cells: BTreeMap<Column, String>,
}

const VERSION: u8 = 1;
const BEGINNING: &[u8] = b"{\"strava_archive_row\":";

/// Whether `bytes` are a row as [`ArchiveRow::canonical_json`] has it.
pub(super) fn is_row(bytes: &[u8]) -> bool {
    bytes.starts_with(BEGINNING)
}

/// The recording of a row as [`ArchiveRow::canonical_json`] has it.
///
/// # Errors
/// Where it is no such row, or of a version that is not known.
pub(super) fn decode_row(bytes: &[u8]) -> Result<Recording, DecodeError> {
    let damaged = |source: Option<serde_json::Error>| DecodeError::Damaged {
        format: Format::StravaArchive,
        source: source.map(Into::into),
    };
    let kept: Kept = serde_json::from_slice(bytes).map_err(|error| damaged(Some(error)))?;
    if kept.strava_archive_row != VERSION {
        return Err(damaged(None));
    }
    recording(&kept).map_err(|_| damaged(None))
}

/// The rows of `activities.csv`, in its order. A row that says nothing of an
/// activity is an error in its place and does not keep the others out.
///
/// # Errors
/// Where the header is not known, where it is no CSV, and beyond `limits`.
pub fn read_table(
    bytes: &[u8],
    limits: &Limits,
) -> Result<Vec<Result<ArchiveRow, DecodeError>>, DecodeError> {
    check(bytes.len(), limits.bytes, "bytes in activities.csv")?;
    let text = text_of(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut columns = None;
    let mut rows = Vec::new();
    while reader
        .read_record(&mut record)
        .map_err(DecodeError::archive)?
    {
        check(
            record.as_slice().len(),
            limits.table_row_bytes,
            "bytes in one row of activities.csv",
        )?;
        let Some(columns) = &columns else {
            let header: Vec<String> = record.iter().map(str::to_owned).collect();
            columns = Some(Columns::of(&header)?);
            continue;
        };
        check(rows.len() + 1, limits.table_rows, "rows in activities.csv")?;
        let line = record.position().map_or(0, csv::Position::line);
        rows.push(row(columns, &record, line));
    }
    if columns.is_none() {
        return Err(DecodeError::UnknownTable {
            reason: "it is empty".to_owned(),
        });
    }
    Ok(rows)
}

fn row(
    columns: &Columns,
    record: &csv::StringRecord,
    line: u64,
) -> Result<ArchiveRow, DecodeError> {
    let cells = columns.positions.iter().filter_map(|(column, at)| {
        let cell = record.get(*at)?.trim();
        // Strava writes this where its own export failed.
        let says_something = !cell.is_empty() && cell != "#error#";
        says_something.then(|| (*column, cell.to_owned()))
    });
    let kept = Kept {
        strava_archive_row: VERSION,
        language: columns.language.map(|language| language.code.to_owned()),
        cells: cells.collect(),
    };
    let recording = recording(&kept).map_err(|reason| DecodeError::DamagedRow { line, reason })?;
    let canonical_json =
        serde_json::to_string(&kept).expect("a map of texts under names is always written");
    Ok(ArchiveRow {
        external_id: recording.claims.external_id.clone().unwrap_or_default(),
        file: kept.cells.get(&Column::Filename).cloned(),
        recording,
        canonical_json,
    })
}

/// What a row says; the reason where it says nothing of an activity.
fn recording(kept: &Kept) -> Result<Recording, &'static str> {
    let language = kept.language.as_deref().and_then(columns::language);
    let decimal_comma = language.map(|language| language.decimal_comma);
    let text = |column: Column| kept.cells.get(&column).map(String::as_str);
    let number = |column: Column| {
        text(column)
            .and_then(|cell| cells::number(cell, decimal_comma))
            .filter(|number| *number >= 0.0)
    };

    let id = text(Column::ActivityId).unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("it has no activity id");
    }
    let start_ms = text(Column::Date)
        .and_then(cells::instant_ms)
        .ok_or("it has no date")?;
    let kind = text(Column::Type).map(|kind| {
        let types = language.map_or(&[][..], |language| language.types);
        let english = types.iter().find(|(word, _)| *word == kind);
        english.map_or(kind, |(_, english)| english).to_owned()
    });
    let shown_distance_m = number(Column::ShownDistance)
        .map(|shown| shown * metres_shown(kind.as_deref().unwrap_or_default()));
    let max_heart_rate = number(Column::MaxHeartRate).or(number(Column::ShownMaxHeartRate));
    let owned = |column: Column| text(column).map(str::to_owned);
    Ok(Recording {
        format: Format::StravaArchive,
        part: 0,
        claimed_start_ms: Some(start_ms),
        sport: kind,
        sub_sport: None,
        samples: Vec::new(),
        laps: Vec::new(),
        clock: Clock::Unmarked,
        claims: Claims {
            distance_m: number(Column::Distance).or(shown_distance_m),
            elapsed_s: number(Column::Elapsed).or(number(Column::ShownElapsed)),
            moving_s: number(Column::Moving),
            climb_m: number(Column::Climb),
            descent_m: number(Column::Descent),
            calories_kcal: number(Column::Calories),
            avg_heart_rate_bpm: number(Column::AvgHeartRate),
            max_heart_rate_bpm: max_heart_rate.map(|rate| rate.round().min(1_000.0) as i32),
            name: owned(Column::Name),
            description: owned(Column::Description),
            gear: owned(Column::Gear),
            commute: text(Column::Commute).and_then(cells::truth),
            external_id: Some(format!("strava:{id}")),
            ..Claims::default()
        },
        findings: Vec::new(),
    })
}

/// Metres in the unit in which the archive shows the distance of a type.
fn metres_shown(kind: &str) -> f64 {
    match kind.to_ascii_lowercase().as_str() {
        "swim" | "rowing" | "virtual row" => 1.0,
        "sail" => 1_852.0,
        _ => 1_000.0,
    }
}
