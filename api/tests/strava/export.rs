//! Strava's list as CSV.

use std::collections::BTreeMap;

use jobs::strava::Retention;
use pacelake_strava_sim::{Details, FaultKind, FaultRule, Generated, Manual, recording_of};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::{Value, json};
use storage::testing::Place;

use crate::world::World;

/// A name that asks for care: quotes, commas, a line's end, and what a
/// spreadsheet would take for a formula.
const NAME: &str = "=HYPERLINK(\"http://x\",\"y\"), and\na \"second\" line";

/// The lines of a CSV text, each by its header.
fn lines(text: &[u8]) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text);
    let lines = reader.deserialize();
    lines.map(Result::unwrap).collect()
}

async fn connected(activities: u32) -> (World, i64) {
    let world = World::begin(Place::sqlite(), Retention::Owner).await;
    let athlete = world.connected(activities).await;
    (world, athlete)
}

/// How often lists were asked for.
fn lists(world: &World) -> usize {
    let requests = world.control().requests();
    let of_lists = requests
        .iter()
        .filter(|request| request.path.ends_with("/athlete/activities"));
    of_lists.count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_has_every_activity_of_the_athlete_and_of_nobody_else() {
    let (world, athlete) = connected(3).await;
    let control = world.control();
    let other = world.athlete(4);
    // More than a page, which are not here.
    control.add_history(athlete, 11, 210, 300).unwrap();
    let before = lists(&world);
    let answer = world.ask("GET", "/api/strava/export").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let header = |name| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header(CONTENT_TYPE), "text/csv; charset=utf-8");
    assert_eq!(
        header(CONTENT_DISPOSITION),
        "attachment; filename=\"strava.csv\""
    );
    // It is sent as it is listed: nobody knows how long it becomes.
    assert!(!answer.headers().contains_key(CONTENT_LENGTH));
    let text = answer.bytes().await.unwrap();
    // Two pages, and the empty one that ends them.
    assert_eq!(lists(&world), before + 3);

    let lines = lines(&text);
    let told: Vec<i64> = lines.iter().map(|line| number(line, "strava_id")).collect();
    let mut expected = control.activities(athlete);
    expected.reverse();
    assert_eq!(told, expected, "each once, newest first");
    for theirs in control.activities(other) {
        assert!(!told.contains(&theirs));
    }
    for line in &lines {
        let theirs = control.activity(number(line, "strava_id")).unwrap();
        assert_eq!(theirs["name"], line["name"]);
        assert_eq!(theirs["sport_type"], line["sport_type"]);
        assert_eq!(theirs["start_date"], line["start_time"]);
        assert_eq!(theirs["visibility"], line["visibility"]);
        assert_eq!(theirs["manual"].to_string(), line["manual"]);
        for (key, column) in [
            ("distance", "distance_m"),
            ("elapsed_time", "elapsed_s"),
            ("moving_time", "moving_s"),
        ] {
            let cell: f64 = line[column].parse().unwrap();
            assert_eq!(theirs[key].as_f64(), Some(cell), "{column}");
        }
    }
    world.end().await;
}

fn number(line: &BTreeMap<String, String>, column: &str) -> i64 {
    line[column].parse().unwrap()
}

/// Whatever is uploaded between two pages moves the list: a page then begins with
/// what the one before it ended with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_on_the_way_doubles_no_line() {
    let (world, athlete) = connected(3).await;
    let control = world.control();
    control.add_history(athlete, 11, 210, 300).unwrap();
    let mut expected = control.activities(athlete);
    expected.reverse();
    let upload = recording_of(Generated::default()).unwrap();
    let details = Details {
        start: Some(control.now()),
        silent: true,
        ..Details::default()
    };
    control
        .add_after_next_page(athlete, &upload, &details)
        .unwrap();
    let answer = world.ask("GET", "/api/strava/export").await;
    let lines = lines(&answer.bytes().await.unwrap());
    let told: Vec<i64> = lines.iter().map(|line| number(line, "strava_id")).collect();
    assert_eq!(told, expected);
    assert_eq!(control.activities(athlete).len(), expected.len() + 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_activities_it_is_a_header() {
    let (world, _) = connected(0).await;
    let answer = world.ask("GET", "/api/strava/export").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(
        answer.text().await.unwrap(),
        "strava_id,activity_id,name,sport_type,start_time,distance_m,elapsed_s,moving_s,\
         visibility,manual\n"
    );
    world.end().await;
}

/// What is here too has the same words and numbers as the lake's own table, in
/// SQL and in its export, which treats such text alike: as it is, in quotes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_what_the_lake_says_of_the_same_rows() {
    let (world, athlete) = connected(3).await;
    let control = world.control();
    let named = Manual {
        distance_m: 1_234.5,
        elapsed_s: 600,
        details: Details {
            name: Some(NAME.to_owned()),
            ..Details::default()
        },
        ..Manual::default()
    };
    let strava_id = control.add_manual(athlete, named).unwrap();
    let sync = world.ask("POST", "/api/strava/sync").await;
    assert_eq!(sync.status(), StatusCode::ACCEPTED);
    world
        .until("the one that was typed in", async || {
            world.id_of(strava_id).await.is_some()
        })
        .await;

    let live = world.ask("GET", "/api/strava/export").await;
    let live = lines(&live.bytes().await.unwrap());
    assert_eq!(live.len(), 4);
    assert!(live.iter().any(|line| line["name"] == NAME));

    let query = "SELECT activity_id, name, source_distance_m, source_elapsed_s FROM activities";
    let asked = world.http.post(format!("{}/api/sql", world.base));
    let rows = asked.json(&json!({ "query": query })).send().await.unwrap();
    let rows: Value = rows.json().await.unwrap();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 4);
    let exported = world.ask("GET", "/api/export/activities").await;
    let exported = lines(&exported.bytes().await.unwrap());
    for line in &live {
        let id = number(line, "activity_id");
        let row = rows.iter().find(|row| row["activity_id"] == id).unwrap();
        assert_eq!(row["name"], line["name"]);
        let cell = |column: &str| line[column].parse::<f64>().ok();
        assert_eq!(row["source_distance_m"].as_f64(), cell("distance_m"));
        assert_eq!(row["source_elapsed_s"].as_f64(), cell("elapsed_s"));
        let mut table = exported.iter();
        let table = table.find(|row| number(row, "activity_id") == id);
        assert_eq!(table.unwrap()["name"], line["name"]);
    }
    world.end().await;
}

/// What goes wrong before anything was sent is said in words.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_strava_does_not_answer_it_is_an_error() {
    let (world, _) = connected(1).await;
    let rule = FaultRule::new("*/athlete/activities", FaultKind::Unavailable);
    world.control().fault(rule);
    let answer = world.ask("GET", "/api/strava/export").await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "strava_unavailable", "{problem}");
    world.end().await;
}
