//! Analysts' SQL.

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use query::encode::Encoded;
use query::{Format, Session};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::access::Analyst;
use crate::form::{Accepted, media_type};
use crate::heavy::Kind;
use crate::parameters::{JsonBody, Parameters};
use crate::past::{At, named};
use crate::problem::{AnyProblem, Problem};
use crate::state::{Opened, State};

/// In which form to answer.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SqlQuery {
    /// `json`, `csv`, `parquet` or `arrow` (an Arrow IPC stream); without it `Accept` decides.
    pub format: Option<String>,
}

/// A statement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// One statement that reads, over the lake's tables and views.
    #[schema(example = "SELECT sport, count(*) AS n FROM activities GROUP BY sport")]
    pub query: String,
}

/// The rows that one SQL statement gives.
///
/// Tables hold the athlete's own rows only; those that do not say whose their
/// rows are are for admins. A statement that would write,
/// define, copy or set something is refused; one that passes a limit of rows,
/// time, memory or nesting is answered with `query_limit`, never with some of
/// its rows, and one that finds no turn with `too_busy`. As JSON the answer is
/// an array of objects.
#[utoipa::path(post, path = "/api/sql", tag = "analytics", params(SqlQuery),
    request_body = Statement,
    responses(
        (status = 200, description = "The rows.", content(
            (Vec<Object> = "application/json"), (String = "text/csv"),
            (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        AnyProblem))]
pub async fn run_sql(
    analyst: Analyst,
    Parameters(parameters): Parameters<SqlQuery>,
    accepted: Accepted,
    Shared(state): Shared<State>,
    at: At,
    JsonBody(Statement { query }): JsonBody<Statement>,
) -> Result<Response, Problem> {
    let offered = [Format::Json, Format::Csv, Format::Parquet, Format::Arrow];
    let form = accepted.choose(&offered, parameters.format.as_deref())?;
    let Analyst {
        athlete,
        sees_nobodys,
    } = analyst;
    let Opened { view, .. } = state.open(at, &athlete).await?;
    let snapshot = named(view.snapshot_id());
    let limits = state.limits.query.clone();
    let threads = state.limits.threads;
    // The statement's own limit speaks first, and says more.
    let begin_time = limits.time + state.limits.wait;
    let work = async move {
        let session = match sees_nobodys {
            true => Session::open_for_admin(&view, athlete.id, limits).await?,
            false => Session::open_for(&view, athlete.id, limits).await?,
        };
        let rows = query::sql::held(&session.on_threads(threads), &query).await?;
        Ok(Encoded::of_rows(rows, form)?)
    };
    let time = state.limits.export_time;
    let body = state
        .heavy
        .body(Kind::Query, begin_time, time, work)
        .await?;
    Ok(([snapshot], rows_as(form, body)).into_response())
}

/// An answer that is not kept.
fn rows_as(form: Format, body: Body) -> Response {
    let headers = [
        (CONTENT_TYPE, media_type(form)),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}
