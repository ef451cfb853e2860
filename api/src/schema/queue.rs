//! A job as requests see it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use storage::catalog::JobRow;
use utoipa::ToSchema;

/// A job as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Job {
    /// Names it.
    pub job_id: i64,
    /// What it does, such as `strava_poll`.
    pub kind: String,
    /// What it is about.
    pub key: String,
    /// `waiting`, `running`, `done`, `failed` or `cancelled`.
    pub state: &'static str,
    /// How often it was tried; waiting for a limit is no attempt.
    pub attempts: i64,
    /// How far it is: `done`, `total` and `message`.
    #[schema(value_type = Option<Object>)]
    pub progress: Option<Value>,
    /// The code of what went wrong last.
    pub code: Option<String>,
    /// What went wrong last, or what it waits for.
    pub reason: Option<String>,
    /// What to try next, where it failed.
    pub try_next: Option<String>,
    /// When it goes on, where it waits.
    #[schema(value_type = Option<String>)]
    pub due_at: Option<Timestamp>,
    /// When it was asked for.
    #[schema(value_type = Option<String>)]
    pub enqueued_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>)]
    pub finished_at: Option<Timestamp>,
    /// Where its progress is sent as it comes, as server-sent events.
    pub events: String,
    /// The request or event that asked for it.
    pub request_id: Option<String>,
}

/// Jobs that were begun.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobList {
    /// Each as it stands.
    pub items: Vec<Job>,
}

impl Job {
    /// A row of the queue as requests see it.
    pub fn of(row: &JobRow) -> Self {
        let instant = |us: i64| Timestamp::from_microsecond(us).ok();
        let waits = !row.state.is_live() || row.started_at_us.is_some() && row.worker.is_some();
        Self {
            job_id: row.job_id,
            kind: row.kind.clone(),
            key: row.key.clone(),
            state: row.state.name(),
            attempts: row.attempts,
            progress: row
                .progress
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok()),
            code: row.code.clone(),
            reason: row.reason.clone(),
            try_next: row.try_next.clone(),
            due_at: (!waits).then_some(row.due_at_us).and_then(instant),
            enqueued_at: instant(row.enqueued_at_us),
            finished_at: row.finished_at_us.and_then(instant),
            events: format!("/api/jobs/{}/events", row.job_id),
            request_id: row.request_id.clone(),
        }
    }
}
