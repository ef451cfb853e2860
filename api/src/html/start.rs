//! The start page: what there is, at a glance.

use query::Rows;
use serde_json::Value;

use super::{Escaped, page};
use crate::answer;
use crate::problem::Problem;

/// The page over rows of activities (newest first), statistics by year over
/// all sports, and the best efforts of rank 1.
///
/// # Errors
/// Where the rows cannot be encoded.
pub(crate) fn start(latest: &Rows, years: &Rows, records: &Rows) -> Result<String, Problem> {
    let (latest, years, records) = (objects(latest)?, objects(years)?, objects(records)?);
    let mut html = String::from("<h1>Your log</h1>\n");
    if latest.is_empty() {
        html.push_str(
            "<p>There is nothing here yet. Bring recordings in with \
             <code>pacelake import PATH…</code>: FIT, GPX and TCX files, folders, zip archives, \
             and the archive of a Strava account.</p>\n",
        );
        return Ok(page("pacelake", &html));
    }
    if let Some(newest) = years.first() {
        push_tiles(&mut html, newest);
    }
    push_table(
        &mut html,
        "Latest activities",
        &[
            "Day",
            "Name",
            "Sport",
            "Distance",
            "Moving time",
            "Fastest km",
        ],
        2,
        latest.iter().map(activity_cells),
    );
    if !records.is_empty() {
        push_table(
            &mut html,
            "Records, running",
            &["Day", "Distance", "Time", "Pace"],
            1,
            records.iter().map(record_cells),
        );
    }
    push_table(
        &mut html,
        "By year",
        &["Year", "Activities", "Distance", "Moving time", "Climb"],
        1,
        years.iter().map(year_cells),
    );
    html.push_str(
        "<h2>Where to go on</h2>\n<ul>\n\
         <li><a href=\"/api/docs\">The API</a>, with every field explained; \
         <a href=\"/api/openapi.json\">its OpenAPI document</a></li>\n\
         <li><a href=\"/api/analytics/best-efforts-cached\">Best efforts</a> and \
         <a href=\"/api/analytics/peak\">peaks</a></li>\n\
         <li><code>pacelake sql \"SELECT …\"</code>: the same tables in SQL; DuckDB reads them \
         too</li>\n</ul>\n",
    );
    Ok(page("pacelake", &html))
}

/// Rows as JSON objects: the page shows what the API gives.
fn objects(rows: &Rows) -> Result<Vec<Value>, Problem> {
    let array = answer::array(rows)?;
    let fault = |error: serde_json::Error| {
        Problem::new(
            storage::Code::Internal,
            error.to_string(),
            "report this as a bug",
        )
    };
    serde_json::from_slice(&array).map_err(fault)
}

/// The newest year at a glance.
fn push_tiles(html: &mut String, year: &Value) {
    let number = |name: &str| year[name].as_f64();
    html.push_str(&format!(
        "<h2>{}</h2>\n<ul class=\"tiles\">\n",
        year_of(year)
    ));
    for (value, label) in [
        (year["activities"].to_string(), "activities"),
        (kilometres(number("distance_m")), "distance"),
        (clock(number("moving_s")), "moving time"),
        (metres(number("climb_m")), "climb"),
    ] {
        html.push_str(&format!("<li><b>{value}</b>{label}</li>\n"));
    }
    html.push_str("</ul>\n");
}

/// A table whose columns after the first `text` ones are numbers.
fn push_table(
    html: &mut String,
    title: &str,
    heads: &[&str],
    text: usize,
    rows: impl Iterator<Item = Vec<String>>,
) {
    let class = |column: usize| {
        if column < text {
            ""
        } else {
            " class=\"number\""
        }
    };
    html.push_str(&format!(
        "<h2>{title}</h2>\n<div class=\"wide\">\n<table>\n<thead><tr>"
    ));
    for (column, head) in heads.iter().enumerate() {
        html.push_str(&format!("<th scope=\"col\"{}>{head}</th>", class(column)));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for cells in rows {
        html.push_str("<tr>");
        for (column, cell) in cells.iter().enumerate() {
            html.push_str(&format!("<td{}>{cell}</td>", class(column)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n</div>\n");
}

fn activity_cells(activity: &Value) -> Vec<String> {
    let text = |name: &str| activity[name].as_str().unwrap_or_default();
    let sport = text("sport_detail").replace('_', " ");
    let name = match text("name") {
        "" => sport.as_str(),
        name => name,
    };
    let id = activity["activity_id"].as_i64().unwrap_or_default();
    vec![
        Escaped(text("start_date_local")).to_string(),
        format!("<a href=\"/api/activities/{id}\">{}</a>", Escaped(name)),
        Escaped(&sport).to_string(),
        kilometres(activity["distance_m"].as_f64()),
        clock(activity["moving_s"].as_f64()),
        pace(activity["fastest_pace_s_per_km"].as_f64()),
    ]
}

fn record_cells(record: &Value) -> Vec<String> {
    let id = record["activity_id"].as_i64().unwrap_or_default();
    let day = record["start_date_local"].as_str().unwrap_or_default();
    vec![
        format!("<a href=\"/api/activities/{id}\">{}</a>", Escaped(day)),
        record["distance_m"]
            .as_f64()
            .map_or_else(dash, |m| format!("{m} m")),
        clock(record["elapsed_s"].as_f64()),
        pace(record["pace_s_per_km"].as_f64()),
    ]
}

fn year_cells(year: &Value) -> Vec<String> {
    vec![
        year_of(year),
        year["activities"].to_string(),
        kilometres(year["distance_m"].as_f64()),
        clock(year["moving_s"].as_f64()),
        metres(year["climb_m"].as_f64()),
    ]
}

/// The year of a row of statistics.
fn year_of(row: &Value) -> String {
    let start = row["period_start"].as_str().unwrap_or_default();
    Escaped(start.get(..4).unwrap_or_default()).to_string()
}

fn kilometres(distance_m: Option<f64>) -> String {
    distance_m.map_or_else(dash, |m| format!("{:.1} km", m / 1000.0))
}

fn metres(m: Option<f64>) -> String {
    m.map_or_else(dash, |m| format!("{m:.0} m"))
}

/// Hours, minutes and seconds.
fn clock(seconds: Option<f64>) -> String {
    seconds.map_or_else(dash, |seconds| {
        // Below any age of the world, and never negative.
        let whole = seconds.round() as u64;
        let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
        match hours {
            0 => format!("{minutes}:{seconds:02}"),
            _ => format!("{hours}:{minutes:02}:{seconds:02}"),
        }
    })
}

fn pace(s_per_km: Option<f64>) -> String {
    s_per_km.map_or_else(dash, |pace| format!("{} /km", clock(Some(pace))))
}

/// What stands where there is no value.
fn dash() -> String {
    "<span class=\"soft\">–</span>".to_owned()
}
