//! The track of one activity: its positions and their encoded polyline.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::Int32Type;
use storage::ActivityKey;

use super::streams;
use crate::downsample::Resolution;
use crate::error::Error;
use crate::session::Session;

/// Positions in the order of time, where both coordinates were recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    /// Longitude and latitude in degrees, one pair a position.
    pub positions: Vec<[f64; 2]>,
    /// West, south, east and north bound in degrees; `None` without positions.
    pub bounds: Option<[f64; 4]>,
    /// The positions as an encoded polyline of precision 5.
    pub polyline: String,
}

/// The track of one activity; empty where no positions were recorded. Its
/// bounds are the same at every resolution.
///
/// # Errors
/// The session's.
pub async fn track(
    session: &Session,
    key: ActivityKey,
    resolution: Resolution,
) -> Result<Track, Error> {
    let channels = ["lat_e7", "lng_e7"];
    let rows = streams::streams(session, key, &channels, resolution).await?;
    let first = rows.batches.iter().find(|batch| batch.num_rows() > 0);
    let Some(batch) = first else {
        return Ok(Track::default());
    };
    let (lat, lng) = (entries(&batch["lat_e7"]), entries(&batch["lng_e7"]));
    let both = lat
        .into_iter()
        .zip(lng)
        .filter_map(|(lat, lng)| Some((lat?, lng?)));
    Ok(of_positions(&both.collect::<Vec<_>>()))
}

/// The values of the first row's list; none of a channel that is not there.
fn entries(lists: &ArrayRef) -> Vec<Option<i32>> {
    streams::entries(lists).map_or_else(Vec::new, |entries| {
        entries.as_primitive::<Int32Type>().iter().collect()
    })
}

/// The track through positions in ten-millionths of a degree.
fn of_positions(lat_lng_e7: &[(i32, i32)]) -> Track {
    let degrees = |e7: i32| f64::from(e7) / 1e7;
    let bounds = lat_lng_e7
        .iter()
        .fold(None, |bounds: Option<[i32; 4]>, &(lat, lng)| {
            let [west, south, east, north] = bounds.unwrap_or([lng, lat, lng, lat]);
            Some([west.min(lng), south.min(lat), east.max(lng), north.max(lat)])
        });
    Track {
        positions: lat_lng_e7
            .iter()
            .map(|&(lat, lng)| [degrees(lng), degrees(lat)])
            .collect(),
        bounds: bounds.map(|bounds| bounds.map(degrees)),
        polyline: encode(lat_lng_e7),
    }
}

/// Google's encoded polyline: per position the steps in latitude and longitude
/// since the one before, in 1e-5 degrees, as zigzag numbers of five bits a
/// letter, the least first.
fn encode(lat_lng_e7: &[(i32, i32)]) -> String {
    let mut text = String::new();
    let mut before = [0_i32; 2];
    for &(lat, lng) in lat_lng_e7 {
        let here = [lat, lng].map(round_to_e5);
        for (here, before) in here.iter().zip(before) {
            push_step(&mut text, here - before);
        }
        before = here;
    }
    text
}

/// Halves away from zero, as all rounding here.
fn round_to_e5(e7: i32) -> i32 {
    (e7 + 50 * e7.signum()) / 100
}

fn push_step(text: &mut String, step: i32) {
    // A step is at most 360 degrees, 3.6e7: doubling it cannot overflow.
    let mut bits = ((step << 1) ^ (step >> 31)).cast_unsigned();
    loop {
        let more = bits >= 0x20;
        let five = (bits & 0x1f) as u8 | if more { 0x20 } else { 0 };
        text.push(char::from(five + 63));
        bits >>= 5;
        if !more {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps that a polyline holds, read as the format's description says.
    fn steps(polyline: &str) -> Vec<i64> {
        let mut steps = Vec::new();
        let (mut bits, mut place) = (0_i64, 0);
        for letter in polyline.bytes() {
            let five = i64::from(letter) - 63;
            bits |= (five & 31) << place;
            place += 5;
            if five < 32 {
                steps.push(if bits & 1 == 1 {
                    !(bits >> 1)
                } else {
                    bits >> 1
                });
                (bits, place) = (0, 0);
            }
        }
        steps
    }

    #[test]
    fn the_published_example_is_encoded_as_published() {
        // From the description of the format by its inventors.
        let points = [
            (385_000_000, -1_202_000_000),
            (407_000_000, -1_209_500_000),
            (432_520_000, -1_264_530_000),
        ];
        let track = of_positions(&points);
        assert_eq!(track.polyline, "_p~iF~ps|U_ulLnnqC_mqNvxq`@");
        assert_eq!(track.positions[1], [-120.95, 40.7]);
        assert_eq!(track.bounds, Some([-126.453, 38.5, -120.2, 43.252]));
    }

    #[test]
    fn the_ends_of_the_world_can_be_encoded() {
        let corners = [(900_000_000, 1_800_000_000), (-900_000_000, -1_800_000_000)];
        let expected = [9_000_000, 18_000_000, -18_000_000, -36_000_000];
        assert_eq!(steps(&of_positions(&corners).polyline), expected);
        assert_eq!(round_to_e5(1_800_000_000), 18_000_000);
        assert_eq!(
            [round_to_e5(-150), round_to_e5(150), round_to_e5(149)],
            [-2, 2, 1]
        );
        assert_eq!(of_positions(&[]), Track::default());
    }
}
