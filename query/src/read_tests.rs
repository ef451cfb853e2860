//! Reads against rows picked out by hand or by a plain loop.

use serde_json::{Value, json};
use storage::tables::ACTIVITIES;
use storage::{ActivityId, ActivityKey, AthleteId, Code, Failure};

use super::*;
use crate::derived::best_effort_ranks::RANKS_TABLE;
use crate::derived::best_efforts::BEST_EFFORTS_TABLE;
use crate::derived::climbs::CLIMBS_TABLE;
use crate::derived::peaks::PEAKS_TABLE;
use crate::derived::splits::SPLITS_TABLE;
use crate::derived::stats::STATS_TABLE;
use crate::memory_tests::session;
use crate::output::{Format, write_rows};
use crate::session::Session;

const ME: AthleteId = AthleteId(1);

fn json_of(rows: &Rows) -> Value {
    let text = write_rows(rows, Format::Json, Vec::new()).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// One column of the rows, as JSON.
fn column(rows: &Rows, name: &str) -> Vec<Value> {
    let rows = json_of(rows);
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| row[name].clone())
        .collect()
}

fn activity(id: i64, athlete: i64, start: &str, sport: &str, name: Value, km: f64) -> Value {
    json!({
        "athlete_id": athlete, "start_time": start, "activity_id": id,
        "start_time_local": start, "start_date_local": &start[..10],
        "sport": sport, "name": name, "distance_m": km * 1000.0,
    })
}

fn activities() -> Value {
    json!([
        activity(1, 1, "2023-12-31T23:30:00", "run", json!("Old Year"), 10.0),
        activity(
            2,
            1,
            "2024-01-01T09:00:00",
            "run",
            json!("New 100% Year"),
            5.0
        ),
        activity(3, 1, "2024-01-01T09:00:00", "ride", json!(null), 40.0),
        activity(
            4,
            1,
            "2024-03-05T06:00:00",
            "run_indoor",
            json!("Mill_run"),
            8.0
        ),
        activity(
            5,
            2,
            "2024-02-01T06:00:00",
            "run",
            json!("Another's year"),
            9.0
        ),
    ])
}

fn effort(id: i64, start: &str, distance_m: f64, elapsed_s: f64) -> Value {
    json!({
        "athlete_id": 1, "start_time": start, "activity_id": id,
        "distance_m": distance_m, "elapsed_s": elapsed_s,
    })
}

async fn log() -> Session {
    let efforts = json!([
        effort(1, "2023-12-31T23:30:00", 1000.0, 251.5),
        effort(2, "2024-01-01T09:00:00", 400.0, 80.0),
        effort(2, "2024-01-01T09:00:00", 1000.0, 240.25),
        effort(4, "2024-03-05T06:00:00", 5000.0, 1500.0),
    ]);
    session(
        &[(&ACTIVITIES, activities()), (&BEST_EFFORTS_TABLE, efforts)],
        &[],
    )
    .await
}

async fn ids(filter: activities::Filter) -> Vec<Value> {
    let page = activities::list(&log().await, ME, &filter, None, 100)
        .await
        .unwrap();
    assert_eq!(page.next, None);
    column(&page.rows, "activity_id")
}

#[tokio::test]
async fn activities_come_newest_first_with_their_fastest_pace() {
    let (log, all) = (log().await, activities::Filter::default());
    let rows = activities::list(&log, ME, &all, None, 100)
        .await
        .unwrap()
        .rows;
    assert_eq!(rows.schema, activities::list_shape().schema());
    assert_eq!(column(&rows, "activity_id"), [4, 3, 2, 1]);
    let paces = [json!(null), json!(null), json!(240.25), json!(251.5)];
    assert_eq!(column(&rows, "fastest_pace_s_per_km"), paces);
    assert_eq!(column(&rows, "start_time")[3], "2023-12-31T23:30:00Z");
    assert_eq!(column(&rows, "start_time_local")[3], "2023-12-31T23:30:00");

    assert!(
        !rows
            .schema
            .fields()
            .iter()
            .any(|field| field.name() == "summary_polyline")
    );
}

#[tokio::test]
async fn filters_hold_bounds_included() {
    let all = activities::Filter::default;
    let day = |text: &str| Some(text.parse().unwrap());
    let text = |text: &str| Some(text.to_owned());
    let sports = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        ids(activities::Filter {
            sports: sports(&["run"]),
            ..all()
        })
        .await,
        [2, 1]
    );
    let two = sports(&["ride", "run_indoor"]);
    assert_eq!(
        ids(activities::Filter {
            sports: two,
            ..all()
        })
        .await,
        [4, 3]
    );
    assert_eq!(
        ids(activities::Filter {
            from: day("2024-01-01"),
            ..all()
        })
        .await,
        [4, 3, 2]
    );
    assert_eq!(
        ids(activities::Filter {
            to: day("2024-01-01"),
            ..all()
        })
        .await,
        [3, 2, 1]
    );
    assert_eq!(
        ids(activities::Filter {
            text: text("YEAR"),
            ..all()
        })
        .await,
        [2, 1]
    );
    // Neither is a wildcard.
    assert_eq!(
        ids(activities::Filter {
            text: text("0%"),
            ..all()
        })
        .await,
        [2]
    );
    assert_eq!(
        ids(activities::Filter {
            text: text("l_r"),
            ..all()
        })
        .await,
        [4]
    );
    assert_eq!(
        ids(activities::Filter {
            min_distance_m: Some(8e3),
            ..all()
        })
        .await,
        [4, 3, 1]
    );
    assert_eq!(
        ids(activities::Filter {
            max_distance_m: Some(8e3),
            ..all()
        })
        .await,
        [4, 2]
    );
}

#[tokio::test]
async fn pages_of_every_size_hold_each_activity_once() {
    let log = log().await;
    for limit in 1..=5 {
        let mut seen = Vec::new();
        let mut after: Option<Cursor> = None;
        loop {
            let filter = activities::Filter::default();
            let page = activities::list(&log, ME, &filter, after.as_ref(), limit)
                .await
                .unwrap();
            seen.extend(column(&page.rows, "activity_id"));
            let Some(next) = page.next else { break };
            assert_eq!(page.rows.len(), limit);
            after = Some(next.to_string().parse().unwrap());
        }
        assert_eq!(seen, [4, 3, 2, 1], "pages of {limit}");
    }
}

#[tokio::test]
async fn one_activity_is_found_by_its_whole_key_only() {
    let log = log().await;
    let key = |athlete, us| ActivityKey {
        athlete_id: AthleteId(athlete),
        start_time_us: us,
        activity_id: ActivityId(2),
    };
    let start = 1_704_099_600_000_000;
    let rows = activities::one(&log, key(1, start)).await.unwrap();
    assert_eq!(rows.schema, activities::one_shape().schema());
    assert_eq!(column(&rows, "name"), ["New 100% Year"]);
    assert_eq!(column(&rows, "fastest_pace_s_per_km"), [240.25]);
    for other in [key(2, start), key(1, start + 1)] {
        assert!(activities::one(&log, other).await.unwrap().is_empty());
    }
    for (athlete, id, found) in [(1, 2, Some(key(1, start))), (2, 2, None), (1, 99, None)] {
        let here = activities::find(&log, AthleteId(athlete), ActivityId(id)).await;
        assert_eq!(here.unwrap().map(|here| here.key), found);
    }
}

#[tokio::test]
async fn unknown_names_are_told_with_what_there_is() {
    let log = log().await;
    let filter = activities::Filter {
        sports: vec!["jog".to_owned()],
        ..Default::default()
    };
    let error = activities::list(&log, ME, &filter, None, 1)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.to_string().contains("run_indoor"), "{error}");
    for text in ["", "zz", "3a", "313a7", "ff3a", "é"] {
        assert_eq!(
            text.parse::<Cursor>().unwrap_err().code(),
            Code::InvalidArgument,
            "{text}"
        );
    }
}

const KEY: ActivityKey = ActivityKey {
    athlete_id: ME,
    start_time_us: 0,
    activity_id: ActivityId(7),
};

#[tokio::test]
async fn splits_are_of_one_unit_in_order() {
    let split = |unit: &str, split: i32, id: i64| json!({"athlete_id": 1, "activity_id": id, "unit": unit, "split": split});
    let rows = json!([
        split("km", 2, 7),
        split("mile", 1, 7),
        split("km", 1, 7),
        split("km", 3, 8)
    ]);
    let session = session(&[(&SPLITS_TABLE, rows)], &[]).await;
    let km = parts::splits(&session, KEY, "km").await.unwrap();
    assert_eq!(column(&km, "split"), [1, 2]);
    assert_eq!(km.schema, parts::split_shape().schema());
    assert_eq!(parts::splits(&session, KEY, "mile").await.unwrap().len(), 1);
    assert!(parts::splits(&session, KEY, "furlong").await.is_err());
}

#[tokio::test]
async fn climbs_are_in_order() {
    let climb = |climb: i32, id: i64| json!({"athlete_id": 1, "activity_id": id, "climb": climb, "gain_m": 30.0 * f64::from(climb)});
    let rows = json!([climb(2, 7), climb(10, 7), climb(1, 7), climb(1, 8)]);
    let session = session(&[(&CLIMBS_TABLE, rows)], &[]).await;
    let climbs = parts::climbs(&session, KEY).await.unwrap();
    assert_eq!(column(&climbs, "gain_m"), [30.0, 60.0, 300.0]);
    assert_eq!(climbs.schema, parts::climb_shape().schema());
}

#[tokio::test]
async fn the_best_peak_is_the_earliest_of_the_highest() {
    let peak = |id: i64, start: &str, sport: &str, duration_s: f64, value: f64| {
        json!({
            "athlete_id": 1, "start_time": start, "activity_id": id, "sport": sport,
            "measure": "power_w", "duration_s": duration_s, "value": value,
        })
    };
    let rows = json!([
        peak(3, "2024-01-03T00:00:00", "ride", 60.0, 300.0),
        peak(2, "2024-01-02T00:00:00", "ride", 60.0, 300.0),
        peak(1, "2024-01-01T00:00:00", "run", 60.0, 250.0),
        peak(1, "2024-01-01T00:00:00", "run", 5.0, 900.0),
    ]);
    let session = session(&[(&PEAKS_TABLE, rows)], &[]).await;
    let best = |filter: peaks::Filter| {
        let session = session.clone();
        async move { peaks::records(&session, ME, &filter).await }
    };
    let all = best(peaks::Filter::default()).await.unwrap();
    assert_eq!(all.schema, peaks::shape().schema());
    assert_eq!(column(&all, "duration_s"), [5.0, 60.0]);
    assert_eq!(column(&all, "activity_id"), [1, 2]);
    let runs = peaks::Filter {
        sport: Some("run".to_owned()),
        ..Default::default()
    };
    assert_eq!(column(&best(runs).await.unwrap(), "value"), [900.0, 250.0]);
    let minute = peaks::Filter {
        duration_s: Some(60.0),
        ..Default::default()
    };
    assert_eq!(column(&best(minute).await.unwrap(), "activity_id"), [2]);
    let unknown = peaks::Filter {
        measure: Some("joy".to_owned()),
        ..Default::default()
    };
    assert_eq!(
        best(unknown).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn statistics_come_newest_first_with_the_sum_of_all_before_its_parts() {
    let period = |period: &str, start: &str, sport: &str| json!({"athlete_id": 1, "period": period, "period_start": start, "sport": sport});
    let rows = json!([
        period("month", "2024-01-01", "run"),
        period("month", "2024-02-01", "run"),
        period("month", "2024-02-01", "all"),
        period("month", "2024-02-01", "ride"),
        period("year", "2024-01-01", "all"),
    ]);
    let session = session(&[(&STATS_TABLE, rows)], &[]).await;
    let expected = [
        ("2024-02-01", "all"),
        ("2024-02-01", "ride"),
        ("2024-02-01", "run"),
        ("2024-01-01", "run"),
    ];
    for limit in 1..=5 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let filter = stats::Filter::default();
            let page = stats::list(&session, ME, "month", &filter, after.as_ref(), limit);
            let page = page.await.unwrap();
            assert_eq!(page.rows.schema, stats::shape().schema());
            let starts = column(&page.rows, "period_start");
            seen.extend(starts.into_iter().zip(column(&page.rows, "sport")));
            let Some(next) = page.next else { break };
            after = Some(next.to_string().parse().unwrap());
        }
        assert_eq!(
            seen,
            expected.map(|(start, sport)| (json!(start), json!(sport)))
        );
    }
    let runs = stats::Filter {
        sport: Some("run".to_owned()),
        from: Some("2024-01-15".parse().unwrap()),
        to: Some("2024-02-01".parse().unwrap()),
    };
    let page = stats::list(&session, ME, "month", &runs, None, 9)
        .await
        .unwrap();
    assert_eq!(column(&page.rows, "period_start"), ["2024-02-01"]);
    assert!(
        stats::list(&session, ME, "decade", &runs, None, 9)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn ranks_are_read_or_computed_for_another_day() {
    let effort = |id: i64, day: &str, elapsed_s: f64| {
        json!({
            "athlete_id": 1, "activity_id": id, "start_time": format!("{day}T08:00:00"),
            "start_date_local": day, "sport": "run", "distance_m": 5000.0,
            "elapsed_s": elapsed_s,
        })
    };
    let efforts = json!([
        effort(1, "2024-01-01", 1200.0),
        effort(2, "2024-05-01", 1300.0)
    ]);
    let rank = |id: i64, day: &str, elapsed_s: f64, rank: i32| {
        let mut row = effort(id, day, elapsed_s);
        row["rank"] = json!(rank);
        row["time_window"] = json!("all");
        row
    };
    let ranks = json!([
        rank(2, "2024-05-01", 1300.0, 2),
        rank(1, "2024-01-01", 1122.957, 1)
    ]);
    let tables = [
        (&ACTIVITIES, json!([])),
        (&BEST_EFFORTS_TABLE, efforts),
        (&RANKS_TABLE, ranks),
    ];
    let session = session(&tables, &[]).await;
    let best = |filter: ranks::Filter| {
        let session = session.clone();
        async move { ranks::best(&session, ME, &filter).await }
    };
    let all = best(ranks::Filter::default()).await.unwrap();
    assert_eq!(all.schema, ranks::shape().schema());
    assert_eq!(column(&all, "activity_id"), [1, 2]);
    assert_eq!(column(&all, "pace_s_per_km"), [224.5914, 260.0]);
    let first = best(ranks::Filter {
        ranks: 1,
        ..Default::default()
    })
    .await
    .unwrap();
    assert_eq!(column(&first, "rank"), [1]);
    let other = ranks::Filter {
        distance_m: Some(400.0),
        ..Default::default()
    };
    assert!(best(other).await.unwrap().is_empty());
    // By the end of May the effort of January is out of the three months.
    let spring = ranks::Filter {
        window: "3m".to_owned(),
        as_of: Some("2024-05-31".parse().unwrap()),
        ..Default::default()
    };
    let spring = best(spring).await.unwrap();
    assert_eq!(column(&spring, "activity_id"), [2]);
    assert_eq!(column(&spring, "rank"), [1]);
    let before = ranks::Filter {
        as_of: Some("2023-01-01".parse().unwrap()),
        ..Default::default()
    };
    assert!(best(before).await.unwrap().is_empty());
    let unknown = ranks::Filter {
        window: "5y".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        best(unknown).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}
