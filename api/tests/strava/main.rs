//! Strava, live: a simulated one, the real server and workers, on either
//! catalog.

mod administering;
mod connecting;
mod events;
mod following;
mod leaving;
mod world;
