//! What an object store's refusal means, and what to try.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use object_store::client::{HttpError, HttpErrorKind};

/// Why an object store does not serve us, as far as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answers at the endpoint.
    Unreachable,
    /// The endpoint's certificate is not one that we trust.
    Untrusted,
    /// The answer took too long.
    TimedOut,
    /// The store does not know the access key id.
    UnknownKey,
    /// The secret key does not belong to the access key id.
    WrongSecret,
    /// The clocks of both sides differ too much.
    Clock,
    /// The keys may not do this.
    Denied,
    /// There is no such bucket.
    NoBucket,
    /// The bucket lies in another region.
    WrongRegion,
    /// It has too much to do.
    Busy,
    /// The disk is full.
    Full,
    /// An object that is not there, or is there already.
    Object,
    /// Anything else.
    Other,
}

/// Words of an answer, and what they mean. The codes are those of the S3 API;
/// where two stand in one answer the first of this list counts.
const WORDS: &[(&str, Trouble)] = &[
    ("InvalidAccessKeyId", Trouble::UnknownKey),
    ("SignatureDoesNotMatch", Trouble::WrongSecret),
    ("RequestTimeTooSkewed", Trouble::Clock),
    ("NoSuchBucket", Trouble::NoBucket),
    ("PermanentRedirect", Trouble::WrongRegion),
    ("AuthorizationHeaderMalformed", Trouble::WrongRegion),
    ("without LOCATION", Trouble::WrongRegion),
    ("AccessDenied", Trouble::Denied),
    ("SlowDown", Trouble::Busy),
    ("ServiceUnavailable", Trouble::Busy),
    ("invalid peer certificate", Trouble::Untrusted),
];

impl Trouble {
    /// What an error has below it of a store beyond the network that did not
    /// serve us; `None` where it is about something else, such as what an
    /// object holds or that it is gone.
    pub fn below(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut chain = std::iter::successors(Some(error), |error| (*error).source());
        let of_store = chain.find_map(|cause| cause.downcast_ref::<object_store::Error>())?;
        match Self::of(of_store) {
            Self::Object | Self::Full => None,
            Self::Other
                if !matches!(of_store, object_store::Error::Generic { store: "S3", .. }) =>
            {
                None
            }
            trouble => Some(trouble),
        }
    }

    /// What an error of an object store means.
    pub fn of(error: &object_store::Error) -> Self {
        let first: &(dyn StdError + 'static) = error;
        let chain = || std::iter::successors(Some(first), |error| (*error).source());
        let said: Vec<String> = chain().map(ToString::to_string).collect();
        let has = |word: &str| said.iter().any(|text| text.contains(word));
        if let Some((_, trouble)) = WORDS.iter().find(|(word, _)| has(word)) {
            return *trouble;
        }
        for cause in chain() {
            if let Some(error) = cause.downcast_ref::<HttpError>() {
                match error.kind() {
                    HttpErrorKind::Timeout => return Self::TimedOut,
                    HttpErrorKind::Connect
                    | HttpErrorKind::Request
                    | HttpErrorKind::Interrupted => return Self::Unreachable,
                    _ => {}
                }
            }
            if let Some(error) = cause.downcast_ref::<io::Error>() {
                match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        return Self::Full;
                    }
                    io::ErrorKind::TimedOut => return Self::TimedOut,
                    _ => {}
                }
            }
        }
        match error {
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => Self::Denied,
            object_store::Error::NotFound { .. }
            | object_store::Error::AlreadyExists { .. }
            | object_store::Error::Precondition { .. }
            | object_store::Error::NotModified { .. } => Self::Object,
            _ => Self::Other,
        }
    }

    /// What a person may try next.
    pub fn try_next(self) -> &'static str {
        match self {
            Self::Unreachable => "see that the endpoint is right and its server runs: s3_endpoint",
            Self::Untrusted => {
                "give the root certificate of the store's certificate: s3_ca_file; its name must \
                 be the endpoint's"
            }
            Self::TimedOut => {
                "see that the store is well; for a slow line raise s3_request_timeout_s"
            }
            Self::UnknownKey => "correct the access key id: PACELAKE_S3_ACCESS_KEY_ID",
            Self::WrongSecret => {
                "correct the secret key: PACELAKE_S3_SECRET_ACCESS_KEY or the file of \
                 PACELAKE_S3_SECRET_ACCESS_KEY_FILE"
            }
            Self::Clock => "set this machine's clock right",
            Self::Denied => {
                "allow these keys to list the bucket, and to get, put and delete its objects"
            }
            Self::NoBucket => "make the bucket, or correct its name in the store's URL",
            Self::WrongRegion => "set s3_region to the bucket's region",
            Self::Busy => "try again later",
            Self::Full => "make room on the disk",
            Self::Object => "run check",
            Self::Other => {
                "check the disk or object store: space, rights, and that it can be reached"
            }
        }
    }

    /// Whether the same request may succeed at once: its answer was lost, or
    /// it never arrived.
    pub(super) fn is_lost(self) -> bool {
        matches!(self, Self::Unreachable | Self::TimedOut)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "nobody answers",
            Self::Untrusted => "its certificate is not trusted",
            Self::TimedOut => "it did not answer in time",
            Self::UnknownKey => "the store does not know this access key id",
            Self::WrongSecret => "the secret key is not that of this access key id",
            Self::Clock => "the store's clock and this machine's differ too much",
            Self::Denied => "these keys may not use it",
            Self::NoBucket => "there is no such bucket",
            Self::WrongRegion => "the bucket lies in another region",
            Self::Busy => "the store has too much to do",
            Self::Full => "the disk is full",
            Self::Object => "an object is missing, or in the way",
            Self::Other => "the store refuses",
        })
    }
}
