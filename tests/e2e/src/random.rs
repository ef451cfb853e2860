//! Numbers by chance that can be had again: a seed, printed, is enough.

/// A small generator (SplitMix64, by Steele, Lea and Flood, 2014).
pub struct Random(u64);

impl Random {
    /// Seeded by `PACELAKE_TEST_SEED`, else by the clock; the seed is printed,
    /// so that a failed test shows it.
    ///
    /// # Panics
    /// If the variable is no number.
    pub fn seeded() -> Self {
        let seed = std::env::var("PACELAKE_TEST_SEED").map_or_else(
            |_| {
                std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .map_or(1, |since| u64::from(since.subsec_nanos()))
            },
            |seed| seed.parse().expect("PACELAKE_TEST_SEED is a number"),
        );
        println!("seed: run again with PACELAKE_TEST_SEED={seed}");
        Self(seed)
    }

    /// The numbers of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to `below`, excluded.
    ///
    /// # Panics
    /// If `below` is 0.
    pub fn below(&mut self, below: usize) -> usize {
        assert!(below > 0, "there is nothing to choose from");
        // Near enough to even for choosing among few.
        (self.fraction() * below as f64) as usize
    }

    /// From 0 (included) to 1 (excluded).
    pub fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        // 53 bits fit a double exactly.
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }
}
