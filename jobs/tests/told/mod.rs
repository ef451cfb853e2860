//! What an API might tell of a sample recording, marked so that it can be found
//! wherever it lies, and the search for it.

mod single;

use std::fs;

use jiff::{Timestamp, ToSpan};
use pacelake_jobs::copies::{Fetched, take_in};
use pacelake_jobs::report::Item;
use pacelake_jobs::{Context, Error, source};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pipeline::clean::Clean;
use pipeline::decode::Limits;
use pipeline::decode::archive::gunzip;
use pipeline::decode::strava::api::document;
use serde_json::{Value, json};
use storage::catalog::Athlete;
use uuid::Uuid;
use walkdir::WalkDir;

use crate::home::{Place, recordings};

/// What Strava knows of an outing that a sample file is of.
pub struct Told {
    /// The recording as its file has it.
    pub clean: Clean,
    /// Strava's id of the activity.
    pub id: i64,
    /// That of its upload.
    pub upload_id: Option<i64>,
    /// What its owner calls it there.
    pub name: String,
    /// What recorded it.
    pub device: String,
    /// How many seconds are cropped from its beginning.
    pub skipped_s: i64,
}

impl Told {
    /// The first recording of the sample, under an id of Strava's.
    pub fn of(recording: &str, id: i64) -> Self {
        let path = recordings(&[recording]).remove(0);
        let bytes = fs::read(path).unwrap();
        let bytes = match recording.ends_with(".gz") {
            true => gunzip(bytes, &Limits::default()).unwrap(),
            false => bytes,
        };
        let (_, clean) = source::read(&bytes, &Limits::default()).unwrap().remove(0);
        Self {
            clean,
            id,
            upload_id: None,
            name: format!("Kestrel {id} lunch run"),
            device: format!("Xylophone {id} watch"),
            skipped_s: 0,
        }
    }

    /// The copy that was fetched so many days after 2026-01-31, at noon, which
    /// may be kept for 7 days.
    pub fn copy(&self, days: i64) -> Fetched {
        let first: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let fetched_at = first + (24 * days).hours();
        let (activity, streams) = self.answers();
        let streams = streams.to_string();
        Fetched {
            document: document(activity.to_string().as_bytes(), Some(streams.as_bytes())).unwrap(),
            fetched_at,
            retain_until: Some(fetched_at + (24 * 7).hours()),
        }
    }

    /// The first position that it tells: so little off that nothing hangs on
    /// it, at a latitude where the file never was.
    fn position(&self) -> Option<(i32, i32)> {
        let (lat_e7, lng_e7) = self.clean.first_position()?;
        let is_new = |lat_e7: &i32| !self.clean.lat_e7.contains(&Some(*lat_e7));
        Some(((lat_e7..).find(is_new)?, lng_e7))
    }

    /// What nobody but it says: name, device, id, a coordinate in each unit.
    pub fn marks(&self) -> Vec<String> {
        let id = format!("strava:{}", self.id);
        let mut marks = vec![self.name.clone(), self.device.clone(), id];
        if let Some((lat_e7, _)) = self.position() {
            marks.extend([lat_e7.to_string(), degrees(lat_e7).to_string()]);
        }
        marks
    }

    fn answers(&self) -> (Value, Value) {
        let clean = &self.clean;
        let first = clean.t_ms.partition_point(|t| *t < self.skipped_s * 1_000);
        let start_us = clean.start_time_us + self.skipped_s * 1_000_000;
        let start = Timestamp::from_microsecond(start_us).unwrap();
        let offsets: Vec<i64> = clean.t_ms[first..]
            .iter()
            .map(|t| t / 1_000 - self.skipped_s)
            .collect();
        let activity = json!({
            "id": self.id,
            "athlete": {"id": 4711},
            "upload_id": self.upload_id,
            "name": self.name,
            "device_name": self.device,
            "sport_type": "Run",
            "start_date": start.to_string(),
            "elapsed_time": offsets.last(),
            "visibility": "only_me",
            "kudos_count": 12,
        });
        let pair = |(lat, lng): (&Option<i32>, &Option<i32>)| match (lat, lng) {
            (Some(lat), Some(lng)) => json!([degrees(*lat), degrees(*lng)]),
            (Some(_) | None, _) => Value::Null,
        };
        let mut latlng: Vec<Value> = clean.lat_e7.iter().zip(&clean.lng_e7).map(pair).collect();
        let there = latlng.iter_mut().skip(first).find(|pair| !pair.is_null());
        if let (Some(pair), Some((lat, lng)), 0) = (there, self.position(), self.skipped_s) {
            *pair = json!([degrees(lat), degrees(lng)]);
        }
        let metres: Vec<f64> = clean
            .distance_cm
            .iter()
            .map(|cm| *cm as f64 / 100.0)
            .collect();
        let mut streams = json!({"time": {"data": offsets}});
        if !latlng.is_empty() {
            streams["latlng"] = json!({"data": latlng[first..]});
        }
        if !metres.is_empty() {
            streams["distance"] = json!({"data": metres[first..]});
        }
        (activity, streams)
    }
}

fn degrees(value_e7: i32) -> f64 {
    f64::from(value_e7) / 1e7
}

/// Takes copies in, one item each.
pub async fn try_taken(
    context: &Context,
    athlete: &Athlete,
    copies: Vec<Fetched>,
) -> Result<Vec<Item>, Error> {
    // As a worker does it: in a task.
    let (task, whose) = (context.clone(), athlete.clone());
    let taken = async move { take_in(&task, &whose, Uuid::now_v7(), copies).await };
    let taken = tokio::spawn(taken).await.unwrap()?;
    let growth = taken.growth.as_ref();
    pacelake_jobs::derive::reconcile_growth(context, athlete.athlete_id, growth).await?;
    Ok(taken.items.into_iter().map(|(_, item)| item).collect())
}

/// Takes copies in at once.
pub async fn all_taken(context: &Context, copies: &[Fetched]) -> Vec<Item> {
    let athlete = context.athlete(None).await.unwrap();
    let items = try_taken(context, &athlete, copies.to_vec()).await.unwrap();
    assert_eq!(items.len(), copies.len());
    items
}

/// Takes one copy in.
pub async fn taken(context: &Context, copy: &Fetched) -> Item {
    all_taken(context, std::slice::from_ref(copy))
        .await
        .remove(0)
}

/// Rows of the catalog on PostgreSQL, as text.
const POSTGRES: &[&str] = &[
    "select cast(t as text) from pacelake.sources as t",
    "select cast(t as text) from pacelake.activities as t",
    "select cast(t as text) from pacelake.audit as t",
    "select cast(t as text) from pacelake.corrections as t",
    "select cast(t as text) from pacelake.purges as t",
    "select cast(t as text) from pacelake.purge_targets as t",
    "select cast(t as text) from public.ducklake_data_file as t",
    "select cast(t as text) from public.ducklake_delete_file as t",
    "select cast(t as text) from public.ducklake_snapshot_changes as t",
    "select cast(t as text) from public.ducklake_file_column_stats as t",
    "select cast(t as text) from public.ducklake_table_column_stats as t",
    "select cast(t as text) from public.ducklake_files_scheduled_for_deletion as t",
];

/// Where any of these words stands: in every file on disk, unpacked and
/// decoded, and in every row of the catalog.
pub async fn traces(place: &Place, context: &Context, words: &[String]) -> Vec<String> {
    let holds = |text: &str| words.iter().any(|word| text.contains(word.as_str()));
    let mut found = Vec::new();
    for entry in WalkDir::new(place.data_dir.path()).sort_by_file_name() {
        let entry = entry.unwrap();
        if entry.file_type().is_dir() {
            continue;
        }
        let path = entry.path().display().to_string();
        let bytes = fs::read(entry.path()).unwrap();
        let text = if path.ends_with(".zst") {
            String::from_utf8_lossy(&zstd::decode_all(&bytes[..]).unwrap()).into_owned()
        } else if path.ends_with(".parquet") {
            rows_as_text(bytes)
        } else {
            String::from_utf8_lossy(&bytes).into_owned()
        };
        if holds(&text) {
            found.push(path);
        }
    }
    if place.catalog.is_some() {
        for sql in POSTGRES {
            let rows = context.storage.catalog.db().fetch(sql, &[]).await.unwrap();
            let hits = rows.iter().filter(|row| holds(row.text(0).unwrap()));
            found.extend(hits.map(|_| (*sql).to_owned()));
        }
    }
    found
}

fn rows_as_text(bytes: Vec<u8>) -> String {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    let rows = arrow::util::pretty::pretty_format_batches(&batches).unwrap();
    rows.to_string()
}
