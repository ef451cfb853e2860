//! Every setting, declared once: name, what it is for, default.
//!
//! In rising order: the default, the configuration file, the environment
//! (`PACELAKE_…`), the flag. Secrets come from the environment only.

mod store;

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

mod serving;
mod strava;

/// One line of the settings reference.
#[derive(Debug)]
pub struct SettingRow {
    /// As in the file; the variable is `PACELAKE_` and the same in capitals.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// What holds when it is not set.
    pub default: &'static str,
}

/// The settings reference.
pub const SETTINGS: &[SettingRow] = &[
    SettingRow {
        name: "data_dir",
        doc: "Folder of the embedded catalog, the lake and the raw recordings.",
        default: "`$XDG_DATA_HOME/pacelake`, else `~/.local/share/pacelake`",
    },
    SettingRow {
        name: "catalog",
        doc: "`postgres://…` for a PostgreSQL catalog; may hold a password, so prefer the environment to a flag.",
        default: "SQLite in the data folder",
    },
    SettingRow {
        name: "store",
        doc: "`s3://bucket/prefix` for lake and raw recordings in a bucket of an S3 store.",
        default: "the data folder",
    },
    SettingRow {
        name: "s3_endpoint",
        doc: "The S3 server, such as `https://storage.example.org:9000`.",
        default: "AWS's own, by region",
    },
    SettingRow {
        name: "s3_region",
        doc: "The bucket's region.",
        default: "us-east-1",
    },
    SettingRow {
        name: "s3_path_style",
        doc: "Whether the bucket stands in the path of requests rather than in the host's name.",
        default: "true where there is an endpoint",
    },
    SettingRow {
        name: "s3_allow_http",
        doc: "Whether the endpoint may be plain HTTP, which everyone on the way can read and change.",
        default: "false",
    },
    SettingRow {
        name: "s3_ca_file",
        doc: "Root certificates (PEM) to trust for the endpoint besides the system's.",
        default: "none",
    },
    SettingRow {
        name: "s3_connect_timeout_s",
        doc: "Seconds to wait for a connection to the S3 server.",
        default: "5",
    },
    SettingRow {
        name: "s3_request_timeout_s",
        doc: "Seconds that one request may take, such as a part of 8 MiB; longer downloads go on where they were.",
        default: "60",
    },
    SettingRow {
        name: "s3_retries",
        doc: "How often a failed request is tried again.",
        default: "8",
    },
    SettingRow {
        name: "s3_retry_timeout_s",
        doc: "Seconds after which no retry begins.",
        default: "60",
    },
    SettingRow {
        name: "listen",
        doc: "Address that `serve` listens on; loopback only until accounts exist.",
        default: "127.0.0.1:8080",
    },
    SettingRow {
        name: "public_url",
        doc: "Where others reach `serve`, such as `https://lake.example.org`: for links, for what `Host` and `Origin` may be, and for cookies, which go over HTTPS only where this does.",
        default: "none: `serve` is reached where it listens",
    },
    SettingRow {
        name: "maintain",
        doc: "Whether `serve` maintains the lake by itself: merges small files, lets old snapshots go, removes what nothing names.",
        default: "true",
    },
    SettingRow {
        name: "keep_snapshots_s",
        doc: "How many seconds snapshots are kept for time travel; files that only older ones list go a day later.",
        default: "604800",
    },
    SettingRow {
        name: "log",
        doc: "What is logged, as `tracing` directives such as `info` or `storage=debug`.",
        default: "warn",
    },
    SettingRow {
        name: "log_format",
        doc: "How lines of the log are written: `pretty` for people, or `json`, one object a line.",
        default: "pretty",
    },
    SettingRow {
        name: "secret_key_file",
        doc: "File of the keys that tokens are sealed with: one a line, 32 bytes in hexadecimal, the newest first; all open what they sealed.",
        default: "`secret.key` in the data folder, made where it is missing; needed with a PostgreSQL catalog",
    },
    SettingRow {
        name: "workers",
        doc: "How many jobs `serve` runs at once; 0 leaves them to `pacelake worker`.",
        default: "4",
    },
    SettingRow {
        name: "strava_client_id",
        doc: "The number of your app at Strava; without it there is no Strava.",
        default: "none",
    },
    SettingRow {
        name: "strava_retention",
        doc: "What may be kept of Strava's API, which you must choose: `policy` (Strava's terms: 7 days, unless a file or the archive brings the same activity) or `owner` (you run pacelake for yourself, and decide).",
        default: "none",
    },
    SettingRow {
        name: "strava_oauth_url",
        doc: "Where Strava signs people in.",
        default: "https://www.strava.com/oauth",
    },
    SettingRow {
        name: "strava_api_url",
        doc: "Where Strava's API is; it moves in 2027.",
        default: "https://www.strava.com/api/v3",
    },
    SettingRow {
        name: "strava_revoke",
        doc: "How access is given back: `revoke`, or `deauthorize`, which ends in 2027.",
        default: "revoke",
    },
    SettingRow {
        name: "strava_poll_s",
        doc: "How many seconds pass at least before an athlete's newest activities are listed again, beside what Strava announces.",
        default: "3600",
    },
    SettingRow {
        name: "max_connections",
        doc: "Connections that `serve` holds at once; more are told to come again.",
        default: "512",
    },
    SettingRow {
        name: "head_time_s",
        doc: "How long the head of a request may take to arrive, and a connection may be idle, in seconds.",
        default: "15",
    },
    SettingRow {
        name: "stall_time_s",
        doc: "How long a client may read nothing of an answer before it is cut off, in seconds.",
        default: "30",
    },
    SettingRow {
        name: "answer_time_s",
        doc: "How long an answer may take to begin, in seconds.",
        default: "90",
    },
    SettingRow {
        name: "body_kb",
        doc: "The longest body of a request, in units of 1,024 bytes.",
        default: "64",
    },
    SettingRow {
        name: "wait_s",
        doc: "How long a request waits for its turn before it is told that the server is too busy, in seconds.",
        default: "2",
    },
    SettingRow {
        name: "reads_at_once",
        doc: "Reads that are answered at once.",
        default: "64",
    },
    SettingRow {
        name: "kept_answers_mb",
        doc: "Memory for answers that were given before, in units of 2^20 bytes.",
        default: "64",
    },
    SettingRow {
        name: "memory_mb",
        doc: "Memory of the whole server above which running statements are ended, in units of 2^20 bytes.",
        default: "2048",
    },
    SettingRow {
        name: "queries_at_once",
        doc: "SQL statements that run at once.",
        default: "2",
    },
    SettingRow {
        name: "query_threads",
        doc: "Threads of statements and exports, beside those of reads.",
        default: "one less than there are cores, at least 1",
    },
    SettingRow {
        name: "query_time_s",
        doc: "How long a statement to the server may run, in seconds.",
        default: "30",
    },
    SettingRow {
        name: "query_rows",
        doc: "How many rows a statement to the server may give.",
        default: "100000",
    },
    SettingRow {
        name: "query_memory_mb",
        doc: "Memory of one statement or export, in units of 2^20 bytes.",
        default: "256",
    },
    SettingRow {
        name: "query_spill_mb",
        doc: "Disk space of one statement or export, in units of 2^20 bytes.",
        default: "2048",
    },
    SettingRow {
        name: "exports_at_once",
        doc: "Exports that run at once.",
        default: "2",
    },
    SettingRow {
        name: "export_time_s",
        doc: "How long an export may take, reading included, in seconds.",
        default: "3600",
    },
];

/// What is read from the environment only, and never printed.
pub const SECRETS: &[SettingRow] = &[
    SettingRow {
        name: "s3_access_key_id",
        doc: "Names the key for the S3 store.",
        default: "none",
    },
    SettingRow {
        name: "s3_secret_access_key",
        doc: "The key itself.",
        default: "none",
    },
    SettingRow {
        name: "s3_secret_access_key_file",
        doc: "A file that holds the key instead, such as a mounted secret.",
        default: "none",
    },
    SettingRow {
        name: "s3_session_token",
        doc: "Goes with keys that are lent for a while.",
        default: "none",
    },
    SettingRow {
        name: "strava_client_secret",
        doc: "The secret of your app at Strava.",
        default: "none",
    },
    SettingRow {
        name: "strava_client_secret_file",
        doc: "A file that holds the secret instead, such as a mounted one.",
        default: "none",
    },
    SettingRow {
        name: "strava_verify_token",
        doc: "What Strava repeats when it looks at the callback for events.",
        default: "something that nobody can guess",
    },
    SettingRow {
        name: "strava_verify_token_file",
        doc: "A file that holds it instead.",
        default: "none",
    },
];

/// The variable of a setting or secret.
pub fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase())
}

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One object a line, for programs.
    Json,
}

/// The settings of one run.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// See [`SETTINGS`].
    pub data_dir: PathBuf,
    /// See [`SETTINGS`].
    pub catalog: Option<String>,
    /// See [`SETTINGS`].
    pub store: Option<String>,
    /// See [`SETTINGS`].
    pub s3_endpoint: Option<String>,
    /// See [`SETTINGS`].
    pub s3_region: String,
    /// See [`SETTINGS`].
    pub s3_path_style: Option<bool>,
    /// See [`SETTINGS`].
    pub s3_allow_http: bool,
    /// See [`SETTINGS`].
    pub s3_ca_file: Option<PathBuf>,
    /// See [`SETTINGS`].
    pub s3_connect_timeout_s: u32,
    /// See [`SETTINGS`].
    pub s3_request_timeout_s: u32,
    /// See [`SETTINGS`].
    pub s3_retries: u16,
    /// See [`SETTINGS`].
    pub s3_retry_timeout_s: u32,
    /// See [`SETTINGS`].
    pub listen: String,
    /// See [`SETTINGS`].
    pub maintain: bool,
    /// See [`SETTINGS`].
    pub keep_snapshots_s: u64,
    /// See [`SETTINGS`].
    pub log: String,
    /// See [`SETTINGS`].
    pub log_format: LogFormat,
    /// See [`SETTINGS`].
    pub public_url: Option<String>,
    /// See [`SETTINGS`].
    pub secret_key_file: Option<PathBuf>,
    /// See [`SETTINGS`].
    pub workers: usize,
    /// See [`SETTINGS`].
    pub strava_client_id: Option<u64>,
    /// See [`SETTINGS`].
    pub strava_retention: Option<String>,
    /// See [`SETTINGS`].
    pub strava_oauth_url: String,
    /// See [`SETTINGS`].
    pub strava_api_url: String,
    /// See [`SETTINGS`].
    pub strava_revoke: String,
    /// See [`SETTINGS`].
    pub strava_poll_s: u64,
    /// See [`SETTINGS`].
    pub max_connections: usize,
    /// See [`SETTINGS`].
    pub head_time_s: u64,
    /// See [`SETTINGS`].
    pub stall_time_s: u64,
    /// See [`SETTINGS`].
    pub answer_time_s: u64,
    /// See [`SETTINGS`].
    pub body_kb: usize,
    /// See [`SETTINGS`].
    pub wait_s: u64,
    /// See [`SETTINGS`].
    pub reads_at_once: usize,
    /// See [`SETTINGS`].
    pub kept_answers_mb: u64,
    /// See [`SETTINGS`].
    pub memory_mb: u64,
    /// See [`SETTINGS`].
    pub queries_at_once: usize,
    /// See [`SETTINGS`].
    pub query_threads: Option<usize>,
    /// See [`SETTINGS`].
    pub query_time_s: u64,
    /// See [`SETTINGS`].
    pub query_rows: usize,
    /// See [`SETTINGS`].
    pub query_memory_mb: usize,
    /// See [`SETTINGS`].
    pub query_spill_mb: u64,
    /// See [`SETTINGS`].
    pub exports_at_once: usize,
    /// See [`SETTINGS`].
    pub export_time_s: u64,
}

/// What the command line sets; `None` leaves a setting as it is.
#[derive(Debug, Default, Serialize)]
pub struct Flags {
    /// See [`SETTINGS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// See [`SETTINGS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
    /// See [`SETTINGS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// See [`SETTINGS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
}

const WEEK_S: u64 = 7 * 24 * 60 * 60;
const PREFIX: &str = "PACELAKE_";
const FILE_NAME: &str = "pacelake.toml";

impl Settings {
    /// Gathers the settings: defaults, file, environment, flags.
    ///
    /// # Errors
    /// An unreadable file, an unknown key or a value of the wrong type, by
    /// name and place.
    pub fn gather(config: Option<&Path>, flags: &Flags) -> Result<Self, Box<figment::Error>> {
        let named = SETTINGS.iter().map(|row| row.name).collect::<Vec<_>>();
        let environment = Env::prefixed(PREFIX).only(&named);
        let defaults = Serialized::defaults(Self::default());
        let without_file = Figment::from(defaults.clone())
            .merge(environment.clone())
            .merge(Serialized::defaults(flags));
        let file = match config {
            Some(path) => Toml::file_exact(path),
            None => {
                let data_dir: PathBuf = without_file.extract_inner("data_dir").map_err(Box::new)?;
                Toml::file(data_dir.join(FILE_NAME))
            }
        };
        Figment::from(defaults)
            .merge(store::aws_environment())
            .merge(file)
            .merge(environment)
            .merge(Serialized::defaults(flags))
            .extract()
            .map_err(Box::new)
    }
}

impl Default for Settings {
    fn default() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let data_home = variable("XDG_DATA_HOME").map(PathBuf::from).or_else(|| {
            variable("HOME").map(|home| PathBuf::from(home).join(".local").join("share"))
        });
        Self {
            data_dir: data_home
                .unwrap_or_else(|| PathBuf::from("."))
                .join("pacelake"),
            catalog: None,
            store: None,
            s3_endpoint: None,
            s3_region: "us-east-1".to_owned(),
            s3_path_style: None,
            s3_allow_http: false,
            s3_ca_file: None,
            s3_connect_timeout_s: 5,
            s3_request_timeout_s: 60,
            s3_retries: 8,
            s3_retry_timeout_s: 60,
            listen: "127.0.0.1:8080".to_owned(),
            maintain: true,
            keep_snapshots_s: WEEK_S,
            log: "warn".to_owned(),
            log_format: LogFormat::Pretty,
            public_url: None,
            secret_key_file: None,
            workers: 4,
            strava_client_id: None,
            strava_retention: None,
            strava_oauth_url: "https://www.strava.com/oauth".to_owned(),
            strava_api_url: "https://www.strava.com/api/v3".to_owned(),
            strava_revoke: "revoke".to_owned(),
            strava_poll_s: 3600,
            max_connections: 512,
            head_time_s: 15,
            stall_time_s: 30,
            answer_time_s: 90,
            body_kb: 64,
            wait_s: 2,
            reads_at_once: 64,
            kept_answers_mb: 64,
            memory_mb: 2048,
            queries_at_once: 2,
            query_threads: None,
            query_time_s: 30,
            query_rows: 100000,
            query_memory_mb: 256,
            query_spill_mb: 2048,
            exports_at_once: 2,
            export_time_s: 3600,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_lists_each_setting() {
        let settings = serde_json::to_value(Settings::default()).unwrap();
        let mut fields: Vec<_> = settings.as_object().unwrap().keys().cloned().collect();
        let mut rows: Vec<_> = SETTINGS.iter().map(|row| row.name.to_owned()).collect();
        fields.sort();
        rows.sort();
        assert_eq!(fields, rows);
    }

    #[test]
    fn the_reference_tells_the_defaults() {
        let settings = serde_json::to_value(Settings::default()).unwrap();
        for row in SETTINGS {
            let value = &settings[row.name];
            if value.is_number() {
                assert_eq!(value.to_string(), row.default, "{}", row.name);
            }
        }
    }

    #[test]
    fn flags_stand_above_the_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join(FILE_NAME),
            "listen = \"127.0.0.1:1\"\nlog = \"info\"\n",
        )
        .unwrap();
        let flags = Flags {
            data_dir: Some(folder.path().to_owned()),
            listen: Some("127.0.0.1:2".to_owned()),
            ..Flags::default()
        };
        let settings = Settings::gather(None, &flags).unwrap();
        assert_eq!(
            (settings.listen.as_str(), settings.log.as_str()),
            ("127.0.0.1:2", "info")
        );
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        std::fs::write(&file, "lisen = \"127.0.0.1:1\"\n").unwrap();
        let refusal = Settings::gather(Some(&file), &Flags::default())
            .err()
            .unwrap();
        assert!(refusal.to_string().contains("lisen"), "{refusal}");
    }
}
