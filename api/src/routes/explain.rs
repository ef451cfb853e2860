//! One number, taken apart.

use axum::extract::{FromRequestParts, Path, State as Shared};
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use jobs::explain::{Recompute, explain};
use query::explain::Address;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Athlete;
use crate::answer::{self, Answer};
use crate::parameters::Parameters;
use crate::past::{At, named};
use crate::problem::{AnyProblem, Problem};
use crate::schema::explained::Explanation;
use crate::state::{Opened, State};

/// Where the number is.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AddressPath {
    /// `activities`, `splits`, `best_efforts`, `refused_efforts`, `peaks`, `climbs`,
    /// `best_effort_ranks` or `stats`.
    #[param(value_type = String)]
    #[expect(dead_code, reason = "the document names it; the address holds it")]
    table: String,
    /// The values of the table's key in the order of its declaration, and the column, each between
    /// two slashes: `6761303014/km/3/elapsed_s` in `splits`.
    #[param(value_type = String)]
    address: Address,
}

impl<S: Send + Sync> FromRequestParts<S> for AddressPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((table, rest)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::argument(error.body_text()))?;
        let mut words: Vec<&str> = rest.split('/').collect();
        let column = words.pop().unwrap_or_default();
        let address = Address::parse(&table, &words, column)?;
        Ok(Self { table, address })
    }
}

/// What to do for an explanation.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExplainQuery {
    /// Whether to compute the number anew from the raw bytes: of a rank or a statistic that reads
    /// those of every activity behind it.
    #[serde(default = "yes")]
    #[param(default = true)]
    pub recompute: bool,
}

fn yes() -> bool {
    true
}

/// What one number is, what it comes from, and how to get it again.
///
/// `sql` gives the same value, one row and one column, in any engine on the
/// lake. `because` names the numbers that it comes from; each has an
/// explanation of its own. The answer is made anew each time. With `at` the
/// number, its inputs and what `sql` must be run on are those of the snapshot,
/// while definitions, recordings and `recomputed` are today's: `remark` says so
/// where the two numbers differ.
#[utoipa::path(get, path = "/api/explain/{table}/{*address}", tag = "analytics",
    params(AddressPath, ExplainQuery),
    responses((status = 200, description = "The explanation.", body = Explanation), AnyProblem))]
pub async fn explain_number(
    athlete: Athlete,
    AddressPath { address, .. }: AddressPath,
    Parameters(ExplainQuery { recompute }): Parameters<ExplainQuery>,
    Shared(state): Shared<State>,
    at: At,
) -> Result<Answer<Explanation>, Problem> {
    let recompute = match recompute {
        true => Recompute::Yes,
        false => Recompute::No,
    };
    let found = state.storage.catalog.athlete(athlete.id).await?;
    let found = found.ok_or_else(|| Problem::not_found(&format!("athlete {}", athlete.id)))?;
    let Opened { view, session } = state.open(at, &athlete).await?;
    let snapshot = view.snapshot_id();
    let context = state.context();
    let work = explain(&context, &session, snapshot, &found, &address, recompute);
    let explanation = state.heavy.one(state.limits.query.time, work).await??;
    let answer = Answer::json(answer::value(&explanation)?);
    let (name, value) = named(snapshot);
    let answer = answer.with(name, value);
    Ok(answer.with(CACHE_CONTROL, HeaderValue::from_static("no-store")))
}
