//! Numbers that look random and follow from a seed: SplitMix64 (Steele, Lea and
//! Flood, *Fast splittable pseudorandom number generators*, 2014).
//!
//! Crates for random numbers allow themselves other values in a new version;
//! recordings must stay the same. For the same reason there are only sums,
//! products, quotients and roots here and in the motion, which IEEE 754 rounds
//! alike everywhere, and no sine, logarithm or power, which it does not.

/// The step of the sequence: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence of numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this name: each pair has its own.
    pub fn of(seed: u64, stream: u64) -> Self {
        let mut random = Self(mix(seed.wrapping_add(STEP)) ^ stream.wrapping_mul(STEP));
        random.0 = random.bits();
        random
    }

    /// The sequence at the end of a path of numbers, such as an athlete, a week
    /// and an outing of it: each path has its own.
    pub fn at(seed: u64, path: &[u64]) -> Self {
        let first = Self::of(seed, path.len() as u64);
        path.iter().fold(first, |mut before, step| {
            let seed = before.bits();
            Self::of(seed, *step)
        })
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// From 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From `low` to below `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number from 0 to below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// A whole number from `low` to `high`, both included; `low` is no higher.
    pub fn whole(&mut self, low: u32, high: u32) -> u32 {
        let count = high.saturating_sub(low) as usize + 1;
        low + self.below(count) as u32
    }

    /// One of the list, which is not empty.
    pub fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// True in this share of all cases.
    pub fn chance(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// Close to normally distributed, with mean 0 and deviation 1: a sum of
    /// four equal ones.
    pub fn normal(&mut self) -> f64 {
        let sum = self.unit() + self.unit() + self.unit() + self.unit();
        (sum - 2.0) * 3_f64.sqrt()
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A value that wanders around 0 and forgets where it was: an autoregressive
/// process of the first order.
#[derive(Clone, Debug)]
pub struct Wander {
    value: f64,
    keep: f64,
    shake: f64,
}

impl Wander {
    /// One that remembers for about `memory_s` steps and strays by about
    /// `deviation`.
    pub fn new(memory_s: f64, deviation: f64) -> Self {
        let keep = 1.0 - 1.0 / memory_s;
        Self {
            value: 0.0,
            keep,
            shake: deviation * (1.0 - keep * keep).sqrt(),
        }
    }

    /// The next value.
    pub fn step(&mut self, random: &mut Random) -> f64 {
        self.value = self.keep * self.value + self.shake * random.normal();
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // The first values of SplitMix64 from 1234567, as published with the
        // reference implementation's ports.
        let mut random = Random(1_234_567);
        let values = [random.bits(), random.bits(), random.bits()];
        assert_eq!(
            values,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn each_path_has_its_own_sequence() {
        let first = |path: &[u64]| Random::at(5, path).bits();
        let paths: [&[u64]; 6] = [&[], &[1], &[2], &[1, 2], &[2, 1], &[1, 2, 0]];
        let values: std::collections::BTreeSet<u64> = paths.into_iter().map(first).collect();
        assert_eq!(values.len(), paths.len());
        assert_eq!(first(&[1, 2]), first(&[1, 2]));
        assert_ne!(first(&[1, 2]), Random::at(6, &[1, 2]).bits());
    }

    #[test]
    fn whole_numbers_reach_both_ends() {
        let mut random = Random::of(3, 4);
        let drawn: std::collections::BTreeSet<u32> =
            (0..1_000).map(|_| random.whole(7, 11)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [7, 8, 9, 10, 11]);
        assert_eq!(random.whole(4, 4), 4);
    }

    #[test]
    fn values_spread_as_they_should() {
        let mut random = Random::of(1, 2);
        let mut wander = Wander::new(20.0, 3.0);
        let (mut sum, mut squares, mut strayed) = (0.0, 0.0, 0.0);
        for _ in 0..100_000 {
            let normal = random.normal();
            sum += normal;
            squares += normal * normal;
            let value = wander.step(&mut random);
            strayed += value * value;
        }
        assert!((sum / 100_000.0_f64).abs() < 0.02);
        assert!((squares / 100_000.0 - 1.0_f64).abs() < 0.02);
        assert!((strayed / 100_000.0 - 9.0_f64).abs() < 0.5);
    }
}
