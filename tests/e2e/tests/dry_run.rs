//! `pacelake recompute --dry-run`: it counts the cells that a recompute then
//! changes, shows some, and changes nothing itself.

use pacelake_e2e::{Home, difference, duckdb, rows, small_samples};
use serde_json::Value;

fn preview(home: &Home, more: &[&str]) -> Value {
    let mut arguments = vec!["recompute", "--dry-run", "--format", "json"];
    arguments.extend(more);
    serde_json::from_str(&home.succeed(&arguments).stdout).unwrap()
}

/// How many cells of a column it counts.
fn cells(preview: &Value, table: &str, column: &str) -> u64 {
    let columns = preview["columns"].as_array().unwrap().iter();
    let mut found = columns.filter(|one| one["table"] == table && one["column"] == column);
    found.next().map_or(0, |one| one["cells"].as_u64().unwrap())
}

#[test]
fn it_counts_what_a_recompute_changes() {
    let home = Home::new(None);
    let samples = small_samples(120);
    let mut arguments = vec!["import"];
    // The smallest are shorter than a kilometre.
    arguments.extend(samples[100..].iter().map(|path| path.to_str().unwrap()));
    home.succeed(&arguments);
    let nothing = preview(&home, &["--full"]);
    assert_eq!(nothing["columns"], Value::Array(Vec::new()), "{nothing}");
    let sound = rows(&home, &["revision", "input_revision"]);

    // As if another version of the definitions had given other values.
    let counted = duckdb(
        &home,
        0,
        &[
            "update splits set elapsed_s = elapsed_s + 1 where unit = 'km' and split = 1",
            "update best_efforts set elapsed_s = elapsed_s - 1 where distance_m = 400",
            "update derivations set versions = 'splits=0' where scope = 'activity'",
            "select (select count(*) from splits where unit = 'km' and split = 1), \
             (select count(*) from best_efforts where distance_m = 400)",
        ],
    );
    let counts = counted.last().unwrap()[0].as_array().unwrap().clone();
    assert!(counts[0].as_u64().unwrap() > 3, "{counts:?}");
    let changed = rows(&home, &[]);

    let seen = preview(&home, &[]);
    assert_eq!(
        cells(&seen, "splits", "elapsed_s"),
        counts[0].as_u64().unwrap()
    );
    assert_eq!(
        cells(&seen, "best_efforts", "elapsed_s"),
        counts[1].as_u64().unwrap()
    );
    // What follows from an activity's new numbers is seen too: nothing, since
    // the ranks were not changed with the efforts.
    assert_eq!(cells(&seen, "best_effort_ranks", "elapsed_s"), 0, "{seen}");
    let sample = &seen["columns"][0]["sample"][0];
    assert!(
        sample["key"].as_str().unwrap().contains("activity_id="),
        "{seen}"
    );
    let unchanged = difference(&changed, &rows(&home, &[]));
    assert!(unchanged.is_empty(), "{unchanged}");

    home.succeed(&["recompute"]);
    let mended = difference(&sound, &rows(&home, &["revision", "input_revision"]));
    assert!(mended.is_empty(), "{mended}");
    let nothing = preview(&home, &["--full"]);
    assert_eq!(nothing["columns"], Value::Array(Vec::new()), "{nothing}");
}
