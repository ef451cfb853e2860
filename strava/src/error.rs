//! What can go wrong between pacelake and Strava, and what a caller may make of
//! it.

use std::fmt;

use jiff::Timestamp;

/// Why a call came to nothing.
///
/// Variants say how far it got, which is what decides whether it may have had
/// an effect ([`may_have_happened`](Self::may_have_happened));
/// [`verdict`](Self::verdict) says what it means. None of them holds a token, a
/// code, a secret or a URL, nor an activity's id or name, since such texts
/// outlive a purge.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No client could be made of the system's TLS roots, or no request of a
    /// token with letters that no header may have.
    #[error("could not make an HTTP client or request of what is configured")]
    Setup {
        /// What is missing or wrong.
        source: reqwest::Error,
    },
    /// A configured address that is none.
    #[error("the address of Strava's {what} is no http or https URL with a host")]
    Address {
        /// Whose: `OAuth` or `API`.
        what: &'static str,
    },
    /// No connection stood in time, so nothing was sent.
    #[error("could not {attempt}: Strava cannot be reached")]
    Unreachable {
        /// What was attempted.
        attempt: Attempt,
        /// The network's answer, without its URL.
        source: reqwest::Error,
    },
    /// Strava answered that it will not, or cannot.
    #[error("could not {attempt}: {reason}{}", told(*.status, .message))]
    Refused {
        /// What was attempted.
        attempt: Attempt,
        /// The HTTP status.
        status: u16,
        /// What it means.
        reason: Verdict,
        /// What Strava said, cut short and without secrets; may be empty.
        message: String,
    },
    /// The call was sent, and its answer did not come, or not to its end.
    #[error("could not {attempt}: {loss}")]
    Lost {
        /// What was attempted.
        attempt: Attempt,
        /// How.
        loss: Loss,
        /// The network's answer, without its URL; none where the answer itself
        /// was half.
        source: Option<reqwest::Error>,
    },
    /// The answer passed the limit, and was left unread.
    #[error("could not {attempt}: the answer is longer than {limit} bytes")]
    TooLarge {
        /// What was attempted.
        attempt: Attempt,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The answer came, and is not what it should be. Its values are not
    /// quoted: they may be tokens, or what an athlete wrote.
    #[error("could not {attempt}: {what}")]
    Malformed {
        /// What was attempted.
        attempt: Attempt,
        /// What is wrong with it.
        what: String,
    },
}

/// What was attempted, as a text that follows "could not".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// A code for tokens.
    ExchangeCode,
    /// A refresh token for tokens.
    Refresh,
    /// The end of a connection, in the app's name.
    Revoke,
    /// The end of a connection, with the athlete's token.
    Deauthorize,
    /// A page of activities.
    ListActivities,
    /// One activity.
    FetchActivity,
    /// Its streams.
    FetchStreams,
    /// The app's webhook subscriptions.
    ListSubscriptions,
    /// A new one.
    Subscribe,
    /// The end of one.
    Unsubscribe,
    /// What Strava posted to the webhook.
    ReadEvent,
    /// The summary within an activity's answer.
    ReadSummary,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExchangeCode => "exchange the code for tokens",
            Self::Refresh => "refresh the tokens",
            Self::Revoke => "revoke the tokens",
            Self::Deauthorize => "deauthorize the tokens",
            Self::ListActivities => "list activities",
            Self::FetchActivity => "fetch an activity",
            Self::FetchStreams => "fetch an activity's streams",
            Self::ListSubscriptions => "list webhook subscriptions",
            Self::Subscribe => "subscribe to webhooks",
            Self::Unsubscribe => "end a webhook subscription",
            Self::ReadEvent => "read a webhook event",
            Self::ReadSummary => "read an activity's summary",
        })
    }
}

/// How an answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It took longer than the limit.
    TimedOut,
    /// It broke off, or the connection did before it began.
    CutOff,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "no whole answer came in time",
            Self::CutOff => "the answer was cut off",
        })
    }
}

/// Why a code was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyCode {
    /// It was used before, or Strava does not know it.
    UsedOrUnknown,
    /// It is too old.
    Expired,
}

/// What an error means for whoever called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The access token is not valid (any more). Refresh it once; if it was
    /// fresh, the athlete must connect again.
    TokenDead,
    /// The token is good, and lacks a permission. A refresh changes nothing.
    ScopeMissing {
        /// Strava's name of it, such as `activity:read`.
        scope: String,
    },
    /// The app is inactive: its owner has no subscription, or Strava ended it.
    AppInactive,
    /// The app has as many athletes as it may.
    AthleteLimit,
    /// Refused for another reason.
    Forbidden,
    /// Not there, or not for this athlete to see.
    NotFound,
    /// The limit is reached.
    RateLimited {
        /// When calls are counted anew, by Strava's clock; `None` where the
        /// answer told neither its time nor the use.
        until: Option<Timestamp>,
    },
    /// The code gives no tokens.
    CodeRefused {
        /// Why not.
        why: WhyCode,
    },
    /// The refresh token is dead: the athlete must connect again.
    RefreshRefused,
    /// The app's id or secret is wrong.
    ClientRefused,
    /// Strava could not reach the callback, or did not like its answer.
    CallbackUnreachable,
    /// The app has its subscription already.
    AlreadySubscribed,
    /// Strava itself has trouble.
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// No answer in time.
    TimedOut,
    /// No connection: offline, or the address is wrong.
    Unreachable,
    /// Half an answer, or none on a connection that broke.
    CutOff,
    /// An answer that means nothing.
    Malformed {
        /// What is wrong with it.
        what: String,
    },
    /// An answer beyond the limit.
    TooLarge,
    /// An HTTP client that cannot be, or an address that is none.
    Misconfigured,
    /// A refusal of which nothing is known.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What Strava said, cut short and without secrets.
        message: String,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::TokenDead => "Strava does not accept the access token",
            Self::ScopeMissing { scope } => {
                return write!(f, "the athlete has not granted `{scope}`");
            }
            Self::AppInactive => "Strava says that the app is inactive",
            Self::AthleteLimit => "the app has as many athletes as Strava allows it",
            Self::Forbidden => "Strava forbids it",
            Self::NotFound => "Strava has no such thing, or not for this athlete",
            Self::RateLimited { .. } => "Strava's rate limit is reached",
            Self::CodeRefused {
                why: WhyCode::UsedOrUnknown,
            } => "Strava does not know the code, or it was used",
            Self::CodeRefused {
                why: WhyCode::Expired,
            } => "the code has expired",
            Self::RefreshRefused => "Strava does not accept the refresh token",
            Self::ClientRefused => "Strava does not accept the app's id and secret",
            Self::CallbackUnreachable => "Strava got no valid answer from the callback",
            Self::AlreadySubscribed => "the app is subscribed already",
            Self::Unavailable { .. } => "Strava has trouble",
            Self::TimedOut => "no whole answer came in time",
            Self::Unreachable => "Strava cannot be reached",
            Self::CutOff => "the answer was cut off",
            Self::Malformed { what } => what,
            Self::TooLarge => "the answer is too long",
            Self::Misconfigured => "the client is not set up",
            Self::Refused { .. } => "Strava refused",
        };
        f.write_str(text)
    }
}

impl Verdict {
    /// Whether the same call may succeed later, without anyone doing anything.
    /// A reached limit is such a case, and no failure: wait for its end.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::TimedOut
            | Self::Unreachable
            | Self::CutOff
            | Self::Malformed { .. } => true,
            Self::TokenDead
            | Self::ScopeMissing { .. }
            | Self::AppInactive
            | Self::AthleteLimit
            | Self::Forbidden
            | Self::NotFound
            | Self::CodeRefused { .. }
            | Self::RefreshRefused
            | Self::ClientRefused
            | Self::CallbackUnreachable
            | Self::AlreadySubscribed
            | Self::TooLarge
            | Self::Misconfigured
            | Self::Refused { .. } => false,
        }
    }

    /// What a person can do about it.
    pub fn try_next(&self) -> &'static str {
        match self {
            Self::TokenDead | Self::RefreshRefused => "connect to Strava again",
            Self::ScopeMissing { .. } => {
                "connect to Strava again, and leave the box for activities ticked"
            }
            Self::AppInactive => {
                "look at https://www.strava.com/settings/api: the app's owner needs a subscription"
            }
            Self::AthleteLimit => {
                "ask Strava for a higher limit of athletes, or disconnect one of them"
            }
            Self::Forbidden | Self::Refused { .. } => "read what Strava says, and the log",
            Self::NotFound => "see whether it is still at Strava, and visible to pacelake",
            Self::RateLimited { .. } => "wait until the window ends",
            Self::CodeRefused { .. } => "start the sign-in anew",
            Self::ClientRefused => "check the client id and the client secret",
            Self::CallbackUnreachable => "check that the public address is reachable from outside",
            Self::AlreadySubscribed => "end the present subscription first",
            Self::Unavailable { .. } | Self::TimedOut | Self::CutOff | Self::Malformed { .. } => {
                "try again in some minutes"
            }
            Self::Unreachable => "check the network, and the address of Strava",
            Self::TooLarge => "report it, with the kind of activity that it is",
            Self::Misconfigured => "check the addresses of Strava in the configuration",
        }
    }
}

impl Error {
    /// What it means.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Setup { .. } | Self::Address { .. } => Verdict::Misconfigured,
            Self::Unreachable { .. } => Verdict::Unreachable,
            Self::Refused { reason, .. } => reason.clone(),
            Self::Lost { loss, .. } => match loss {
                Loss::TimedOut => Verdict::TimedOut,
                Loss::CutOff => Verdict::CutOff,
            },
            Self::TooLarge { .. } => Verdict::TooLarge,
            Self::Malformed { what, .. } => Verdict::Malformed { what: what.clone() },
        }
    }

    /// What was attempted; `None` where it came to no call.
    pub fn attempt(&self) -> Option<Attempt> {
        match self {
            Self::Setup { .. } | Self::Address { .. } => None,
            Self::Unreachable { attempt, .. }
            | Self::Refused { attempt, .. }
            | Self::Lost { attempt, .. }
            | Self::TooLarge { attempt, .. }
            | Self::Malformed { attempt, .. } => Some(*attempt),
        }
    }

    /// Whether Strava may have done what was asked, although no usable answer
    /// came. It matters for what cannot be asked twice: a refresh whose answer
    /// was lost may have ended the refresh token that it was made with, a code
    /// may be used, a subscription may stand.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Setup { .. } | Self::Address { .. } | Self::Unreachable { .. } => false,
            // A gateway that gives up does not know what those behind it did.
            Self::Refused { status, .. } => *status >= 500,
            Self::Lost { .. } | Self::TooLarge { .. } | Self::Malformed { .. } => true,
        }
    }

    /// What a person can do about it.
    pub fn try_next(&self) -> &'static str {
        self.verdict().try_next()
    }

    /// A call that ended without an answer.
    pub(crate) fn unanswered(attempt: Attempt, error: reqwest::Error) -> Self {
        let source = error.without_url();
        if source.is_connect() {
            return Self::Unreachable { attempt, source };
        }
        if source.is_builder() {
            return Self::Setup { source };
        }
        let loss = if source.is_timeout() {
            Loss::TimedOut
        } else {
            Loss::CutOff
        };
        Self::Lost {
            attempt,
            loss,
            source: Some(source),
        }
    }

    /// An answer that is not what it should be.
    pub(crate) fn malformed(attempt: Attempt, what: impl Into<String>) -> Self {
        Self::Malformed {
            attempt,
            what: what.into(),
        }
    }

    /// An answer that is no JSON, or none to its end. Where it is wrong is told
    /// without what stands there.
    pub(crate) fn json(attempt: Attempt, error: &serde_json::Error) -> Self {
        if error.is_eof() {
            return Self::Lost {
                attempt,
                loss: Loss::CutOff,
                source: None,
            };
        }
        let (line, column) = (error.line(), error.column());
        let what = if error.is_data() {
            "the answer's JSON has another shape than it should"
        } else {
            "the answer is no JSON"
        };
        Self::malformed(attempt, format!("{what} (line {line}, column {column})"))
    }
}

/// Status and words of a refusal, in brackets.
fn told(status: u16, message: &str) -> String {
    if message.is_empty() {
        format!(" (status {status})")
    } else {
        format!(" (status {status}: {message})")
    }
}
