//! `pacelake account`.

use clap::{Args, Subcommand, ValueEnum};

use super::Format;

/// `pacelake account`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pacelake account add --role athlete            a link for someone new
  pacelake account add --role analyst --athlete 1
  pacelake account link kari                     a link that sets a password anew
  pacelake account disable kari")]
pub struct Account {
    /// What to do.
    #[command(subcommand)]
    pub command: AccountCommand,
}

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Print a link, good once and for a week, where someone makes an account
    Add(AccountAdd),
    /// List accounts
    List(AccountList),
    /// End an account: its sessions, its tokens, its links
    Disable(AccountDisable),
    /// Print a link, good once and for a day, that sets a password anew
    Link(AccountLink),
}

/// `pacelake account add`.
#[derive(Debug, Args)]
pub struct AccountAdd {
    /// What the account may do; --athlete says for whom
    #[arg(long, value_enum)]
    pub role: Role,
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// See and change what is their athlete's; without --athlete a new one.
    Athlete,
    /// See what is an athlete's, ask it in SQL, change nothing.
    Analyst,
    /// Run the installation.
    Admin,
}

impl From<Role> for storage::catalog::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Athlete => Self::Athlete,
            Role::Analyst => Self::Analyst,
            Role::Admin => Self::Admin,
        }
    }
}

/// `pacelake account list`.
#[derive(Debug, Args)]
pub struct AccountList {
    /// How rows are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `pacelake account disable`.
#[derive(Debug, Args)]
pub struct AccountDisable {
    /// The account, as `pacelake account list` names it
    pub name: String,
}

/// `pacelake account link`.
#[derive(Debug, Args)]
pub struct AccountLink {
    /// The account, as `pacelake account list` names it
    pub name: String,
}
