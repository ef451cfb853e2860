//! A file in memory, as the FIT encoder wants one: it goes back to write the
//! length into the header.

use std::convert::Infallible;

use embedded_io::{ErrorType, Seek, SeekFrom, Write};

/// A file in memory.
#[derive(Default)]
pub struct Memory {
    /// What was written.
    pub bytes: Vec<u8>,
    position: usize,
}

impl ErrorType for Memory {
    type Error = Infallible;
}

impl Write for Memory {
    fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        let end = self.position + from.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[self.position..end].copy_from_slice(from);
        self.position = end;
        Ok(from.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Seek for Memory {
    fn seek(&mut self, to: SeekFrom) -> Result<u64, Infallible> {
        let (base, by) = match to {
            SeekFrom::Start(position) => (0, i64::try_from(position).unwrap_or(i64::MAX)),
            SeekFrom::End(by) => (self.bytes.len(), by),
            SeekFrom::Current(by) => (self.position, by),
        };
        self.position = base.saturating_add_signed(by as isize);
        Ok(self.position as u64)
    }
}
