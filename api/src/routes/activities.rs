//! Activities, and what belongs to one.

use jiff::civil::Date;
use query::read::{self, Cursor};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Athlete;
use crate::answer::{self, Answer};
use crate::geojson::Feature;
use crate::parameters::{
    ActivityPath, MAX_LIMIT, NoParameters, Parameters, bounded, optional_cursor, optional_day,
    optional_number, page_limit,
};
use crate::problem::{AnyProblem, Problem};
use crate::reader::Reader;
use crate::schema::{Activity, ActivityPage, FindingList, LapList, SplitList, Streams};

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

/// The track of one activity, as a GeoJSON feature.
///
/// A `LineString` of [longitude, latitude], with the same line as an encoded
/// polyline of precision 5 in `properties.polyline`; a null geometry where
/// fewer than two positions were recorded.
#[utoipa::path(get, path = "/api/activities/{activity_id}/map", tag = "activities",
    params(ActivityPath),
    responses((status = 200, description = "The track.", body = Feature), AnyProblem))]
pub async fn get_map(
    _: Athlete,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    reader: Reader,
) -> Result<Answer<Feature>, Problem> {
    let key = reader.key(activity_id).await?;
    let track = read::track::track(&reader.session, key).await?;
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

/// Which channels to give.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChannelsQuery {
    /// Columns of `streams`, joined by commas: `t_ms`, `lat_e7`, `lng_e7`, `distance_cm`,
    /// `altitude_cm`, `heart_rate_bpm`, `cadence_rpm`, `power_w`, `temperature_c`, `speed_mm_s`.
    #[param(default = "t_ms,distance_cm,heart_rate_bpm")]
    pub channels: Option<String>,
}

/// Samples of one activity: one list a channel, one entry a sample.
///
/// Only the channels that were asked for are there; one that was never
/// recorded is null.
#[utoipa::path(get, path = "/api/activities/{activity_id}/streams", tag = "activities",
    params(ActivityPath, ChannelsQuery),
    responses((status = 200, description = "The channels.", body = Streams), AnyProblem))]
pub async fn get_streams(
    _: Athlete,
    ActivityPath { activity_id }: ActivityPath,
    Parameters(ChannelsQuery { channels }): Parameters<ChannelsQuery>,
    reader: Reader,
) -> Result<Answer<Streams>, Problem> {
    let chosen: Vec<&str> = match &channels {
        Some(channels) => channels.split(',').map(str::trim).collect(),
        None => read::parts::DEFAULT_CHANNELS.to_vec(),
    };
    let key = reader.key(activity_id).await?;
    let rows = read::parts::streams(&reader.session, key, &chosen).await?;
    reader.one(&rows, &format!("stream of activity {activity_id}"))
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
