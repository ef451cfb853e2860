//! Random sketches: even and uneven sampling, stops, gaps, jumps, silent
//! channels, masks, included efforts, pool lengths. Times are multiples of 100 ms, distances of 1 cm.

use std::ops::Range;

use pacelake_query::activity::{Activity, from_rows};
use pacelake_sketch::{Sketch, rows};
use proptest::prelude::*;
use storage::sport::SPORTS;

/// Sketches by way of their rows; what owners say, which is catalog data, is
/// added.
pub fn read(sketches: &[Sketch]) -> Vec<Activity> {
    let rows = rows(sketches);
    let mut activities = from_rows(&rows.activities, &rows.streams, &[rows.laps]).unwrap();
    for (activity, sketch) in activities.iter_mut().zip(sketches) {
        activity.masks.clone_from(&sketch.masks);
        activity.included_mm.clone_from(&sketch.included_mm);
    }
    activities
}

/// One random activity of up to `samples` samples.
pub fn sketch(samples: Range<usize>) -> impl Strategy<Value = Sketch> {
    (0..SPORTS.len(), samples, any::<bool>(), any::<bool>()).prop_flat_map(
        |(sport, samples, axis, masked)| {
            let steps = prop::collection::vec((step_ms(), speed_cm_s()), samples - 1);
            let ends = prop::collection::vec((0..samples, 0..samples), 0..=2);
            let included = prop::sample::subsequence(vec![400_000, 800_000, 1_000_000], 0..=1);
            let lengths = prop_oneof![4 => Just(Vec::new()), 1 => pool_lengths()];
            let channels = (
                channel(60..200, samples),
                channel(0..120, samples),
                channel(0..400, samples),
                channel(-5..30, samples),
                altitude(samples),
            );
            let said = (ends, included);
            (steps, said, lengths, channels).prop_map(move |(steps, said, lengths, channels)| {
                let (ends, included_mm) = said;
                let mut sketch = Sketch::empty(SPORTS[sport].1);
                sketch.included_mm = included_mm;
                (sketch.t_ms, sketch.distance_cm) = axes(&steps);
                sketch.timer_ms = sketch.t_ms[samples - 1];
                (
                    sketch.heart_rate_bpm,
                    sketch.cadence_rpm,
                    sketch.power_w,
                    sketch.temperature_c,
                    sketch.altitude_cm,
                ) = channels;
                // Most have an axis, since most definitions need one.
                if !axis && samples % 4 == 0 {
                    sketch.distance_cm.clear();
                }
                let end = sketch.t_ms[samples - 1];
                let length = |(from, lasts): (i64, i64)| {
                    let from = from * end / 100;
                    (from, from + lasts * end / 100)
                };
                sketch.active_lengths_ms = lengths.into_iter().map(length).collect();
                if masked {
                    let mask = |(a, b): (usize, usize)| (a.min(b), a.max(b));
                    sketch.masks = ends.into_iter().map(mask).collect();
                }
                sketch
            })
        },
    )
}

fn step_ms() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => Just(10),
        4 => Just(80),
        4 => 1..=80_i64,
        1 => 250..=350_i64,
        1 => 350..=900_i64,
    ]
    .prop_map(|tenths| tenths * 100)
}

/// Where a length begins and how long it lasts, in hundredths of the whole:
/// in any order, one over the other, and beyond the end.
fn pool_lengths() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((0..=120_i64, 0..=50_i64), 1..6)
}

/// Often one of a few speeds, so that there are ties.
fn speed_cm_s() -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => Just(0),
        5 => Just(400),
        5 => Just(500),
        6 => 20..=1_250_i64,
        1 => 1_250..=9_000_i64,
    ]
}

fn axes(steps: &[(i64, i64)]) -> (Vec<i64>, Vec<i64>) {
    let (mut t_ms, mut distance_cm) = (vec![0], vec![0]);
    for &(ms, cm_s) in steps {
        t_ms.push(t_ms[t_ms.len() - 1] + ms);
        distance_cm.push(distance_cm[distance_cm.len() - 1] + cm_s * ms / 1_000);
    }
    (t_ms, distance_cm)
}

/// Never recorded, or recorded with silent samples.
fn channel(values: Range<i32>, samples: usize) -> impl Strategy<Value = Vec<Option<i32>>> {
    let value = prop_oneof![4 => values.prop_map(Some), 1 => Just(None)];
    prop_oneof![
        1 => Just(Vec::new()),
        4 => prop::collection::vec(value, samples),
    ]
}

/// Level or steep.
fn altitude(samples: usize) -> impl Strategy<Value = Vec<Option<i32>>> {
    let steepest = prop_oneof![Just(400_i32), Just(2_500)];
    let steps = steepest.prop_flat_map(move |most| {
        let step = (-most..=most, prop::bool::weighted(0.2));
        prop::collection::vec(step, samples)
    });
    let walk = steps.prop_map(|steps: Vec<(i32, bool)>| {
        let mut cm = 1_000;
        let sample = |(step, silent): (i32, bool)| {
            cm += step;
            (!silent).then_some(cm)
        };
        steps.into_iter().map(sample).collect::<Vec<_>>()
    });
    prop_oneof![1 => Just(Vec::new()), 4 => walk]
}
