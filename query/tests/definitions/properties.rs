//! What holds for every activity, whatever was recorded.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use pacelake_query::activity::Activity;
use pacelake_query::derive::derive;
use pacelake_query::derived::best_efforts::kernel::Efforts;
use pacelake_query::derived::splits::kernel::{SplitUnit, splits};
use pacelake_query::measured::Measured;
use pacelake_sketch::Sketch;
use proptest::prelude::*;

/// The first samples of a sketch only.
fn cut(sketch: &Sketch, samples: usize) -> Sketch {
    let mut cut = sketch.clone();
    cut.t_ms.truncate(samples);
    cut.distance_cm.truncate(samples);
    for channel in [
        &mut cut.altitude_cm,
        &mut cut.heart_rate_bpm,
        &mut cut.cadence_rpm,
        &mut cut.power_w,
        &mut cut.temperature_c,
    ] {
        channel.truncate(samples);
    }
    let last = samples - 1;
    cut.masks.retain(|&(first, _)| first < samples);
    cut.masks
        .iter_mut()
        .for_each(|mask| mask.1 = mask.1.min(last));
    cut
}

fn times(activity: &Activity) -> Vec<(i64, i64)> {
    let efforts = Efforts::new(&Measured::new(activity));
    efforts
        .best
        .iter()
        .map(|effort| (effort.distance_mm, effort.elapsed_ms))
        .collect()
}

/// Columns that name the activity, its start and its day.
const WHEN: [&str; 3] = ["start_time", "activity_id", "start_date_local"];

fn without(batch: &RecordBatch, names: &[&str]) -> RecordBatch {
    let schema = batch.schema();
    let kept =
        (0..schema.fields().len()).filter(|&i| !names.contains(&schema.field(i).name().as_str()));
    batch.project(&kept.collect::<Vec<_>>()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn splits_add_up(sketch in crate::random::sketch(2..150)) {
        let activity = crate::random::read(&[sketch]).remove(0);
        let measured = Measured::new(&activity);
        let all = splits(&measured);
        for unit in SplitUnit::ALL {
            let of_unit: Vec<_> = all.iter().filter(|split| split.unit == unit).collect();
            let Some(last) = of_unit.last() else { continue };
            let total_mm = measured.distance_cm().unwrap() * 10;
            let distance: i64 = of_unit.iter().map(|split| split.distance_mm).sum();
            prop_assert!((0..10).contains(&(total_mm - distance)));
            let elapsed: i64 = of_unit.iter().map(|split| split.end_ms - split.start_ms).sum();
            prop_assert_eq!(elapsed, last.end_ms);
            let moving: i64 = of_unit.iter().map(|split| split.moving_ms).sum();
            prop_assert_eq!(moving, measured.moving().between(0, last.end_ms));
            if let Some(climb) = measured.climb() {
                let over = |s: &&pacelake_query::derived::splits::kernel::Split| climb.over(s.start_ms, s.end_ms);
                let climbed: i64 = of_unit.iter().map(|split| over(split).0).sum();
                prop_assert_eq!(climbed, climb.until(last.end_ms).0);
            }
        }
    }

    #[test]
    fn more_recording_never_makes_a_best_effort_slower(
        sketch in crate::random::sketch(3..150),
        share in 0.3..1.0_f64,
    ) {
        let samples = ((sketch.t_ms.len() as f64 * share) as usize).max(2);
        let shorter = times(&crate::random::read(&[cut(&sketch, samples)])[0]);
        let longer = times(&crate::random::read(&[sketch])[0]);
        for (distance_mm, elapsed_ms) in shorter {
            let now = longer.iter().find(|(distance, _)| *distance == distance_mm);
            prop_assert!(now.is_some_and(|(_, now)| *now <= elapsed_ms));
        }
    }

    #[test]
    fn another_start_or_time_zone_changes_no_value(
        sketch in crate::random::sketch(2..80),
        shift_us in -1_000_000_000_000_i64..1_000_000_000_000,
        days in -1..=1_i32,
    ) {
        let mut shifted = sketch.clone();
        shifted.start_time_us += shift_us;
        shifted.start_date_local += days;
        let (here, there) = (derive(&crate::random::read(&[sketch])), derive(&crate::random::read(&[shifted])));
        prop_assert_eq!(&here.totals, &there.totals);
        for (table, rows) in &here.tables {
            prop_assert_eq!(without(rows, &WHEN), without(&there.tables[table], &WHEN));
        }
    }

    #[test]
    fn an_activity_gives_the_same_rows_whatever_is_beside_it(
        mut sketches in prop::collection::vec(crate::random::sketch(2..60), 1..5),
    ) {
        for (id, sketch) in (1..).zip(&mut sketches) {
            sketch.activity_id = id;
        }
        let together = derive(&crate::random::read(&sketches));
        let alone: Vec<_> = sketches.iter().map(|s| derive(&crate::random::read(std::slice::from_ref(s)))).collect();
        for (table, rows) in &together.tables {
            let batches: Vec<_> = alone.iter().map(|derived| &derived.tables[table]).collect();
            prop_assert_eq!(rows, &concat_batches(&rows.schema(), batches).unwrap());
        }
    }

    #[test]
    fn lifting_masks_never_makes_a_best_effort_slower(sketch in crate::random::sketch(2..120)) {
        let masked = crate::random::read(&[sketch]).remove(0);
        let mut lifted = masked.clone();
        lifted.masks.clear();
        let free = times(&lifted);
        for (distance_mm, elapsed_ms) in times(&masked) {
            prop_assert!(free.iter().any(|&(d, now)| d == distance_mm && now <= elapsed_ms));
        }
    }
}
