//! Roles of accounts, and scopes of tokens.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees what is their athlete's, and changes it.
    Athlete,
    /// Sees what is an athlete's and asks it in SQL, and changes nothing.
    Analyst,
    /// Runs the installation; sees and changes what is their own athlete's, if
    /// they act for one.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Athlete, Self::Analyst, Self::Admin];

    /// Its name in tables, JSON and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Athlete => "athlete",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// All that it allows.
    pub fn scopes(self) -> Scopes {
        let scopes: &[Scope] = match self {
            Self::Athlete => &[Scope::Read, Scope::Write, Scope::Sql],
            Self::Analyst => &[Scope::Read, Scope::Sql],
            Self::Admin => &Scope::ALL,
        };
        scopes.iter().copied().collect()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that a token lets a program do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Read what the API shows of the athlete.
    Read,
    /// Change what an owner may change.
    Write,
    /// Run SQL and exports.
    Sql,
    /// Run the installation.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Sql, Self::Admin];

    /// Its name in tables, JSON and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Sql => "sql",
            Self::Admin => "admin",
        }
    }

    /// The scope of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::Sql => 4,
            Self::Admin => 8,
        }
    }
}

/// Several scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Whether this one is among them.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are in both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Each of them, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }

    /// The scopes that a text joined by commas names; `None` where it names
    /// none, or something else.
    pub fn parse(text: &str) -> Option<Self> {
        let scopes = text.split(',').map(|name| Scope::parse(name.trim()));
        scopes.collect::<Option<Self>>()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::name).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_and_read() {
        let scopes = Scopes::parse("sql, read").unwrap();
        assert_eq!(scopes.to_string(), "read,sql");
        assert!(scopes.has(Scope::Read) && !scopes.has(Scope::Write));
        assert_eq!(Scopes::parse("read,everything"), None);
        assert_eq!(Scopes::parse(""), None);
    }

    #[test]
    fn only_admins_run_the_installation_and_analysts_change_nothing() {
        for role in Role::ALL {
            let scopes = role.scopes();
            assert_eq!(scopes.has(Scope::Admin), role == Role::Admin);
            assert_eq!(scopes.has(Scope::Write), role != Role::Analyst);
            assert_eq!(Role::parse(role.name()), Some(role));
        }
    }
}
