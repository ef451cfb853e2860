//! Rows for the promises, and their comparison.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Builder, Int64Array, Int64Builder, ListBuilder,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Field, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use datafusion::prelude::{SessionConfig, SessionContext};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::catalog::CatalogChange;
use crate::lake::{Commit, KeySet, LakeView, TableChange};
use crate::table::{Column, Kind, Partition, Table, Unit, column};
use crate::tables::POINTER;
use crate::testing::Place;
use crate::{ActivityId, ActivityKey, AthleteId, Storage};

/// A table of plain values, as derived tables are.
pub static EFFORTS: Table = Table {
    name: "efforts",
    grain: "one effort of one activity",
    key: &["activity_id", "distance_m"],
    partition: Partition::None,
    sort: &["athlete_id", "start_time", "activity_id", "distance_m"],
    columns: &[
        POINTER[0],
        POINTER[1],
        POINTER[2],
        column("distance_m", Kind::Float64, Unit::Metre, "Over what."),
        EFFORT_S,
        column("sport", Kind::Utf8, Unit::None, "Of what sport.").nullable(),
    ],
};

const EFFORT_S: Column = column("elapsed_s", Kind::Float64, Unit::Second, "How long.").nullable();

/// A table of lists, cut by year.
pub static TRACKS: Table = Table {
    name: "tracks",
    grain: "one activity",
    key: &["activity_id"],
    partition: Partition::Year("start_time"),
    sort: &["athlete_id", "start_time", "activity_id"],
    columns: &[
        POINTER[0],
        POINTER[1],
        POINTER[2],
        column("t_ms", Kind::Int64List, Unit::Millisecond, "When."),
        column("heart_rate_bpm", Kind::Int32List, Unit::Bpm, "How fast.").nullable(),
    ],
};

/// A view over both.
pub const PAIRED: (&str, &str) = (
    "paired",
    "SELECT e.activity_id, e.elapsed_s, len(t.t_ms) AS samples \
     FROM efforts e JOIN tracks t ON t.activity_id = e.activity_id",
);

/// Opens the place with both tables and the view.
pub async fn open(place: &Place) -> Storage {
    Storage::open(&place.options(), &[&EFFORTS, &TRACKS], &[PAIRED])
        .await
        .expect("the place opens")
}

/// The key of the `n`th activity: three athletes, one activity every 40 days
/// from 2021 on.
pub fn key(n: i64) -> ActivityKey {
    let start_s = 1_610_000_000 + n * 40 * 86_400;
    ActivityKey {
        athlete_id: AthleteId(1 + n % 3),
        start_time_us: start_s * 1_000_000 + n,
        activity_id: ActivityId::born(start_s * 1_000_000, n as u64),
    }
}

/// The pointers' columns of `rows` rows.
fn pointers(keys: impl Iterator<Item = ActivityKey> + Clone) -> Vec<(&'static str, ArrayRef)> {
    let ints = |value: fn(ActivityKey) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(keys.clone().map(value)))
    };
    let starts = keys.clone().map(|key| key.start_time_us);
    vec![
        ("athlete_id", ints(|key| key.athlete_id.0)),
        (
            "start_time",
            Arc::new(TimestampMicrosecondArray::from_iter_values(starts)),
        ),
        ("activity_id", ints(|key| key.activity_id.0)),
    ]
}

/// Two efforts of each activity; `version` makes their values differ.
pub fn efforts(activities: impl Iterator<Item = i64> + Clone, version: i64) -> RecordBatch {
    let rows: Vec<(i64, f64)> = activities
        .flat_map(|n| [(n, 400.0), (n, 1609.344)])
        .collect();
    let mut columns = pointers(rows.iter().map(|(n, _)| key(*n)));
    let distances = rows.iter().map(|(_, distance)| *distance);
    columns.push((
        "distance_m",
        Arc::new(Float64Array::from_iter_values(distances)),
    ));
    let elapsed = rows
        .iter()
        .map(|(n, distance)| (n % 7 != 3).then(|| distance / 3.0 + (*n + version) as f64 / 7.0));
    columns.push(("elapsed_s", Arc::new(elapsed.collect::<Float64Array>())));
    let sports = rows
        .iter()
        .map(|(n, _)| (n % 5 != 4).then(|| ["run", "it's a \"ride\"", "Ü"][(n % 3) as usize]));
    columns.push(("sport", Arc::new(sports.collect::<StringArray>())));
    batch(columns)
}

/// One track of each activity with `samples` samples; `version` makes their
/// values differ.
pub fn tracks(
    activities: impl Iterator<Item = i64> + Clone,
    samples: i64,
    version: i64,
) -> RecordBatch {
    let mut times = ListBuilder::new(Int64Builder::new()).with_field(Field::new(
        "element",
        DataType::Int64,
        true,
    ));
    let mut rates = ListBuilder::new(Int32Builder::new()).with_field(Field::new(
        "element",
        DataType::Int32,
        true,
    ));
    for n in activities.clone() {
        for sample in 0..samples {
            times.values().append_value(sample * 1000 + n % 10);
            // Noise, so that pages have a size that compression does not hide.
            let noise = (n * 7919 + sample * 104_729 + sample * sample * 31 + version) % 97;
            rates
                .values()
                .append_option((sample % 11 != 5).then_some((80 + noise) as i32));
        }
        times.append(true);
        rates.append(n % 4 != 2);
    }
    let mut columns = pointers(activities.map(key));
    columns.push(("t_ms", Arc::new(times.finish())));
    columns.push(("heart_rate_bpm", Arc::new(rates.finish())));
    batch(columns)
}

fn batch(columns: Vec<(&'static str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("columns are of one length")
}

/// A commit that replaces the rows of these activities in both tables.
pub fn replace(activities: impl Iterator<Item = i64> + Clone, version: i64) -> Commit {
    let keys: Vec<ActivityKey> = activities.clone().map(key).collect();
    let change = |table, append| TableChange {
        table,
        delete: Some(KeySet::activities(&keys)),
        append: vec![append],
    };
    commit(vec![
        change(&EFFORTS, efforts(activities.clone(), version)),
        change(&TRACKS, tracks(activities, 20, version)),
    ])
}

/// A commit of these changes.
pub fn commit(changes: Vec<TableChange>) -> Commit {
    Commit {
        attempt: Uuid::now_v7(),
        changes,
        catalog: CatalogChange::default(),
        message: "a test".to_owned(),
    }
}

/// Rows as JSON, as `duckdb_query.py` prints them, in order of their texts.
pub fn sorted(batches: &[RecordBatch]) -> Vec<Value> {
    let rows = batches.iter().flat_map(|batch| {
        (0..batch.num_rows()).map(|row| {
            let columns = batch.columns().iter();
            Value::Array(columns.map(|column| exact(column, row)).collect())
        })
    });
    in_order(rows.collect())
}

/// JSON rows in order of their texts.
pub fn in_order(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_cached_key(Value::to_string);
    rows
}

fn exact(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Int64 => json!(array.as_primitive::<Int64Type>().value(row)),
        DataType::Int32 => json!(array.as_primitive::<Int32Type>().value(row)),
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::Utf8View => json!(array.as_string_view().value(row)),
        DataType::UInt64 => {
            json!(
                array
                    .as_primitive::<arrow::datatypes::UInt64Type>()
                    .value(row)
            )
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            json!(format!("f:{:016x}", value.to_bits()))
        }
        DataType::Timestamp(..) => {
            let us = array.as_primitive::<TimestampMicrosecondType>().value(row);
            json!(format!("t:{us}"))
        }
        DataType::Date32 => {
            json!(format!(
                "d:{}",
                array.as_primitive::<Date32Type>().value(row)
            ))
        }
        DataType::List(_) => {
            let entries = array.as_list::<i32>().value(row);
            (0..entries.len())
                .map(|entry| exact(&entries, entry))
                .collect()
        }
        other => panic!("no exact form of {other}"),
    }
}

/// The rows of a query on the view, by DataFusion.
pub async fn query(view: &LakeView, sql: &str) -> Vec<RecordBatch> {
    let context = session(view);
    let frame = context.sql(sql).await.expect("the query can be planned");
    frame.collect().await.expect("the query runs")
}

/// A session with the view's tables.
pub fn session(view: &LakeView) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(2);
    let context = SessionContext::new_with_config(config);
    let (url, store) = view.object_store();
    context.register_object_store(&url, store);
    for name in view.table_names() {
        let table = view.provider(&name).expect("it was just named");
        context
            .register_table(name.as_str(), table)
            .expect("a table can be registered");
    }
    context
}

/// All rows of a table, by DataFusion.
pub async fn all(view: &LakeView, table: &str) -> Vec<Value> {
    sorted(&query(view, &format!("select * from {table}")).await)
}

/// How DuckDB uses the lake.
#[derive(Clone, Copy, Debug)]
pub enum Use {
    /// At its newest snapshot, read-only.
    Newest,
    /// At an older snapshot, read-only.
    At(i64),
    /// To change it, keeping inserts of up to so many rows in the catalog.
    Write(u32),
}

/// Runs statements by stock DuckDB in a process of its own; answers the rows
/// of each.
///
/// # Panics
/// Where DuckDB is not installed, or refuses a statement.
pub fn duckdb(place: &Place, how: Use, statements: &[&str]) -> Vec<Vec<Value>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join(".venv/bin/python");
    let mut command = Command::new(&python);
    command
        .arg(root.join("tests/oracles/duckdb_query.py"))
        .arg(place.lake_for_duckdb());
    if let Some(s3) = place.s3_for_duckdb() {
        command.env("LAKE_S3", s3);
    }
    match how {
        Use::Newest => {}
        Use::At(snapshot) => {
            command.arg("--at").arg(snapshot.to_string());
        }
        Use::Write(inline) => {
            command.arg("--write").arg(place.data_path());
            command.arg("--inline").arg(inline.to_string());
        }
    }
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "{} cannot be started ({error}): make it with `python3 -m venv .venv && \
                 .venv/bin/pip install -r tests/oracles/requirements.txt`",
                python.display()
            )
        });
    let input = process.stdin.take().expect("it is piped");
    serde_json::to_writer(input, statements).expect("DuckDB's process listens");
    let output = process.wait_with_output().expect("DuckDB's process ends");
    assert!(output.status.success(), "DuckDB refused {statements:?}");
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}
