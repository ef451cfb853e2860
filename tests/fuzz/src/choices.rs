//! Structured values out of plain bytes, so that any input means something
//! and a small change of it changes little.

/// Reads choices off a byte string; zeros once it has ended.
pub struct Choices<'a> {
    rest: &'a [u8],
}

/// Numbers at which arithmetic breaks.
const EDGES: &[f64] = &[
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    0.0,
    -0.0,
    1e9,
    -1e9,
    1e18,
    2_147_483_648.0,
    0.005,
    -0.5,
    1.5,
    4_294_967.295,
];

impl<'a> Choices<'a> {
    /// All of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether anything is left to choose by.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        *first
    }

    /// From 0 to `below`, excluded.
    pub fn index(&mut self, below: usize) -> usize {
        match below {
            0..=256 => usize::from(self.byte()) % below.max(1),
            _ => usize::from(u16::from_le_bytes([self.byte(), self.byte()])) % below,
        }
    }

    /// One of `values`.
    pub fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.index(values.len())]
    }

    /// Two bytes, as they are.
    pub fn short(&mut self) -> i16 {
        i16::from_le_bytes([self.byte(), self.byte()])
    }

    /// Eight bytes, as they are.
    pub fn long(&mut self) -> i64 {
        i64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A number: mostly a small one of that `scale`, at times one at which
    /// arithmetic breaks.
    pub fn number(&mut self, scale: f64) -> f64 {
        match self.byte() {
            0xff => self.of(EDGES),
            0xfe => f64::from_bits(self.long() as u64),
            kind if kind >= 0x80 => f64::from(self.byte()) * scale,
            _ => f64::from(self.short()) * scale,
        }
    }

    /// Nothing, or a number.
    pub fn maybe(&mut self, scale: f64) -> Option<f64> {
        (!self.byte().is_multiple_of(3)).then(|| self.number(scale))
    }

    /// Nothing, or a whole number.
    pub fn maybe_whole(&mut self) -> Option<i32> {
        match self.byte() {
            0xff => Some(i32::MAX),
            0xfe => Some(i32::MIN),
            kind if kind % 3 == 0 => None,
            _ => Some(i32::from(self.short())),
        }
    }
}
