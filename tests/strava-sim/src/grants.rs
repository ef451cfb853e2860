//! What athletes allowed the app: codes, access tokens and refresh tokens.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::problem::Problem;
use crate::random::Random;

/// An access token lives for six hours.
const ACCESS_S: i64 = 6 * 3_600;
/// With more left than this, a refresh gives the same access token.
const KEPT_FROM_S: i64 = 3_600;
/// A code lives for ten minutes.
const CODE_S: i64 = 600;

/// Scopes by name.
pub(crate) type Scopes = BTreeSet<String>;

/// Every scope that there is.
pub(crate) const SCOPES: &[&str] = &[
    "read",
    "read_all",
    "profile:read_all",
    "profile:write",
    "activity:read",
    "activity:read_all",
    "activity:write",
];

#[derive(Clone, Debug)]
struct Code {
    athlete: i64,
    scopes: Scopes,
    expires_s: i64,
    is_used: bool,
    /// The first exchange is refused.
    is_early: bool,
}

#[derive(Clone, Debug)]
struct Access {
    athlete: i64,
    scopes: Scopes,
    expires_s: i64,
}

#[derive(Clone, Debug)]
struct Grant {
    scopes: Scopes,
    access: String,
    refresh: String,
}

/// Tokens as an answer has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) athlete: i64,
    pub(crate) access: String,
    pub(crate) refresh: String,
    /// Seconds since 1970.
    pub(crate) expires_s: i64,
}

/// Who calls, and what they may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) athlete: i64,
    scopes: Scopes,
}

impl Caller {
    /// Whether a scope was allowed.
    pub(crate) fn may(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    /// Whether they see what only the athlete sees.
    pub(crate) fn reads_all(&self) -> bool {
        self.may("activity:read_all")
    }

    /// # Errors
    /// 401 where no activities may be read.
    pub(crate) fn reads_activities(&self) -> Result<(), Problem> {
        match self.reads_all() || self.may("activity:read") {
            true => Ok(()),
            false => Err(Problem::missing_scope("activity:read_permission")),
        }
    }
}

/// A connected athlete, as the control tells of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// Who.
    pub athlete_id: i64,
    /// What they allowed.
    pub scopes: BTreeSet<String>,
    /// When the newest access token expires, in seconds since 1970.
    pub expires_at: i64,
    /// How often tokens were refreshed.
    pub refreshes: u64,
}

/// Everything that was allowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grants {
    codes: BTreeMap<String, Code>,
    accesses: BTreeMap<String, Access>,
    by_athlete: BTreeMap<i64, Grant>,
    refreshes: BTreeMap<i64, u64>,
    /// Every code and token that there ever was.
    given: Vec<String>,
}

impl Grants {
    /// A new code for an athlete, at a time in seconds since 1970.
    pub(crate) fn code(
        &mut self,
        random: &mut Random,
        athlete: i64,
        scopes: Scopes,
        is_early: bool,
        now_s: i64,
    ) -> String {
        let code = self.token(random);
        let made = Code {
            athlete,
            scopes,
            expires_s: now_s + CODE_S,
            is_used: false,
            is_early,
        };
        self.codes.insert(code.clone(), made);
        code
    }

    /// Tokens for a code.
    ///
    /// # Errors
    /// 400 where the code is unknown, used, too old, or too early.
    pub(crate) fn exchange(
        &mut self,
        random: &mut Random,
        code: &str,
        now_s: i64,
    ) -> Result<Tokens, Problem> {
        let invalid = Problem::bad("AuthorizationCode", "code", "invalid");
        let found = self.codes.get_mut(code).ok_or_else(|| invalid.clone())?;
        if std::mem::take(&mut found.is_early) || found.is_used {
            return Err(invalid);
        }
        if now_s >= found.expires_s {
            return Err(Problem::bad("AuthorizationCode", "", "expired"));
        }
        found.is_used = true;
        let (athlete, scopes) = (found.athlete, found.scopes.clone());
        let before = self.by_athlete.remove(&athlete);
        let kept = before
            .filter(|grant| grant.scopes == scopes && self.is_kept(&grant.access, now_s))
            .map(|grant| grant.access);
        let access = kept.unwrap_or_else(|| self.access(random, athlete, &scopes, now_s));
        let grant = Grant {
            scopes,
            access,
            refresh: self.token(random),
        };
        self.by_athlete.insert(athlete, grant);
        self.tokens(athlete).ok_or(Problem::dead_token())
    }

    /// Tokens for a refresh token, which dies where `rotates`.
    ///
    /// # Errors
    /// 400 where the refresh token is unknown or dead.
    pub(crate) fn refresh(
        &mut self,
        random: &mut Random,
        refresh: &str,
        rotates: bool,
        now_s: i64,
    ) -> Result<Tokens, Problem> {
        let invalid = Problem::bad("RefreshToken", "refresh_token", "invalid");
        let mut grants = self.by_athlete.iter();
        let found = grants.find(|(_, grant)| grant.refresh == refresh);
        let athlete = *found.ok_or_else(|| invalid.clone())?.0;
        let mut grant = self.by_athlete.remove(&athlete).ok_or(invalid)?;
        if !self.is_kept(&grant.access, now_s) {
            // The older one works on until its own end.
            grant.access = self.access(random, athlete, &grant.scopes, now_s);
        }
        if rotates {
            grant.refresh = self.token(random);
        }
        self.by_athlete.insert(athlete, grant);
        *self.refreshes.entry(athlete).or_default() += 1;
        self.tokens(athlete).ok_or(Problem::dead_token())
    }

    /// Whether an access token has more than an hour left.
    fn is_kept(&self, access: &str, now_s: i64) -> bool {
        let found = self.accesses.get(access);
        found.is_some_and(|access| access.expires_s - now_s > KEPT_FROM_S)
    }

    fn access(&mut self, random: &mut Random, athlete: i64, scopes: &Scopes, now_s: i64) -> String {
        let access = self.token(random);
        let made = Access {
            athlete,
            scopes: scopes.clone(),
            expires_s: now_s + ACCESS_S,
        };
        self.accesses.insert(access.clone(), made);
        access
    }

    fn token(&mut self, random: &mut Random) -> String {
        let token = random.token();
        self.given.push(token.clone());
        token
    }

    /// Every code, access token and refresh token that there ever was, in order.
    pub(crate) fn given(&self) -> &[String] {
        &self.given
    }

    fn tokens(&self, athlete: i64) -> Option<Tokens> {
        let grant = self.by_athlete.get(&athlete)?;
        Some(Tokens {
            athlete,
            access: grant.access.clone(),
            refresh: grant.refresh.clone(),
            expires_s: self.accesses.get(&grant.access)?.expires_s,
        })
    }

    /// Who holds this access token, if it is alive.
    pub(crate) fn caller(&self, access: &str, now_s: i64) -> Option<Caller> {
        let access = self.accesses.get(access)?;
        (now_s < access.expires_s).then(|| Caller {
            athlete: access.athlete,
            scopes: access.scopes.clone(),
        })
    }

    /// The athlete of a token of either kind, if it is known and not revoked.
    pub(crate) fn athlete_of(&self, token: &str) -> Option<i64> {
        let access = self.accesses.get(token).map(|access| access.athlete);
        let mut grants = self.by_athlete.iter();
        let refresh = grants.find(|(_, grant)| grant.refresh == token);
        access.or(refresh.map(|(athlete, _)| *athlete))
    }

    /// What an athlete allows; none: not connected.
    pub(crate) fn scopes(&self, athlete: i64) -> Option<&Scopes> {
        self.by_athlete.get(&athlete).map(|grant| &grant.scopes)
    }

    /// Ends all tokens of an athlete; whether there were any.
    pub(crate) fn revoke(&mut self, athlete: i64) -> bool {
        self.accesses.retain(|_, access| access.athlete != athlete);
        self.codes.retain(|_, code| code.athlete != athlete);
        self.by_athlete.remove(&athlete).is_some()
    }

    /// Ends the access tokens of an athlete before their time; refresh tokens
    /// live on.
    pub(crate) fn expire(&mut self, athlete: i64) {
        self.accesses.retain(|_, access| access.athlete != athlete);
    }

    /// All connected athletes.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        let told = self.by_athlete.iter().map(|(athlete, grant)| Connection {
            athlete_id: *athlete,
            scopes: grant.scopes.clone(),
            expires_at: self
                .accesses
                .get(&grant.access)
                .map_or(0, |access| access.expires_s),
            refreshes: self.refreshes.get(athlete).copied().unwrap_or(0),
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Trial {
        grants: Grants,
        random: Random,
        first: Tokens,
    }

    fn connected() -> Trial {
        let (mut grants, mut random) = (Grants::default(), Random::new(1));
        let scopes = Scopes::from(["activity:read_all".to_owned()]);
        let code = grants.code(&mut random, 7, scopes, false, 0);
        let first = grants.exchange(&mut random, &code, 1).unwrap();
        assert!(grants.exchange(&mut random, &code, 2).is_err());
        Trial {
            grants,
            random,
            first,
        }
    }

    #[test]
    fn with_over_an_hour_left_the_access_token_stays_and_the_refresh_token_dies() {
        let Trial {
            mut grants,
            mut random,
            first,
        } = connected();
        assert_eq!(first.expires_s, 21_601);
        let mut refresh = |token: &str, at| grants.refresh(&mut random, token, true, at);
        let second = refresh(&first.refresh, 18_000).unwrap();
        assert_eq!(second.access, first.access);
        assert_ne!(second.refresh, first.refresh);
        assert!(refresh(&first.refresh, 18_000).is_err());
        let third = refresh(&second.refresh, 18_001).unwrap();
        assert_ne!(third.access, first.access);
        assert!(grants.caller(&first.access, 21_600).is_some());
        assert!(grants.caller(&first.access, 21_601).is_none());
        assert!(grants.caller(&third.access, 21_601).is_some());
    }

    #[test]
    fn dead_tokens_are_known_as_given() {
        let Trial {
            mut grants,
            mut random,
            first,
        } = connected();
        grants.expire(7);
        let second = grants.refresh(&mut random, &first.refresh, true, 2);
        let second = second.unwrap();
        assert!(grants.revoke(7));
        assert_eq!(grants.given().len(), 5, "a code, and two of either token");
        for token in [first.access, first.refresh, second.access, second.refresh] {
            assert!(grants.given().contains(&token));
        }
    }

    #[test]
    fn revoking_ends_every_token() {
        let Trial {
            mut grants,
            mut random,
            first,
        } = connected();
        assert_eq!(grants.athlete_of(&first.refresh), Some(7));
        assert!(grants.revoke(7));
        assert_eq!(grants.athlete_of(&first.access), None);
        assert!(
            grants
                .refresh(&mut random, &first.refresh, true, 2)
                .is_err()
        );
        assert!(!grants.revoke(7));
    }

    #[test]
    fn an_early_code_works_the_second_time_and_an_old_one_never() {
        let (mut grants, mut random) = (Grants::default(), Random::new(1));
        let early = grants.code(&mut random, 7, Scopes::new(), true, 0);
        assert!(grants.exchange(&mut random, &early, 1).is_err());
        assert!(grants.exchange(&mut random, &early, 3).is_ok());
        let old = grants.code(&mut random, 7, Scopes::new(), false, 0);
        assert!(grants.exchange(&mut random, &old, CODE_S).is_err());
    }
}
