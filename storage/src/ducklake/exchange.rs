//! The rows of the transaction that exchanges files under the same snapshots.

use std::collections::BTreeMap;

use super::history::{History, PastFile};
use super::inlined;
use super::purge::Fate;
use super::refile::{self, Refiled};
use super::table_stats;
use crate::catalog::{Tx, Value};
use crate::error::Error;

/// All rows of the exchange.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// Rows of the lake that go.
    pub rows: i64,
    /// Data files that go without another.
    pub gone: Vec<i64>,
    /// Old id, new id, path, rows, bytes, footer.
    pub replaced: Vec<Vec<Value>>,
    /// The same of delete files, and the new data file's id.
    deletes: Vec<Vec<Value>>,
    /// Statistics of new files.
    stats: Vec<Vec<Value>>,
    /// Deletes that lie in the catalog, by table: new file, position, snapshot.
    inlined_deletes: BTreeMap<i64, Vec<[i64; 3]>>,
    /// Old data files.
    old: Vec<i64>,
    /// Objects that nothing names any more.
    pub objects: Vec<String>,
}

impl Exchange {
    /// Adds a file's fate; answers whether anything becomes of it.
    pub fn add(&mut self, file: &PastFile, fate: &Fate, next_file_id: &mut i64) -> bool {
        match fate {
            Fate::Untouched => return false,
            Fate::Goes { rows } => {
                self.rows += rows;
                self.gone.push(file.id);
            }
            Fate::Replaced {
                new,
                removed,
                deletes,
            } => {
                let mut take_id = || {
                    *next_file_id += 1;
                    *next_file_id - 1
                };
                self.rows += removed.len() as i64;
                let new_id = take_id();
                self.replaced.push(exchange_row(file.id, new_id, new));
                self.stats.extend(new.stats.iter().map(|(column, kind)| {
                    table_stats::file_row(column, new_id, file.table_id, kind.clone())
                }));
                for (old_id, rewritten) in deletes {
                    let Some(rewritten) = rewritten else { continue };
                    let mut row = exchange_row(*old_id, take_id(), rewritten);
                    row.push(new_id.into());
                    self.deletes.push(row);
                }
                let moved = file.inlined_deletes.iter().filter_map(|(at, snapshot)| {
                    let at = refile::moved_by(removed, *at)?;
                    Some([new_id, at as i64, *snapshot])
                });
                let of_table = self.inlined_deletes.entry(file.table_id).or_default();
                of_table.extend(moved);
            }
        }
        self.old.push(file.id);
        let deletes = file.deletes.iter().map(|delete| &delete.object);
        let objects = std::iter::once(&file.object).chain(deletes);
        self.objects
            .extend(objects.map(|object| object.path.to_string()));
        true
    }

    /// Writes it all.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn write(
        &self,
        tx: &mut Tx,
        history: &History,
        tables: impl Iterator<Item = i64>,
    ) -> Result<(), Error> {
        tx.execute_rows(
            "with v (old_id, new_id, path, row_count, size, footer) as (",
            &self.replaced,
            ") insert into ducklake_data_file (data_file_id, table_id, begin_snapshot, \
             end_snapshot, file_order, path, path_is_relative, file_format, record_count, \
             file_size_bytes, footer_size, row_id_start, partition_id, encryption_key, \
             mapping_id, partial_max) select v.new_id, f.table_id, f.begin_snapshot, \
             f.end_snapshot, f.file_order, v.path, f.path_is_relative, f.file_format, \
             v.row_count, v.size, v.footer, null, f.partition_id, f.encryption_key, \
             f.mapping_id, f.partial_max \
             from v join ducklake_data_file f on f.data_file_id = v.old_id",
        )
        .await?;
        tx.execute_rows(
            "with v (old_id, new_id, path, row_count, size, footer, data_file_id) as (",
            &self.deletes,
            ") insert into ducklake_delete_file (delete_file_id, table_id, begin_snapshot, \
             end_snapshot, data_file_id, path, path_is_relative, format, delete_count, \
             file_size_bytes, footer_size, encryption_key, partial_max) select v.new_id, \
             d.table_id, d.begin_snapshot, d.end_snapshot, v.data_file_id, v.path, \
             d.path_is_relative, d.format, v.row_count, v.size, v.footer, d.encryption_key, \
             d.partial_max from v join ducklake_delete_file d on d.delete_file_id = v.old_id",
        )
        .await?;
        let pairs: Vec<Vec<Value>> = self.replaced.iter().map(|row| row[..2].to_vec()).collect();
        tx.execute_rows(
            "with v (old_id, new_id) as (",
            &pairs,
            ") update ducklake_file_partition_value set data_file_id = v.new_id from v \
             where ducklake_file_partition_value.data_file_id = v.old_id",
        )
        .await?;
        let old = [Value::Ints(self.old.clone())];
        for statement in [
            "delete from ducklake_delete_file where data_file_id = any($1)",
            "delete from ducklake_file_column_stats where data_file_id = any($1)",
            "delete from ducklake_file_variant_stats where data_file_id = any($1)",
            "delete from ducklake_file_partition_value where data_file_id = any($1)",
            "delete from ducklake_data_file where data_file_id = any($1)",
        ] {
            tx.execute(statement, &old).await?;
        }
        tx.execute_rows("insert into ducklake_file_column_stats", &self.stats, "")
            .await?;
        for id in tables {
            let Some(name) = history
                .tables
                .get(&id)
                .and_then(|t| t.inlined_deletes.as_ref())
            else {
                continue;
            };
            let name = inlined::quoted(name);
            let sql = format!("delete from {name} where file_id = any($1)");
            tx.execute_named(sql, &old).await?;
            for row in self.inlined_deletes.get(&id).into_iter().flatten() {
                let sql = format!(
                    "insert into {name} (file_id, row_id, begin_snapshot) values ($1, $2, $3)"
                );
                tx.execute_named(sql, &row.map(Value::Int)).await?;
            }
        }
        Ok(())
    }
}

fn exchange_row(old_id: i64, new_id: i64, new: &Refiled) -> Vec<Value> {
    vec![
        old_id.into(),
        new_id.into(),
        new.path.as_str().into(),
        new.rows.into(),
        (new.object.size as i64).into(),
        Value::from(new.object.footer_size.map(|size| size as i64)),
    ]
}
