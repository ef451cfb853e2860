//! Downsampling against its definition, sample by sample, on random streams.

use proptest::prelude::*;

use super::*;

/// The definition, read literally: is this sample one that its bucket keeps?
fn stays(i: usize, samples: usize, channels: &[Vec<Option<i64>>], buckets: usize) -> bool {
    let bucket = |i: usize| i * buckets / samples;
    let mates: Vec<usize> = (0..samples).filter(|j| bucket(*j) == bucket(i)).collect();
    let is_end = mates.first() == Some(&i) || mates.last() == Some(&i);
    is_end
        || channels.iter().any(|channel| {
            let Some(mine) = channel[i] else { return false };
            let others = mates.iter().filter(|j| **j != i);
            let others: Vec<_> = others.filter_map(|j| Some((*j, channel[*j]?))).collect();
            let least = others
                .iter()
                .all(|(j, value)| mine < *value || (mine == *value && i < *j));
            let greatest = others
                .iter()
                .all(|(j, value)| mine > *value || (mine == *value && i < *j));
            least || greatest
        })
}

/// [`kept`] by trying every number of halvings.
fn naive(samples: usize, channels: &[Vec<Option<i64>>], points: usize) -> Vec<usize> {
    if samples <= points {
        return (0..samples).collect();
    }
    let room = (points / (2 + 2 * channels.len())).max(1);
    let of = |halvings: u32| -> Vec<usize> {
        let buckets = room << halvings;
        (0..samples)
            .filter(|i| stays(*i, samples, channels, buckets))
            .collect()
    };
    let fits = (1..10).map(of).filter(|kept| kept.len() <= points);
    fits.max_by_key(Vec::len).unwrap_or_else(|| of(0))
}

/// Streams that turn, stand still and fall silent.
fn channels(samples: usize) -> impl Strategy<Value = Vec<Vec<Option<i64>>>> {
    let value = prop_oneof![
        4 => (-5..5_i64).prop_map(Some),
        2 => any::<i64>().prop_map(Some),
        1 => Just(None),
    ];
    prop::collection::vec(prop::collection::vec(value, samples), 0..4)
}

fn streams() -> impl Strategy<Value = (Vec<Vec<Option<i64>>>, usize, usize)> {
    (0..120_usize).prop_flat_map(|samples| (channels(samples), Just(samples), 0..140_usize))
}

fn arrays(channels: &[Vec<Option<i64>>]) -> Vec<Int64Array> {
    let array = |channel: &Vec<Option<i64>>| Int64Array::from(channel.clone());
    channels.iter().map(array).collect()
}

proptest! {
    #[test]
    fn it_keeps_what_the_definition_says((channels, samples, points) in streams()) {
        let kept = kept(samples, &arrays(&channels), points);
        prop_assert_eq!(kept, naive(samples, &channels, points));
    }

    #[test]
    fn peaks_and_ends_stay_in_order_and_in_number((channels, samples, points) in streams()) {
        let kept = kept(samples, &arrays(&channels), points);
        prop_assert!(kept.len() <= points.max(2 + 2 * channels.len()));
        prop_assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert_eq!(kept.first().copied(), (samples > 0).then_some(0));
        prop_assert_eq!(kept.last().copied(), samples.checked_sub(1));
        for channel in &channels {
            let of_kept = kept.iter().filter_map(|i| channel[*i]);
            let all = channel.iter().flatten().copied();
            prop_assert_eq!(of_kept.clone().max(), all.clone().max());
            prop_assert_eq!(of_kept.min(), all.min());
        }
    }

    #[test]
    fn a_finer_resolution_holds_the_coarser((channels, samples, points) in streams()) {
        let arrays = arrays(&channels);
        let room = 2 + 2 * arrays.len();
        let coarse = kept(samples, &arrays, points.max(room));
        let fine = kept(samples, &arrays, 4 * points.max(room));
        // Both numbers of buckets are the same but for halvings.
        if points.max(room).is_multiple_of(room) {
            prop_assert!(coarse.iter().all(|i| fine.contains(i)));
        }
    }
}

#[test]
fn a_single_peak_of_one_sample_is_never_lost() {
    let mut heart_rate = vec![Some(120); 20_000];
    heart_rate[12_345] = Some(199);
    heart_rate[77] = Some(41);
    let channel = [Int64Array::from(heart_rate)];
    for (name, resolution) in RESOLUTIONS {
        let points = resolution.points().unwrap_or(usize::MAX);
        let kept = kept(20_000, &channel, points);
        assert!(kept.len() <= points, "{name}");
        // A channel that stands still leaves room, which is used.
        assert!(
            kept.len() > points.min(20_000) / 4,
            "{name}: {}",
            kept.len()
        );
        assert!(kept.contains(&12_345) && kept.contains(&77), "{name}");
    }
}

#[test]
fn names_are_read_as_they_are_written() {
    for (name, resolution) in RESOLUTIONS {
        assert_eq!(name.parse::<Resolution>().unwrap(), *resolution);
        assert_eq!(resolution.to_string(), *name);
    }
    assert!("best".parse::<Resolution>().is_err());
}
