//! The walk against a map, and the ledger's lines as they are stored.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::memory_tests::{rows, session};

fn key(id: i64) -> ActivityKey {
    ActivityKey {
        athlete_id: AthleteId(1 + id / 10),
        start_time_us: id * 1_000_000,
        activity_id: ActivityId(id),
    }
}

fn pointer(id: i64, revision: i64) -> Pointer {
    Pointer {
        key: key(id),
        revision,
    }
}

fn line(id: i64, input_revision: i64, versions: &str) -> Line {
    let versions = versions.to_owned();
    Line {
        key: key(id),
        input_revision,
        versions,
    }
}

#[test]
fn the_walk_finds_what_a_map_finds() {
    // Every way that two activities and two lines can stand to each other, by
    // the digits of a number: absent, revision 1, revision 2, other versions.
    for case in 0..4_i64.pow(6) {
        let digit = |n: u32| case / 4_i64.pow(n) % 4;
        let activities: Vec<_> = (0..3_i64)
            .filter(|id| matches!(digit(*id as u32), 1 | 2))
            .map(|id| pointer(id * 7, digit(id as u32)))
            .collect();
        let ledger: Vec<_> = (0..3_i64)
            .filter(|id| digit(3 + *id as u32) > 0)
            .map(|id| match digit(3 + id as u32) {
                3 => line(id * 7, 1, "a=1"),
                revision => line(id * 7, revision, "a=2"),
            })
            .collect();
        let map: BTreeMap<_, _> = ledger.iter().map(|line| (line.key, line)).collect();
        let fresh = |activity: &Pointer| {
            map.get(&activity.key).is_some_and(|line| {
                line.input_revision == activity.revision && line.versions == "a=2"
            })
        };
        let expected = Compared {
            stale: activities.iter().filter(|a| !fresh(a)).cloned().collect(),
            orphans: map
                .keys()
                .filter(|key| activities.iter().all(|activity| activity.key != **key))
                .copied()
                .collect(),
        };
        assert_eq!(compare(activities, ledger, "a=2"), expected, "case {case}");
    }
}

fn ledger(lines: Value) -> Vec<RecordBatch> {
    vec![rows(&DERIVATIONS, lines)]
}

#[test]
fn the_ledger_is_read_in_any_order() {
    let today = versions(Scope::Activity);
    let stored = |id: i64, revision: i64, versions: &str| {
        json!({
            "athlete_id": 1, "start_time": format!("1970-01-01T00:00:0{id}"), "activity_id": id,
            "scope": "activity", "input_revision": revision, "versions": versions,
        })
    };
    let athlete = json!({"athlete_id": 1, "scope": "athlete", "input_revision": 9});
    let lines = json!([
        stored(3, 1, &today),
        athlete,
        stored(1, 2, &today),
        stored(2, 1, "a=1")
    ]);
    let activities = [pointer(4, 1), pointer(3, 1), pointer(2, 1), pointer(1, 2)];
    let stale = stale_activities(&activities, &ledger(lines)).unwrap();
    assert_eq!(stale, [pointer(2, 1), pointer(4, 1)]);
}

#[test]
fn an_athlete_is_stale_by_revision_version_and_day() {
    let today = "2024-03-01".parse().unwrap();
    let versions = versions(Scope::Athlete);
    let line = |revision: i64, versions: &str, until: Value| {
        ledger(json!([
            {"athlete_id": 1, "scope": "activity", "input_revision": 7},
            {
                "athlete_id": 1, "scope": "athlete", "input_revision": revision,
                "versions": versions, "valid_until": until,
            },
        ]))
    };
    for (ledger, fresh) in [
        (line(7, &versions, json!(null)), true),
        (line(7, &versions, json!("2024-03-02")), true),
        (line(7, &versions, json!("2024-03-01")), false),
        (line(6, &versions, json!(null)), false),
        (line(7, "other=1", json!(null)), false),
        (Vec::new(), false),
    ] {
        assert_eq!(
            athlete_is_fresh(&ledger, 7, today).unwrap(),
            fresh,
            "{ledger:?}"
        );
    }
}

#[tokio::test]
async fn windows_end_where_the_table_still_held() {
    let line = |athlete: i64, scope: &str, until: Value| json!({"athlete_id": athlete, "scope": scope, "valid_until": until});
    let lines = json!([
        line(1, "athlete", json!("2024-03-10")),
        line(1, "activity", json!("2024-01-01")),
        line(2, "athlete", json!(null)),
    ]);
    let session = session(&[(&DERIVATIONS, lines)], &[]).await;
    for (athlete, today, expected) in [
        (1, "2024-03-09", "2024-03-09"),
        (1, "2024-03-10", "2024-03-09"),
        (1, "2026-01-01", "2024-03-09"),
        (2, "2026-01-01", "2026-01-01"),
        (3, "2026-01-01", "2026-01-01"),
    ] {
        let [today, expected] = [today, expected].map(|day| days(day.parse().unwrap()));
        let day = windows_end(&session, AthleteId(athlete), today).await;
        assert_eq!(day.unwrap(), expected, "{athlete} on {today}");
    }
}
