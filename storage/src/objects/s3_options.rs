//! Which bucket of which S3 store, with whose keys, and how long to wait.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use object_store::ClientOptions;
use object_store::aws::AmazonS3Builder;
use object_store::{BackoffConfig, Certificate, RetryConfig};
use url::Url;

use crate::error::Error;

/// What the URL of a store looks like.
const EXAMPLE: &str = "give a URL such as s3://bucket/prefix";

/// A place in an S3 store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Options {
    /// The bucket; it must be there.
    pub bucket: String,
    /// Below which key everything lies, without slashes at its ends; may be
    /// empty.
    pub prefix: String,
    /// The server, such as `https://storage.example.org:9000`; `None` means
    /// AWS's own.
    pub endpoint: Option<String>,
    /// The region, which is part of each request's signature.
    pub region: String,
    /// Whether the bucket stands in the path of requests rather than in the
    /// name of the host; `None` means in the path where there is an endpoint.
    pub path_style: Option<bool>,
    /// Whether an endpoint may be plain HTTP.
    pub allow_http: bool,
    /// Whose requests they are.
    pub credentials: Option<Credentials>,
    /// Root certificates to trust besides the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// How long to wait, and how often to try.
    pub limits: S3Limits,
}

/// A pair of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Names the key; no secret.
    pub access_key_id: String,
    /// Signs requests.
    pub secret_access_key: Secret,
    /// Goes with keys that are lent for a while.
    pub session_token: Option<Secret>,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes charge of a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for whom it is meant.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// How long to wait for an S3 store, and how often to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct S3Limits {
    /// For a connection.
    pub connect_timeout: Duration,
    /// For one request, its body included; a part of an upload is one. A
    /// download that takes longer goes on where it was.
    pub request_timeout: Duration,
    /// How often a request is tried again: server errors, throttling, lost
    /// connections, and time-outs of what may be done twice.
    pub retries: usize,
    /// After how long no retry begins.
    pub retry_timeout: Duration,
}

impl Default for S3Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(60),
            retries: 8,
            retry_timeout: Duration::from_secs(60),
        }
    }
}

impl S3Limits {
    /// The same for the question at the beginning, which a person waits for.
    pub(super) fn brief(self) -> Self {
        Self {
            connect_timeout: self.connect_timeout.min(Duration::from_secs(5)),
            request_timeout: self.request_timeout.min(Duration::from_secs(10)),
            retries: self.retries.min(2),
            retry_timeout: self.retry_timeout.min(Duration::from_secs(10)),
        }
    }
}

impl S3Options {
    /// The bucket and prefix of a URL such as `s3://bucket/prefix`, on AWS, in
    /// `us-east-1`, without credentials yet.
    ///
    /// # Errors
    /// [`Error::StoreOption`] for any other URL.
    pub fn at(url: &str) -> Result<Self, Error> {
        let refused = |reason| Error::StoreOption {
            what: url.to_owned(),
            reason,
            try_next: EXAMPLE,
        };
        let parsed = Url::parse(url).map_err(|_| refused("it is no URL"))?;
        if parsed.scheme() != "s3" {
            return Err(refused("only s3:// stores are known"));
        }
        let bucket = parsed.host_str().unwrap_or_default();
        if bucket.is_empty() {
            return Err(refused("it names no bucket"));
        }
        let odd = parsed.query().is_some()
            || parsed.fragment().is_some()
            || !parsed.username().is_empty()
            || parsed.password().is_some()
            || parsed.port().is_some();
        if odd {
            return Err(refused("it has more than a bucket and a prefix"));
        }
        let prefix = parsed.path().trim_matches('/');
        // Names that DuckDB, object_store and every S3 server write alike.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let parts = || prefix.split('/');
        if !prefix.is_empty() && parts().any(|part| part.is_empty() || !part.chars().all(plain)) {
            return Err(refused(
                "its prefix may have letters, digits, `-`, `_`, `.` and single slashes",
            ));
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: None,
            region: "us-east-1".to_owned(),
            path_style: None,
            allow_http: false,
            credentials: None,
            ca_file: None,
            limits: S3Limits::default(),
        })
    }

    /// The key of a folder below the prefix, without slashes at its ends.
    pub(super) fn below(&self, folder: &str) -> String {
        match self.prefix.is_empty() {
            true => folder.to_owned(),
            false => format!("{}/{folder}", self.prefix),
        }
    }

    /// The place as people write it.
    pub(super) fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }

    /// The place and its server, for messages.
    pub(super) fn place(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("{} at {endpoint}", self.url()),
            None => format!("{} in {}", self.url(), self.region),
        }
    }

    /// Where the bucket's objects are asked for, without a slash at the end.
    ///
    /// # Errors
    /// [`Error::StoreOption`] for an endpoint that means nothing, or that is
    /// plain HTTP where that is not allowed.
    pub(super) fn bucket_url(&self) -> Result<String, Error> {
        let Some(endpoint) = &self.endpoint else {
            let (bucket, region) = (&self.bucket, &self.region);
            return Ok(match self.path_style.unwrap_or(false) {
                true => format!("https://s3.{region}.amazonaws.com/{bucket}"),
                false => format!("https://{bucket}.s3.{region}.amazonaws.com"),
            });
        };
        let refused = |reason, try_next| Error::StoreOption {
            what: endpoint.clone(),
            reason,
            try_next,
        };
        let example = "give an endpoint such as https://storage.example.org:9000";
        let url = Url::parse(endpoint).map_err(|_| refused("it is no URL", example))?;
        let host = url.host_str().unwrap_or_default();
        let plain = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(refused("an endpoint is http or https", example)),
        };
        if host.is_empty() || !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(refused("an endpoint is a host and a port", example));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("keys do not belong into the endpoint", example));
        }
        if plain && !self.allow_http {
            return Err(refused(
                "it is plain HTTP: whoever is on the way reads and changes objects",
                "use https, or set s3_allow_http to true on a network that you trust",
            ));
        }
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        let (scheme, bucket) = (url.scheme(), &self.bucket);
        Ok(match self.path_style.unwrap_or(true) {
            true => format!("{scheme}://{host}{port}/{bucket}"),
            false => format!("{scheme}://{bucket}.{host}{port}"),
        })
    }

    /// A client for the bucket, with these limits.
    ///
    /// # Errors
    /// [`Error::StoreOption`] for options that mean nothing.
    pub(super) fn builder(&self, limits: S3Limits) -> Result<AmazonS3Builder, Error> {
        let Some(credentials) = &self.credentials else {
            return Err(Error::StoreOption {
                what: self.url(),
                reason: "there are no keys for it",
                try_next: "set PACELAKE_S3_ACCESS_KEY_ID, and PACELAKE_S3_SECRET_ACCESS_KEY or \
                           PACELAKE_S3_SECRET_ACCESS_KEY_FILE",
            });
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            // With the bucket in it, so that both styles are one.
            .with_virtual_hosted_style_request(true)
            .with_endpoint(self.bucket_url()?)
            .with_access_key_id(&credentials.access_key_id)
            .with_secret_access_key(credentials.secret_access_key.reveal())
            .with_client_options(self.client_options(limits)?)
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: limits.retries,
                retry_timeout: limits.retry_timeout,
            });
        if let Some(token) = &credentials.session_token {
            builder = builder.with_token(token.reveal());
        }
        Ok(builder)
    }

    /// How connections are made.
    ///
    /// # Errors
    /// [`Error::StoreOption`] for a CA file that holds no certificate,
    /// [`Error::Disk`] for one that cannot be read.
    pub(super) fn client_options(&self, limits: S3Limits) -> Result<ClientOptions, Error> {
        let mut options = ClientOptions::new()
            .with_connect_timeout(limits.connect_timeout)
            .with_timeout(limits.request_timeout)
            .with_allow_http(self.allow_http);
        let Some(path) = &self.ca_file else {
            return Ok(options);
        };
        let pem = std::fs::read(path).map_err(|source| Error::Disk {
            attempt: "read the certificates in",
            path: path.display().to_string(),
            source,
        })?;
        let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if certificates.is_empty() {
            return Err(Error::StoreOption {
                what: path.display().to_string(),
                reason: "it holds no certificate",
                try_next: "give a file of certificates in PEM, which begin with \
                           -----BEGIN CERTIFICATE-----",
            });
        }
        for certificate in certificates {
            options = options.with_root_certificate(certificate);
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::{Code, Failure};

    #[test]
    fn a_url_names_bucket_and_prefix() {
        for (url, bucket, prefix, lake) in [
            ("s3://bucket", "bucket", "", "lake"),
            ("s3://bucket/", "bucket", "", "lake"),
            (
                "s3://my.bucket-1/a/b_c/",
                "my.bucket-1",
                "a/b_c",
                "a/b_c/lake",
            ),
        ] {
            let options = S3Options::at(url).unwrap();
            assert_eq!((&*options.bucket, &*options.prefix), (bucket, prefix));
            assert_eq!(options.below("lake"), lake);
        }
        for url in [
            "bucket/prefix",
            "https://bucket/prefix",
            "s3:///prefix",
            "s3://bucket/a//b",
            "s3://bucket/a b",
            "s3://bucket/a?x=1",
            "s3://key:secret@bucket/a",
        ] {
            let refusal = S3Options::at(url).expect_err(url);
            assert_eq!(refusal.code(), Code::InvalidArgument, "{url}");
        }
    }

    #[test]
    fn either_style_names_the_bucket() {
        let options = |endpoint: Option<&str>, path_style| S3Options {
            endpoint: endpoint.map(str::to_owned),
            path_style,
            allow_http: true,
            region: "eu-west-3".to_owned(),
            ..S3Options::at("s3://bucket/p").unwrap()
        };
        let url = |endpoint, style| options(endpoint, style).bucket_url().unwrap();
        assert_eq!(url(None, None), "https://bucket.s3.eu-west-3.amazonaws.com");
        assert_eq!(
            url(None, Some(true)),
            "https://s3.eu-west-3.amazonaws.com/bucket"
        );
        let local = Some("http://127.0.0.1:9000/");
        assert_eq!(url(local, None), "http://127.0.0.1:9000/bucket");
        let host = Some("https://storage.example.org");
        assert_eq!(url(host, Some(false)), "https://bucket.storage.example.org");
        let plain = S3Options {
            allow_http: false,
            ..options(local, None)
        };
        assert_eq!(
            plain.bucket_url().unwrap_err().code(),
            Code::InvalidArgument
        );
        assert!(options(Some("storage:9000"), None).bucket_url().is_err());
    }

    #[test]
    fn a_secret_is_not_printed() {
        let options = S3Options {
            credentials: Some(Credentials {
                access_key_id: "name".to_owned(),
                secret_access_key: Secret::new("hush"),
                session_token: Some(Secret::new("hush too")),
            }),
            ..S3Options::at("s3://bucket").unwrap()
        };
        let printed = format!("{options:?}");
        assert!(printed.contains("name"), "{printed}");
        assert!(!printed.contains("hush"), "{printed}");
    }
}
