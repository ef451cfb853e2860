//! Damage of every kind on purpose: a repair makes it good, a check then finds
//! nothing, and all rows are those of the lake before.

mod home;

use std::fs;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use home::{
    Place, SEVERAL, Tables, assert_equal, assert_sound, imported, on_both, open, parquet_files,
    recordings, rows,
};
use pacelake_jobs::repair::{Repaired, repair};
use pacelake_jobs::{Context, check, import};
use query::derived::tables;
use storage::catalog::CatalogChange;
use storage::lake::{Commit, KeySet, TableChange};
use storage::table::Table;

/// How many files are lost, cut or overwritten, one after the other.
const LOST_FILES: usize = 9;
/// How many bytes are flipped, one after the other.
const FLIPPED_BYTES: usize = 6;

/// Columns that count how often an activity was written.
const COUNTS_OF_WRITES: [&str; 2] = ["revision", "input_revision"];

/// All rows without what counts writes.
async fn values(context: &Context) -> Tables {
    let mut tables = rows(context).await;
    for batch in tables.values_mut() {
        let kept: Vec<usize> = (0..batch.num_columns())
            .filter(|&index| {
                let schema = batch.schema();
                !COUNTS_OF_WRITES.contains(&schema.field(index).name().as_str())
            })
            .collect();
        *batch = batch.project(&kept).unwrap();
    }
    tables
}

/// A lake in which rows were replaced, so that it has delete files.
async fn lake(place: &Place) -> (Context, Tables) {
    let context = imported(place, &SEVERAL[1..]).await;
    let more = recordings(&["fit/event_timestamp.fit", SEVERAL[0]]);
    import::import(&context, None, &more).await.unwrap();
    let expected = values(&context).await;
    (context, expected)
}

/// As a process that has read nothing yet.
async fn afresh(place: &Place, context: Context) -> Context {
    Context {
        storage: open(place).await.storage,
        ..context
    }
}

/// The check finds something, the repair mends it, nothing else has changed.
async fn assert_mends(context: &Context, in_full: bool, expected: &Tables, what: &str) -> Repaired {
    let before = check::check(context, in_full).await.unwrap();
    assert!(!before.is_sound(), "{what}: the check finds nothing");
    let done = repair(context, in_full).await.unwrap();
    assert!(done.checked.is_sound(), "{what}: {:#?}", done.checked.lines);
    assert!(!done.mended.is_empty(), "{what}");
    assert_equal(expected, &values(context).await);
    done
}

async fn each_file_that_is_lost_cut_or_overwritten(place: &Place) {
    let (mut context, expected) = lake(place).await;
    let count = parquet_files(place).len();
    assert!(count > 20, "{count} files");
    // Each repair leaves other files than it found: a share of the way is another file.
    for nth in 0..LOST_FILES {
        let files = parquet_files(place);
        let file = &files[nth * files.len() / LOST_FILES];
        let bytes = fs::read(file).unwrap();
        match nth % 3 {
            0 => fs::remove_file(file).unwrap(),
            1 => fs::write(file, &bytes[..bytes.len() * 2 / 3]).unwrap(),
            _ => fs::write(file, vec![0; bytes.len()]).unwrap(),
        }
        context = afresh(place, context).await;
        let what = file.display().to_string();
        if !check::check(&context, false).await.unwrap().is_sound() {
            assert_mends(&context, false, &expected, &what).await;
        }
    }
    assert_sound(&context).await;
}

async fn a_lost_delete_file(place: &Place) {
    let (context, expected) = lake(place).await;
    let files = parquet_files(place);
    let deletes: Vec<_> = files
        .iter()
        .filter(|file| file.to_string_lossy().ends_with("-delete.parquet"))
        .collect();
    assert!(!deletes.is_empty());
    for file in deletes {
        fs::remove_file(file).unwrap();
    }
    let context = afresh(place, context).await;
    let done = assert_mends(&context, false, &expected, "delete files").await;
    assert!(done.mended[0].contains("activities"), "{done:?}");
    assert_sound(&context).await;
}

async fn flipped_bytes_are_found_in_full(place: &Place) {
    let (mut context, expected) = lake(place).await;
    let mut found = 0;
    // A file that was mended has ended: what it holds is nobody's any more.
    let mut ended = Vec::new();
    for nth in 0..FLIPPED_BYTES {
        let files = parquet_files(place);
        let mut files: Vec<_> = files
            .iter()
            .filter(|file| file.to_string_lossy().contains("/streams/") && !ended.contains(*file))
            .collect();
        files.sort_by_key(|file| std::cmp::Reverse(fs::metadata(file).unwrap().len()));
        let mut bytes = fs::read(files[0]).unwrap();
        // In the pages, not in the footer.
        let at = bytes.len() * (nth + 1) / (FLIPPED_BYTES + 8);
        bytes[at] ^= 0x55;
        fs::write(files[0], bytes).unwrap();
        context = afresh(place, context).await;
        if !check::check(&context, true).await.unwrap().is_sound() {
            found += 1;
            ended.push(files[0].clone());
            assert_mends(&context, true, &expected, "flipped").await;
        }
        assert_equal(&expected, &values(&context).await);
    }
    assert!(found * 2 > FLIPPED_BYTES, "{found} are found");
}

async fn change(context: &Context, change: TableChange) {
    let commit = Commit {
        attempt: uuid::Uuid::now_v7(),
        changes: vec![change],
        catalog: CatalogChange::default(),
        message: "damage".to_owned(),
    };
    context.storage.lake.commit(commit).await.unwrap();
}

fn table(name: &str) -> &'static Table {
    tables()
        .into_iter()
        .find(|table| table.name == name)
        .unwrap()
}

/// The pointer columns of the first row of a table.
fn first_key(rows: &RecordBatch) -> KeySet {
    let schema = rows.schema();
    let columns: Vec<usize> = ["athlete_id", "start_time", "activity_id"]
        .iter()
        .map(|name| schema.index_of(name).unwrap())
        .collect();
    KeySet::new(rows.slice(0, 1).project(&columns).unwrap())
}

async fn rows_that_are_gone_doubled_or_strange(place: &Place) {
    let (context, expected) = lake(place).await;
    for name in ["activities", "streams", "derivations"] {
        let before = rows(&context).await;
        let delete = first_key(&before["streams"]);
        let gone = TableChange {
            table: table(name),
            delete: Some(delete),
            append: Vec::new(),
        };
        change(&context, gone).await;
        assert_mends(&context, false, &expected, name).await;

        let doubled = TableChange {
            table: table(name),
            delete: None,
            append: vec![rows(&context).await["streams"].slice(0, 1)],
        };
        if name == "streams" {
            change(&context, doubled).await;
            assert_mends(&context, false, &expected, "doubled").await;
        }
    }
    // Values that only a check in full compares.
    for name in ["splits", "peaks", "best_efforts", "laps"] {
        let before = rows(&context).await;
        let gone = TableChange {
            table: table(name),
            delete: Some(first_key(&before[name])),
            append: Vec::new(),
        };
        change(&context, gone).await;
        assert!(check::check(&context, false).await.unwrap().is_sound());
        assert_mends(&context, true, &expected, name).await;
    }
    let before = rows(&context).await;
    let splits = before["splits"].slice(0, 1);
    let schema = splits.schema();
    let mut columns = splits.columns().to_vec();
    columns[schema.index_of("activity_id").unwrap()] = Arc::new(Int64Array::from(vec![7]));
    let strange = TableChange {
        table: table("splits"),
        delete: None,
        append: vec![RecordBatch::try_new(schema, columns).unwrap()],
    };
    change(&context, strange).await;
    assert_mends(&context, false, &expected, "strange").await;
    for name in ["stats", "best_effort_ranks"] {
        let gone = TableChange {
            table: table(name),
            delete: Some(KeySet::athletes(&[storage::AthleteId(1)])),
            append: Vec::new(),
        };
        change(&context, gone).await;
        assert_mends(&context, true, &expected, name).await;
    }
    assert_sound(&context).await;
}

async fn counts_of_the_lakes_catalog(place: &Place) {
    let (mut context, expected) = lake(place).await;
    for damage in [
        "update ducklake_data_file set record_count = record_count + 1 \
         where data_file_id = (select min(data_file_id) from ducklake_data_file \
         where end_snapshot is null)",
        "update ducklake_data_file set file_size_bytes = file_size_bytes - 1 \
         where end_snapshot is null and table_id in \
         (select table_id from ducklake_table where table_name = 'stats')",
        "update ducklake_delete_file set delete_count = delete_count + 1000 \
         where end_snapshot is null",
        "insert into ducklake_delete_file select delete_file_id + 100000, table_id, \
         begin_snapshot, end_snapshot, data_file_id, path, path_is_relative, format, \
         delete_count, file_size_bytes, footer_size, encryption_key, partial_max \
         from ducklake_delete_file where end_snapshot is null",
        "update ducklake_snapshot set next_file_id = 1",
        "update ducklake_table_stats set next_row_id = 0",
        "delete from ducklake_table_stats",
    ] {
        let mut tx = context.storage.catalog.db().begin().await.unwrap();
        let changed = tx.execute(damage, &[]).await.unwrap();
        tx.commit().await.unwrap();
        if changed == 0 {
            // An earlier repair left no delete file to damage.
            assert!(damage.contains("delete_file"), "{damage}");
            continue;
        }
        context = afresh(place, context).await;
        assert_mends(&context, false, &expected, damage).await;
        assert_sound(&context).await;
    }
    let more = recordings(&["fit/0134902991.fit"]);
    assert_eq!(
        import::import(&context, None, &more).await.unwrap().created,
        1
    );
    assert_sound(&context).await;
}

async fn lost_bytes_are_named_and_come_back_by_import(place: &Place) {
    let (context, expected) = lake(place).await;
    let raw = place.data_dir.path().join("raw/1");
    let mut files: Vec<_> = fs::read_dir(&raw)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    fs::remove_file(&files[0]).unwrap();
    fs::write(&files[1], b"not what it was").unwrap();
    let done = repair(&context, true).await.unwrap();
    let lines: Vec<String> = done
        .checked
        .lines
        .iter()
        .map(|l| l.message.clone())
        .collect();
    for file in &files[..2] {
        let name = file.file_name().unwrap().to_string_lossy();
        let sha256 = name.strip_suffix(".zst").unwrap();
        let named = lines.iter().any(|line| line.contains(sha256));
        assert!(named, "{sha256} in {lines:#?}");
    }
    assert_equal(&expected, &values(&context).await);
    let again = [SEVERAL, &["fit/event_timestamp.fit"]].concat();
    import::import(&context, None, &recordings(&again))
        .await
        .unwrap();
    assert_sound(&context).await;
    assert_equal(&expected, &values(&context).await);
}

on_both!(
    each_file_that_is_lost_cut_or_overwritten,
    a_lost_delete_file,
    flipped_bytes_are_found_in_full,
    rows_that_are_gone_doubled_or_strange,
    counts_of_the_lakes_catalog,
    lost_bytes_are_named_and_come_back_by_import,
);
