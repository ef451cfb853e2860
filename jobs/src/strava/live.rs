//! Straight from Strava: what it lists now, and its splits beside ours.

use ::strava::{List, Summary};
use futures::FutureExt;
use jiff::Timestamp;
use query::Session;
use query::derived::splits::kernel::SplitUnit;
use query::read::parts;
use serde::{Deserialize, Serialize};
use storage::catalog::Pointer;
use storage::{ActivityId, AthleteId};

use super::budget::Purpose;
use super::service::Service;
use crate::error::Error;

/// An activity as Strava lists it now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveActivity {
    /// Its id at Strava.
    pub strava_id: i64,
    /// Which activity it is here, where it is.
    pub activity_id: Option<ActivityId>,
    /// Its name.
    pub name: String,
    /// Its sport, in Strava's words.
    pub sport_type: String,
    /// When it began.
    pub start_time: Timestamp,
    /// How far.
    pub distance_m: Option<f64>,
    /// How long, stops included.
    pub elapsed_s: Option<i64>,
    /// How long by Strava's own rule of what moves.
    pub moving_s: Option<i64>,
    /// Who may see it there.
    pub visibility: String,
    /// Whether it was written down by hand.
    pub manual: bool,
}

/// A stretch of one activity, by us and by Strava.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Beside {
    /// Which: a split's number, or 0 for a best effort.
    pub number: i32,
    /// How long ours is.
    pub distance_m: Option<f64>,
    /// Our time over it.
    pub elapsed_s: Option<f64>,
    /// How long Strava's is.
    pub strava_distance_m: Option<f64>,
    /// Strava's time over it, in whole seconds.
    pub strava_elapsed_s: Option<f64>,
    /// By how much Strava's takes longer.
    pub elapsed_difference_s: Option<f64>,
    /// Why they differ.
    pub why: String,
}

/// One activity's splits and best efforts, by us and by Strava.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The activity here.
    pub activity_id: ActivityId,
    /// The activity there.
    pub strava_id: i64,
    /// `km` or `mile`.
    pub unit: String,
    /// Splits, in order.
    pub splits: Vec<Beside>,
    /// Best efforts, by distance.
    pub best_efforts: Vec<Beside>,
}

/// What Strava's answer has of splits and efforts.
#[derive(Debug, Default, Deserialize)]
struct Theirs {
    #[serde(default)]
    splits_metric: Option<Vec<Stretch>>,
    #[serde(default)]
    splits_standard: Option<Vec<Stretch>>,
    #[serde(default)]
    best_efforts: Option<Vec<Stretch>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Stretch {
    distance: Option<f64>,
    elapsed_time: Option<f64>,
    split: Option<i32>,
}

/// A stretch of ours.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Ours {
    #[serde(default)]
    split: i32,
    distance_m: f64,
    elapsed_s: f64,
}

/// Distances that differ by less are one: Strava tells a split's to 0.1 m.
const SAME_M: f64 = 0.051;
/// The same of efforts: 10 miles are 3.44 m longer than Strava tells them, and
/// its half mile is 5 m longer than our 800 m.
const SAME_EFFORT_M: f64 = 4.0;
/// Strava's times are whole seconds.
const SAME_S: f64 = 0.5;

impl Service {
    /// A page of the athlete's activities as Strava lists them now, newest
    /// first.
    ///
    /// # Errors
    /// Where Strava or the catalog fail, or the limits are used.
    pub async fn live(
        &self,
        athlete_id: AthleteId,
        page: u32,
        per_page: u32,
    ) -> Result<Vec<LiveActivity>, Error> {
        let list = List {
            page,
            per_page,
            ..List::default()
        };
        let listed = self.list(athlete_id, Purpose::Poll, list).await;
        let listed = listed.map_err(|halt| halt.into_error(athlete_id))?;
        let external: Vec<String> = listed.iter().map(|one| external_id(one.id)).collect();
        let catalog = &self.context.storage.catalog;
        let sources = catalog
            .sources_by_external_id(athlete_id, &external)
            .await?;
        let of = |summary: &Summary| {
            let id = external_id(summary.id);
            let mut sources = sources.iter();
            let source = sources.find(|source| source.external_id.as_ref() == Some(&id));
            source.map(|source| source.activity_id)
        };
        let live = |summary: &Summary| LiveActivity {
            strava_id: summary.id,
            activity_id: of(summary),
            name: summary.name.clone(),
            sport_type: summary.sport_type.clone(),
            start_time: summary.start_date,
            distance_m: summary.distance_m,
            elapsed_s: summary.elapsed_time_s,
            moving_s: summary.moving_time_s,
            visibility: summary.visibility.as_str().to_owned(),
            manual: summary.manual,
        };
        Ok(listed.iter().map(live).collect())
    }

    /// The id at Strava of one of our activities.
    ///
    /// # Errors
    /// [`Error::NotFromStrava`] where it has none.
    pub async fn strava_id(
        &self,
        athlete_id: AthleteId,
        activity_id: ActivityId,
    ) -> Result<i64, Error> {
        let catalog = &self.context.storage.catalog;
        let sources = catalog.sources_of(athlete_id, &[activity_id]).await?;
        let mut ids = sources.iter().filter_map(|source| {
            let id = source.external_id.as_deref()?.strip_prefix("strava:")?;
            id.parse().ok()
        });
        ids.next().ok_or(Error::NotFromStrava(activity_id))
    }

    /// Strava's splits and best efforts of an activity beside ours.
    ///
    /// # Errors
    /// [`Error::NotFromStrava`], where Strava fails, or the limits are used.
    pub async fn beside(
        &self,
        session: &Session,
        pointer: Pointer,
        unit: &str,
    ) -> Result<Comparison, Error> {
        let athlete_id = pointer.key.athlete_id;
        let splits = ours(&parts::splits(session, pointer.key, unit).await?)?;
        let efforts = ours(&parts::best_efforts(session, pointer.key).await?)?;
        let strava_id = self.strava_id(athlete_id, pointer.key.activity_id).await?;
        let activity = self
            .read(athlete_id, Purpose::Poll, &move |client, token| {
                async move { client.activity(&token, strava_id).await }.boxed()
            })
            .await
            .map_err(|halt| halt.into_error(athlete_id))?;
        let theirs: Theirs = serde_json::from_slice(&activity).map_err(|_| unreadable())?;
        let (their_splits, cut) = match unit {
            "mile" => (theirs.splits_standard, SplitUnit::Mile),
            _ => (theirs.splits_metric, SplitUnit::Kilometre),
        };
        Ok(Comparison {
            activity_id: pointer.key.activity_id,
            strava_id,
            unit: unit.to_owned(),
            splits: beside_splits(&splits, &their_splits.unwrap_or_default(), cut),
            best_efforts: beside_efforts(&efforts, &theirs.best_efforts.unwrap_or_default()),
        })
    }
}

/// The name that identity has for an activity of Strava.
pub fn external_id(strava_id: i64) -> String {
    format!("strava:{strava_id}")
}

fn unreadable() -> Error {
    Error::StravaUnreadable {
        code: storage::Code::StravaUnavailable,
        reason: "its splits are not what they should be".to_owned(),
    }
}

fn ours(rows: &query::Rows) -> Result<Vec<Ours>, Error> {
    let values = query::output::values(rows)?;
    let mut ours = Vec::with_capacity(values.len());
    for value in values {
        ours.push(serde_json::from_value(value)?);
    }
    Ok(ours)
}

/// Splits of one number stand beside each other. Strava's follow each other
/// without a gap, so that what is before one says where it begins.
fn beside_splits(ours: &[Ours], theirs: &[Stretch], unit: SplitUnit) -> Vec<Beside> {
    let length_m = unit.length_mm() as f64 / 1000.0;
    let last = ours.len().max(theirs.len());
    let mut rows = Vec::with_capacity(last);
    let mut strava_end_m = Some(0.0);
    for place in 0..last {
        let number = i32::try_from(place + 1).unwrap_or(i32::MAX);
        let mine = ours.iter().find(|one| one.split == number);
        let yours = theirs
            .iter()
            .find(|one| one.split == Some(number))
            .or_else(|| theirs.get(place).filter(|one| one.split.is_none()));
        let strava_start_m = strava_end_m;
        let strava_length_m = yours.and_then(|yours| yours.distance);
        strava_end_m = strava_start_m
            .zip(strava_length_m)
            .map(|(start, length)| start + length);
        let start_m = place as f64 * length_m;
        let end_m = start_m + mine.map_or(length_m, |mine| mine.distance_m);
        let is_last_of_both = place + 1 == ours.len() && place + 1 == theirs.len();
        let late = strava_start_m.zip(strava_end_m).map(|(start, end)| Late {
            start_m: start - start_m,
            end_m: (!is_last_of_both).then_some(end - end_m),
        });
        let why = |_: f64, difference| why_of_split(late, difference);
        rows.push(beside(number, mine, yours, why));
    }
    rows
}

/// By how many metres a split of Strava's lies behind ours.
#[derive(Clone, Copy)]
struct Late {
    start_m: f64,
    /// `None` where both end with the activity.
    end_m: Option<f64>,
}

/// A split of Strava's ends on the first sample at or past the mark, and the next
/// begins there: its length alone does not say where it lies.
fn why_of_split(late: Option<Late>, difference: Option<f64>) -> String {
    // Without one before it nobody knows where it begins.
    let Some(Late { start_m, end_m }) = late else {
        return why_of_times(difference);
    };
    match (aside(start_m), end_m.map(aside)) {
        (Some(start), Some(Some(end))) => format!(
            "Strava's begins on a sample, {start}, and ends on one, {end}; ours at the exact \
             distance, between samples"
        ),
        (Some(start), Some(None)) => format!(
            "Strava's begins on a sample, {start}; ours at the exact distance, between samples"
        ),
        (None, Some(Some(end))) => {
            format!("Strava's ends on a sample, {end}; ours at the exact distance, between samples")
        }
        (Some(start), None) => format!(
            "both end with the activity; Strava's begins on a sample, {start}, ours at the exact \
             distance, between samples"
        ),
        (None, None) if difference.is_some_and(|difference| difference.abs() > SAME_S) => {
            "both begin at the same distance and end with the activity".to_owned()
        }
        (None, None | Some(None)) => why_of_times(difference),
    }
}

/// Where a place of Strava's is, seen from ours; `None` where they are one.
fn aside(metres: f64) -> Option<String> {
    let way = if metres > 0.0 { "later" } else { "earlier" };
    (metres.abs() > SAME_M).then(|| format!("{:.1} m {way}", metres.abs()))
}

/// Efforts of one distance stand beside each other; Strava rounds distances to
/// the metre, and 10 miles are 16,090.
fn beside_efforts(ours: &[Ours], theirs: &[Stretch]) -> Vec<Beside> {
    let is_same = |mine: &Ours, yours: &Stretch| {
        yours
            .distance
            .is_some_and(|metres| (metres - mine.distance_m).abs() <= SAME_EFFORT_M)
    };
    let mut rows: Vec<Beside> = ours
        .iter()
        .map(|mine| {
            let yours = theirs.iter().find(|yours| is_same(mine, yours));
            beside(0, Some(mine), yours, why_of_effort)
        })
        .collect();
    let lonely = theirs
        .iter()
        .filter(|yours| !ours.iter().any(|mine| is_same(mine, yours)));
    rows.extend(lonely.map(|yours| beside(0, None, Some(yours), why_of_effort)));
    let metres = |row: &Beside| row.distance_m.or(row.strava_distance_m).unwrap_or_default();
    rows.sort_by(|a, b| metres(a).total_cmp(&metres(b)));
    rows
}

fn why_of_effort(longer_m: f64, difference: Option<f64>) -> String {
    let times = why_of_times(difference);
    if longer_m.abs() <= SAME_M {
        return times;
    }
    let way = if longer_m > 0.0 { "longer" } else { "shorter" };
    format!(
        "Strava's distance is {:.1} m {way}; {times}",
        longer_m.abs()
    )
}

/// Why two times over the same stretch differ.
fn why_of_times(difference: Option<f64>) -> String {
    let why = match difference {
        Some(difference) if difference.abs() <= SAME_S => {
            "the same to the second, which is as much as Strava tells"
        }
        Some(_) => {
            "Strava's begins and ends on samples; ours at the exact distance, between samples"
        }
        None => "one of them has no time",
    };
    why.to_owned()
}

/// A row; `why` says of two stretches by how many metres Strava's is longer and
/// by how many seconds it takes longer why they differ.
fn beside(
    number: i32,
    mine: Option<&Ours>,
    yours: Option<&Stretch>,
    why: impl FnOnce(f64, Option<f64>) -> String,
) -> Beside {
    let distance_m = mine.map(|mine| mine.distance_m);
    let elapsed_s = mine.map(|mine| mine.elapsed_s);
    let strava_distance_m = yours.and_then(|yours| yours.distance);
    let strava_elapsed_s = yours.and_then(|yours| yours.elapsed_time);
    let difference = strava_elapsed_s.zip(elapsed_s);
    // To the ms, as stored times are.
    let difference = difference.map(|(theirs, ours)| ((theirs - ours) * 1000.0).round() / 1000.0);
    let why = match (distance_m, strava_distance_m) {
        (Some(ours), Some(theirs)) => why(theirs - ours, difference),
        (Some(_), None) => "Strava has none".to_owned(),
        (None, _) => "only Strava has it".to_owned(),
    };
    Beside {
        number,
        distance_m,
        elapsed_s,
        strava_distance_m,
        strava_elapsed_s,
        elapsed_difference_s: difference,
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mine(split: i32, distance_m: f64, elapsed_s: f64) -> Ours {
        Ours {
            split,
            distance_m,
            elapsed_s,
        }
    }

    fn yours(split: Option<i32>, distance: f64, elapsed: f64) -> Stretch {
        Stretch {
            distance: Some(distance),
            elapsed_time: Some(elapsed),
            split,
        }
    }

    #[test]
    fn splits_stand_beside_each_other_by_number() {
        let ours = [mine(1, 1000.0, 299.1), mine(2, 412.3, 130.0)];
        let theirs = [yours(Some(1), 1002.8, 300.0), yours(Some(3), 5.0, 2.0)];
        let rows = beside_splits(&ours, &theirs, SplitUnit::Kilometre);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].elapsed_difference_s, Some(0.9));
        assert!(rows[0].why.contains("2.8 m later"), "{}", rows[0].why);
        assert_eq!(rows[1].elapsed_s, Some(130.0));
        assert_eq!(rows[1].why, "Strava has none");
    }

    fn numbered(lengths: &[f64]) -> Vec<Stretch> {
        let lengths = lengths.iter().zip(1..);
        lengths
            .map(|(length, number)| yours(Some(number), *length, 301.0))
            .collect()
    }

    /// Why each of Strava's splits differs from ours, of which there are as many.
    fn whys(theirs: &[Stretch], unit: SplitUnit, total_m: f64) -> Vec<String> {
        let length_m = unit.length_mm() as f64 / 1000.0;
        let ours = (0..theirs.len()).map(|place| {
            let left_m = total_m - place as f64 * length_m;
            mine(place as i32 + 1, length_m.min(left_m), 300.0)
        });
        let ours: Vec<Ours> = ours.collect();
        let rows = beside_splits(&ours, theirs, unit);
        rows.into_iter().map(|row| row.why).collect()
    }

    #[test]
    fn a_split_lies_where_those_before_it_end() {
        let theirs = numbered(&[1002.3, 999.7, 998.7, 999.3, 411.0]);
        assert_eq!(
            whys(&theirs, SplitUnit::Kilometre, 4411.0),
            [
                "Strava's ends on a sample, 2.3 m later; ours at the exact distance, between \
                 samples",
                "Strava's begins on a sample, 2.3 m later, and ends on one, 2.0 m later; ours at \
                 the exact distance, between samples",
                "Strava's begins on a sample, 2.0 m later, and ends on one, 0.7 m later; ours at \
                 the exact distance, between samples",
                "Strava's begins on a sample, 0.7 m later; ours at the exact distance, between \
                 samples",
                "both begin at the same distance and end with the activity",
            ]
        );
        let theirs = numbered(&[1002.3, 999.7, 400.0]);
        assert_eq!(
            whys(&theirs, SplitUnit::Kilometre, 2402.0)[2],
            "both end with the activity; Strava's begins on a sample, 2.0 m later, ours at the \
             exact distance, between samples"
        );
        let theirs = numbered(&[1609.9, 1611.4, 10.0]);
        let miles = whys(&theirs, SplitUnit::Mile, 3231.3);
        assert!(miles[1].contains("0.6 m later, and ends on one, 2.6 m later"));
    }

    #[test]
    fn no_split_that_strava_answered_ends_before_the_mark() {
        let answer = include_str!("../../../pipeline/tests/captured/ruby-marathon.json");
        let marathon: Theirs = serde_json::from_str(answer).unwrap();
        for (theirs, unit) in [
            (marathon.splits_metric, SplitUnit::Kilometre),
            (marathon.splits_standard, SplitUnit::Mile),
        ] {
            let whys = whys(&theirs.unwrap(), unit, 42_268.1);
            let (last, whole) = whys.split_last().unwrap();
            assert!(last.starts_with("both end with the activity; "), "{last}");
            assert!(whole.len() > 25);
            for why in whole {
                let is_late = why.contains(" m later; ours") && !why.contains("earlier");
                assert!(is_late, "{why}");
            }
        }
    }

    #[test]
    fn efforts_stand_beside_each_other_by_distance() {
        let ours = [mine(0, 400.0, 80.2), mine(0, 1609.344, 400.0)];
        let theirs = [
            yours(None, 1609.0, 401.0),
            yours(None, 805.0, 190.0),
            yours(None, 400.0, 80.0),
        ];
        let rows = beside_efforts(&ours, &theirs);
        let distances: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    row.distance_m,
                    row.strava_distance_m,
                    row.elapsed_difference_s,
                )
            })
            .collect();
        assert_eq!(
            distances,
            [
                (Some(400.0), Some(400.0), Some(-0.2)),
                (None, Some(805.0), None),
                (Some(1609.344), Some(1609.0), Some(1.0)),
            ]
        );
        assert_eq!(rows[1].why, "only Strava has it");
        assert!(rows[0].why.starts_with("the same"));
        assert_eq!(
            rows[2].why,
            "Strava's distance is 0.3 m shorter; Strava's begins and ends on samples; ours at the \
             exact distance, between samples"
        );
    }

    #[test]
    fn only_what_strava_rounds_is_one_distance() {
        let ours = [mine(0, 800.0, 180.0), mine(0, 16_093.44, 4_599.2)];
        let theirs = [yours(None, 805.0, 182.0), yours(None, 16_090.0, 4_599.0)];
        let rows = beside_efforts(&ours, &theirs);
        let whys: Vec<&str> = rows.iter().map(|row| row.why.as_str()).collect();
        assert_eq!(
            whys,
            [
                "Strava has none",
                "only Strava has it",
                "Strava's distance is 3.4 m shorter; the same to the second, which is as much as \
                 Strava tells",
            ]
        );
    }
}
