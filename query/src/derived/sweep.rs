//! Windows of a fixed width over sorted knots: what best efforts (a width of
//! distance) and peaks (a width of time) have in common.
//!
//! Between knots everything is linear, so the best window begins or ends at a
//! knot. The sweep visits those windows, and no others, in rising order with
//! two pointers: O(n) for each width.

/// Where one end of a window lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Exactly on this knot.
    At(usize),
    /// Strictly between this knot and the next.
    After(usize),
}

/// One window: from `from` to `from + width`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Where it begins, in the knots' unit.
    pub from: i64,
    /// Where its start lies.
    pub start: Place,
    /// Where its end lies.
    pub end: Place,
}

/// All windows of one width that begin or end at a knot, earliest first.
#[derive(Debug)]
pub struct Sweep<'a> {
    knots: &'a [i64],
    width: i64,
    start: usize,
    end: usize,
}

impl<'a> Sweep<'a> {
    /// Sweeps `knots`, which rise strictly, with windows of `width` above 0.
    pub fn new(knots: &'a [i64], width: i64) -> Self {
        let first_end = knots.first().map_or(0, |first| first + width);
        Self {
            knots,
            width,
            start: 0,
            end: knots.partition_point(|&knot| knot < first_end),
        }
    }
}

impl Iterator for Sweep<'_> {
    type Item = Window;

    fn next(&mut self) -> Option<Window> {
        let by_end = self.knots.get(self.end)? - self.width;
        let by_start = self.knots[self.start];
        let from = by_start.min(by_end);
        let (on_start, on_end) = (from == by_start, from == by_end);
        let window = Window {
            from,
            start: match on_start {
                true => Place::At(self.start),
                false => Place::After(self.start - 1),
            },
            end: match on_end {
                true => Place::At(self.end),
                false => Place::After(self.end - 1),
            },
        };
        self.start += usize::from(on_start);
        self.end += usize::from(on_end);
        Some(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_that_begins_or_ends_at_a_knot_is_visited_once() {
        let starts: Vec<_> = Sweep::new(&[0, 4, 10], 5).map(|w| w.from).collect();
        assert_eq!(starts, [0, 4, 5]);
        let both: Vec<_> = Sweep::new(&[0, 5, 10], 5).collect();
        let window = |from, start, end| Window {
            from,
            start: Place::At(start),
            end: Place::At(end),
        };
        assert_eq!(both, [window(0, 0, 1), window(5, 1, 2)]);
    }

    #[test]
    fn the_work_grows_with_the_knots_and_not_with_the_width() {
        for knots in [100, 1_000, 10_000] {
            let uneven: Vec<i64> = (0..knots).map(|k| k * 7 + k % 3).collect();
            for width in [1, 50, knots * 3] {
                let windows = Sweep::new(&uneven, width).count();
                assert!(
                    windows <= 2 * uneven.len(),
                    "{windows} windows, {knots} knots"
                );
            }
        }
    }

    #[test]
    fn a_width_over_everything_gives_nothing() {
        assert_eq!(Sweep::new(&[0, 4], 5).count(), 0);
        assert_eq!(Sweep::new(&[], 5).count(), 0);
    }
}
