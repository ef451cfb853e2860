//! The databases' own ways to copy a catalog: a statement of SQLite's, programs
//! of PostgreSQL's.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnectOptions;
use tokio::process::Command;
use url::Url;

use super::{Db, Dialect};
use crate::error::Error;
use crate::lake::Lake;

/// Where Debian and Ubuntu keep each major version, not on the path.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Writes a SQLite catalog as it is at one instant to a new file, while others
/// read and write.
///
/// # Errors
/// [`Error::Database`], also for PostgreSQL.
pub(crate) async fn copy_sqlite(db: &Db, to: &Path) -> Result<(), Error> {
    let failed = |source| Error::database("copy itself", source);
    let Some(writer) = db.sqlite_writer() else {
        return Err(failed(sqlx::Error::Configuration("not SQLite".into())));
    };
    // On a connection that is not read-only, though it only reads here.
    sqlx::query("vacuum into $1")
        .bind(to.to_string_lossy().into_owned())
        .execute(writer)
        .await
        .map_err(failed)?;
    Ok(())
}

/// Writes the catalog's tables, ours and the lake's, as the exported
/// `snapshot` sees them, to `file`.
///
/// # Errors
/// [`Error::NoTool`], [`Error::Tool`].
pub(crate) async fn dump(db: &Db, snapshot: &str, file: &Path) -> Result<(), Error> {
    let Some(url) = db.url() else {
        return Err(Error::Tool {
            program: "pg_dump",
            said: "this is no PostgreSQL catalog".to_owned(),
        });
    };
    let mut command = program("pg_dump", url)?;
    command
        .args([
            "--format=custom",
            "--compress=0",
            "--no-owner",
            "--no-privileges",
        ])
        .args(["--table=pacelake.*", "--table", Lake::TABLES])
        .arg(format!("--snapshot={snapshot}"))
        .arg("--file")
        .arg(file);
    run("pg_dump", command).await
}

/// Puts the tables of a dump into an empty database.
///
/// # Errors
/// [`Error::NoTool`], [`Error::Tool`], [`Error::Database`].
pub(crate) async fn restore(url: &str, file: &Path) -> Result<(), Error> {
    let db = Db::open_postgres(url).await?;
    debug_assert_eq!(db.dialect(), Dialect::Postgres);
    let mut tx = db.begin().await?;
    tx.execute_script("create schema if not exists pacelake")
        .await?;
    tx.commit().await?;
    db.close().await;
    let mut command = program("pg_restore", url)?;
    command
        .args(["--no-owner", "--no-privileges", "--exit-on-error"])
        .arg("--single-transaction")
        .arg(file);
    run("pg_restore", command).await
}

/// The program, told which database; the password goes by the environment,
/// since arguments are for everybody to see.
fn program(name: &'static str, url: &str) -> Result<Command, Error> {
    let _: PgConnectOptions = url.parse().map_err(Error::CatalogUrl)?;
    let mut command = Command::new(find(name));
    match Url::parse(url) {
        Ok(mut url) if url.password().is_some() => {
            let password = percent_decoded(url.password().unwrap_or_default());
            command.env("PGPASSWORD", password);
            // It has a host, or there would be no password in it.
            let _ = url.set_password(None);
            command.arg("--dbname").arg(url.as_str());
        }
        Ok(_) | Err(_) => drop(command.arg("--dbname").arg(url)),
    }
    Ok(command)
}

fn percent_decoded(text: &str) -> String {
    url::form_urlencoded::parse(format!("p={}", text.replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// The newest installed program of that name: a server refuses older ones.
fn find(name: &str) -> PathBuf {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin").join(name)))
        })
        .filter(|(_, program)| program.exists())
        .max();
    newest.map_or_else(|| PathBuf::from(name), |(_, program)| program)
}

async fn run(name: &'static str, mut command: Command) -> Result<(), Error> {
    // What it says is read by people here, whatever their language elsewhere.
    command.env("LC_ALL", OsStr::new("C")).kill_on_drop(true);
    let output = match command.output().await {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NoTool { program: name });
        }
        Err(error) => {
            return Err(Error::Tool {
                program: name,
                said: error.to_string(),
            });
        }
    };
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::Tool {
        program: name,
        said: said.trim().lines().take(3).collect::<Vec<_>>().join("; "),
    })
}
