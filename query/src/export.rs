//! Whole tables as files: one file a table, streamed, in the table's order.
//!
//! A file appears under its name only when it is whole. Files of an earlier
//! export are replaced; the list of them is kept in the folder, and whatever
//! is not on it is foreign and never overwritten.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, col};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use storage::table::Table;
use uuid::Uuid;

use crate::error::Error;
use crate::output::{Format, Output};
use crate::session::Session;

/// The list of an export's files, in its folder.
const LIST: &str = "pacelake-export.json";

/// One file that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The table or view.
    pub table: String,
    /// Where its rows are now.
    pub file: PathBuf,
    /// How many rows.
    pub rows: u64,
    /// How large the file is.
    pub bytes: u64,
}

/// What the list says of one file.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    table: String,
    rows: u64,
    bytes: u64,
}

type List = BTreeMap<String, Entry>;

/// Writes `tables` (names of tables or views of the session) to the folder
/// `to`, which is made if it is missing, as Parquet or CSV.
///
/// `declared` gives the order of rows; of other tables and of views the order
/// is not fixed. Nothing is written if any file would be overwritten that an
/// export did not write. Where one table fails, those before it are there.
///
/// # Errors
/// [`Error::InvalidArgument`] for another format, [`Error::NotFound`] for an
/// unknown table, [`Error::ForeignFile`], [`Error::Write`], and what reading
/// and encoding give.
pub async fn export(
    session: &Session,
    tables: &[String],
    declared: &[&Table],
    to: &Path,
    format: Format,
) -> Result<Vec<Exported>, Error> {
    if !matches!(format, Format::Parquet | Format::Csv) {
        return Err(Error::InvalidArgument {
            name: "format",
            value: format.to_string(),
            reason: "an export is parquet or csv".to_owned(),
        });
    }
    let mut plans = Vec::new();
    for table in tables {
        plans.push((table, plan(session, table, declared).await?));
    }
    fs::create_dir_all(to).map_err(|error| write_error(to, error))?;
    let mut list = read_list(to)?;
    for table in tables {
        let file = to.join(file_name(table, format));
        if file.exists() && !list.contains_key(&file_name(table, format)) {
            return Err(Error::ForeignFile { path: file });
        }
    }
    let mut exported = Vec::new();
    for (table, plan) in plans {
        let part = to.join(format!(".{table}-{}.part", Uuid::now_v7()));
        let written = write_table(session, plan, &part, format).await;
        let (rows, bytes) = written.inspect_err(|_| {
            // The error that stopped the export is the one to tell.
            let _ = fs::remove_file(&part);
        })?;
        let name = file_name(table, format);
        let file = to.join(&name);
        let table = table.clone();
        // The list first: a file that is not on it could never be replaced.
        let entry = Entry {
            table: table.clone(),
            rows,
            bytes,
        };
        list.insert(name, entry);
        write_list(to, &list)?;
        fs::rename(&part, &file).map_err(|error| write_error(&file, error))?;
        exported.push(Exported {
            table,
            file,
            rows,
            bytes,
        });
    }
    Ok(exported)
}

/// All rows of a table, in its declared order.
async fn plan(session: &Session, table: &str, declared: &[&Table]) -> Result<LogicalPlan, Error> {
    // Names become file names, and a lake may have been written by others.
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if table.is_empty() || !table.chars().all(plain) {
        return Err(Error::InvalidArgument {
            name: "table",
            value: table.to_owned(),
            reason: "a table's name is of letters, digits and _".to_owned(),
        });
    }
    let provider = session.provider(table).await?;
    let order = declared
        .iter()
        .find(|declared| declared.name == table)
        .map_or(&[][..], |declared| declared.sort);
    let build = || -> Result<LogicalPlan, DataFusionError> {
        let scan =
            LogicalPlanBuilder::scan(table, provider_as_source(Arc::clone(&provider)), None)?;
        if order.is_empty() {
            return scan.build();
        }
        scan.sort(order.iter().map(|name| col(*name).sort(true, true)))?
            .build()
    };
    build().map_err(|error| Error::of_read("a table", error))
}

/// Streams the rows into a new file; gives their number and its size.
async fn write_table(
    session: &Session,
    plan: LogicalPlan,
    part: &Path,
    format: Format,
) -> Result<(u64, u64), Error> {
    let of_read = |error| Error::of_read("a table", error);
    let of_write = |error| write_error(part, error);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(part)
        .map_err(of_write)?;
    let mut stream = session.stream(plan).await.map_err(of_read)?;
    let mut output = Output::new(format, &stream.schema(), BufWriter::new(file))?;
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(of_read)?;
        rows += batch.num_rows() as u64;
        output.write(&batch)?;
    }
    let file = output
        .finish()?
        .into_inner()
        .map_err(|error| of_write(error.into_error()))?;
    file.sync_all().map_err(of_write)?;
    let bytes = file.metadata().map_err(of_write)?.len();
    Ok((rows, bytes))
}

fn file_name(table: &str, format: Format) -> String {
    format!("{table}.{format}")
}

/// The files that earlier exports wrote here.
fn read_list(to: &Path) -> Result<List, Error> {
    let path = to.join(LIST);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(List::new()),
        Err(error) => return Err(write_error(&path, error)),
    };
    // A list that is not ours is as foreign as any other file.
    serde_json::from_slice(&text).map_err(|_| Error::ForeignFile { path })
}

fn write_list(to: &Path, list: &List) -> Result<(), Error> {
    let path = to.join(LIST);
    let part = to.join(format!(".list-{}.part", Uuid::now_v7()));
    let text = serde_json::to_vec_pretty(list).expect("names and numbers become JSON");
    let write = || {
        let mut file = File::create_new(&part)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&part, &path)
    };
    write().map_err(|error| write_error(&path, error))
}

fn write_error(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
