//! Whole tables, as files.

use axum::extract::State as Shared;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use query::encode::Encoded;
use query::selection::{Filter, select};
use query::{Format, Session};
use serde::Deserialize;
use storage::ActivityId;
use utoipa::IntoParams;

use crate::access::Analyst;
use crate::form::{Accepted, media_type};
use crate::heavy::Kind;
use crate::parameters::{InPath, Parameters, optional_activity, optional_day};
use crate::problem::{AnyProblem, Problem};
use crate::reader::Reader;
use crate::state::State;

/// Which rows of a table, and in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExportQuery {
    /// `csv`, `parquet` or `arrow` (an Arrow IPC stream); without it `Accept` decides.
    pub format: Option<String>,
    /// Only of activities from this local day on, as `YYYY-MM-DD`; of `stats`, periods that begin
    /// then.
    #[serde(default, deserialize_with = "optional_day")]
    #[param(value_type = Option<String>, format = Date)]
    pub from: Option<Date>,
    /// Only of activities until this local day, as `YYYY-MM-DD`.
    #[serde(default, deserialize_with = "optional_day")]
    #[param(value_type = Option<String>, format = Date)]
    pub to: Option<Date>,
    /// Only of activities of this sport; of `stats`, of this sport or `all`.
    pub sport: Option<String>,
    /// Only of this activity.
    #[serde(default, deserialize_with = "optional_activity")]
    #[param(value_type = Option<i64>)]
    pub activity_id: Option<ActivityId>,
}

/// One table or view of the lake, the athlete's own rows, in the table's order.
///
/// CSV has the columns' names as header and lists as JSON, as `pacelake export`
/// writes them. The rows are sent as they are read: an answer of any size takes
/// little memory, and hanging up ends the work. Where something goes wrong on
/// the way, the connection is cut, so that the last chunk is missing.
#[utoipa::path(get, path = "/api/export/{table}", tag = "analytics",
    params(("table" = String, Path, description = "The table or view, such as `splits`."), ExportQuery),
    responses(
        (status = 200, description = "The rows.", content(
            (String = "text/csv"),
            (Vec<u8> = "application/vnd.apache.parquet"),
            (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        AnyProblem))]
pub async fn export_table(
    Analyst { athlete, .. }: Analyst,
    InPath(table): InPath<String>,
    Parameters(query): Parameters<ExportQuery>,
    accepted: Accepted,
    Shared(state): Shared<State>,
    reader: Reader,
) -> Result<Response, Problem> {
    let offered = [Format::Csv, Format::Parquet, Format::Arrow];
    let form = accepted.choose(&offered, query.format.as_deref())?;
    let activity = match query.activity_id {
        Some(id) => Some(reader.key(id).await?),
        None => None,
    };
    let filter = Filter {
        from: query.from,
        to: query.to,
        sport: query.sport,
        activity,
    };
    let freshness = reader.headers();
    let view = reader.view.clone();
    // The turn of a read is not for the length of an export.
    drop(reader);
    let limits = state.limits.export();
    let threads = state.limits.threads;
    let name = table.clone();
    let work = async move {
        let session = Session::open_for(&view, athlete.id, limits).await?;
        let session = session.on_threads(threads);
        let rows = select(&session, &table, &query::derived::tables(), &filter).await?;
        Ok(Encoded::new(rows, form)?)
    };
    let (begin_time, time) = (state.limits.answer_time, state.limits.export_time);
    let body = state
        .heavy
        .body(Kind::Export, begin_time, time, work)
        .await?;
    // The name is that of a table that there is.
    let file = format!("attachment; filename=\"{name}.{form}\"");
    let headers = [
        (CONTENT_TYPE, media_type(form).to_owned()),
        (CONTENT_DISPOSITION, file),
        (VARY, "accept".to_owned()),
    ];
    Ok((freshness, headers, body).into_response())
}
