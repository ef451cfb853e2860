//! The captured answers: `pipeline/tests/captured/SOURCES.md` says whence.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::pins;

/// A ride in a virtual world, with all its samples.
pub const VIRTUAL_RIDE: &str = "virtual ride";
/// A ride, with all its samples and its totals alone.
pub const RIDE: &str = "ride";
/// A run of 42 km, of which Strava told distances without times.
pub const MARATHON: &str = "marathon";
/// A run whose file and line are in an account archive.
pub const ARCHIVED: &str = "archived run";
/// What Strava answered of one activity.
pub struct Answers {
    /// What the page calls it.
    pub name: &'static str,
    /// In detail.
    pub activity: Value,
    /// Its samples, by kind; what was not captured is not there.
    pub streams: Option<Value>,
    /// Its file, where Strava's archive has one.
    pub file: Option<PathBuf>,
}

impl Answers {
    fn captured(name: &'static str, activity: &str, streams: Option<&str>) -> Self {
        Self {
            name,
            activity: read(activity),
            streams: streams.map(read),
            file: None,
        }
    }

    /// A number that Strava tells of the whole.
    pub fn told(&self, key: &str) -> Option<f64> {
        self.activity[key].as_f64()
    }

    /// A list of the answer; empty where there is none.
    pub fn list(&self, key: &str) -> &[Value] {
        self.activity[key].as_array().map_or(&[], Vec::as_slice)
    }

    /// The values of one stream, where it is there and has no gaps.
    pub fn stream(&self, kind: &str) -> Option<Vec<f64>> {
        let data = self.streams.as_ref()?[kind]["data"].as_array()?;
        data.iter().map(Value::as_f64).collect()
    }
}

/// All captured answers, in the page's order.
pub fn all() -> Vec<Answers> {
    let mut marathon = Answers::captured(
        MARATHON,
        "ruby-marathon.json",
        Some("ruby-marathon-distance.json"),
    );
    let times = pins::times(&marathon);
    if let Some(streams) = &mut marathon.streams {
        streams["time"] = json!({"data": times});
    }
    let mut swim = Answers::captured("swim, typed in", "ruby-swim.json", None);
    // Whoever published it gave it the id of the ride.
    swim.activity["id"] = json!(2);
    vec![
        Answers::captured(
            VIRTUAL_RIDE,
            "elevate-virtual-ride.json",
            Some("elevate-virtual-ride-streams.json"),
        ),
        Answers::captured(RIDE, "elevate-ride.json", Some("elevate-ride-streams.json")),
        marathon,
        archived(),
        Answers::captured("run of 2018", "ruby-run.json", None),
        Answers::captured("run of 2013", "go.strava-run.json", None),
        Answers::captured("ride of 2018", "ruby-ride.json", None),
        swim,
        Answers::captured("activity, typed in", "stravalib-manual.json", None),
    ]
}

fn read(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipeline/tests/captured");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

/// The line of an account archive under the names that the API has, and the
/// file that it names.
fn archived() -> Answers {
    let folder = home().join("strava/sample-2024");
    let mut table = csv::Reader::from_path(folder.join("activities.csv")).unwrap();
    let head = table.headers().unwrap().clone();
    let line = table.records().next().unwrap().unwrap();
    // Names that stand twice: the second is in metres and seconds.
    let number = |name: &str| {
        let places = head.iter().enumerate().filter(|(_, found)| *found == name);
        let (place, _) = places.last().unwrap();
        line[place].parse::<f64>().ok()
    };
    Answers {
        name: ARCHIVED,
        activity: json!({
            "distance": number("Distance"),
            "elapsed_time": number("Elapsed Time"),
            "moving_time": number("Moving Time"),
            "total_elevation_gain": number("Elevation Gain"),
            "average_speed": number("Average Speed"),
            "max_speed": number("Max Speed"),
            "average_cadence": number("Average Cadence"),
            "max_cadence": number("Max Cadence"),
            "elev_high": number("Elevation High"),
        }),
        streams: None,
        file: Some(folder),
    }
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/recordings")
}
