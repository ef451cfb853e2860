//! Selections against plain loops over the same rows.

use serde_json::{Value, json};
use storage::tables::{ACTIVITIES, DERIVATIONS, LAPS, STREAMS};
use storage::{ActivityId, AthleteId, Code, Failure};

use super::*;
use crate::derived::stats::STATS_TABLE;
use crate::memory_tests::session;
use crate::output::{Format, write_rows};
use crate::session::Rows;

const DECLARED: &[&Table] = &[&ACTIVITIES, &DERIVATIONS, &LAPS, &STREAMS, &STATS_TABLE];

/// More activities than one window has, of two athletes, in no order; several
/// begin at once. (id, athlete, day of 2024-01, sport)
fn activities() -> Vec<(i64, i64, i64, &'static str)> {
    let sport = |n: i64| ["run", "ride", "swim"][(n % 3) as usize];
    (0..1_300)
        .map(|n| (n * 7 + 1) % 1_300)
        .map(|n| (n, 1 + n % 2, 1 + n * 31 / 1_300, sport(n)))
        .collect()
}

fn start(n: i64, day: i64) -> String {
    // Four at a time begin together.
    format!("2024-01-{day:02}T{:02}:{:02}:00", n / 60 % 24, n % 60 / 4)
}

/// Number, athlete, day and sport of an activity.
type Made = (i64, i64, i64, &'static str);

async fn lake() -> Session {
    let all = activities();
    let key = |(n, athlete, day, _): &Made| json!({"athlete_id": athlete, "start_time": start(*n, *day), "activity_id": n});
    let rows = |more: &dyn Fn(&Made, &mut Value)| -> Value {
        let row = |activity| {
            let mut row = key(activity);
            more(activity, &mut row);
            row
        };
        all.iter().map(row).collect()
    };
    let of_activities = rows(&|(_, _, day, sport), row| {
        row["start_date_local"] = json!(format!("2024-01-{day:02}"));
        row["sport"] = json!(sport);
    });
    let mut laps = rows(&|_, row| row["lap"] = json!(2));
    let firsts = rows(&|_, row| row["lap"] = json!(1));
    laps.as_array_mut()
        .unwrap()
        .extend(firsts.as_array().unwrap().clone());
    // An activity that only the laps know, before and after all others.
    for (start, id) in [
        ("2023-01-01T00:00:00", 5_000),
        ("2025-01-01T00:00:00", 5_001),
    ] {
        let lap = json!({"athlete_id": 1, "start_time": start, "activity_id": id, "lap": 1});
        laps.as_array_mut().unwrap().push(lap);
    }
    let streams = rows(&|(n, ..), row| row["t_ms"] = json!([0, n]));
    let mut scopes = rows(&|_, row| row["scope"] = json!("activity"));
    for athlete in [2, 1] {
        let scope = json!({"athlete_id": athlete, "scope": "athlete"});
        scopes.as_array_mut().unwrap().push(scope);
    }
    let stats = json!([
        {"athlete_id": 1, "period": "year", "period_start": "2024-01-01", "sport": "all"},
        {"athlete_id": 1, "period": "year", "period_start": "2023-01-01", "sport": "run"},
    ]);
    let tables = [
        (&ACTIVITIES, of_activities),
        (&LAPS, laps),
        (&STREAMS, streams),
        (&DERIVATIONS, scopes),
        (&STATS_TABLE, stats),
    ];
    let views = [(
        "samples",
        "SELECT athlete_id, start_time, activity_id, unnest(range(0, CAST(array_length(t_ms) AS BIGINT))) AS sample FROM streams",
    )];
    session(&tables, &views).await
}

async fn selected(session: &Session, table: &str, filter: &Filter) -> Result<Rows, Error> {
    let stream = select(session, table, DECLARED, filter).await?;
    let schema = stream.schema();
    let batches = stream.try_collect().await.map_err(of_read)?;
    Ok(Rows { schema, batches })
}

async fn column(session: &Session, table: &str, filter: &Filter, name: &str) -> Vec<Value> {
    let rows = selected(session, table, filter).await.unwrap();
    let text = write_rows(&rows, Format::Json, Vec::new()).unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&text).unwrap();
    rows.iter().map(|row| row[name].clone()).collect()
}

/// The ids of those activities, in the order of athlete, start and id.
fn ids(wanted: impl Fn(&Made) -> bool) -> Vec<Value> {
    let mut found: Vec<_> = activities().into_iter().filter(wanted).collect();
    found.sort_by_key(|(n, athlete, day, _)| (*athlete, start(*n, *day), *n));
    found.iter().map(|(n, ..)| json!(n)).collect()
}

#[tokio::test]
async fn all_rows_come_in_order_whatever_the_windows() {
    let session = lake().await;
    let all = Filter::default();
    let expected = ids(|_| true);
    for table in ["activities", "streams"] {
        assert_eq!(
            column(&session, table, &all, "activity_id").await,
            expected,
            "{table}"
        );
    }
    let laps = column(&session, "laps", &all, "activity_id").await;
    assert_eq!((laps.len(), &laps[0]), (2_602, &json!(5_000)));
    let known: Vec<_> = laps
        .into_iter()
        .filter(|id| id.as_i64() < Some(5_000))
        .collect();
    let twice: Vec<_> = expected
        .iter()
        .flat_map(|id| [id.clone(), id.clone()])
        .collect();
    assert_eq!(known, twice);
    let laps = column(&session, "laps", &all, "lap").await;
    assert_eq!(laps[1..5], [1, 2, 1, 2]);
    // Scopes of athletes have no start, and stand first.
    let scopes = column(&session, "derivations", &all, "activity_id").await;
    assert_eq!(scopes.len(), 1_302);
    let nulls: Vec<_> = (0..scopes.len()).filter(|n| scopes[*n].is_null()).collect();
    assert_eq!(nulls, [0, 651]);
    let samples = column(&session, "samples", &all, "sample").await;
    assert_eq!(
        (samples.len(), &samples[..3]),
        (2_600, &[json!(0), json!(1), json!(0)][..])
    );
}

#[tokio::test]
async fn filters_choose_activities_whatever_the_table() {
    let session = lake().await;
    let runs = Filter {
        from: Some("2024-01-10".parse().unwrap()),
        to: Some("2024-01-20".parse().unwrap()),
        sport: Some("run".to_owned()),
        activity: None,
    };
    let expected = ids(|(_, _, day, sport)| (10..=20).contains(day) && *sport == "run");
    assert!(expected.len() > STREAMS_AT_ONCE);
    for table in ["activities", "streams", "derivations"] {
        assert_eq!(
            column(&session, table, &runs, "activity_id").await,
            expected,
            "{table}"
        );
    }
    let none = Filter {
        from: Some("2030-01-01".parse().unwrap()),
        ..Default::default()
    };
    let nothing = selected(&session, "streams", &none).await.unwrap();
    assert_eq!(
        (nothing.len(), nothing.schema.field(0).name().as_str()),
        (0, "athlete_id")
    );
}

#[tokio::test]
async fn one_activity_is_found_by_its_key() {
    let session = lake().await;
    let (n, athlete, day, sport) = activities()[77];
    let at: jiff::civil::DateTime = start(n, day).parse().unwrap();
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    let one = Filter {
        activity: Some(ActivityKey {
            athlete_id: AthleteId(athlete),
            start_time_us: at.as_microsecond(),
            activity_id: ActivityId(n),
        }),
        ..Default::default()
    };
    assert_eq!(column(&session, "streams", &one, "activity_id").await, [n]);
    assert_eq!(column(&session, "samples", &one, "sample").await, [0, 1]);
    let other = Filter {
        sport: Some(if sport == "run" { "ride" } else { "run" }.to_owned()),
        ..one.clone()
    };
    assert!(
        selected(&session, "streams", &other)
            .await
            .unwrap()
            .is_empty()
    );
    let no_activity = selected(&session, "stats", &one).await.unwrap_err();
    assert_eq!(no_activity.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn statistics_are_filtered_by_period() {
    let session = lake().await;
    let all = column(&session, "stats", &Filter::default(), "period_start").await;
    // By sport first.
    assert_eq!(all, ["2024-01-01", "2023-01-01"]);
    let late = Filter {
        from: Some("2023-06-01".parse().unwrap()),
        ..Default::default()
    };
    assert_eq!(column(&session, "stats", &late, "sport").await, ["all"]);
    let unknown = selected(&session, "secrets", &late).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let jog = Filter {
        sport: Some("jog".to_owned()),
        ..Default::default()
    };
    let unknown = selected(&session, "laps", &jog).await.unwrap_err();
    assert_eq!(unknown.code(), Code::InvalidArgument);
}
