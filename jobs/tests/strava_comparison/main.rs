//! What Strava answered of real activities, beside what pacelake makes of the
//! same samples: totals, each split, each best effort.
//!
//! The answers go the way that a worker takes them: the document that is kept,
//! decoded, cleaned, identified, derived, committed; ours are then read from the
//! lake. By default `docs/strava-comparison.md` must say what comes out;
//! `make strava-comparison` writes its tables anew
//! (`PACELAKE_TEST_STRAVA_COMPARISON=write`).

#[path = "../home/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the tests share it"
)]
mod home;

mod answers;
mod lake;
mod pages;
mod pins;
mod rules;
mod stretches;
mod totals;

use std::path::{Path, PathBuf};

use answers::Answers;
use lake::Lake;

/// How the page is told to be written rather than compared.
const WRITE: &str = "PACELAKE_TEST_STRAVA_COMPARISON";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/strava-comparison.md")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_what_strava_s_answers_and_ours_come_to() {
    let all = answers::all();
    let lake = Lake::of(&all).await;
    let tables = [
        ("totals", totals::table(&all, &lake)),
        (
            "virtual-ride-km",
            splits(&all, &lake, answers::VIRTUAL_RIDE, "km"),
        ),
        (
            "virtual-ride-mile",
            splits(&all, &lake, answers::VIRTUAL_RIDE, "mile"),
        ),
        ("marathon-km", splits(&all, &lake, answers::MARATHON, "km")),
        (
            "marathon-mile",
            splits(&all, &lake, answers::MARATHON, "mile"),
        ),
        (
            "marathon-efforts",
            stretches::efforts(of(&all, answers::MARATHON), &lake),
        ),
        ("rules", rules::table(&all)),
    ];
    let written = std::fs::read_to_string(page()).unwrap();
    let computed = pages::with_tables(&written, &tables);
    if std::env::var(WRITE).is_ok_and(|how| how == "write") {
        std::fs::write(page(), &computed).unwrap();
        return;
    }
    assert!(
        written == computed,
        "docs/strava-comparison.md is not what comes out: `make strava-comparison` writes it\n{}",
        pages::first_difference(&written, &computed)
    );
}

fn splits(all: &[Answers], lake: &Lake, name: &str, unit: &str) -> String {
    stretches::splits(of(all, name), lake, unit)
}

fn of<'a>(all: &'a [Answers], name: &str) -> &'a Answers {
    let found = all.iter().find(|answers| answers.name == name);
    found.unwrap_or_else(|| panic!("no answers {name}"))
}

/// Where all samples are known, a split of Strava's is what lies between two of
/// them: ours differs by how late its two ends are, and by nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn splits_differ_by_their_ends_alone() {
    let all = answers::all();
    let lake = Lake::of(&all).await;
    let ride = of(&all, answers::VIRTUAL_RIDE);
    let mut seen = 0;
    for unit in ["km", "mile"] {
        for split in stretches::beside(ride, &lake, unit) {
            let late = split.ends_late_s - split.begins_late_s;
            let left = split.elapsed_difference_s() - late;
            assert!(
                left.abs() < 0.0015,
                "{unit} {}: {left} s are left",
                split.number
            );
            // A second lies between two samples; and our marks lie behind
            // Strava's by the metres at which the first sample stands.
            assert!(split.ends_late_s.abs() <= 1.2, "{unit} {}", split.number);
            seen += 1;
        }
    }
    assert_eq!(seen, 27 + 17);
}

/// All of what our moving time of the virtual ride has less are steps that are
/// slower than what counts as moving on a bicycle.
#[tokio::test(flavor = "multi_thread")]
async fn moving_time_differs_by_slow_steps() {
    let all = answers::all();
    let ride = of(&all, answers::VIRTUAL_RIDE);
    let distance = ride.stream("distance").unwrap();
    // A second each.
    let slow = distance.windows(2).filter(|two| two[1] - two[0] < 1.0);
    let ours = Lake::of(&all).await;
    let ours_s = ours.ours(ride).number("moving_s").unwrap();
    let theirs_s = ride.told("moving_time").unwrap();
    assert_eq!(theirs_s - ours_s, slow.count() as f64);
}

/// No effort of Strava's is faster than ours over the same metres by more than
/// what laying samples between pins may be off.
#[tokio::test(flavor = "multi_thread")]
async fn no_effort_of_strava_s_is_faster() {
    let all = answers::all();
    let lake = Lake::of(&all).await;
    let efforts = stretches::efforts_beside(of(&all, answers::MARATHON), &lake);
    let both: Vec<_> = efforts
        .iter()
        .filter_map(|effort| Some((effort.ours_s?, effort.theirs_s?, effort.name.as_str())))
        .collect();
    assert_eq!(both.len(), 7, "{both:?}");
    for (ours_s, theirs_s, name) in both {
        assert!(
            ours_s <= theirs_s + 1.0,
            "{name}: {ours_s} s, {theirs_s} s at Strava"
        );
        if name != "Marathon" {
            assert!(
                theirs_s - ours_s < 8.0,
                "{name}: {ours_s} s, {theirs_s} s at Strava"
            );
        }
    }
}
