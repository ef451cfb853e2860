//! A lake of the captured answers.

use std::collections::BTreeMap;

use pacelake_jobs::copies::{Fetched, take_in};
use pacelake_jobs::report::Outcome;
use pacelake_jobs::{Context, derive, import};
use pipeline::decode::strava::api::document;
use query::output::values;
use query::session::{Limits, Session};
use serde_json::Value;
use uuid::Uuid;

use crate::answers::Answers;
use crate::home::{Place, open};

/// What the lake says of each activity.
pub struct Lake {
    ours: BTreeMap<&'static str, Ours>,
    // Gone with its files when dropped.
    _place: Place,
}

/// What it says of one.
#[derive(Default)]
pub struct Ours {
    /// Its row.
    pub activity: Value,
    /// Its splits, in order.
    pub splits: Vec<Value>,
    /// Its best efforts, in order.
    pub efforts: Vec<Value>,
    /// Those that were refused.
    pub refused: Vec<Value>,
}

impl Lake {
    /// Takes all in, each as a worker or an import would.
    ///
    /// # Panics
    /// If one of them does not come in.
    pub async fn of(all: &[Answers]) -> Self {
        let place = Place::sqlite();
        let context = open(&place).await;
        let mut ours = BTreeMap::new();
        for answers in all {
            let activity_id = taken_in(&context, answers).await;
            ours.insert(answers.name, read(&context, activity_id).await);
        }
        Self {
            ours,
            _place: place,
        }
    }

    /// What it says of one of them.
    ///
    /// # Panics
    /// If it is not there.
    pub fn ours(&self, answers: &Answers) -> &Ours {
        &self.ours[answers.name]
    }
}

impl Ours {
    /// A number of the activity's row.
    pub fn number(&self, column: &str) -> Option<f64> {
        let value = self.activity.get(column);
        value
            .unwrap_or_else(|| panic!("no column {column}"))
            .as_f64()
    }
}

async fn taken_in(context: &Context, answers: &Answers) -> i64 {
    if let Some(file) = &answers.file {
        let report = import::import(context, None, std::slice::from_ref(file)).await;
        let report = report.unwrap();
        let mut created = report.items.iter().filter_map(|item| item.activity_id);
        return created.next().unwrap().0;
    }
    let activity = answers.activity.to_string();
    let streams = answers.streams.as_ref().map(Value::to_string);
    let streams = streams.as_ref().map(String::as_bytes);
    let copy = Fetched {
        document: document(activity.as_bytes(), streams).unwrap(),
        fetched_at: (context.now)(),
        retain_until: None,
    };
    let athlete = context.athlete(None).await.unwrap();
    let taken = take_in(context, &athlete, Uuid::now_v7(), vec![copy]).await;
    let taken = taken.unwrap();
    let (_, item) = &taken.items[0];
    assert_eq!(item.outcome, Outcome::Created, "{}: {item:?}", answers.name);
    let growth = taken.growth.as_ref();
    let reconciled = derive::reconcile_growth(context, athlete.athlete_id, growth).await;
    reconciled.unwrap();
    item.activity_id.unwrap().0
}

async fn read(context: &Context, activity_id: i64) -> Ours {
    let view = context.storage.lake.latest().await.unwrap();
    let session = Session::open(&view, Limits::jobs()).await.unwrap();
    let rows = async |table: &str, order: &str| {
        let text =
            format!("select * from {table} where activity_id = {activity_id} order by {order}");
        values(&query::sql::query(&session, &text).await.unwrap()).unwrap()
    };
    Ours {
        activity: rows("activities", "activity_id").await.remove(0),
        splits: rows("splits", "unit, split").await,
        efforts: rows("best_efforts", "distance_m").await,
        refused: rows("refused_efforts", "distance_m").await,
    }
}
