//! Several recordings of one activity become one: the best one's streams,
//! Strava's words, and from the others what is missing.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::clean::Clean;
use crate::distance;
use crate::finding::{Finding, FindingKind};
use crate::recording::{Claims, Format};
use crate::sport;

/// Strava shows a crop where its elapsed time is shorter by over so many ms
/// and by over one part in [`CROP_SHARE`].
const CROP_MS: i64 = 30_000;
const CROP_SHARE: i64 = 50;

/// One recording of an activity.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// SHA-256 of its file, in hex.
    pub sha256: String,
    /// Which of the file's recordings, from 0.
    pub part: u32,
    /// What cleaning made of it.
    pub clean: Arc<Clean>,
}

/// An activity out of its recordings.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The winner's samples, with the words of all; of an only recording, that
    /// recording itself.
    pub clean: Arc<Clean>,
    /// The winner's file.
    pub sha256: String,
    /// The winner's part of it.
    pub part: u32,
    /// Why it won, in one sentence without full stop.
    pub rule: String,
}

/// Merges the recordings of one activity; their order does not matter.
///
/// Streams come from a recording that has samples before one that has none,
/// then from FIT, TCX, GPX, Strava's API, its archive in this order, then from
/// the one with more values, then from the lesser SHA-256. Strava gives name,
/// description, sport, gear and visibility: its API before its archive, since
/// what the API told is fetched anew when it changes and an archive is of one
/// day; the others, best first, give what is missing then.
/// Totals that a source claims stay those of the winner.
///
/// # Panics
/// Where there is no recording at all.
pub fn merge(candidates: &[Candidate]) -> Merged {
    let mut ranked: Vec<&Candidate> = candidates.iter().collect();
    ranked.sort_by_key(|candidate| rank(candidate));
    let winner = *ranked.first().expect("an activity has a recording");
    let mut merged = Merged {
        clean: Arc::clone(&winner.clean),
        sha256: winner.sha256.clone(),
        part: winner.part,
        rule: rule(winner, ranked.get(1).copied()),
    };
    // There is nobody to learn from; and samples are many.
    if ranked.len() == 1 {
        return merged;
    }
    let clean = Arc::make_mut(&mut merged.clean);

    let mut strava: Vec<&Clean> = ranked
        .iter()
        .map(|candidate| &*candidate.clean)
        .filter(|clean| is_strava(clean.format))
        .collect();
    // Stable: of two of the API the better one stays the first.
    strava.sort_by_key(|clean| clean.format);
    let others: Vec<&Clean> = ranked.iter().map(|candidate| &*candidate.clean).collect();
    name(&mut clean.claims, &strava, &others);
    take_sport(clean, &strava);
    let crop = strava.iter().find_map(|shown| cropped(clean, shown));
    clean.findings.extend(crop);
    clean
        .findings
        .sort_by_key(|finding| (finding.kind, finding.samples));
    merged
}

/// Whether what it says is what its owner said at Strava.
fn is_strava(format: Format) -> bool {
    match format {
        Format::StravaApi | Format::StravaArchive => true,
        Format::Fit | Format::Tcx | Format::Gpx => false,
    }
}

type Rank<'a> = (bool, Format, Reverse<i64>, &'a str, u32);

/// Less is better.
fn rank(candidate: &Candidate) -> Rank<'_> {
    let clean = &candidate.clean;
    (
        clean.t_ms.is_empty(),
        clean.format,
        Reverse(clean.non_null_values),
        &candidate.sha256,
        candidate.part,
    )
}

fn rule(winner: &Candidate, next: Option<&Candidate>) -> String {
    let Some(next) = next else {
        return "the only recording".to_owned();
    };
    let (won, lost) = (&winner.clean, &next.clean);
    let (won_name, lost_name) = (won.format.name(), lost.format.name());
    if won.t_ms.is_empty() != lost.t_ms.is_empty() {
        return format!("{won_name} has samples, {lost_name} has none");
    }
    if won.format != lost.format {
        return format!("{won_name} comes before {lost_name}");
    }
    if won.non_null_values != lost.non_null_values {
        return format!(
            "of two {won_name} recordings the one with more values: {} against {}",
            won.non_null_values, lost.non_null_values
        );
    }
    format!("of two equal {won_name} recordings the one with the lesser SHA-256")
}

/// Fills the winner's words: Strava's first, then what all others have.
fn name(claims: &mut Claims, strava: &[&Clean], others: &[&Clean]) {
    fn first<T: Clone>(sources: &[&Clean], of: impl Fn(&Claims) -> &Option<T>) -> Option<T> {
        sources.iter().find_map(|clean| of(&clean.claims).clone())
    }
    macro_rules! fill {
        ($sources:expr, $($field:ident),+) => {
            $(claims.$field = first($sources, |claims| &claims.$field).or(claims.$field.take());)+
        };
    }
    // The winner is the first of the others: what it has, it keeps.
    fill!(others, name, description, gear, commute, visibility);
    fill!(
        others,
        device,
        calories_kcal,
        time_zone,
        utc_offset_s,
        external_id,
        upload_id
    );
    fill!(strava, name, description, gear, commute, visibility);
}

/// Strava's sport counts, since its owner may have put it right; but where it
/// says no more than the family, a recording's finer word of that family stays.
fn take_sport(clean: &mut Clean, strava: &[&Clean]) {
    let said = strava.iter().find(|shown| shown.sport_detail != "other");
    let Some(shown) = said else { return };
    let finer_already =
        sport::is_coarse(&shown.sport_detail) && shown.sport.family == clean.sport.family;
    if finer_already {
        clean.sport.indoor |= shown.sport.indoor;
        return;
    }
    let indoor = clean.sport.indoor && clean.sport.family == shown.sport.family;
    let family_changes = clean.sport.family != shown.sport.family;
    clean.sport = shown.sport;
    clean.sport.indoor |= indoor;
    clean.sport_detail.clone_from(&shown.sport_detail);
    if family_changes {
        // Other limits hold now.
        clean
            .findings
            .retain(|finding| finding.kind != FindingKind::Jump);
        let jumps = distance::jumps(clean.sport, &clean.t_ms, &clean.distance_cm);
        clean.findings.extend(jumps);
    }
}

/// The archive holds the original where Strava shows a crop: what it shows is
/// then clearly shorter than the recording, in time and not longer in distance.
fn cropped(clean: &Clean, shown: &Clean) -> Option<Finding> {
    if clean.t_ms.is_empty() {
        return None;
    }
    shown.claims.elapsed_s?;
    let (ours_ms, shown_ms) = (clean.elapsed_ms(), shown.elapsed_ms());
    let missing_ms = ours_ms - shown_ms;
    let ours_cm = clean.distance_cm.last().map(|cm| *cm as f64);
    let shown_cm = shown.claims.distance_m.map(|metres| metres * 100.0);
    let is_longer = ours_cm
        .zip(shown_cm)
        .is_some_and(|(ours, shown)| shown > ours * 1.02);
    let is_crop = shown_ms > 0 && missing_ms > CROP_MS.max(ours_ms / CROP_SHARE) && !is_longer;
    is_crop.then(|| Finding {
        kind: FindingKind::CroppedAtStrava,
        samples: None,
        size: Some(missing_ms as f64 / 1000.0),
        action: format!(
            "the whole recording counts: {} s where Strava shows {} s",
            ours_ms as f64 / 1000.0,
            shown_ms as f64 / 1000.0
        ),
    })
}

#[cfg(test)]
mod tests;
