//! `climbs` beside a naive twin, on random activities, and what holds for every
//! climb.

use std::cmp::Reverse;

use pacelake_query::activity::Activity;
use pacelake_query::derived::climbs::kernel::climbs;
use pacelake_query::derived::totals::climb::filled;
use pacelake_query::measured::Measured;
use proptest::prelude::*;

/// The first of the highest samples of a stretch, or of the lowest.
fn extreme(cm: &[i64], from: usize, to: usize, is_top: bool) -> usize {
    let height = |sample: usize| if is_top { cm[sample] } else { -cm[sample] };
    (from..=to)
        .max_by_key(|&sample| (height(sample), Reverse(sample)))
        .unwrap()
}

/// The next top, or foot, from which altitude goes back 20 m: the sample that
/// has gone back so far, and the extreme itself.
fn next_turn(cm: &[i64], from: usize, is_top: bool) -> Option<(usize, usize)> {
    (from..cm.len())
        .map(|back| (back, extreme(cm, from, back, is_top)))
        .find(|&(back, turn)| (cm[turn] - cm[back]).abs() >= 2_000)
}

/// Foot and top of each rise, from one turning point to the next; the last ends
/// at its highest sample.
fn naive_rises(cm: &[i64]) -> Vec<(usize, usize)> {
    let first = [false, true].map(|is_top| next_turn(cm, 0, is_top).map(|found| (found, is_top)));
    let Some(((_, mut from), mut is_top)) = first.into_iter().flatten().min() else {
        return Vec::new();
    };
    let mut rises = Vec::new();
    loop {
        let next = next_turn(cm, from, !is_top).map(|(_, turn)| turn);
        let to = next.unwrap_or_else(|| extreme(cm, from, cm.len() - 1, !is_top));
        if !is_top {
            rises.push((from, to));
        }
        if next.is_none() {
            return rises;
        }
        (from, is_top) = (to, !is_top);
    }
}

/// Foot and top of each climb: of all parts of a rise the one that gains most
/// above 3 %; the first to end, and then the last to begin.
fn naive_climbs(a: &Activity) -> Vec<(usize, usize)> {
    let cm = filled(&a.t_ms, &a.altitude_cm);
    if cm.is_empty() || a.distance_cm.is_empty() {
        return Vec::new();
    }
    let gain = |&(foot, top): &(usize, usize)| cm[top] - cm[foot];
    let length = |&(foot, top): &(usize, usize)| a.distance_cm[top] - a.distance_cm[foot];
    let above = |part: &(usize, usize)| gain(part) * 100 - length(part) * 3;
    let steepest = |(from, to): (usize, usize)| {
        let parts = (from..=to).flat_map(|foot| (foot..=to).map(move |top| (foot, top)));
        let best = parts.max_by_key(|part| (above(part), Reverse(part.1), part.0));
        best.filter(|part| above(part) > 0)
    };
    let found = naive_rises(&cm).into_iter().filter_map(steepest);
    let counts = |part: &(usize, usize)| gain(part) >= 3_000 && gain(part) <= length(part);
    found.filter(counts).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..Default::default() })]

    #[test]
    fn climbs_are_those_of_the_naive_twin(sketch in crate::random::sketch(2..120)) {
        let activity = crate::random::read(&[sketch]).remove(0);
        let found = climbs(&Measured::new(&activity));
        let found: Vec<_> = found.iter().map(|climb| (climb.foot.sample, climb.top.sample)).collect();
        prop_assert_eq!(found, naive_climbs(&activity));
    }

    #[test]
    fn climbs_follow_one_another_and_lead_up(sketch in crate::random::sketch(2..150)) {
        let activity = crate::random::read(&[sketch]).remove(0);
        let found = climbs(&Measured::new(&activity));
        for climb in &found {
            prop_assert!(climb.elapsed_ms() > 0);
            prop_assert!((3.0..=100.0).contains(&climb.grade_percent()), "{}", climb.grade_percent());
            prop_assert_eq!(climb.foot.t_ms, activity.t_ms[climb.foot.sample]);
            prop_assert_eq!(climb.top.t_ms, activity.t_ms[climb.top.sample]);
        }
        for pair in found.windows(2) {
            prop_assert!(pair[0].top.sample < pair[1].foot.sample);
            // Between them altitude goes back 20 m.
            let cm = filled(&activity.t_ms, &activity.altitude_cm);
            let between = &cm[pair[0].top.sample..=pair[1].foot.sample];
            let (low, high) = (between.iter().min().unwrap(), between.iter().max().unwrap());
            prop_assert!(high - low >= 2_000);
        }
    }
}
