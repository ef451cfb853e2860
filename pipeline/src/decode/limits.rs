//! How much one input may hold. Every decoder is bounded by these, so that no
//! file can fill memory or disk.

use crate::error::DecodeError;

/// Bounds of one input. The default lets the longest real recordings through:
/// a week at one sample a second is 604,800 samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one recording, unpacked.
    pub bytes: u64,
    /// Samples of one file.
    pub samples: u64,
    /// Laps and lengths of one file.
    pub laps: u64,
    /// Recordings of one file: sessions, tracks or activities.
    pub recordings: u64,
    /// FIT files chained in one.
    pub chained_parts: u64,
    /// Developer fields that one FIT file may describe.
    pub developer_fields: u64,
    /// Elements inside one another in XML.
    pub xml_depth: u64,
    /// Bytes of one text or attribute in XML.
    pub xml_text_bytes: u64,
    /// Members of one archive.
    pub archive_members: u64,
    /// Bytes unpacked from one archive in all.
    pub archive_bytes: u64,
    /// Containers inside one another: gz in zip is two.
    pub container_depth: u64,
    /// Times that a member may grow when it is unpacked, once it is over 1 MiB.
    pub expansion: u64,
    /// Rows of a table of activities.
    pub table_rows: u64,
    /// Bytes of one row of it.
    pub table_row_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 256 << 20,
            samples: 2_000_000,
            laps: 50_000,
            recordings: 1_000,
            chained_parts: 1_000,
            developer_fields: 1_000,
            xml_depth: 32,
            xml_text_bytes: 64 << 10,
            archive_members: 200_000,
            archive_bytes: 256 << 30,
            container_depth: 3,
            expansion: 200,
            table_rows: 500_000,
            table_row_bytes: 1 << 20,
        }
    }
}

/// An error once `count` passes `limit`.
pub(crate) fn check(count: usize, limit: u64, what: &'static str) -> Result<(), DecodeError> {
    if count as u64 > limit {
        return Err(DecodeError::TooLarge { what, limit });
    }
    Ok(())
}
