//! `pacelake diff` by the real binary: it tells the rows and cells that DuckDB
//! finds to differ, no others, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use pacelake_e2e::{Home, Server, duckdb, duckdb_at, root, small_samples, snapshots};
use serde_json::{Value, json};
use storage::table::Table;

/// One outing, as a service gives it and as the watch recorded it.
const FROM_SERVICE: &str = "data/recordings/gpx/4801048867_strava.gpx";
const FROM_WATCH: &str = "data/recordings/fit/4801048867.fit";

fn import(home: &Home, athlete: &str, paths: &[PathBuf]) {
    let mut arguments = vec!["import", "--athlete", athlete];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    home.succeed(&arguments);
}

/// Recordings of the log that are long enough for efforts and splits.
fn outings(from: usize, count: usize) -> Vec<PathBuf> {
    small_samples(from + count).split_off(from)
}

fn newest(home: &Home) -> i64 {
    snapshots(home).into_iter().max().unwrap()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The whole answer of athlete 1, or of whom is named.
fn diff(home: &Home, ends: &[i64], more: &[&str]) -> Value {
    let ends: Vec<String> = ends.iter().map(i64::to_string).collect();
    let mut arguments = vec!["diff", "--format", "json"];
    arguments.extend(ends.iter().map(String::as_str));
    if !more.contains(&"--athlete") {
        arguments.extend(["--athlete", "1"]);
    }
    arguments.extend(more);
    parsed(&home.succeed(&arguments).stdout)
}

fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let items = value[name].as_array();
    items.unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn count(value: &Value, name: &str) -> u64 {
    let count = value[name].as_u64();
    count.unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// What one table of an answer counts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    added: u64,
    removed: u64,
    changed: u64,
    /// Cells, by column.
    cells: BTreeMap<String, u64>,
}

/// What an answer counts, by table. Whatever it counts it must tell too, where
/// the answer is whole.
fn counts(diff: &Value, is_whole: bool) -> BTreeMap<String, Counts> {
    let mut tables = BTreeMap::new();
    for table in items(diff, "tables") {
        let mut cells = BTreeMap::new();
        for column in items(table, "columns") {
            let told = items(column, "sample").len() as u64;
            assert!(!is_whole || told == count(column, "cells"), "{column}");
            let name = column["column"].as_str().unwrap().to_owned();
            cells.insert(name, count(column, "cells"));
        }
        let counts = Counts {
            added: count(table, "rows_added"),
            removed: count(table, "rows_removed"),
            changed: count(table, "rows_changed"),
            cells,
        };
        let told = items(table, "rows").len() as u64;
        assert!(!is_whole || told == counts.added + counts.removed);
        assert_eq!(
            count(table, "cells_changed"),
            counts.cells.values().sum::<u64>()
        );
        tables.insert(table["table"].as_str().unwrap().to_owned(), counts);
    }
    tables
}

/// The same as DuckDB counts it, of one athlete.
fn judged(home: &Home, athlete: i64, from: i64, to: i64) -> BTreeMap<String, Counts> {
    let tables = query::derived::tables();
    let tables: Vec<_> = tables
        .into_iter()
        .filter(|table| table.name != "derivations")
        .collect();
    let statements = tables.iter().flat_map(|table| {
        let (name, key) = (table.name, table.key.join(", "));
        let side = |at| format!("(FROM {name} AT (VERSION => {at}) WHERE athlete_id = {athlete})");
        let (before, after) = (side(from), side(to));
        let cells = values(table).into_iter().map(|column| {
            format!("count(*) FILTER (WHERE a.{column} IS DISTINCT FROM b.{column})")
        });
        let cells = cells.collect::<Vec<_>>().join(", ");
        [
            format!("SELECT count(*) FROM {after} b ANTI JOIN {before} a USING ({key})"),
            format!("SELECT count(*) FROM {before} a ANTI JOIN {after} b USING ({key})"),
            format!("SELECT count(*) FROM (FROM {before} EXCEPT FROM {after})"),
            format!("SELECT {cells} FROM {before} a JOIN {after} b USING ({key})"),
        ]
    });
    let statements: Vec<String> = statements.collect();
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    let found = duckdb_at(home, to, &statements);
    let mut judged = BTreeMap::new();
    for (table, found) in tables.iter().zip(found.chunks(4)) {
        let number = |of: usize, column: usize| found[of][0][column].as_u64().unwrap();
        let cells = values(table).into_iter().zip(0..);
        let cells = cells.map(|(column, at)| (column.to_owned(), number(3, at)));
        let counts = Counts {
            added: number(0, 0),
            removed: number(1, 0),
            changed: number(2, 0) - number(1, 0),
            cells: cells.filter(|(_, cells)| *cells > 0).collect(),
        };
        if counts != Counts::default() {
            judged.insert(table.name.to_owned(), counts);
        }
    }
    judged
}

/// The columns beside the key.
fn values(table: &Table) -> Vec<&'static str> {
    let names = table.columns.iter().map(|column| column.name);
    names.filter(|name| !table.key.contains(name)).collect()
}

/// The activities of an answer: how each changed, and its reasons in sentences.
fn reasons(diff: &Value) -> BTreeMap<i64, (String, Vec<String>)> {
    let activities = items(diff, "activities").iter();
    let activities = activities.map(|activity| {
        let sentences = items(activity, "because").iter();
        let sentences = sentences.map(|reason| reason["sentence"].as_str().unwrap().to_owned());
        let change = activity["change"].as_str().unwrap().to_owned();
        (
            activity["activity_id"].as_i64().unwrap(),
            (change, sentences.collect()),
        )
    });
    activities.collect()
}

/// Every `because` of the tables of an answer.
fn becauses(diff: &Value) -> Vec<&Value> {
    let tables = items(diff, "tables").iter();
    let told = tables.flat_map(|table| {
        let cells = items(table, "columns").iter();
        let cells = cells.flat_map(|column| items(column, "sample"));
        items(table, "rows").iter().chain(cells)
    });
    told.map(|one| &one["because"]).collect()
}

fn assert_empty(diff: &Value) {
    for list in ["tables", "activities"] {
        assert_eq!(diff[list], json!([]), "{diff}");
    }
}

fn activity_of(home: &Home, source: &str) -> String {
    let statement = format!("SELECT activity_id FROM activities WHERE source = '{source}'");
    let found = home.succeed(&["sql", &statement, "--format", "json", "--athlete", "1"]);
    parsed(&found.stdout)[0]["activity_id"].to_string()
}

#[test]
fn it_tells_what_imports_changed_and_why() {
    let home = Home::new(None);
    let first: Vec<PathBuf> = [vec![root().join(FROM_SERVICE)], outings(200, 3)].concat();
    import_first(&home, &first);
    let old = newest(&home);
    let id = activity_of(&home, "gpx");
    assert_empty(&diff(&home, &[old, old], &[]));

    let more = outings(210, 3);
    import(&home, "1", &more);
    import(&home, "1", &[root().join(FROM_WATCH)]);
    let new = newest(&home);
    let found = diff(&home, &[old, new], &[]);
    assert_eq!(counts(&found, true), judged(&home, 1, old, new));
    let told = reasons(&found);
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(found["activities_changed"], 4);
    let id_number: i64 = id.parse().unwrap();
    let (change, why) = &told[&id_number];
    assert_eq!(change, "changed");
    assert_eq!(why[0], "revision 1 -> 2");
    let watch = format!("imported {}: ", root().join(FROM_WATCH).display());
    assert!(why[1].starts_with(&watch) && why.len() == 2, "{why:?}");
    let born = told.iter().filter(|(id, _)| **id != id_number);
    for (_, (change, why)) in born {
        assert_eq!(
            (change.as_str(), why[0].as_str()),
            ("added", "new activity")
        );
        let is_its = |path: &&PathBuf| why[1].contains(&path.display().to_string());
        assert_eq!(more.iter().filter(is_its).count(), 1, "{why:?}");
    }
    // Every rank and statistic names the activities that it follows from.
    let ids: BTreeSet<i64> = told.keys().copied().collect();
    for because in becauses(&found) {
        let named = items(because, "activities").iter();
        let named: BTreeSet<i64> = named.map(|id| id.as_i64().unwrap()).collect();
        assert!(!named.is_empty() && named.is_subset(&ids), "{because}");
        assert_eq!(because["reasons"], json!([]));
    }
    // Up to the newest snapshot is the default, and parts are parts of it.
    assert_eq!(diff(&home, &[old], &[]), found);
    let splits = diff(&home, &[old], &["--table", "splits"]);
    let all = counts(&found, true);
    assert_eq!(
        counts(&splits, true),
        BTreeMap::from([("splits".to_owned(), one(&all, "splits"))])
    );
    let stats = diff(&home, &[old], &["--table", "stats"]);
    assert_eq!(one(&counts(&stats, true), "stats"), one(&all, "stats"));
    assert_eq!(items(&stats, "tables")[0], of_table(&found, "stats"));
    let of_one = diff(&home, &[old], &["--activity", &id]);
    assert_eq!(
        reasons(&of_one),
        BTreeMap::from([(id_number, told[&id_number].clone())])
    );
    assert!(one(&counts(&of_one, true), "stats").changed > 0, "{of_one}");
    for because in becauses(&of_one) {
        assert_eq!(because["activities"], json!([id_number]));
    }
    let little = diff(&home, &[old], &["--limit", "1"]);
    assert_eq!(counts(&little, false), all);
    assert_eq!(items(&little, "activities").len(), 1);

    refuses(
        &home,
        &[&new.to_string(), &old.to_string()],
        2,
        "name the older one first",
    );
    refuses(&home, &["1000000"], 1, "has not been made");
    refuses(&home, &["yesterday"], 2, "write a snapshot's number");
    let old_text = old.to_string();
    refuses(
        &home,
        &[&old_text, "--table", "derivations"],
        2,
        "it is one of activities",
    );
    refuses(
        &home,
        &[&old_text, "--activity", "7"],
        1,
        "activity 7 in either snapshot",
    );
    let text = home
        .succeed(&["diff", &old_text, "--athlete", "1", "--limit", "3"])
        .stdout;
    for said in ["splits: ", "new activity", "and 1 more; raise --limit"] {
        assert!(text.contains(said), "{text}");
    }

    over_http(&home, old, &all);
    another_athlete_is_not_told_of(&home, new);
    maintenance_changes_nothing(&home, old, &all);
}

/// The first import makes the athlete, who cannot be named before.
fn import_first(home: &Home, paths: &[PathBuf]) {
    let mut arguments = vec!["import"];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    home.succeed(&arguments);
}

fn one(all: &BTreeMap<String, Counts>, table: &str) -> Counts {
    let found = &all[table];
    Counts {
        cells: found.cells.clone(),
        ..*found
    }
}

fn of_table(diff: &Value, table: &str) -> Value {
    let tables = items(diff, "tables").iter();
    let mut found = tables.filter(|one| one["table"] == table);
    found.next().cloned().unwrap_or_default()
}

fn refuses(home: &Home, arguments: &[&str], code: i32, said: &str) {
    let answer = home.run(&[&["diff"], arguments].concat());
    assert_eq!(answer.code, Some(code), "{arguments:?}: {}", answer.stderr);
    assert!(answer.stderr.contains(said), "{}", answer.stderr);
}

fn over_http(home: &Home, old: i64, expected: &BTreeMap<String, Counts>) {
    let server = Server::start(home);
    let (status, body) = server.get(&format!("/api/diff?from={old}&limit=500"), "");
    assert_eq!(status, 200, "{body}");
    assert_eq!(&counts(&parsed(&body), false), expected);
    for (query, status) in [
        ("", 400),
        ("?from=then", 400),
        ("?from=1000000", 404),
        ("?from=2&to=1", 400),
        ("?from=1&limit=501", 400),
        ("?from=1&table=samples", 400),
    ] {
        let (found, body) = server.get(&format!("/api/diff{query}"), "");
        assert_eq!(found, status, "{query}: {body}");
    }
    assert_eq!(server.interrupt(), Some(0));
}

fn another_athlete_is_not_told_of(home: &Home, before: i64) {
    home.succeed(&["athlete", "add"]);
    import(home, "2", &[root().join(FROM_WATCH)]);
    let after = newest(home);
    assert!(after > before);
    assert_empty(&diff(home, &[before, after], &[]));
    let theirs = diff(home, &[before, after], &["--athlete", "2"]);
    assert_eq!(counts(&theirs, true), judged(home, 2, before, after));
    assert_eq!(items(&theirs, "activities").len(), 1);
}

/// A maintenance writes files anew, and no row changes.
fn maintenance_changes_nothing(home: &Home, old: i64, expected: &BTreeMap<String, Counts>) {
    let before = newest(home);
    home.succeed(&["maintain"]);
    let after = newest(home);
    assert!(after > before);
    assert_empty(&diff(home, &[before, after], &[]));
    assert_eq!(&counts(&diff(home, &[old, after], &[]), true), expected);
}

#[test]
fn it_tells_what_owners_said() {
    let home = Home::new(None);
    import_first(&home, &outings(200, 6));
    let old = newest(&home);
    // An activity with a record, so that others move up.
    let statement = "SELECT activity_id FROM best_effort_ranks \
        WHERE time_window = 'all' AND rank = 1 ORDER BY distance_m DESC LIMIT 1";
    let found = home.succeed(&["sql", statement, "--format", "json"]);
    let id = parsed(&found.stdout)[0]["activity_id"].to_string();
    let number: i64 = id.parse().unwrap();
    home.succeed(&["mask", &id, "--reason", "the watch was on a bus"]);
    let masked = newest(&home);
    let found = diff(&home, &[old, masked], &[]);
    assert_eq!(counts(&found, true), judged(&home, 1, old, masked));
    let why = [
        "revision 1 -> 2",
        "masked the whole activity: the watch was on a bus",
    ];
    let why = why.map(str::to_owned).to_vec();
    assert_eq!(
        reasons(&found),
        BTreeMap::from([(number, ("changed".to_owned(), why))])
    );
    let counted = counts(&found, true);
    assert!(counted["best_efforts"].removed > 0, "{counted:?}");
    assert!(counted.contains_key("best_effort_ranks"), "{counted:?}");
    for because in becauses(&found) {
        assert_eq!(because["activities"], json!([number]), "{because}");
    }

    home.succeed(&["unmask", &id]);
    let lifted = diff(&home, &[masked], &[]);
    let why = ["revision 2 -> 3", "lifted the mask of the whole activity"];
    let why = why.map(str::to_owned).to_vec();
    assert_eq!(reasons(&lifted)[&number].1, why);
    // Since before the mask only the revision is another one.
    let both = diff(&home, &[old], &[]);
    let revision = Counts {
        changed: 1,
        cells: BTreeMap::from([("revision".to_owned(), 1)]),
        ..Counts::default()
    };
    let expected = BTreeMap::from([("activities".to_owned(), revision)]);
    assert_eq!(counts(&both, true), expected);
    assert_eq!(reasons(&both)[&number].1.len(), 3, "{both}");
}

#[test]
fn it_tells_which_definition_has_another_version() {
    let home = Home::new(None);
    import_first(&home, &outings(200, 4));
    let sound = newest(&home);
    // As if another program had changed numbers.
    let changed = [
        "update splits set elapsed_s = elapsed_s + 1 where unit = 'km' and split = 1",
        "update best_effort_ranks set elapsed_s = elapsed_s + 1 where rank = 1",
    ];
    duckdb(&home, 0, &changed);
    let other = newest(&home);
    let found = diff(&home, &[sound, other], &[]);
    assert_eq!(counts(&found, true), judged(&home, 1, sound, other));
    let unrecorded = "neither revision nor definitions changed: it was mended, or another program \
        wrote it";
    let told = reasons(&found);
    assert!(told.len() > 2, "{told:?}");
    assert!(
        told.values().all(|(_, why)| why == &[unrecorded]),
        "{told:?}"
    );
    let ranks = of_table(&found, "best_effort_ranks");
    let because = &items(&items(&ranks, "columns")[0], "sample")[0]["because"];
    assert_eq!(because["reasons"][0]["kind"], "unrecorded", "{because}");

    // As if an earlier version of the definition had given them.
    let versions = "update derivations set versions = replace(versions, 'splits=2', 'splits=1') \
        where scope = 'activity'";
    let of_athlete = "update derivations set versions = replace(versions, 'stats=1', 'stats=0'), \
        input_revision = 0 where scope = 'athlete'";
    let stats = "update stats set distance_m = distance_m + 1 where period = 'year'";
    duckdb(&home, 0, &[versions, of_athlete, stats]);
    let stale = newest(&home);
    home.succeed(&["recompute"]);
    let found = diff(&home, &[stale], &[]);
    assert_eq!(counts(&found, true), judged(&home, 1, stale, newest(&home)));
    let told = reasons(&found);
    assert!(told.len() > 2, "{told:?}");
    for (change, why) in told.values() {
        assert_eq!(
            (change.as_str(), why.as_slice()),
            ("changed", &["definition splits 1 -> 2".to_owned()][..])
        );
    }
    let because = |table: &str| {
        let table = of_table(&found, table);
        items(&items(&table, "columns")[0], "sample")[0]["because"]["reasons"].clone()
    };
    assert_eq!(
        because("stats"),
        json!([{"kind": "definition", "definition": "stats", "from": 0, "to": 1,
            "sentence": "definition stats 0 -> 1"}])
    );
    // The ranks' own definition is as it was; they were derived since.
    assert_eq!(
        because("best_effort_ranks")[0]["kind"],
        "followed",
        "{found}"
    );
}
