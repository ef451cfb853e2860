//! The solver against twins that try every millisecond, on small random
//! motions, and against values worked out by hand.

use super::*;
use crate::random::Random;

fn leg(lasts_s: u32, covers_cm: u32) -> Leg {
    Leg {
        lasts_s,
        covers_cm,
        paused: false,
    }
}

/// A few legs of a few seconds, with stops, equal speeds and odd ones.
fn small(random: &mut Random) -> Vec<Leg> {
    let count = random.whole(1, 6);
    let legs = (0..count).map(|_| {
        let lasts_s = random.whole(1, 3);
        match random.below(5) {
            0 => leg(lasts_s, 0),
            1 => leg(lasts_s, lasts_s * 3),
            2 => leg(lasts_s, lasts_s * 4),
            _ => leg(lasts_s, random.whole(1, 20)),
        }
    });
    legs.collect()
}

/// Where a motion is at `half_ms` half milliseconds: mm as a fraction.
fn at(legs: &[Leg], half_ms: i64) -> Ratio {
    let (mut from, mut mm) = (0, 0);
    for leg in legs {
        let to = from + i64::from(leg.lasts_s) * 2_000;
        let covers_mm = i128::from(leg.covers_cm) * 10;
        if half_ms <= to {
            let lasts = i128::from(to - from);
            return Ratio::new(mm * lasts + covers_mm * i128::from(half_ms - from), lasts);
        }
        from = to;
        mm += covers_mm;
    }
    Ratio::new(mm, 1)
}

/// When a motion, leg by leg, first reaches a place or, backwards, last left
/// it, in ms; by the slope of each leg.
fn when(legs: &[Leg], place: Ratio, first: bool) -> Option<Ratio> {
    let (mut from_ms, mut from_mm) = (0_i64, 0_i64);
    let mut found = None;
    for leg in legs {
        let (lasts_ms, covers_mm) = (
            i64::from(leg.lasts_s) * 1_000,
            i64::from(leg.covers_cm) * 10,
        );
        let (begin, end) = (Ratio::whole(from_mm), Ratio::whole(from_mm + covers_mm));
        if begin <= place && place <= end {
            let part = place.less(begin);
            let instant = match covers_mm {
                0 if first => Ratio::whole(from_ms),
                0 => Ratio::whole(from_ms + lasts_ms),
                _ => Ratio::new(
                    i128::from(from_ms) * part.den * i128::from(covers_mm)
                        + part.num * i128::from(lasts_ms),
                    part.den * i128::from(covers_mm),
                ),
            };
            found = match (found, first) {
                (Some(earlier), true) => Some(earlier),
                (_, _) => Some(instant),
            };
        }
        from_ms += lasts_ms;
        from_mm += covers_mm;
    }
    found
}

/// The least time over `mm` among all efforts that begin or end at a whole ms.
fn twin_effort(legs: &[Leg], mm: i64) -> Option<(Ratio, Ratio)> {
    let elapsed_ms: i64 = legs.iter().map(lasts_ms).sum();
    let total = at(legs, elapsed_ms * 2);
    let mut best: Option<(Ratio, Ratio)> = None;
    let mut consider = |start: Ratio, end: Ratio| {
        let new = (end.less(start), start);
        if best.is_none_or(|best| new < best) {
            best = Some(new);
        }
    };
    for ms in 0..=elapsed_ms {
        let here = at(legs, ms * 2);
        let further = here.less(Ratio::whole(-mm));
        if further <= total
            && let Some(end) = when(legs, further, true)
        {
            consider(Ratio::whole(ms), end);
        }
        let before = here.less(Ratio::whole(mm));
        if before >= Ratio::whole(0)
            && let Some(start) = when(legs, before, false)
        {
            consider(start, Ratio::whole(ms));
        }
    }
    best
}

#[test]
fn best_efforts_are_those_of_a_twin_that_tries_every_millisecond() {
    let mut random = Random::of(11, 1);
    let mut found = 0;
    for round in 0..40 {
        let legs = small(&mut random);
        let line = Line::of(Sport::Run, &legs);
        for mm in [10, 70, 155, 333] {
            let effort = line.best_effort(mm);
            let ours = effort.map(|effort| (effort.elapsed(), effort.start));
            assert_eq!(
                ours,
                twin_effort(&legs, mm),
                "round {round}: {mm} mm of {legs:?}"
            );
            found += usize::from(ours.is_some());
        }
    }
    assert!(found > 40, "{found}");
}

/// The ms at which a place is first reached, rounded, found by going there.
fn twin_reached(legs: &[Leg], mm: i64) -> i64 {
    let place = Ratio::whole(mm);
    let ms = (0..)
        .find(|ms| at(legs, ms * 2) >= place)
        .expect("it lies within the whole");
    // Reached before the half: the ms before is nearer.
    let half_before = ms * 2 - 1;
    match half_before > 0 && at(legs, half_before) > place {
        true => ms - 1,
        false => ms,
    }
}

#[test]
fn splits_are_cut_where_a_twin_arrives() {
    let mut random = Random::of(12, 1);
    let mut rows = 0;
    for round in 0..80 {
        let legs = small(&mut random);
        let line = Line::of(Sport::Run, &legs);
        let length_mm = i64::from(random.whole(20, 150));
        let splits = line.splits(("km", length_mm));
        let whole = line.total_mm() / length_mm;
        let rest_mm = line.total_mm() % length_mm;
        let mut bounds_ms = vec![0];
        bounds_ms.extend((1..=whole).map(|number| twin_reached(&legs, number * length_mm)));
        if rest_mm >= 10 {
            bounds_ms.push(line.elapsed_ms());
        }
        let expected: Vec<(f64, f64)> = bounds_ms
            .windows(2)
            .map(|ends| (seconds(ends[0]), seconds(ends[1] - ends[0])))
            .collect();
        let ours: Vec<(f64, f64)> = splits
            .iter()
            .map(|split| (split.start_offset_s, split.elapsed_s))
            .collect();
        assert_eq!(ours, expected, "round {round}: {length_mm} mm of {legs:?}");
        rows += ours.len();
    }
    assert!(rows > 80, "{rows}");
}

#[test]
fn movement_is_what_a_twin_counts_millisecond_by_millisecond() {
    let mut random = Random::of(13, 1);
    for _ in 0..40 {
        let faster = |slow: Leg| leg(slow.lasts_s, slow.covers_cm * 5);
        let legs: Vec<Leg> = small(&mut random).into_iter().map(faster).collect();
        let line = Line::of(Sport::Swim, &legs);
        let (from, to) = (random.whole(0, 900), random.whole(900, 2_500));
        // 20 cm/s is 0.2 mm in a millisecond.
        let moves = |ms: &i64| {
            let step = at(&legs, ms * 2 + 2).less(at(&legs, ms * 2));
            step >= Ratio::new(1, 5)
        };
        let end = line.elapsed_ms().min(to.into());
        let counted = (i64::from(from)..end).filter(moves).count() as i64;
        assert_eq!(
            line.moving_between(from.into(), to.into()),
            counted,
            "{legs:?}"
        );
    }
}

#[test]
fn a_kilometre_across_a_pause_counts_it() {
    let pause = Leg {
        paused: true,
        ..leg(60, 0)
    };
    let legs = [leg(180, 54_000), pause, leg(180, 54_000)];
    let truth = Truth::of(Sport::Run, &legs);
    assert_eq!(
        truth.totals,
        Totals {
            distance_m: Some(1_080.0),
            elapsed_s: 420.0,
            timer_s: 360.0,
            moving_s: 360.0,
        }
    );
    let first = &truth.splits[0];
    // 460 m after the pause, at 3 m/s.
    assert_eq!((first.elapsed_s, first.moving_s), (393.333, 333.333));
    assert_eq!(truth.splits[1].distance_m, 80.0);
    assert_eq!(truth.splits[2].unit, "mile");
    // 400 m at 3 m/s, the first ones, before the pause.
    let effort = &truth.best_efforts[0];
    assert_eq!((effort.elapsed_s, effort.start_offset_s), (133.333, 0.0));
}

#[test]
fn an_effort_begins_after_a_stop_and_ends_before_the_next() {
    let legs = [
        leg(100, 20_000),
        leg(30, 0),
        leg(100, 40_000),
        leg(30, 0),
        leg(100, 20_000),
    ];
    let effort = &Truth::of(Sport::Run, &legs).best_efforts[0];
    assert_eq!(
        (effort.start_offset_s, effort.end_offset_s, effort.elapsed_s),
        (130.0, 230.0, 100.0)
    );
}

#[test]
fn a_rest_under_a_centimetre_is_no_split() {
    // A mile is 1609.344 m; 6 mm are left of 1609.35 m.
    let splits = Truth::of(Sport::Run, &[leg(400, 160_935)]).splits;
    let miles: Vec<_> = splits.iter().filter(|split| split.unit == "mile").collect();
    assert_eq!(miles.len(), 1);
    assert_eq!(miles[0].distance_m, 1_609.344);
    assert_eq!(splits.len(), 3);
}

#[test]
fn lifting_weights_has_a_timer_and_no_distance() {
    let truth = Truth::of(Sport::Gym, &[leg(600, 0)]);
    assert_eq!(truth.totals.distance_m, None);
    assert_eq!(truth.totals.moving_s, 600.0);
    assert!(truth.splits.is_empty() && truth.best_efforts.is_empty());
}
