//! The simulator keeps the contract that its README states: OAuth, limits,
//! lists, visibility, events and faults, with its clock under control.

mod activities;
mod clock;
mod command;
mod events;
mod faults;
mod limits;
mod lists;
mod oauth;
mod trial;
