//! Who may do what: every route with everyone who might ask, signing in and
//! out, and that what lets somebody in is nowhere to be read.

#[path = "../http/app.rs"]
#[allow(dead_code, reason = "these tests need a part of it")]
mod app;
mod declared;
mod kept;
mod secrets;
mod sign_in;
mod walk;
mod world;
