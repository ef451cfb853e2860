//! Summaries are short, true to shape, and safe on any track.

use super::*;

fn e7(degrees: impl Iterator<Item = f64>) -> Vec<Option<i32>> {
    degrees
        .map(|deg| Some((deg * 1e7).round() as i32))
        .collect()
}

fn decoded(polyline: &str) -> Vec<Coord<f64>> {
    polyline::decode_polyline(polyline, 5)
        .expect("it was encoded")
        .0
}

#[test]
fn the_published_example_is_encoded_as_published() {
    // developers.google.com/maps/documentation/utilities/polylinealgorithm
    let lat = e7([38.5, 40.7, 43.252].into_iter());
    let lng = e7([-120.2, -120.95, -126.453].into_iter());
    assert_eq!(
        summary_polyline(&lat, &lng).as_deref(),
        Some("_p~iF~ps|U_ulLnnqC_mqNvxq`@")
    );
}

#[test]
fn a_circle_of_many_points_stays_a_circle() {
    let turn = || (0..5000).map(|i| f64::from(i) / 5000.0 * std::f64::consts::TAU);
    let (lat, lng) = (
        e7(turn().map(|a| 47.0 + 0.01 * a.sin())),
        e7(turn().map(|a| 8.0 + 0.01 * a.cos())),
    );
    let points = decoded(&summary_polyline(&lat, &lng).expect("a track"));
    assert!(
        (20..=MAX_POINTS).contains(&points.len()),
        "{}",
        points.len()
    );
    for point in &points {
        let radius = (point.x - 8.0).hypot(point.y - 47.0);
        assert!((radius - 0.01).abs() < 2e-5, "{radius}");
    }
    // No side leaves the circle by more than 20 m.
    for side in points.windows(2) {
        let (x, y) = ((side[0].x + side[1].x) / 2.0, (side[0].y + side[1].y) / 2.0);
        assert!(0.01 - (x - 8.0).hypot(y - 47.0) < 20.0 / METRES_PER_DEGREE);
    }
}

#[test]
fn a_wild_track_of_a_day_is_still_short_and_keeps_its_ends() {
    let n = 86_400;
    let lat = e7((0..n).map(|i: i64| (i * 7919 % 170_003) as f64 / 1000.0 - 85.0));
    let lng = e7((0..n).map(|i: i64| (i * 104_729 % 350_003) as f64 / 1000.0 - 175.0));
    let polyline = summary_polyline(&lat, &lng).expect("a track");
    let points = decoded(&polyline);
    assert!(points.len() <= MAX_POINTS && points.len() > 100);
    let near = |point: Coord<f64>, i: usize| {
        let (lat, lng) = (lat[i].unwrap_or(0), lng[i].unwrap_or(0));
        (point.y - f64::from(lat) / 1e7).abs() < 1e-5
            && (point.x - f64::from(lng) / 1e7).abs() < 1e-5
    };
    assert!(near(points[0], 0) && near(points[points.len() - 1], lat.len() - 1));
    assert_eq!(summary_polyline(&lat, &lng), Some(polyline));
}

#[test]
fn a_straight_line_over_the_antimeridian_is_two_points() {
    let lng = e7((0..100).map(|i| {
        let east = 179.95 + f64::from(i) * 0.001;
        if east > 180.0 { east - 360.0 } else { east }
    }));
    let lat = e7((0..100).map(|_| 0.0));
    let points = decoded(&summary_polyline(&lat, &lng).expect("a track"));
    assert_eq!(points.len(), 2);
    assert!(points[0].x > 179.9 && points[1].x < -179.9);
}

#[test]
fn no_track_has_no_summary_and_no_bounds() {
    assert_eq!(summary_polyline(&[], &[]), None);
    assert_eq!(
        summary_polyline(&[Some(1), None], &[Some(1), Some(2)]),
        None
    );
    assert_eq!(bounds(&[None], &[Some(3)]), None);
}

#[test]
fn bounds_hold_every_position() {
    let (lat, lng) = (
        e7([47.5, 47.0, 48.0].into_iter()),
        e7([8.5, 9.0, 8.0].into_iter()),
    );
    let expected = Bounds {
        start: (47.5, 8.5),
        lat: (47.0, 48.0),
        lng: (8.0, 9.0),
    };
    assert_eq!(bounds(&lat, &lng), Some(expected));
}
