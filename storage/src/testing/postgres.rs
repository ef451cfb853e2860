//! A private PostgreSQL server.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::certificates::Certificates;
use super::keeper::{free_ports, keep, run};

/// Makes an empty database on this process's private PostgreSQL server, which
/// the first call starts, and answers its URL. libpq, and so DuckDB's
/// `ATTACH 'ducklake:postgres:…'`, takes the same URL.
///
/// The server listens on a socket in a private folder only and ends with this
/// process, however it ends.
///
/// # Panics
/// Where PostgreSQL is not installed or does not start.
pub fn postgres_database() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(|| Server::start("-c listen_addresses=", PORT, None));
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    run(server
        .command("createdb")
        .args(["--username", USER, "--host"])
        .arg(&server.folder)
        .arg(&name));
    // A folder below the system's temporary one has no character that a URL
    // would have to escape.
    format!(
        "postgres://{USER}@localhost/{name}?host={}",
        server.folder.display()
    )
}

/// Starts a PostgreSQL server that speaks TLS on loopback with this
/// certificate, and answers its port. Whoever reaches it is let in as
/// `pacelake`.
///
/// # Panics
/// Where PostgreSQL is not installed or does not start.
pub fn postgres_with_tls(tls: &Certificates) -> u16 {
    // The server goes with the process, as every keeper's does.
    let [port] = free_ports();
    let server = Server::start(
        &format!(
            "-c listen_addresses=127.0.0.1 -c ssl=on -c ssl_cert_file={CERTIFICATE} \
             -c ssl_key_file={KEY}"
        ),
        port,
        Some(tls),
    );
    std::mem::forget(server);
    port
}

/// PostgreSQL's own port; a socket's name has it too.
const PORT: u16 = 5432;
/// The names of the server's certificate and key in its data folder.
const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";
/// The server's only user.
const USER: &str = "pacelake";
/// How long a server may take to start.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Starts the server ($1) on a folder ($2) with further options.
const START: &str = r#"
"$1" -D "$2/data" -k "$2" -c max_connections=300 $OPTIONS \
    -c fsync=off -c full_page_writes=off -c shared_buffers=32MB \
    > "$2/log" 2>&1 < /dev/null &
"#;

/// A running server.
struct Server {
    binaries: PathBuf,
    /// Holds the data directory, the log and the socket.
    folder: PathBuf,
    /// Names the socket.
    port: u16,
    /// Whom the server runs as, where this process is root: PostgreSQL
    /// refuses root.
    user: Option<(u32, u32)>,
    /// The keeper waits for its end.
    _alive: Child,
}

impl Server {
    /// Starts a server with further options; `tls` are files for the server's
    /// eyes, a certificate and its key, by the names that the options give.
    fn start(options: &str, port: u16, tls: Option<&Certificates>) -> Self {
        let binaries = binaries();
        let folder = tempfile::Builder::new()
            .prefix("pacelake-postgres-")
            .tempdir()
            .expect("a temporary folder can be made")
            .keep();
        let user = unprivileged(&folder);
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).expect("root may give a folder away");
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))
            .expect("our own folder's rights can be set");

        // Trust is safe: only this user, and root, can enter the folder.
        run(as_user(&binaries.join("initdb"), user)
            .args(["--username", USER, "--auth", "trust", "--encoding", "UTF8"])
            .args(["--no-locale", "--no-sync", "--pgdata"])
            .arg(folder.join("data")));
        if let Some(tls) = tls {
            for (from, name) in [(&tls.certificate, CERTIFICATE), (&tls.key, KEY)] {
                let to = folder.join("data").join(name);
                fs::copy(from, &to).expect("the server's folder takes a file");
                fs::set_permissions(&to, fs::Permissions::from_mode(0o600))
                    .expect("our own file's rights can be set");
                if let Some((uid, gid)) = user {
                    chown(&to, Some(uid), Some(gid)).expect("root may give a file away");
                }
            }
        }
        let mut shell = as_user(Path::new("/bin/sh"), user);
        shell.env("OPTIONS", format!("{options} -c port={port}"));
        let server = [binaries.join("postgres"), folder.clone()];
        let keeper = keep(&mut shell, START, "QUIT", &server);
        let server = Self {
            _alive: keeper,
            binaries,
            folder,
            port,
            user,
        };
        server.wait_until_it_answers();
        server
    }

    fn wait_until_it_answers(&self) {
        let begun = Instant::now();
        loop {
            let answer = self
                .command("pg_isready")
                .args(["--port", &self.port.to_string(), "--host"])
                .arg(&self.folder)
                .output()
                .expect("pg_isready lies beside the server");
            if answer.status.success() {
                return;
            }
            assert!(
                begun.elapsed() < START_LIMIT,
                "PostgreSQL did not start: {}",
                fs::read_to_string(self.folder.join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn command(&self, program: &str) -> Command {
        as_user(&self.binaries.join(program), self.user)
    }
}

/// A command that runs as `user`, in a folder that any user may enter.
fn as_user(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Whom to run as instead of root: Debian's `postgres`, else `nobody`. `None`
/// where this process, which made `folder`, is not root.
fn unprivileged(folder: &Path) -> Option<(u32, u32)> {
    let own = fs::metadata(folder).expect("it was just made").uid();
    if own != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next() == Some(name);
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            found.then_some((uid, gid))
        })
    };
    let user = find("postgres").or_else(|| find("nobody"));
    Some(user.expect("there is a user postgres or nobody, since PostgreSQL refuses root"))
}

/// The folder of the newest PostgreSQL server that is installed.
fn binaries() -> PathBuf {
    // Debian and Ubuntu keep each major version in a folder of its own, and
    // not on the path.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let newest = versions
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path(),
            ))
        })
        .map(|(version, path)| (version, path.join("bin")))
        .filter(|(_, binaries)| binaries.join("postgres").exists())
        .max();
    let elsewhere = || {
        [
            "/usr/bin",
            "/usr/local/bin",
            "/usr/local/pgsql/bin",
            "/opt/homebrew/bin",
        ]
        .into_iter()
        .map(PathBuf::from)
        .find(|folder| folder.join("initdb").exists())
    };
    newest
        .map(|(_, binaries)| binaries)
        .or_else(elsewhere)
        .expect("PostgreSQL is needed for this test: install it with `apt-get install postgresql`")
}
