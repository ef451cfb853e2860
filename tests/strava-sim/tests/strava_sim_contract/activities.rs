//! Activities and their streams, the odd ones above all, and the control over
//! HTTP.

use std::time::Duration;

use pacelake_strava_sim::{
    Details, Generated, Lag, Manual, NewAthlete, PrivacyZone, Visibility, recording_of,
};
use pipeline::decode::{Limits, decode};
use serde_json::{Value, json};

use crate::trial::{Trial, answered, error};

const ALL: &str = "activity:read_all";
const EVERY_KEY: &str = "?key_by_type=true&keys=time,distance,latlng,altitude,velocity_smooth,\
                         heartrate,cadence,watts,temp,moving,grade_smooth";

fn data(streams: &Value, kind: &str) -> Vec<Value> {
    streams[kind]["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn streams_are_what_the_recording_holds() {
    let trial = Trial::begin().await;
    let id = trial.add(3, "2026-05-01T06:00:00Z");
    let access = trial.access(ALL).await;
    let path = format!("/activities/{id}/streams{EVERY_KEY}");
    let (_, streams) = trial.get(&access, &path).await;

    let made = Generated {
        number: 3,
        minutes: 10,
        ..Generated::default()
    };
    let recording = decode(&recording_of(made).unwrap(), &Limits::default()).unwrap();
    let samples = &recording[0].samples;
    let time = data(&streams, "time");
    assert_eq!(time.len(), samples.len());
    let (first_ms, first_m) = (samples[0].time_ms, samples[0].distance_m.unwrap());
    for (at, sample) in samples.iter().enumerate() {
        let seconds = ((sample.time_ms - first_ms) / 1e3) as i64;
        assert_eq!(time[at], json!(seconds));
        let metres = sample.distance_m.unwrap() - first_m;
        let told = streams["distance"]["data"][at].as_f64().unwrap();
        assert!((told - metres).abs() < 0.051, "{told} {metres}");
        let told = &streams["heartrate"]["data"][at];
        assert_eq!(*told, json!(sample.heart_rate_bpm));
    }
    for (kind, stream) in streams.as_object().unwrap() {
        assert_eq!(stream["original_size"], samples.len(), "{kind}");
        assert_eq!(
            stream["data"].as_array().unwrap().len(),
            samples.len(),
            "{kind}"
        );
    }
    assert_eq!(trial.control.streams(id).unwrap(), Some(streams.clone()));
    let (_, detail) = trial.get(&access, &format!("/activities/{id}")).await;
    assert_eq!(detail["elapsed_time"], *time.last().unwrap());
    assert_eq!(
        detail["distance"],
        *data(&streams, "distance").last().unwrap()
    );
    assert_eq!(detail["start_date"], "2026-05-01T06:00:00Z");
}

#[tokio::test]
async fn only_what_is_asked_for_comes_and_distance_always() {
    let trial = Trial::begin().await;
    let id = trial.add(3, "2026-05-01T06:00:00Z");
    let access = trial.access(ALL).await;
    let keys = async |query: &str| -> Vec<String> {
        let path = format!("/activities/{id}/streams?{query}");
        let (_, streams) = trial.get(&access, &path).await;
        match streams {
            Value::Object(streams) => streams.keys().cloned().collect(),
            list => {
                let kinds = list.as_array().unwrap().iter();
                kinds
                    .map(|one| one["type"].as_str().unwrap().to_owned())
                    .collect()
            }
        }
    };
    assert_eq!(keys("key_by_type=true").await, ["distance"]);
    assert_eq!(
        keys("key_by_type=true&keys=time,nonsense").await,
        ["distance", "time"]
    );
    assert_eq!(
        keys("keys=heartrate,time").await,
        ["time", "distance", "heartrate"]
    );
}

#[tokio::test]
async fn streams_lag_behind_by_time_or_by_requests() {
    let trial = Trial::begin().await;
    let access = trial.access(ALL).await;
    let lagging = |number, lag| {
        trial.add_with(
            number,
            Details {
                streams_lag: Some(lag),
                ..Details::default()
            },
        )
    };
    let by_time = lagging(
        1,
        Lag {
            seconds: 60,
            ..Lag::default()
        },
    );
    let by_requests = lagging(
        2,
        Lag {
            requests: 2,
            empty: true,
            ..Lag::default()
        },
    );
    let streams = async |id: i64| {
        let path = format!("/activities/{id}/streams?keys=time&key_by_type=true");
        trial.get(&access, &path).await
    };
    let (status, body) = streams(by_time).await;
    assert_eq!((status, error(&body)), (404, ["Activity", "id", "invalid"]));
    assert_eq!(
        trial
            .get(&access, &format!("/activities/{by_time}"))
            .await
            .0,
        200
    );
    trial.control.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(streams(by_time).await.0, 200);
    for _ in 0..2 {
        assert_eq!(streams(by_requests).await, (200, json!({})));
    }
    assert!(streams(by_requests).await.1["time"].is_object());
}

#[tokio::test]
async fn odd_activities() {
    let trial = Trial::begin().await;
    let access = trial.access(ALL).await;
    let big = (1_i64 << 53) + 1;
    let odd = Details {
        id: Some(big),
        sport_type: Some("Underwater Hockey".to_owned()),
        time_zone: Some("US/Eastern".to_owned()),
        start: Some("2026-05-01T13:20:00Z".parse().unwrap()),
        hide_start_time: true,
        odd_nulls: true,
        visibility: Visibility::OnlyMe,
        ..Details::default()
    };
    assert_eq!(trial.add_with(1, odd), big);
    let (_, told) = trial.get(&access, &format!("/activities/{big}")).await;
    assert_eq!(told["id"], big);
    assert_eq!(told["sport_type"], "Underwater Hockey");
    assert_eq!(told["type"], "Workout");
    assert_eq!(told["timezone"], "(GMT-05:00) US/Eastern");
    assert_eq!(told["start_date"], "2026-05-01T04:00:01Z");
    assert_eq!(told["start_date_local"], "2026-05-01T00:00:01Z");
    assert_eq!(told["private"], true);
    assert_eq!(told["best_efforts"], Value::Null);
    let path = format!("/activities/{big}/streams{EVERY_KEY}");
    let (_, streams) = trial.get(&access, &path).await;
    assert_eq!(data(&streams, "latlng")[0], Value::Null);
    assert!(data(&streams, "time").contains(&Value::Null));

    let manual = Manual {
        distance_m: 1_500.0,
        elapsed_s: 1_800,
        details: Details {
            sport_type: Some("Swim".to_owned()),
            ..Details::default()
        },
        ..Manual::default()
    };
    let manual = trial.control.add_manual(trial.athlete, manual).unwrap();
    let (_, told) = trial.get(&access, &format!("/activities/{manual}")).await;
    assert_eq!(told["manual"], true);
    assert_eq!(told["upload_id"], Value::Null);
    assert_eq!(told["start_latlng"], json!([]));
    let path = format!("/activities/{manual}/streams?keys=time&key_by_type=true");
    assert_eq!(trial.get(&access, &path).await.0, 404);
    assert!(matches!(
        trial.control.add_generated(
            trial.athlete,
            Generated::default(),
            &Details {
                id: Some(big),
                ..Details::default()
            }
        ),
        Err(pacelake_strava_sim::Error::DoubledActivity(_))
    ));
}

#[tokio::test]
async fn a_recording_without_positions_is_indoors() {
    let trial = Trial::begin().await;
    let access = trial.access(ALL).await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/recordings");
    let file = format!("{folder}/tcx/treadmill_1.tcx");
    let bytes = std::fs::read(file).unwrap();
    let details = Details::default();
    let ids = trial.control.add_recording(trial.athlete, &bytes, &details);
    let (_, told) = trial
        .get(&access, &format!("/activities/{}", ids.unwrap()[0]))
        .await;
    assert_eq!(told["trainer"], true);
    assert_eq!(told["start_latlng"], json!([]));
    assert_eq!(told["map"]["summary_polyline"], "");
    assert_eq!(told["timezone"], "(GMT+01:00) Europe/Berlin");
    let nothing = trial
        .control
        .add_recording(trial.athlete, b"no recording", &details);
    assert!(nothing.is_err());
}

#[tokio::test]
async fn the_sessions_of_one_file_are_activities_that_move_together() {
    let trial = Trial::begin().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/recordings");
    let file = format!("{folder}/fit/20191117_tri_garmin_fenix_3_hr.fit");
    let bytes = std::fs::read(file).unwrap();
    let starts = |details: &Details| -> Vec<i64> {
        let ids = trial.control.add_recording(trial.athlete, &bytes, details);
        let told = ids.unwrap().into_iter().map(|id| {
            let told = trial.control.activity(id).unwrap();
            let start = told["start_date"].as_str().unwrap().to_owned();
            start.parse::<jiff::Timestamp>().unwrap().as_second()
        });
        told.collect()
    };
    let before = starts(&Details::default());
    let start: jiff::Timestamp = "2026-05-01T06:00:00Z".parse().unwrap();
    let after = starts(&Details {
        start: Some(start),
        ..Details::default()
    });
    assert!(before.len() >= 3, "{before:?}");
    assert_eq!(after[0], start.as_second());
    let gaps =
        |starts: &[i64]| -> Vec<i64> { starts.windows(2).map(|two| two[1] - two[0]).collect() };
    assert_eq!(gaps(&after), gaps(&before));
}

#[tokio::test]
async fn gear_comes_along() {
    let trial = Trial::begin().await;
    let access = trial.access("activity:read_all,profile:read_all").await;
    let id = trial.add(1, "2026-05-01T06:00:00Z");
    let (_, told) = trial.get(&access, &format!("/activities/{id}")).await;
    assert_eq!(told["gear"]["name"], "Grey Shoes");
    assert_eq!(told["gear"]["id"], told["gear_id"]);
    let (_, athlete) = trial.get(&access, "/athlete").await;
    let metres = athlete["shoes"][0]["distance"].as_f64().unwrap();
    assert!((metres - told["distance"].as_f64().unwrap()).abs() < 1.0);
}

#[tokio::test]
async fn without_read_all_privacy_zones_are_cut_out() {
    let trial = Trial::begin().await;
    let id = trial.add(3, "2026-05-01T06:00:00Z");
    let path = format!("/activities/{id}");
    let streams = format!("{path}/streams{EVERY_KEY}");
    let access = trial.access(ALL).await;
    let (_, whole) = trial.get(&access, &streams).await;
    let home = &whole["latlng"]["data"][0];
    // The same athlete, told anew with what they hide.
    trial.control.add_athlete(NewAthlete {
        id: Some(trial.athlete),
        privacy_zones: vec![PrivacyZone {
            lat_deg: home[0].as_f64().unwrap(),
            lng_deg: home[1].as_f64().unwrap(),
            radius_m: 200.0,
        }],
        ..NewAthlete::default()
    });
    assert_eq!(trial.get(&access, &streams).await.1, whole);

    let access = trial.access("activity:read").await;
    let (_, cut) = trial.get(&access, &streams).await;
    let (hidden, all) = (data(&cut, "latlng"), data(&whole, "latlng"));
    assert_eq!(hidden.len(), all.len());
    assert_eq!(hidden[0], Value::Null);
    let left = hidden.iter().filter(|at| !at.is_null()).count();
    assert!(left > 0 && left < all.len(), "{left} of {}", all.len());
    for (hidden, all) in hidden.iter().zip(&all) {
        assert!(hidden.is_null() || hidden == all);
    }
    assert_eq!(cut["distance"], whole["distance"]);
    let (_, told) = trial.get(&access, &path).await;
    let first = hidden.iter().find(|at| !at.is_null()).unwrap();
    assert_eq!(told["start_latlng"], *first);
    let (_, list) = trial.get(&access, "/athlete/activities").await;
    assert_eq!(list[0]["start_latlng"], *first);
}

#[tokio::test]
async fn the_control_speaks_http() {
    let trial = Trial::begin().await;
    let url = |path: &str| trial.url("/_control") + path;
    let post = |path: &str, body: Value| answered(trial.http.post(url(path)).json(&body));
    let (_, made) = post("/athletes", json!({"firstname": "Ada"})).await;
    let athlete = made["id"].as_i64().unwrap();
    let of = |rest: &str| format!("/athletes/{athlete}{rest}");
    let recording = recording_of(Generated::default()).unwrap();
    let about = json!({"name": "By Hand", "id": 77}).to_string();
    let request = trial.http.post(url(&of("/recordings")));
    let request = request.query(&[("details", about)]).body(recording);
    assert_eq!(answered(request).await, (200, json!({"ids": [77]})));
    let generated = json!({"generated": {"seed": 2, "minutes": 10}, "details": {"name": "Made"}});
    let (status, made) = post(&of("/generated"), generated).await;
    assert_eq!(status, 200, "{made}");
    let history = json!({"seed": 3, "count": 4, "days": 40});
    let (_, made) = post(&of("/history"), history).await;
    assert_eq!(made["ids"].as_array().unwrap().len(), 4);
    let manual = json!({"distance_m": 100, "elapsed_s": 60, "start": "2020-01-01T00:00:00Z"});
    assert_eq!(post(&of("/manual"), manual).await.0, 200);
    let (_, all) = answered(trial.http.get(url(&of("/activities")))).await;
    assert_eq!(all["ids"].as_array().unwrap().len(), 7);

    let patch = trial.http.patch(url("/activities/77"));
    let patch = patch.json(&json!({"name": "Other", "visibility": "only_me"}));
    assert_eq!(answered(patch).await.0, 204);
    let (_, told) = answered(trial.http.get(url("/activities/77"))).await;
    assert_eq!(
        (&told["name"], &told["private"]),
        (&json!("Other"), &json!(true))
    );
    assert_eq!(
        answered(trial.http.delete(url("/activities/77"))).await.0,
        204
    );
    assert_eq!(answered(trial.http.get(url("/activities/77"))).await.0, 404);
    assert_eq!(post("/clock", json!({"advance_s": 60})).await.0, 200);
    let fault = json!({"path": "*/athlete", "kind": "timeout", "seconds": 1, "count": 1});
    assert_eq!(post("/faults", fault).await.0, 204);
    let (status, body) = post(
        "/athletes/1/history",
        json!({"seed": 1, "count": 1, "days": 1}),
    )
    .await;
    assert_eq!(
        (status, &body["error"]),
        (404, &json!("there is no athlete 1"))
    );
    let (_, state) = answered(trial.http.get(url("/state"))).await;
    assert_eq!(state["now"], "2026-06-01T08:01:00Z");
    assert_eq!(state["switches"]["rotation"], true);
    let switches = trial.http.put(url("/switches"));
    let switches = switches.json(&json!({"rotation": false, "skew_s": -5}));
    assert_eq!(answered(switches).await.0, 204);
    assert_eq!(trial.control.switches().skew_s, -5);
}
