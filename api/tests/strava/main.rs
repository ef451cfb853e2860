//! Strava, live: a simulated one, the real server and workers, on either
//! catalog.

mod administering;
mod connecting;
mod contract;
mod documents;
mod events;
mod export;
mod following;
mod keys;
mod leaving;
mod progress;
mod service;
mod trouble;
mod world;

#[path = "../rights/log.rs"]
mod log;
#[path = "../schema/mod.rs"]
mod schema;
