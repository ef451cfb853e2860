//! The SQL of each definition, run by stock DuckDB and by DataFusion, gives the
//! rows of its kernel.

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;
use pacelake_query::derive::derive;
use pacelake_query::derived::totals::overlay_totals;
use pacelake_query::derived::{DERIVED, How, Scope};
use pacelake_sketch::{Sketch, rows, sketch};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use storage::table::{Kind, Table};
use storage::tables::SAMPLES_VIEW;

/// The line of `points.sql` that stands for no masks.
const NO_MASKS: &str = "SELECT 0 AS activity_id, 0 AS first_sample, 0 AS last_sample WHERE false";

/// The line of `efforts.sql` that stands for no included distances.
const NONE_INCLUDED: &str = "SELECT 0 AS activity_id, 0 AS distance_mm WHERE false";

/// Hard cases by hand, and random ones: the same on every run.
fn sketches() -> Vec<Sketch> {
    let drawn = [
        "run: 1km@8:20, 400m@3:20 hr150, 1km@8:20 cad80",
        "run: 500m@4:10, stop 60s, 500m@4:10",
        "run: stop 30s, 400m@4:10, stop 30s",
        "run: 500m@4:10, gap 90s 2km, 500m@4:10",
        "run: 500m@4:10, jump 400m, jump 400m, 500m@4:10",
        "run: 500m@4:10, 400m@3:20 masked, 500m@4:10",
        "run include400m include1km: 500m@4:10, jump 400m, 100m@3:20 masked, 500m@4:10",
        "run every7s: 1km@8:20, 440m@3:20",
        "run: 100m@4:10, gap 4204800s 1m, 100m@4:10",
        "run: stop 2s, 10m@4:10, stop 4s, 10m@4:10",
        "run alt100m: 300m@5:00 up10m, 300m@5:00 down4m, 300m@5:00 up10m, 300m@5:00 down30m",
        "ride every5s alt5m: 2km@2:00 power200 up40m, gap 15s 60m power100, 500m@2:00 noalt",
        "swim: 25m@16:40 length, stop 10s, 25m@16:40 length",
        "swim noaxis: 25m@16:40 length, stop 10s, 25m@16:40 length",
        "other noaxis: 300m@5:00 hr120, gap 60s, 300m@5:00 hr130 temp-3",
        "run_indoor: 1000.01m@4:10",
        "ride every20s alt500m: 600m@4:00 up40m, 300m@2:00 down25m, 600m@4:00 up35m, \
         300m@2:00 down15m, 600m@4:00 up50m, 300m@2:00 down25m, 600m@4:00 up31m",
        "ride every30s alt200m: 600m@5:00 up40m, 600m@2:30 down40m, 600m@5:00 up40m, \
         600m@2:30 down40m, 600m@5:00 up40m, 600m@2:30 down40m, 600m@5:00 up40m",
        "walk every60s alt-40m: 1km@12:00 up20m, stop 120s, 500m@15:00 up40m noalt, stop 60s, \
         500m@12:00 down30m, 400m@15:00 up60m",
        "walk every10s alt100m: jump 30m up50m, 500m@10:00 down60m, 500m@10:00 up30m",
    ];
    let mut sketches: Vec<Sketch> = drawn.iter().map(|line| sketch(line)).collect();
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let random = crate::random::sketch(2..70);
    sketches.extend((0..40).map(|_| random.new_tree(&mut runner).unwrap().current()));
    for (id, sketch) in (1..).zip(&mut sketches) {
        sketch.activity_id = id;
        sketch.start_time_us += id * 86_400_000_000;
    }
    sketches
}

/// What DuckDB sees of the lake.
fn setup(folder: &std::path::Path, sketches: &[Sketch]) -> Vec<String> {
    let rows = rows(sketches);
    let tables = [
        ("activities", rows.activities),
        ("streams", rows.streams),
        ("laps", rows.laps),
    ];
    let mut setup = Vec::new();
    for (name, rows) in tables {
        let path = folder.join(format!("{name}.parquet"));
        crate::duckdb::write(&path, &rows);
        setup.push(format!(
            "CREATE TABLE {name} AS FROM read_parquet('{}')",
            path.display()
        ));
    }
    setup.push(format!("CREATE VIEW samples AS {SAMPLES_VIEW}"));
    setup
}

/// What owners say as the literals that the SQL has places for.
fn as_said(sql: &str, sketches: &[Sketch]) -> String {
    assert_eq!(sql.matches(NO_MASKS).count(), 1);
    let sql = with_masks(sql, sketches);
    let rows = sketches.iter().flat_map(|sketch| {
        let id = sketch.activity_id;
        let included = sketch.included_mm.iter();
        included.map(move |mm| format!("({id}, {mm})"))
    });
    let rows: Vec<_> = rows.collect();
    sql.replace(NONE_INCLUDED, &format!("VALUES {}", rows.join(", ")))
}

fn with_masks(sql: &str, sketches: &[Sketch]) -> String {
    let rows = sketches.iter().flat_map(|sketch| {
        let id = sketch.activity_id;
        sketch
            .masks
            .iter()
            .map(move |(first, last)| format!("({id}, {first}, {last})"))
    });
    let rows: Vec<_> = rows.collect();
    sql.replace(NO_MASKS, &format!("VALUES {}", rows.join(", ")))
}

/// Rows as text, sorted: doubles to 11 digits, since averages of fractions are
/// divided by other steps in SQL.
fn lines(table: &Table, rows: &RecordBatch) -> Vec<String> {
    let columns: Vec<_> = table
        .columns
        .iter()
        .filter_map(|column| {
            let array = rows.column_by_name(column.name)?;
            Some((column, cast(array, &column.kind.data_type()).unwrap()))
        })
        .collect();
    let value = |kind: Kind, array: &dyn Array, row: usize| {
        let text = array_value_to_string(array, row).unwrap();
        match kind {
            Kind::Float64 if !text.is_empty() => format!("{:.10e}", text.parse::<f64>().unwrap()),
            _ => text,
        }
    };
    let mut lines: Vec<String> = (0..rows.num_rows())
        .map(|row| {
            let values = columns.iter().map(|(column, array)| {
                format!("{}={}", column.name, value(column.kind, array, row))
            });
            values.collect::<Vec<_>>().join(" ")
        })
        .collect();
    lines.sort_unstable();
    lines
}

/// The SQL of each activity definition, with what the sketches' owners say.
fn queries(sketches: &[Sketch]) -> BTreeMap<&'static str, String> {
    let definitions = DERIVED
        .iter()
        .filter(|derived| derived.scope == Scope::Activity);
    definitions
        .map(|d| (d.name, as_said(d.sql, sketches)))
        .collect()
}

/// Asserts that what an engine found are the rows of the kernels.
fn assert_same(engine: &str, sketches: &[Sketch], found: &BTreeMap<String, RecordBatch>) {
    let derived = derive(&crate::random::read(sketches));
    let activities = overlay_totals(&rows(sketches).activities, &derived.totals);
    let definitions = DERIVED
        .iter()
        .filter(|derived| derived.scope == Scope::Activity);
    for definition in definitions {
        let (name, table) = (definition.name, definition.table);
        let found = &found[name];
        let kernel = match definition.how {
            How::Kernel(_) => derived.tables[name].clone(),
            How::Columns(_) | How::Sql => {
                let schema = found.schema();
                let names = schema.fields().iter().map(|field| field.name());
                let same = names.map(|name| activities.schema().index_of(name).unwrap());
                activities.project(&same.collect::<Vec<_>>()).unwrap()
            }
        };
        assert!(kernel.num_rows() > 20, "{name}: too few rows to judge");
        let (kernel, found) = (lines(table, &kernel), lines(table, found));
        let differ = kernel.iter().zip(&found).find(|(a, b)| a != b);
        assert_eq!(differ, None, "{engine}: {name}");
        assert_eq!(kernel.len(), found.len(), "{engine}: {name}");
    }
}

#[test]
fn every_activity_definition_is_the_same_in_duckdb() {
    let sketches = sketches();
    let folder = tempfile::tempdir().unwrap();
    let found = crate::duckdb::run(&setup(folder.path(), &sketches), &queries(&sketches));
    assert_same("DuckDB", &sketches, &found);
}

#[tokio::test]
async fn every_activity_definition_is_the_same_in_datafusion() {
    // Climb walks a recording sample by sample, and DataFusion walks again for
    // each time that the walk is named: long recordings are slow.
    let mut sketches = sketches();
    sketches.retain(|sketch| sketch.t_ms.len() <= 60);
    let rows = rows(&sketches);
    let ctx = SessionContext::new();
    for (name, rows) in [
        ("activities", rows.activities),
        ("streams", rows.streams),
        ("laps", rows.laps),
    ] {
        ctx.register_batch(name, rows).unwrap();
    }
    let samples = ctx.sql(SAMPLES_VIEW).await.unwrap();
    ctx.register_table("samples", samples.into_view()).unwrap();
    let mut found = BTreeMap::new();
    for (name, sql) in queries(&sketches) {
        let batches = ctx.sql(&sql).await.unwrap().collect().await.unwrap();
        let schema = batches[0].schema();
        found.insert(name.to_owned(), concat_batches(&schema, &batches).unwrap());
    }
    assert_same("DataFusion", &sketches, &found);
}
