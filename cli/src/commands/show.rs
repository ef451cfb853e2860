//! `pacelake show`.

use std::process::ExitCode;

use jobs::correct::{Said, said};
use query::read::refused::{Refused, refused};
use query::read::{activities, parts};
use query::session::Rows;
use serde_json::json;
use storage::catalog::{Pointer, Source};

use super::{Ending, Rim, boxed};
use crate::args::{Show, TalkFormat};
use crate::output::{self, say};

/// A track as text is of use to programs only.
const NOT_FOR_EYES: &str = "summary_polyline";

/// Prints one activity with all that belongs to it.
pub async fn run(rim: &Rim, args: &Show) -> Ending {
    let reading = rim.reading(args.past).await?;
    let athlete = reading.athlete.athlete_id;
    let catalog = &reading.context.storage.catalog;
    let session = &reading.session;
    let pointer = match reading.past.at {
        // The catalog knows where it is today.
        Some(_) => activities::find(session, athlete, args.id)
            .await
            .map_err(boxed)?,
        None => {
            let pointers = catalog.pointers(athlete, &[args.id]).await;
            pointers.map_err(boxed)?.pop()
        }
    };
    let Some(Pointer { key, revision }) = pointer else {
        return Err(boxed(query::Error::NotFound {
            what: format!("activity {}", args.id),
        }));
    };
    let activity = activities::one(session, key).await.map_err(boxed)?;
    let sections: [(&str, Rows); 7] = [
        (
            "splits_km",
            parts::splits(session, key, "km").await.map_err(boxed)?,
        ),
        (
            "splits_mile",
            parts::splits(session, key, "mile").await.map_err(boxed)?,
        ),
        ("climbs", parts::climbs(session, key).await.map_err(boxed)?),
        (
            "best_efforts",
            parts::best_efforts(session, key).await.map_err(boxed)?,
        ),
        ("peaks", parts::peaks(session, key).await.map_err(boxed)?),
        ("laps", parts::laps(session, key).await.map_err(boxed)?),
        (
            "findings",
            parts::findings(session, key).await.map_err(boxed)?,
        ),
    ];
    let sources = catalog
        .sources_of(athlete, &[args.id])
        .await
        .map_err(boxed)?;
    let mut holding = catalog
        .corrections_of(athlete, &[args.id])
        .await
        .map_err(boxed)?;
    holding.retain(|one| one.holds_in(revision));
    let refused = refused(session, key, &holding).await.map_err(boxed)?;
    let said = said(session, key, &holding).await.map_err(boxed)?;
    match args.format {
        TalkFormat::Json => print_json(&activity, &sections, &sources, &refused, &said)?,
        TalkFormat::Table => {
            print_table(&activity, &sections, &sources)?;
            print_refused(&refused);
            print_said(&said);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_refused(refused: &[Refused]) {
    if !refused.is_empty() {
        say!("\nrefused_efforts");
    }
    for one in refused {
        let because = one.because.join("; ");
        let (distance, elapsed) = (one.distance_m, one.elapsed_s);
        say!("{distance} m in {elapsed} s, excluded: {because}");
    }
}

fn print_said(said: &[Said]) {
    if !said.is_empty() {
        say!("\ncorrections");
    }
    for one in said {
        say!("{} {}: {}", one.kind, one.sentence, one.reason);
        say!("  {}", one.correction_id);
    }
}

fn print_json(
    activity: &Rows,
    sections: &[(&str, Rows)],
    sources: &[Source],
    refused: &[Refused],
    said: &[Said],
) -> Result<(), Box<dyn storage::Failure + Send + Sync>> {
    let mut object = serde_json::Map::new();
    let mut one = output::values(activity)?;
    object.insert("activity".to_owned(), one.pop().unwrap_or_default());
    for (name, rows) in sections {
        object.insert((*name).to_owned(), output::values(rows)?.into());
    }
    let sources: Vec<_> = sources.iter().map(source).collect();
    object.insert("sources".to_owned(), sources.into());
    object.insert("refused_efforts".to_owned(), json!(refused));
    object.insert("corrections".to_owned(), json!(said));
    output::json(&object);
    Ok(())
}

fn source(source: &Source) -> serde_json::Value {
    json!({
        "source": source.format,
        "file_name": source.file_name,
        "part": source.part,
        "external_id": source.external_id,
        "raw_sha256": source.sha256,
    })
}

fn print_table(
    activity: &Rows,
    sections: &[(&str, Rows)],
    sources: &[Source],
) -> Result<(), Box<dyn storage::Failure + Send + Sync>> {
    let one = output::values(activity)?.pop().unwrap_or_default();
    for field in activity
        .schema
        .fields()
        .iter()
        .filter(|field| field.name() != NOT_FOR_EYES)
    {
        let name = field.name();
        match &one[name] {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => say!("{name:<22} {text}"),
            other => say!("{name:<22} {other}"),
        }
    }
    for source in sources {
        say!("{:<22} {} {}", "source", source.format, source.file_name);
    }
    for (name, rows) in sections.iter().filter(|(_, rows)| !rows.is_empty()) {
        say!("\n{name}");
        let hidden = ["athlete_id", "activity_id", "start_time"];
        output::rows(&output::without(rows, &hidden), crate::args::Format::Table)?;
    }
    Ok(())
}
