//! Which objects the catalog names: files of any snapshot, and files that wait
//! for their removal.

use object_store::path::Path;

use super::footers::Object;
use super::load::{join, location, object};
use crate::catalog::Tx;
use crate::error::Error;

/// A data or delete file of any snapshot.
pub(crate) struct AnyFile {
    /// Where it lies.
    pub object: Object,
    /// Its rows.
    pub rows: u64,
}

/// Every file that any snapshot names, of tables of all times.
///
/// # Errors
/// [`Error::Database`], [`Error::Inconsistent`].
pub(crate) async fn all_files(tx: &mut Tx, data_path: &str) -> Result<Vec<AnyFile>, Error> {
    let rows = tx
        .fetch(
            "select s.path, s.path_is_relative, t.path, t.path_is_relative, \
             f.path, f.path_is_relative, f.file_size_bytes, f.footer_size, f.rows \
             from (select table_id, path, path_is_relative, file_size_bytes, footer_size, \
             record_count as rows from ducklake_data_file \
             union all select table_id, path, path_is_relative, file_size_bytes, footer_size, \
             delete_count from ducklake_delete_file) f \
             join (select distinct table_id, schema_id, path, path_is_relative \
             from ducklake_table) t on t.table_id = f.table_id \
             join ducklake_schema s on s.schema_id = t.schema_id order by f.path",
            &[],
        )
        .await?;
    let mut files = Vec::with_capacity(rows.len());
    for row in &rows {
        let schema = join("", row.opt_text(0)?, row.opt_bool(1)?);
        let table = join(&schema, row.opt_text(2)?, row.opt_bool(3)?);
        files.push(AnyFile {
            object: object(data_path, &table, row, 4, 6)?,
            rows: row.int(8)?.unsigned_abs(),
        });
    }
    Ok(files)
}

/// A file that no snapshot names any more and that is to be removed.
#[derive(Debug)]
pub(crate) struct Scheduled {
    /// The id that it had.
    pub id: i64,
    /// Where it lies.
    pub path: Path,
    /// Since when it is not named, in microseconds since 1970.
    pub since_us: i64,
}

/// Files that no snapshot names any more and that are to be removed.
///
/// # Errors
/// [`Error::Database`], [`Error::Inconsistent`].
pub(crate) async fn scheduled(tx: &mut Tx, data_path: &str) -> Result<Vec<Scheduled>, Error> {
    let rows = tx
        .fetch(
            "select data_file_id, path, path_is_relative, schedule_start \
             from ducklake_files_scheduled_for_deletion",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let path = join("", row.opt_text(1)?, row.opt_bool(2)?);
            Ok(Scheduled {
                id: row.int(0)?,
                path: location(data_path, &path)?,
                since_us: row.time(3)?,
            })
        })
        .collect()
}
