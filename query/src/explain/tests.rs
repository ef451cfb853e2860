//! Addresses and statements, as far as they need no lake.

use datafusion::common::ScalarValue;
use storage::{ActivityId, AthleteId};

use super::statement::{Known, Of, columns, statement};
use super::{Address, clock, explained};
use crate::derived::{DERIVED, Scope};

/// The address of a column, with a key that its types allow.
fn address(table: &str, column: &str) -> Address {
    let found = explained().into_iter().find(|known| known.name == table);
    let key: Vec<&str> = found
        .unwrap()
        .key
        .iter()
        .map(|name| match *name {
            "unit" => "km",
            "sport" => "run",
            "time_window" => "all",
            "period" => "year",
            "period_start" => "2024-01-01",
            "measure" => "power_w",
            _ => "1000",
        })
        .collect();
    Address::parse(table, &key, column).unwrap()
}

fn of(address: &Address, ways: usize) -> Of {
    match address.scope() {
        Scope::Activity => Of::Activity(Known {
            activity_id: ActivityId(1_000),
            masks: vec![(3, 7)],
            included_mm: vec![400_000],
            ways: (0..ways).map(|at| (at, 1, Some(at + 1))).collect(),
        }),
        Scope::Athlete => Of::Athlete(AthleteId(1_000), 20_000),
    }
}

#[test]
fn every_column_of_a_derived_table_comes_out_of_its_sql() {
    for derived in DERIVED {
        let given = columns(derived);
        assert!(!given.is_empty());
        for name in &given {
            assert!(
                derived.table.column(name).is_some(),
                "{}: {name}",
                derived.name
            );
        }
        if derived.name != "totals" {
            assert_eq!(given.len(), derived.table.columns.len(), "{}", derived.name);
        }
    }
}

/// As our own door to SQL lets them through, which is the narrower one.
#[test]
fn statements_are_short_enough_and_name_only_what_they_need() {
    for table in explained() {
        for column in table.columns {
            let address = address(table.name, column.name);
            // As many rises and falls as a day in the mountains has, and more.
            let text = statement(&address, &of(&address, 800));
            let size = crate::sql::refuse_size(&text);
            assert!(size.is_ok(), "{}.{}: {size:?}", table.name, column.name);
            if address.derived().is_none() {
                assert!(text.starts_with("SELECT"), "{text}");
            }
        }
    }
    let moving = address("activities", "moving_s");
    let moving = statement(&moving, &of(&moving, 10));
    for unneeded in ["filled", "held", "ways", "fractions", "masks"] {
        assert!(!moving.contains(unneeded), "{unneeded} in\n{moving}");
    }
    assert!(moving.contains("s.activity_id = 1000"), "{moving}");
}

#[test]
fn turning_points_are_those_of_the_definition() {
    let back_cm = |name: &str| {
        let derived = DERIVED.iter().find(|derived| derived.name == name);
        super::statement::hysteresis_cm(derived.unwrap())
    };
    assert_eq!(back_cm("totals"), Some(500));
    assert_eq!(back_cm("splits"), Some(500));
    assert_eq!(back_cm("climbs"), Some(2_000));
    assert_eq!(back_cm("refused_efforts"), None);
}

#[test]
fn keys_are_read_by_value() {
    let key = |words: &[&str]| Address::parse("best_efforts", words, "elapsed_s").map(|a| a.key);
    let expected = vec![
        ScalarValue::Int64(Some(7)),
        ScalarValue::Float64(Some(1_609.344)),
    ];
    assert_eq!(key(&["7", "1609.344"]).unwrap(), expected);
    assert_eq!(key(&["7.0", "1.609344e3"]).unwrap(), expected);
    for bad in [
        &["7"][..],
        &["7", "1000", "1"],
        &["7.5", "1000"],
        &["seven", "1000"],
        &["7", "NaN"],
        &["7", "inf"],
        &["99999999999999999999", "1000"],
        &["1e300", "1000"],
        &["", ""],
    ] {
        assert!(key(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn text_of_a_key_stays_text() {
    let key = ["1", "x' OR '1' = '1", "year", "2024-01-01"];
    let address = Address::parse("stats", &key, "distance_m").unwrap();
    let text = statement(&address, &Of::Athlete(AthleteId(1), 0));
    assert!(text.contains("sport = 'x'' OR ''1'' = ''1'"), "{text}");
}

#[test]
fn clocks_are_told_where_time_counts() {
    for (table, column, expected) in [
        ("activities", "elapsed_s", Some("elapsed")),
        ("activities", "timer_s", Some("timer")),
        ("activities", "moving_s", Some("moving")),
        ("activities", "avg_speed_m_s", Some("moving")),
        ("activities", "avg_heart_rate_bpm", Some("elapsed")),
        ("activities", "max_heart_rate_bpm", None),
        ("activities", "distance_m", None),
        ("activities", "utc_offset_s", None),
        ("splits", "pace_s_per_km", Some("elapsed")),
        ("peaks", "value", Some("elapsed")),
        ("stats", "activities", None),
    ] {
        let column = address(table, column).column;
        let clock = clock::of(column).map(super::Clock::name);
        assert_eq!(clock, expected, "{table}.{}", column.name);
    }
}
