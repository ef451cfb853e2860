//! Splits, laps and best efforts as Strava cuts them: on samples.
//!
//! A split ends at the first sample at or past the next whole distance; a best
//! effort begins at a sample and ends at the first that is at least its distance
//! on. Both were read off a recorded marathon, whose samples its splits and
//! efforts name.

use crate::measure;
use crate::track::{Track, rounded};

/// A stretch between two samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// Metres of a split in metric and in imperial units.
pub(crate) const METRIC_M: f64 = 1000.0;
pub(crate) const STANDARD_M: f64 = 1609.344;

/// The distances of best efforts: name and metres.
pub(crate) const EFFORTS: &[(&str, i64)] = &[
    ("400m", 400),
    ("1/2 mile", 805),
    ("1K", 1_000),
    ("1 mile", 1_609),
    ("2 mile", 3_219),
    ("5K", 5_000),
    ("10K", 10_000),
    ("15K", 15_000),
    ("10 mile", 16_090),
    ("20K", 20_000),
    ("Half-Marathon", 21_097),
    ("30K", 30_000),
    ("Marathon", 42_195),
    ("50K", 50_000),
];

impl Stretch {
    /// The whole track; none where it has no second sample.
    pub(crate) fn whole(track: &Track) -> Option<Self> {
        let to = track.len().checked_sub(1).filter(|last| *last > 0)?;
        Some(Self { from: 0, to })
    }

    /// Metres, to a tenth.
    pub(crate) fn distance_m(self, track: &Track) -> f64 {
        let at = |sample: usize| track.distance_m.get(sample).copied().unwrap_or(0.0);
        rounded(at(self.to) - at(self.from), 10.0)
    }

    /// Seconds.
    pub(crate) fn elapsed_s(self, track: &Track) -> i64 {
        track.time_s[self.to] - track.time_s[self.from]
    }

    /// Seconds of movement.
    pub(crate) fn moving_s(self, track: &Track, moving: &[bool]) -> i64 {
        measure::moving_s(track, moving, self.from, self.to)
    }

    /// Metres up, and down if negative, to a tenth.
    pub(crate) fn rise_m(self, track: &Track) -> Option<f64> {
        let at = |sample: usize| track.altitude_m.get(sample).copied().flatten();
        Some(rounded(at(self.to)? - at(self.from)?, 10.0))
    }

    /// A channel's values within, both ends included.
    pub(crate) fn values<T>(self, channel: &[T]) -> &[T] {
        channel.get(self.from..=self.to).unwrap_or(&[])
    }
}

/// The splits of this length, the last as long as the rest is.
pub(crate) fn splits(track: &Track, length_m: f64) -> Vec<Stretch> {
    let (Some(last), Some(total)) = (track.len().checked_sub(1), track.distance_m.last()) else {
        return Vec::new();
    };
    let mut splits = Vec::new();
    let mut from = 0;
    let mut mark = 1.0;
    while from < last && *total > track.distance_m[from] {
        let end = track.distance_m.partition_point(|m| *m < mark * length_m);
        let to = end.min(last);
        mark += 1.0;
        // A step longer than a split ends several at once.
        if to > from {
            splits.push(Stretch { from, to });
            from = to;
        }
    }
    // Whoever stands still behind the finish stands in the last split.
    if let Some(rest) = splits.last_mut() {
        rest.to = last;
    }
    splits
}

/// The laps that the device marked, or the whole as one.
pub(crate) fn laps(track: &Track) -> Vec<Stretch> {
    let at = |second: i64| {
        let sample = track.time_s.partition_point(|time| *time < second);
        sample.min(track.len().saturating_sub(1))
    };
    let marked = track.laps.iter().map(|(from, to)| Stretch {
        from: at(*from),
        to: at(*to),
    });
    let marked: Vec<_> = marked.filter(|lap| lap.from < lap.to).collect();
    match marked.is_empty() {
        true => Stretch::whole(track).into_iter().collect(),
        false => marked,
    }
}

/// The fastest stretch of at least this many metres, the earliest of equal
/// ones.
pub(crate) fn best_effort(track: &Track, metres: f64) -> Option<Stretch> {
    let distance = &track.distance_m;
    let mut best: Option<Stretch> = None;
    let mut to = 0;
    for from in 0..distance.len() {
        // Tenths are compared: sums of doubles miss by a hair.
        while to < distance.len() && rounded(distance[to] - distance[from], 10.0) < metres {
            to += 1;
        }
        if to == distance.len() {
            break;
        }
        let effort = Stretch { from, to };
        if best.is_none_or(|best| effort.elapsed_s(track) < best.elapsed_s(track)) {
            best = Some(effort);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::tests::steady;

    #[test]
    fn a_split_ends_at_the_first_sample_past_the_mark_and_the_next_begins_there() {
        let track = steady(800, 3.3);
        let splits = splits(&track, METRIC_M);
        let ends: Vec<_> = splits
            .iter()
            .map(|split| (split.distance_m(&track), split.elapsed_s(&track)))
            .collect();
        assert_eq!(ends, [(1_003.2, 304), (999.9, 303), (636.9, 193)]);
    }

    /// The marathon of `captured/`: its samples' distances, and Strava's splits.
    #[test]
    fn strava_s_own_splits_of_a_marathon_come_out() {
        let distance = include_str!("../captured/distance_of_run.json");
        let distance_m: Vec<f64> = serde_json::from_str(distance).unwrap();
        let track = Track {
            time_s: (0..distance_m.len() as i64).collect(),
            distance_m,
            ..Track::default()
        };
        let told = include_str!("../captured/activity_run.json");
        let told: serde_json::Value = serde_json::from_str(told).unwrap();
        for (key, length_m, count) in [
            ("splits_metric", METRIC_M, 43),
            ("splits_standard", STANDARD_M, 27),
        ] {
            let theirs = told[key].as_array().unwrap().iter();
            let theirs: Vec<_> = theirs
                .map(|split| split["distance"].as_f64().unwrap())
                .collect();
            let ours = splits(&track, length_m);
            let ours: Vec<_> = ours.iter().map(|split| split.distance_m(&track)).collect();
            assert_eq!(ours.len(), count);
            assert_eq!(ours, theirs);
        }
        for (name, metres) in EFFORTS.iter().filter(|(_, metres)| *metres <= 42_195) {
            let efforts = told["best_efforts"].as_array().unwrap();
            let effort = efforts.iter().find(|one| one["name"] == **name).unwrap();
            assert_eq!(effort["distance"], *metres);
            let at = |key: &str| effort[key].as_u64().unwrap() as usize;
            let (from, to) = (at("start_index"), at("end_index"));
            let stretch = |to| Stretch { from, to }.distance_m(&track);
            // It ends at the first sample that is far enough.
            assert!(stretch(to - 1) < *metres as f64 && stretch(to) >= *metres as f64);
        }
    }

    #[test]
    fn a_stop_at_the_end_belongs_to_the_last_split_and_a_leap_ends_one() {
        let mut track = steady(400, 3.0);
        for at in 340..=400 {
            track.distance_m[at] = 5_000.0;
        }
        let splits = splits(&track, METRIC_M);
        let lengths: Vec<_> = splits
            .iter()
            .map(|split| (split.distance_m(&track), split.elapsed_s(&track)))
            .collect();
        assert_eq!(lengths, [(1_002.0, 334), (3_998.0, 66)]);
    }

    #[test]
    fn the_best_effort_is_the_fast_stretch() {
        let mut track = steady(1_000, 2.0);
        // 200 s at 5 m/s, from 300 s on.
        for at in 301..=1_000 {
            let fast = (at - 300).min(200) as f64;
            track.distance_m[at] = at as f64 * 2.0 + fast * 3.0;
        }
        let effort = best_effort(&track, 1_000.0).unwrap();
        assert_eq!(effort, Stretch { from: 300, to: 500 });
        assert_eq!(best_effort(&track, 5_000.0), None);
    }

    #[test]
    fn without_laps_the_whole_is_one() {
        let mut track = steady(100, 3.0);
        assert_eq!(laps(&track), [Stretch { from: 0, to: 100 }]);
        track.laps = vec![(0, 40), (40, 100)];
        assert_eq!(laps(&track)[1], Stretch { from: 40, to: 100 });
    }
}
