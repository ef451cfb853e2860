//! What must hold of a lake after an era: nothing lost, nothing doubled,
//! nothing half there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

use pacelake_e2e::{COUNTS_OF_WRITES, difference};

use crate::journal::Proven;
use crate::material::Unit;
use crate::model::{Audit, Model};
use crate::place::Place;
use crate::process::{self, End, tail};

/// Proves it, or says what does not hold.
///
/// `units` are all recordings of the era. Those that are in the lake, by its
/// audit, are imported once more into a lake of its own, where nobody disturbs
/// it; then every row of every table is compared, as stock DuckDB reads it and
/// as our own SQL does.
///
/// # Errors
/// What does not hold.
pub fn prove(
    place: &Place,
    model: &Model,
    units: &[Unit],
    folder: &Path,
) -> Result<Proven, String> {
    // What a killed process left stale is found by comparing, and derived.
    must(place, &["recompute"], folder)?;
    let check = must(place, &["check"], folder)?;
    let text = must(
        place,
        &["audit", "--limit", "100000", "--format", "json"],
        folder,
    )?;
    let audit = Audit::read(&text)?;
    for path in model.paths() {
        if !audit.came_in.contains(path) {
            return Err(format!("lost: {path} was acknowledged\n{check}"));
        }
    }
    let of = |path: &String| units.iter().position(|unit| unit.holds(path));
    let mut present = Vec::new();
    for path in &audit.came_in {
        present.push(of(path).ok_or_else(|| format!("{path} is of no unit"))?);
    }
    present.sort_unstable();
    present.dedup();

    let home = tempfile::tempdir_in(folder).map_err(|error| error.to_string())?;
    let twin = place.twin(home.path());
    // An activity's id comes of the recording that it was born with: those
    // that joined one come second here too.
    let (first, second): (Vec<usize>, Vec<usize>) = present
        .into_iter()
        .partition(|at| audit.born.iter().any(|path| units[*at].holds(path)));
    for part in [first, second].iter().filter(|part| !part.is_empty()) {
        let paths = part.iter().flat_map(|at| &units[*at].paths);
        let paths: Vec<_> = paths.map(|path| path.to_string_lossy()).collect();
        let mut import = vec!["import", "--format", "json"];
        import.extend(paths.iter().map(AsRef::as_ref));
        must(&twin, &import, folder)?;
    }

    let (expected, found) = (rows(&twin)?, rows(place)?);
    let differs = difference(&expected, &found);
    if !differs.is_empty() {
        return Err(format!("as DuckDB reads it: {differs}"));
    }
    let (ours, theirs) = (exported(place, folder)?, exported(&twin, folder)?);
    for (table, rows) in &theirs {
        let differs = difference(rows, ours.get(table).map_or(&[], Vec::as_slice));
        if !differs.is_empty() {
            return Err(format!("as our SQL reads {table}: {differs}"));
        }
    }
    Ok(Proven {
        acknowledged: model.len(),
        recordings: audit.came_in.len(),
        births: audit.births,
        rows: found.len(),
    })
}

/// The rows of a lake as DuckDB reads it. That it cannot read it is a finding,
/// where the referee panics.
fn rows(place: &Place) -> Result<Vec<String>, String> {
    let read = thread::scope(|scope| scope.spawn(|| place.rows()).join());
    read.map_err(|panic| match panic.downcast::<String>() {
        Ok(said) => *said,
        Err(_) => "DuckDB's reading ended without a word".to_owned(),
    })
}

/// Runs a command that must end well, and gives what it printed.
fn must(place: &Place, arguments: &[&str], folder: &Path) -> Result<String, String> {
    let ended = process::run(place.command(arguments), &folder.join("proof"), None)?;
    match ended.end {
        End::Exit(0) => Ok(ended.stdout),
        End::Exit(_) | End::Killed | End::Signal => Err(format!(
            "`pacelake {}` ended by {:?}:\n{}\n{}",
            arguments.join(" "),
            ended.end,
            tail(&ended.stdout),
            tail(&ended.stderr)
        )),
    }
}

/// The rows of every table, as our own reader exports them, sorted, without
/// the columns that count writes.
fn exported(place: &Place, folder: &Path) -> Result<BTreeMap<String, Vec<String>>, String> {
    let to = tempfile::tempdir_in(folder).map_err(|error| error.to_string())?;
    let target = to.path().to_string_lossy();
    must(
        place,
        &["export", "--all", "--format", "csv", "--to", &target],
        folder,
    )?;
    let mut tables = BTreeMap::new();
    let entries = fs::read_dir(to.path()).map_err(|error| error.to_string())?;
    for path in entries.flatten().map(|entry| entry.path()) {
        // The manifest beside the tables says when it was written.
        if path.extension().is_none_or(|end| end != "csv") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let rows = lines(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        tables.insert(name.into_owned(), rows);
    }
    if tables.len() < 5 {
        return Err(format!("only {} tables were exported", tables.len()));
    }
    Ok(tables)
}

fn lines(path: &Path) -> Result<Vec<String>, csv::Error> {
    let mut reader = csv::Reader::from_path(path)?;
    let headers = reader.headers()?.clone();
    let counts: Vec<bool> = headers
        .iter()
        .map(|name| COUNTS_OF_WRITES.contains(&name))
        .collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let cells = record.iter().zip(&counts);
        let kept: Vec<_> = cells
            .filter(|(_, counts)| !**counts)
            .map(|(cell, _)| cell)
            .collect();
        rows.push(kept.join("\t"));
    }
    rows.sort_unstable();
    Ok(rows)
}
