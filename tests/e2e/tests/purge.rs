//! A purge by the real binary, and a search for what it may have left: every
//! Parquet file on disk is decoded, every cell of the catalog is read, and
//! every file is looked through as bytes, by a script that shares nothing with
//! pacelake. Other athletes' rows are the same at every snapshot, to our
//! reader and to DuckDB.

use std::collections::BTreeMap;

use pacelake_e2e::{Home, Past, Wanted, difference, duckdb, past, root, snapshots};
use serde_json::Value;

/// The athletes' recordings, an import at a time. The first import of athlete
/// 1 is improved by the second, so that rows are replaced; all three share one
/// recording.
const IMPORTS: &[(i64, &[&str])] = &[
    (1, &["gpx/activity_4801048867.gpx", "fit/garmin.fit"]),
    (
        2,
        &["fit/20140622_swim_garmin_fr910xt.fit", "fit/garmin.fit"],
    ),
    (
        1,
        &[
            "fit/4801048867.fit",
            "fit/20210604_track_run_coros_pace_2.fit",
        ],
    ),
    (
        3,
        &[
            "tcx/treadmill_1.tcx",
            "fit/garmin.fit",
            "fit/garmin-fenix-5-run.fit",
        ],
    ),
    (
        2,
        &[
            "fit/strava-android-app-201.10-b1218918.fit",
            "gpx/4801048867_strava.gpx",
        ],
    ),
];

fn import(home: &Home, athlete: i64, names: &[&str]) {
    let folder = root().join("data/recordings");
    let paths: Vec<String> = names
        .iter()
        .map(|name| folder.join(name).display().to_string())
        .collect();
    let id = athlete.to_string();
    let mut arguments = vec!["import", "--athlete", &id];
    arguments.extend(paths.iter().map(String::as_str));
    home.succeed(&arguments);
}

/// Keeps the first second of every activity of an athlete out of records.
fn mask_all(home: &Home, athlete: i64, reason: &str) {
    let athlete = athlete.to_string();
    let listed = home.succeed(&["ls", "--athlete", &athlete, "--format", "json"]);
    let listed: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
    assert!(!listed.is_empty());
    for activity in listed {
        let id = activity["activity_id"].to_string();
        let stretch = ["--from", "+0", "--to", "+1"];
        let mask = ["mask", &id, "--athlete", &athlete, "--reason", reason];
        home.succeed(&[&mask[..], &stretch].concat());
    }
}

/// A home with three athletes, many snapshots, rows that another writer left
/// in files of its own and in the catalog.
fn filled(catalog: Option<String>) -> Home {
    let home = Home::new(catalog);
    for name in ["Anna Aalto", "Berta Brekke", "Carla Conti"] {
        home.succeed(&["athlete", "add", "--name", name]);
    }
    for (athlete, names) in IMPORTS {
        import(&home, *athlete, names);
    }
    for (athlete, reason) in [(1, "Anna rode in a car"), (2, "Berta lost her watch")] {
        mask_all(&home, athlete, reason);
    }
    duckdb(
        &home,
        10,
        &[
            // A table of an analyst's, partly in the catalog.
            "create table notes as select athlete_id, activity_id, distance_m * 2 as twice_m \
             from activities",
            "insert into notes select athlete_id, activity_id, distance_m * 3 from activities \
             where athlete_id < 3",
            "delete from notes where athlete_id = 1 and twice_m > 0",
            "update laps set distance_m = distance_m + 0.125 where athlete_id <= 2",
            "call ducklake_merge_adjacent_files('lake', 'peaks')",
            "call ducklake_merge_adjacent_files('lake', 'splits')",
        ],
    );
    home
}

/// What stays the same for others: rows of ours and of DuckDB at every
/// snapshot.
struct Before {
    snapshots: Vec<i64>,
    ours: Past,
    theirs: BTreeMap<String, Value>,
}

impl Before {
    async fn of(home: &Home, wanted: &Wanted, others: &[i64]) -> Self {
        let snapshots = snapshots(home);
        assert!(snapshots.len() > 15, "{snapshots:?}");
        Self {
            ours: past(home, &snapshots, others).await,
            theirs: wanted.others(home),
            snapshots,
        }
    }

    async fn assert_same(&self, home: &Home, wanted: &Wanted, others: &[i64]) {
        let ours = past(home, &self.snapshots, others).await;
        for (place, rows) in &self.ours {
            let found = ours.get(place).unwrap();
            assert_eq!(difference(rows, found), "", "ours, at {place:?}");
        }
        let theirs = wanted.others(home);
        assert!(self.theirs.len() > 100);
        for (place, rows) in &self.theirs {
            assert_eq!(theirs.get(place), Some(rows), "DuckDB's, {place}");
        }
    }
}

#[tokio::test]
async fn an_athlete_is_gone_on_sqlite() {
    purge_an_athlete(&filled(None)).await;
}

#[tokio::test]
async fn an_athlete_is_gone_on_postgresql() {
    purge_an_athlete(&filled(Some(storage::testing::postgres_database()))).await;
}

async fn purge_an_athlete(home: &Home) {
    let wanted = Wanted {
        athlete: 2,
        activities: vec![],
    };
    let before = Before::of(home, &wanted, &[1, 3]).await;
    let values = wanted.values(home);
    for text in ["Berta Brekke", "Berta lost her watch"] {
        assert!(values.contains(text), "{text}: {values}");
    }
    assert!(wanted.traces(home, &values).len() > 100);

    let refused = home.run(&["purge", "--athlete", "2"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("nobody confirmed it"),
        "{}",
        refused.stderr
    );
    let preview = home
        .succeed(&["purge", "--athlete", "2", "--dry-run", "--format", "json"])
        .stdout;
    let preview: Value = serde_json::from_str(&preview).unwrap();
    let done = home
        .succeed(&["purge", "--athlete", "2", "--yes", "--format", "json"])
        .stdout;
    let done: Value = serde_json::from_str(&done).unwrap();
    for count in ["catalog_rows", "recordings", "lake_rows"] {
        assert!(done[count].as_i64() > Some(0), "{done}");
    }
    assert_eq!(done["catalog_rows"], preview["catalog_rows"]);
    assert_eq!(done["recordings"], preview["recordings"]);

    let left = wanted.traces(home, &values);
    assert!(
        left.is_empty(),
        "{} traces: {:#?}",
        left.len(),
        &left[..left.len().min(20)]
    );
    home.succeed(&["check"]);
    before.assert_same(home, &wanted, &[1, 3]).await;
    let audit = home
        .succeed(&["audit", "--athlete", "2", "--format", "json"])
        .stdout;
    let audit: Value = serde_json::from_str(&audit).unwrap();
    assert_eq!(audit.as_array().unwrap().len(), 1, "{audit}");
    assert_eq!(audit[0]["outcome"], "purged");
    // The id is never another's, and the others go on.
    assert_eq!(home.succeed(&["athlete", "add"]).stdout.trim(), "4");
    import(home, 3, &["fit/20140622_swim_garmin_fr910xt.fit"]);
    home.succeed(&["check"]);
}

#[tokio::test]
async fn an_activity_is_gone_on_sqlite() {
    purge_an_activity(&filled(None)).await;
}

#[tokio::test]
async fn an_activity_is_gone_on_postgresql() {
    purge_an_activity(&filled(Some(storage::testing::postgres_database()))).await;
}

async fn purge_an_activity(home: &Home) {
    let listed = home
        .succeed(&[
            "sql",
            "--format",
            "json",
            "select activity_id from activities where athlete_id = 1 order by distance_m desc",
        ])
        .stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let id = listed[0]["activity_id"].as_i64().unwrap();
    let wanted = Wanted {
        athlete: 1,
        activities: vec![id],
    };
    let before = Before::of(home, &wanted, &[2, 3]).await;
    let values = wanted.values(home);
    assert!(wanted.traces(home, &values).len() > 100);

    let id = id.to_string();
    home.succeed(&["purge", "--athlete", "1", "--activity", &id, "--yes"]);

    let left = wanted.traces(home, &values);
    assert!(
        left.is_empty(),
        "{} traces: {:#?}",
        left.len(),
        &left[..left.len().min(20)]
    );
    home.succeed(&["check"]);
    before.assert_same(home, &wanted, &[2, 3]).await;
    assert_only_newest(home, 1, &["stats", "best_effort_ranks"]).await;
    let gone = home.run(&["purge", "--athlete", "1", "--activity", &id, "--yes"]);
    assert_eq!(gone.code, Some(1), "{}", gone.stderr);
    assert!(gone.stderr.contains("not_found"), "{}", gone.stderr);
}

/// Older rows of these tables of an athlete are gone: what an old snapshot has
/// of them, the newest has too.
async fn assert_only_newest(home: &Home, athlete: i64, tables: &[&str]) {
    let snapshots = snapshots(home);
    let newest = *snapshots.last().unwrap();
    let past = past(home, &snapshots, &[athlete]).await;
    for ((snapshot, table), rows) in &past {
        if tables.contains(&table.as_str()) {
            let now = &past[&(newest, table.clone())];
            assert!(!now.is_empty());
            let old: Vec<_> = rows.iter().filter(|row| !now.contains(row)).collect();
            assert!(old.is_empty(), "{table} at {snapshot}: {old:#?}");
        }
    }
}
