//! Mixed numbers, exact: what times and rises between two samples are.

use std::cmp::Ordering;

/// `whole + num / den`, with `0 <= num < den`.
///
/// Instants and durations in ms, or rises in the unit of their line. Doubles
/// would round the fraction, and with it decide which of two equal efforts
/// came first.
#[derive(Clone, Copy, Debug)]
pub struct Exact {
    whole: i128,
    num: i128,
    den: i128,
}

impl Exact {
    /// A whole number.
    pub fn whole(whole: impl Into<i128>) -> Self {
        Self {
            whole: whole.into(),
            num: 0,
            den: 1,
        }
    }

    /// `num / den`; `den` is above 0, `num` may be negative.
    pub fn ratio(num: i128, den: i128) -> Self {
        debug_assert!(den > 0);
        // Nearly always both are small, and then dividing is far cheaper.
        if let (Ok(num), Ok(den)) = (i64::try_from(num), i64::try_from(den)) {
            return Self {
                whole: num.div_euclid(den).into(),
                num: num.rem_euclid(den).into(),
                den: den.into(),
            };
        }
        Self {
            whole: num.div_euclid(den),
            num: num.rem_euclid(den),
            den,
        }
    }

    /// The value at `part` of `whole` of the way from `from` to `to`.
    pub fn between(from: i128, to: i128, part: i128, whole: i128) -> Self {
        Self::ratio(part * (to - from), whole).plus(from)
    }

    /// This and a whole number.
    pub fn plus(mut self, whole: i128) -> Self {
        self.whole += whole;
        self
    }

    /// A whole number less this.
    pub fn from_whole(self, whole: i128) -> Self {
        if self.num == 0 {
            return Self::whole(whole - self.whole);
        }
        Self {
            whole: whole - self.whole - 1,
            num: self.den - self.num,
            den: self.den,
        }
    }

    /// The greatest whole number that is not above it.
    pub fn floor(self) -> i64 {
        i64::try_from(self.whole).expect("activities are far shorter than 2^63 ms or cm")
    }

    /// The same, of sums that may be larger than times and distances.
    pub fn wide_floor(self) -> i128 {
        self.whole
    }

    /// The nearest whole number, halves upward (away from zero: what is
    /// rounded here is never negative).
    pub fn rounded(self) -> i64 {
        let up = i128::from(2 * self.num >= self.den);
        i64::try_from(self.whole + up).expect("activities are far shorter than 2^63 ms or cm")
    }

    /// This times `factor`, divided by `divisor`, as the nearest double that
    /// one division gives.
    pub fn scaled(self, factor: i128, divisor: i128) -> f64 {
        let num = (self.whole * self.den + self.num) * factor;
        num as f64 / (self.den * divisor) as f64
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Exact {}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = || (self.num * other.den).cmp(&(other.num * self.den));
        self.whole.cmp(&other.whole).then_with(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_fractions_are_equal_however_written() {
        assert_eq!(Exact::ratio(7, 3), Exact::ratio(14, 6));
        assert!(Exact::ratio(1, 3) < Exact::ratio(333_334, 1_000_000));
        assert!(Exact::ratio(-1, 3) < Exact::whole(0));
    }

    #[test]
    fn halves_round_up_once() {
        assert_eq!(Exact::ratio(5, 2).rounded(), 3);
        assert_eq!(Exact::ratio(7, 3).rounded(), 2);
        assert_eq!(Exact::ratio(7, 3).from_whole(10), Exact::ratio(23, 3));
    }
}
