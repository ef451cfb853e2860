//! What owners say of their activities: masks keep a stretch out of records,
//! and a refused effort can be included after all. Nothing is destroyed; each
//! can be taken back.
//!
//! Begin at [`correct`]: it writes down what was said, derives the activity and
//! what follows from it again, and says how many rows of which table that
//! changed. A correction holds from one revision of its activity on, so it is
//! written in the commit that raises the revision.

mod point;
mod shown;
mod unmerge;

use query::read::parts;
use query::session::{Limits, Session};
use serde::Serialize;
use storage::catalog::{Athlete, AuditEntry, Correct, Correction, Outcome, Pointer};
use storage::{ActivityId, ActivityKey, Code, Failure};
use uuid::Uuid;

use crate::again::from_lake;
use crate::changes::Changes;
use crate::context::Context;
use crate::derive::reconcile;
use crate::error::Error;
use crate::recompute;

pub use point::Point;
pub(crate) use shown::text;
pub use shown::{Local, Said};
pub use unmerge::{Regrouped, remerge, unmerge};

/// How often it is tried again after another writer was first.
const ATTEMPTS: u32 = 8;
/// The longest reason, in bytes.
const MAX_REASON: usize = 500;
/// How many corrections of one activity may hold at a time: more would be said
/// by a mask of the whole.
const MAX_HOLDING: usize = 1_000;

/// What an owner wants to be said of an activity.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// No record may share time with this stretch.
    Mask {
        /// Where it begins; `None`: with the activity.
        from: Option<Point>,
        /// Where it ends; `None`: with the activity.
        to: Option<Point>,
        /// Why.
        reason: String,
    },
    /// A mask is lifted; all of them where none is named.
    Unmask {
        /// Which.
        correction_id: Option<Uuid>,
    },
    /// The effort over a distance that was refused counts.
    Include {
        /// Over which distance, in m.
        distance_m: f64,
        /// Why.
        reason: String,
    },
    /// It counts no more.
    Exclude {
        /// Over which distance, in m.
        distance_m: f64,
    },
}

impl Wish {
    /// Its name in the audit.
    fn action(&self) -> &'static str {
        match self {
            Self::Mask { .. } => "mask",
            Self::Unmask { .. } => "unmask",
            Self::Include { .. } => "include",
            Self::Exclude { .. } => "exclude",
        }
    }
}

/// What came of a wish.
#[derive(Clone, Debug, Serialize)]
pub struct Corrected {
    /// The activity.
    pub activity_id: ActivityId,
    /// Its revision now.
    pub revision: i64,
    /// What was done, in a sentence without full stop.
    pub sentence: String,
    /// What is said of the activity now.
    pub corrections: Vec<Said>,
    /// How many rows changed, by table; the ledger is not counted.
    pub rows: Changes,
}

/// Corrections of an activity for people, in its own time at the session's
/// snapshot.
///
/// # Errors
/// Where the lake fails, or does not have the activity.
pub async fn said(
    session: &Session,
    key: ActivityKey,
    corrections: &[Correction],
) -> Result<Vec<Said>, Error> {
    if corrections.is_empty() {
        return Ok(Vec::new());
    }
    let local = Local::of(session, key).await?;
    Ok(corrections
        .iter()
        .map(|one| Said::of(one, &local))
        .collect())
}

/// Does what an owner wishes to one of their activities.
///
/// # Errors
/// `not_found` where it is not theirs; `invalid_argument` for a wish that
/// means nothing of it, such as a stretch outside of it; [`Error::Purged`];
/// [`Error::Contended`]; where lake or catalog fail. Nothing is changed then.
pub async fn correct(
    context: &Context,
    athlete: &Athlete,
    activity_id: ActivityId,
    wish: &Wish,
) -> Result<Corrected, Error> {
    let mut attempts = Attempts::default();
    loop {
        match correct_once(context, athlete, activity_id, wish).await {
            Err(error) => attempts.again(error)?,
            done => return done,
        }
    }
}

/// How often something was tried.
#[derive(Default)]
struct Attempts(u32);

impl Attempts {
    /// Counts one that failed; where another writer was first it is tried
    /// again.
    ///
    /// # Errors
    /// The error, unless it is that; [`Error::Contended`] after too many.
    fn again(&mut self, error: Error) -> Result<(), Error> {
        let Error::Storage(source) = error else {
            return Err(error);
        };
        self.0 += 1;
        match source.code() {
            Code::Conflict if self.0 < ATTEMPTS => Ok(()),
            Code::Conflict => Err(Error::Contended {
                attempts: self.0,
                source,
            }),
            _ => Err(source.into()),
        }
    }
}

async fn correct_once(
    context: &Context,
    athlete: &Athlete,
    activity_id: ActivityId,
    wish: &Wish,
) -> Result<Corrected, Error> {
    if athlete.is_being_purged() {
        return Err(Error::Purged(athlete.athlete_id));
    }
    let pointer = pointer(context, athlete, activity_id).await?;
    // What is stale for other reasons changes first: then all that changes
    // below does so by this wish.
    recompute::refresh(context, &pointer).await?;
    reconcile(context, athlete.athlete_id, false).await?;

    let view = context.storage.lake.latest().await?;
    let session = Session::open(&view, Limits::default()).await?;
    let catalog = &context.storage.catalog;
    let mut said = catalog
        .corrections_of(athlete.athlete_id, &[activity_id])
        .await?;
    let activity = Known {
        pointer,
        local: Local::of(&session, pointer.key).await?,
        now_us: (context.now)().as_microsecond(),
    };
    let holding = |said: &[Correction], revision| -> Vec<Said> {
        let holding = said.iter().filter(|one| one.holds_in(revision));
        holding.map(|one| Said::of(one, &activity.local)).collect()
    };
    let decided = decide(&session, &activity, &said, wish).await?;
    if decided.corrections.is_empty() {
        return Ok(Corrected {
            activity_id,
            revision: pointer.revision,
            sentence: decided.sentence,
            corrections: holding(&said, pointer.revision),
            rows: Changes::default(),
        });
    }
    for correction in &decided.corrections {
        let id = correction.correction_id;
        match said.iter_mut().find(|one| one.correction_id == id) {
            Some(old) => *old = correction.clone(),
            None => said.push(correction.clone()),
        }
    }
    let raised = Pointer {
        revision: pointer.revision + 1,
        ..pointer
    };
    let new = from_lake(&view, &[raised], &said.clone().into(), None).await?;
    let new = new.into_iter().map(|(_, rows)| (pointer, rows)).collect();
    let mut commit = recompute::replacing(&view, pointer, new).await?;
    let owner = athlete.athlete_id;
    commit.message = format!("{} of an activity of athlete {owner}", wish.action());
    commit.catalog.corrections = decided.corrections;
    commit.catalog.audit = vec![activity.audit_entry(wish.action(), &decided.sentence)];
    let rows = Changes::of(&commit.changes)?;
    context.storage.lake.commit(commit).await?;
    let of_athlete = reconcile(context, athlete.athlete_id, false).await?;
    Ok(Corrected {
        activity_id,
        revision: raised.revision,
        sentence: decided.sentence,
        corrections: holding(&said, raised.revision),
        rows: rows.and(of_athlete),
    })
}

/// Where an activity of an athlete is.
pub(crate) async fn pointer(
    context: &Context,
    athlete: &Athlete,
    activity_id: ActivityId,
) -> Result<Pointer, Error> {
    let catalog = &context.storage.catalog;
    let mut found = catalog.pointers(athlete.athlete_id, &[activity_id]).await?;
    found.pop().ok_or_else(|| {
        Error::Query(query::Error::NotFound {
            what: format!("activity {activity_id}"),
        })
    })
}

/// The activity that a wish is about.
struct Known {
    pointer: Pointer,
    local: Local,
    now_us: i64,
}

impl Known {
    fn begun(&self, what: Correct, reason: &str) -> Correction {
        Correction {
            correction_id: Uuid::now_v7(),
            athlete_id: self.pointer.key.athlete_id,
            activity_id: self.pointer.key.activity_id,
            what,
            reason: reason.to_owned(),
            made_at_us: self.now_us,
            begun_revision: self.pointer.revision + 1,
            ended_revision: None,
        }
    }

    fn ended(&self, correction: &Correction) -> Correction {
        Correction {
            ended_revision: Some(self.pointer.revision + 1),
            ..correction.clone()
        }
    }

    fn audit_entry(&self, action: &str, sentence: &str) -> AuditEntry {
        let id = self.pointer.key.activity_id;
        AuditEntry {
            audit_id: Uuid::now_v7(),
            at_us: self.now_us,
            athlete_id: self.pointer.key.athlete_id,
            activity_id: Some(id),
            action: action.to_owned(),
            outcome: Outcome::Updated,
            // Which activity's is a column of its own.
            path: "corrections".to_owned(),
            sha256: None,
            code: None,
            reason: sentence.to_owned(),
            try_next: None,
            run_id: Uuid::now_v7(),
        }
    }
}

/// What is written for a wish; no corrections where it is so already.
struct Decided {
    corrections: Vec<Correction>,
    sentence: String,
}

impl Decided {
    fn nothing(sentence: &str) -> Self {
        Self {
            corrections: Vec::new(),
            sentence: sentence.to_owned(),
        }
    }
}

async fn decide(
    session: &Session,
    activity: &Known,
    said: &[Correction],
    wish: &Wish,
) -> Result<Decided, Error> {
    let revision = activity.pointer.revision;
    let holding = || said.iter().filter(|one| one.holds_in(revision));
    let local = &activity.local;
    match wish {
        Wish::Mask { from, to, reason } => {
            check_reason(reason)?;
            let what = local.stretch(*from, *to)?;
            if holding().any(|one| one.what == what) {
                return Ok(Decided::nothing("it is masked already"));
            }
            if holding().count() >= MAX_HOLDING {
                let limit = format!("at most {MAX_HOLDING} corrections of one activity hold");
                return Err(refused("mask", String::new(), limit));
            }
            let correction = activity.begun(what, reason);
            let sentence = format!("masked {}: {reason}", local.text(&what));
            Ok(Decided {
                corrections: vec![correction],
                sentence,
            })
        }
        Wish::Unmask { correction_id } => {
            let masks = holding().filter(|one| matches!(one.what, Correct::Mask { .. }));
            let named = masks.filter(|one| correction_id.is_none_or(|id| id == one.correction_id));
            let named: Vec<&Correction> = named.collect();
            if named.is_empty() {
                return Err(Error::Query(query::Error::NotFound {
                    what: match correction_id {
                        Some(id) => format!("mask {id} of the activity"),
                        None => "mask of the activity".to_owned(),
                    },
                }));
            }
            let texts: Vec<String> = named.iter().map(|one| local.text(&one.what)).collect();
            Ok(Decided {
                corrections: named.into_iter().map(|one| activity.ended(one)).collect(),
                sentence: format!("lifted the mask of {}", texts.join(", and of ")),
            })
        }
        Wish::Include { distance_m, reason } => {
            check_reason(reason)?;
            let what = included(*distance_m)?;
            if holding().any(|one| one.what == what) {
                return Ok(Decided::nothing("it is included already"));
            }
            let refused_m = refused_distances(session, activity).await?;
            if !refused_m.contains(distance_m) {
                let which: Vec<String> = refused_m.iter().map(f64::to_string).collect();
                let there = match which.is_empty() {
                    true => "no effort of this activity was refused".to_owned(),
                    false => format!("efforts were refused over {} m", which.join(", ")),
                };
                return Err(refused("distance", distance_m.to_string(), there));
            }
            Ok(Decided {
                corrections: vec![activity.begun(what, reason)],
                sentence: format!("included {}: {reason}", local.text(&what)),
            })
        }
        Wish::Exclude { distance_m } => {
            let what = included(*distance_m)?;
            let ended: Vec<Correction> = holding()
                .filter(|one| one.what == what)
                .map(|one| activity.ended(one))
                .collect();
            if ended.is_empty() {
                return Err(Error::Query(query::Error::NotFound {
                    what: format!("included effort over {distance_m} m of the activity"),
                }));
            }
            Ok(Decided {
                corrections: ended,
                sentence: format!("included {} no more", local.text(&what)),
            })
        }
    }
}

fn included(distance_m: f64) -> Result<Correct, Error> {
    let mm = distance_m * 1_000.0;
    // Beyond what any recording holds it is no distance.
    if !(mm > 0.0 && mm < 1e15) {
        let reason = "it is a length in metres".to_owned();
        return Err(refused("distance", distance_m.to_string(), reason));
    }
    Ok(Correct::Include {
        distance_mm: mm.round() as i64,
    })
}

/// The distances, in m, over which an effort of the activity was refused.
async fn refused_distances(session: &Session, activity: &Known) -> Result<Vec<f64>, Error> {
    let rows = parts::refused_efforts(session, activity.pointer.key).await?;
    let values = query::output::values(&rows)?;
    let distances = values.iter().filter_map(|row| row["distance_m"].as_f64());
    Ok(distances.collect())
}

fn check_reason(reason: &str) -> Result<(), Error> {
    let is_text = !reason.trim().is_empty() && !reason.chars().any(char::is_control);
    if is_text && reason.len() <= MAX_REASON {
        return Ok(());
    }
    let must = format!("it is one line of up to {MAX_REASON} bytes, and not empty");
    Err(refused("reason", reason.chars().take(40).collect(), must))
}

/// An argument that means nothing, and what it must be.
fn refused(name: &'static str, value: String, reason: String) -> Error {
    Error::Query(query::Error::InvalidArgument {
        name,
        value,
        reason,
    })
}
