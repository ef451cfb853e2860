//! Straight from Strava: what it lists now, and its splits beside ours.

use ::strava::{List, Summary};
use futures::FutureExt;
use jiff::Timestamp;
use query::Session;
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

/// Distances that differ by less are one: Strava rounds an effort's to the
/// metre, and a split's to 0.1 m.
const SAME_M: f64 = 0.051;
/// Strava's distances of efforts in whole metres, where ours are exact.
const SAME_EFFORT_M: f64 = 5.0;
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
        let their_splits = match unit {
            "mile" => theirs.splits_standard,
            _ => theirs.splits_metric,
        };
        Ok(Comparison {
            activity_id: pointer.key.activity_id,
            strava_id,
            unit: unit.to_owned(),
            splits: beside_splits(&splits, &their_splits.unwrap_or_default()),
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

fn beside_splits(ours: &[Ours], theirs: &[Stretch]) -> Vec<Beside> {
    let last = ours.len().max(theirs.len());
    let number = |place: usize| i32::try_from(place + 1).unwrap_or(i32::MAX);
    let row = |place: usize| {
        let mine = ours.iter().find(|one| one.split == number(place));
        let mut numbered = theirs.iter().filter(|one| one.split.is_some());
        let yours = numbered
            .find(|one| one.split == Some(number(place)))
            .or_else(|| theirs.get(place));
        beside(number(place), mine, yours, SAME_M)
    };
    (0..last).map(row).collect()
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
            beside(0, Some(mine), yours, SAME_EFFORT_M)
        })
        .collect();
    let lonely = theirs
        .iter()
        .filter(|yours| !ours.iter().any(|mine| is_same(mine, yours)));
    rows.extend(lonely.map(|yours| beside(0, None, Some(yours), SAME_EFFORT_M)));
    let metres = |row: &Beside| row.distance_m.or(row.strava_distance_m).unwrap_or_default();
    rows.sort_by(|a, b| metres(a).total_cmp(&metres(b)));
    rows
}

fn beside(number: i32, mine: Option<&Ours>, yours: Option<&Stretch>, same_m: f64) -> Beside {
    let distance_m = mine.map(|mine| mine.distance_m);
    let elapsed_s = mine.map(|mine| mine.elapsed_s);
    let strava_distance_m = yours.and_then(|yours| yours.distance);
    let strava_elapsed_s = yours.and_then(|yours| yours.elapsed_time);
    let difference = strava_elapsed_s.zip(elapsed_s);
    // To the ms, as stored times are.
    let difference = difference.map(|(theirs, ours)| ((theirs - ours) * 1000.0).round() / 1000.0);
    let longer = strava_distance_m.zip(distance_m);
    let why = match (longer.map(|(theirs, ours)| theirs - ours), difference) {
        (None, _) if mine.is_some() => "Strava has none".to_owned(),
        (None, _) => "only Strava has it".to_owned(),
        (Some(longer), _) if longer.abs() > same_m => format!(
            "Strava's ends on a sample, {:.1} m {}; ours at the exact distance, between samples",
            longer.abs(),
            if longer > 0.0 { "later" } else { "earlier" }
        ),
        (Some(_), Some(difference)) if difference.abs() <= SAME_S => {
            "the same to the second, which is as much as Strava tells".to_owned()
        }
        (Some(_), Some(_)) => "Strava's begins and ends on samples; ours at the exact distance, \
             between samples"
            .to_owned(),
        (Some(_), None) => "one of them has no time".to_owned(),
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
        let rows = beside_splits(&ours, &theirs);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].elapsed_difference_s, Some(0.9));
        assert!(rows[0].why.contains("2.8 m later"), "{}", rows[0].why);
        assert_eq!(rows[1].elapsed_s, Some(130.0));
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
    }
}
