//! Signing in: the page where an athlete says yes or no, tokens, and their end.

mod authorize;
mod token;

pub(crate) use authorize::{answer, show};
pub(crate) use token::{deauthorize, revoke, token};
