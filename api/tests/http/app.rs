//! A server over a lake of its own, and requests to it.

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::json::ReaderBuilder;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use pacelake_api::{self as api, ServerLimits, State};
use query::derived::best_effort_ranks::RANKS_TABLE;
use query::derived::best_efforts::BEST_EFFORTS_TABLE;
use query::derived::climbs::CLIMBS_TABLE;
use query::derived::peaks::PEAKS_TABLE;
use query::derived::splits::SPLITS_TABLE;
use query::derived::stats::STATS_TABLE;
use serde_json::{Value, json};
use storage::catalog::{ActivityWrite, CatalogChange};
use storage::table::{Kind, Table};
use storage::tables::{ACTIVITIES, STREAMS};
use storage::{ActivityId, ActivityKey, AthleteId, Commit, Options, Storage, TableChange};
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

/// The first activity: a run of two kilometres on New Year's Eve, UTC.
pub const RUN: i64 = 7;
/// The second: a ride, without positions.
pub const RIDE: i64 = 8;

/// An application over a lake with two activities of athlete 1.
pub struct TestApp {
    router: Router,
    storage: Storage,
    _folder: TempDir,
}

/// An answer, read to its end.
pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl TestApp {
    pub async fn new() -> Self {
        Self::within(ServerLimits::default()).await
    }

    /// The same within other limits.
    pub async fn within(limits: ServerLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::in_folder(folder.path());
        let storage = Storage::open(&options, &query::derived::tables(), &[])
            .await
            .unwrap();
        storage.catalog.first_athlete().await.unwrap();
        let app = Self {
            router: api::app(State::new(storage.clone(), limits).unwrap()),
            storage,
            _folder: folder,
        };
        app.commit(run(), RUN, RUN_US).await;
        app.commit(ride(), RIDE, RIDE_US).await;
        app
    }

    /// Commits a new activity of athlete 1 and its rows.
    pub async fn commit(&self, tables: Vec<(&'static Table, Value)>, id: i64, start_us: i64) {
        let key = ActivityKey {
            athlete_id: AthleteId(1),
            start_time_us: start_us,
            activity_id: ActivityId(id),
        };
        let changes = tables.into_iter().map(|(table, rows)| TableChange {
            table,
            delete: None,
            append: vec![batch(table, &rows)],
        });
        let birth = ActivityWrite {
            key,
            previous_revision: None,
            revision: 1,
        };
        let catalog = CatalogChange {
            activities: vec![birth],
            ..Default::default()
        };
        let commit = Commit {
            attempt: Uuid::now_v7(),
            changes: changes.collect(),
            catalog,
            message: "test".to_owned(),
        };
        self.storage.lake.commit(commit).await.unwrap();
    }

    /// What another server over the same lake would share.
    pub fn state(&self) -> State {
        State::new(self.storage.clone(), ServerLimits::default()).unwrap()
    }

    pub async fn send(&self, request: Request<Body>) -> Answered {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answered {
            status: parts.status,
            headers: parts.headers,
            bytes,
        }
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answered {
        let mut request = Request::get(path).header("host", "127.0.0.1:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answered {
        self.get_with(path, &[]).await
    }

    /// The answer to a statement.
    pub async fn sql(&self, query: &str, accept: &str) -> Answered {
        let request = Request::post("/api/sql")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("accept", accept)
            .body(Body::from(json!({"query": query}).to_string()));
        self.send(request.unwrap()).await
    }

    /// The JSON of a good answer.
    pub async fn json(&self, path: &str) -> Value {
        let answered = self.get(path).await;
        assert_eq!(
            answered.status,
            StatusCode::OK,
            "{path}: {}",
            answered.text()
        );
        answered.json()
    }
}

/// When the run starts, in microseconds since 1970.
pub const RUN_US: i64 = 1_704_065_400_000_000;
/// When the ride does.
pub const RIDE_US: i64 = 1_709_618_400_000_000;

/// The run, with rows in every table but laps and findings.
pub fn run() -> Vec<(&'static Table, Value)> {
    let with_key = |value: Value| with_key(value, "2023-12-31T23:30:00", RUN);
    let samples = json!({
        "t_ms": [0, 300_000, 600_000], "distance_cm": [0, 100_000, 200_000],
        "lat_e7": [480_000_000, null, 480_100_000], "lng_e7": [110_000_000, null, 110_200_000],
        "heart_rate_bpm": [120, 150, null],
    });
    let activity = json!({
        "start_time_local": "2024-01-01T00:30:00", "start_date_local": "2024-01-01",
        "utc_offset_s": 3600, "samples": 3,
        "sport": "run", "sport_detail": "trail_run", "name": "<New> & \"Year\"",
        "distance_m": 2000.0, "elapsed_s": 600.0, "moving_s": 600.0,
        "description": "long", "summary_polyline": "_p~iF", "revision": 1,
    });
    let split = |unit: &str, split: i32, distance_m: f64| {
        with_key(json!({"unit": unit, "split": split, "distance_m": distance_m}))
    };
    let climb = |climb: i32, gain_m: f64| {
        with_key(json!({"sport": "run", "climb": climb, "gain_m": gain_m}))
    };
    let effort = json!({
        "sport": "run", "start_date_local": "2024-01-01", "distance_m": 1000.0,
        "elapsed_s": 300.0,
    });
    let peak = json!({
        "sport": "run", "measure": "heart_rate_bpm", "duration_s": 60.0, "value": 150.0,
    });
    let mut rank = effort.clone();
    rank["time_window"] = json!("all");
    rank["rank"] = json!(1);
    let stats = |period: &str, sport: &str, start: &str| {
        json!({
            "athlete_id": 1, "period": period, "sport": sport, "period_start": start,
            "activities": 1, "distance_m": 2000.0, "moving_s": 600.0,
        })
    };
    vec![
        (&ACTIVITIES, json!([with_key(activity)])),
        (&STREAMS, json!([with_key(samples)])),
        (
            &SPLITS_TABLE,
            json!([
                split("km", 1, 1000.0),
                split("km", 2, 1000.0),
                split("mile", 1, 1609.344)
            ]),
        ),
        (&CLIMBS_TABLE, json!([climb(1, 40.5), climb(2, 31.0)])),
        (&BEST_EFFORTS_TABLE, json!([with_key(effort)])),
        (&PEAKS_TABLE, json!([with_key(peak)])),
        (&RANKS_TABLE, json!([with_key(rank)])),
        (
            &STATS_TABLE,
            json!([
                stats("year", "all", "2024-01-01"),
                stats("year", "run", "2024-01-01"),
                stats("month", "all", "2024-01-01"),
            ]),
        ),
    ]
}

/// A ride; its streams have neither positions nor heart rate.
pub fn ride() -> Vec<(&'static Table, Value)> {
    let with_key = |value: Value| with_key(value, "2024-03-05T06:00:00", RIDE);
    let activity = json!({
        "start_time_local": "2024-03-05T07:00:00", "start_date_local": "2024-03-05",
        "sport": "ride", "sport_detail": "ride", "elapsed_s": 60.0, "revision": 1,
    });
    vec![
        (&ACTIVITIES, json!([with_key(activity)])),
        (&STREAMS, json!([with_key(json!({"t_ms": [0, 60_000]}))])),
    ]
}

/// The row with the three columns that find its activity.
pub fn with_key(mut row: Value, start: &str, id: i64) -> Value {
    row["athlete_id"] = json!(1);
    row["start_time"] = json!(start);
    row["activity_id"] = json!(id);
    row
}

/// Rows of a table, with what is left out null, 0 or empty.
pub fn batch(table: &Table, rows: &Value) -> RecordBatch {
    let mut lines = String::new();
    for row in rows.as_array().unwrap() {
        let mut row = row.clone();
        for column in table.columns {
            if !column.nullable && row.get(column.name).is_none() {
                row[column.name] = match column.kind {
                    Kind::Int64 | Kind::Int32 | Kind::Float64 => json!(0),
                    Kind::Utf8 => json!(""),
                    Kind::Boolean => json!(false),
                    Kind::Timestamp => json!("1970-01-01T00:00:00"),
                    Kind::Date => json!("1970-01-01"),
                    Kind::Int32List | Kind::Int64List => json!([]),
                };
            }
        }
        lines.push_str(&row.to_string());
        lines.push('\n');
    }
    let mut reader = ReaderBuilder::new(table.schema())
        .build(Cursor::new(lines))
        .unwrap();
    reader.next().unwrap().unwrap()
}
