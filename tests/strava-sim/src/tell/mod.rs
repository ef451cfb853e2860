//! Activities as the API's answers tell them. Which keys there are, and of which
//! types, follows recorded answers; `tests/strava_sim_fidelity/` compares.

mod detail;
mod stats;
mod streams;
mod summary;

pub(crate) use detail::{detail, laps};
pub(crate) use stats::stats;
pub(crate) use streams::{Asked, streams};
pub(crate) use summary::summary;

use serde_json::{Map, Value};

/// The members of an object that `json!` made.
pub(crate) fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}
