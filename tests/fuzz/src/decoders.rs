//! Decoders: whatever the bytes are there is an answer, and what comes out
//! goes through the rest of the house.

use pipeline::decode::strava::api::document;
use pipeline::decode::strava::read_table;
use pipeline::decode::{FileKind, Limits, decode, recognise};
use pipeline::recording::Recording;

use crate::house;

/// A recording in any format.
pub fn recording(bytes: &[u8]) {
    let Ok(recordings) = decode(bytes, &Limits::default()) else {
        return;
    };
    assert!(!recordings.is_empty(), "an answer without a recording");
    for (recording, part) in recordings.iter().zip(0..) {
        assert_eq!(recording.part, part, "parts are counted in order");
        within(recording, bytes.len());
    }
    house::follow(&recordings);
}

/// Nothing comes of nothing: no more samples, laps and letters than bytes.
fn within(recording: &Recording, bytes: usize) {
    assert!(recording.samples.len() <= bytes, "more samples than bytes");
    assert!(recording.laps.len() <= bytes, "more laps than bytes");
    assert!(
        recording.findings.len() <= bytes,
        "more findings than bytes"
    );
}

/// What Strava's API might answer: an activity, and after the first line that is
/// empty its streams. What is kept of it is read again, and is itself the whole
/// of what is kept.
pub fn api(bytes: &[u8]) {
    // The corpus holds documents too.
    recording(bytes);
    let empty = bytes.windows(2).position(|pair| pair == b"\n\n");
    let (activity, streams) = match empty {
        Some(at) => (&bytes[..at], Some(&bytes[at + 2..])),
        None => (bytes, None),
    };
    let Ok(kept) = document(activity, streams) else {
        return;
    };
    assert!(
        kept.len() <= 2 * bytes.len() + 1_000,
        "more is kept than came"
    );
    assert_eq!(recognise(&kept), Some(FileKind::StravaApi));
    let again = document(activity, streams).expect("it was just made");
    assert_eq!(kept, again, "the same answers give other bytes");
    let recordings = decode(&kept, &Limits::default()).expect("what is kept is read");
    assert_eq!(recordings.len(), 1);
    recording(&kept);
}

/// Strava's table of activities: each row that is read is kept as text that
/// gives the same recording again.
pub fn table(bytes: &[u8]) {
    let limits = Limits::default();
    let Ok(rows) = read_table(bytes, &limits) else {
        return;
    };
    let mut recordings = Vec::new();
    for row in rows.into_iter().flatten() {
        let kept = row.canonical_json.as_bytes();
        assert_eq!(recognise(kept), Some(FileKind::StravaRow));
        let again = decode(kept, &limits).expect("a row that was read is read again");
        // Compared as text: a number that is none equals nothing.
        let (row, again) = (format!("{:?}", [&row.recording]), format!("{again:?}"));
        assert_eq!(row, again, "a kept row gives another recording");
        recordings.extend(decode(kept, &limits).expect("it was just read"));
    }
    house::follow(&recordings);
}
