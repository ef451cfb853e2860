//! Whole tables as files: one file a table, streamed, in the table's order.
//!
//! A file appears under its name only when it is whole. Files of an earlier
//! export are replaced; the list of them is kept beside them, and whatever is
//! not on it is foreign and never overwritten.

use std::collections::BTreeMap;

use datafusion::execution::SendableRecordBatchStream;
use serde::{Deserialize, Serialize};
use storage::table::Table;

use crate::destination::{Destination, Outgo};
use crate::encode::Encoded;
use crate::error::Error;
use crate::output::Format;
use crate::selection::{Filter, check_name, select};
use crate::session::Session;

/// The list of an export's files, beside them.
const LIST: &str = "pacelake-export.json";

/// One file that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The table or view.
    pub table: String,
    /// Where its rows are now: a path or a URL.
    pub file: String,
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

/// Writes `tables` (names of tables or views of the session) to `to`, as
/// Parquet or CSV.
///
/// `declared` gives the order of rows; of other tables and of views the order
/// is not fixed. Nothing is written if any file would be overwritten that an
/// export did not write. Where one table fails, those before it are there.
///
/// # Errors
/// [`Error::InvalidArgument`] for another format, [`Error::NotFound`] for an
/// unknown table, [`Error::ForeignFile`], [`Error::Write`] or what the store
/// says, and what reading and encoding give.
pub async fn export(
    session: &Session,
    tables: &[String],
    declared: &[&Table],
    to: &Destination,
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
    to.prepare()?;
    let mut list = read_list(to).await?;
    for table in tables {
        let name = file_name(table, format);
        if !list.contains_key(&name) && to.exists(&name).await? {
            return Err(Error::ForeignFile {
                file: to.place(&name),
            });
        }
    }
    let mut exported = Vec::new();
    for table in tables {
        let rows = select(session, table, declared, &Filter::default()).await?;
        let name = file_name(table, format);
        let mut outgo = to.begin(&name).await?;
        let (rows, bytes) = write_table(rows, &mut outgo, format).await?;
        // The list first: a file that is not on it could never be replaced.
        let entry = Entry {
            table: table.clone(),
            rows,
            bytes,
        };
        list.insert(name.clone(), entry);
        write_list(to, &list).await?;
        outgo.finish().await?;
        exported.push(Exported {
            table: table.clone(),
            file: to.place(&name),
            rows,
            bytes,
        });
    }
    Ok(exported)
}

/// Writes the rows; gives their number and that of the bytes.
async fn write_table(
    rows: SendableRecordBatchStream,
    outgo: &mut Outgo,
    format: Format,
) -> Result<(u64, u64), Error> {
    let mut encoded = Encoded::new(rows, format)?;
    let mut bytes = 0;
    while let Some(piece) = encoded.next().await? {
        outgo.write(&piece).await?;
        bytes += piece.len() as u64;
    }
    outgo.sync()?;
    Ok((encoded.rows(), bytes))
}

fn file_name(table: &str, format: Format) -> String {
    format!("{table}.{format}")
}

/// The files that earlier exports wrote here.
async fn read_list(to: &Destination) -> Result<List, Error> {
    let Some(text) = to.read(LIST).await? else {
        return Ok(List::new());
    };
    // A list that is not ours is as foreign as any other file.
    serde_json::from_slice(&text).map_err(|_| Error::ForeignFile {
        file: to.place(LIST),
    })
}

async fn write_list(to: &Destination, list: &List) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(list).expect("names and numbers become JSON");
    to.write(LIST, &text).await
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
