//! What Strava needs, from settings and secrets.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jobs::Error;
use jobs::strava::{App, Config, Retention, RevokeStyle, Secret};
use storage::seal::Keys;
use url::Url;

use super::{Settings, store, variable};

/// The file of keys where none is named.
const KEYS: &str = "secret.key";

impl Settings {
    /// What Strava needs, where it is set up; `address` is where browsers reach
    /// the server unless the settings say.
    ///
    /// # Errors
    /// [`Error::StravaNotConfigured`] names what is missing or means nothing.
    pub fn strava(&self, address: &str) -> Result<Option<Config>, Error> {
        let Some(client_id) = self.strava_client_id else {
            return Ok(None);
        };
        let retention = self.strava_retention.as_deref();
        let retention = retention.and_then(Retention::parse).ok_or_else(|| {
            missing(
                "PACELAKE_STRAVA_RETENTION must be `policy` (Strava's terms: what its API brings \
                 is kept for 7 days, unless a file or the archive brings the same activity) or \
                 `owner` (you run pacelake for yourself alone, and decide)",
            )
        })?;
        let client_secret = secret("strava_client_secret")?
            .ok_or_else(|| missing("PACELAKE_STRAVA_CLIENT_SECRET, or …_FILE, is not set"))?;
        let revoke = match self.strava_revoke.as_str() {
            "revoke" => RevokeStyle::Revoke,
            "deauthorize" => RevokeStyle::Deauthorize,
            _ => {
                return Err(missing(
                    "PACELAKE_STRAVA_REVOKE is `revoke` or `deauthorize`",
                ));
            }
        };
        Ok(Some(Config {
            app: App {
                client_id,
                client_secret,
                oauth_url: url("strava_oauth_url", &self.strava_oauth_url)?,
                api_url: url("strava_api_url", &self.strava_api_url)?,
                revoke,
            },
            verify_token: secret("strava_verify_token")?,
            retention,
            public_url: url("public_url", self.public_url.as_deref().unwrap_or(address))?,
            keys: self.keys()?,
            poll_every: Duration::from_secs(self.strava_poll_s),
        }))
    }

    /// The keys that tokens are sealed with.
    ///
    /// # Errors
    /// Where the file cannot be read, or none is named and several processes
    /// would need it.
    fn keys(&self) -> Result<Keys, Error> {
        let path = match &self.secret_key_file {
            Some(path) => path.clone(),
            None if self.catalog.is_some() => {
                return Err(missing(
                    "PACELAKE_SECRET_KEY_FILE must name a file of keys that all processes of this \
                     catalog have; `openssl rand -hex 32` makes one",
                ));
            }
            None => made(self.data_dir.join(KEYS))?,
        };
        Ok(Keys::parse(&store::read(&path)?)?)
    }
}

/// The file of keys, with a new one where it is missing.
fn made(path: PathBuf) -> Result<PathBuf, Error> {
    let failed = |source| {
        Error::Storage(storage::Error::Disk {
            attempt: "make the file of keys",
            path: path.display().to_string(),
            source,
        })
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&path) {
        Ok(mut file) => {
            writeln!(file, "{}", Keys::generate()?).map_err(failed)?;
            file.sync_all().map_err(failed)?;
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    Ok(path)
}

/// A secret by its variable, or from the file that another one names.
fn secret(name: &str) -> Result<Option<Secret>, Error> {
    if let Some(secret) = store::text(&variable(name)) {
        return Ok(Some(Secret::new(secret)));
    }
    match store::text(&variable(&format!("{name}_file"))) {
        Some(path) => Ok(Some(Secret::new(store::read(Path::new(&path))?))),
        None => Ok(None),
    }
}

fn url(name: &str, text: &str) -> Result<Url, Error> {
    let url = text.parse::<Url>().ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| missing(&format!("{} is no http or https address", variable(name))))
}

fn missing(what: &str) -> Error {
    Error::StravaNotConfigured {
        missing: what.to_owned(),
    }
}
