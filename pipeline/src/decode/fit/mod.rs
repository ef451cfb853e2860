//! FIT: the binary format of sports devices.
//!
//! [`part`] cuts chained files apart and streams each one's messages,
//! [`message`] reads the fields that pacelake uses, and [`assemble`] makes one
//! recording of each session.

mod assemble;
mod field;
mod message;
mod names;
mod part;
#[cfg(test)]
mod tests;

use self::message::Content;
use super::limits::{Limits, check};
use crate::error::DecodeError;
use crate::recording::{Format, Recording};

/// FIT counts seconds from 1989-12-31T00:00:00Z; this is that instant in
/// Unix seconds.
const EPOCH_UNIX_S: i64 = 631_065_600;

/// Below this a FIT time counts seconds since the device was switched on.
const FIRST_ABSOLUTE_TIME: u32 = 0x1000_0000;

/// The recordings of a FIT file, one per session.
///
/// # Errors
/// Where it holds no activity, where nothing could be read, and beyond
/// `limits`.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Vec<Recording>, DecodeError> {
    let mut content = Content::default();
    let mut other_types = Vec::new();
    let mut parts = 0;
    let mut rest = bytes;
    while let Some(cut) = part::cut(rest) {
        parts += 1;
        check(parts, limits.chained_parts, "chained FIT files in one")?;
        let mut found = Content::default();
        let cut_off = part::read(&cut, |message| {
            found.take(message);
            found.check(&content, limits)
        })?;
        found.close(cut_off);
        match found.file_type {
            Some(kind) if !names::is_activity(kind) => other_types.push(kind),
            Some(_) | None => content.append(found),
        }
        rest = cut.rest;
    }
    if content.is_empty() {
        return Err(match (other_types.first(), content.cut_off) {
            (Some(kind), _) => DecodeError::NoActivity {
                format: Format::Fit,
                holds: names::file_type(*kind),
            },
            (None, Some(_)) => DecodeError::Damaged {
                format: Format::Fit,
                source: None,
            },
            (None, None) if parts == 0 => DecodeError::Damaged {
                format: Format::Fit,
                source: None,
            },
            (None, None) => DecodeError::NoActivity {
                format: Format::Fit,
                holds: "no records and no session".to_owned(),
            },
        });
    }
    Ok(assemble::recordings(content))
}
