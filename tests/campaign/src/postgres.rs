//! A private PostgreSQL server that can be shut down at once, as a crash does
//! it, and started again.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use pacelake_e2e::root;

use crate::undo::Undo;

/// The server's only user.
const USER: &str = "pacelake";
/// Stops the server, by the programs in $1, and removes its folder, $2.
const STOP: &str = r#"
"$1/pg_ctl" stop --mode immediate --silent --pgdata "$2/data"
rm -rf "$2"
"#;

/// A server on a socket in a folder of its own; both go when it is dropped.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    /// Whom it runs as where this process is root, whom PostgreSQL refuses.
    user: Option<(u32, u32)>,
    databases: AtomicU32,
    _undo: Undo,
}

impl Postgres {
    /// Starts one. It keeps full pages and does not flush: what a killed
    /// process wrote is in the operating system's memory.
    ///
    /// # Errors
    /// What a program of PostgreSQL's says.
    pub fn start() -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let found = output(&mut Command::new(root().join("scripts/postgres-bin")))?;
        let programs = PathBuf::from(found.trim());
        let folder = tempfile::Builder::new()
            .prefix("pacelake-campaign-postgres-")
            .tempdir()
            .map_err(text)?;
        let user = unprivileged(folder.path())?;
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).map_err(text)?;
        }
        let folder = folder.keep();
        let mut shell = as_user(Path::new("/bin/sh"), user);
        let undo = Undo::by(&mut shell, STOP, &[&programs, &folder]).map_err(text)?;
        let server = Self {
            programs,
            folder,
            user,
            databases: AtomicU32::new(0),
            _undo: undo,
        };
        // Trust is safe: only this user, and root, can enter the folder.
        let mut initdb = server.program("initdb");
        initdb.args(["--username", USER, "--auth", "trust", "--encoding", "UTF8"]);
        initdb.args(["--no-locale", "--no-sync", "--pgdata"]);
        output(initdb.arg(server.data()))?;
        server.control("start")?;
        Ok(server)
    }

    /// Makes an empty database and answers its URL.
    ///
    /// # Errors
    /// What the server says.
    pub fn database(&self) -> Result<String, String> {
        let name = format!("era_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut createdb = self.program("createdb");
        createdb.args(["--username", USER, "--host"]);
        output(createdb.arg(&self.folder).arg(&name))?;
        // A temporary folder has no character that a URL would have to escape.
        Ok(format!(
            "postgres://{USER}@localhost/{name}?host={}",
            self.folder.display()
        ))
    }

    /// Writes what is in a database into a file, as SQL.
    ///
    /// # Errors
    /// What the server says, or a file that cannot be written.
    pub fn dump(&self, url: &str, to: &Path) -> Result<(), String> {
        let dump = output(self.program("pg_dump").args(["--dbname", url]))?;
        fs::write(to, dump).map_err(|error| error.to_string())
    }

    /// Shuts it down at once: every connection breaks, every open transaction
    /// is gone; then starts it again.
    ///
    /// # Errors
    /// Where it does not start again.
    pub fn restart_at_once(&self) -> Result<(), String> {
        self.control("restart")
    }

    fn control(&self, what: &str) -> Result<(), String> {
        let folder = self.folder.display();
        let options = format!(
            "-k {folder} -c listen_addresses= -c max_connections=200 -c fsync=off \
             -c shared_buffers=32MB"
        );
        let mut control = self.program("pg_ctl");
        control.args([what, "--wait", "--mode", "immediate", "--silent"]);
        control.arg("--pgdata").arg(self.data());
        control.arg("--log").arg(self.folder.join("log"));
        control.args(["--options", &options]);
        output(&mut control).map(drop).map_err(|error| {
            let log = fs::read_to_string(self.folder.join("log"));
            format!("{error}\n{}", log.unwrap_or_default())
        })
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A program of the server's, run as its user.
    fn program(&self, name: &str) -> Command {
        as_user(&self.programs.join(name), self.user)
    }
}

/// A command that runs as `user`, in a folder that any user may enter; an
/// interrupt from the terminal is not for it.
fn as_user(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").process_group(0);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Debian's `postgres`, else `nobody`, where this process is root; `None`
/// where it is not.
fn unprivileged(folder: &Path) -> Result<Option<(u32, u32)>, String> {
    use std::os::unix::fs::MetadataExt;
    let own = fs::metadata(folder).map_err(|error| error.to_string())?;
    if own.uid() != 0 {
        return Ok(None);
    }
    let id = |flag: &str, user: &str| -> Option<u32> {
        let said = output(Command::new("id").args([flag, user])).ok()?;
        said.trim().parse().ok()
    };
    let ids = ["postgres", "nobody"]
        .iter()
        .find_map(|user| Some((id("-u", user)?, id("-g", user)?)));
    match ids {
        Some(ids) => Ok(Some(ids)),
        None => Err("PostgreSQL refuses root, and there is no user postgres or nobody".to_owned()),
    }
}

/// What a command prints, which must succeed. What a server inherits from it
/// must not be a pipe that somebody waits for.
fn output(command: &mut Command) -> Result<String, String> {
    let done = tempfile::tempfile().and_then(|said| {
        let status = command
            .stdin(std::process::Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said.try_clone()?)
            .status()?;
        let mut text = String::new();
        use std::io::{Read, Seek};
        let mut said = said;
        said.rewind()?;
        said.read_to_string(&mut text)?;
        Ok((status, text))
    });
    match done {
        Ok((status, text)) if status.success() => Ok(text),
        Ok((status, text)) => Err(format!("{command:?} ended by {status}: {text}")),
        Err(error) => Err(format!("{command:?} cannot be run: {error}")),
    }
}
