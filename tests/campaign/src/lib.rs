//! The crash campaign: imports, live commits, recompute and maintenance at
//! once on one lake, killed at random moments while the disk fills, the
//! database restarts and the object store breaks off; then a proof that nothing
//! is lost, doubled or half there.
//!
//! A campaign is a row of eras. Each begins with an empty lake and some
//! recordings, lets several processes at it until all recordings are in, and
//! ends with the [`proof`]. Begin at [`era::run`]; [`journal`] is what a
//! campaign remembers, so that it can be resumed, and [`report`] what it says.

#![cfg(feature = "testing")]

pub mod bucket;
pub mod campaign;
pub mod disk;
pub mod era;
pub mod interrupt;
pub mod journal;
pub mod material;
pub mod model;
pub mod place;
pub mod postgres;
pub mod process;
pub mod proof;
pub mod report;
pub mod site;
pub mod trouble;
pub mod undo;
pub mod work;
