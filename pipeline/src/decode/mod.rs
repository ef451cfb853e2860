//! Recordings from bytes: FIT, GPX, TCX, rows of Strava's archive and what
//! Strava's API tells.
//!
//! Begin at [`recognise`] and [`decode`]. Containers (gz, zip) are opened by
//! [`archive`]; the bytes that [`decode`] gets are a recording's own.

pub mod archive;
mod fit;
mod gpx;
mod limits;
pub mod strava;
mod tcx;
mod text;
mod timestamp;
mod xml;

pub use limits::Limits;

use crate::error::DecodeError;
use crate::recording::Recording;

/// What an input is, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A FIT file, or several chained in one.
    Fit,
    /// GPS exchange format.
    Gpx,
    /// Training centre XML.
    Tcx,
    /// A row of Strava's table of activities as pacelake keeps it.
    StravaRow,
    /// What Strava's API told of an activity, as pacelake keeps it.
    StravaApi,
    /// Compressed by gzip.
    Gzip,
    /// A zip archive.
    Zip,
}

/// What `bytes` are, judged by their content and never by a name; `None` for
/// all that pacelake does not read.
pub fn recognise(bytes: &[u8]) -> Option<FileKind> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Some(FileKind::Gzip);
    }
    // The second is an archive without members.
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Some(FileKind::Zip);
    }
    if bytes.get(8..12) == Some(b".FIT") {
        return Some(FileKind::Fit);
    }
    if strava::is_row(bytes) {
        return Some(FileKind::StravaRow);
    }
    if strava::api::is_document(bytes) {
        return Some(FileKind::StravaApi);
    }
    match xml::root_name(bytes)?.as_str() {
        "gpx" => Some(FileKind::Gpx),
        "TrainingCenterDatabase" => Some(FileKind::Tcx),
        _ => None,
    }
}

/// The recordings in one file, at least one, with `part` counting from 0.
///
/// Nothing is sorted or repaired here; what could not be read of a file whose
/// beginning is good is a finding of its last recording.
///
/// # Errors
/// Where no recording came out: unknown or damaged content, content that is no
/// activity or has no time, and content beyond `limits`. Containers count as
/// unknown: [`archive`] opens them.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Vec<Recording>, DecodeError> {
    limits::check(bytes.len(), limits.bytes, "bytes in one recording")?;
    match recognise(bytes) {
        Some(FileKind::Fit) => fit::decode(bytes, limits),
        Some(FileKind::Gpx) => gpx::decode(bytes, limits),
        Some(FileKind::Tcx) => tcx::decode(bytes, limits),
        Some(FileKind::StravaRow) => strava::decode_row(bytes).map(|recording| vec![recording]),
        Some(FileKind::StravaApi) => {
            strava::api::decode_document(bytes, limits).map(|recording| vec![recording])
        }
        Some(FileKind::Gzip | FileKind::Zip) | None => Err(DecodeError::UnknownFormat),
    }
}
