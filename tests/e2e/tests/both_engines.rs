//! The lake of real recordings, read by DataFusion in the binary and by stock
//! DuckDB in a process of its own: every row of every table is the same, on
//! both catalogs, after rows were replaced.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pacelake_e2e::{Home, difference, root, rows};
use serde_json::Value;

/// The second import brings a better source of the first one's activity, so
/// that its rows are replaced.
const IMPORTS: &[&[&str]] = &[
    &[
        "gpx/activity_4801048867.gpx",
        "fit/20140622_swim_garmin_fr910xt.fit",
        "fit/event_timestamp.fit",
        "fit/strava-android-app-201.10-b1218918.fit",
        "tcx/treadmill_1.tcx",
        "strava",
    ],
    &["fit/4801048867.fit"],
];

#[test]
fn both_engines_read_the_same_rows_on_sqlite() {
    compare(&Home::new(None));
}

#[test]
fn both_engines_read_the_same_rows_on_postgresql() {
    compare(&Home::new(Some(storage::testing::postgres_database())));
}

fn compare(home: &Home) {
    for import in IMPORTS {
        let folder = root().join("data/recordings");
        let paths: Vec<PathBuf> = import.iter().map(|name| folder.join(name)).collect();
        let mut arguments = vec!["import"];
        arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
        let answer = home.run(&arguments);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    }
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in rows(home, &[]) {
        let (table, row) = line.split_once('\t').unwrap();
        let row = plain(serde_json::from_str(row).unwrap());
        tables.entry(table.to_owned()).or_default().push(row);
    }
    assert!(tables.len() >= 10, "{:?}", tables.keys());
    for (table, mut in_duckdb) in tables {
        let query = format!("select * from {table}");
        let answer = home.run(&["sql", &query, "--format", "json"]);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        let ours: Vec<Value> = serde_json::from_str(&answer.stdout).unwrap();
        let mut ours: Vec<String> = ours.into_iter().map(plain).collect();
        in_duckdb.sort();
        ours.sort();
        let difference = difference(&in_duckdb, &ours);
        assert!(difference.is_empty(), "{table}: {difference}");
    }
}

/// A row as text in which both engines write an instant alike: `T` or a space
/// before the time, and zeros at the end of its fraction, are a matter of taste.
fn plain(mut row: Value) -> String {
    for value in row.as_object_mut().unwrap().values_mut() {
        let Value::String(text) = value else { continue };
        let is_instant = text.len() >= 19
            && text.as_bytes()[4] == b'-'
            && matches!(text.as_bytes()[10], b'T' | b' ')
            && text.as_bytes()[13] == b':';
        if is_instant {
            let spaced = text.replacen('T', " ", 1);
            let spaced = match spaced.contains('.') {
                true => spaced.trim_end_matches('0').trim_end_matches('.'),
                false => &spaced,
            };
            *text = spaced.to_owned();
        }
    }
    row.to_string()
}
