//! Whether the server can do its work.

use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Public;
use crate::answer::{self, Answer};
use crate::parameters::{NoParameters, Parameters};
use crate::problem::{AnyProblem, Problem};
use crate::state::State;

/// A server that can do its work.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`; a server that is not well answers with a problem.
    #[schema(example = "ok")]
    status: &'static str,
    /// The version of pacelake.
    version: &'static str,
    /// The newest snapshot of the lake.
    snapshot_id: i64,
}

/// Whether catalog and lake answer.
#[utoipa::path(get, path = "/api/health", tag = "server",
    responses((status = 200, description = "They do.", body = Health), AnyProblem))]
pub async fn get_health(
    _: Public,
    _: Parameters<NoParameters>,
    axum::extract::State(state): axum::extract::State<State>,
) -> Result<Answer<Health>, Problem> {
    let view = state.storage.lake.latest().await?;
    let health = Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        snapshot_id: view.snapshot_id(),
    };
    Ok(Answer::json(answer::value(&health)?))
}
