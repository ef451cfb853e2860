//! What is counted and measured, declared once: the exporter describes each by
//! it, and `data/metrics.md` lists them.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// What a number means over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only rises, from 0 at the start of the process.
    Counter,
    /// How something is now.
    Gauge,
    /// How many were how large.
    Histogram,
}

impl Kind {
    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One number that `/metrics` tells.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name, with the unit at its end.
    pub name: &'static str,
    /// What it means over time.
    pub kind: Kind,
    /// By what it is told apart.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub what: &'static str,
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    what: &'static str,
) -> Metric {
    Metric {
        name,
        kind: Kind::Counter,
        labels,
        what,
    }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], what: &'static str) -> Metric {
    Metric {
        kind: Kind::Gauge,
        ..counter(name, labels, what)
    }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    what: &'static str,
) -> Metric {
    Metric {
        kind: Kind::Histogram,
        ..counter(name, labels, what)
    }
}

/// Requests.
pub const HTTP_SECONDS: Metric = histogram(
    "pacelake_http_request_seconds",
    &["method", "route", "status"],
    "Time until an answer began, by the route's template.",
);
/// Commits.
pub const COMMITS: Metric = counter(
    "pacelake_lake_commits_total",
    &["outcome"],
    "Commits to the lake: `committed`, `conflict` or `failed`.",
);
/// How long commits take.
pub const COMMIT_SECONDS: Metric = histogram(
    "pacelake_lake_commit_seconds",
    &[],
    "Time of a commit, its files included.",
);
/// Events of Strava.
pub const EVENTS: Metric = counter(
    "pacelake_strava_events_total",
    &["outcome"],
    "Events that arrived: `kept`, or why not.",
);
/// Calls to Strava.
pub const READS: Metric = counter(
    "pacelake_strava_reads_total",
    &[],
    "Reads of Strava's API that were made.",
);
/// Refused calls.
pub const REFUSED: Metric = counter(
    "pacelake_strava_refused_total",
    &["code"],
    "Reads that did not bring what was asked for, by code.",
);
/// Refreshes.
pub const REFRESHES: Metric = counter(
    "pacelake_strava_refreshes_total",
    &["outcome"],
    "Refreshes of tokens: `refreshed` or `failed`.",
);
/// Fetches.
pub const FETCHES: Metric = counter(
    "pacelake_strava_fetches_total",
    &[],
    "Activities that were fetched from Strava.",
);
/// Ends of jobs.
pub const JOBS_FINISHED: Metric = counter(
    "pacelake_jobs_finished_total",
    &["kind", "outcome"],
    "Runs of jobs that ended, and how.",
);
/// How long runs take.
pub const JOB_SECONDS: Metric = histogram(
    "pacelake_job_seconds",
    &["kind"],
    "Time of a run, from its claim to its end.",
);
/// The queue's length.
pub const QUEUE_JOBS: Metric = gauge(
    "pacelake_queue_jobs",
    &["kind", "state"],
    "Jobs in the catalog, of all processes.",
);
/// Those that could run now.
pub const QUEUE_DUE: Metric = gauge(
    "pacelake_queue_due_jobs",
    &["kind"],
    "Waiting jobs whose time has come.",
);
/// How late the queue is.
pub const QUEUE_AGE: Metric = gauge(
    "pacelake_queue_oldest_due_seconds",
    &["kind"],
    "Since when the oldest of those has been due.",
);
/// Workers.
pub const WORKERS: Metric = gauge(
    "pacelake_workers",
    &[],
    "Workers of all processes that were heard of lately.",
);
/// Calls that a window saw.
pub const BUDGET_USED: Metric = gauge(
    "pacelake_strava_budget_used_reads",
    &["window"],
    "Reads of Strava's window (`quarter` of an hour, `day`), refused ones included.",
);
/// Calls that a window grants.
pub const BUDGET_LIMIT: Metric = gauge(
    "pacelake_strava_budget_limit_reads",
    &["window"],
    "Reads that Strava grants in the window.",
);
/// The newest snapshot.
pub const SNAPSHOT: Metric = gauge(
    "pacelake_lake_snapshot",
    &[],
    "The newest snapshot of the lake.",
);

/// Every metric.
pub const METRICS: &[Metric] = &[
    HTTP_SECONDS,
    COMMITS,
    COMMIT_SECONDS,
    SNAPSHOT,
    QUEUE_JOBS,
    QUEUE_DUE,
    QUEUE_AGE,
    JOBS_FINISHED,
    JOB_SECONDS,
    WORKERS,
    EVENTS,
    FETCHES,
    READS,
    REFUSED,
    REFRESHES,
    BUDGET_USED,
    BUDGET_LIMIT,
];

/// Tells the exporter what each is.
pub fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.what),
            Kind::Gauge => describe_gauge!(metric.name, metric.what),
            Kind::Histogram => describe_histogram!(metric.name, metric.what),
        }
    }
}

/// The list as `data/metrics.md` has it.
pub fn document() -> String {
    let mut text = String::from(
        "# Metrics\n\nWritten by `pacelake document`; do not edit.\n\n\
         `GET /metrics` answers in Prometheus' text format, to admins: while there are no \
         accounts everyone on this machine is one, afterwards send a token with the scope \
         `admin` (`pacelake token create --scopes admin`). `pacelake worker --listen` has the same. \
         Counters and histograms are of the process that answers; gauges are of the whole \
         installation.\n\n\
         | metric | kind | labels | what it tells |\n|---|---|---|---|\n",
    );
    for metric in METRICS {
        let labels: Vec<_> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
        text.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            metric.name,
            metric.kind.name(),
            labels.join(", "),
            metric.what
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_end_with_their_unit() {
        let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            match metric.kind {
                Kind::Counter => assert!(metric.name.ends_with("_total"), "{}", metric.name),
                Kind::Histogram => assert!(metric.name.ends_with("_seconds"), "{}", metric.name),
                Kind::Gauge => assert!(!metric.name.ends_with("_total"), "{}", metric.name),
            }
            assert!(metric.what.ends_with('.'), "{}", metric.name);
        }
    }
}
