//! Where objects lie, from settings and secrets.

use std::path::Path;
use std::time::Duration;

use figment::providers::Serialized;
use figment::value::{Dict, Value};
use storage::objects::{Credentials, S3Limits, S3Options, Secret};
use storage::{Error, Store};

use super::{Settings, variable};

/// Settings by the variables that other S3 programs read; the first of a
/// setting that is there counts.
const AWS: &[(&str, &[&str])] = &[
    ("s3_region", &["AWS_REGION", "AWS_DEFAULT_REGION"]),
    ("s3_endpoint", &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]),
];

/// What these variables say, as settings.
pub fn aws_environment() -> Serialized<Dict> {
    let mut settings = Dict::new();
    for (name, variables) in AWS {
        if let Some(text) = variables.iter().find_map(|variable| text(variable)) {
            settings.insert((*name).to_owned(), Value::from(text));
        }
    }
    Serialized::defaults(settings)
}

impl Settings {
    /// Where objects lie.
    ///
    /// # Errors
    /// [`Error::StoreOption`] for a URL that means nothing, [`Error::Disk`]
    /// for a secret's file that cannot be read.
    pub fn store(&self) -> Result<Store, Error> {
        let Some(url) = &self.store else {
            return Ok(Store::DataDir);
        };
        Ok(Store::S3(self.s3_at(url)?))
    }

    /// A place in an S3 store, asked as the settings say.
    ///
    /// # Errors
    /// As [`store`](Self::store).
    pub fn s3_at(&self, url: &str) -> Result<S3Options, Error> {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Ok(S3Options {
            endpoint: self.s3_endpoint.clone(),
            region: self.s3_region.clone(),
            path_style: self.s3_path_style,
            allow_http: self.s3_allow_http,
            credentials: credentials()?,
            ca_file: self.s3_ca_file.clone(),
            limits: S3Limits {
                connect_timeout: seconds(self.s3_connect_timeout_s),
                request_timeout: seconds(self.s3_request_timeout_s),
                retries: self.s3_retries.into(),
                retry_timeout: seconds(self.s3_retry_timeout_s),
            },
            ..S3Options::at(url)?
        })
    }
}

/// The keys, ours before those of other S3 programs; the two are never mixed.
fn credentials() -> Result<Option<Credentials>, Error> {
    let own = |name: &str| text(&variable(name));
    if let Some(access_key_id) = own("s3_access_key_id") {
        let file = own("s3_secret_access_key_file");
        let secret = match (own("s3_secret_access_key"), file) {
            (Some(secret), _) => Some(secret),
            (None, Some(file)) => Some(read(Path::new(&file))?),
            (None, None) => None,
        };
        return Ok(secret.map(|secret| Credentials {
            access_key_id,
            secret_access_key: Secret::new(secret),
            session_token: own("s3_session_token").map(Secret::new),
        }));
    }
    let pair = text("AWS_ACCESS_KEY_ID").zip(text("AWS_SECRET_ACCESS_KEY"));
    Ok(pair.map(|(access_key_id, secret)| Credentials {
        access_key_id,
        secret_access_key: Secret::new(secret),
        session_token: text("AWS_SESSION_TOKEN").map(Secret::new),
    }))
}

/// A secret that is mounted as a file, without the end of its line.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(source) => Err(Error::Disk {
            attempt: "read the secret in",
            path: path.display().to_string(),
            source,
        }),
    }
}

/// A variable that is set to something.
pub(super) fn text(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|text| !text.is_empty())
}
