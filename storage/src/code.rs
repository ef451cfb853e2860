//! The closed list of error codes, and what every error can say of itself.

/// What went wrong, as programs see it. Stable: a code is never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A file that is no recording that pacelake reads.
    UnsupportedFormat,
    /// A recording of which no sample could be read.
    DamagedRecording,
    /// A recording that holds no activity, such as a course or settings.
    NoActivity,
    /// A recording without time.
    NoTime,
    /// A limit on size, depth, count or expansion was passed.
    InputTooLarge,
    /// An archive that cannot be read.
    DamagedArchive,
    /// A path that is not there or cannot be read.
    UnreadablePath,
    /// What was asked for does not exist, or is another athlete's.
    NotFound,
    /// A method that a path does not answer.
    MethodNotAllowed,
    /// An argument or parameter that means nothing.
    InvalidArgument,
    /// A query that cannot be planned or run.
    InvalidQuery,
    /// A query that would write, define or copy.
    ReadOnly,
    /// A query that passed its limit of rows, time or memory.
    QueryLimit,
    /// The server does as much as it may.
    TooBusy,
    /// No answer was ready in time.
    Timeout,
    /// A request from another host or origin.
    ForbiddenOrigin,
    /// Nobody signed in, or no longer.
    Unauthenticated,
    /// Whoever signed in may not do this.
    Forbidden,
    /// A page's request without the proof that it is one of ours.
    Csrf,
    /// Too many attempts to sign in.
    TooManyAttempts,
    /// Someone else wrote the same thing first.
    Conflict,
    /// Catalog, lake or ledger disagree.
    Inconsistent,
    /// A catalog or lake of a version that this build does not know.
    UnknownVersion,
    /// The catalog database cannot be reached or refuses.
    CatalogUnavailable,
    /// The object store cannot be reached or refuses.
    StoreUnavailable,
    /// Strava cannot be reached, or has trouble of its own.
    StravaUnavailable,
    /// Strava's limits are used; there is room again later.
    StravaLimited,
    /// An athlete is not connected to Strava, or must connect anew.
    StravaAccess,
    /// A sign-in at Strava came to nothing.
    StravaSignIn,
    /// Our app at Strava is inactive, full, or not set up.
    StravaApp,
    /// Strava refused for a reason of its own.
    StravaRefused,
    /// The work was interrupted.
    Interrupted,
    /// A fault of pacelake itself.
    Internal,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same again may succeed.
    Retry,
    /// It will fail again.
    GiveUp,
}

/// One line of [`CODES`].
#[derive(Clone, Copy, Debug)]
pub struct CodeRow {
    /// The code.
    pub code: Code,
    /// Its name in JSON, logs and documents.
    pub name: &'static str,
    /// The HTTP status it is answered with.
    pub http_status: u16,
    /// The exit code of a command that ends by it.
    pub exit_code: u8,
    /// Whether trying again can help.
    pub verdict: Verdict,
}

const fn row(
    code: Code,
    name: &'static str,
    http_status: u16,
    exit_code: u8,
    verdict: Verdict,
) -> CodeRow {
    CodeRow {
        code,
        name,
        http_status,
        exit_code,
        verdict,
    }
}

/// Every code with its name, HTTP status, exit code and verdict.
pub const CODES: &[CodeRow] = &[
    row(
        Code::UnsupportedFormat,
        "unsupported_format",
        422,
        1,
        Verdict::GiveUp,
    ),
    row(
        Code::DamagedRecording,
        "damaged_recording",
        422,
        1,
        Verdict::GiveUp,
    ),
    row(Code::NoActivity, "no_activity", 422, 1, Verdict::GiveUp),
    row(Code::NoTime, "no_time", 422, 1, Verdict::GiveUp),
    row(
        Code::InputTooLarge,
        "input_too_large",
        413,
        1,
        Verdict::GiveUp,
    ),
    row(
        Code::DamagedArchive,
        "damaged_archive",
        422,
        1,
        Verdict::GiveUp,
    ),
    row(
        Code::UnreadablePath,
        "unreadable_path",
        422,
        1,
        Verdict::GiveUp,
    ),
    row(Code::NotFound, "not_found", 404, 1, Verdict::GiveUp),
    row(
        Code::MethodNotAllowed,
        "method_not_allowed",
        405,
        1,
        Verdict::GiveUp,
    ),
    row(
        Code::InvalidArgument,
        "invalid_argument",
        400,
        2,
        Verdict::GiveUp,
    ),
    row(Code::InvalidQuery, "invalid_query", 400, 1, Verdict::GiveUp),
    row(Code::ReadOnly, "read_only", 403, 1, Verdict::GiveUp),
    row(Code::QueryLimit, "query_limit", 422, 1, Verdict::GiveUp),
    row(Code::TooBusy, "too_busy", 503, 1, Verdict::Retry),
    row(Code::Timeout, "timeout", 504, 1, Verdict::Retry),
    row(
        Code::ForbiddenOrigin,
        "forbidden_origin",
        403,
        1,
        Verdict::GiveUp,
    ),
    row(
        Code::Unauthenticated,
        "unauthenticated",
        401,
        1,
        Verdict::GiveUp,
    ),
    row(Code::Forbidden, "forbidden", 403, 1, Verdict::GiveUp),
    row(Code::Csrf, "csrf", 403, 1, Verdict::GiveUp),
    row(
        Code::TooManyAttempts,
        "too_many_attempts",
        429,
        1,
        Verdict::Retry,
    ),
    row(Code::Conflict, "conflict", 409, 1, Verdict::Retry),
    row(Code::Inconsistent, "inconsistent", 500, 1, Verdict::GiveUp),
    row(
        Code::UnknownVersion,
        "unknown_version",
        500,
        1,
        Verdict::GiveUp,
    ),
    row(
        Code::CatalogUnavailable,
        "catalog_unavailable",
        503,
        1,
        Verdict::Retry,
    ),
    row(
        Code::StoreUnavailable,
        "store_unavailable",
        503,
        1,
        Verdict::Retry,
    ),
    row(
        Code::StravaUnavailable,
        "strava_unavailable",
        502,
        1,
        Verdict::Retry,
    ),
    row(
        Code::StravaLimited,
        "strava_limited",
        503,
        1,
        Verdict::Retry,
    ),
    row(Code::StravaAccess, "strava_access", 409, 1, Verdict::GiveUp),
    row(
        Code::StravaSignIn,
        "strava_sign_in",
        400,
        1,
        Verdict::GiveUp,
    ),
    row(Code::StravaApp, "strava_app", 409, 1, Verdict::GiveUp),
    row(
        Code::StravaRefused,
        "strava_refused",
        502,
        1,
        Verdict::GiveUp,
    ),
    row(Code::Interrupted, "interrupted", 503, 130, Verdict::Retry),
    row(Code::Internal, "internal", 500, 1, Verdict::GiveUp),
];

impl Code {
    /// The line of [`CODES`] that describes it.
    pub fn row(self) -> &'static CodeRow {
        CODES
            .iter()
            .find(|row| row.code == self)
            .expect("CODES has a line for every code")
    }

    /// Its name in JSON, logs and documents.
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

/// What every error of every crate answers, so that the rim can print code,
/// message and next step.
pub trait Failure: std::error::Error {
    /// The stable code.
    fn code(&self) -> Code;
    /// What a person may try next, in one sentence without full stop.
    fn try_next(&self) -> &'static str;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = CODES.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CODES.len());
        assert_eq!(Code::Internal.row().http_status, 500);
    }
}
