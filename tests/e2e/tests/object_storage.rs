//! The real binary with its objects on a real S3 server and its catalog on
//! PostgreSQL: the same rows as on disk, in every way that they are read;
//! mended, moved and purged there as well; and what it says when the store does
//! not serve it.

use insta::{Settings, assert_snapshot};
use pacelake_e2e::{COUNTS_OF_WRITES, Home, Server, Wanted, difference, files_below, rows};
use serde_json::Value;
use storage::objects::{Outlet, S3Options};
use storage::testing::{Place, copy_objects, postgres_database, s3_server};
use storage::{Storage, Store};

/// The last one brings a better source of the first one's activity.
const IMPORTS: &[&[&str]] = &[
    &[
        "data/recordings/gpx/activity_4801048867.gpx",
        "data/recordings/tcx/activity_4801048867.tcx",
        "data/recordings/fit/20140622_swim_garmin_fr910xt.fit",
        "data/recordings/fit/event_timestamp.fit",
        "data/recordings/tcx/treadmill_1.tcx",
        "data/recordings/strava",
    ],
    &["data/recordings/fit/4801048867.fit"],
];

fn url(bucket: &S3Options) -> String {
    format!("s3://{}/{}", bucket.bucket, bucket.prefix)
}

fn import(home: &Home, flags: &[&str]) {
    for import in IMPORTS {
        let answer = home.run(&[&["import"], *import, flags].concat());
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    }
}

#[test]
fn s3_and_postgresql_hold_the_same_rows_as_a_folder() {
    let on_disk = Home::new(None);
    import(&on_disk, &[]);

    let bucket = s3_server().bucket();
    let catalog = postgres_database();
    let place = Place {
        store: Store::S3(bucket.clone()),
        catalog: Some(catalog.clone()),
        ..Place::sqlite()
    };
    let on_s3 = Home::new(Some(catalog.clone()))
        .with_keys(&bucket)
        .with_lake_on_s3(place.s3_for_duckdb());
    let store = url(&bucket);
    let flags = ["--store", &store, "--catalog", &catalog];
    import(&on_s3, &flags);
    assert!(
        !on_s3.data_dir().join("lake").exists(),
        "nothing lies on disk"
    );

    let (expected, found) = (rows(&on_disk, &[]), rows(&on_s3, &[]));
    assert!(expected.len() > 100, "{} rows are too few", expected.len());
    let difference = difference(&expected, &found);
    assert!(difference.is_empty(), "DuckDB over S3: {difference}");

    let on_s3 = on_s3.with("PACELAKE_STORE", &store);
    for command in [
        &["ls"][..],
        &["best"],
        &["stats"],
        &[
            "sql",
            "select * from samples order by activity_id, sample",
            "--format",
            "csv",
        ],
    ] {
        let (here, there) = (on_disk.run(command), on_s3.run(command));
        assert_eq!(here.code, Some(0), "{command:?}: {}", here.stderr);
        assert_eq!(there.stdout, here.stdout, "{command:?}: {}", there.stderr);
    }
    let check = on_s3.run(&["check"]);
    assert_eq!(check.code, Some(0), "{}{}", check.stdout, check.stderr);
    let again = on_s3.run(&["recompute", "--full"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);

    let (here, there) = (Server::start(&on_disk), Server::start(&on_s3));
    let path = "/api/activities";
    assert_eq!(there.get(path, ""), here.get(path, ""));
    assert_eq!(there.interrupt(), Some(0));
    // Told by flags alone where everything lies.
    let nowhere = Home::new(None).with_keys(&bucket);
    let there = Server::with_flags(&nowhere, &flags);
    assert_eq!(there.get(path, ""), here.get(path, ""));
    assert_eq!(there.interrupt(), Some(0));
    assert_eq!(here.interrupt(), Some(0));
}

/// The bucket of a place on S3.
fn bucket_of(place: &Place) -> &S3Options {
    match &place.store {
        Store::S3(bucket) => bucket,
        Store::DataDir => panic!("the place is on disk"),
    }
}

/// A home that has its catalog and its objects in this place.
fn home_at(place: &Place) -> Home {
    let bucket = bucket_of(place);
    Home::new(place.catalog.clone())
        .with_keys(bucket)
        .with_lake_on_s3(place.s3_for_duckdb())
        .with("PACELAKE_STORE", &url(bucket))
}

fn assert_same(expected: &[String], found: &[String], what: &str) {
    let difference = difference(expected, found);
    assert!(difference.is_empty(), "{what}: {difference}");
}

/// Deletes every object of one table, and overwrites every one of another by
/// garbage, whatever snapshot they are of.
async fn damage(place: &Place) {
    let folder = tempfile::tempdir().unwrap();
    copy_objects(bucket_of(place), folder.path()).await.unwrap();
    let lake = folder.path().join("lake");
    let objects = |table: &str| {
        let folder = lake.join("main").join(table);
        let files = files_below(&folder).into_iter();
        let names = files.map(|file| file.strip_prefix(&lake).unwrap().to_owned());
        let names: Vec<String> = names.map(|name| name.display().to_string()).collect();
        assert!(!names.is_empty(), "{table}");
        names
    };

    let storage = Storage::open(&place.options(), &[], &[]).await.unwrap();
    let removed = storage.lake.remove_objects(&objects("splits")).await;
    assert!(removed.unwrap() > 0);
    storage.catalog.db().close().await;

    let outlet = Outlet::open(bucket_of(place)).await.unwrap();
    for name in objects("streams") {
        let name = format!("lake/{name}");
        assert!(outlet.exists(&name).await.unwrap(), "{name}");
        let mut file = outlet.begin(&name).await.unwrap();
        file.write(b"PAR1").await.unwrap();
        file.finish().await.unwrap();
    }
}

/// Rebuilt, damaged and repaired, backed up, restored into another bucket and
/// another database, and maintained: all with the same rows.
#[tokio::test]
async fn a_lake_on_s3_is_mended_and_moves() {
    let place = Place::postgres_s3();
    let home = home_at(&place);
    import(&home, &[]);
    let expected = rows(&home, &[]);
    assert!(expected.len() > 100, "{} rows are too few", expected.len());
    home.succeed(&["rebuild"]);
    assert_same(&expected, &rows(&home, &[]), "rebuild");
    home.succeed(&["check", "--full"]);

    let values = rows(&home, COUNTS_OF_WRITES);
    damage(&place).await;
    let check = home.run(&["check"]);
    assert_eq!(check.code, Some(1), "{}{}", check.stdout, check.stderr);
    for table in ["splits", "streams"] {
        let named = check.stdout.contains(&format!("main/{table}/"));
        assert!(named, "{table}: {}", check.stdout);
    }
    home.succeed(&["check", "--repair"]);
    assert_same(&values, &rows(&home, COUNTS_OF_WRITES), "repair");
    home.succeed(&["check", "--full"]);

    let expected = rows(&home, &[]);
    let folder = tempfile::tempdir().unwrap();
    let backups = folder.path().to_str().unwrap();
    home.succeed(&["backup", "--to", backups]);
    let elsewhere = Place::postgres_s3();
    assert_ne!(bucket_of(&elsewhere), bucket_of(&place));
    let restored = home_at(&elsewhere);
    let to = restored.data_dir().to_str().unwrap();
    restored.succeed(&["restore", "--from", backups, "--to", to]);
    for (home, what) in [(&home, "the one"), (&restored, "the restored")] {
        assert_same(&expected, &rows(home, &[]), what);
        home.succeed(&["check", "--full"]);
        home.succeed(&["maintain"]);
        assert_same(&expected, &rows(home, &[]), &format!("{what}, maintained"));
        home.succeed(&["check", "--full"]);
        assert!(!home.data_dir().join("lake").exists(), "{what}: on disk");
    }
}

/// Two athletes, who share a recording; a better source of an outing of
/// athlete 1 comes later, so that rows are replaced.
const OF_ATHLETES: &[(&str, &[&str])] = &[
    ("1", &["gpx/activity_4801048867.gpx", "fit/garmin.fit"]),
    (
        "2",
        &["fit/20140622_swim_garmin_fr910xt.fit", "fit/garmin.fit"],
    ),
    (
        "1",
        &[
            "fit/4801048867.fit",
            "fit/20210604_track_run_coros_pace_2.fit",
        ],
    ),
    ("2", &["fit/strava-android-app-201.10-b1218918.fit"]),
];

/// A home whose data folder holds a copy of all objects of a place, beside the
/// place's catalog: what a search on disk can look through.
async fn copied(place: &Place) -> Home {
    let copy = Home::new(place.catalog.clone());
    let objects = copy_objects(bucket_of(place), copy.data_dir()).await;
    objects.unwrap();
    copy
}

/// Every object of the bucket is fetched afterwards, decoded and looked
/// through, and every cell of the catalog is read, by a script that shares
/// nothing with pacelake.
#[tokio::test]
async fn what_is_purged_is_in_no_object_of_the_bucket() {
    let place = Place::postgres_s3();
    let home = home_at(&place);
    for name in ["Anna Aalto", "Berta Brekke"] {
        home.succeed(&["athlete", "add", "--name", name]);
    }
    for (athlete, names) in OF_ATHLETES {
        let paths = names.iter().map(|name| format!("data/recordings/{name}"));
        let paths: Vec<String> = paths.collect();
        let mut arguments = vec!["import", "--athlete", athlete];
        arguments.extend(paths.iter().map(String::as_str));
        home.succeed(&arguments);
    }
    let longest = "select activity_id from activities where athlete_id = 1 \
                   order by distance_m desc limit 1";
    let longest = home.succeed(&["sql", "--format", "json", longest]).stdout;
    let longest: Value = serde_json::from_str(&longest).unwrap();
    let activity = longest[0]["activity_id"].as_i64().unwrap();
    let wanted = [
        Wanted {
            athlete: 1,
            activities: vec![activity],
        },
        Wanted {
            athlete: 2,
            activities: vec![],
        },
    ];
    let copy = copied(&place).await;
    let values = wanted.each_ref().map(|wanted| wanted.values(&copy));
    assert!(values[1].contains("Berta Brekke"), "{}", values[1]);
    for (wanted, values) in wanted.iter().zip(&values) {
        let traces = wanted.traces(&copy, values);
        assert!(traces.len() > 50, "{traces:#?}");
    }

    let activity = activity.to_string();
    let purges = [
        &["purge", "--athlete", "1", "--activity", &activity, "--yes"][..],
        &["purge", "--athlete", "2", "--yes"],
    ];
    for (purge, wanted) in purges.iter().zip(&wanted) {
        // Of all others, at every snapshot.
        let before = wanted.others(&home);
        assert!(before.len() > 50, "{before:?}");
        home.succeed(purge);
        home.succeed(&["check", "--full"]);
        let after = wanted.others(&home);
        for (table, rows) in &before {
            assert_eq!(after.get(table), Some(rows), "{purge:?}: {table}");
        }
    }

    let copy = copied(&place).await;
    let (lake, raw) = (copy.data_dir().join("lake"), copy.data_dir().join("raw"));
    assert!(!files_below(&lake).is_empty() && !files_below(&raw).is_empty());
    for (wanted, values) in wanted.iter().zip(&values) {
        let traces = wanted.traces(&copy, values);
        let some = &traces[..traces.len().min(20)];
        assert!(traces.is_empty(), "{} traces: {some:#?}", traces.len());
    }
}

/// Tables go to a bucket as they go to a folder: the same bytes, and files
/// that no export wrote are left alone.
#[tokio::test]
async fn tables_go_to_a_bucket() {
    let bucket = s3_server().bucket();
    let home = Home::new(None).with_keys(&bucket);
    import(&home, &[]);
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_str().unwrap();
    let there = format!("{}/tables", url(&bucket));
    for to in [here, &there, &there] {
        let answer = home.run(&["export", "--all", "--to", to]);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        assert!(answer.stdout.contains("activities.parquet  "), "{to}");
    }
    let below = S3Options {
        prefix: format!("{}/tables", bucket.prefix),
        ..bucket.clone()
    };
    let outlet = Outlet::open(&below).await.unwrap();
    let mut compared = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let found = outlet.read(&name).await.unwrap().unwrap();
        assert_eq!(found, std::fs::read(entry.path()).unwrap(), "{name}");
        compared += 1;
    }
    assert!(compared > 10, "{compared} files");

    let mut foreign = outlet.begin("laps.csv").await.unwrap();
    foreign.write(b"mine").await.unwrap();
    foreign.finish().await.unwrap();
    let refused = home.run(&[
        "export", "--table", "laps", "--format", "csv", "--to", &there,
    ]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("laps.csv"), "{}", refused.stderr);
    let refused = home.run(&["export", "--all", "--originals", "--to", &there]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}

/// One machine may keep its catalog in a file and its objects in a bucket.
#[test]
fn sqlite_goes_with_s3_too() {
    let bucket = s3_server().bucket();
    let home = Home::new(None)
        .with_keys(&bucket)
        .with("PACELAKE_STORE", &url(&bucket));
    let answer = home.run(&["import", "data/recordings/fit/4801048867.fit"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let check = home.run(&["check"]);
    assert_eq!(check.code, Some(0), "{}{}", check.stdout, check.stderr);
    // The catalog says where its files are: another place is refused.
    let elsewhere = home.with("PACELAKE_STORE", "s3://elsewhere/x");
    let refused = elsewhere.run(&["ls", "--store", "s3://elsewhere"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
}

/// The keys may come from a mounted file, or as other S3 programs have them.
#[test]
fn keys_come_from_where_operators_have_them() {
    let bucket = s3_server().bucket();
    let credentials = bucket.credentials.as_ref().unwrap();
    let secret = credentials.secret_access_key.reveal();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{secret}\n")).unwrap();
    let endpoint = bucket.endpoint.as_deref().unwrap();
    let bare = || {
        Home::new(None)
            .with("PACELAKE_STORE", &url(&bucket))
            .with("PACELAKE_S3_ALLOW_HTTP", "true")
    };
    let mounted = bare()
        .with("PACELAKE_S3_ENDPOINT", endpoint)
        .with("PACELAKE_S3_ACCESS_KEY_ID", &credentials.access_key_id)
        .with(
            "PACELAKE_S3_SECRET_ACCESS_KEY_FILE",
            file.path().to_str().unwrap(),
        );
    let others = bare()
        .with("AWS_ENDPOINT_URL", endpoint)
        .with("AWS_REGION", "us-east-1")
        .with("AWS_ACCESS_KEY_ID", &credentials.access_key_id)
        .with("AWS_SECRET_ACCESS_KEY", secret);
    for home in [mounted, others] {
        let answer = home.run(&["ls"]);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    }
}

#[test]
fn a_store_that_does_not_serve_is_told() {
    let bucket = s3_server().bucket();
    let quiet = || Home::new(None).with("PACELAKE_LOG", "off");
    let good = || quiet().with_keys(&bucket).with("PACELAKE_S3_RETRIES", "0");
    let store = url(&bucket);
    let mut text = String::new();
    let mut tell = |what: &str, home: Home, store: &str| {
        let answer = home.run(&["ls", "--store", store]);
        assert_ne!(answer.code, Some(0), "{what}");
        text.push_str(&format!("== {what}\n{}\n\n", answer.transcript(&home)));
    };
    tell(
        "the secret key is wrong",
        good().with("PACELAKE_S3_SECRET_ACCESS_KEY", "hush"),
        &store,
    );
    tell(
        "the key is unknown",
        good().with("PACELAKE_S3_ACCESS_KEY_ID", "nobody"),
        &store,
    );
    tell("there is no such bucket", good(), "s3://no-such-bucket/x");
    tell(
        "nobody answers",
        good().with("PACELAKE_S3_ENDPOINT", "http://127.0.0.1:9"),
        &store,
    );
    tell(
        "there are no keys",
        good().with("PACELAKE_S3_ACCESS_KEY_ID", ""),
        &store,
    );
    tell(
        "plain HTTP",
        good().with("PACELAKE_S3_ALLOW_HTTP", "false"),
        &store,
    );
    tell("another scheme", good(), "gs://bucket/x");
    let catalog = postgres_database().replacen("/test_", "/none_", 1);
    for (what, catalog) in [
        ("no PostgreSQL answers", "postgres://nobody@127.0.0.1:9/x"),
        ("there is no such database", &catalog),
    ] {
        let home = quiet();
        let answer = home.run(&["ls", "--catalog", catalog]);
        text.push_str(&format!("== {what}\n{}\n\n", answer.transcript(&home)));
    }
    assert!(!text.contains("hush"), "{text}");

    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r"127\.0\.0\.1:\d+", "[ADDRESS]");
    settings.add_filter(r"test-\d+", "[BUCKET]");
    settings.bind(|| assert_snapshot!("a_store_that_does_not_serve", text));
}
