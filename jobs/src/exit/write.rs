//! Writes an exit: originals, tables, manifest.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use query::destination::Destination;
use query::export::export;
use query::output::Format;
use query::session::{Limits, Session};
use serde::Serialize;
use storage::catalog::{Athlete, Source};
use storage::{ActivityKey, AthleteId, LakeView};

use super::manifest::{
    ACTIVITIES, ActivityLine, AthleteLine, CorrectionLine, FORMAT, FileLine, MANIFEST, Manifest,
    ORIGINALS, OriginalLine, RecordingLine, TableLine, definitions, failed,
};
use super::names::Names;
use crate::context::Context;
use crate::derive::reconcile_stale;
use crate::error::Error;
use crate::replay::grounds_of;

/// How many activities are listed at a time.
const PAGE: u32 = 1024;
/// How often it begins again because activities changed meanwhile.
const ATTEMPTS: u32 = 8;

/// What was written.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// The manifest.
    pub manifest: Manifest,
    /// Its own SHA-256, for whoever wants to note it.
    pub manifest_sha256: String,
    /// Recordings that the catalog names and that are not there.
    pub missing: Vec<String>,
}

/// Writes everything to `folder`, which is made where it is missing. The
/// manifest of an earlier exit goes first and the new one comes last.
///
/// # Errors
/// [`Error::Contended`] where activities keep changing; a failing catalog,
/// lake, store or folder.
pub async fn write(context: &Context, folder: &Path) -> Result<Written, Error> {
    // What is exported is then what today's definitions give.
    reconcile_stale(context).await?;
    fs::create_dir_all(folder).map_err(failed("make", folder))?;
    let path = folder.join(MANIFEST);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(failed("remove", &path)(error));
        }
        Ok(()) | Err(_) => {}
    }
    let mut attempt = 0;
    loop {
        attempt += 1;
        let athletes = context.storage.catalog.athletes().await?;
        let view = context.storage.lake.latest().await?;
        let activities = write_activities(context, folder).await?;
        let after = context.storage.catalog.athletes().await?;
        let revisions = |athletes: &[Athlete]| -> Vec<(AthleteId, i64, i64)> {
            let of = athletes.iter();
            of.map(|a| (a.athlete_id, a.revision, a.reconciled_revision))
                .collect()
        };
        let is_whole = athletes.iter().all(|a| a.revision == a.reconciled_revision);
        if revisions(&athletes) == revisions(&after) && is_whole {
            return write_rest(context, folder, &view, &athletes, activities).await;
        }
        if attempt == ATTEMPTS {
            return Err(Error::Busy { attempts: attempt });
        }
        reconcile_stale(context).await?;
    }
}

/// A list of lines of JSON, on its way.
struct List {
    name: &'static str,
    out: BufWriter<File>,
    lines: u64,
}

impl List {
    fn create(folder: &Path, name: &'static str) -> Result<Self, Error> {
        let path = folder.join(name);
        let file = File::create(&path).map_err(failed("write", &path))?;
        Ok(Self {
            name,
            out: BufWriter::new(file),
            lines: 0,
        })
    }

    fn add<T: Serialize>(&mut self, folder: &Path, line: &T) -> Result<(), Error> {
        let mut text = serde_json::to_vec(line).expect("texts and numbers become JSON");
        text.push(b'\n');
        self.lines += 1;
        let path = folder.join(self.name);
        self.out.write_all(&text).map_err(failed("write", &path))
    }

    /// How many lines there are, and the file.
    fn end(self, folder: &Path) -> Result<(u64, FileLine), Error> {
        let path = folder.join(self.name);
        let file = self.out.into_inner().map_err(|error| error.into_error());
        let synced = file.and_then(|file| file.sync_all());
        synced.map_err(failed("write", &path))?;
        Ok((self.lines, FileLine::of(folder, self.name)?))
    }
}

async fn write_activities(context: &Context, folder: &Path) -> Result<(u64, FileLine), Error> {
    let mut list = List::create(folder, ACTIVITIES)?;
    let mut after: Option<ActivityKey> = None;
    loop {
        let page = context.storage.catalog.pointers_after(after, PAGE).await?;
        let Some(last) = page.last() else {
            return list.end(folder);
        };
        after = Some(last.key);
        let mut grounds = grounds_of(context, &page).await?;
        for pointer in page {
            let key = pointer.key;
            let ground = grounds.remove(&key.activity_id).unwrap_or_default();
            let holding = ground.corrections.into_iter();
            let holding = holding.filter(|one| one.holds_in(pointer.revision));
            let recordings = ground.sources.into_iter().map(|source| RecordingLine {
                sha256: source.sha256,
                part: source.part,
                format: source.format,
                external_id: source.external_id,
                retain_until_us: source.retain_until_us,
            });
            let line = ActivityLine {
                athlete_id: key.athlete_id,
                start_time_us: key.start_time_us,
                activity_id: key.activity_id,
                revision: pointer.revision,
                recordings: recordings.collect(),
                corrections: holding.map(CorrectionLine::of).collect(),
            };
            list.add(folder, &line)?;
        }
    }
}

async fn write_rest(
    context: &Context,
    folder: &Path,
    view: &LakeView,
    athletes: &[Athlete],
    activities: (u64, FileLine),
) -> Result<Written, Error> {
    // Copying the originals may take longer than ended files are kept.
    let lease = view.lease().await?;
    let (originals, missing) = write_originals(context, folder, athletes).await?;
    let tables = write_tables(folder, view).await?;
    lease.release().await?;
    let of = |athlete: &Athlete| AthleteLine {
        athlete_id: athlete.athlete_id,
        name: athlete.name.clone(),
        time_zone: athlete.time_zone.clone(),
        revision: athlete.revision,
        as_of: context.today(athlete).to_string(),
    };
    let manifest = Manifest {
        format: FORMAT,
        pacelake: env!("CARGO_PKG_VERSION").to_owned(),
        exported_at: (context.now)().to_string(),
        lake: context.storage.lake.uuid().to_string(),
        snapshot_id: view.snapshot_id(),
        definitions: definitions(),
        athletes: athletes.iter().map(of).collect(),
        tables,
        lists: vec![activities.1, originals.1],
        activities: activities.0,
        originals: originals.0,
    };
    let text = serde_json::to_vec_pretty(&manifest).expect("texts and numbers become JSON");
    let path = folder.join(MANIFEST);
    let put = || {
        let mut file = File::create_new(&path)?;
        file.write_all(&text)?;
        file.sync_all()
    };
    put().map_err(failed("write", &path))?;
    Ok(Written {
        manifest,
        manifest_sha256: FileLine::of(folder, MANIFEST)?.sha256,
        missing,
    })
}

/// Writes what is kept of every athlete; answers the list, and what is
/// missing.
async fn write_originals(
    context: &Context,
    folder: &Path,
    athletes: &[Athlete],
) -> Result<((u64, FileLine), Vec<String>), Error> {
    let mut list = List::create(folder, ORIGINALS)?;
    let mut missing = Vec::new();
    for athlete in athletes {
        let id = athlete.athlete_id;
        let below = format!("originals/{id}");
        let to = folder.join(&below);
        fs::create_dir_all(&to).map_err(failed("make", &to))?;
        let kept = context.storage.raw.list(id).await?;
        context.progress.begin("export", kept.len() as u64);
        let mut names = Names::default();
        for page in kept.chunks(PAGE as usize) {
            let sources = context.storage.catalog.sources_by_sha256(id, page).await?;
            let mut known: HashMap<&str, &Source> = HashMap::new();
            for source in &sources {
                known.entry(&source.sha256).or_insert(source);
            }
            for sha256 in page {
                let name = file_name(known.get(sha256.as_str()).copied());
                let name = names.give(&name, sha256);
                let bytes = match context.storage.raw.get(id, sha256).await {
                    Ok(bytes) => bytes,
                    Err(error @ storage::Error::Inconsistent { .. }) => {
                        missing.push(error.to_string());
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                let path = to.join(&name);
                let length = bytes.len() as u64;
                fs::write(&path, bytes).map_err(failed("write", &path))?;
                let file = FileLine {
                    file: format!("{below}/{name}"),
                    sha256: sha256.clone(),
                    bytes: length,
                };
                let line = OriginalLine {
                    athlete_id: id,
                    file,
                };
                list.add(folder, &line)?;
            }
            context.progress.advance(page.len() as u64);
        }
        context.progress.end();
    }
    Ok((list.end(folder)?, missing))
}

/// What an original is called: rows of an archive's table, and what an API
/// told, have no file of their own.
fn file_name(source: Option<&Source>) -> String {
    match source {
        None => String::new(),
        Some(source) if matches!(source.format.as_str(), "strava_archive" | "strava_api") => {
            let id = source.external_id.as_deref().unwrap_or_default();
            format!("{}.json", id.replace(':', "-"))
        }
        Some(source) => source.file_name.clone(),
    }
}

async fn write_tables(folder: &Path, view: &LakeView) -> Result<Vec<TableLine>, Error> {
    let limits = Limits {
        time: std::time::Duration::MAX,
        ..Limits::jobs()
    };
    let session = Session::open(view, limits).await?;
    let declared = query::derived::tables();
    let names: Vec<String> = declared.iter().map(|table| table.name.to_owned()).collect();
    let to = Destination::Folder(folder.to_owned());
    let exported = export(&session, &names, &declared, &to, Format::Parquet).await?;
    let lines = exported.into_iter().zip(declared).map(|(one, table)| {
        let name = Path::new(&one.file).file_name().unwrap_or_default();
        Ok(TableLine {
            table: one.table,
            grain: table.grain.to_owned(),
            rows: one.rows,
            file: FileLine::of(folder, &name.to_string_lossy())?,
        })
    });
    lines.collect()
}
