//! Who belongs together, and why; in any order.

use proptest::prelude::*;

use super::*;

fn evidence(file: &str, part: u32, start_s: i64, elapsed_s: i64) -> Evidence {
    Evidence {
        sha256: file.to_owned(),
        part,
        external_id: None,
        upload_id: None,
        is_of_api: false,
        start_time_us: start_s * 1_000_000,
        elapsed_ms: elapsed_s * 1_000,
        activity_id: None,
        is_parted: false,
    }
}

fn named(file: &str, start_s: i64, elapsed_s: i64, id: &str) -> Evidence {
    Evidence {
        external_id: Some(id.to_owned()),
        ..evidence(file, 0, start_s, elapsed_s)
    }
}

fn members(evidence: &[Evidence]) -> Vec<Vec<usize>> {
    let sets = connect(evidence).into_iter();
    sets.map(|set| set.members).collect()
}

#[test]
fn what_its_owner_parted_is_one_with_its_own_bytes_only() {
    let parted = |file: &str, id: &str| Evidence {
        is_parted: true,
        ..named(file, 0, 1000, id)
    };
    let recordings = [
        named("watch", 0, 1000, "strava:1"),
        parted("phone", "strava:1"),
        named("computer", 3, 1001, "garmin:1"),
        parted("phone", "strava:1"),
    ];
    assert_eq!(members(&recordings), [vec![0, 2], vec![1, 3]]);
    assert_eq!(
        connect(&recordings)[1].reason(1),
        "new; the nearest other: its owner keeps them apart"
    );
}

#[test]
fn a_start_within_60_s_and_a_like_elapsed_time_are_one_activity() {
    let reach = [evidence("a", 0, 0, 1000), evidence("b", 0, 60, 1030)];
    let sets = connect(&reach);
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0].reason(1), "start 60 s apart, elapsed 30 s apart");
    assert_eq!(sets[0].reason(0), "new; no other starts near it");

    assert_eq!(
        members(&[evidence("a", 0, 0, 1000), evidence("b", 0, 61, 1000)]),
        [[0], [1]]
    );
    assert_eq!(
        members(&[evidence("a", 0, 0, 1000), evidence("b", 0, 0, 1031)]),
        [[0], [1]]
    );
    // 2 % of the longer one: 204 s of 10,200 s.
    assert_eq!(
        members(&[evidence("a", 0, 0, 10_000), evidence("b", 0, 0, 10_200)]),
        [[0, 1]]
    );
    assert_eq!(
        members(&[evidence("a", 0, 0, 10_000), evidence("b", 0, 0, 10_205)]),
        [[0], [1]]
    );
}

#[test]
fn a_near_miss_says_why_not() {
    let sets = connect(&[evidence("a", 0, 0, 1000), evidence("b", 0, 95, 1000)]);
    assert_eq!(
        sets[1].reason(1),
        "new; the nearest other: start 95 s apart, over 60 s"
    );
    let sets = connect(&[evidence("a", 0, 0, 1000), evidence("b", 0, 2, 400)]);
    assert_eq!(
        sets[1].reason(1),
        "new; the nearest other: elapsed 600 s apart, over 30 s"
    );
}

#[test]
fn an_external_id_joins_whatever_the_times_say() {
    // What Strava crops starts later and lasts less.
    let sets = connect(&[
        named("a", 0, 5000, "strava:7"),
        named("b", 900, 3000, "strava:7"),
        named("c", 0, 4999, "strava:8"),
    ]);
    assert_eq!(sets.len(), 1, "a and c are alike in time");
    assert_eq!(sets[0].reason(1), "same external id strava:7");
    assert_eq!(sets[0].reason(2), "start 0 s apart, elapsed 1 s apart");
}

#[test]
fn the_same_bytes_are_the_same_recording() {
    let sets = connect(&[evidence("a", 0, 0, 10), evidence("a", 0, 0, 10)]);
    assert_eq!(sets[0].members, [0, 1]);
    assert_eq!(sets[0].reason(1), "same bytes");
}

#[test]
fn sets_are_connected_through_others() {
    // a and c are 80 s apart; b stands between them.
    let trio = [
        evidence("a", 0, 0, 1000),
        evidence("c", 0, 80, 1000),
        evidence("b", 0, 40, 1000),
    ];
    assert_eq!(members(&trio), [[0, 1, 2]]);
}

#[test]
fn legs_of_one_file_stay_apart() {
    // Two transitions of a triathlon that last about as long and follow a very
    // short leg, with ids and times alike.
    let legs = [
        named("tri", 0, 30, "garmin:1"),
        Evidence {
            part: 1,
            ..named("tri", 30, 25, "garmin:1")
        },
        Evidence {
            part: 2,
            ..named("tri", 55, 30, "garmin:1")
        },
    ];
    assert_eq!(members(&legs), [[0], [1], [2]]);
    assert_eq!(
        connect(&legs)[1].reason(1),
        "new; the nearest other: another part of the same file"
    );
}

#[test]
fn another_copy_of_a_triathlon_joins_leg_by_leg() {
    let file = |name: &str, late_s: i64| {
        [(0, 2000), (2000, 40), (2040, 4400), (6440, 50)]
            .into_iter()
            .zip(0..)
            .map(move |((start_s, elapsed_s), part)| {
                evidence(name, part, start_s + late_s, elapsed_s)
            })
            .collect::<Vec<_>>()
    };
    let both = [file("fit", 0), file("tcx", 1)].concat();
    assert_eq!(members(&both), [[0, 4], [1, 5], [2, 6], [3, 7]]);
}

#[test]
fn a_third_recording_does_not_pull_two_legs_together() {
    // It is alike to both transitions; the nearer one has it.
    let trio = [
        evidence("tri", 0, 0, 40),
        evidence("tri", 1, 50, 45),
        evidence("gpx", 0, 10, 42),
    ];
    let sets = connect(&trio);
    assert_eq!(sets[0].members, [0, 2]);
    assert_eq!(sets[1].members, [1]);
}

#[test]
fn legs_with_one_id_in_two_files_join_the_nearest() {
    let leg = |file: &str, part: u32, start_s: i64| Evidence {
        part,
        ..named(file, start_s, 1000, "garmin:1")
    };
    let both = [
        leg("a", 0, 0),
        leg("a", 1, 5000),
        leg("b", 0, 2),
        leg("b", 1, 5002),
    ];
    assert_eq!(members(&both), [[0, 2], [1, 3]]);
    // A cropped copy of the second leg only.
    let one = [leg("a", 0, 0), leg("a", 1, 5000), leg("b", 0, 5100)];
    assert_eq!(members(&one), [vec![0], vec![1, 2]]);
}

#[test]
fn what_was_one_activity_stays_one() {
    let known = |file: &str, start_s: i64| Evidence {
        activity_id: Some(ActivityId(9)),
        ..evidence(file, 0, start_s, 1000)
    };
    let sets = connect(&[evidence("new", 0, 3, 1000), known("a", 0), known("b", 4000)]);
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0].reason(0), "start 3 s apart, elapsed 0 s apart");
}

/// Some recordings of a day on which files, ids and times are often alike.
fn recordings() -> impl Strategy<Value = Vec<Evidence>> {
    let one = (0..4u8, 0..3u32, 0..4u8, 0..400i64, 0..200i64).prop_map(
        |(file, part, id, start_s, elapsed_s)| Evidence {
            external_id: (id < 2).then(|| format!("strava:{id}")),
            // The same part of the same file is the same in all respects.
            ..evidence(
                &format!("file {file} {start_s} {elapsed_s}").repeat(usize::from(file > 0)),
                part,
                start_s,
                elapsed_s,
            )
        },
    );
    prop::collection::vec(one, 0..12).prop_map(|mut all| {
        let mut seen = BTreeSet::new();
        all.retain(|e| seen.insert((e.sha256.clone(), e.part)));
        all
    })
}

proptest! {
    /// Any order of the same recordings gives the same sets.
    #[test]
    fn order_does_not_matter(all in recordings().prop_flat_map(|all| {
        (Just(all.clone()), Just(all).prop_shuffle())
    })) {
        let (one, other) = all;
        let sets_of = |all: &[Evidence]| -> BTreeSet<BTreeSet<(String, u32)>> {
            let key = |i: &usize| (all[*i].sha256.clone(), all[*i].part);
            connect(all).iter().map(|set| set.members.iter().map(key).collect()).collect()
        };
        prop_assert_eq!(sets_of(&one), sets_of(&other));
    }

    /// Every recording is in exactly one set, no set holds two parts of one
    /// file, and without such parts the sets are the connected components that
    /// a naive closure finds.
    #[test]
    fn sets_are_the_closure_of_relations(all in recordings()) {
        let sets = connect(&all);
        let mut seen: Vec<usize> = sets.iter().flat_map(|set| set.members.clone()).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..all.len()).collect::<Vec<_>>());
        for set in &sets {
            let files: BTreeSet<&str> = set.members.iter().map(|m| &*all[*m].sha256).collect();
            prop_assert_eq!(files.len(), set.members.len());
        }
        let files: BTreeSet<&str> = all.iter().map(|e| &*e.sha256).collect();
        if files.len() == all.len() {
            let mut label: Vec<usize> = (0..all.len()).collect();
            for _ in 0..all.len() {
                for i in 0..all.len() {
                    for j in 0..all.len() {
                        if matches!(relation(&all[i], &all[j]), Relation::Same(_)) {
                            label[i] = label[i].min(label[j]);
                        }
                    }
                }
            }
            for set in &sets {
                for m in &set.members {
                    prop_assert_eq!(label[*m], set.members[0]);
                }
            }
        }
    }
}

#[test]
fn a_file_named_by_an_upload_is_what_the_api_tells_of_it() {
    let file = |upload: &str, start_s: i64| Evidence {
        upload_id: upload_named(upload).map(str::to_owned),
        ..evidence(upload, 0, start_s, 900)
    };
    let told = |upload: &str, id: &str| Evidence {
        upload_id: Some(upload.to_owned()),
        is_of_api: true,
        ..named(id, 90_000, 100, id)
    };
    let recordings = [
        file("12866632127.fit.gz", 0),
        told("12866632127", "strava:1"),
        // That files share a number says nothing.
        file("12866632127.gpx", 9_000),
        file("99999999.fit", 20_000),
        file("99999999.tcx", 30_000),
        file("activity.12866632127.fit", 40_000),
    ];
    let sets = connect(&recordings);
    assert_eq!(
        members(&recordings),
        [vec![0, 1, 2], vec![3], vec![4], vec![5]]
    );
    assert_eq!(sets[0].reason(1), "same upload 12866632127 at Strava");

    // Of two activities from one upload, time tells.
    let several = [
        file("12866632127.fit.gz", 90_000),
        told("12866632127", "strava:1"),
        told("12866632127", "strava:2"),
    ];
    let apart = Evidence {
        start_time_us: 500_000_000_000,
        ..several[2].clone()
    };
    let recordings = [several[0].clone(), several[1].clone(), apart];
    assert_eq!(members(&recordings), [vec![0, 1], vec![2]]);
    assert_eq!(upload_named("12866632127.fit.gz"), Some("12866632127"));
    for none in [
        "1.fit",
        "12866632127",
        "12866632127.json",
        "x12866632.fit",
        "",
    ] {
        assert_eq!(upload_named(none), None, "{none}");
    }
}

#[test]
fn what_was_parted_stays_apart_from_its_upload() {
    let parted = Evidence {
        upload_id: Some("12866632127".to_owned()),
        is_parted: true,
        ..evidence("file", 0, 0, 900)
    };
    let told = Evidence {
        upload_id: Some("12866632127".to_owned()),
        is_of_api: true,
        ..evidence("told", 0, 0, 900)
    };
    assert_eq!(members(&[parted, told]), [[0], [1]]);
}
