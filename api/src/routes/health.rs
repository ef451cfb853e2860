//! Whether the server can do its work, part by part.

use std::time::Duration;

use axum::extract::State as Shared;
use jobs::queue::Job;
use jobs::strava::Service;
use jobs::strava::fetch::Fetch;
use serde::Serialize;
use storage::catalog::WorkerRow;
use storage::{Code, Failure};
use utoipa::ToSchema;

use crate::access::Public;
use crate::answer::{self, Answer};
use crate::parameters::{NoParameters, Parameters};
use crate::problem::{AnyProblem, Problem};
use crate::state::State;

/// How long a part may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(3);

/// How the server is. It answers, so it lives: whether it can do its work says
/// `/api/ready`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`, or `degraded` where a part fails.
    #[schema(example = "ok")]
    status: &'static str,
    /// The version of pacelake.
    version: &'static str,
    /// The newest snapshot of the lake, where it can be read.
    snapshot_id: Option<i64>,
    /// Its parts.
    parts: Parts,
}

/// The parts of an installation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Parts {
    /// The database of accounts, jobs, identity and the lake's own tables.
    catalog: Part,
    /// The newest snapshot, and the store that its files lie in.
    lake: Part,
    /// What takes events of Strava in, and keeps recordings.
    ingest: Part,
    /// Whoever runs jobs, in this process or another.
    workers: Part,
}

/// How one part is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Part {
    /// `ok`, `failing`, or `off` where nothing needs it.
    #[schema(example = "ok")]
    status: &'static str,
    /// What is wrong, or what there is.
    reason: Option<String>,
    /// What to try next, where it fails.
    try_next: Option<String>,
}

impl Part {
    fn ok(reason: Option<String>) -> Self {
        Self {
            status: "ok",
            reason,
            try_next: None,
        }
    }

    fn off(reason: &str) -> Self {
        Self {
            status: "off",
            ..Self::ok(Some(reason.to_owned()))
        }
    }

    fn failing(reason: impl Into<String>, try_next: &str) -> Self {
        Self {
            status: "failing",
            reason: Some(reason.into()),
            try_next: Some(try_next.to_owned()),
        }
    }

    /// A part that answered, or not.
    fn of<T>(answered: &Result<T, Problem>) -> Self {
        match answered {
            Ok(_) => Self::ok(None),
            Err(problem) => Self::failing(problem.message(), problem.try_next()),
        }
    }

    fn fails(&self) -> bool {
        self.status == "failing"
    }
}

impl Parts {
    fn named(&self) -> [(&'static str, &Part); 4] {
        [
            ("catalog", &self.catalog),
            ("lake", &self.lake),
            ("ingest", &self.ingest),
            ("workers", &self.workers),
        ]
    }
}

/// How the server and its parts are. It is answered with 200 as long as the
/// server lives: restarting it mends no database.
#[utoipa::path(get, path = "/api/health", tag = "server",
    responses((status = 200, description = "It lives.", body = Health), AnyProblem))]
pub async fn get_health(
    _: Public,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Answer<Health>, Problem> {
    answer::not_kept(&look(&state).await)
}

/// Whether the server can do its work: 503 `not_ready` names the parts that
/// fail.
#[utoipa::path(get, path = "/api/ready", tag = "server",
    responses((status = 200, description = "It can.", body = Health), AnyProblem))]
pub async fn get_ready(
    _: Public,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Answer<Health>, Problem> {
    let health = look(&state).await;
    let failing = health
        .parts
        .named()
        .into_iter()
        .filter(|(_, part)| part.fails());
    let failing: Vec<_> = failing.collect();
    let Some((_, first)) = failing.first() else {
        return answer::not_kept(&health);
    };
    let told = failing.iter().map(|(name, part)| {
        let reason = part.reason.as_deref().unwrap_or_default();
        format!("{name}: {reason}")
    });
    let told: Vec<_> = told.collect();
    let try_next = first.try_next.clone().unwrap_or_default();
    Err(Problem::new(Code::NotReady, told.join("; "), try_next))
}

async fn look(state: &State) -> Health {
    let storage = &state.storage;
    let alive = storage.catalog.workers(jobs::queue::ALIVE);
    let latest = storage.lake.latest();
    let stored = storage.objects.probe();
    let (alive, latest, stored) = tokio::join!(within(alive), within(latest), within(stored));
    let strava = state.strava.as_ref();
    let workers = match &alive {
        Err(_) => Part::of(&alive),
        Ok(workers) if workers.is_empty() && strava.is_none() => {
            Part::off("no worker was heard of, and nothing waits for one but an admin's work")
        }
        Ok(workers) if strava.is_some() && !workers.iter().any(does_strava) => Part::failing(
            "no worker for Strava was heard of lately",
            "set PACELAKE_WORKERS, or run `pacelake worker`",
        ),
        Ok(workers) => Part::ok(Some(format!("{} alive", workers.len()))),
    };
    let store = Part::of(&stored);
    let lake = match &latest {
        Ok(_) => Part::of(&stored),
        Err(_) => Part::of(&latest),
    };
    let ingest = match strava {
        Some(strava) if !strava.mailbox.is_open() => Part::failing(
            "what writes events down has ended",
            "restart the server, and report it with the log",
        ),
        Some(strava) if !store.fails() && !strava.mailbox.has_room() => Part::failing(
            "as many events wait as may",
            "look at the catalog: events are written there before they are answered",
        ),
        Some(_) | None => store,
    };
    let parts = Parts {
        catalog: Part::of(&alive),
        lake,
        ingest,
        workers,
    };
    let all_well = parts.named().iter().all(|(_, part)| !part.fails());
    Health {
        status: if all_well { "ok" } else { "degraded" },
        version: env!("CARGO_PKG_VERSION"),
        snapshot_id: latest.ok().map(|view| view.snapshot_id()),
        parts,
    }
}

/// Whether a worker fetches from Strava.
fn does_strava(worker: &WorkerRow) -> bool {
    let fetch = <Fetch as Job<Service>>::KIND;
    worker.kinds.iter().any(|kind| kind == fetch)
}

/// What a part answers in time.
async fn within<T>(asked: impl Future<Output = Result<T, storage::Error>>) -> Result<T, Problem> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answered) => answered.map_err(|error| {
            tracing::warn!(%error, code = error.code().name(), "a part of the installation fails");
            Problem::from(error)
        }),
        Err(_) => Err(Problem::new(
            Code::Timeout,
            format!("no answer within {} s", PATIENCE.as_secs()),
            "look whether it is up, and at the network between",
        )),
    }
}
