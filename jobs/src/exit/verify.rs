//! Derives every number of an exit again, with nothing but its folder.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use arrow::array::Array;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use query::athlete_tables::athlete_tables;
use query::cells::{Cell, differing};
use query::derived::{Scope, tables, tables_of};
use query::exported::{self, ExportedTable};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage::catalog::{Pointer, Source};
use storage::raw::sha256_hex;
use storage::table::Table;
use storage::tables::DERIVATIONS;
use storage::{ActivityKey, AthleteId};

use super::manifest::{
    ACTIVITIES, ActivityLine, FORMAT, FileLine, MANIFEST, Manifest, ORIGINALS, OriginalLine,
    definitions, failed,
};
use crate::error::Error;
use crate::progress::Progress;
use crate::replay::{self, Ground, Recordings};

/// How many activities are derived at a time.
const PAGE: usize = 256;
/// How many differences are listed.
const LISTED: usize = 1_000;

/// What a verification found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verified {
    /// The pacelake that wrote the folder.
    pub written_by: String,
    /// Activities that were derived.
    pub activities: u64,
    /// Originals that were read.
    pub originals: u64,
    /// Tables with their rows and how many cells or rows differ.
    pub tables: Vec<VerifiedTable>,
    /// What is wrong with files and lists.
    pub problems: Vec<String>,
    /// The first cells and rows that differ.
    pub differences: Vec<Cell>,
}

/// What was found in one table.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct VerifiedTable {
    /// The table.
    pub table: &'static str,
    /// Rows that the folder has.
    pub rows: u64,
    /// Cells that differ, and rows that only one side has.
    pub differences: u64,
}

impl Verified {
    /// Whether everything is as it should be.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty() && self.tables.iter().all(|table| table.differences == 0)
    }

    fn compare(
        &mut self,
        table: &'static Table,
        found: &RecordBatch,
        expected: &RecordBatch,
    ) -> Result<(), Error> {
        let cells = differing(table, found, expected)?;
        let line = self.tables.iter_mut().find(|line| line.table == table.name);
        if let Some(line) = line {
            line.rows += found.num_rows() as u64;
            line.differences += cells.len() as u64;
        }
        let room = LISTED.saturating_sub(self.differences.len());
        self.differences.extend(cells.into_iter().take(room));
        Ok(())
    }
}

/// Derives everything in `folder` again and compares.
///
/// # Errors
/// [`Error::Folder`] where the manifest or a list cannot be read at all, and
/// [`Error::ExitFormat`] where this build does not know the layout. What does
/// not agree is an answer, not an error.
pub async fn verify(folder: &Path, progress: &dyn Progress) -> Result<Verified, Error> {
    let manifest = read_manifest(folder)?;
    let mut verified = Verified {
        written_by: manifest.pacelake.clone(),
        tables: tables()
            .iter()
            .map(|table| VerifiedTable {
                table: table.name,
                rows: 0,
                differences: 0,
            })
            .collect(),
        ..Verified::default()
    };
    check_definitions(&manifest, &mut verified);
    check_files(folder, &manifest, &mut verified);
    let originals = read_originals(folder, &manifest, &mut verified)?;
    progress.begin("verify", manifest.activities);
    let left = verify_activities(folder, &originals, progress, &manifest, &mut verified).await?;
    verify_athletes(folder, &manifest, left, &mut verified).await?;
    progress.end();
    for line in &verified.tables {
        // By name: an earlier version had fewer tables, or in another order.
        let said = manifest.tables.iter().find(|said| said.table == line.table);
        if let Some(said) = said.filter(|said| said.rows != line.rows) {
            verified.problems.push(format!(
                "{} has {} rows, the manifest says {}",
                line.table, line.rows, said.rows
            ));
        }
    }
    Ok(verified)
}

fn read_manifest(folder: &Path) -> Result<Manifest, Error> {
    let path = folder.join(MANIFEST);
    let text = std::fs::read(&path).map_err(failed("read", &path))?;
    let format = serde_json::from_slice::<serde_json::Value>(&text)
        .ok()
        .and_then(|value| value.get("format").cloned());
    if format != Some(FORMAT.into()) {
        let found = format.map_or_else(|| "none".to_owned(), |format| format.to_string());
        return Err(Error::ExitFormat { found });
    }
    serde_json::from_slice(&text).map_err(|error| failed("read", &path)(error.into()))
}

fn check_definitions(manifest: &Manifest, verified: &mut Verified) {
    for now in definitions() {
        let then = manifest.definitions.iter().find(|one| one.name == now.name);
        if then.is_none_or(|then| then.version != now.version) {
            let then = then.map_or_else(|| "none".to_owned(), |then| then.version.to_string());
            verified.problems.push(format!(
                "{} was derived by version {then}, this build derives version {}",
                now.name, now.version
            ));
        }
    }
}

fn check_files(folder: &Path, manifest: &Manifest, verified: &mut Verified) {
    let tables = manifest.tables.iter().map(|table| &table.file);
    for line in tables.chain(&manifest.lists) {
        check_file(folder, line, verified);
    }
    for table in tables_missing(manifest) {
        verified
            .problems
            .push(format!("table {table} is not in the manifest"));
    }
}

fn tables_missing(manifest: &Manifest) -> Vec<&'static str> {
    let names = tables().into_iter().map(|table| table.name);
    names
        .filter(|name| manifest.tables.iter().all(|table| table.table != *name))
        .collect()
}

fn check_file(folder: &Path, line: &FileLine, verified: &mut Verified) {
    match FileLine::of(folder, &line.file) {
        Ok(found) if found == *line => {}
        Ok(found) => verified.problems.push(format!(
            "{} is not what was exported: its SHA-256 is {}, not {}",
            line.file, found.sha256, line.sha256
        )),
        Err(error) => verified.problems.push(format!("{}: {error}", line.file)),
    }
}

/// Lines of a list; what cannot be read is a problem.
fn lines<T: DeserializeOwned>(
    folder: &Path,
    name: &str,
) -> Result<impl Iterator<Item = Result<T, String>> + use<T>, Error> {
    let path = folder.join(name);
    let file = File::open(&path).map_err(failed("read", &path))?;
    let name = name.to_owned();
    let lines = BufReader::new(file).lines().zip(1..);
    Ok(lines.map(move |(line, number)| {
        let line = line.map_err(|error| error.to_string());
        line.and_then(|line| serde_json::from_str(&line).map_err(|error| error.to_string()))
            .map_err(|error| format!("line {number} of {name} cannot be read: {error}"))
    }))
}

/// Where originals are, by athlete and hash.
struct Originals {
    files: HashMap<(AthleteId, String), PathBuf>,
}

impl Recordings for Originals {
    async fn bytes(&self, athlete: AthleteId, sha256: &str) -> Result<Bytes, Error> {
        let missing = || {
            Error::Storage(storage::Error::NoRaw {
                athlete_id: athlete,
                sha256: sha256.to_owned(),
            })
        };
        let path = self.files.get(&(athlete, sha256.to_owned()));
        let path = path.ok_or_else(missing)?.clone();
        let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await?;
        match read {
            Ok(bytes) if sha256_hex(&bytes) == sha256 => Ok(bytes.into()),
            Ok(_) | Err(_) => Err(missing()),
        }
    }
}

fn read_originals(
    folder: &Path,
    manifest: &Manifest,
    verified: &mut Verified,
) -> Result<Originals, Error> {
    let mut files = HashMap::new();
    let mut count = 0;
    for line in lines::<OriginalLine>(folder, ORIGINALS)? {
        match line {
            Ok(line) => {
                count += 1;
                check_file(folder, &line.file, verified);
                let path = folder.join(&line.file.file);
                files.insert((line.athlete_id, line.file.sha256), path);
            }
            Err(problem) => verified.problems.push(problem),
        }
    }
    verified.originals = count;
    if count != manifest.originals {
        verified.problems.push(format!(
            "{ORIGINALS} has {count} lines, the manifest says {}",
            manifest.originals
        ));
    }
    Ok(Originals { files })
}

/// The exported tables of one scope, open.
struct Exported {
    tables: Vec<(&'static Table, Option<ExportedTable>)>,
}

impl Exported {
    /// Those that the manifest lists; that others are missing is known.
    fn open(folder: &Path, scope: Scope, manifest: &Manifest, verified: &mut Verified) -> Self {
        let listed = |table: &&Table| manifest.tables.iter().any(|line| line.table == table.name);
        let open = tables_of(scope).into_iter().filter(listed).map(|table| {
            let path = folder.join(format!("{}.parquet", table.name));
            let opened = ExportedTable::open(&path, table);
            let opened = opened.map_err(|error| verified.problems.push(error.to_string()));
            (table, opened.ok())
        });
        Self {
            tables: open.collect(),
        }
    }

    /// The next rows of every table that can be read, up to an activity.
    fn up_to(
        &mut self,
        last: Option<ActivityKey>,
        verified: &mut Verified,
    ) -> Vec<(&'static Table, RecordBatch)> {
        let mut found = Vec::new();
        for (table, open) in &mut self.tables {
            let Some(reader) = open else { continue };
            match reader.up_to(last) {
                Ok(rows) => found.push((*table, rows)),
                Err(error) => {
                    verified.problems.push(error.to_string());
                    *open = None;
                }
            }
        }
        found
    }
}

/// Derives activities page by page; answers the athletes' lines of the ledger.
async fn verify_activities(
    folder: &Path,
    originals: &Originals,
    progress: &dyn Progress,
    manifest: &Manifest,
    verified: &mut Verified,
) -> Result<Vec<RecordBatch>, Error> {
    let mut exported = Exported::open(folder, Scope::Activity, manifest, verified);
    let mut lines = lines::<ActivityLine>(folder, ACTIVITIES)?;
    let mut ledger = Vec::new();
    loop {
        let mut page: Vec<ActivityLine> = Vec::new();
        for line in lines.by_ref() {
            match line {
                Ok(line) => page.push(line),
                Err(problem) => verified.problems.push(problem),
            }
            if page.len() == PAGE {
                break;
            }
        }
        let last = page.last().map(ActivityLine::key);
        let derived = derive(originals, &page, verified).await?;
        for (table, found) in exported.up_to(last, verified) {
            let expected = derived.get(table.name).map_or(&[][..], Vec::as_slice);
            let expected = exported::as_declared(table, expected)?;
            let (of_athletes, found) = apart(table, found)?;
            ledger.extend(of_athletes);
            verified.compare(table, &found, &expected)?;
        }
        verified.activities += page.len() as u64;
        progress.advance(page.len() as u64);
        if last.is_none() {
            break;
        }
    }
    if verified.activities != manifest.activities {
        verified.problems.push(format!(
            "{ACTIVITIES} has {} lines, the manifest says {}",
            verified.activities, manifest.activities
        ));
    }
    Ok(ledger)
}

/// Rows of a page of activities, as their originals give them now.
async fn derive(
    originals: &Originals,
    page: &[ActivityLine],
    verified: &mut Verified,
) -> Result<BTreeMap<&'static str, Vec<RecordBatch>>, Error> {
    let pointers: Vec<Pointer> = page
        .iter()
        .map(|line| Pointer {
            key: line.key(),
            revision: line.revision,
        })
        .collect();
    let grounds = page.iter().map(|line| (line.activity_id, ground(line)));
    let replayed = replay::replay(originals, &pointers, grounds.collect()).await?;
    let mut derived: BTreeMap<&'static str, Vec<RecordBatch>> = BTreeMap::new();
    for (replayed, rows) in replay::rows(replayed, |one| one.pointer.revision).await? {
        for trouble in &replayed.troubles {
            verified.problems.push(format!(
                "activity {}: {trouble}",
                replayed.pointer.key.activity_id
            ));
        }
        for (table, batch) in rows.into_iter().flatten() {
            derived.entry(table).or_default().push(batch);
        }
    }
    Ok(derived)
}

fn ground(line: &ActivityLine) -> Ground {
    let sources = line.recordings.iter().map(|recording| Source {
        athlete_id: line.athlete_id,
        sha256: recording.sha256.clone(),
        part: recording.part,
        format: recording.format.clone(),
        external_id: recording.external_id.clone(),
        start_time_us: line.start_time_us,
        elapsed_ms: 0,
        non_null_values: 0,
        file_name: String::new(),
        activity_id: line.activity_id,
        parted_from: None,
        upload_id: None,
        retain_until_us: recording.retain_until_us,
        fetched_at_us: None,
    });
    let said = line.corrections.iter().cloned();
    Ground {
        sources: sources.collect(),
        corrections: said.map(|said| said.correction(line)).collect(),
    }
}

/// Rows of the ledger that are of athletes, and the others.
fn apart(
    table: &'static Table,
    rows: RecordBatch,
) -> Result<(Option<RecordBatch>, RecordBatch), Error> {
    if table.name != DERIVATIONS.name {
        return Ok((None, rows));
    }
    let activities = rows.column(rows.schema().index_of("activity_id")?);
    let is_activity = arrow::compute::is_not_null(activities)?;
    let is_athlete = arrow::compute::is_null(activities)?;
    let pick = |which| arrow::compute::filter_record_batch(&rows, which);
    Ok((Some(pick(&is_athlete)?), pick(&is_activity)?))
}

/// Ranks and statistics, from the tables whose rows were just compared.
async fn verify_athletes(
    folder: &Path,
    manifest: &Manifest,
    ledger: Vec<RecordBatch>,
    verified: &mut Verified,
) -> Result<(), Error> {
    let mut exported = Exported::open(folder, Scope::Athlete, manifest, verified);
    let found: HashMap<&str, RecordBatch> = exported
        .up_to(None, verified)
        .into_iter()
        .map(|(table, rows)| (table.name, rows))
        .collect();
    let paths: Vec<(&str, PathBuf)> = ["activities", "best_efforts"]
        .iter()
        .map(|name| (*name, folder.join(format!("{name}.parquet"))))
        .collect();
    let paths: Vec<(&str, &Path)> = paths.iter().map(|(name, path)| (*name, &**path)).collect();
    let mut as_of = Vec::new();
    for athlete in &manifest.athletes {
        match athlete.as_of.parse::<jiff::civil::Date>() {
            Ok(day) => as_of.push((athlete.athlete_id, query::read::days(day))),
            Err(_) => verified.problems.push(format!(
                "the day {:?} of athlete {} in the manifest is none",
                athlete.as_of, athlete.athlete_id
            )),
        }
    }
    let session = exported::session(&paths).await;
    let derived = match session {
        Ok(session) => athlete_tables(&session, &as_of).await,
        Err(error) => Err(error),
    };
    let derived = match derived {
        Ok(derived) => derived,
        Err(error) => {
            verified
                .problems
                .push(format!("ranks and statistics: {error}"));
            return Ok(());
        }
    };
    for table in tables_of(Scope::Athlete) {
        let Some(found) = found.get(table.name) else {
            continue;
        };
        let expected = derived.tables.get(table.name);
        let expected = expected.map_or(&[][..], Vec::as_slice);
        let expected = exported::as_declared(table, expected)?;
        verified.compare(table, found, &expected)?;
    }
    let lines = manifest.athletes.iter().map(|athlete| {
        let valid_until = derived.valid_until.get(&athlete.athlete_id).copied();
        query::ledger::athlete_line(athlete.athlete_id, athlete.revision, valid_until)
    });
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    let expected = exported::as_declared(&DERIVATIONS, &lines)?;
    let found = exported::as_declared(&DERIVATIONS, &ledger)?;
    debug_assert!(found.column(0).null_count() == 0);
    verified.compare(&DERIVATIONS, &found, &expected)
}
