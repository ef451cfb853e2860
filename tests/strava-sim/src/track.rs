//! One outing as a device recorded it, at one sample a second at most: what
//! streams, splits and totals are made of.
//!
//! This is the simulator's own reading of a decoded recording. It shares no
//! code with what pacelake makes of the same bytes.

use std::collections::BTreeMap;

use geo::{Distance, Haversine, Point};
use pipeline::recording::{Clock, Recording, Sample};

use crate::inputs::PrivacyZone;

/// No clock shows a time this far from 1970, in ms.
const LAST_MS: f64 = 1e13;

/// The samples of one outing. All columns that are not empty have as many
/// entries as `time_s`; an empty one was never recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Track {
    /// The first sample, in seconds since 1970.
    pub(crate) start_s: i64,
    /// Seconds since the first sample; rises strictly, from 0.
    pub(crate) time_s: Vec<i64>,
    /// Metres since the first sample, to a tenth; never falls.
    pub(crate) distance_m: Vec<f64>,
    /// Latitude and longitude in degrees, to a millionth.
    pub(crate) position: Vec<Option<(f64, f64)>>,
    /// Metres above the sea, to a tenth.
    pub(crate) altitude_m: Vec<Option<f64>>,
    /// Beats per minute.
    pub(crate) heart_rate_bpm: Vec<Option<i32>>,
    /// Turns of one leg a minute.
    pub(crate) cadence_rpm: Vec<Option<i32>>,
    /// Watts.
    pub(crate) power_w: Vec<Option<i32>>,
    /// Degrees Celsius.
    pub(crate) temperature_c: Vec<Option<i32>>,
    /// Marked pauses: seconds since the first sample.
    pub(crate) pauses: Vec<(i64, i64)>,
    /// Laps: seconds since the first sample, from and to.
    pub(crate) laps: Vec<(i64, i64)>,
}

/// What one second holds.
#[derive(Clone, Copy, Default)]
struct Second {
    position: Option<(f64, f64)>,
    distance_m: Option<f64>,
    altitude_m: Option<f64>,
    heart_rate_bpm: Option<i32>,
    cadence_rpm: Option<i32>,
    power_w: Option<i32>,
    temperature_c: Option<i32>,
}

impl Second {
    /// Takes what a later sample of the same second says.
    fn take(&mut self, sample: &Sample) {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        let position = finite(sample.lat_deg).zip(finite(sample.lng_deg));
        let position = position.filter(|(lat, lng)| {
            (*lat, *lng) != (0.0, 0.0) && lat.abs() <= 90.0 && lng.abs() <= 180.0
        });
        self.position = position.or(self.position);
        self.distance_m = finite(sample.distance_m).or(self.distance_m);
        self.altitude_m = finite(sample.altitude_m).or(self.altitude_m);
        self.heart_rate_bpm = sample.heart_rate_bpm.or(self.heart_rate_bpm);
        self.cadence_rpm = sample.cadence_rpm.or(self.cadence_rpm);
        self.power_w = sample.power_w.or(self.power_w);
        self.temperature_c = sample.temperature_c.or(self.temperature_c);
    }
}

impl Track {
    /// The track of a recording; none where no sample has a time.
    pub(crate) fn of(recording: &Recording) -> Option<Self> {
        let mut seconds: BTreeMap<i64, Second> = BTreeMap::new();
        for sample in &recording.samples {
            if let Some(at) = second_of(sample) {
                seconds.entry(at).or_default().take(sample);
            }
        }
        let (start_s, last_s) = (*seconds.keys().next()?, *seconds.keys().next_back()?);
        let all: Vec<Second> = seconds.values().copied().collect();
        let lasts_s = last_s - start_s;
        let laps = recording.laps.iter().filter(|lap| !lap.is_length);
        let laps = laps.filter_map(|lap| {
            let from = lap.start_ms.div_euclid(1000).saturating_sub(start_s);
            let to = from.saturating_add(lap.elapsed_s?.round() as i64);
            Some((from.clamp(0, lasts_s), to.clamp(0, lasts_s)))
        });
        Some(Self {
            start_s,
            time_s: seconds.keys().map(|at| at - start_s).collect(),
            distance_m: distances(&all),
            position: column(&all, |second| {
                let (lat, lng) = second.position?;
                Some((rounded(lat, 1e6), rounded(lng, 1e6)))
            }),
            altitude_m: column(&all, |second| Some(rounded(second.altitude_m?, 10.0))),
            heart_rate_bpm: column(&all, |second| second.heart_rate_bpm),
            cadence_rpm: column(&all, |second| second.cadence_rpm),
            power_w: column(&all, |second| second.power_w),
            temperature_c: column(&all, |second| second.temperature_c),
            pauses: pauses(recording, start_s, lasts_s),
            laps: laps.collect(),
        })
    }

    /// How many samples there are.
    pub(crate) fn len(&self) -> usize {
        self.time_s.len()
    }

    /// The seconds from the first sample to the last.
    pub(crate) fn elapsed_s(&self) -> i64 {
        self.time_s.last().copied().unwrap_or(0)
    }

    /// Whether the step that ends at sample `at` lies in a marked pause, or
    /// holds one.
    pub(crate) fn is_paused(&self, at: usize) -> bool {
        let (Some(from), Some(to)) = (
            at.checked_sub(1).and_then(|before| self.time_s.get(before)),
            self.time_s.get(at),
        ) else {
            return false;
        };
        self.pauses
            .iter()
            .any(|(begin, end)| begin < to && from < end)
    }

    /// The same without positions that lie in one of these zones.
    pub(crate) fn outside(&self, zones: &[PrivacyZone]) -> Self {
        let is_hidden = |(lat, lng): (f64, f64)| {
            zones.iter().any(|zone| {
                let middle = Point::new(zone.lng_deg, zone.lat_deg);
                Haversine.distance(middle, Point::new(lng, lat)) <= zone.radius_m
            })
        };
        let position = self.position.iter();
        Self {
            position: position.map(|at| at.filter(|at| !is_hidden(*at))).collect(),
            ..self.clone()
        }
    }

    /// What lies within these seconds, counted from its own start; none where
    /// that is less than two samples.
    pub(crate) fn crop(&self, from_s: i64, to_s: i64) -> Option<Self> {
        let first = self.time_s.partition_point(|at| *at < from_s);
        let end = self.time_s.partition_point(|at| *at <= to_s);
        if end < first + 2 {
            return None;
        }
        let kept = first..end;
        let moved = self.time_s[first];
        let lasts_s = self.time_s[end - 1] - moved;
        let within = |stretches: &[(i64, i64)]| {
            let clipped = stretches.iter().map(|(from, to)| {
                let clip = |at: &i64| (at - moved).clamp(0, lasts_s);
                (clip(from), clip(to))
            });
            clipped.filter(|(from, to)| from < to).collect()
        };
        let begun_m = self.distance_m.get(first).copied().unwrap_or(0.0);
        Some(Self {
            start_s: self.start_s + moved,
            time_s: self.time_s[kept.clone()]
                .iter()
                .map(|at| at - moved)
                .collect(),
            distance_m: part(&self.distance_m, &kept)
                .iter()
                .map(|metres| rounded(metres - begun_m, 10.0))
                .collect(),
            position: part(&self.position, &kept).to_vec(),
            altitude_m: part(&self.altitude_m, &kept).to_vec(),
            heart_rate_bpm: part(&self.heart_rate_bpm, &kept).to_vec(),
            cadence_rpm: part(&self.cadence_rpm, &kept).to_vec(),
            power_w: part(&self.power_w, &kept).to_vec(),
            temperature_c: part(&self.temperature_c, &kept).to_vec(),
            pauses: within(&self.pauses),
            laps: within(&self.laps),
        })
    }
}

/// The second of a recording's first sample, since 1970.
pub(crate) fn first_second(recording: &Recording) -> Option<i64> {
    let seconds = recording.samples.iter().filter_map(second_of);
    seconds.min()
}

/// The second that a sample lies in; none where no clock shows its time.
fn second_of(sample: &Sample) -> Option<i64> {
    let ms = sample.time_ms;
    (ms.abs() < LAST_MS).then(|| (ms / 1000.0).floor() as i64)
}

/// The value to the nearest fraction of `parts` in one.
pub(crate) fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

fn part<'a, T>(column: &'a [T], kept: &std::ops::Range<usize>) -> &'a [T] {
    column.get(kept.clone()).unwrap_or(&[])
}

fn column<T>(all: &[Second], value: impl Fn(&Second) -> Option<T>) -> Vec<Option<T>> {
    let values: Vec<_> = all.iter().map(value).collect();
    match values.iter().any(Option::is_some) {
        true => values,
        false => Vec::new(),
    }
}

/// The device's distance if it rises, or else what lies between positions; a
/// sample without keeps the last one's.
fn distances(all: &[Second]) -> Vec<f64> {
    let told: Vec<f64> = all.iter().filter_map(|second| second.distance_m).collect();
    let first = told.first().copied().unwrap_or(0.0);
    let rises = told.iter().any(|metres| *metres > first);
    let mut metres: f64 = 0.0;
    let mut last: Option<(f64, f64)> = None;
    let mut positions = false;
    let sums: Vec<f64> = all
        .iter()
        .map(|second| {
            if rises {
                metres = metres.max(second.distance_m.unwrap_or(first) - first);
            } else if let Some((lat, lng)) = second.position {
                positions = true;
                if let Some((lat_before, lng_before)) = last {
                    metres += Haversine
                        .distance(Point::new(lng_before, lat_before), Point::new(lng, lat));
                }
                last = second.position;
            }
            rounded(metres, 10.0)
        })
        .collect();
    match rises || positions || !told.is_empty() {
        true => sums,
        false => Vec::new(),
    }
}

/// Marked pauses in seconds since the start, each not empty.
fn pauses(recording: &Recording, start_s: i64, lasts_s: i64) -> Vec<(i64, i64)> {
    let mut marked: Vec<(i64, i64)> = Vec::new();
    match &recording.clock {
        Clock::Events(events) => {
            let mut events: Vec<(i64, bool)> = events.clone();
            events.sort_by_key(|(at, _)| *at);
            let mut stopped: Option<i64> = None;
            for (at_ms, starts) in events {
                let at = at_ms.div_euclid(1000).saturating_sub(start_s);
                match (starts, stopped) {
                    (false, None) => stopped = Some(at),
                    (true, Some(from)) => {
                        marked.push((from, at));
                        stopped = None;
                    }
                    (false, Some(_)) | (true, None) => {}
                }
            }
        }
        Clock::Segments(begins) => {
            let times = |at: usize| Some(second_of(recording.samples.get(at)?)? - start_s);
            for begin in begins.iter().filter(|begin| **begin > 0) {
                if let Some((from, to)) = times(begin - 1).zip(times(*begin))
                    && to - from > 10
                {
                    marked.push((from, to));
                }
            }
        }
        Clock::LapTimes(_) | Clock::Unmarked => {}
    }
    let clipped = marked
        .into_iter()
        .map(|(from, to)| (from.clamp(0, lasts_s), to.clamp(0, lasts_s)));
    clipped.filter(|(from, to)| from < to).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A track at one sample a second and these metres in each.
    pub(crate) fn steady(seconds: i64, metres_per_second: f64) -> Track {
        Track {
            time_s: (0..=seconds).collect(),
            distance_m: (0..=seconds)
                .map(|at| rounded(at as f64 * metres_per_second, 10.0))
                .collect(),
            ..Track::default()
        }
    }

    #[test]
    fn without_a_device_s_distance_positions_give_it() {
        let degree = |lat: f64| Second {
            position: Some((lat, 7.0)),
            ..Second::default()
        };
        let metres = distances(&[degree(50.0), Second::default(), degree(50.001)]);
        assert_eq!(metres, [0.0, 0.0, 111.2]);
        assert_eq!(distances(&[Second::default(); 3]), Vec::<f64>::new());
    }

    #[test]
    fn a_crop_begins_at_nought_again() {
        let track = Track {
            start_s: 1_000,
            laps: vec![(0, 50), (50, 100)],
            ..steady(100, 3.0)
        };
        let crop = track.crop(40, 60).unwrap();
        assert_eq!((crop.start_s, crop.elapsed_s()), (1_040, 20));
        assert_eq!(crop.distance_m.last(), Some(&60.0));
        assert_eq!(crop.laps, [(0, 10), (10, 20)]);
        assert_eq!(track.crop(200, 300), None);
    }
}
