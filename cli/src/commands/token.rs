//! `pacelake token`.

use std::process::ExitCode;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use jiff::Timestamp;
use query::session::Rows;
use storage::catalog::{NewToken, Token};

use super::account::{instant, named};
use super::{Ending, Rim, boxed};
use crate::args;
use crate::args::token::TokenCommand;
use crate::output::{self, say};

const DAY_US: i64 = 86_400_000_000;

/// Makes, lists and revokes tokens.
pub async fn run(rim: &Rim, args: &args::token::Token) -> Ending {
    let catalog = rim.storage().await.map_err(boxed)?.catalog;
    let now_us = Timestamp::now().as_microsecond();
    match &args.command {
        TokenCommand::Create(create) => {
            let account = named(&catalog, &create.account).await?;
            let new = NewToken {
                account_id: account.account_id,
                name: create.name.clone(),
                scopes: create.scopes,
                expires_at_us: Some(now_us + i64::from(create.days) * DAY_US),
            };
            let made = catalog.make_token(&new, None, now_us).await;
            let (token, secret) = made.map_err(boxed)?;
            say!("{}", secret.reveal());
            eprintln!(
                "token {} of {}; it is not shown again",
                token.token_id, account.name
            );
        }
        TokenCommand::List(list) => {
            let of = match &list.account {
                Some(name) => Some(named(&catalog, name).await?.account_id),
                None => None,
            };
            let tokens = catalog.tokens(of).await.map_err(boxed)?;
            output::rows(&rows(&tokens), list.format)?;
        }
        TokenCommand::Revoke(revoke) => {
            let revoked = catalog.revoke_token(revoke.id, None, None, now_us).await;
            revoked.map_err(boxed)?;
            eprintln!("token {} is revoked", revoke.id);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Tokens as rows, so that they print as any table does.
fn rows(tokens: &[Token]) -> Rows {
    let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
    let schema = Arc::new(Schema::new(vec![
        text("token_id", false),
        Field::new("account_id", DataType::Int64, false),
        text("name", false),
        text("scopes", false),
        text("created_at", true),
        text("expires_at", true),
        text("used_at", true),
        text("revoked_at", true),
    ]));
    let texts = |column: fn(&Token) -> Option<String>| -> ArrayRef {
        Arc::new(tokens.iter().map(column).collect::<StringArray>())
    };
    let accounts = tokens.iter().map(|token| token.account_id.0);
    let columns = vec![
        texts(|token| Some(token.token_id.to_string())),
        Arc::new(Int64Array::from_iter_values(accounts)),
        texts(|token| Some(token.name.clone())),
        texts(|token| Some(token.scopes.to_string())),
        texts(|token| instant(Some(token.created_at_us))),
        texts(|token| instant(token.expires_at_us)),
        texts(|token| instant(token.used_at_us)),
        texts(|token| instant(token.revoked_at_us)),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)
        .expect("each column is built from the same tokens, in the schema's order");
    Rows {
        schema,
        batches: vec![batch],
    }
}
