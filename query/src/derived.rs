//! Derived definitions, as data: what each table is computed from, and how.

pub mod best_effort_ranks;
pub mod best_efforts;
pub mod climbs;
pub mod columns;
pub mod peaks;
pub mod splits;
pub mod stats;
pub mod sweep;
pub mod totals;

use arrow::array::RecordBatch;
use storage::table::Table;
use storage::tables::FACTS;

use crate::measured::Measured;
use totals::Totals;

/// One definition.
#[derive(Debug)]
pub struct Derived {
    /// Its name; that of its table, where it has one of its own.
    pub name: &'static str,
    /// Raised with every change of its values, which makes its rows stale.
    pub version: u32,
    /// What is computed again as a whole.
    pub scope: Scope,
    /// The columns that it reads, as `table.column`.
    pub inputs: &'static [&'static str],
    /// Where its rows are.
    pub table: &'static Table,
    /// How they come about.
    pub how: How,
    /// Plain SQL over `samples` and the tables that gives the same rows, for
    /// all activities, in any engine.
    pub sql: &'static str,
    /// What it means, to a runner.
    pub sentence: &'static str,
}

/// The unit of recomputation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One activity.
    Activity,
    /// One athlete.
    Athlete,
}

impl Scope {
    /// As the column `derivations.scope` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Athlete => "athlete",
        }
    }
}

/// How a definition's values come about.
#[derive(Clone, Copy, Debug)]
pub enum How {
    /// Rows of its table, out of activities; in the table's sort order where
    /// the activities are.
    Kernel(fn(&[Measured]) -> RecordBatch),
    /// Columns of rows that are there already.
    Columns(fn(&RecordBatch, &[Totals]) -> RecordBatch),
    /// Rows of its table, by its SQL over tables of the same athlete.
    Sql,
}

/// Every definition, in order of derivation.
pub const DERIVED: &[&Derived] = &[
    &totals::TOTALS,
    &best_efforts::BEST_EFFORTS,
    &best_efforts::REFUSED_EFFORTS,
    &peaks::PEAKS,
    &splits::SPLITS,
    &climbs::CLIMBS,
    &best_effort_ranks::BEST_EFFORT_RANKS,
    &stats::STATS,
];

/// Every table of the lake: the facts, and those of the definitions.
pub fn tables() -> Vec<&'static Table> {
    let mut tables = FACTS.to_vec();
    for derived in DERIVED {
        if tables.iter().all(|table| table.name != derived.table.name) {
            tables.push(derived.table);
        }
    }
    tables
}

/// The tables whose rows belong to a scope: all that an activity's commit
/// writes, or all that an athlete's does, the ledger left out.
pub fn tables_of(scope: Scope) -> Vec<&'static Table> {
    let mut tables = match scope {
        Scope::Activity => FACTS.to_vec(),
        Scope::Athlete => Vec::new(),
    };
    for derived in DERIVED.iter().filter(|derived| derived.scope == scope) {
        if tables.iter().all(|table| table.name != derived.table.name) {
            tables.push(derived.table);
        }
    }
    tables
}

/// The definitions of a scope and their versions, as the ledger's column
/// `versions` has them: `name=version` joined by commas, in order of name.
pub fn versions(scope: Scope) -> String {
    let of_scope = DERIVED.iter().filter(|derived| derived.scope == scope);
    let mut versions: Vec<_> = of_scope.map(|derived| derived.at_version()).collect();
    versions.sort_unstable();
    versions.join(",")
}

/// The same text where one definition alone was computed since: with its
/// version of today, and the others' as they were.
pub fn versions_with(versions: &str, derived: &Derived) -> String {
    let now = derived.at_version();
    let mut versions = entries_without(versions, derived);
    versions.push(&now);
    versions.sort_unstable();
    versions.join(",")
}

/// The same text where the rows of one definition were removed since, so that
/// what it is about is stale.
pub fn versions_without(versions: &str, derived: &Derived) -> String {
    entries_without(versions, derived).join(",")
}

fn entries_without<'a>(versions: &'a str, derived: &Derived) -> Vec<&'a str> {
    let names_it = |entry: &&str| entry.split('=').next() == Some(derived.name);
    let others = versions.split(',').filter(|entry| !names_it(entry));
    others.filter(|entry| !entry.is_empty()).collect()
}

impl Derived {
    /// Name and version, as the ledger has them.
    fn at_version(&self) -> String {
        format!("{}={}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_inputs_exist() {
        let names: HashSet<_> = DERIVED.iter().map(|derived| derived.name).collect();
        assert_eq!(names.len(), DERIVED.len());
        let tables = tables();
        for derived in DERIVED {
            for input in derived.inputs {
                let (table, column) = input.split_once('.').unwrap();
                let table = tables.iter().find(|t| t.name == table).unwrap();
                assert!(table.column(column).is_some(), "{}: {input}", derived.name);
            }
            assert!(derived.sentence.ends_with('.'), "{}", derived.name);
        }
    }

    #[test]
    fn every_table_is_declared_whole() {
        for table in tables() {
            let names: HashSet<_> = table.columns.iter().map(|c| c.name).collect();
            assert_eq!(names.len(), table.columns.len(), "{}", table.name);
            for name in table.key.iter().chain(table.sort) {
                assert!(names.contains(name), "{}: no column {name}", table.name);
            }
            for column in table.columns {
                assert!(column.doc.ends_with('.'), "{}.{}", table.name, column.name);
                let suffix = column.unit.suffix().unwrap_or_default();
                assert!(
                    column.name.ends_with(suffix),
                    "{}.{}",
                    table.name,
                    column.name
                );
            }
        }
    }

    #[test]
    fn the_ledger_names_every_version_once() {
        assert_eq!(
            versions(Scope::Activity),
            "best_efforts=1,climbs=1,peaks=1,refused_efforts=1,splits=2,totals=2",
        );
        assert_eq!(versions(Scope::Athlete), "best_effort_ranks=1,stats=1");
    }

    #[test]
    fn one_definition_leaves_the_versions_of_others() {
        let with_peaks = |versions: &str| versions_with(versions, &peaks::PEAKS);
        assert_eq!(with_peaks(""), "peaks=1");
        assert_eq!(with_peaks("best_efforts=1"), "best_efforts=1,peaks=1");
        assert_eq!(with_peaks("peaks=0,speaks=3"), "peaks=1,speaks=3");
        let today = versions(Scope::Activity);
        assert_eq!(with_peaks(&today), today);
    }
}
