//! Efforts that do not count, each with what bars it.

use arrow::array::{AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion::prelude::{DataFrame, col};
use serde::Serialize;
use serde_json::Value;
use storage::catalog::{Correct, Correction};
use storage::sport::Sport;
use storage::{ActivityKey, AthleteId};

use super::ranks::Filter;
use super::{is_athlete, parts, streams};
use crate::activity::masked_samples;
use crate::derived::best_efforts::REFUSED_EFFORTS_TABLE;
use crate::downsample::Resolution;
use crate::error::Error;
use crate::explain::one_batch;
use crate::local::LocalTime;
use crate::output::values;
use crate::point::rows_of;
use crate::session::{Rows, Session};

/// How many jumps of one effort are told.
const JUMPS: usize = 5;

/// An effort that a jump or a mask kept out of `best_efforts`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Refused {
    /// Over which distance, in m.
    pub distance_m: f64,
    /// How long it would have taken.
    pub elapsed_s: f64,
    /// When it begins, since the activity's first sample.
    pub start_offset_s: f64,
    /// When it ends.
    pub end_offset_s: f64,
    /// The sample at or before its start, from 0.
    pub first_sample: usize,
    /// The sample at or after its end.
    pub last_sample: usize,
    /// `jump`, `mask` or `jump_and_mask`.
    pub cause: String,
    /// Each thing that bars it, such as `41 m in 1 s at 12:04:10`.
    pub because: Vec<String>,
}

/// The refused efforts of one activity, shortest distance first; `corrections`
/// are those that hold.
///
/// # Errors
/// The session's.
pub async fn refused(
    session: &Session,
    key: ActivityKey,
    corrections: &[Correction],
) -> Result<Vec<Refused>, Error> {
    let rows = values(&parts::refused_efforts(session, key).await?)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let recorded = Recorded::read(session, key).await?;
    let masks: Vec<((usize, usize), String)> = corrections
        .iter()
        .filter_map(|one| recorded.mask(one))
        .collect();
    let refused = rows.iter().map(|row| {
        let number = |name: &str| row[name].as_f64().unwrap_or_default();
        let sample = |name: &str| row[name].as_u64().unwrap_or_default() as usize;
        let (first, last) = (sample("first_sample"), sample("last_sample"));
        let mut because = recorded.jumps(first, last);
        let overlapping = masks.iter().filter(|((a, b), _)| *a < last && *b > first);
        because.extend(overlapping.map(|(_, text)| text.clone()));
        Refused {
            distance_m: number("distance_m"),
            elapsed_s: number("elapsed_s"),
            start_offset_s: number("start_offset_s"),
            end_offset_s: number("end_offset_s"),
            first_sample: first,
            last_sample: last,
            cause: row["cause"].as_str().unwrap_or_default().to_owned(),
            because,
        }
    });
    Ok(refused.collect())
}

/// A refused effort that would be an athlete's best.
#[derive(Clone, Debug, PartialEq)]
pub struct Better {
    /// Of which sport.
    pub sport: String,
    /// Over which distance, in m.
    pub distance_m: f64,
    /// How long it would have taken.
    pub elapsed_s: f64,
    /// In which activity.
    pub activity_id: i64,
}

/// The refused efforts that would be first where `ranked` was asked for by
/// `filter`, one a sport and distance. Of all time only: another window has
/// none.
///
/// # Errors
/// The session's.
pub async fn better(
    session: &Session,
    athlete: AthleteId,
    filter: &Filter,
    ranked: &Rows,
) -> Result<Vec<Better>, Error> {
    if filter.window != "all" {
        return Ok(Vec::new());
    }
    let ranked: Vec<Better> = values(ranked)?.iter().map(Better::of).collect();
    let theirs = is_athlete(athlete);
    let order = ["sport", "distance_m", "elapsed_s", "activity_id"];
    let by = order.map(|name| col(name).sort(true, false)).to_vec();
    let plan = |table: DataFrame| table.filter(theirs)?.select_columns(&order)?.sort(by);
    let refused = session.read_table(REFUSED_EFFORTS_TABLE.name, plan).await?;
    let mut better: Vec<Better> = values(&refused)?.iter().map(Better::of).collect();
    better.retain(|one| {
        filter
            .sport
            .as_ref()
            .is_none_or(|sport| *sport == one.sport)
            && filter
                .distance_m
                .is_none_or(|metres| metres == one.distance_m)
    });
    // The fastest of each stands first.
    better.dedup_by(|later, first| first.is_like(later));
    better.retain(|one| {
        let mut faster = ranked.iter().filter(|ranked| ranked.is_like(one));
        faster.all(|ranked| one.elapsed_s < ranked.elapsed_s)
    });
    Ok(better)
}

impl Better {
    fn is_like(&self, other: &Self) -> bool {
        self.sport == other.sport && self.distance_m == other.distance_m
    }

    fn of(row: &Value) -> Self {
        let number = |name: &str| row[name].as_f64().unwrap_or_default();
        Self {
            sport: row["sport"].as_str().unwrap_or_default().to_owned(),
            distance_m: number("distance_m"),
            elapsed_s: number("elapsed_s"),
            activity_id: row["activity_id"].as_i64().unwrap_or_default(),
        }
    }
}

/// What says where jumps are.
struct Recorded {
    start_time_us: i64,
    sport: Sport,
    local: LocalTime,
    t_ms: Vec<i64>,
    distance_cm: Vec<i64>,
}

impl Recorded {
    async fn read(session: &Session, key: ActivityKey) -> Result<Self, Error> {
        let malformed = |problem: &str| Error::Malformed {
            table: "activities",
            problem: format!("activity {}: {problem}", key.activity_id),
        };
        let columns = ["sport", "utc_offset_s"];
        let rows = rows_of(session, "activities", Some(&columns), &[key]).await?;
        let rows = one_batch(&rows, "activities")?;
        if rows.num_rows() != 1 {
            return Err(malformed("it has no row"));
        }
        // Readers hand out text as views.
        let sport = cast(&rows["sport"], &DataType::Utf8);
        let sport = sport.map_err(|error| malformed(&error.to_string()))?;
        let sport: &StringArray = sport.as_string();
        let sport =
            Sport::named(sport.value(0)).ok_or_else(|| malformed("its sport is unknown"))?;
        let offset = rows["utc_offset_s"].as_primitive::<Int32Type>().value(0);
        let channels = ["t_ms", "distance_cm"];
        let samples = streams::streams(session, key, &channels, Resolution::Full).await?;
        let samples = one_batch(&streams::by_sample(&samples)?, "streams")?;
        let channel = |name: &str| samples[name].as_primitive::<Int64Type>();
        Ok(Self {
            start_time_us: key.start_time_us,
            sport,
            local: LocalTime::new(offset),
            t_ms: channel("t_ms").values().to_vec(),
            distance_cm: channel("distance_cm").values().to_vec(),
        })
    }

    fn jumps(&self, first: usize, last: usize) -> Vec<String> {
        let (t, d) = (&self.t_ms, &self.distance_cm);
        let last = last.min(t.len().saturating_sub(1));
        let steps = (first..last).filter(|&step| {
            let (ms, cm) = (t[step + 1] - t[step], d[step + 1] - d[step]);
            self.sport.is_jump(ms, cm)
        });
        let steps: Vec<usize> = steps.collect();
        let told = steps.iter().take(JUMPS).map(|&step| {
            let (ms, cm) = (t[step + 1] - t[step], d[step + 1] - d[step]);
            let at = self.start_time_us.saturating_add(t[step] * 1_000);
            let metres = (cm as f64 / 10.0).round() / 10.0;
            let seconds = ms as f64 / 1_000.0;
            format!("{metres} m in {seconds} s at {}", self.local.clock(at))
        });
        let mut told: Vec<String> = told.collect();
        if steps.len() > JUMPS {
            told.push(format!("and {} more such jumps", steps.len() - JUMPS));
        }
        told
    }

    fn mask(&self, correction: &Correction) -> Option<((usize, usize), String)> {
        let Correct::Mask { from_us, to_us } = correction.what else {
            return None;
        };
        let samples = masked_samples((from_us, to_us), self.start_time_us, &self.t_ms)?;
        let stretch = self.local.stretch(from_us, to_us);
        Some((samples, format!("masked {stretch}: {}", correction.reason)))
    }
}
