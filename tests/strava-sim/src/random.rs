//! Numbers that look drawn by chance and are the same for the same seed.

/// A generator of the family splitmix64 (Steele, Lea and Flood, 2014). Nothing
/// here guards a secret.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below `below`, which is at least 1.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.bits() % below.max(1)
    }

    /// Whether something of this probability happens.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        // 53 bits fill a double's fraction.
        ((self.bits() >> 11) as f64 / (1_u64 << 53) as f64) < probability
    }

    /// 40 hexadecimal digits, as Strava's codes and tokens are.
    pub(crate) fn token(&mut self) -> String {
        let mut token = format!("{:016x}{:016x}", self.bits(), self.bits());
        token.push_str(&format!("{:08x}", self.bits() >> 32));
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_another_others() {
        let (mut one, mut same, mut other) = (Random::new(1), Random::new(1), Random::new(2));
        let token = one.token();
        assert_eq!(token.len(), 40);
        assert_eq!(token, same.token());
        assert_ne!(token, other.token());
    }

    #[test]
    fn what_is_certain_happens_and_what_is_impossible_does_not() {
        let mut random = Random::new(3);
        assert!((0..1000).all(|_| random.happens(1.0) && !random.happens(0.0)));
        let half = (0..1000).filter(|_| random.happens(0.5)).count();
        assert!((400..600).contains(&half), "{half}");
    }
}
