//! The control over HTTP, below `/_control`, in JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::Course;
use crate::control::Control;
use crate::error::Error;
use crate::faults::{EventFaultRule, FaultRule};
use crate::inputs::{Details, Edit, Generated, Manual, NewAthlete};
use crate::limits::Calls;
use crate::strava::Strava;
use crate::switches::Switches;

/// The largest recording that is taken, in bytes.
const LARGEST_RECORDING: usize = 256 << 20;

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::UnknownAthlete(_) | Self::UnknownActivity(_) => StatusCode::NOT_FOUND,
            Self::DoubledActivity(_) | Self::RealClock => StatusCode::CONFLICT,
            Self::Recording { .. } | Self::NoSamples | Self::Crop { .. } | Self::Told { .. } => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Listen { .. }
            | Self::Client { .. }
            | Self::Generate { .. }
            | Self::Read { .. }
            | Self::Serve { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let cause = std::error::Error::source(&self).map(ToString::to_string);
        let told = json!({"error": self.to_string(), "cause": cause});
        (status, Json(told)).into_response()
    }
}

impl axum::extract::FromRef<Arc<Strava>> for Control {
    fn from_ref(strava: &Arc<Strava>) -> Self {
        Self {
            strava: Arc::clone(strava),
        }
    }
}

/// The routes of the control.
pub(crate) fn routes() -> Router<Arc<Strava>> {
    Router::new()
        .route("/state", get(state))
        .route("/clock", get(course).post(clock))
        .route("/athletes", post(add_athlete))
        .route("/athletes/{id}/activities", get(activities))
        .route("/athletes/{id}/recordings", post(add_recording))
        .route("/athletes/{id}/generated", post(add_generated))
        .route("/athletes/{id}/history", post(add_history))
        .route("/athletes/{id}/manual", post(add_manual))
        .route("/athletes/{id}/deauthorise", post(deauthorise))
        .route("/athletes/{id}/expire", post(expire))
        .route(
            "/activities/{id}",
            get(activity).patch(edit).delete(delete_activity),
        )
        .route("/switches", put(set_switches))
        .route("/limits", put(set_limits))
        .route("/used", put(set_used))
        .route("/faults", post(fault).put(set_faults).delete(clear_faults))
        .route("/event-faults", post(event_fault))
        .route("/events", get(events))
        .route("/events/held", delete(release))
        .route("/requests", get(requests))
        .layer(DefaultBodyLimit::max(LARGEST_RECORDING))
}

type Told = Result<Json<Value>, Error>;

async fn state(State(control): State<Control>) -> Json<Value> {
    Json(json!({
        "now": control.now().to_string(),
        "athletes": control.athletes(),
        "connections": control.connections(),
        "subscription": control.subscription(),
        "switches": control.switches(),
        "tally": control.tally(),
        "events": control.fates(),
    }))
}

/// Where the clock is to go, or how fast.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Move {
    AdvanceS(u64),
    Set(String),
    Rate(f64),
}

/// How long a change of the clock's course is waited for.
const COURSE: Duration = Duration::from_secs(20);

/// What is known of the clock's course.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// Its version: the answer comes when there is another one.
    after: Option<u64>,
}

async fn course(
    State(control): State<Control>,
    Query(Known { after }): Query<Known>,
) -> Json<Course> {
    let changed = async {
        match after {
            Some(version) => control.course_after(version).await,
            None => control.course(),
        }
    };
    let course = tokio::time::timeout(COURSE, changed).await;
    Json(course.unwrap_or_else(|_| control.course()))
}

async fn clock(State(control): State<Control>, Json(to): Json<Move>) -> Told {
    match to {
        Move::AdvanceS(seconds) => control.advance(Duration::from_secs(seconds))?,
        Move::Set(text) => {
            let to = text.parse().map_err(|wrong: jiff::Error| Error::Told {
                what: "the instant",
                cause: wrong.to_string(),
            })?;
            control.set_clock(to)?;
        }
        Move::Rate(rate) => control.set_clock_rate(rate)?,
    }
    Ok(Json(json!({"now": control.now().to_string()})))
}

async fn add_athlete(State(control): State<Control>, Json(new): Json<NewAthlete>) -> Json<Value> {
    Json(json!({"id": control.add_athlete(new)}))
}

async fn activities(State(control): State<Control>, Path(athlete): Path<i64>) -> Json<Value> {
    Json(json!({"ids": control.activities(athlete)}))
}

/// What a query may say of an uploaded recording.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    /// [`Details`] in JSON.
    details: Option<String>,
}

async fn add_recording(
    State(control): State<Control>,
    Path(athlete): Path<i64>,
    Query(About { details }): Query<About>,
    bytes: Bytes,
) -> Told {
    let details = details.as_deref().map(serde_json::from_str::<Details>);
    let details = details.transpose().map_err(|wrong| Error::Told {
        what: "the details",
        cause: wrong.to_string(),
    })?;
    let details = details.unwrap_or_default();
    let ids = control.add_recording(athlete, &bytes, &details)?;
    Ok(Json(json!({"ids": ids})))
}

/// A recording to be generated, and what is said of it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct GeneratedActivity {
    generated: Generated,
    details: Details,
}

async fn add_generated(
    State(control): State<Control>,
    Path(athlete): Path<i64>,
    Json(new): Json<GeneratedActivity>,
) -> Told {
    let id = control.add_generated(athlete, new.generated, &new.details)?;
    Ok(Json(json!({"id": id})))
}

/// A history to be generated.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct History {
    seed: u64,
    count: u32,
    days: u32,
}

async fn add_history(
    State(control): State<Control>,
    Path(athlete): Path<i64>,
    Json(History { seed, count, days }): Json<History>,
) -> Told {
    let ids = control.add_history(athlete, seed, count, days)?;
    Ok(Json(json!({"ids": ids})))
}

async fn add_manual(
    State(control): State<Control>,
    Path(athlete): Path<i64>,
    Json(manual): Json<Manual>,
) -> Told {
    Ok(Json(json!({"id": control.add_manual(athlete, manual)?})))
}

async fn deauthorise(State(control): State<Control>, Path(athlete): Path<i64>) -> StatusCode {
    control.deauthorise(athlete);
    StatusCode::NO_CONTENT
}

async fn expire(State(control): State<Control>, Path(athlete): Path<i64>) -> StatusCode {
    control.expire_access(athlete);
    StatusCode::NO_CONTENT
}

async fn activity(State(control): State<Control>, Path(id): Path<i64>) -> Told {
    Ok(Json(control.activity(id)?))
}

async fn edit(
    State(control): State<Control>,
    Path(id): Path<i64>,
    Json(edit): Json<Edit>,
) -> Result<StatusCode, Error> {
    control.edit(id, edit)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_activity(
    State(control): State<Control>,
    Path(id): Path<i64>,
) -> Result<StatusCode, Error> {
    control.delete(id)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_switches(State(control): State<Control>, Json(to): Json<Switches>) -> StatusCode {
    control.switch(|switches| *switches = to);
    StatusCode::NO_CONTENT
}

async fn set_limits(State(control): State<Control>, Json(limits): Json<Calls>) -> StatusCode {
    control.set_limits(limits);
    StatusCode::NO_CONTENT
}

async fn set_used(State(control): State<Control>, Json(used): Json<Calls>) -> StatusCode {
    control.set_used(used);
    StatusCode::NO_CONTENT
}

async fn fault(State(control): State<Control>, Json(rule): Json<FaultRule>) -> StatusCode {
    control.fault(rule);
    StatusCode::NO_CONTENT
}

async fn set_faults(
    State(control): State<Control>,
    Json(rules): Json<Vec<FaultRule>>,
) -> Json<Value> {
    Json(json!(control.swap_faults(rules)))
}

async fn event_fault(
    State(control): State<Control>,
    Json(rule): Json<EventFaultRule>,
) -> StatusCode {
    control.event_fault(rule);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(control): State<Control>) -> StatusCode {
    control.clear_faults();
    StatusCode::NO_CONTENT
}

async fn release(State(control): State<Control>) -> StatusCode {
    control.release_events();
    StatusCode::NO_CONTENT
}

async fn events(State(control): State<Control>) -> Json<Value> {
    Json(json!(control.events()))
}

async fn requests(State(control): State<Control>) -> Json<Value> {
    Json(json!(control.requests()))
}
