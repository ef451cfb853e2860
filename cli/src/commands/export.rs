//! `pacelake export`.

use std::process::ExitCode;

use jobs::Context;
use query::export::export;
use query::session::{Limits, Session};

use super::{Ending, Rim, boxed};
use crate::args::{Export, ExportFormat};
use crate::output::say;

/// Writes tables as files.
pub async fn run(rim: &Rim, args: &Export) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    if args.originals {
        return exit(&context, args).await;
    }
    let view = context.storage.lake.latest().await.map_err(boxed)?;
    // Exports are streamed, so that neither rows nor time bound them.
    let limits = Limits {
        rows: usize::MAX,
        time: std::time::Duration::MAX,
        ..Limits::default()
    };
    let session = Session::open(&view, limits).await.map_err(boxed)?;
    let declared = query::derived::tables();
    let tables: Vec<String> = match &args.table {
        Some(table) => vec![table.clone()],
        None => declared.iter().map(|table| table.name.to_owned()).collect(),
    };
    let format = match args.format {
        ExportFormat::Parquet => query::output::Format::Parquet,
        ExportFormat::Csv => query::output::Format::Csv,
    };
    let written = export(&session, &tables, &declared, &args.to, format)
        .await
        .map_err(boxed)?;
    for file in written {
        say!(
            "{}  {} rows, {} bytes",
            file.file.display(),
            file.rows,
            file.bytes
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes everything, with what is needed to derive it again.
async fn exit(context: &Context, args: &Export) -> Ending {
    let written = jobs::exit::write::write(context, &args.to).await;
    let written = written.map_err(boxed)?;
    for table in &written.manifest.tables {
        say!(
            "{}  {} rows, {} bytes",
            table.file.file,
            table.rows,
            table.file.bytes
        );
    }
    for missing in &written.missing {
        say!("problem {missing}");
    }
    say!(
        "{} activities, {} originals; manifest.json has SHA-256 {}",
        written.manifest.activities,
        written.manifest.originals,
        written.manifest_sha256
    );
    Ok(if written.missing.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
