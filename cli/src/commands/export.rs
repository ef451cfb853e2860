//! `pacelake export`.

use std::path::Path;
use std::process::ExitCode;

use jobs::Context;
use query::destination::Destination;
use query::export::export;
use query::session::{Limits, Session};
use storage::objects::Outlet;

use super::{Ending, Rim, boxed, view};
use crate::args::{Export, ExportFormat};
use crate::output::say;

/// Writes tables as files.
pub async fn run(rim: &Rim, args: &Export) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    if args.originals {
        return exit(&context, args).await;
    }
    let to = destination(rim, &args.to).await.map_err(boxed)?;
    let view = view(&context, args.past).await.map_err(boxed)?;
    // However long it takes, nobody removes what it reads.
    let lease = view.lease().await.map_err(boxed)?;
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
    let written = export(&session, &tables, &declared, &to, format)
        .await
        .map_err(boxed)?;
    lease.release().await.map_err(boxed)?;
    for file in written {
        say!("{}  {} rows, {} bytes", file.file, file.rows, file.bytes);
    }
    Ok(ExitCode::SUCCESS)
}

/// A folder, or a place in the S3 store that the settings know how to ask.
async fn destination(rim: &Rim, to: &str) -> Result<Destination, storage::Error> {
    if !to.contains("://") {
        return Ok(Destination::Folder(to.into()));
    }
    let options = rim.settings.s3_at(to)?;
    let outlet = Outlet::open(&options).await?;
    Ok(Destination::Store(Box::new(outlet)))
}

/// Writes everything, with what is needed to derive it again.
async fn exit(context: &Context, args: &Export) -> Ending {
    let folder = Path::new(&args.to);
    if args.to.contains("://") {
        return Err(boxed(query::Error::InvalidArgument {
            name: "to",
            value: args.to.clone(),
            reason: "an export with originals goes to a folder, for `pacelake verify`".to_owned(),
        }));
    }
    let written = jobs::exit::write::write(context, folder).await;
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
