//! What an athlete may grant.

use std::collections::BTreeSet;
use std::fmt;

/// A permission at Strava.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Public segments, routes, clubs. Of no use to pacelake.
    Read,
    /// The same where it is private.
    ReadAll,
    /// The whole profile.
    ProfileReadAll,
    /// Changes to weight and the like.
    ProfileWrite,
    /// Activities that everyone or followers see, privacy zones cut out.
    ActivityRead,
    /// All activities, those of Only Me and inside privacy zones too.
    ActivityReadAll,
    /// New activities, and changes to them.
    ActivityWrite,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Read,
        Self::ReadAll,
        Self::ProfileReadAll,
        Self::ProfileWrite,
        Self::ActivityRead,
        Self::ActivityReadAll,
        Self::ActivityWrite,
    ];

    /// Strava's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadAll => "read_all",
            Self::ProfileReadAll => "profile:read_all",
            Self::ProfileWrite => "profile:write",
            Self::ActivityRead => "activity:read",
            Self::ActivityReadAll => "activity:read_all",
            Self::ActivityWrite => "activity:write",
        }
    }

    /// The scope of this name, if there is one.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    /// Reads the list that Strava's redirect carries in `scope`, which is what
    /// the athlete left ticked and is told nowhere else. Names are separated by
    /// commas or spaces; unknown ones are left out, since nothing needs them.
    ///
    /// ```
    /// use pacelake_strava::Scope;
    ///
    /// let granted = Scope::parse_list("read,activity:read_all,new:thing");
    /// assert!(granted.contains(&Scope::ActivityReadAll));
    /// assert_eq!(granted.len(), 2);
    /// ```
    pub fn parse_list(list: &str) -> BTreeSet<Self> {
        list.split([',', ' ', '+'])
            .filter_map(Self::parse)
            .collect()
    }

    /// The list as Strava's authorisation page takes it: separated by commas,
    /// where RFC 6749 has spaces.
    pub fn list(scopes: &[Self]) -> String {
        let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        names.join(",")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_read_back() {
        let list = Scope::list(&Scope::ALL);
        assert_eq!(Scope::parse_list(&list), Scope::ALL.into());
        assert_eq!(
            Scope::parse_list(&list.replace(',', " ")),
            Scope::ALL.into()
        );
    }

    #[test]
    fn nothing_is_granted_by_an_odd_list() {
        for odd in ["", ",,", "activity", "ACTIVITY:READ", "activity:read_all2"] {
            assert!(Scope::parse_list(odd).is_empty(), "{odd}");
        }
    }
}
