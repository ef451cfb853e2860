//! One ride in four files, and a run in Strava's archive.

use std::sync::Arc;

use crate::files::{bytes, cleaned, one};
use pacelake_pipeline::clean::Clean;
use pacelake_pipeline::finding::FindingKind;
use pacelake_pipeline::identity::{Evidence, connect};
use pacelake_pipeline::merge::{Candidate, merge};
use pacelake_pipeline::recording::Format;

const FOUR: [&str; 4] = [
    "gpx/4801048867_strava.gpx",
    "gpx/activity_4801048867.gpx",
    "tcx/activity_4801048867.tcx",
    "fit/4801048867.fit",
];

fn four() -> Vec<Candidate> {
    FOUR.iter()
        .map(|name| Candidate {
            sha256: (*name).to_owned(),
            part: 0,
            clean: Arc::new(cleaned(&one(name))),
        })
        .collect()
}

fn evidence(candidate: &Candidate) -> Evidence {
    Evidence {
        sha256: candidate.sha256.clone(),
        part: candidate.part,
        external_id: candidate.clean.claims.external_id.clone(),
        upload_id: None,
        is_of_api: false,
        start_time_us: candidate.clean.start_time_us,
        elapsed_ms: candidate.clean.elapsed_ms(),
        activity_id: None,
        is_parted: false,
    }
}

#[test]
fn four_files_of_one_ride_are_one_activity() {
    let evidence: Vec<Evidence> = four().iter().map(evidence).collect();
    let sets = connect(&evidence);
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0].members, [0, 1, 2, 3]);
    assert_eq!(sets[0].reason(3), "start 0 s apart, elapsed 0 s apart");
}

#[test]
fn the_fit_file_of_the_four_wins_in_any_order() {
    let mut candidates = four();
    let merged = merge(&candidates);
    assert_eq!(merged.clean.format, Format::Fit);
    assert_eq!(merged.rule, "fit comes before tcx");
    // The name stands only in the GPX files.
    assert!(merged.clean.claims.name.is_some());
    for _ in 0..4 {
        candidates.rotate_left(1);
        assert_eq!(merge(&candidates), merged);
    }
}

#[test]
fn the_four_files_agree_on_the_ride() {
    let cleans: Vec<Arc<Clean>> = four().into_iter().map(|c| c.clean).collect();
    for clean in &cleans {
        assert_eq!(clean.t_ms, cleans[3].t_ms);
        assert_eq!(clean.sport.name(), "ride");
        // By the positions it is 36.34 km, by the device 36.32.
        let metres = clean.distance_cm[clean.distance_cm.len() - 1] / 100;
        assert!((36_322..=36_345).contains(&metres), "{metres}");
    }
}

#[test]
fn a_row_of_stravas_archive_joins_its_file_and_names_it() {
    let table = bytes("recordings", "strava/sample-2024/activities.csv");
    let limits = pacelake_pipeline::decode::Limits::default();
    let rows = pacelake_pipeline::decode::strava::read_table(&table, &limits).unwrap();
    let row = rows.into_iter().next().unwrap().unwrap();
    let file = row.file.clone().unwrap();
    let stored = bytes("recordings", &format!("strava/sample-2024/{file}"));
    let mut recordings = pacelake_pipeline::decode::decode(&stored, &limits).unwrap();
    row.join(&mut recordings);

    let candidates = [
        Candidate {
            sha256: "row".to_owned(),
            part: 0,
            clean: Arc::new(cleaned(&row.recording)),
        },
        Candidate {
            sha256: "file".to_owned(),
            part: 0,
            clean: Arc::new(cleaned(&recordings[0])),
        },
    ];
    let sets = connect(&candidates.each_ref().map(evidence));
    assert_eq!(sets.len(), 1);
    assert_eq!(
        sets[0].reason(1),
        format!("same external id {}", row.external_id)
    );

    let merged = merge(&candidates);
    assert_eq!(merged.sha256, "file");
    assert_eq!(merged.rule, "fit has samples, strava_archive has none");
    assert_eq!(merged.clean.claims.name, row.recording.claims.name);
    assert_eq!(merged.clean.sport.name(), "run");
    let kinds: Vec<_> = merged.clean.findings.iter().map(|f| f.kind).collect();
    assert!(!kinds.contains(&FindingKind::CroppedAtStrava));
}
