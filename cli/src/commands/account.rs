//! `pacelake account`.

use std::process::ExitCode;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use jiff::Timestamp;
use query::session::Rows;
use storage::catalog::{Account, AccountTrouble, Catalog, LinkWish};

use super::{Ending, Rim, boxed};
use crate::args;
use crate::args::account::AccountCommand;
use crate::output::{self, say};

/// Makes links to accounts, lists and ends them.
pub async fn run(rim: &Rim, args: &args::account::Account) -> Ending {
    let catalog = rim.storage().await.map_err(boxed)?.catalog;
    let now_us = Timestamp::now().as_microsecond();
    match &args.command {
        AccountCommand::Add(add) => {
            let wish = LinkWish::Invite {
                role: add.role.into(),
                athlete_id: rim.athlete,
            };
            print_link(rim, &catalog, wish, now_us).await?;
        }
        AccountCommand::Link(link) => {
            let account_id = named(&catalog, &link.name).await?.account_id;
            print_link(rim, &catalog, LinkWish::Reset { account_id }, now_us).await?;
        }
        AccountCommand::Disable(disable) => {
            let account_id = named(&catalog, &disable.name).await?.account_id;
            let disabled = catalog.disable_account(account_id, None, now_us).await;
            let account = disabled.map_err(boxed)?;
            eprintln!("{} is disabled", account.name);
        }
        AccountCommand::List(list) => {
            let accounts = catalog.accounts().await.map_err(boxed)?;
            output::rows(&rows(&accounts), list.format)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The account of this name.
pub async fn named(
    catalog: &Catalog,
    name: &str,
) -> Result<Account, Box<dyn storage::Failure + Send + Sync>> {
    let found = catalog.account_named(name).await.map_err(boxed)?;
    let (account, _) =
        found.ok_or_else(|| boxed(storage::Error::Account(AccountTrouble::NoAccount)))?;
    Ok(account)
}

/// Makes a link and prints it: to stdout the link alone.
async fn print_link(
    rim: &Rim,
    catalog: &Catalog,
    wish: LinkWish,
    now_us: i64,
) -> Result<(), Box<dyn storage::Failure + Send + Sync>> {
    let origin = rim.settings.origin().map_err(boxed)?;
    let made = catalog.make_link(wish, None, now_us).await;
    let (secret, expires_at_us) = made.map_err(boxed)?;
    say!("{origin}/setup?link={}", secret.reveal());
    if let Ok(expires_at) = Timestamp::from_microsecond(expires_at_us) {
        eprintln!("it works once, until {expires_at:.0}");
    }
    Ok(())
}

/// An instant for rows; nothing where there is none.
pub fn instant(at_us: Option<i64>) -> Option<String> {
    let at = Timestamp::from_microsecond(at_us?).ok()?;
    Some(format!("{at:.0}"))
}

/// Accounts as rows, so that they print as any table does.
fn rows(accounts: &[Account]) -> Rows {
    let schema = Arc::new(Schema::new(vec![
        Field::new("account_id", DataType::Int64, false),
        Field::new("name", DataType::Utf8, false),
        Field::new("role", DataType::Utf8, false),
        Field::new("athlete_id", DataType::Int64, true),
        Field::new("created_at", DataType::Utf8, true),
        Field::new("disabled_at", DataType::Utf8, true),
    ]));
    let texts = |column: fn(&Account) -> Option<String>| -> ArrayRef {
        Arc::new(accounts.iter().map(column).collect::<StringArray>())
    };
    let ints = |column: fn(&Account) -> Option<i64>| -> ArrayRef {
        Arc::new(accounts.iter().map(column).collect::<Int64Array>())
    };
    let columns = vec![
        ints(|account| Some(account.account_id.0)),
        texts(|account| Some(account.name.clone())),
        texts(|account| Some(account.role.name().to_owned())),
        ints(|account| account.athlete_id.map(|id| id.0)),
        texts(|account| instant(Some(account.created_at_us))),
        texts(|account| instant(account.disabled_at_us)),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)
        .expect("each column is built from the same accounts, in the schema's order");
    Rows {
        schema,
        batches: vec![batch],
    }
}
