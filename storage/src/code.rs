//! The closed list of error codes, and what every error can say of itself.

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same again may succeed.
    Retry,
    /// It will fail again.
    GiveUp,
}

/// Whose turn it is after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Whoever asked: something must be asked, given or allowed otherwise.
    User,
    /// Nobody's: the same again may succeed, and what runs in the background
    /// tries it by itself.
    Retry,
    /// Whoever runs or makes pacelake.
    Operator,
}

impl Turn {
    /// Every one, as documents have them.
    pub const ALL: [Self; 3] = [Self::User, Self::Retry, Self::Operator];

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user-facing",
            Self::Retry => "retryable",
            Self::Operator => "internal",
        }
    }
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
    /// What went wrong, in a sentence.
    pub what: &'static str,
}

impl CodeRow {
    /// Whose turn it is.
    pub fn turn(&self) -> Turn {
        match self.verdict {
            Verdict::Retry => Turn::Retry,
            Verdict::GiveUp if self.http_status == 500 => Turn::Operator,
            Verdict::GiveUp => Turn::User,
        }
    }
}

/// Declares each code once: the sentence documents it in code, answers and
/// `data/errors.md`.
macro_rules! codes {
    ($($code:ident = $name:literal, $status:literal, $exit:literal, $verdict:ident, $what:literal;)*) => {
        /// What went wrong, as programs see it. Stable: a code is never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $what] $code,)*
        }

        /// Every code with its name, HTTP status, exit code, verdict and meaning.
        pub const CODES: &[CodeRow] = &[
            $(CodeRow {
                code: Code::$code,
                name: $name,
                http_status: $status,
                exit_code: $exit,
                verdict: Verdict::$verdict,
                what: $what,
            },)*
        ];
    };
}

codes! {
    UnsupportedFormat = "unsupported_format", 422, 1, GiveUp,
        "A file that is no recording that pacelake reads.";
    DamagedRecording = "damaged_recording", 422, 1, GiveUp,
        "A recording of which no sample could be read.";
    NoActivity = "no_activity", 422, 1, GiveUp,
        "A recording that holds no activity, such as a course or settings.";
    NoTime = "no_time", 422, 1, GiveUp,
        "A recording without time.";
    InputTooLarge = "input_too_large", 413, 1, GiveUp,
        "A limit on size, depth, count or expansion was passed.";
    DamagedArchive = "damaged_archive", 422, 1, GiveUp,
        "An archive that cannot be read.";
    UnreadablePath = "unreadable_path", 422, 1, GiveUp,
        "A path that is not there or cannot be read.";
    NotFound = "not_found", 404, 1, GiveUp,
        "What was asked for does not exist, or is another athlete's.";
    MethodNotAllowed = "method_not_allowed", 405, 1, GiveUp,
        "A method that a path does not answer.";
    InvalidArgument = "invalid_argument", 400, 2, GiveUp,
        "An argument or parameter that means nothing.";
    InvalidQuery = "invalid_query", 400, 1, GiveUp,
        "A query that cannot be planned or run.";
    ReadOnly = "read_only", 403, 1, GiveUp,
        "A query that would write, define or copy.";
    QueryLimit = "query_limit", 422, 1, GiveUp,
        "A query that passed its limit of rows, time or memory.";
    TooBusy = "too_busy", 503, 1, Retry,
        "The server does as much as it may.";
    NotReady = "not_ready", 503, 1, Retry,
        "A part of the installation that the server needs does not work, or not yet.";
    Timeout = "timeout", 504, 1, Retry,
        "No answer was ready in time.";
    ForbiddenOrigin = "forbidden_origin", 403, 1, GiveUp,
        "A request from another host or origin.";
    Unauthenticated = "unauthenticated", 401, 1, GiveUp,
        "Nobody signed in, or no longer.";
    Forbidden = "forbidden", 403, 1, GiveUp,
        "Whoever signed in may not do this.";
    Csrf = "csrf", 403, 1, GiveUp,
        "A page's request without the proof that it is one of ours.";
    TooManyAttempts = "too_many_attempts", 429, 1, Retry,
        "Too many attempts to sign in.";
    Conflict = "conflict", 409, 1, Retry,
        "Someone else wrote the same thing first.";
    Inconsistent = "inconsistent", 500, 1, GiveUp,
        "Catalog, lake or ledger disagree.";
    UnknownVersion = "unknown_version", 500, 1, GiveUp,
        "A catalog or lake of a version that this build does not know.";
    CatalogUnavailable = "catalog_unavailable", 503, 1, Retry,
        "The catalog database cannot be reached or refuses.";
    StoreUnavailable = "store_unavailable", 503, 1, Retry,
        "The object store cannot be reached or refuses.";
    StravaUnavailable = "strava_unavailable", 502, 1, Retry,
        "Strava cannot be reached, or has trouble of its own.";
    StravaLimited = "strava_limited", 503, 1, Retry,
        "Strava's limits are used; there is room again later.";
    StravaAccess = "strava_access", 409, 1, GiveUp,
        "An athlete is not connected to Strava, or must connect anew.";
    StravaSignIn = "strava_sign_in", 400, 1, GiveUp,
        "A sign-in at Strava came to nothing.";
    StravaApp = "strava_app", 409, 1, GiveUp,
        "Our app at Strava is inactive, full, or not set up.";
    StravaRefused = "strava_refused", 502, 1, GiveUp,
        "Strava refused for a reason of its own.";
    Interrupted = "interrupted", 503, 130, Retry,
        "The work was interrupted.";
    Internal = "internal", 500, 1, GiveUp,
        "A fault of pacelake itself.";
}

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

/// The taxonomy of errors as `data/errors.md` has it.
pub fn document() -> String {
    let mut text = String::from(
        "# Errors\n\nWritten by `pacelake document`; do not edit.\n\n\
         Every error has a stable code, says what happened and what to try next; its causes and \
         the request's id are in the log. An HTTP answer has the code in `code`; a command prints `error[code]: …` and ends with the exit code; \
         an item of an import or a job carries the code in its row, and the others go on.\n",
    );
    for turn in Turn::ALL {
        let about = match turn {
            Turn::User => {
                "Something must be asked, given or allowed otherwise: the same again fails again."
            }
            Turn::Retry => {
                "The same again may succeed. Jobs do it by themselves, with growing pauses."
            }
            Turn::Operator => {
                "A fault of pacelake, or of what it keeps: for whoever runs it. The log has the \
                 chain of causes."
            }
        };
        text.push_str(&format!(
            "\n## {}\n\n{about}\n\n| code | HTTP | exit | what happened |\n|---|---|---|---|\n",
            turn.name()
        ));
        for row in CODES.iter().filter(|row| row.turn() == turn) {
            text.push_str(&format!(
                "| `{}` | {} | {} | {} |\n",
                row.name, row.http_status, row.exit_code, row.what
            ));
        }
    }
    text
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

    #[test]
    fn each_code_is_somebodys_turn() {
        let of = |code: Code| code.row().turn();
        assert_eq!(of(Code::DamagedRecording), Turn::User);
        assert_eq!(of(Code::StravaLimited), Turn::Retry);
        assert_eq!(of(Code::Inconsistent), Turn::Operator);
        let internal = CODES.iter().filter(|row| row.turn() == Turn::Operator);
        assert!(internal.clone().all(|row| row.http_status == 500));
        assert_eq!(internal.count(), 3);
    }

    #[test]
    fn the_document_has_each_code_once() {
        let text = document();
        for row in CODES {
            let line = format!("| `{}` |", row.name);
            assert_eq!(text.matches(&line).count(), 1, "{}", row.name);
        }
    }
}
