//! The client against a small server that plays answers, captured ones and
//! broken ones.

mod broken;
mod captured;
mod oauth;
mod player;
mod reads;
mod refusals;
mod secrets;
mod subscriptions;
