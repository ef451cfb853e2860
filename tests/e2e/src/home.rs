//! A data directory of its own, and commands that use it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use storage::objects::S3Options;
use tempfile::TempDir;

/// One data directory, gone when dropped, with SQLite in it or a PostgreSQL
/// catalog beside it.
pub struct Home {
    folder: TempDir,
    catalog: Option<String>,
    variables: Vec<(String, String)>,
    lake_s3: Option<String>,
}

/// What a command left: its exit code and what it said.
pub struct Answer {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Talk.
    pub stderr: String,
}

impl Home {
    /// A new home; `catalog` is the URL of an empty PostgreSQL database, or
    /// `None` for SQLite.
    ///
    /// # Panics
    /// If no folder can be made.
    pub fn new(catalog: Option<String>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self {
            folder,
            catalog,
            variables: Vec::new(),
            lake_s3: None,
        }
    }

    /// A new home with the same in it, while nothing uses this one. Its
    /// catalog is SQLite.
    ///
    /// # Panics
    /// If the catalog is elsewhere, or something cannot be copied.
    pub fn copy(&self) -> Self {
        assert_eq!(self.catalog, None, "a database is not copied");
        let home = Self {
            variables: self.variables.clone(),
            ..Self::new(None)
        };
        copy_folder(self.data_dir(), home.data_dir()).expect("a home can be copied");
        home
    }

    /// The same with a variable in the environment of each command.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with the keys of a bucket in the environment of each command,
    /// as an operator has them.
    ///
    /// # Panics
    /// If the bucket has no keys, or is AWS's.
    pub fn with_keys(self, bucket: &S3Options) -> Self {
        let keys = bucket.credentials.as_ref().expect("it has keys");
        let endpoint = bucket.endpoint.as_deref().expect("it has a server");
        self.with("PACELAKE_S3_ENDPOINT", endpoint)
            .with("PACELAKE_S3_ALLOW_HTTP", "true")
            .with("PACELAKE_S3_ACCESS_KEY_ID", &keys.access_key_id)
            .with(
                "PACELAKE_S3_SECRET_ACCESS_KEY",
                keys.secret_access_key.reveal(),
            )
    }

    /// The same with its lake on S3, which DuckDB reaches as this JSON says
    /// (`tests/oracles/rows.py`).
    pub fn with_lake_on_s3(mut self, how: Option<String>) -> Self {
        self.lake_s3 = how;
        self
    }

    /// How DuckDB reaches the lake's files, where they lie on S3.
    pub fn lake_s3(&self) -> Option<&str> {
        self.lake_s3.as_deref()
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The catalog's URL, where it is PostgreSQL.
    pub fn catalog(&self) -> Option<&str> {
        self.catalog.as_deref()
    }

    /// The lake, as it stands after `ducklake:` in DuckDB's ATTACH.
    pub fn lake(&self) -> String {
        match &self.catalog {
            Some(url) => format!("postgres:{url}"),
            None => format!(
                "sqlite:{}",
                self.data_dir().join("catalog.sqlite").display()
            ),
        }
    }

    /// The binary with these arguments, in this home, deaf to the settings of
    /// whoever runs the tests.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(root())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.data_dir())
            .env("PACELAKE_DATA_DIR", self.data_dir())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        if let Some(url) = &self.catalog {
            command.env("PACELAKE_CATALOG", url);
        }
        command
    }

    /// Runs the binary to its end.
    ///
    /// # Panics
    /// If it cannot be started, or says something that is not UTF-8.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        let output = self
            .command(arguments)
            .output()
            .expect("the binary can be started");
        Answer {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    /// Runs the binary to an end that is a success.
    ///
    /// # Panics
    /// As [`run`](Self::run), and with what it said if it fails.
    pub fn succeed(&self, arguments: &[&str]) -> Answer {
        let answer = self.run(arguments);
        let said = format!("{}{}", answer.stdout, answer.stderr);
        assert_eq!(answer.code, Some(0), "{arguments:?}: {said}");
        answer
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let (from, to) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            fs::create_dir(&to)?;
            copy_folder(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

/// The workspace's root folder.
///
/// # Panics
/// Never: this crate lies two folders below it.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("this crate lies two folders below the root")
        .to_path_buf()
}

/// The binary under test: the one that `cargo build` left beside the tests.
///
/// # Panics
/// If there is none, or its source is younger, so that no test judges a build
/// that is not of this source.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("tests lie in target/PROFILE/deps");
    let binary = profile.join("pacelake");
    let built = modified(&binary)
        .unwrap_or_else(|| panic!("no {}; run `cargo build` first", binary.display()));
    // Cargo lists the sources of what it built beside it.
    let listed = fs::read_to_string(binary.with_extension("d")).unwrap_or_default();
    let youngest = listed
        .split_whitespace()
        .skip(1)
        .filter_map(|source| modified(Path::new(source)))
        .max();
    assert!(
        youngest.is_none_or(|source| source <= built),
        "{} is older than its source; run `cargo build` first",
        binary.display()
    );
    binary
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}
