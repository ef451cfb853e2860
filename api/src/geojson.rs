//! A track as GeoJSON (RFC 7946).

use query::read::track::Track;
use serde::Serialize;
use storage::ActivityId;
use utoipa::ToSchema;

/// A GeoJSON feature with the track of one activity.
#[derive(Debug, Serialize, ToSchema)]
pub struct Feature {
    /// Always `Feature`.
    #[serde(rename = "type")]
    #[schema(example = "Feature")]
    kind: &'static str,
    /// The activity's id.
    id: i64,
    /// West, south, east and north bound in degrees; absent without positions.
    #[serde(skip_serializing_if = "Option::is_none")]
    bbox: Option<[f64; 4]>,
    /// The line; null where fewer than two positions were recorded.
    geometry: Option<LineString>,
    /// What else there is to say.
    properties: TrackProperties,
}

/// A GeoJSON line.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineString {
    /// Always `LineString`.
    #[serde(rename = "type")]
    #[schema(example = "LineString")]
    kind: &'static str,
    /// Longitude and latitude in degrees, one pair a recorded position.
    coordinates: Vec<[f64; 2]>,
}

/// What a track's feature has beside its line.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrackProperties {
    /// The activity's id.
    activity_id: i64,
    /// The same line as an encoded polyline of precision 5.
    polyline: String,
}

impl Feature {
    /// The feature of an activity's track.
    pub fn of(activity_id: ActivityId, track: &Track) -> Self {
        let coordinates = track.positions.clone();
        let geometry = (coordinates.len() >= 2).then_some(LineString {
            kind: "LineString",
            coordinates,
        });
        Self {
            kind: "Feature",
            id: activity_id.0,
            bbox: track.bounds,
            geometry,
            properties: TrackProperties {
                activity_id: activity_id.0,
                polyline: track.polyline.clone(),
            },
        }
    }
}
