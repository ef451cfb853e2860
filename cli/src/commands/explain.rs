//! `pacelake explain`.

use std::process::ExitCode;

use jobs::explain::{Recompute, explain};
use query::explain::{Address, Cell, End, Explanation, Input};
use serde_json::Value;

use super::{Ending, Rim, boxed};
use crate::args::TalkFormat;
use crate::args::explain::Explain;
use crate::args::past::Past;
use crate::output::{self, say};

/// How many numbers that a number comes from are listed for people.
const LISTED: usize = 20;

/// Prints what a number is and where it comes from.
pub async fn run(rim: &Rim, args: &Explain) -> Ending {
    let words: Vec<&str> = args.key_and_column.iter().map(String::as_str).collect();
    let (column, key) = words.split_last().unwrap_or((&"", &[]));
    let address = Address::parse(&args.table, key, column).map_err(boxed)?;
    let reading = rim.reading(args.past).await?;
    let recompute = match args.no_recompute {
        true => Recompute::No,
        false => Recompute::Yes,
    };
    let explained = explain(
        &reading.context,
        &reading.session,
        reading.snapshot,
        &reading.athlete,
        &address,
        recompute,
    );
    let explanation = explained.await.map_err(boxed)?;
    match args.format {
        TalkFormat::Json => output::json(&explanation),
        TalkFormat::Table => print(&explanation, reading.past),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(e: &Explanation, past: Past) {
    let unit = e.unit.map(|unit| format!(" {unit}")).unwrap_or_default();
    say!(
        "{} {} {}\n\n  {}{unit}\n\n{}\n",
        e.table,
        words(&e.key),
        e.column,
        text(&e.value),
        e.sentence
    );
    match (e.definition, e.version) {
        (Some(name), Some(version)) => line("definition", &format!("{name}, version {version}")),
        _ => line("definition", "none: it is what the source says"),
    }
    if let Some(clock) = e.clock {
        line("clock", clock.name());
    }
    line("snapshot", &e.snapshot.to_string());
    for input in &e.inputs {
        let (name, what) = input_text(input);
        line(name, &what);
    }
    if let Some(anew) = &e.recomputed {
        let of = match anew.activities {
            0 => "no raw bytes".to_owned(),
            1 => "the raw bytes".to_owned(),
            several => format!("the raw bytes of {several} activities"),
        };
        let value = anew.value.as_ref().map_or("nothing".to_owned(), text);
        let verdict = match anew.equal {
            true => "equal",
            false => "NOT EQUAL",
        };
        line("recomputed", &format!("{value} from {of}: {verdict}"));
        if let Some(remark) = anew.remark {
            line("", remark);
        }
    }
    for cell in e.because.iter().take(LISTED) {
        line("because", &cell_text(cell));
    }
    if e.because.len() > LISTED {
        let left = e.because.len() - LISTED;
        line("", &format!("and {left} more; --format json has all"));
    }
    let place = match past.at {
        Some(_) => format!(
            "on this lake at the snapshot (DuckDB: ATTACH … (READ_ONLY, SNAPSHOT_VERSION {}))",
            e.snapshot
        ),
        None => "on this lake".to_owned(),
    };
    say!("\nThe same number, in any engine {place}:\n\n{}", e.sql);
}

fn line(name: &str, what: &str) {
    say!("{name:<12} {what}");
}

/// A value for people.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

/// A key for people.
pub(super) fn words(key: &[Value]) -> String {
    key.iter().map(text).collect::<Vec<_>>().join(" ")
}

fn cell_text(cell: &Cell) -> String {
    format!(
        "{} {} {} = {}",
        cell.table,
        words(&cell.key),
        cell.column,
        text(&cell.value)
    )
}

fn input_text(input: &Input) -> (&'static str, String) {
    match input {
        Input::Recording {
            raw_sha256,
            part,
            source,
            file_name,
            samples_used,
        } => {
            let used = match samples_used {
                Some(true) => ", whose samples these are",
                Some(false) => ", whose samples are not used",
                None => "",
            };
            let file = format!("{source} {file_name}, recording {part}{used}");
            (
                "recording",
                format!("{file}\n{:<12} sha256 {raw_sha256}", ""),
            )
        }
        Input::Samples {
            first_sample,
            last_sample,
            samples,
            largest_gap_s,
            largest_gap_after_sample,
        } => {
            let gap = largest_gap_s.zip(*largest_gap_after_sample);
            let gap = gap.map(|(s, after)| format!("; longest gap {s} s, after {after}"));
            let gap = gap.unwrap_or_default();
            let range = format!("{first_sample} to {last_sample}, {samples} in all{gap}");
            ("samples", range)
        }
        Input::Start(end) => ("start", end_text(end)),
        Input::End(end) => ("end", end_text(end)),
        Input::Finding {
            finding,
            what,
            first_sample,
            last_sample,
            size,
            action,
        } => {
            let range = match (first_sample, last_sample) {
                (Some(first), Some(last)) => format!(" at samples {first} to {last}"),
                (Some(first), None) => format!(" at sample {first}"),
                _ => String::new(),
            };
            let size = size.map(|size| format!(", {size}")).unwrap_or_default();
            (
                "finding",
                format!("{finding} {what}{range}{size}: {action}"),
            )
        }
        Input::Mask {
            first_sample,
            last_sample,
            reason,
        } => (
            "mask",
            format!("samples {first_sample} to {last_sample}: {reason}"),
        ),
        Input::Included { distance_m, reason } => ("included", format!("{distance_m} m: {reason}")),
        Input::Refused {
            elapsed_s, because, ..
        } => (
            "refused",
            format!("{elapsed_s} s, excluded: {}", because.join("; ")),
        ),
        Input::Rows { table, rows } => ("rows", format!("{rows} of {table}")),
    }
}

fn end_text(end: &End) -> String {
    let metres = |distance: Option<f64>| distance.map(|m| format!(", {m} m")).unwrap_or_default();
    let samples = end.between.iter().map(|sample| {
        let at = format!("{} s{}", sample.elapsed_s, metres(sample.distance_m));
        format!("{} ({at})", sample.sample)
    });
    let samples: Vec<_> = samples.collect();
    let at = format!("{} s{}", end.offset_s, metres(end.distance_m));
    match samples.as_slice() {
        [one] => format!("{at}: sample {one}"),
        several => format!("{at}: linear between samples {}", several.join(" and ")),
    }
}
