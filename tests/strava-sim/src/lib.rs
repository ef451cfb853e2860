//! A Strava to test against.
