//! Every setting, declared once: name, what it is for, default.
//!
//! In rising order: the default, the configuration file, the environment
//! (`PACELAKE_…`), the flag. Secrets come from the environment only.

mod declared;
mod store;

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

mod serving;
mod strava;

pub use declared::{SECRETS, SETTINGS};

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
