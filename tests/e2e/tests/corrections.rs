//! Masks, included efforts and undone merges by the real binary: what DuckDB
//! sees change is what the command says, no other row, and nothing once it is
//! taken back; and numbers under a mask are explained.

use std::collections::BTreeMap;

use pacelake_e2e::{COUNTS_OF_WRITES, Home, Random, difference, duckdb, root, rows, small_samples};
use serde_json::Value;

/// One outing in two files.
const OUTING: [&str; 2] = [
    "data/recordings/gpx/activity_4801048867.gpx",
    "data/recordings/fit/4801048867.fit",
];
/// How many activities are masked.
const MASKED: usize = 4;

fn imported() -> Home {
    let home = Home::new(None);
    // The smallest are shorter than a kilometre.
    let samples = small_samples(120).split_off(105);
    let mut paths: Vec<_> = samples
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.extend(OUTING.map(|path| root().join(path).display().to_string()));
    let mut arguments = vec!["import"];
    arguments.extend(paths.iter().map(String::as_str));
    home.succeed(&arguments);
    home
}

fn json(home: &Home, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--format", "json"]].concat();
    serde_json::from_str(&home.succeed(&arguments).stdout).unwrap()
}

fn sql(home: &Home, query: &str) -> Vec<Value> {
    let rows = json(home, &["sql", query]);
    rows.as_array().unwrap().clone()
}

/// Rows as DuckDB has them, by table.
fn by_table(rows: &[String]) -> BTreeMap<&str, Vec<&str>> {
    let mut tables: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in rows {
        let (table, row) = line.split_once('\t').unwrap();
        tables.entry(table).or_default().push(row);
    }
    tables
}

/// Asserts that rows of these activities, and of what follows from them, are
/// all that changed, as many as the command said.
fn assert_changed(before: &[String], after: &[String], ids: &[i64], told: &Value) {
    let (before, after) = (by_table(before), by_table(after));
    let mut tables: Vec<&str> = before.keys().chain(after.keys()).copied().collect();
    tables.sort_unstable();
    tables.dedup();
    for table in tables {
        let (empty, follows) = (Vec::new(), ["stats", "best_effort_ranks", "derivations"]);
        let (old, new) = (
            before.get(table).unwrap_or(&empty),
            after.get(table).unwrap_or(&empty),
        );
        let gone: Vec<_> = old
            .iter()
            .filter(|row| new.binary_search(row).is_err())
            .collect();
        let come: Vec<_> = new
            .iter()
            .filter(|row| old.binary_search(row).is_err())
            .collect();
        for row in gone.iter().chain(&come) {
            let row: Value = serde_json::from_str(row).unwrap();
            let of_them = ids.iter().any(|id| row["activity_id"] == *id);
            assert!(of_them || follows.contains(&table), "{table}: {row}");
        }
        if table == "derivations" {
            continue;
        }
        let count = |how: &str| told[table][how].as_u64().unwrap_or(0) as usize;
        let counted = (
            count("changed") + count("removed"),
            count("changed") + count("added"),
        );
        assert_eq!((gone.len(), come.len()), counted, "{table}: {told}");
    }
}

/// Asserts that the SQL of an explanation gives its value in DuckDB.
fn assert_same_in_duckdb(home: &Home, explanation: &Value) {
    let (value, sql) = (&explanation["value"], explanation["sql"].as_str().unwrap());
    let judged = duckdb(
        home,
        0,
        &[&format!("SELECT elapsed_s = {value} FROM ({sql})")],
    );
    assert_eq!(judged.last().unwrap()[0][0], true, "{sql}");
}

#[test]
fn a_mask_changes_what_the_command_says_and_lifting_it_changes_it_back() {
    let home = imported();
    let mut random = Random::seeded();
    let sound = rows(&home, COUNTS_OF_WRITES);
    let efforts = sql(
        &home,
        "select activity_id, start_offset_s, end_offset_s from best_efforts \
         where distance_m = 1000 order by activity_id",
    );
    // A record is kept for the end: of what is under a mask already, something
    // may be told before.
    let records = sql(
        &home,
        "select activity_id, sport, elapsed_s from best_effort_ranks \
         where time_window = 'all' and rank = 1 and distance_m = 1000 order by sport",
    );
    let record = &records[0];
    let kept = record["activity_id"].as_i64().unwrap();
    assert!(efforts.len() > MASKED + 1, "{efforts:?}");
    let mut masked = Vec::new();
    for _ in 0..MASKED {
        // Another one each time: under a second mask nothing more is refused.
        let effort = loop {
            let effort = &efforts[random.below(efforts.len())];
            let id = effort["activity_id"].as_i64().unwrap();
            if id != kept && !masked.contains(&id) {
                break effort;
            }
        };
        let id = effort["activity_id"].as_i64().unwrap();
        let offset = |name: &str| effort[name].as_f64().unwrap();
        let (start, end) = (offset("start_offset_s"), offset("end_offset_s"));
        // A part of its fastest kilometre.
        let from = start + (end - start) * 0.8 * random.fraction();
        let from = format!("+{from:.3}");
        let to = format!("+{end:.3}");
        let before = rows(&home, &[]);
        let wish = [
            "mask",
            &id.to_string(),
            "--from",
            &from,
            "--to",
            &to,
            "--reason",
            "by car",
        ];
        let done = json(&home, &wish);
        assert!(done["rows"]["refused_efforts"].is_object(), "{done}");
        assert_changed(&before, &rows(&home, &[]), &[id], &done["rows"]);
        masked.push(id);
    }
    assert_eq!(home.run(&["check", "--full"]).code, Some(0));

    // A number under a mask is explained in words and in SQL.
    let id = masked[0].to_string();
    let shown = home.succeed(&["show", &id]).stdout;
    assert!(shown.contains(", excluded: masked "), "{shown}");
    let refused = json(
        &home,
        &["explain", "refused_efforts", &id, "1000", "elapsed_s"],
    );
    assert_eq!(refused["recomputed"]["equal"], true, "{refused}");
    assert_same_in_duckdb(&home, &refused);

    home.succeed(&["include", &id, "--distance", "1000"]);
    let included = json(
        &home,
        &["explain", "best_efforts", &id, "1000", "elapsed_s"],
    );
    assert_eq!(included["value"], refused["value"]);
    assert_eq!(included["recomputed"]["equal"], true, "{included}");
    assert_same_in_duckdb(&home, &included);
    home.succeed(&["exclude", &id, "--distance", "1000"]);

    // A record that was refused is missed where records are listed.
    let [id, sport, time] = ["activity_id", "sport", "elapsed_s"].map(|name| &record[name]);
    let (id, sport) = (id.to_string(), sport.as_str().unwrap());
    let best = ["best", "--sport", sport, "--distance", "1000"];
    assert!(!home.succeed(&best).stderr.contains(&id));
    home.succeed(&["mask", &id, "--reason", "a wheel of 20 inches"]);
    let told = home.succeed(&best).stderr;
    let expected = format!("{sport} 1000 m in {time} s was refused; `pacelake show {id}` says why");
    assert!(told.contains(&expected), "{told}");
    masked.push(id.parse().unwrap());

    masked.sort_unstable();
    masked.dedup();
    for id in &masked {
        let before = rows(&home, &[]);
        let done = json(&home, &["unmask", &id.to_string()]);
        assert_changed(&before, &rows(&home, &[]), &[*id], &done["rows"]);
    }
    let left = difference(&sound, &rows(&home, COUNTS_OF_WRITES));
    assert!(left.is_empty(), "{left}");
    let audited = json(&home, &["audit", "--limit", "500"]);
    let actions = |which: &str| {
        let entries = audited.as_array().unwrap().iter();
        entries.filter(|entry| entry["action"] == which).count()
    };
    assert_eq!(actions("mask"), MASKED + 1);
    assert_eq!(actions("unmask"), masked.len());
    assert_eq!((actions("include"), actions("exclude")), (1, 1));
}

#[test]
fn a_merge_is_undone_and_done_again() {
    let home = imported();
    let sound = rows(&home, COUNTS_OF_WRITES);
    let found = sql(
        &home,
        "select activity_id from activities where raw_sha256 like '9845c996e77d%'",
    );
    let id = found[0]["activity_id"].as_i64().unwrap();
    let before = rows(&home, &[]);
    // Of two, the one whose samples are not used.
    let undone = json(&home, &["unmerge", &id.to_string()]);
    let both: Vec<i64> = undone["activities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_i64().unwrap())
        .collect();
    assert_eq!(both[0], id);
    assert_changed(&before, &rows(&home, &[]), &both, &undone["rows"]);
    let path = root().join(OUTING[0]);
    home.succeed(&["import", path.to_str().unwrap()]);
    assert_eq!(home.run(&["check", "--full"]).code, Some(0));
    let between = rows(&home, &[]);
    let done = json(&home, &["remerge", &both[1].to_string()]);
    assert_changed(&between, &rows(&home, &[]), &both, &done["rows"]);
    let left = difference(&sound, &rows(&home, COUNTS_OF_WRITES));
    assert!(left.is_empty(), "{left}");
    assert_eq!(home.run(&["check", "--full"]).code, Some(0));
}
