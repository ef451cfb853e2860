//! `stats` and `best_effort_ranks` as a whole: beside naive twins, in any
//! order of rows, for some athletes only.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Date32Type, Float64Type, Int32Type, Int64Type};
use datafusion::catalog::MemTable;
use datafusion::prelude::SessionContext;
use jiff::civil::{Date, date};
use jiff::{Span, ToSpan};
use pacelake_query::athlete_growth::{Births, grown};
use pacelake_query::athlete_tables::{AthleteTables, athlete_tables, ranks};
use pacelake_query::derived::best_effort_ranks::RANKS_TABLE;
use pacelake_query::difference::difference;
use proptest::prelude::*;
use storage::AthleteId;

use crate::outings::{
    Outing, SPORT_NAMES, activities, best_efforts, date_of, days, outings, seconds,
};

const AS_OF: Date = date(2026, 2, 28);

/// A session whose tables have rows in the order of `outings`, cut in two.
fn session(outings: &[Outing]) -> SessionContext {
    let ctx = SessionContext::new();
    let (one, other) = outings.split_at(outings.len() / 2);
    type Make = fn(&[Outing]) -> RecordBatch;
    for (name, make) in [
        ("activities", activities as Make),
        ("best_efforts", best_efforts),
    ] {
        let parts = vec![vec![make(one)], vec![make(other)]];
        let table = MemTable::try_new(make(&[]).schema(), parts).unwrap();
        ctx.register_table(name, Arc::new(table)).unwrap();
    }
    ctx
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// The tables of some athletes on one day.
fn computed(outings: &[Outing], athletes: &[i64], as_of: Date) -> AthleteTables {
    let athletes: Vec<_> = athletes
        .iter()
        .map(|id| (AthleteId(*id), days(as_of)))
        .collect();
    block_on(athlete_tables(&session(outings), &athletes)).unwrap()
}

fn joined(tables: &AthleteTables, name: &str) -> RecordBatch {
    let batches = &tables.tables[name];
    concat_batches(&batches[0].schema(), batches).unwrap()
}

/// Ranks by sorting and counting, with the calendar of another library.
fn naive_ranks(outings: &[Outing]) -> Vec<String> {
    let windows: [(&str, Option<Span>); 4] = [
        ("1y", Some(1.year())),
        ("2y", Some(2.years())),
        ("3m", Some(3.months())),
        ("all", None),
    ];
    let mut lines = Vec::new();
    for athlete_id in 1..=3 {
        for sport in ["ride", "run"] {
            for (name, span) in windows {
                let inside = |as_of: Date, o: &Outing| {
                    let day = date_of(o.day);
                    day <= as_of && span.is_none_or(|span| day > as_of - span)
                };
                let mut list: Vec<_> = outings
                    .iter()
                    .filter(|o| o.athlete_id == athlete_id && SPORT_NAMES[o.sport] == sport)
                    .filter(|o| inside(AS_OF, o))
                    .collect();
                list.sort_by_key(|o| (o.elapsed_ms, o.day, o.activity_id));
                for (rank, o) in (1..).zip(list) {
                    let leaves = span.map(|_| {
                        let mut day = AS_OF;
                        while inside(day, o) {
                            day = day.tomorrow().unwrap();
                        }
                        days(day)
                    });
                    let id = o.activity_id;
                    lines.push(format!(
                        "{athlete_id} {sport} {name} {rank}: {id} {leaves:?}"
                    ));
                }
            }
        }
    }
    lines
}

fn rank_lines(ranks: &RecordBatch) -> Vec<String> {
    let longs = |name: &str| {
        ranks
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Int64Type>()
    };
    let words = |name: &str| ranks.column_by_name(name).unwrap().as_string::<i32>();
    let rank = ranks
        .column_by_name("rank")
        .unwrap()
        .as_primitive::<Int32Type>();
    let until = ranks
        .column_by_name("valid_until")
        .unwrap()
        .as_primitive::<Date32Type>();
    let line = |row: usize| {
        format!(
            "{} {} {} {}: {} {:?}",
            longs("athlete_id").value(row),
            words("sport").value(row),
            words("time_window").value(row),
            rank.value(row),
            longs("activity_id").value(row),
            until.iter().nth(row).unwrap(),
        )
    };
    (0..ranks.num_rows()).map(line).collect()
}

/// Values by athlete, sport, period and its first day.
type Stats = BTreeMap<(i64, String, &'static str, i32), [String; 5]>;

/// Sums in integers, by athlete, sport, period and its first day.
fn naive_stats(outings: &[Outing]) -> Stats {
    let mut sums: BTreeMap<_, (i64, i64, i64, i64, Option<i64>)> = BTreeMap::new();
    for o in outings {
        let day = date_of(o.day);
        let monday = day - i64::from(day.weekday().to_monday_zero_offset()).days();
        let periods = [
            ("year", day.first_of_year()),
            ("month", day.first_of_month()),
            ("week", monday),
            ("day", day),
        ];
        for (period, first) in periods {
            for sport in [SPORT_NAMES[o.sport], "all"] {
                let key = (o.athlete_id, sport.to_owned(), period, days(first));
                let sum = sums.entry(key).or_default();
                sum.0 += 1;
                sum.1 += o.distance_cm;
                sum.2 += o.elapsed_ms;
                sum.3 += o.moving_ms;
                sum.4 = sum
                    .4
                    .map_or(o.climb_cm, |c| Some(c + o.climb_cm.unwrap_or(0)));
            }
        }
    }
    let shown = |(count, cm, elapsed, moving, climb): (i64, i64, i64, i64, Option<i64>)| {
        let speed = (moving > 0).then(|| (cm * 10) as f64 / moving as f64);
        [
            format!("{count} {:?}", cm as f64 / 100.0),
            format!("{:?}", seconds(elapsed)),
            format!("{:?}", seconds(moving)),
            format!("{:?}", climb.map(|cm| cm as f64 / 100.0)),
            format!("{speed:?}"),
        ]
    };
    sums.into_iter()
        .map(|(key, sum)| (key, shown(sum)))
        .collect()
}

fn stat_lines(stats: &RecordBatch) -> Stats {
    let longs = |name: &str| {
        stats
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Int64Type>()
    };
    let words = |name: &str| stats.column_by_name(name).unwrap().as_string::<i32>();
    let doubles = |name: &str| {
        stats
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Float64Type>()
    };
    let start = stats
        .column_by_name("period_start")
        .unwrap()
        .as_primitive::<Date32Type>();
    let known = ["year", "month", "week", "day"];
    let row = |row: usize| {
        let period = words("period").value(row);
        let period = known.into_iter().find(|name| *name == period).unwrap();
        let sport = words("sport").value(row).to_owned();
        let key = (
            longs("athlete_id").value(row),
            sport,
            period,
            start.value(row),
        );
        let value = |name: &str| doubles(name).iter().nth(row).unwrap();
        let count = longs("activities").value(row);
        let values = [
            format!("{count} {:?}", value("distance_m").unwrap()),
            format!("{:?}", value("elapsed_s").unwrap()),
            format!("{:?}", value("moving_s").unwrap()),
            format!("{:?}", value("climb_m")),
            format!("{:?}", value("avg_speed_m_s")),
        ];
        (key, values)
    };
    (0..stats.num_rows()).map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn ranks_and_stats_are_those_of_naive_twins_in_any_order_of_rows(
        (ordered, shuffled) in outings().prop_flat_map(|o| (Just(o.clone()), Just(o).prop_shuffle())),
    ) {
        let tables = computed(&ordered, &[1, 2, 3], AS_OF);
        prop_assert_eq!(stat_lines(&joined(&tables, "stats")), naive_stats(&ordered));
        if let [_, ..] = tables.tables["best_effort_ranks"][..] {
            prop_assert_eq!(
                rank_lines(&joined(&tables, "best_effort_ranks")), naive_ranks(&ordered));
        }
        let again = computed(&shuffled, &[3, 1, 2], AS_OF);
        prop_assert_eq!(&tables.valid_until, &again.valid_until);
        for name in ["stats", "best_effort_ranks"] {
            let (one, other) = (&tables.tables[name], &again.tables[name]);
            prop_assert_eq!(one.is_empty(), other.is_empty());
            if !one.is_empty() {
                prop_assert_eq!(joined(&tables, name), joined(&again, name));
            }
        }
    }
}

/// Panics unless what the later outings of each athlete change, and what was
/// there before, are what all of them together give.
fn assert_grows(before: &[Outing], later: &[Outing]) {
    let all = [before, later].concat();
    for athlete in 1..=3 {
        let theirs = |outings: &[Outing]| -> Vec<Outing> {
            let theirs = outings.iter().filter(|o| o.athlete_id == athlete);
            theirs.cloned().collect()
        };
        let born = theirs(later);
        if born.is_empty() {
            continue;
        }
        let old = computed(before, &[athlete], AS_OF);
        let births = Births {
            activities: vec![activities(&born)],
            best_efforts: vec![best_efforts(&born)],
            ranks: old.tables["best_effort_ranks"].clone(),
        };
        let as_of = (AthleteId(athlete), days(AS_OF));
        let grown = block_on(grown(&session(&all), as_of, &births)).unwrap();
        let whole = computed(&all, &[athlete], AS_OF);
        assert_eq!(grown.tables.valid_until, whole.valid_until);
        let ranks = |tables: &AthleteTables| -> Vec<String> {
            let batches = tables.tables["best_effort_ranks"].iter();
            batches.flat_map(rank_lines).collect()
        };
        assert_eq!(ranks(&grown.tables), ranks(&whole));
        let stats = |tables: &AthleteTables| -> Stats {
            tables.tables["stats"].iter().flat_map(stat_lines).collect()
        };
        let mut found = stats(&old);
        let touched = stats(&grown.tables);
        assert_eq!(touched.len(), grown.periods.num_rows());
        found.extend(touched);
        assert_eq!(found, stats(&whole));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn births_change_what_all_rows_together_would(
        (outings, cut) in outings().prop_flat_map(|o| { let n = o.len(); (Just(o).prop_shuffle(), 0..n) }),
    ) {
        let (before, later) = outings.split_at(cut);
        assert_grows(before, later);
    }
}

#[test]
fn births_push_others_out_of_full_lists() {
    let outings: Vec<Outing> = (1..=260)
        .map(|n| {
            let day = date(2026, 2, 28) - (n * 37 % 800).days();
            outing(1, n, day, 60_000 + n * 7919 % 997)
        })
        .collect();
    assert_grows(&outings[..200], &outings[200..]);
}

fn outing(athlete_id: i64, activity_id: i64, day: Date, elapsed_ms: i64) -> Outing {
    Outing {
        athlete_id,
        activity_id,
        day: days(day),
        sport: 0,
        distance_cm: 100_000,
        elapsed_ms,
        moving_ms: elapsed_ms,
        climb_cm: None,
    }
}

#[test]
fn only_the_athletes_asked_for_are_computed() {
    let outings = [
        outing(1, 1, date(2026, 1, 1), 60_000),
        outing(2, 2, date(2026, 1, 1), 60_000),
    ];
    let tables = computed(&outings, &[2], AS_OF);
    for name in ["stats", "best_effort_ranks"] {
        let rows = joined(&tables, name);
        let ids = rows
            .column_by_name("athlete_id")
            .unwrap()
            .as_primitive::<Int64Type>();
        assert!(
            !ids.is_empty() && ids.values().iter().all(|id| *id == 2),
            "{name}"
        );
    }
}

#[test]
fn rows_change_by_themselves_when_an_effort_leaves_or_enters() {
    let leaves = [outing(1, 1, date(2025, 12, 10), 60_000)];
    let tables = computed(&leaves, &[1], AS_OF);
    assert_eq!(tables.valid_until[&AthleteId(1)], days(date(2026, 3, 10)));
    let enters = [
        outing(1, 1, date(2025, 12, 10), 60_000),
        outing(1, 2, date(2026, 3, 1), 60_000),
    ];
    let tables = computed(&enters, &[1], AS_OF);
    assert_eq!(tables.valid_until[&AthleteId(1)], days(date(2026, 3, 1)));
    let old = [outing(1, 1, date(2020, 1, 1), 60_000)];
    assert!(computed(&old, &[1], AS_OF).valid_until.is_empty());
}

#[test]
fn ranks_of_another_day_are_those_of_that_day() {
    let outings = [
        outing(1, 1, date(2024, 6, 1), 60_000),
        outing(1, 2, date(2026, 1, 2), 50_000),
    ];
    let ctx = session(&outings);
    let day = [(AthleteId(1), days(date(2025, 1, 1)))];
    let then = block_on(ranks(&ctx, &day)).unwrap();
    let lines: Vec<_> = then.iter().flat_map(rank_lines).collect();
    // 60 s was the record until 2026; three months before it was older.
    let leaves = |date| format!("{:?}", Some(days(date)));
    assert_eq!(
        lines,
        [
            format!("1 run 1y 1: 1 {}", leaves(date(2025, 6, 1))),
            format!("1 run 2y 1: 1 {}", leaves(date(2026, 6, 1))),
            "1 run all 1: 1 None".to_owned(),
        ]
    );
}

#[test]
fn only_rows_that_differ_are_written() {
    let before = [
        outing(1, 1, date(2026, 1, 1), 60_000),
        outing(1, 2, date(2026, 1, 2), 70_000),
    ];
    let after = [
        before[0].clone(),
        before[1].clone(),
        outing(1, 3, date(2026, 1, 3), 80_000),
    ];
    let (old, new) = (
        computed(&before, &[1], AS_OF),
        computed(&after, &[1], AS_OF),
    );
    let (old, new) = (
        &old.tables["best_effort_ranks"],
        &new.tables["best_effort_ranks"],
    );
    let same = difference(&RANKS_TABLE, old, old).unwrap();
    assert!(same.is_empty());
    // A third place in each of the four windows; no other row changes.
    let grown = difference(&RANKS_TABLE, old, new).unwrap();
    assert_eq!((grown.delete.num_rows(), grown.append.num_rows()), (0, 4));
    let shrunk = difference(&RANKS_TABLE, new, old).unwrap();
    assert_eq!((shrunk.delete.num_rows(), shrunk.append.num_rows()), (4, 0));
    let names: Vec<_> = shrunk
        .delete
        .schema()
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect();
    assert_eq!(names, RANKS_TABLE.key);
    // A slower first place trades places with the second.
    let mut slower = before.clone();
    slower[0].elapsed_ms = 75_000;
    let slower = computed(&slower, &[1], AS_OF);
    let traded = difference(&RANKS_TABLE, old, &slower.tables["best_effort_ranks"]).unwrap();
    assert_eq!((traded.delete.num_rows(), traded.append.num_rows()), (8, 8));
    // Order does not matter.
    let whole = concat_batches(&RANKS_TABLE.schema(), old).unwrap();
    let rows: UInt64Array = (0..whole.num_rows() as u64)
        .rev()
        .collect::<Vec<_>>()
        .into();
    let reversed = take_record_batch(&whole, &rows).unwrap();
    assert!(
        difference(&RANKS_TABLE, old, &[reversed])
            .unwrap()
            .is_empty()
    );
    let doubled = [whole.clone(), whole];
    let error = difference(&RANKS_TABLE, &doubled, old).unwrap_err();
    assert!(
        error.to_string().contains("two rows share a key"),
        "{error}"
    );
}
