//! The real binary with its objects on a real S3 server and its catalog on
//! PostgreSQL: the same rows as on disk, in every way that they are read; and
//! what it says when the store does not serve it.

use insta::{Settings, assert_snapshot};
use pacelake_e2e::{Home, Server, difference, rows};
use storage::Store;
use storage::objects::{Outlet, S3Options};
use storage::testing::{Place, postgres_database, s3_server};

/// The last one brings a better source of the first one's activity.
const IMPORTS: &[&[&str]] = &[
    &[
        "data/recordings/gpx/activity_4801048867.gpx",
        "data/recordings/fit/20140622_swim_garmin_fr910xt.fit",
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
    assert_eq!(here.interrupt(), Some(0));
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
