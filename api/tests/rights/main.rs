//! Who may do what: every route with everyone who might ask, signing in and
//! out, and that what lets somebody in is nowhere to be read.

#[path = "../http/app.rs"]
#[allow(dead_code, reason = "these tests need a part of it")]
mod app;
mod declared;
mod kept;
mod log;
mod secrets;
#[path = "../strava/service.rs"]
mod service;
mod sign_in;
mod strava;
mod walk;
mod world;
