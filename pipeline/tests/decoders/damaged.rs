//! Damaged files: made ones whose damage is known, and real ones cut and
//! changed anywhere.

use pacelake_pipeline::decode::{Limits, decode, recognise};
use pacelake_pipeline::finding::FindingKind;
use pacelake_pipeline::recording::Recording;
use proptest::prelude::*;
use storage::{Code, Failure};

use crate::facts::data;

/// Small files of every format and many makers.
const FILES: &[&str] = &[
    "fit/garmin-fenix-5-run.fit",
    "fit/compressed-speed-distance.fit",
    "fit/2015-10-13-08-43-15.fit",
    "fit/20140622_swim_garmin_fr910xt.fit",
    "fit/sample_mulitple_header.fit",
    "fit/snorkeling-unknown-sport.fit",
    "corrupt/unterminated-strings.fit",
    "corrupt/elemnt-bolt-no-application-id-inside-developer-data-id.fit",
    "gpx/2025-08-30_hike_cadzand.gpx",
    "gpx/20180831_beach_run_runkeeper.gpx",
    "tcx/pool_swim-activity_1.tcx",
    "tcx/17611540601.tcx",
];

fn file(path: &str) -> Vec<u8> {
    std::fs::read(data("recordings").join(path)).unwrap()
}

fn read(bytes: &[u8]) -> Vec<Recording> {
    decode(bytes, &Limits::default()).unwrap()
}

fn samples(bytes: &[u8]) -> usize {
    read(bytes)
        .iter()
        .map(|recording| recording.samples.len())
        .sum()
}

/// What must hold whatever the bytes are: an answer, parts in order, and no
/// more samples than bytes.
fn sound(bytes: &[u8]) -> Vec<Recording> {
    let Ok(recordings) = decode(bytes, &Limits::default()) else {
        return Vec::new();
    };
    assert!(!recordings.is_empty());
    for (recording, part) in recordings.iter().zip(0..) {
        assert_eq!(recording.part, part);
    }
    let samples: usize = recordings
        .iter()
        .map(|recording| recording.samples.len())
        .sum();
    assert!(samples <= bytes.len());
    recordings
}

#[test]
fn a_file_cut_at_60_percent_gives_the_first_records() {
    let whole = read(&file("fit/activity-small-fenix2-run.fit"));
    let cut = read(&file("corrupt/derived/fenix2-run-truncated-60pct.fit"));
    let count = cut[0].samples.len();
    assert!(count > 1_600 && count < whole[0].samples.len());
    assert_eq!(cut[0].samples, whole[0].samples[..count]);
    let finding = &cut[0].findings[0];
    // The rest of the file, and what of the cut message stands there unread.
    let missing = 121_839.0 - 73_103.0 - 2.0;
    assert_eq!(finding.kind, FindingKind::CutOff);
    assert!(
        finding
            .size
            .is_some_and(|size| size >= missing && size < missing + 100.0)
    );
}

#[test]
fn a_bad_checksum_keeps_nothing_out() {
    let whole = read(&file("fit/activity-small-fenix2-run.fit"));
    let flipped = read(&file("corrupt/derived/fenix2-run-one-byte-flipped.fit"));
    assert_eq!(flipped[0].samples.len(), whole[0].samples.len());
    let pairs = flipped[0].samples.iter().zip(&whole[0].samples);
    assert_eq!(pairs.filter(|(a, b)| a != b).count(), 1);
}

#[test]
fn spaces_before_the_declaration_do_not_matter() {
    let spaced = read(&file("corrupt/derived/strava-leading-spaces.tcx"));
    assert_eq!(spaced, read(&file("tcx/17611540601.tcx")));
}

#[test]
fn a_gpx_cut_in_an_element_gives_the_first_points() {
    let whole = read(&file("gpx/2025-08-30_hike_cadzand.gpx"));
    let cut = read(&file("corrupt/derived/hike-cut-mid-element.gpx"));
    let count = cut[0].samples.len();
    assert!(count > 10);
    assert_eq!(cut[0].samples, whole[0].samples[..count]);
    assert_eq!(cut[0].findings[0].kind, FindingKind::CutOff);
}

#[test]
fn other_xml_is_no_recording() {
    let bytes = file("corrupt/badcharacter.xml");
    assert_eq!(recognise(&bytes), None);
    let error = decode(&bytes, &Limits::default()).unwrap_err();
    assert_eq!(error.code(), Code::UnsupportedFormat);
}

#[test]
fn a_recording_over_the_limit_of_bytes_is_refused() {
    let limits = Limits {
        bytes: 1_000,
        ..Limits::default()
    };
    let error = decode(&file("fit/garmin-fenix-5-run.fit"), &limits).unwrap_err();
    assert_eq!(error.to_string(), "over 1000 bytes in one recording");
}

#[test]
fn indoor_files_without_positions_keep_all_their_samples() {
    let recording = &read(&file("fit/sample-activity-indoor-trainer.fit"))[0];
    assert!(
        recording
            .samples
            .iter()
            .all(|sample| sample.lat_deg.is_none())
    );
    assert_eq!(recording.samples.len(), 2_263);
    assert_eq!(recording.claims.distance_m, Some(0.0));
}

#[test]
fn repeated_segments_of_a_gpx_stay_repeated_for_cleaning_to_join() {
    let text = String::from_utf8(file("gpx/wahoo_example.gpx")).unwrap();
    let begin = text.find("<trkseg>").unwrap();
    let end = text.find("</trkseg>").unwrap() + "</trkseg>".len();
    let doubled = format!("{}{}{}", &text[..end], &text[begin..end], &text[end..]);
    let (once, twice) = (read(text.as_bytes()), read(doubled.as_bytes()));
    assert_eq!(twice.len(), 1);
    assert_eq!(
        twice[0].samples,
        [&once[0].samples[..], &once[0].samples[..]].concat()
    );
}

#[test]
fn one_activity_in_four_files_starts_at_one_instant() {
    let starts: Vec<_> = [
        "fit/4801048867.fit",
        "gpx/4801048867_strava.gpx",
        "gpx/activity_4801048867.gpx",
        "tcx/activity_4801048867.tcx",
    ]
    .iter()
    .map(|path| read(&file(path))[0].samples[0].time_ms)
    .collect();
    assert!(
        starts
            .iter()
            .all(|start| (start - starts[0]).abs() <= 1_000.0),
        "{starts:?}"
    );
}

#[test]
fn a_file_cut_anywhere_gives_a_beginning_of_its_samples() {
    for path in FILES {
        let bytes = file(path);
        let whole: Vec<_> = read(&bytes).into_iter().flat_map(|r| r.samples).collect();
        // About 150 places in each file, at odd distances.
        let step = (bytes.len() / 150) | 1;
        let mut most = 0;
        for length in (0..bytes.len()).step_by(step) {
            let recordings = sound(&bytes[..length]);
            let kept: Vec<_> = recordings
                .iter()
                .flat_map(|r| r.samples.iter().copied())
                .collect();
            assert_eq!(kept, whole[..kept.len()], "{path} cut to {length} bytes");
            assert!(kept.len() >= most, "{path} cut to {length} bytes");
            most = kept.len();
        }
        assert!(most > 0, "{path}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn changed_bytes_never_break_a_decoder(
        path in prop::sample::select(FILES),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
    ) {
        let mut bytes = file(path);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        sound(&bytes);
    }

    #[test]
    fn noise_behind_a_fit_header_never_breaks_it(
        noise in prop::collection::vec(any::<u8>(), 0..4_000),
        size in any::<u32>(),
    ) {
        let mut bytes = vec![14, 0x10, 0, 0];
        bytes.extend(size.to_le_bytes());
        bytes.extend(b".FIT\0\0");
        bytes.extend(noise);
        sound(&bytes);
    }

    #[test]
    fn pieces_of_a_file_in_any_order_never_break_a_decoder(
        path in prop::sample::select(FILES),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..3_000_usize), 1..12),
    ) {
        let bytes = file(path);
        let mut mixed = bytes[..bytes.len().min(600)].to_vec();
        for (at, length) in cuts {
            let begin = at.index(bytes.len());
            mixed.extend(&bytes[begin..(begin + length).min(bytes.len())]);
        }
        sound(&mixed);
    }
}

#[test]
fn the_files_named_here_can_be_read() {
    assert!(FILES.iter().all(|path| samples(&file(path)) > 0));
}
