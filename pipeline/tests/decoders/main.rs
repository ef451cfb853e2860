//! The decoders against real files and what other readers say of them.

mod damaged;
mod facts;
mod log;
mod public_recordings;
mod strava_api;
mod strava_archive;
