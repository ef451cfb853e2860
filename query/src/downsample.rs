//! Fewer samples that draw the same picture.
//!
//! M4 (Jugel, Jerzak, Hackenbroich, Markl: "M4: A Visualization-Oriented Time
//! Series Data Aggregation", VLDB 2014), for several channels that share their
//! samples. The samples are cut into buckets of equal count; of each bucket
//! stay its first and its last sample and, for each channel, the first sample
//! with its least and the first with its greatest value. What stays are whole
//! samples as they were recorded, never averages, in their order: every peak
//! and every trough of every channel, both ends, and the bounding box of a
//! track.

use std::fmt;
use std::str::FromStr;

use arrow::array::{Array, Int64Array};

use crate::error::Error;

/// How many samples of an activity to give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolution {
    /// At most 100.
    Low,
    /// At most 1,000.
    Medium,
    /// At most 10,000.
    High,
    /// All of them.
    #[default]
    Full,
}

/// Every resolution by its name.
pub const RESOLUTIONS: &[(&str, Resolution)] = &[
    ("low", Resolution::Low),
    ("medium", Resolution::Medium),
    ("high", Resolution::High),
    ("full", Resolution::Full),
];

impl Resolution {
    /// The most samples that it gives; `None`: any number.
    pub fn points(self) -> Option<usize> {
        match self {
            Self::Low => Some(100),
            Self::Medium => Some(1_000),
            Self::High => Some(10_000),
            Self::Full => None,
        }
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = RESOLUTIONS
            .iter()
            .find(|(_, resolution)| resolution == self)
            .map(|(name, _)| *name)
            .expect("RESOLUTIONS has a line for every resolution");
        f.write_str(name)
    }
}

impl FromStr for Resolution {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        RESOLUTIONS
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, resolution)| *resolution)
            .ok_or_else(|| Error::InvalidArgument {
                name: "resolution",
                value: text.to_owned(),
                reason: "it is low, medium, high or full".to_owned(),
            })
    }
}

/// Which of `samples` samples to keep so that they are at most `points`, as
/// rising indices.
///
/// `channels` are those that rise and fall, each with one value a sample;
/// nulls are passed over. All samples stay where they are few enough. The
/// buckets are `points / (2 + 2·channels)`, at least one, so that there is room
/// for all of their samples; where many fall together, buckets are halved as
/// long as what stays is at most `points`. Halving only adds samples.
///
/// The bound is `max(points, 2 + 2·channels)`.
pub fn kept(samples: usize, channels: &[Int64Array], points: usize) -> Vec<usize> {
    debug_assert!(channels.iter().all(|channel| channel.len() == samples));
    if samples <= points {
        return (0..samples).collect();
    }
    let mut buckets = (points / (2 + 2 * channels.len())).max(1);
    let mut kept = corners(samples, channels, buckets);
    loop {
        // Ends, since as many buckets as samples keep more than `points`.
        buckets *= 2;
        let finer = corners(samples, channels, buckets);
        if finer.len() > points {
            return kept;
        }
        kept = finer;
    }
}

/// What stays of each bucket, together.
///
/// Sample `i` lies in bucket `⌊i·buckets / samples⌋`: the halves of a bucket
/// are buckets of twice their number.
fn corners(samples: usize, channels: &[Int64Array], buckets: usize) -> Vec<usize> {
    let mut kept = Vec::new();
    let mut bucket = Vec::new();
    for nth in 0..buckets {
        let begin = (nth * samples).div_ceil(buckets);
        let end = ((nth + 1) * samples).div_ceil(buckets);
        if begin == end {
            continue;
        }
        bucket.clear();
        bucket.extend([begin, end - 1]);
        for channel in channels {
            bucket.extend(extremes(channel, begin, end).into_iter().flatten());
        }
        bucket.sort_unstable();
        bucket.dedup();
        kept.extend_from_slice(&bucket);
    }
    kept
}

/// The first least and the first greatest value from `begin` to before `end`;
/// `None` where all are null.
fn extremes(channel: &Int64Array, begin: usize, end: usize) -> Option<[usize; 2]> {
    let values = channel.values();
    let mut found: Option<[usize; 2]> = None;
    for at in begin..end {
        if channel.is_null(at) {
            continue;
        }
        let [least, greatest] = found.get_or_insert([at, at]);
        if values[at] < values[*least] {
            *least = at;
        }
        if values[at] > values[*greatest] {
            *greatest = at;
        }
    }
    found
}

#[cfg(test)]
#[path = "downsample_tests.rs"]
mod tests;
