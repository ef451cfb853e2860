//! Lengths against published values, and exact rounding.

use super::*;

#[test]
fn geodesics_have_their_published_lengths() {
    let earth = Geodesic::wgs84();
    let length = |from, to| length_m(&earth, from, to);
    // A quarter of the meridian of WGS-84.
    assert!((length((0, 0), (900_000_000, 0)) - 10_001_965.729).abs() < 1e-3);
    // A degree of the equator: 6,378,137 m · π / 180.
    assert!((length((0, 0), (0, 10_000_000)) - 111_319.490_793).abs() < 1e-6);
    // Across the antimeridian the short way.
    assert!((length((0, 1_799_000_000), (0, -1_799_000_000)) - 22_263.898).abs() < 1e-3);
    // Flinders Peak to Buninyong, Geoscience Australia's test line (GRS80,
    // which differs from WGS-84 by far less than a millimetre here).
    let peak = (-379_510_334, 1_444_248_679);
    let buninyong = (-376_528_211, 1_439_264_955);
    assert!((length(peak, buninyong) - 54_972.271).abs() < 0.02);
}

#[test]
fn quotients_are_rounded_with_halves_away_from_zero() {
    assert_eq!(divide_rounded(5, 2), 3);
    assert_eq!(divide_rounded(-5, 2), -3);
    assert_eq!(divide_rounded(4, 3), 1);
    assert_eq!(divide_rounded(-4, 3), -1);
    assert_eq!(divide_rounded(0, 7), 0);
}

#[test]
fn a_jump_that_spans_samples_without_position_is_told_once() {
    let run = Sport::named("run").expect("a sport");
    let t_ms: Vec<i64> = (0..9).map(|i| i * 1000).collect();
    let mut positions = vec![None; 9];
    positions[0] = Some((0, 0));
    for (i, position) in positions.iter_mut().enumerate().skip(4) {
        *position = Some((0, 1_000_000 + 300 * i as i32));
    }
    let axis = axis(run, &t_ms, &[None; 9], &mut positions, &Pauses::default());
    let found: Vec<_> = axis.findings.iter().map(|f| (f.kind, f.samples)).collect();
    assert_eq!(found, [(FindingKind::Jump, Some((0, 4)))]);
    // A quarter of some 11,145 m in each of the four steps.
    let quarter = divide_rounded(i128::from(axis.distance_cm[4]), 4);
    assert_eq!(quarter, axis.distance_cm[1]);
}

#[test]
fn an_axis_longer_than_the_earth_is_none() {
    let run = Sport::named("run").expect("a sport");
    let n = 100;
    let t_ms: Vec<i64> = (0..n).map(|i| i * 1000).collect();
    // Five samples here, five on the other side of the earth.
    let mut positions: Vec<_> = (0..n)
        .map(|i| Some((0, if i / 5 % 2 == 0 { 0 } else { 1_790_000_000 })))
        .collect();
    let axis = axis(
        run,
        &t_ms,
        &vec![None; n as usize],
        &mut positions,
        &Pauses::default(),
    );
    assert!(axis.distance_cm.is_empty());
}
