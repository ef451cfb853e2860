//! `pacelake athlete`.

use std::process::ExitCode;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use query::session::Rows;
use storage::catalog::Athlete;

use super::{Ending, Rim, boxed};
use crate::args;
use crate::args::AthleteCommand;
use crate::output::{self, say};

/// Makes or lists athletes.
pub async fn run(rim: &Rim, args: &args::Athlete) -> Ending {
    let catalog = rim.storage().await.map_err(boxed)?.catalog;
    match &args.command {
        AthleteCommand::Add(add) => {
            let made = catalog.create_athlete(add.name.as_deref()).await;
            say!("{}", made.map_err(boxed)?.athlete_id);
        }
        AthleteCommand::Ls(ls) => {
            let athletes = catalog.athletes().await.map_err(boxed)?;
            output::rows(&rows(&athletes), ls.format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Athletes as rows, so that they print as any table does.
fn rows(athletes: &[Athlete]) -> Rows {
    let schema = Arc::new(Schema::new(vec![
        Field::new("athlete_id", DataType::Int64, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("time_zone", DataType::Utf8, true),
        Field::new("revision", DataType::Int64, false),
    ]));
    let ints = |column: fn(&Athlete) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(athletes.iter().map(column)))
    };
    let texts = |column: fn(&Athlete) -> Option<&str>| -> ArrayRef {
        Arc::new(athletes.iter().map(column).collect::<StringArray>())
    };
    let columns = vec![
        ints(|athlete| athlete.athlete_id.0),
        texts(|athlete| athlete.name.as_deref()),
        texts(|athlete| athlete.time_zone.as_deref()),
        ints(|athlete| athlete.revision),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)
        .expect("each column is built from the same athletes, in the schema's order");
    Rows {
        schema,
        batches: vec![batch],
    }
}
