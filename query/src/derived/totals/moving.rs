//! Which stretches of an activity are movement.

use crate::activity::Activity;

/// The longest time for which a distance may repeat and still belong to the
/// rise after it: devices write positions more often than new distances.
const REPEAT_MS: i64 = 3_000;

/// The longest step or stretch that can be movement.
const LONGEST_MS: i64 = 30_000;

/// The stretches of time in which the athlete moved, in order.
#[derive(Clone, Debug)]
pub enum Moving {
    /// Known from the distance axis or the lengths of a pool: start and end;
    /// none overlaps another.
    Stretches(Vec<(i64, i64)>),
    /// Without an axis: the timer, of which only the sum is known.
    Timer(i64),
}

impl Moving {
    /// Of one activity: its active lengths in a pool, else the axis, else the
    /// timer.
    pub fn new(activity: &Activity) -> Self {
        if !activity.active_lengths_ms.is_empty() {
            return Self::Stretches(in_the_pool(activity));
        }
        if activity.distance_cm.is_empty() {
            return Self::Timer(activity.timer_ms);
        }
        Self::Stretches(stretches(activity))
    }

    /// All of it, in ms.
    pub fn total_ms(&self) -> i64 {
        match self {
            Self::Stretches(stretches) => stretches.iter().map(|(from, to)| to - from).sum(),
            Self::Timer(ms) => *ms,
        }
    }

    /// What of it lies between two instants, in ms; a stretch that is cut
    /// counts by its share of time. 0 where only the timer is known.
    pub fn between(&self, from_ms: i64, to_ms: i64) -> i64 {
        let Self::Stretches(stretches) = self else {
            return 0;
        };
        let first = stretches.partition_point(|&(_, to)| to <= from_ms);
        let inside = stretches[first..].iter();
        let inside = inside.take_while(|&&(from, _)| from < to_ms);
        let share = |&(from, to): &(i64, i64)| to.min(to_ms) - from.max(from_ms);
        inside.map(|stretch| share(stretch).max(0)).sum()
    }
}

/// What each active length adds to those before it, within the recording:
/// devices write lengths that overlap, or that end after the last sample, and
/// no moment moves twice.
fn in_the_pool(activity: &Activity) -> Vec<(i64, i64)> {
    let end = activity.t_ms.last().copied().unwrap_or_default();
    let mut reached = 0;
    let added = |&(from, to): &(i64, i64)| {
        let (from, to) = (from.max(reached), to.min(end));
        reached = reached.max(to);
        (from < to).then_some((from, to))
    };
    activity
        .active_lengths_ms
        .iter()
        .filter_map(added)
        .collect()
}

/// The moving stretches of the axis, neighbours joined.
fn stretches(activity: &Activity) -> Vec<(i64, i64)> {
    let (t, d) = (&activity.t_ms, &activity.distance_cm);
    let mut moving: Vec<(i64, i64)> = Vec::new();
    let mut from = 0;
    while from + 1 < d.len() {
        // The last sample of the distance that begins here.
        let repeats = d[from..].iter().take_while(|&&cm| cm == d[from]).count();
        let last = from + repeats - 1;
        let start = match t[last] - t[from] <= REPEAT_MS {
            true => from,
            false => last,
        };
        let Some(&rise_ms) = t.get(last + 1) else {
            break;
        };
        let lasts = rise_ms - t[start];
        let rises = d[last + 1] - d[last];
        if lasts <= LONGEST_MS && activity.sport.is_moving(lasts, rises) {
            match moving.last_mut() {
                Some((_, end)) if *end == t[start] => *end = rise_ms,
                _ => moving.push((t[start], rise_ms)),
            }
        }
        from = last + 1;
    }
    moving
}
