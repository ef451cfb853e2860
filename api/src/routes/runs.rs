//! `/api/runs`: runs in the camel-case shape of an earlier API.

use axum::http::HeaderValue;
use axum::http::header::LINK;
use jiff::civil::Date;
use query::read::{self, Cursor};
use serde::Deserialize;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::access::Athlete;
use crate::answer::{self, Answer};
use crate::parameters::{
    MAX_LIMIT, Parameters, bounded, optional_cursor, optional_day, page_limit,
};
use crate::past::At;
use crate::problem::{AnyProblem, Problem};
use crate::reader::Reader;
use crate::schema::property;

/// The columns of a run and their old names.
const NAMES: &[(&str, &str)] = &[
    ("activity_id", "id"),
    ("name", "name"),
    ("sport_detail", "type"),
    ("start_time", "startDate"),
    ("start_time_local", "startDateLocal"),
    ("time_zone", "timeZone"),
    ("distance_m", "distanceMeters"),
    ("elapsed_s", "elapsedTimeSec"),
    ("moving_s", "movingTimeSec"),
    ("climb_m", "elevationGainMeters"),
    ("avg_speed_m_s", "averageSpeedMps"),
    ("max_speed_m_s", "maxSpeedMps"),
    ("fastest_pace_s_per_km", "fastestPaceSecPerKm"),
    ("avg_heart_rate_bpm", "averageHeartRateBpm"),
    ("max_heart_rate_bpm", "maxHeartRateBpm"),
    ("calories_kcal", "caloriesKcal"),
];

/// One run, by its old names.
pub struct Run;

impl PartialSchema for Run {
    fn schema() -> RefOr<Schema> {
        let shape = read::activities::list_shape();
        let mut object = ObjectBuilder::new();
        for (column, name) in NAMES {
            if let Some(column) = shape.columns.iter().find(|known| known.name == *column) {
                object = object.property(*name, property(column)).required(*name);
            }
        }
        object.into()
    }
}

impl ToSchema for Run {}

/// A plain array of runs.
pub struct Runs;

impl PartialSchema for Runs {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new()
            .items(Ref::from_schema_name(Run::name()))
            .into()
    }
}

impl ToSchema for Runs {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Run::name().into(), Run::schema()));
    }
}

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RunsQuery {
    /// Only from this local day on, as `YYYY-MM-DD`.
    #[serde(default, deserialize_with = "optional_day")]
    #[param(value_type = Option<String>, format = Date)]
    pub from: Option<Date>,
    /// Only until this local day, as `YYYY-MM-DD`.
    #[serde(default, deserialize_with = "optional_day")]
    #[param(value_type = Option<String>, format = Date)]
    pub to: Option<Date>,
    /// How many at most, from 1 to 500.
    #[serde(default = "page_limit")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: usize,
    /// What the header `link` of the page before names.
    #[serde(default, deserialize_with = "optional_cursor")]
    #[param(value_type = Option<String>)]
    pub after: Option<Cursor>,
}

/// Runs, outside and inside, newest first.
///
/// A plain array; the header `link` names the next page, where there is one.
#[utoipa::path(get, path = "/api/runs", tag = "legacy", params(RunsQuery),
    responses((status = 200, description = "One page.", body = Runs), AnyProblem))]
pub async fn list_runs(
    athlete: Athlete,
    Parameters(query): Parameters<RunsQuery>,
    reader: Reader,
) -> Result<Answer<Runs>, Problem> {
    let limit = bounded(query.limit, MAX_LIMIT)?;
    let filter = read::activities::Filter {
        sports: vec!["run".to_owned(), "run_indoor".to_owned()],
        from: query.from,
        to: query.to,
        ..Default::default()
    };
    let after = query.after.as_ref();
    let page = read::activities::list(&reader.session, athlete.id, &filter, after, limit).await?;
    let runs = answer::renamed(&page.rows, NAMES)?;
    let answer = reader.tagged(answer::array(&runs)?);
    Ok(match &page.next {
        Some(next) => answer.with(LINK, link(&query, reader.at, next)),
        None => answer,
    })
}

/// The header that names the page behind `next`, with the same filters and of
/// the same snapshot.
fn link(query: &RunsQuery, at: At, next: &Cursor) -> HeaderValue {
    let mut target = format!("/api/runs?limit={}", query.limit);
    for (name, day) in [("from", query.from), ("to", query.to)] {
        if let Some(day) = day {
            target.push_str(&format!("&{name}={day}"));
        }
    }
    if let At::Snapshot(snapshot_id) = at {
        target.push_str(&format!("&at={snapshot_id}"));
    }
    HeaderValue::from_str(&format!("<{target}&after={next}>; rel=\"next\""))
        .expect("days, digits and cursors may stand in a header")
}
