//! Why an account, a token or a link cannot be made, found or used.

use std::fmt;

use crate::code::Code;

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountTrouble {
    /// A name that cannot be an account's.
    BadName,
    /// A name that another account has.
    NameTaken,
    /// An account that there is not, or that is disabled.
    NoAccount,
    /// A token that there is not, or that is another account's.
    NoToken,
    /// A link that there is not, that was used, or that is too old.
    NoLink,
    /// The only admin that is left.
    LastAdmin,
    /// A role that acts for an athlete, without one.
    NeedsAthlete,
    /// Scopes that the account's role does not allow.
    TooWide,
    /// The system gives no random bytes.
    NoChance,
}

impl AccountTrouble {
    /// The stable code.
    pub fn code(self) -> Code {
        match self {
            Self::BadName | Self::NeedsAthlete => Code::InvalidArgument,
            Self::NameTaken | Self::LastAdmin => Code::Conflict,
            Self::NoAccount | Self::NoToken | Self::NoLink => Code::NotFound,
            Self::TooWide => Code::Forbidden,
            Self::NoChance => Code::Internal,
        }
    }

    /// What a person may try next.
    pub fn try_next(self) -> &'static str {
        match self {
            Self::BadName => "use up to 64 of a to z, 0 to 9 and . _ - + @",
            Self::NameTaken => "choose another name",
            Self::NoAccount => "list them with `pacelake account list`",
            Self::NoToken => "list them with `pacelake token list`",
            Self::NoLink => {
                "ask an admin for a new one, or make it with `pacelake account add` or \
                 `pacelake account link`"
            }
            Self::LastAdmin => "make another admin first: `pacelake account add --role admin`",
            Self::NeedsAthlete => "name the athlete; `pacelake athlete ls` lists them",
            Self::TooWide => "ask for fewer scopes",
            Self::NoChance => "see that the system has a source of random bytes",
        }
    }
}

impl fmt::Display for AccountTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadName => "this cannot be an account's name",
            Self::NameTaken => "another account has this name",
            Self::NoAccount => "there is no such account, or it is disabled",
            Self::NoToken => "there is no such token",
            Self::NoLink => "this link was used, is too old, or never was one",
            Self::LastAdmin => "this is the only admin",
            Self::NeedsAthlete => "this role acts for an athlete, and none is named",
            Self::TooWide => "the account's role does not allow these scopes",
            Self::NoChance => "the system gives no random bytes",
        })
    }
}
