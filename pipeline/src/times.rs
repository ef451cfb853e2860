//! Clocks: marked pauses and timer time, and the local day of a start.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use tzf_rs::EmbeddedFinder;

use crate::recording::{Clock, Sample};

/// A GPX segment break above this many ms is a pause.
const SEGMENT_BREAK_MS: i64 = 10_000;
/// 1900-01-01 and 2200-01-01 in UTC ms since 1970: an instant outside is no
/// clock's, but a damaged or an unset value.
const CALENDAR_MS: RangeInclusive<i64> = -2_208_988_800_000..=7_258_118_400_000;
/// Durations above this many seconds (over 30,000 years) are nonsense.
const MAX_DURATION_S: f64 = 1e12;
/// Zones lie at most this many seconds from UTC.
const MAX_OFFSET_S: i32 = 18 * 3_600;

/// UTC ms rounded with halves away from zero, if a clock can show it.
pub(crate) fn round_ms(time_ms: f64) -> Option<i64> {
    // The cast saturates, and what is no number becomes 0: both are checked.
    let ms = time_ms.round() as i64;
    (time_ms.is_finite() && is_in_calendar(ms)).then_some(ms)
}

/// Whether an instant in UTC ms lies in the years 1900 to 2199.
pub(crate) fn is_in_calendar(ms: i64) -> bool {
    CALENDAR_MS.contains(&ms)
}

/// A duration in ms, if it is one.
pub(crate) fn to_ms(seconds: f64) -> Option<i64> {
    (0.0..=MAX_DURATION_S)
        .contains(&seconds)
        .then(|| (seconds * 1000.0).round() as i64)
}

/// The pauses that a device marked, in ms since the first sample: sorted,
/// apart from each other, none empty, all within the activity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pauses(Vec<(i64, i64)>);

impl Pauses {
    /// The pauses of an activity that starts at `start_ms` (UTC) and lasts
    /// `elapsed_ms`; `samples` in file order.
    ///
    /// FIT: the union of [stop, next start]; a stop without start lasts to the
    /// end, a start without stop is ignored. GPX: what no segment covers, if
    /// it is over 10 s. TCX marks none.
    pub fn of(clock: &Clock, start_ms: i64, samples: &[Sample], elapsed_ms: i64) -> Self {
        let marked = match clock {
            Clock::Events(events) => between_events(events),
            Clock::Segments(begins) => between_segments(begins, samples),
            Clock::LapTimes(_) | Clock::Unmarked => Vec::new(),
        };
        let clipped = marked.into_iter().filter_map(|(from_ms, to_ms)| {
            let clip = |ms: i64| ms.saturating_sub(start_ms).clamp(0, elapsed_ms);
            let (from, to) = (clip(from_ms), clip(to_ms));
            (from < to).then_some((from, to))
        });
        Self(clipped.collect())
    }

    /// Whether any pause shares positive time with [`from`, `to`].
    pub fn touch(&self, from: i64, to: i64) -> bool {
        let next = self.0.partition_point(|pause| pause.1 <= from);
        self.0.get(next).is_some_and(|pause| pause.0 < to)
    }

    /// Their sum, in ms.
    pub fn total_ms(&self) -> i64 {
        self.0.iter().map(|(from, to)| to - from).sum()
    }
}

/// [stop, next start] in UTC ms, sorted and apart.
fn between_events(events: &[(i64, bool)]) -> Vec<(i64, i64)> {
    let mut events = events.to_vec();
    events.sort_by_key(|(ms, _)| *ms);
    let mut pauses = Vec::new();
    let mut stopped = None;
    for (ms, is_start) in events {
        if is_start {
            pauses.extend(stopped.take().map(|from| (from, ms)));
        } else {
            // A second stop lies within the pause of the first.
            stopped.get_or_insert(ms);
        }
    }
    pauses.extend(stopped.map(|from| (from, i64::MAX)));
    pauses
}

/// What lies between segments, in UTC ms: segments may overlap, repeat or
/// come in any order, so what none of them covers counts.
fn between_segments(begins: &[usize], samples: &[Sample]) -> Vec<(i64, i64)> {
    let mut bounds: Vec<usize> = begins.iter().map(|b| (*b).min(samples.len())).collect();
    bounds.extend([0, samples.len()]);
    bounds.sort_unstable();
    let mut segments: Vec<(i64, i64)> = bounds
        .windows(2)
        .filter_map(|bound| {
            let times = samples[bound[0]..bound[1]].iter();
            let times = times.filter_map(|sample| round_ms(sample.time_ms));
            times.fold(None, |range: Option<(i64, i64)>, ms| match range {
                Some((first, last)) => Some((first.min(ms), last.max(ms))),
                None => Some((ms, ms)),
            })
        })
        .collect();
    segments.sort_unstable();
    let mut pauses = Vec::new();
    let mut covered_to = i64::MAX;
    for (first, last) in segments {
        if covered_to != i64::MAX && first - covered_to > SEGMENT_BREAK_MS {
            pauses.push((covered_to, first));
        }
        covered_to = match covered_to {
            i64::MAX => last,
            before => before.max(last),
        };
    }
    pauses
}

/// Timer time in ms: elapsed less the marked pauses, or the sum of TCX laps,
/// at most elapsed.
pub(crate) fn timer_ms(clock: &Clock, pauses: &Pauses, elapsed_ms: i64) -> i64 {
    match clock {
        Clock::LapTimes(sum_s) => to_ms(*sum_s).unwrap_or(0).min(elapsed_ms),
        Clock::Events(_) | Clock::Segments(_) | Clock::Unmarked => elapsed_ms - pauses.total_ms(),
    }
}

/// When an activity began on the clock where it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalStart {
    /// IANA zone, if it is known.
    pub time_zone: Option<String>,
    /// Local time less UTC, if it is known.
    pub utc_offset_s: Option<i32>,
    /// Local time in microseconds since 1970 on the local clock; UTC where
    /// nothing is known.
    pub time_us: i64,
    /// Days from 1970-01-01 to the local day.
    pub date: i32,
}

/// The zones of the earth, read in place from the binary (4 MB).
static ZONE_MAP: LazyLock<EmbeddedFinder> = LazyLock::new(EmbeddedFinder::new);
/// The rules of the zones, the same on every machine.
static ZONE_RULES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Whether there is a zone of this name.
pub(crate) fn is_known_zone(name: &str) -> bool {
    ZONE_RULES.get(name).is_ok()
}

/// The local start of an activity that begins at `start_time_us` (UTC): in
/// the zone that its source names, else that of its first position (latitude,
/// longitude in 1e-7 degrees), else by its source's offset, else in UTC.
pub fn local_start(
    start_time_us: i64,
    source_zone: Option<&str>,
    first_position: Option<(i32, i32)>,
    source_offset_s: Option<i32>,
) -> LocalStart {
    let in_zone = |name: &str| {
        let zone = ZONE_RULES.get(name).ok()?;
        Some((name.to_owned(), offset_s(&zone, start_time_us)?))
    };
    let named = source_zone.and_then(in_zone).or_else(|| {
        let (lat_e7, lng_e7) = first_position?;
        in_zone(ZONE_MAP.get_tz_name(f64::from(lng_e7) / 1e7, f64::from(lat_e7) / 1e7))
    });
    let source_offset_s = source_offset_s.filter(|s| s.abs() <= MAX_OFFSET_S);
    let (time_zone, utc_offset_s) = match named {
        Some((name, offset_s)) => (Some(name), Some(offset_s)),
        None => (None, source_offset_s),
    };
    let time_us = start_time_us + i64::from(utc_offset_s.unwrap_or(0)) * 1_000_000;
    let date = time_us.div_euclid(86_400_000_000);
    LocalStart {
        time_zone,
        utc_offset_s,
        time_us,
        date: i32::try_from(date).expect("64 bits of microseconds hold fewer than 2^31 days"),
    }
}

fn offset_s(zone: &TimeZone, time_us: i64) -> Option<i32> {
    let instant = Timestamp::from_microsecond(time_us).ok()?;
    Some(zone.to_offset(instant).seconds())
}

#[cfg(test)]
mod tests;
