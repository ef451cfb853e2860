//! What holds until it is switched: how the simulated Strava behaves.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::inputs::Lag;

/// Where an app that has all its athletes is told so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AthleteLimit {
    /// It may have more.
    #[default]
    NotReached,
    /// The browser shows a page, 403, and never comes back; so clients saw it.
    Page,
    /// The exchange of the code answers 403 in JSON.
    Exchange,
}

/// What happens at the next authorization, once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NextAuthorization {
    /// The athlete says no.
    pub deny: bool,
    /// The athlete takes these scopes out.
    pub untick: BTreeSet<String>,
    /// The first exchange of the code is refused, the second is not.
    pub too_early: bool,
}

/// How the simulated Strava behaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Each refresh gives a new refresh token, and the old one dies at once.
    pub rotation: bool,
    /// The app's owner has no subscription: the API answers 403. Tokens are
    /// refreshed all the same.
    pub inactive: bool,
    /// Where it is inactive, codes are refused, too.
    pub inactive_exchange: bool,
    /// Whether there is place for another athlete.
    pub athlete_limit: AthleteLimit,
    /// The contract of 2027: another base for the API, tokens in the header
    /// only, no `oauth/deauthorize`.
    pub contract_2027: bool,
    /// Deleted activities leave holes in the pages of lists.
    pub short_pages: bool,
    /// How long the streams of new activities lag behind.
    pub streams_lag: Option<Lag>,
    /// The authorization page answers at once, for this athlete.
    pub auto_authorize: Option<i64>,
    /// What happens at the next authorization.
    pub next_authorization: NextAuthorization,
    /// By how many seconds Strava's clock is ahead.
    pub skew_s: i64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            rotation: true,
            inactive: false,
            inactive_exchange: false,
            athlete_limit: AthleteLimit::NotReached,
            contract_2027: false,
            short_pages: false,
            streams_lag: None,
            auto_authorize: None,
            next_authorization: NextAuthorization::default(),
            skew_s: 0,
        }
    }
}
