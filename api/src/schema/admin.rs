//! What whoever runs the installation is answered.

use jiff::Timestamp;
use serde::Serialize;
use storage::catalog::JobStats;
use utoipa::ToSchema;

use super::queue::Job;

/// The app's subscriptions to events of Strava.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Webhooks {
    /// `active`, or `inactive`: Strava serves the app no more, and its owner must look at
    /// it there, under settings/api.
    #[schema(example = "active")]
    app: String,
    /// Each as Strava listed it; of an inactive app, as it did before.
    items: Vec<Webhook>,
    /// When Strava was asked.
    listed_at: String,
    /// Whether it was asked for this answer.
    is_fresh: bool,
    /// The one whose events come here.
    subscription_id: Option<i64>,
}

/// One subscription.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Webhook {
    /// Its id at Strava.
    id: i64,
    /// Where its events go, without the secret at the end.
    callback_url: Option<String>,
    /// Whether that is this server.
    is_ours: bool,
}

/// The queue at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobsOverview {
    /// By kind and state.
    pub counts: Vec<JobCount>,
    /// The newest, or those that were asked for.
    pub items: Vec<Job>,
}

/// How many jobs of one kind stand at one place.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobCount {
    /// The kind.
    pub kind: String,
    /// `waiting`, `running`, `done`, `failed` or `cancelled`.
    pub state: &'static str,
    /// How many.
    pub jobs: i64,
    /// How many of them are due; of those that wait only.
    pub due: i64,
    /// For how long the oldest of those has been due.
    pub oldest_due_s: Option<f64>,
}

impl JobCount {
    /// A line of the statistics as requests see it.
    pub fn of(stats: &JobStats, now: Timestamp) -> Self {
        Self {
            kind: stats.kind.clone(),
            state: stats.state.name(),
            jobs: stats.jobs,
            due: stats.due,
            oldest_due_s: stats.oldest_due_at_us.map(|at_us| age_s(now, at_us)),
        }
    }
}

/// For how long something has been so, in seconds.
pub(crate) fn age_s(now: Timestamp, since_us: i64) -> f64 {
    let age_us = now.as_microsecond().saturating_sub(since_us).max(0);
    age_us as f64 / 1e6
}

/// Samples of activities from Strava's API.
#[derive(Debug, Serialize, ToSchema)]
pub struct SamplesOverview {
    /// By athlete.
    pub items: Vec<SamplesOf>,
}

/// Samples of one athlete's activities from Strava's API.
#[derive(Debug, Serialize, ToSchema)]
pub struct SamplesOf {
    /// Whose.
    pub athlete_id: i64,
    /// Activities that come from there.
    pub activities: u64,
    /// Those without samples: written down by hand, or not ready when they were fetched.
    pub without_samples: u64,
}

/// Small maps.
#[derive(Debug, Serialize, ToSchema)]
pub struct ThumbnailsOverview {
    /// How many wait to be drawn.
    pub waiting: i64,
    /// How many are being drawn.
    pub running: i64,
    /// How many were drawn.
    pub done: i64,
    /// How many could not be.
    pub failed: i64,
    /// Whether this version draws them.
    pub is_drawn: bool,
}
