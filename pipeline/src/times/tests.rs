//! Pauses by format, and the day where it began.

use super::*;
use crate::sample::{START_MS, at, tracked};

fn fit(events_s: &[(i64, bool)], elapsed_s: i64) -> Pauses {
    let at = |(s, is_start): &(i64, bool)| (START_MS + s * 1000, *is_start);
    let clock = Clock::Events(events_s.iter().map(at).collect());
    Pauses::of(&clock, START_MS, &[], elapsed_s * 1000)
}

fn seconds(pauses: &Pauses) -> Vec<(i64, i64)> {
    pauses
        .0
        .iter()
        .map(|(from, to)| (from / 1000, to / 1000))
        .collect()
}

#[test]
fn a_stop_lasts_to_the_next_start() {
    let pauses = fit(&[(0, true), (10, false), (20, true), (50, false)], 50);
    assert_eq!(seconds(&pauses), [(10, 20)]);
    assert!(
        pauses.touch(0, 11_000) && pauses.touch(12_000, 13_000) && pauses.touch(19_000, 30_000)
    );
    assert!(!pauses.touch(0, 10_000) && !pauses.touch(20_000, 50_000));
}

#[test]
fn stops_and_starts_without_their_other_half() {
    // A second stop lies in the first one's pause, a second start means nothing.
    assert_eq!(
        seconds(&fit(
            &[(10, false), (15, false), (20, true), (30, true)],
            50
        )),
        [(10, 20)]
    );
    // A stop without start lasts to the end, a start without stop is ignored.
    assert_eq!(seconds(&fit(&[(5, true), (40, false)], 50)), [(40, 50)]);
    // Events in any order, and outside of the activity.
    assert_eq!(
        seconds(&fit(
            &[(20, true), (10, false), (-30, false), (-20, true)],
            50
        )),
        [(10, 20)]
    );
    assert_eq!(
        seconds(&fit(
            &[(-10, false), (5, true), (45, false), (70, true)],
            50
        )),
        [(0, 5), (45, 50)]
    );
}

#[test]
fn a_segment_break_over_10_s_is_a_pause() {
    let times = [0.0, 10.0, 20.0, 31.0, 40.0, 50.0];
    let samples: Vec<Sample> = times.iter().map(|s| at(*s)).collect();
    let pauses = |begins: Vec<usize>| {
        seconds(&Pauses::of(
            &Clock::Segments(begins),
            START_MS,
            &samples,
            50_000,
        ))
    };
    assert_eq!(pauses(vec![2]), []); // 10 s
    assert_eq!(pauses(vec![0, 3, 4]), [(20, 31)]);
    assert_eq!(pauses(vec![3, 3, 99]), [(20, 31)]);
}

#[test]
fn segments_in_another_order_have_the_same_pauses() {
    let samples: Vec<Sample> = [100.0, 120.0, 0.0, 20.0].iter().map(|s| at(*s)).collect();
    let pauses = Pauses::of(&Clock::Segments(vec![2]), START_MS, &samples, 120_000);
    assert_eq!(seconds(&pauses), [(20, 100)]);
}

#[test]
fn timer_time_by_format() {
    let none = Pauses::default();
    assert_eq!(timer_ms(&Clock::LapTimes(30.25), &none, 50_000), 30_250);
    assert_eq!(timer_ms(&Clock::LapTimes(60.0), &none, 50_000), 50_000);
    assert_eq!(timer_ms(&Clock::LapTimes(f64::NAN), &none, 50_000), 0);
    assert_eq!(timer_ms(&Clock::Unmarked, &none, 50_000), 50_000);
    let pauses = fit(&[(10, false), (20, true)], 50);
    assert_eq!(
        timer_ms(&Clock::Events(Vec::new()), &pauses, 50_000),
        40_000
    );
}

const FRANKFURT: (i32, i32) = (501_109_000, 86_821_000);

/// Zone, offset, and local time as text, of a start given in UTC.
fn local(start: &str, zone: Option<&str>, at: Option<(i32, i32)>, offset: Option<i32>) -> String {
    let start: Timestamp = start.parse().expect("an instant");
    let local = local_start(start.as_microsecond(), zone, at, offset);
    let clock = Timestamp::from_microsecond(local.time_us).expect("in range");
    let midnight_us = i64::from(local.date) * 86_400_000_000;
    assert!(
        (0..86_400_000_000).contains(&(local.time_us - midnight_us)),
        "its own day"
    );
    format!(
        "{:?} {:?} {clock}",
        local.time_zone.as_deref(),
        local.utc_offset_s
    )
}

#[test]
fn the_day_is_that_of_the_place_where_it_began() {
    let auckland = Some((-368_500_000, 1_747_600_000));
    assert_eq!(
        local("2023-12-31T12:00:00Z", None, auckland, None),
        r#"Some("Pacific/Auckland") Some(46800) 2024-01-01T01:00:00Z"#
    );
    let honolulu = Some((213_000_000, -1_578_500_000));
    assert_eq!(
        local("2024-01-01T05:00:00Z", None, honolulu, None),
        r#"Some("Pacific/Honolulu") Some(-36000) 2023-12-31T19:00:00Z"#
    );
}

#[test]
fn an_activity_across_a_dst_change_has_the_offset_of_its_start() {
    // Clocks went from 02:00 to 03:00 at 01:00 UTC on 2024-03-31, and back
    // from 03:00 to 02:00 at 01:00 UTC on 2024-10-27.
    let at = |start: &str| local(start, None, Some(FRANKFURT), None);
    let berlin =
        |offset: &str, clock: &str| format!(r#"Some("Europe/Berlin") Some({offset}) {clock}"#);
    assert_eq!(
        at("2024-03-31T00:59:59Z"),
        berlin("3600", "2024-03-31T01:59:59Z")
    );
    assert_eq!(
        at("2024-03-31T01:00:00Z"),
        berlin("7200", "2024-03-31T03:00:00Z")
    );
    assert_eq!(
        at("2024-10-27T00:30:00Z"),
        berlin("7200", "2024-10-27T02:30:00Z")
    );
    assert_eq!(
        at("2024-10-27T01:30:00Z"),
        berlin("3600", "2024-10-27T02:30:00Z")
    );
    // The last minutes of a summer day lie on the day before in UTC.
    assert_eq!(
        at("2024-07-01T22:30:00Z"),
        berlin("7200", "2024-07-02T00:30:00Z")
    );
}

#[test]
fn on_a_flight_the_zone_of_the_start_counts() {
    // From Frankfurt westwards, over an hour of longitude every 15 minutes.
    let mut flight = tracked(&[]);
    flight.samples = (0..20)
        .map(|i| Sample {
            lat_deg: Some(50.1109),
            lng_deg: Some(8.6821 - 4.0 * f64::from(i)),
            ..at(900.0 * f64::from(i))
        })
        .collect();
    flight.samples[0].lat_deg = None; // the first position, not the first sample
    flight.samples[1].lng_deg = Some(8.6821);
    let clean = crate::clean::clean(flight).expect("it has a time");
    let start = local_start(clean.start_time_us, None, clean.first_position(), None);
    assert_eq!(start.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(start.utc_offset_s, Some(7200));
}

#[test]
fn the_source_zone_comes_first_then_the_place_then_the_source_offset() {
    let noon = "2024-07-01T12:00:00Z";
    assert_eq!(
        local(noon, Some("Asia/Tokyo"), Some(FRANKFURT), Some(0)),
        r#"Some("Asia/Tokyo") Some(32400) 2024-07-01T21:00:00Z"#
    );
    assert_eq!(
        local(noon, Some("Nowhere/Town"), Some(FRANKFURT), Some(0)),
        r#"Some("Europe/Berlin") Some(7200) 2024-07-01T14:00:00Z"#
    );
    assert_eq!(
        local(noon, None, None, Some(-12_600)),
        "None Some(-12600) 2024-07-01T08:30:00Z"
    );
    assert_eq!(
        local(noon, None, None, Some(9_999_999)),
        "None None 2024-07-01T12:00:00Z"
    );
    assert_eq!(
        local(noon, None, None, None),
        "None None 2024-07-01T12:00:00Z"
    );
}

#[test]
fn the_open_sea_has_a_zone_too() {
    assert_eq!(
        local(
            "2024-07-01T12:00:00Z",
            None,
            Some((300_000_000, -400_000_000)),
            None
        ),
        r#"Some("Etc/GMT+3") Some(-10800) 2024-07-01T09:00:00Z"#
    );
}
