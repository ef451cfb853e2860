//! `pacelake token`.

use clap::{Args, Subcommand};
use storage::catalog::Scopes;
use uuid::Uuid;

use super::Format;

/// `pacelake token`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pacelake token create --account kari --name notebook --scopes read,sql
  curl -H \"authorization: Bearer pl_...\" https://lake.example.org/api/activities
  pacelake token revoke 01936d0c-...")]
pub struct Token {
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, this once
    Create(TokenCreate),
    /// List tokens, those that ended included
    List(TokenList),
    /// Let a token do nothing any more
    Revoke(TokenRevoke),
}

/// `pacelake token create`.
#[derive(Debug, Args)]
pub struct TokenCreate {
    /// Whose it is, as `pacelake account list` names them
    #[arg(long, value_name = "NAME")]
    pub account: String,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub name: String,
    /// What it may do, of read, write, sql and admin, joined by commas
    #[arg(long, default_value = "read", value_parser = scopes)]
    pub scopes: Scopes,
    /// After how many days it ends
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub days: u32,
}

fn scopes(text: &str) -> Result<Scopes, String> {
    Scopes::parse(text).ok_or_else(|| "scopes are read, write, sql and admin".to_owned())
}

/// `pacelake token list`.
#[derive(Debug, Args)]
pub struct TokenList {
    /// Only this account's
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `pacelake token revoke`.
#[derive(Debug, Args)]
pub struct TokenRevoke {
    /// The token's id, as `pacelake token list` has it
    pub id: Uuid,
}
