//! The track of an activity as maps need it: bounds and a short polyline.

use geo::{Coord, LineString, SimplifyVwIdx};

/// A summary has at most this many points.
const MAX_POINTS: usize = 500;
/// Of a longer track every so many-th position is looked at, so that even a
/// day at one sample a second costs little.
const MAX_POSITIONS: usize = 20_000;
/// The least area, in square metres, by which a point must stand out.
const FIRST_AREA_M2: f64 = 25.0;
/// Metres in a degree of latitude, near enough for choosing points.
const METRES_PER_DEGREE: f64 = 111_195.0;

/// Where an activity took place, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// First position: latitude, longitude.
    pub start: (f64, f64),
    /// Southernmost and northernmost latitude.
    pub lat: (f64, f64),
    /// Westernmost and easternmost longitude, as numbers: a track over the
    /// antimeridian spans nearly all.
    pub lng: (f64, f64),
}

/// Bounds of all positions (ten-millionths of a degree, null where there is
/// none); `None` without any.
pub fn bounds(lat_e7: &[Option<i32>], lng_e7: &[Option<i32>]) -> Option<Bounds> {
    let deg = |e7: i32| f64::from(e7) / 1e7;
    let mut positions = positions(lat_e7, lng_e7);
    let first = positions.next()?;
    let (mut lat, mut lng) = ((first.0, first.0), (first.1, first.1));
    for (la, ln) in positions {
        lat = (lat.0.min(la), lat.1.max(la));
        lng = (lng.0.min(ln), lng.1.max(ln));
    }
    Some(Bounds {
        start: (deg(first.0), deg(first.1)),
        lat: (deg(lat.0), deg(lat.1)),
        lng: (deg(lng.0), deg(lng.1)),
    })
}

/// The track as an encoded polyline of precision 5 with at most 500 points,
/// the first and the last among them; `None` without two positions.
///
/// Visvalingam and Whyatt's rule chooses: points go in order of the area of
/// the triangle with their neighbours, which needs n log n steps and no
/// recursion, whatever the track.
pub fn summary_polyline(lat_e7: &[Option<i32>], lng_e7: &[Option<i32>]) -> Option<String> {
    let mut points: Vec<Coord<f64>> = positions(lat_e7, lng_e7)
        .map(|(lat, lng)| Coord {
            x: f64::from(lng) / 1e7,
            y: f64::from(lat) / 1e7,
        })
        .collect();
    let last = *points.last().filter(|_| points.len() > 1)?;
    if points.len() > MAX_POSITIONS {
        let stride = points.len().div_ceil(MAX_POSITIONS);
        points = points.into_iter().step_by(stride).collect();
        points.push(last);
    }
    let mut area_m2 = FIRST_AREA_M2;
    loop {
        let chosen = in_metres(&points).simplify_vw_idx(area_m2);
        points = chosen.into_iter().map(|i| points[i]).collect();
        if points.len() <= MAX_POINTS {
            break;
        }
        area_m2 *= 1.5;
    }
    polyline::encode_coordinates(points, 5).ok()
}

fn positions<'a>(
    lat_e7: &'a [Option<i32>],
    lng_e7: &'a [Option<i32>],
) -> impl Iterator<Item = (i32, i32)> + 'a {
    let pairs = lat_e7.iter().zip(lng_e7);
    pairs.filter_map(|(lat, lng)| Some(((*lat)?, (*lng)?)))
}

/// A flat picture of a track, true to scale at its start; it does not tear
/// where longitude steps from 180 to -180.
fn in_metres(points: &[Coord<f64>]) -> LineString<f64> {
    let narrow = points.first().map_or(1.0, |p| p.y.to_radians().cos());
    let mut turns = 0.0;
    let mut before = points.first().map_or(0.0, |p| p.x);
    let flat = points.iter().map(|point| {
        turns += match point.x - before {
            step if step > 180.0 => -360.0,
            step if step < -180.0 => 360.0,
            _ => 0.0,
        };
        before = point.x;
        Coord {
            x: (point.x + turns) * METRES_PER_DEGREE * narrow,
            y: point.y * METRES_PER_DEGREE,
        }
    });
    flat.collect()
}

#[cfg(test)]
mod tests;
