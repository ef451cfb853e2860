//! Activities, and what belongs to one.

use jiff::civil::Date;
use query::Format;
use query::downsample::Resolution;
use query::read::{self, Cursor};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Athlete;
use crate::answer::{self, Answer};
use crate::form::Accepted;
use crate::geojson::Feature;
use crate::parameters::{
    ActivityPath, MAX_LIMIT, NoParameters, Parameters, bounded, optional_cursor, optional_day,
    optional_number, page_limit, resolution,
};
use crate::problem::{AnyProblem, Problem};
use crate::reader::Reader;
use crate::schema::corrected::RefusedEffortList;
use crate::schema::{
    Activity, ActivityPage, BestEffortList, ClimbList, FindingList, LapList, SplitList, Streams,
};

/// Which activities to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Only this sport: `run`, `walk`, `ride`, `swim`, `other`, or with `_indoor`.
    pub sport: Option<String>,
    /// Only from this local day on, as `YYYY-MM-DD`.
    #[serde(default, deserialize_with = "optional_day")]
    #[param(value_type = Option<String>, format = Date)]
    pub from: Option<Date>,
    /// Only until this local day, as `YYYY-MM-DD`.
    #[serde(default, deserialize_with = "optional_day")]
    #[param(value_type = Option<String>, format = Date)]
    pub to: Option<Date>,
    /// Only where the name holds this text, in any case.
    pub name: Option<String>,
    /// Only at least this long, in metres.
    #[serde(default, deserialize_with = "optional_number")]
    pub min_distance: Option<f64>,
    /// Only at most this long, in metres.
    #[serde(default, deserialize_with = "optional_number")]
    pub max_distance: Option<f64>,
    /// How many at most, from 1 to 500.
    #[serde(default = "page_limit")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: usize,
    /// The `next` of the page before.
    #[serde(default, deserialize_with = "optional_cursor")]
    #[param(value_type = Option<String>)]
    pub after: Option<Cursor>,
}

/// Activities, newest first.
///
/// Without `description` and `summary_polyline`, which may be long.
#[utoipa::path(get, path = "/api/activities", tag = "activities", params(ListQuery),
    responses((status = 200, description = "One page.", body = ActivityPage), AnyProblem))]
pub async fn list_activities(
    athlete: Athlete,
    Parameters(query): Parameters<ListQuery>,
    reader: Reader,
) -> Result<Answer<ActivityPage>, Problem> {
    let limit = bounded(query.limit, MAX_LIMIT)?;
    let filter = read::activities::Filter {
        sports: query.sport.into_iter().collect(),
        from: query.from,
        to: query.to,
        text: query.name,
        min_distance_m: query.min_distance,
        max_distance_m: query.max_distance,
    };
    let after = query.after.as_ref();
    let page = read::activities::list(&reader.session, athlete.id, &filter, after, limit).await?;
    reader.page(&page)
}

/// One activity, with all of its columns.
#[utoipa::path(get, path = "/api/activities/{activity_id}", tag = "activities",
    params(ActivityPath),
    responses((status = 200, description = "The activity.", body = Activity), AnyProblem))]
pub async fn get_activity(
    _: Athlete,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    reader: Reader,
) -> Result<Answer<Activity>, Problem> {
    let key = reader.key(activity_id).await?;
    let rows = read::activities::one(&reader.session, key).await?;
    reader.one(&rows, &format!("activity {activity_id}"))
}

/// How fine a track to give.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct MapQuery {
    /// How many positions at most: `low` 100, `medium` 1,000, `high` 10,000, `full` all. The
    /// bounds are the same.
    #[serde(default, deserialize_with = "resolution")]
    #[param(value_type = String, default = "full")]
    pub resolution: Resolution,
}

/// The track of one activity, as a GeoJSON feature.
///
/// A `LineString` of [longitude, latitude], with the same line as an encoded
/// polyline of precision 5 in `properties.polyline`; a null geometry where
/// fewer than two positions were recorded.
#[utoipa::path(get, path = "/api/activities/{activity_id}/map", tag = "activities",
    params(ActivityPath, MapQuery),
    responses((status = 200, description = "The track.", body = Feature), AnyProblem))]
pub async fn get_map(
    _: Athlete,
    ActivityPath { activity_id }: ActivityPath,
    Parameters(MapQuery { resolution }): Parameters<MapQuery>,
    reader: Reader,
) -> Result<Answer<Feature>, Problem> {
    let key = reader.key(activity_id).await?;
    let track = read::track::track(&reader.session, key, resolution).await?;
    Ok(reader.tagged(answer::value(&Feature::of(activity_id, &track))?))
}

/// In which unit to count.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct UnitQuery {
    /// `km` (1000 m) or `mile` (1609.344 m).
    #[serde(default = "kilometre")]
    #[param(default = "km")]
    pub unit: String,
}

fn kilometre() -> String {
    "km".to_owned()
}

/// Splits of one activity, in order.
#[utoipa::path(get, path = "/api/activities/{activity_id}/splits", tag = "activities",
    params(ActivityPath, UnitQuery),
    responses((status = 200, description = "All splits.", body = SplitList), AnyProblem))]
pub async fn list_splits(
    _: Athlete,
    ActivityPath { activity_id }: ActivityPath,
    Parameters(UnitQuery { unit }): Parameters<UnitQuery>,
    reader: Reader,
) -> Result<Answer<SplitList>, Problem> {
    let key = reader.key(activity_id).await?;
    reader.list(&read::parts::splits(&reader.session, key, &unit).await?)
}

/// Climbs of one activity, in order.
///
/// Of each rise between descents of 20 m or more, the part that gains most
/// above a slope of 3 %, if it gains at least 30 m.
#[utoipa::path(get, path = "/api/activities/{activity_id}/climbs", tag = "activities",
    params(ActivityPath),
    responses((status = 200, description = "All climbs.", body = ClimbList), AnyProblem))]
pub async fn list_climbs(
    _: Athlete,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    reader: Reader,
) -> Result<Answer<ClimbList>, Problem> {
    let key = reader.key(activity_id).await?;
    reader.list(&read::parts::climbs(&reader.session, key).await?)
}

/// The fastest effort of one activity over each distance.
#[utoipa::path(get, path = "/api/activities/{activity_id}/best_efforts", tag = "activities",
    params(ActivityPath),
    responses((status = 200, description = "Shortest distance first.", body = BestEffortList),
        AnyProblem))]
pub async fn list_best_efforts_of(
    _: Athlete,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    reader: Reader,
) -> Result<Answer<BestEffortList>, Problem> {
    let key = reader.key(activity_id).await?;
    reader.list(&read::parts::best_efforts(&reader.session, key).await?)
}

/// Efforts that would be the fastest over a distance, and why they do not count.
#[utoipa::path(get, path = "/api/activities/{activity_id}/refused_efforts", tag = "activities",
    params(ActivityPath),
    responses((status = 200, description = "Shortest distance first.", body = RefusedEffortList),
        AnyProblem))]
pub async fn list_refused_efforts(
    _: Athlete,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    reader: Reader,
) -> Result<Answer<RefusedEffortList>, Problem> {
    let pointer = reader.pointer(activity_id).await?;
    let corrections = reader.corrections(&pointer).await?;
    let refused = read::refused::refused(&reader.session, pointer.key, &corrections).await?;
    Ok(reader.tagged(answer::value(&serde_json::json!({ "items": refused }))?))
}

/// Which channels to give, how fine, and in which form.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct StreamsQuery {
    /// Columns of `streams`, joined by commas: `t_ms`, `lat_e7`, `lng_e7`, `distance_cm`,
    /// `altitude_cm`, `heart_rate_bpm`, `cadence_rpm`, `power_w`, `temperature_c`, `speed_mm_s`.
    #[param(default = "t_ms,distance_cm,heart_rate_bpm")]
    pub channels: Option<String>,
    /// How many samples at most: `low` 100, `medium` 1,000, `high` 10,000, `full` all.
    #[serde(default, deserialize_with = "resolution")]
    #[param(value_type = String, default = "full")]
    pub resolution: Resolution,
    /// `json`, or `arrow` for an Arrow IPC stream; without it `Accept` decides.
    pub format: Option<String>,
}

/// Samples of one activity: one list a channel, one entry a sample.
///
/// Only the channels that were asked for are there; one that was never
/// recorded is null. Below the full resolution the lists hold some of the
/// samples as they were recorded, the same ones in each list: the first and
/// the last, and of every stretch those with the least and the greatest value
/// of each channel, so that no peak is lost. As an Arrow stream
/// (`application/vnd.apache.arrow.stream`) channels are columns and samples
/// are rows.
#[utoipa::path(get, path = "/api/activities/{activity_id}/streams", tag = "activities",
    params(ActivityPath, StreamsQuery),
    responses(
        (status = 200, description = "The channels.", content(
            (Streams = "application/json"),
            (Vec<u8> = "application/vnd.apache.arrow.stream"))),
        AnyProblem))]
pub async fn get_streams(
    _: Athlete,
    ActivityPath { activity_id }: ActivityPath,
    Parameters(query): Parameters<StreamsQuery>,
    accepted: Accepted,
    reader: Reader,
) -> Result<Answer<Streams>, Problem> {
    let form = accepted.choose(&[Format::Json, Format::Arrow], query.format.as_deref())?;
    let chosen: Vec<&str> = match &query.channels {
        Some(channels) => channels.split(',').map(str::trim).collect(),
        None => read::streams::DEFAULT_CHANNELS.to_vec(),
    };
    let key = reader.key(activity_id).await?;
    let rows = read::streams::streams(&reader.session, key, &chosen, query.resolution).await?;
    let what = format!("stream of activity {activity_id}");
    let body = if form == Format::Arrow && !rows.is_empty() {
        answer::written(&read::streams::by_sample(&rows)?, form)?
    } else {
        answer::one(&rows)?.ok_or_else(|| Problem::not_found(&what))?
    };
    Ok(reader.tagged_as(form, body))
}

/// Laps and pool lengths of one activity, as the device marked them.
#[utoipa::path(get, path = "/api/activities/{activity_id}/laps", tag = "activities",
    params(ActivityPath),
    responses((status = 200, description = "All laps.", body = LapList), AnyProblem))]
pub async fn list_laps(
    _: Athlete,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    reader: Reader,
) -> Result<Answer<LapList>, Problem> {
    let key = reader.key(activity_id).await?;
    reader.list(&read::parts::laps(&reader.session, key).await?)
}

/// What cleaning and checking found in one activity.
#[utoipa::path(get, path = "/api/activities/{activity_id}/findings", tag = "activities",
    params(ActivityPath),
    responses((status = 200, description = "All findings.", body = FindingList), AnyProblem))]
pub async fn list_findings(
    _: Athlete,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    reader: Reader,
) -> Result<Answer<FindingList>, Problem> {
    let key = reader.key(activity_id).await?;
    reader.list(&read::parts::findings(&reader.session, key).await?)
}
