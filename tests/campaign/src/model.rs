//! What an era knows for certain: what was acknowledged, and what may be there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Outcomes that say of a recording that it is in the lake.
const IN: &[&str] = &["created", "updated", "skipped"];

/// What was acknowledged: by a report of an import that ended by itself.
#[derive(Debug, Default)]
pub struct Model {
    /// The paths of recordings that are in the lake, with their activities.
    acknowledged: BTreeMap<String, i64>,
    /// How often an import was told that a recording came in. A second time
    /// would be a second birth.
    births: BTreeSet<i64>,
}

impl Model {
    /// Takes in the report of an import.
    ///
    /// # Errors
    /// What is wrong with it: no report, or an activity that was born before.
    pub fn acknowledge(&mut self, report: &str) -> Result<usize, String> {
        let report: Value = serde_json::from_str(report)
            .map_err(|error| format!("no report: {error}: {report}"))?;
        let items = report["items"].as_array();
        let items = items.ok_or_else(|| format!("a report without items: {report}"))?;
        let mut count = 0;
        for item in items {
            let outcome = item["outcome"].as_str().unwrap_or_default();
            if !IN.contains(&outcome) {
                continue;
            }
            let (Some(path), Some(id)) = (item["path"].as_str(), item["activity_id"].as_i64())
            else {
                return Err(format!("an item without path or activity: {item}"));
            };
            if outcome == "created" && !self.births.insert(id) {
                return Err(format!("activity {id} was born twice, last of {path}"));
            }
            self.acknowledged.insert(path.to_owned(), id);
            count += 1;
        }
        Ok(count)
    }

    /// The paths that are in the lake for certain.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.acknowledged.keys().map(String::as_str)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.acknowledged.len()
    }

    /// Whether nothing was acknowledged yet.
    pub fn is_empty(&self) -> bool {
        self.acknowledged.is_empty()
    }
}

/// What the lake's audit says.
#[derive(Debug, Default)]
pub struct Audit {
    /// Paths that came in.
    pub came_in: BTreeSet<String>,
    /// Those of them whose activity was born with them.
    pub born: BTreeSet<String>,
    /// How many activities were born.
    pub births: usize,
}

impl Audit {
    /// Reads the audit as `pacelake audit --format json` prints it.
    ///
    /// # Errors
    /// No audit, or an activity with two births.
    pub fn read(text: &str) -> Result<Self, String> {
        let entries: Vec<Value> =
            serde_json::from_str(text).map_err(|error| format!("no audit: {error}"))?;
        let mut audit = Self::default();
        let mut born = BTreeSet::new();
        for entry in &entries {
            let outcome = entry["outcome"].as_str().unwrap_or_default();
            let path = entry["path"].as_str().unwrap_or_default();
            if ["created", "updated"].contains(&outcome) {
                audit.came_in.insert(path.to_owned());
            }
            if outcome == "created" {
                audit.born.insert(path.to_owned());
            }
            if outcome == "created" && !born.insert(entry["activity_id"].as_i64()) {
                return Err(format!("two births in the audit, the other one: {entry}"));
            }
        }
        audit.births = born.len();
        Ok(audit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_birth_is_told() {
        let mut model = Model::default();
        let report = r#"{"items": [
            {"path": "a.fit", "outcome": "created", "activity_id": 1},
            {"path": "b.fit", "outcome": "failed", "activity_id": null},
            {"path": "c.fit", "outcome": "skipped", "activity_id": 1}]}"#;
        assert_eq!(model.acknowledge(report), Ok(2));
        assert_eq!(model.paths().collect::<Vec<_>>(), ["a.fit", "c.fit"]);
        assert!(
            model
                .acknowledge(report)
                .unwrap_err()
                .contains("born twice")
        );
        assert!(model.acknowledge("").is_err());
    }

    #[test]
    fn the_audit_counts_births() {
        let birth = r#"{"outcome": "created", "path": "a", "activity_id": 1}"#;
        let join = r#"{"outcome": "updated", "path": "b", "activity_id": 1}"#;
        let audit = Audit::read(&format!("[{birth}, {join}]")).unwrap();
        assert_eq!((audit.births, audit.came_in.len()), (1, 2));
        assert!(Audit::read(&format!("[{birth}, {birth}]")).is_err());
    }
}
