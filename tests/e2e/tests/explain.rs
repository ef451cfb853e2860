//! Random numbers of every table, explained over HTTP: what the SQL of each
//! explanation gives in DuckDB and over HTTP is the number, and so is what the
//! raw bytes give.

use std::collections::BTreeMap;

use pacelake_e2e::{Home, Random, Server, duckdb, root, small_samples};
use query::explain::explained;
use serde_json::Value;

/// How many numbers of each table are taken, unless `PACELAKE_TEST_CELLS` says
/// otherwise.
const CELLS: usize = 4;

/// A pool swim, two sources of one outing, a walk, a climb.
const OTHERS: [&str; 5] = [
    "data/recordings/fit/20140622_swim_garmin_fr910xt.fit",
    "data/recordings/fit/4801048867.fit",
    "data/recordings/gpx/4801048867_strava.gpx",
    "data/recordings/fit/2023-09-05_walk_nieuwvliet.fit",
    "data/log/2019/3528308892.fit.gz",
];

fn cells() -> usize {
    let cells = std::env::var("PACELAKE_TEST_CELLS").ok();
    cells.map_or(CELLS, |cells| cells.parse().unwrap())
}

fn imported() -> Home {
    let home = Home::new(None);
    let mut paths: Vec<String> = small_samples(20)
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.extend(OTHERS.map(|path| root().join(path).display().to_string()));
    let mut arguments = vec!["import"];
    arguments.extend(paths.iter().map(String::as_str));
    home.succeed(&arguments);
    home
}

/// A value of a key as a path has it.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What stands between two marks.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("{before}: {text}"));
    rest.split_once(after)
        .unwrap_or_else(|| panic!("{after}: {text}"))
        .0
}

/// A value, written as JSON, in one form for all engines: numbers by their bits
/// (the parser of JSON would read some as their neighbours), times without
/// their marks.
fn plain(json: &str) -> String {
    if let Ok(number) = json.parse::<f64>() {
        return format!("{number:?}");
    }
    let text = json.replace('T', " ").replace('Z', "");
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.trim_matches('0') == "\"" => format!("{whole}\""),
        _ => text,
    }
}

/// A value as the referee prints it: doubles by their bits, times and days by
/// their count since 1970.
fn of_duckdb(value: &Value) -> Value {
    let epoch = jiff::civil::date(1970, 1, 1);
    let marked = value.as_str().and_then(|text| text.split_once(':'));
    match marked {
        Some(("f", bits)) => f64::from_bits(u64::from_str_radix(bits, 16).unwrap()).into(),
        Some(("d", days)) => {
            let days = jiff::Span::new().days(days.parse::<i64>().unwrap());
            epoch.checked_add(days).unwrap().to_string().into()
        }
        Some(("t", micros)) => {
            let micros = jiff::Span::new().microseconds(micros.parse::<i64>().unwrap());
            let time = epoch.at(0, 0, 0, 0).checked_add(micros).unwrap();
            time.to_string().into()
        }
        _ => value.clone(),
    }
}

#[test]
fn every_number_is_what_its_explanation_says() {
    let home = imported();
    let server = Server::start(&home);
    let mut random = Random::seeded();
    let mut explanations: Vec<(Value, String)> = Vec::new();
    for table in explained() {
        let keys = table.key.join(", ");
        let (status, rows) = server.sql(&format!(
            "SELECT {keys} FROM {} ORDER BY {keys}",
            table.name
        ));
        assert_eq!(status, 200, "{rows}");
        let rows: Vec<BTreeMap<String, Value>> = serde_json::from_str(&rows).unwrap();
        assert!(
            !rows.is_empty() || table.name == "refused_efforts",
            "{}",
            table.name
        );
        for _ in 0..cells().min(rows.len() * table.columns.len()) {
            let row = &rows[random.below(rows.len())];
            let column = table.columns[random.below(table.columns.len())].name;
            let key: Vec<String> = table.key.iter().map(|name| word(&row[*name])).collect();
            let address = format!("{}/{}/{column}", table.name, key.join("/"));
            let (status, body) = server.get(&format!("/api/explain/{address}"), "");
            assert_eq!(status, 200, "{address}: {body}");
            let explanation: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                explanation["recomputed"]["equal"], true,
                "{address}: {body}"
            );
            let value = between(&body, "\"value\":", ",\"unit\":").to_owned();
            explanations.push((explanation, value));
        }
    }
    let statements: Vec<&str> = explanations
        .iter()
        .map(|(explanation, _)| explanation["sql"].as_str().unwrap())
        .collect();
    let address = |explanation: &Value| {
        let [table, key, column] = ["table", "key", "column"].map(|name| &explanation[name]);
        format!("{table} {key} {column}")
    };
    for ((explanation, value), statement) in explanations.iter().zip(&statements) {
        let address = address(explanation);
        let (status, rows) = server.sql(statement);
        assert_eq!(status, 200, "{address}: {rows}\n{statement}");
        let column = explanation["column"].as_str().unwrap();
        let found = between(&rows, &format!("[{{\"{column}\":"), "}]");
        assert_eq!(plain(found), plain(value), "{address}\n{statement}");
    }
    drop(server);
    let answers = duckdb(&home, 0, &statements);
    for ((explanation, value), rows) in explanations.iter().zip(&answers) {
        let address = address(explanation);
        assert_eq!(rows.len(), 1, "{address}: {rows:?}");
        let found = of_duckdb(&rows[0][0]).to_string();
        assert_eq!(plain(&found), plain(value), "{address}");
    }
    println!("{} numbers explained", explanations.len());
}

/// From the longest year down to the two samples around an effort's end.
#[test]
fn one_can_walk_from_a_year_to_two_samples() {
    let home = imported();
    let explain = |words: &[&str]| -> Value {
        let mut arguments = vec!["explain"];
        arguments.extend(words);
        arguments.extend(["--format", "json"]);
        serde_json::from_str(&home.succeed(&arguments).stdout).unwrap()
    };
    let found = home.succeed(&[
        "sql",
        "SELECT athlete_id, period_start FROM stats WHERE sport = 'all' AND period = 'year' \
         AND distance_m IS NOT NULL ORDER BY distance_m DESC LIMIT 1",
        "--format",
        "json",
    ]);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    let [athlete, year] = ["athlete_id", "period_start"].map(|name| word(&found[0][name]));
    let total = explain(&["stats", &athlete, "all", "year", &year, "distance_m"]);
    let parts = total["because"].as_array().unwrap();
    let centimetres = |value: &Value| (value.as_f64().unwrap() * 100.0).round() as i64;
    let sum: i64 = parts.iter().map(|part| centimetres(&part["value"])).sum();
    assert_eq!(sum, centimetres(&total["value"]));

    let id = word(&parts[0]["key"][0]);
    let activity = explain(&["activities", &id, "distance_m"]);
    assert_eq!(activity["value"], parts[0]["value"]);
    assert_eq!(activity["definition"], "totals");
    let kinds = |explanation: &Value| -> Vec<String> {
        let inputs = explanation["inputs"].as_array().unwrap().iter();
        inputs.map(|input| word(&input["kind"])).collect()
    };
    let mut kinds = kinds(&activity);
    kinds.dedup();
    assert_eq!(kinds[..4], ["recording", "samples", "start", "end"]);

    let record = home.succeed(&[
        "sql",
        "SELECT * FROM best_effort_ranks WHERE rank = 1 AND time_window = 'all' \
         AND sport = 'run' AND distance_m = 1000",
        "--format",
        "json",
    ]);
    let record: Value = serde_json::from_str(&record.stdout).unwrap();
    let rank = explain(&[
        "best_effort_ranks",
        &athlete,
        "run",
        "1000",
        "all",
        "1",
        "elapsed_s",
    ]);
    assert_eq!(rank["value"], record[0]["elapsed_s"]);
    let because = &rank["because"][0];
    assert_eq!(because["table"], "best_efforts");
    let key: Vec<String> = because["key"]
        .as_array()
        .unwrap()
        .iter()
        .map(word)
        .collect();
    let effort = explain(&["best_efforts", &key[0], &key[1], "elapsed_s"]);
    assert_eq!(effort["value"], rank["value"]);
    // The distance between both ends is the effort's.
    let inputs = effort["inputs"].as_array().unwrap();
    let [start, end] = ["start", "end"].map(|kind| {
        let found = inputs.iter().find(|input| input["kind"] == kind);
        found.unwrap()["distance_m"].as_f64().unwrap()
    });
    assert!((end - start - 1_000.0).abs() < 0.02, "{start} to {end}");
}

#[test]
fn what_cannot_be_explained_is_told() {
    let home = imported();
    for (words, code) in [
        (&["nothing", "1", "distance_m"][..], "invalid_argument"),
        (&["splits", "1", "km", "elapsed_s"], "invalid_argument"),
        (
            &["splits", "1", "km", "one", "elapsed_s"],
            "invalid_argument",
        ),
        (&["splits", "1", "km", "1", "nothing"], "invalid_argument"),
        (&["splits", "1", "km", "1", "elapsed_s"], "not_found"),
        (
            &["stats", "2", "run", "year", "2020-01-01", "distance_m"],
            "not_found",
        ),
    ] {
        let mut arguments = vec!["explain"];
        arguments.extend(words);
        let answer = home.run(&arguments);
        assert!(answer.stderr.contains(code), "{words:?}: {}", answer.stderr);
    }
}
