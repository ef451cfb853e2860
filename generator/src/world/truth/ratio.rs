//! Fractions, exact.

use std::cmp::Ordering;

/// `num / den`, `den` above 0.
///
/// Times here are below 10^9 ms and distances below 10^9 mm, so a product of
/// two fractions' parts stays far below 2^127.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    pub(super) num: i128,
    pub(super) den: i128,
}

impl Ratio {
    /// `num / den`.
    pub fn new(num: i128, den: i128) -> Self {
        debug_assert!(den > 0);
        Self { num, den }
    }

    /// A whole number.
    pub fn whole(whole: i64) -> Self {
        Self::new(whole.into(), 1)
    }

    /// This less another.
    pub fn less(self, other: Self) -> Self {
        Self::new(
            self.num * other.den - other.num * self.den,
            self.den * other.den,
        )
    }

    /// The nearest whole number, halves upward.
    pub fn rounded(self) -> i64 {
        let rounded = (2 * self.num + self.den).div_euclid(2 * self.den);
        i64::try_from(rounded).expect("times and distances of an outing are below 2^63")
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ratio {}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.num * other.den).cmp(&(other.num * self.den))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_compare_and_round_by_value() {
        assert_eq!(Ratio::new(2, 6), Ratio::new(1, 3));
        assert!(Ratio::new(1, 3) < Ratio::new(333_334, 1_000_000));
        assert_eq!(Ratio::whole(5).less(Ratio::new(1, 3)), Ratio::new(14, 3));
        let ratios = [(5, 2), (7, 3), (8, 3), (0, 1), (-1, 2)];
        let rounded = ratios.map(|(num, den)| Ratio::new(num, den).rounded());
        assert_eq!(rounded, [3, 2, 3, 0, 0]);
    }
}
