//! Whole tables as files: one file a table, streamed, in the table's order.
//!
//! A file appears under its name only when it is whole. Files of an earlier
//! export are replaced; the list of them is kept in the folder, and whatever
//! is not on it is foreign and never overwritten.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use datafusion::execution::SendableRecordBatchStream;
use serde::{Deserialize, Serialize};
use storage::table::Table;
use uuid::Uuid;

use crate::encode::Encoded;
use crate::error::Error;
use crate::output::Format;
use crate::selection::{Filter, check_name, select};
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
    for table in tables {
        check_name(table)?;
        session.schema(table).await?;
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
    for table in tables {
        let rows = select(session, table, declared, &Filter::default()).await?;
        let part = to.join(format!(".{table}-{}.part", Uuid::now_v7()));
        let written = write_table(rows, &part, format).await;
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

/// Writes the rows into a new file; gives their number and its size.
async fn write_table(
    rows: SendableRecordBatchStream,
    part: &Path,
    format: Format,
) -> Result<(u64, u64), Error> {
    let of_write = |error| write_error(part, error);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(part)
        .map_err(of_write)?;
    let mut encoded = Encoded::new(rows, format)?;
    let mut bytes = 0;
    while let Some(piece) = encoded.next().await? {
        file.write_all(&piece).map_err(of_write)?;
        bytes += piece.len() as u64;
    }
    file.sync_all().map_err(of_write)?;
    Ok((encoded.rows(), bytes))
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
