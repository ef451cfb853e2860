//! The start page.

use axum::response::{Html, IntoResponse, Response};
use query::read;

use crate::access::Athlete;
use crate::html;
use crate::parameters::{NoParameters, Parameters};
use crate::problem::{AnyProblem, Problem};
use crate::reader::Reader;

/// How many activities the page shows.
const LATEST: usize = 12;
/// How many years the page shows, each with up to eleven sports.
const STATS: usize = 120;

/// The start page: totals by year, records, latest activities, links.
#[utoipa::path(get, path = "/", tag = "server",
    responses((status = 200, description = "The page.", body = String,
        content_type = "text/html"), AnyProblem))]
pub async fn get_start(
    athlete: Athlete,
    _: Parameters<NoParameters>,
    reader: Reader,
) -> Result<Response, Problem> {
    let session = &reader.session;
    let all = read::activities::Filter::default();
    let latest = read::activities::list(session, athlete.id, &all, None, LATEST).await?;
    let sums = read::stats::Filter {
        sport: Some("all".to_owned()),
        ..Default::default()
    };
    let years = read::stats::list(session, athlete.id, "year", &sums, None, STATS).await?;
    let records = read::ranks::Filter {
        sport: Some("run".to_owned()),
        ranks: 1,
        ..Default::default()
    };
    let records = read::ranks::best(session, athlete.id, &records).await?;
    let page = html::start::start(&latest.rows, &years.rows, &records)?;
    Ok((reader.headers(), Html(page)).into_response())
}
