//! What each route gives.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::ipc::reader::StreamReader;
use serde_json::{Value, json};

use crate::app::{RIDE, RUN, TestApp};

fn column(list: &Value, name: &str) -> Vec<Value> {
    let rows = list
        .as_array()
        .or_else(|| list["items"].as_array())
        .unwrap();
    rows.iter().map(|row| row[name].clone()).collect()
}

#[tokio::test]
async fn activities_are_listed_filtered_and_paged() {
    let app = TestApp::new().await;
    let all = app.json("/api/activities").await;
    assert_eq!(column(&all, "activity_id"), [RIDE, RUN]);
    assert_eq!(
        column(&all, "fastest_pace_s_per_km"),
        [json!(null), json!(300.0)]
    );
    assert_eq!(
        column(&all, "start_time"),
        ["2024-03-05T06:00:00Z", "2023-12-31T23:30:00Z"]
    );
    assert_eq!(all["next"], Value::Null);
    assert_eq!(all["items"][0].get("summary_polyline"), None);

    let runs = app
        .json("/api/activities?sport=run&from=2024-01-01&to=2024-01-01")
        .await;
    assert_eq!(column(&runs, "activity_id"), [RUN]);
    let named = app.json("/api/activities?name=%26%20%22year").await;
    assert_eq!(column(&named, "activity_id"), [RUN]);
    let none = app.json("/api/activities?min_distance=2000.5").await;
    assert_eq!(none, json!({"items": [], "next": null}));

    let first = app.json("/api/activities?limit=1").await;
    assert_eq!(column(&first, "activity_id"), [RIDE]);
    let next = first["next"].as_str().unwrap();
    let second = app
        .json(&format!("/api/activities?limit=1&after={next}"))
        .await;
    assert_eq!(column(&second, "activity_id"), [RUN]);
    assert_eq!(second["next"], Value::Null);
}

#[tokio::test]
async fn one_activity_has_all_of_its_columns() {
    let app = TestApp::new().await;
    let run = app.json(&format!("/api/activities/{RUN}")).await;
    assert_eq!(run["name"], "<New> & \"Year\"");
    assert_eq!(run["description"], "long");
    assert_eq!(run["distance_m"], 2000.0);
    assert_eq!(run["fastest_pace_s_per_km"], 300.0);
    assert_eq!(run["gear"], Value::Null);
    let declared = storage::tables::ACTIVITIES.columns.len();
    assert_eq!(run.as_object().unwrap().len(), declared + 1);
}

#[tokio::test]
async fn splits_are_by_kilometre_unless_asked() {
    let app = TestApp::new().await;
    let path = format!("/api/activities/{RUN}/splits");
    assert_eq!(column(&app.json(&path).await, "split"), [1, 2]);
    let miles = app.json(&format!("{path}?unit=mile")).await;
    assert_eq!(column(&miles, "distance_m"), [1609.344]);
    let ride = app.json(&format!("/api/activities/{RIDE}/splits")).await;
    assert_eq!(ride, json!({"items": []}));
}

#[tokio::test]
async fn climbs_come_in_order() {
    let app = TestApp::new().await;
    let climbs = app.json(&format!("/api/activities/{RUN}/climbs")).await;
    assert_eq!(column(&climbs, "climb"), [1, 2]);
    assert_eq!(column(&climbs, "gain_m"), [40.5, 31.0]);
    let ride = app.json(&format!("/api/activities/{RIDE}/climbs")).await;
    assert_eq!(ride, json!({"items": []}));
    let exported = app.get("/api/export/climbs").await;
    let lines: Vec<_> = exported.text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[0].contains("climb,distance_m,gain_m,grade_percent"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn streams_give_what_was_asked() {
    let app = TestApp::new().await;
    let path = format!("/api/activities/{RUN}/streams");
    let expected = json!({
        "activity_id": RUN, "t_ms": [0, 300_000, 600_000],
        "distance_cm": [0, 100_000, 200_000], "heart_rate_bpm": [120, 150, null],
    });
    assert_eq!(app.json(&path).await, expected);
    let chosen = app.json(&format!("{path}?channels=lat_e7,power_w")).await;
    let expected = json!({
        "activity_id": RUN, "lat_e7": [480_000_000, null, 480_100_000], "power_w": null,
    });
    assert_eq!(chosen, expected);
}

#[tokio::test]
async fn streams_come_as_arrow_where_that_is_asked() {
    let app = TestApp::new().await;
    let path = format!("/api/activities/{RUN}/streams?channels=t_ms,heart_rate_bpm,power_w");
    let arrow = "application/vnd.apache.arrow.stream";
    let negotiated = app.get_with(&path, &[("accept", arrow)]).await;
    let named = app.get(&format!("{path}&format=arrow")).await;
    assert_eq!(negotiated.bytes, named.bytes);
    for answered in [&negotiated, &named] {
        assert_eq!(answered.header("content-type"), arrow);
        assert!(answered.header("vary").contains("accept"));
        let mut reader = StreamReader::try_new(answered.bytes.as_slice(), None).unwrap();
        assert_eq!(reader.schema().metadata()["activity_id"], RUN.to_string());
        let samples = reader.next().unwrap().unwrap();
        let times = samples["t_ms"].as_primitive::<Int64Type>();
        assert_eq!(times.values().to_vec(), [0, 300_000, 600_000]);
        let heart_rate = samples["heart_rate_bpm"].as_primitive::<Int32Type>();
        let heart_rate: Vec<_> = heart_rate.iter().collect();
        assert_eq!(heart_rate, [Some(120), Some(150), None]);
        assert_eq!(samples["power_w"].null_count(), 3);
        assert!(reader.next().is_none());
    }
    // The same tag would give a client the form that it did not ask for.
    let json = app.get_with(&path, &[("accept", "*/*")]).await;
    assert_eq!(json.header("content-type"), "application/json");
    assert_ne!(json.header("etag"), negotiated.header("etag"));
    let missing = app.get("/api/activities/12345/streams?format=arrow").await;
    assert_eq!(missing.json()["code"], "not_found");
}

#[tokio::test]
async fn a_resolution_bounds_streams_and_maps() {
    let app = TestApp::new().await;
    for resolution in ["low", "medium", "high", "full"] {
        let path = format!("/api/activities/{RUN}/streams?resolution={resolution}");
        let streams = app.json(&path).await;
        assert_eq!(streams["t_ms"], json!([0, 300_000, 600_000]));
        let path = format!("/api/activities/{RUN}/map?resolution={resolution}");
        assert_eq!(
            app.json(&path).await["bbox"],
            json!([11.0, 48.0, 11.02, 48.01])
        );
    }
}

#[tokio::test]
async fn maps_are_valid_geojson() {
    let app = TestApp::new().await;
    let answered = app.get(&format!("/api/activities/{RUN}/map")).await;
    let feature: geojson::Feature = answered.text().parse().unwrap();
    assert_eq!(feature.bbox, Some(vec![11.0, 48.0, 11.02, 48.01]));
    let line = feature.geometry.unwrap();
    let expected = json!({"type": "LineString", "coordinates": [[11.0, 48.0], [11.02, 48.01]]});
    assert_eq!(serde_json::to_value(&line).unwrap(), expected);
    let properties = feature.properties.unwrap();
    assert_eq!(properties["activity_id"], RUN);
    assert_eq!(properties["polyline"], "__~cH_mcbAo}@_|B");

    let empty = app.get(&format!("/api/activities/{RIDE}/map")).await;
    let feature: geojson::Feature = empty.text().parse().unwrap();
    assert_eq!((feature.geometry, feature.bbox), (None, None));
}

#[tokio::test]
async fn runs_keep_their_old_shape() {
    let app = TestApp::new().await;
    let runs = app.json("/api/runs").await;
    assert_eq!(column(&runs, "id"), [RUN]);
    assert_eq!(column(&runs, "fastestPaceSecPerKm"), [300.0]);
    assert_eq!(column(&runs, "distanceMeters"), [2000.0]);
    assert_eq!(column(&runs, "startDate"), ["2023-12-31T23:30:00Z"]);
    for name in runs[0].as_object().unwrap().keys() {
        assert!(name.chars().all(|c| c.is_ascii_alphabetic()), "{name}");
    }
}

#[tokio::test]
async fn analytics_answer_without_parameters_and_with() {
    let app = TestApp::new().await;
    let months = app.json("/api/stats").await;
    assert_eq!(column(&months, "period"), ["month"]);
    let years = app.json("/api/stats?by=year").await;
    assert_eq!(column(&years, "sport"), ["all", "run"]);
    let next = app.json("/api/stats?by=year&limit=1").await["next"].clone();
    let rest = app
        .json(&format!(
            "/api/stats?by=year&after={}",
            next.as_str().unwrap()
        ))
        .await;
    assert_eq!(column(&rest, "sport"), ["run"]);

    let peaks = app.json("/api/analytics/peak").await;
    assert_eq!(column(&peaks, "value"), [150.0]);
    let power = app.json("/api/analytics/peak?measure=power_w").await;
    assert_eq!(power, json!({"items": []}));

    let ranks = app.json("/api/analytics/best-efforts-cached").await;
    assert_eq!(column(&ranks, "rank"), [1]);
    assert_eq!(column(&ranks, "pace_s_per_km"), [300.0]);
    let path = "/api/analytics/best-efforts-cached?distance=1000&window=1y&as_of=2024-06-01";
    assert_eq!(column(&app.json(path).await, "elapsed_s"), [300.0]);
    let path = "/api/analytics/best-efforts-cached?window=3m&as_of=2024-06-01";
    assert_eq!(app.json(path).await, json!({"items": []}));
}

#[tokio::test]
async fn the_start_page_shows_the_log_and_escapes_it() {
    let app = TestApp::new().await;
    let page = app.get("/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let text = page.text();
    assert!(
        text.contains("&lt;New&gt; &amp; &quot;Year&quot;"),
        "{text}"
    );
    assert!(text.contains("2.0 km"), "{text}");
    assert!(text.contains("5:00 /km"), "{text}");
    assert!(
        !text.contains("<New>") && !text.contains("<script"),
        "{text}"
    );
}
