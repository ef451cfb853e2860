//! The simulator's answers against captured ones of the real API, field by
//! field: the same keys where there is data, the same JSON types (whole numbers
//! and fractions are two), the same formats of times and zones, the same errors
//! and headers.

mod likeness;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::DateTime;
use pacelake_strava_sim::{
    Clock, Control, Details, Generated, Manual, NewAthlete, Options, Simulator,
};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::likeness::{assert_like, differences, kind};

struct Trial {
    simulator: Simulator,
    control: Control,
    athlete: i64,
    http: reqwest::Client,
    access: String,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Trial {
    async fn begin() -> Self {
        let simulator = Simulator::start(Options {
            clock: Clock::Controlled("2026-06-01T08:00:00Z".parse().unwrap()),
            ..Options::default()
        })
        .await
        .unwrap();
        let control = simulator.control();
        let athlete = control.add_athlete(NewAthlete {
            shoes: vec!["Grey Shoes".to_owned(), "Red Shoes".to_owned()],
            ..NewAthlete::default()
        });
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        let mut trial = Self {
            simulator,
            control,
            athlete,
            http,
            access: String::new(),
        };
        let tokens = trial.tokens().await;
        trial.access = tokens.body["access_token"].as_str().unwrap().to_owned();
        trial
    }

    fn recording(&self, path: &str) -> i64 {
        let root = env!("CARGO_MANIFEST_DIR");
        let bytes = std::fs::read(format!("{root}/../../data/recordings/{path}")).unwrap();
        let details = Details {
            workout_type: Some(0),
            ..Details::default()
        };
        self.control
            .add_recording(self.athlete, &bytes, &details)
            .unwrap()[0]
    }

    async fn token(&self, pairs: &[(&str, &str)]) -> Answer {
        let url = self.simulator.url() + "/oauth/token";
        send(self.http.post(url).form(pairs)).await
    }

    /// The exchange of a code.
    async fn tokens(&self) -> Answer {
        let app = self.simulator.app();
        let (id, athlete) = (app.client_id.to_string(), self.athlete.to_string());
        let query = [
            ("client_id", id.as_str()),
            ("redirect_uri", "http://localhost/"),
            ("response_type", "code"),
            ("scope", "activity:read_all,profile:read_all"),
            ("_auto", &athlete),
        ];
        let url = self.simulator.url() + "/oauth/authorize";
        let back = self.http.get(url).query(&query).send().await.unwrap();
        let back = back.headers()["location"].to_str().unwrap().to_owned();
        let code = back
            .split("code=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap();
        self.token(&[
            ("client_id", &id),
            ("client_secret", &app.client_secret),
            ("grant_type", "authorization_code"),
            ("code", code),
        ])
        .await
    }

    async fn get(&self, path: &str) -> Answer {
        let url = self.simulator.api_url() + path;
        send(self.http.get(url).bearer_auth(&self.access)).await
    }
}

async fn send(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null),
    }
}

fn captured(name: &str) -> Value {
    let path = format!("{}/captured/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn a_run_in_full() {
    let trial = Trial::begin().await;
    let id = trial.recording("fit/activity-small-fenix2-run.fit");
    let ours = trial.get(&format!("/activities/{id}")).await.body;
    let real = captured("activity_run");
    assert_like("a run", &real, &ours);
    // Local time says `Z`, and is the offset away from the start.
    let at = |key: &str| ours[key].as_str().unwrap().to_owned();
    let start: Timestamp = at("start_date").parse().unwrap();
    let local: DateTime = at("start_date_local")
        .trim_end_matches('Z')
        .parse()
        .unwrap();
    let offset = ours["utc_offset"].as_f64().unwrap();
    let shifted: Timestamp = format!("{local}Z").parse().unwrap();
    assert_eq!((shifted.as_second() - start.as_second()) as f64, offset);
    assert_eq!(ours["upload_id"].to_string(), at("upload_id_str"));
    // Whatever splits and efforts there are, they have the real ones' names and
    // distances.
    let known = real["best_efforts"].as_array().unwrap().iter();
    let known: BTreeMap<_, _> = known
        .map(|one| (one["name"].to_string(), one["distance"].clone()))
        .collect();
    let efforts = ours["best_efforts"].as_array().unwrap();
    assert!(!efforts.is_empty());
    for effort in efforts {
        assert_eq!(effort["distance"], known[&effort["name"].to_string()]);
    }
    let sum = |key: &str, of: &str| -> f64 {
        let parts = ours[key].as_array().unwrap().iter();
        parts.map(|part| part[of].as_f64().unwrap()).sum()
    };
    for splits in ["splits_metric", "splits_standard"] {
        assert_eq!(
            sum(splits, "elapsed_time"),
            ours["elapsed_time"].as_f64().unwrap()
        );
        assert_eq!(
            sum(splits, "moving_time"),
            ours["moving_time"].as_f64().unwrap()
        );
        let metres = ours["distance"].as_f64().unwrap();
        assert!((sum(splits, "distance") - metres).abs() < 0.01);
    }
}

#[tokio::test]
async fn a_ride_indoors_in_full() {
    let trial = Trial::begin().await;
    let id = trial.recording("fit/sample-activity-indoor-trainer.fit");
    let ours = trial.get(&format!("/activities/{id}")).await.body;
    let real = captured("activity_ride");
    let mut found = Vec::new();
    differences("", &real, &ours, &mut found);
    // The captured one has neither a power meter nor gear, nor any distance.
    let expected = [
        "splits_metric",
        "splits_standard",
        "average_watts",
        "max_watts",
        "kilojoules",
        "weighted_average_watts",
        "device_watts",
    ];
    let found: Vec<_> = found
        .iter()
        .filter(|line| {
            !expected
                .iter()
                .any(|key| line.starts_with(&format!("{key}:")))
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}\n{ours:#}");
}

#[tokio::test]
async fn lists_of_every_kind() {
    let trial = Trial::begin().await;
    trial.recording("fit/activity-small-fenix2-run.fit");
    trial.recording("tcx/treadmill_1.tcx");
    let details = |sport: &str| Details {
        sport_type: Some(sport.to_owned()),
        ..Details::default()
    };
    let hidden = Details {
        visibility: pacelake_strava_sim::Visibility::OnlyMe,
        ..details("TrailRun")
    };
    let generated = Generated::default();
    trial
        .control
        .add_generated(trial.athlete, generated, &hidden)
        .unwrap();
    let manual = Manual {
        distance_m: 274.3,
        elapsed_s: 900,
        details: details("Swim"),
        ..Manual::default()
    };
    trial.control.add_manual(trial.athlete, manual).unwrap();
    let ours = trial.get("/athlete/activities").await.body;
    let ours = ours.as_array().unwrap();
    assert_eq!(ours.len(), 4);
    let real = captured("list");
    let real = real.as_array().unwrap();
    // Keys that only some have: heart rate, altitude, sport, hand.
    for one in ours {
        let alike = |real: &&Value| {
            ["manual", "has_heartrate", "trainer"]
                .iter()
                .all(|key| real[*key] == one[*key])
                && real.get("elev_high").is_some() == one.get("elev_high").is_some()
                && real.get("workout_type").is_some() == one.get("workout_type").is_some()
        };
        let real = real.iter().find(alike);
        let fallback = || captured("list")[0].clone();
        let real = real.cloned().unwrap_or_else(fallback);
        let mut found = Vec::new();
        differences("", &real, one, &mut found);
        found.retain(|line| {
            // What a recording without the sensor lacks is not missing.
            let key = line.split(':').next().unwrap();
            let sensors = ["average_heartrate", "max_heartrate", "suffer_score"];
            let power = ["average_watts", "max_watts", "kilojoules", "device_watts"];
            let sensors = sensors.contains(&key) && one["has_heartrate"] == json!(false);
            let altitude = key.starts_with("elev_") || key.starts_with("average_");
            let power = power.contains(&key) || key == "weighted_average_watts";
            !(sensors || altitude || power || key == "workout_type")
        });
        assert!(found.is_empty(), "{found:#?}\n{one:#}");
    }
    let keys = |list: &[Value]| -> BTreeSet<String> {
        let all = list.iter().flat_map(|one| one.as_object().unwrap().keys());
        all.cloned().collect()
    };
    let missing: Vec<_> = keys(real).difference(&keys(ours)).cloned().collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn laps_streams_athlete_and_totals() {
    let trial = Trial::begin().await;
    let id = trial.recording("fit/activity-small-fenix2-run.fit");
    let mut laps = trial.get(&format!("/activities/{id}/laps")).await.body;
    // The captured one is no run, and its climb a whole number.
    for lap in laps.as_array_mut().unwrap() {
        lap.as_object_mut().unwrap().remove("pace_zone");
        lap["total_elevation_gain"] = json!(0);
    }
    assert_like("laps", &captured("laps"), &laps);
    let path = format!("/activities/{id}/streams?key_by_type=true");
    let streams = trial.get(&path).await.body;
    assert_like("streams", &captured("streams_distance"), &streams);
    let real = captured("athlete");
    assert_like("athlete", &real, &trial.get("/athlete").await.body);
    let stats = trial
        .get(&format!("/athletes/{}/stats", trial.athlete))
        .await
        .body;
    let (mut real, mut ours) = (captured("stats"), stats);
    // Sums are fractions, or whole where they come to nothing: by which sport
    // that is differs.
    for totals in [&mut real, &mut ours] {
        for sums in totals.as_object_mut().unwrap().values_mut() {
            for key in ["distance", "moving_time", "elapsed_time", "elevation_gain"] {
                assert!(sums[key].is_number());
                sums[key] = json!(0);
            }
        }
    }
    assert_like("stats", &real, &ours);
}

#[tokio::test]
async fn streams_as_a_list_with_nulls() {
    let trial = Trial::begin().await;
    let details = Details {
        odd_nulls: true,
        ..Details::default()
    };
    let made = Generated {
        number: 1,
        ..Generated::default()
    };
    let id = trial
        .control
        .add_generated(trial.athlete, made, &details)
        .unwrap();
    let keys =
        "latlng,time,altitude,heartrate,cadence,watts,temp,grade_smooth,moving,velocity_smooth";
    let ours = trial
        .get(&format!("/activities/{id}/streams?keys={keys}"))
        .await
        .body;
    let real = captured("streams_2014");
    let by_type = |list: &Value| -> BTreeMap<String, Value> {
        let list = list.as_array().unwrap().iter();
        list.map(|one| (one["type"].as_str().unwrap().to_owned(), one.clone()))
            .collect()
    };
    let (real, ours) = (by_type(&real), by_type(&ours));
    assert!(ours.len() >= 8, "{:?}", ours.keys());
    for (name, ours) in &ours {
        let real = &real[name];
        let values = |one: &Value| -> Vec<Value> {
            let data = one["data"].as_array().unwrap().iter();
            data.filter(|value| !value.is_null()).cloned().collect()
        };
        assert_eq!(kind(&values(real)[0]), kind(&values(ours)[0]), "{name}");
        let keys = |one: &Value| one.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(real), keys(ours), "{name}");
        assert!(
            ours["data"].as_array().unwrap().contains(&Value::Null),
            "{name}"
        );
    }
}

#[tokio::test]
async fn tokens_and_subscriptions() {
    let trial = Trial::begin().await;
    let tokens = trial.tokens().await;
    let mut real = captured("token_exchange");
    // Newer answers have both; older ones neither.
    let athlete = real["athlete"].as_object_mut().unwrap();
    for key in ["bio", "weight"] {
        athlete.insert(key.to_owned(), tokens.body["athlete"][key].clone());
    }
    assert_like("exchange", &real, &tokens.body);
    let app = trial.simulator.app();
    let id = app.client_id.to_string();
    let refresh = tokens.body["refresh_token"].as_str().unwrap();
    let refreshed = trial
        .token(&[
            ("client_id", &id),
            ("client_secret", &app.client_secret),
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh),
        ])
        .await;
    let mut real = captured("token_refresh");
    // Its author put words in their place.
    for key in ["access_token", "refresh_token"] {
        real[key] = tokens.body[key].clone();
    }
    assert_like("refresh", &real, &refreshed.body);
    assert!(refreshed.headers.get("x-ratelimit-limit").is_none());

    let callback = axum::Router::new().route("/", axum::routing::get(echo));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let callback_url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, callback).await });
    let url = trial.simulator.api_url() + "/push_subscriptions";
    let client = [
        ("client_id", id.as_str()),
        ("client_secret", &app.client_secret),
    ];
    let none = send(trial.http.get(&url).query(&client)).await;
    assert_eq!(none.body, captured("no_subscriptions"));
    let mut form = client.to_vec();
    form.extend([
        ("callback_url", callback_url.as_str()),
        ("verify_token", "x"),
    ]);
    let made = send(trial.http.post(&url).form(&form)).await;
    assert_eq!(made.status, 201);
    assert_like("created", &captured("subscription_created"), &made.body);
    let listed = send(trial.http.get(&url).query(&client)).await;
    assert_like("listed", &captured("subscriptions"), &listed.body);
    // Usage is nought, as the captured one's is.
    assert_eq!(listed.headers["x-ratelimit-usage"], "0,0");
}

async fn echo(
    axum::extract::Query(query): axum::extract::Query<BTreeMap<String, String>>,
) -> axum::Json<Value> {
    axum::Json(json!({"hub.challenge": query["hub.challenge"]}))
}

#[tokio::test]
async fn errors_and_headers() {
    let trial = Trial::begin().await;
    let id = trial.simulator.app().client_id.to_string();
    let wrong = trial.token(&[("client_id", "client-id")]).await;
    assert_eq!(
        (wrong.status, &wrong.body),
        (400, &captured("error_client"))
    );
    let secret = trial.simulator.app().client_secret;
    let wrong = trial
        .token(&[
            ("client_id", &id),
            ("client_secret", &secret),
            ("grant_type", "authorization_code"),
            ("code", "code"),
        ])
        .await;
    let mut real = captured("error_code");
    // Since 2023 it has another name.
    real["errors"][0]["resource"] = json!("AuthorizationCode");
    assert_eq!((wrong.status, &wrong.body), (400, &real));
    let wrong = trial
        .token(&[("client_id", &id), ("client_secret", "x")])
        .await;
    assert_eq!((wrong.status, &wrong.body), (401, &captured("error_401")));

    let heads = captured("headers");
    let real = heads["activity_run"].as_object().unwrap();
    let ours = trial.get("/athlete").await;
    for (name, real) in real.iter().filter(|(name, _)| *name != "status") {
        let told = ours.headers[name.as_str()].to_str().unwrap();
        let numbers = |text: &str| {
            text.split(',')
                .filter(|part| part.parse::<u32>().is_ok())
                .count()
        };
        let real = real.as_str().unwrap();
        match name.as_str() {
            "Content-Type" => assert_eq!(told, real),
            "Date" => assert_eq!((told.len(), &told[25..]), (real.len(), " GMT")),
            "X-Ratelimit-Limit" | "X-Readratelimit-Limit" => assert_eq!(told, real),
            _ => assert_eq!((numbers(told), numbers(real)), (2, 2), "{name}: {told}"),
        }
    }
    let url = trial.simulator.url() + "/oauth/deauthorize";
    let gone = send(trial.http.post(url).bearer_auth(&trial.access)).await;
    assert_like(
        "deauthorize",
        &json!({"access_token": trial.access}),
        &gone.body,
    );
    let names = |object: &Value| object.as_object().unwrap().len();
    assert_eq!(names(&gone.body), names(&captured("deauthorize")));
    // One more call than reads, as in the captured one: 79,222 and 78,221.
    assert_eq!(heads["deauthorize"]["X-Ratelimit-Usage"], "79,222");
    assert_eq!(gone.headers["x-ratelimit-usage"], "2,2");
    assert_eq!(gone.headers["x-readratelimit-usage"], "1,1");
}
