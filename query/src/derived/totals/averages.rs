//! Time-weighted averages of a channel whose values hold for a while.

/// How long a value holds when no other follows.
const HOLD_MS: i64 = 30_000;

/// One value and the time for which it holds.
#[derive(Clone, Copy, Debug)]
struct Span {
    from_ms: i64,
    to_ms: i64,
    value: i32,
    /// Sum of value·ms, and of ms, of all spans before.
    sum_before: i128,
    ms_before: i64,
}

/// A channel whose values hold until the next, at most 30 s and at most to
/// the end of the recording.
#[derive(Clone, Debug)]
pub struct Held(Vec<Span>);

impl Held {
    /// Of one channel: as many entries as `t_ms`, or none.
    pub fn new(t_ms: &[i64], channel: &[Option<i32>]) -> Self {
        let known = |(&t, value): (&i64, &Option<i32>)| value.map(|v| (t, v));
        let known: Vec<(i64, i32)> = t_ms.iter().zip(channel).filter_map(known).collect();
        let end = t_ms.last().copied().unwrap_or_default();
        let nexts = known.iter().skip(1).map(|&(t, _)| t).chain([end]);
        let (mut sum_before, mut ms_before) = (0, 0);
        let spans = known.iter().zip(nexts).map(|(&(from_ms, value), next)| {
            let span = Span {
                from_ms,
                to_ms: next.min(from_ms + HOLD_MS),
                value,
                sum_before,
                ms_before,
            };
            let held = span.to_ms - from_ms;
            sum_before += i128::from(value) * i128::from(held);
            ms_before += held;
            span
        });
        Self(spans.collect())
    }

    /// The average from `from_ms` to `to_ms`: the sum of value·ms over the sum
    /// of ms; `None` where no value holds in it.
    pub fn average(&self, from_ms: i64, to_ms: i64) -> Option<f64> {
        let (sum_from, ms_from) = self.until(from_ms);
        let (sum_to, ms_to) = self.until(to_ms);
        let ms = ms_to - ms_from;
        (ms > 0).then(|| (sum_to - sum_from) as f64 / ms as f64)
    }

    /// The highest value recorded from `from_ms` to `to_ms`, both included.
    pub fn highest(&self, from_ms: i64, to_ms: i64) -> Option<i32> {
        let first = self.0.partition_point(|span| span.from_ms < from_ms);
        let inside = self.0[first..].iter();
        let inside = inside.take_while(|span| span.from_ms <= to_ms);
        inside.map(|span| span.value).max()
    }

    /// Sum of value·ms, and of ms, from the first sample to `t_ms`.
    fn until(&self, t_ms: i64) -> (i128, i64) {
        let begun = self.0.partition_point(|span| span.from_ms <= t_ms);
        let Some(span) = begun.checked_sub(1).map(|last| self.0[last]) else {
            return (0, 0);
        };
        let held = t_ms.min(span.to_ms) - span.from_ms;
        let sum = span.sum_before + i128::from(span.value) * i128::from(held);
        (sum, span.ms_before + held)
    }
}
