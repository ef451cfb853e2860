//! Time travel by the real binary: after a second import, which changes an
//! activity and brings another, every command and every endpoint gives of the
//! first snapshot what it gave before; DuckDB agrees.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use pacelake_e2e::{Home, Server, duckdb_at, files_below, root, small_samples};
use serde_json::{Value, json};

/// One outing, as a service gives it and as the watch recorded it.
const FROM_SERVICE: &str = "data/recordings/gpx/4801048867_strava.gpx";
const FROM_WATCH: &str = "data/recordings/fit/4801048867.fit";

fn import(home: &Home, paths: &[&Path]) {
    let mut arguments = vec!["import"];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    home.succeed(&arguments);
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The JSON without what comes from today's catalog and raw bytes.
fn of_the_lake(mut json: Value) -> Value {
    if let Some(object) = json.as_object_mut() {
        object.remove("sources");
        object.remove("recomputed");
    }
    if let Some(inputs) = json.get_mut("inputs").and_then(Value::as_array_mut) {
        inputs.retain(|input| input["kind"] != "recording");
    }
    json
}

/// Every reading command that prints, about one activity.
fn commands(id: &str) -> Vec<Vec<&str>> {
    let json = ["--format", "json"];
    [
        &["ls"][..],
        &["ls", "--min-distance", "1000"],
        &["show", id],
        &["best"],
        &["best", "--window", "1y"],
        &["best", "--window", "2y", "--as-of", "2021-01-01"],
        &["stats"],
        &["stats", "--by", "day"],
        &["sql", "SELECT * FROM activities ORDER BY activity_id"],
        &[
            "sql",
            "SELECT activity_id, count(*) FROM samples GROUP BY 1 ORDER BY 1",
        ],
        &["explain", "activities", id, "distance_m"],
        &["explain", "splits", id, "km", "2", "elapsed_s"],
        &[
            "explain",
            "stats",
            "1",
            "all",
            "year",
            "2020-01-01",
            "distance_m",
        ],
    ]
    .map(|command| [command, &json].concat())
    .to_vec()
}

/// What each command prints, at the moment or as things are.
fn printed(home: &Home, id: &str, at: Option<&str>) -> Vec<Value> {
    let at: Vec<&str> = at.into_iter().flat_map(|at| ["--at", at]).collect();
    let answers = commands(id).into_iter();
    let answers = answers.map(|command| home.succeed(&[&command[..], &at].concat()));
    answers
        .map(|answer| of_the_lake(parsed(&answer.stdout)))
        .collect()
}

/// The files of an export of all tables, by name.
fn exported(home: &Home, at: Option<&str>) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    let mut command = vec!["export", "--all", "--format", "csv", "--to", to];
    command.extend(at.into_iter().flat_map(|at| ["--at", at]));
    home.succeed(&command);
    let files = files_below(folder.path()).into_iter();
    let files = files.map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    });
    files.collect()
}

/// A path under `/api` for each operation that answers a GET of the lake.
fn paths(server: &Server, id: &str) -> Vec<String> {
    let (_, document) = server.get("/api/openapi.json", "");
    let document = parsed(&document);
    let mut paths = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let parameters = item["get"]["parameters"].as_array();
        if parameters.is_some_and(|all| all.iter().any(|one| one["name"] == "at")) {
            let table = match path.starts_with("/api/explain") {
                true => "activities",
                false => "streams",
            };
            let path = path.replace("{activity_id}", id).replace("{table}", table);
            paths.push(path.replace("{address}", &format!("{id}/moving_s")));
        }
    }
    assert!(paths.len() >= 14, "{paths:?}");
    paths
}

/// What each path answers.
fn answered(server: &Server, paths: &[String], at: Option<&str>) -> Vec<String> {
    let query = at.map(|at| format!("?at={at}")).unwrap_or_default();
    let answers = paths.iter().map(|path| {
        let (status, body) = server.get(&format!("{path}{query}"), "");
        assert_eq!(status, 200, "{path}{query}: {body}");
        match path.starts_with("/api/explain") {
            true => of_the_lake(parsed(&body)).to_string(),
            false => body,
        }
    });
    answers.collect()
}

fn snapshot(server: &Server) -> i64 {
    let (_, health) = server.get("/api/health", "");
    parsed(&health)["snapshot_id"].as_i64().unwrap()
}

/// Panics unless the commands say so of the moment, and the server too.
fn assert_refused(home: &Home, server: &Server, id: &str, at: &str, said: &str) {
    for command in commands(id) {
        let answer = home.run(&[&command[..], &["--at", at]].concat());
        assert_eq!(answer.code, Some(1), "{command:?}");
        assert!(answer.stderr.contains("not_found"), "{}", answer.stderr);
        assert!(answer.stderr.contains(said), "{}", answer.stderr);
    }
    for path in paths(server, id) {
        let (status, problem) = server.get(&format!("{path}?at={at}"), "");
        assert_eq!(status, 404, "{path}: {problem}");
        assert!(problem.contains(said), "{path}: {problem}");
    }
}

#[test]
fn the_past_reads_as_it_did_until_it_expires() {
    let home = Home::new(None);
    let samples = small_samples(6);
    let (first, later) = samples.split_at(5);
    let service = root().join(FROM_SERVICE);
    let mut paths_in: Vec<&Path> = first.iter().map(|path| path.as_path()).collect();
    paths_in.push(&service);
    import(&home, &paths_in);
    let outing = home.succeed(&[
        "sql",
        "SELECT activity_id FROM activities WHERE source = 'gpx'",
        "--format",
        "json",
    ]);
    let id = parsed(&outing.stdout)[0]["activity_id"].to_string();
    let server = Server::start(&home);
    let old = snapshot(&server);
    let printed_before = printed(&home, &id, None);
    let exported_before = exported(&home, None);
    let paths = paths(&server, &id);
    let answered_before = answered(&server, &paths, None);
    // Instants are told to the microsecond.
    let then = jiff::Timestamp::now().as_microsecond();
    let then = jiff::Timestamp::from_microsecond(then).unwrap().to_string();
    sleep(Duration::from_millis(10));

    import(&home, &[&root().join(FROM_WATCH), later[0].as_path()]);
    let new = snapshot(&server);
    assert!(new > old);
    let names: Vec<_> = exported_before.keys().cloned().collect();
    for at in [old.to_string(), then.clone()] {
        let found = printed(&home, &id, Some(&at));
        for ((command, found), before) in commands(&id).iter().zip(&found).zip(&printed_before) {
            assert_eq!(found, before, "{command:?} at {at}");
        }
        let found = exported(&home, Some(&at));
        assert_eq!(found.keys().cloned().collect::<Vec<_>>(), names);
        for name in &names {
            assert!(found[name] == exported_before[name], "{name} at {at}");
        }
        let found = answered(&server, &paths, Some(&at));
        for ((path, found), before) in paths.iter().zip(&found).zip(&answered_before) {
            assert!(found == before, "{path} at {at}: {found}\nbefore: {before}");
        }
    }
    // Both imports show where they should.
    let changed = printed(&home, &id, None);
    for (command, (now, before)) in commands(&id)
        .iter()
        .zip(changed.iter().zip(&printed_before))
    {
        let may_be_equal = ["best", "stats"].contains(&command[0]);
        assert!(now != before || may_be_equal, "{command:?}");
    }
    assert_eq!(printed(&home, &id, Some(&new.to_string())), changed);
    assert_eq!(printed(&home, &id, Some("2999-01-01")), changed);

    duckdb_agrees(&home, &id, old);

    let answer = home.run(&["ls", "--at", "yesterday"]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.stderr.contains("write a snapshot's number"),
        "{}",
        answer.stderr
    );
    assert_refused(
        &home,
        &server,
        &id,
        "2001-01-01",
        "is before the first snapshot",
    );
    assert_refused(
        &home,
        &server,
        &id,
        "1000",
        "snapshot 1000 has not been made",
    );
    sleep(Duration::from_millis(1100));
    home.succeed(&["maintain", "--keep-snapshots-s", "0"]);
    let expired = format!("snapshot {old} has expired; kept is snapshot ");
    assert_refused(&home, &server, &id, &old.to_string(), &expired);
    let expired = format!("the snapshot of {then} has expired");
    assert_refused(&home, &server, &id, &then, &expired);
    assert_eq!(server.interrupt(), Some(0));
}

/// DuckDB at the snapshot has the rows that we have there, and the SQL of an
/// explanation gives it the number; computed anew from today's recordings the
/// number is another one, and that is said.
fn duckdb_agrees(home: &Home, id: &str, old: i64) {
    let at = old.to_string();
    let statement = "SELECT activity_id, source, raw_sha256, samples, revision FROM activities \
        ORDER BY activity_id";
    let ours = home.succeed(&["sql", statement, "--at", &at, "--format", "json"]);
    let explain = ["explain", "activities", id, "distance_m", "--at", &at];
    let explained = home.succeed(&[&explain[..], &["--format", "json"]].concat());
    let explained = parsed(&explained.stdout);
    let sql = explained["sql"].as_str().unwrap();
    let theirs = duckdb_at(home, old, &[statement, sql]);
    let columns = ["activity_id", "source", "raw_sha256", "samples", "revision"];
    let ours = parsed(&ours.stdout);
    let ours = ours.as_array().unwrap().iter();
    let ours: Vec<Value> = ours
        .map(|row| columns.iter().map(|column| row[*column].clone()).collect())
        .collect();
    assert_eq!(ours, theirs[0]);
    assert_eq!(explained["snapshot"], old);
    let value = explained["value"].as_f64().unwrap();
    assert_eq!(theirs[1], [json!([format!("f:{:016x}", value.to_bits())])]);

    let anew = &explained["recomputed"];
    assert_eq!(anew["equal"], false);
    let remark = anew["remark"].as_str().unwrap();
    assert!(remark.contains("today's recordings"), "{remark}");
    let text = home.succeed(&explain).stdout;
    assert!(text.contains(remark), "{text}");
    assert!(text.contains(&format!("SNAPSHOT_VERSION {old}")), "{text}");
    let today = home.succeed(&[
        "explain",
        "activities",
        id,
        "distance_m",
        "--format",
        "json",
    ]);
    let today = &parsed(&today.stdout)["recomputed"];
    assert_eq!(
        (&today["equal"], &today["remark"]),
        (&json!(true), &json!(null))
    );
}

#[test]
fn a_purge_reaches_snapshots_that_a_server_has_open() {
    let home = Home::new(None);
    let samples = small_samples(3);
    import(&home, &[samples[0].as_path(), samples[1].as_path()]);
    let server = Server::start(&home);
    let old = snapshot(&server);
    import(&home, &[samples[2].as_path()]);
    let list = format!("/api/activities?at={old}");
    let listed = |answer: (u16, String)| -> Vec<Value> {
        let items = parsed(&answer.1)["items"].take();
        let items = items.as_array().unwrap().iter();
        items.map(|item| item["activity_id"].clone()).collect()
    };
    let before = listed(server.get(&list, ""));
    assert_eq!(before.len(), 2);
    let (gone, stays) = (before[0].to_string(), before[1].to_string());
    let paths = ["", "/streams", "/splits"].map(|part| (part, format!("?at={old}")));
    let ask = |id: &str| {
        let paths = paths.iter();
        let asked =
            paths.map(|(part, at)| server.get(&format!("/api/activities/{id}{part}{at}"), ""));
        asked.collect::<Vec<_>>()
    };
    let [of_gone, of_stays] = [ask(&gone), ask(&stays)];
    assert!(
        of_gone.iter().all(|(status, _)| *status == 200),
        "{of_gone:?}"
    );

    home.succeed(&["purge", "--activity", &gone, "--yes"]);
    assert_eq!(listed(server.get(&list, "")), before[1..]);
    for (status, body) in ask(&gone) {
        assert_eq!(status, 404, "{body}");
    }
    assert_eq!(ask(&stays), of_stays);
    let answer = home.run(&["show", &gone, "--at", &old.to_string()]);
    assert_eq!(answer.code, Some(1), "{}", answer.stdout);
}
