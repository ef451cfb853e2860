//! The crate graph is the one that ARCHITECTURE.md draws, and its arrows point
//! one way.

use std::collections::{BTreeMap, BTreeSet};

use crate::workspace::Member;

/// Crate folder → the crate folders that it uses.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// Reads the block fenced as ```` ```crates ```` in the document: a line a
/// crate, `folder -> folder folder`, users above what they use.
///
/// # Errors
/// A complaint if there is no such block, or a line of it points upwards.
pub fn drawn(document: &str) -> Result<Graph, String> {
    let block = document
        .split_once("```crates\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .map(|(block, _)| block)
        .ok_or("ARCHITECTURE.md: no block fenced as ```crates")?;
    let mut graph = Graph::new();
    for line in block.lines().filter(|line| !line.trim().is_empty()) {
        let (from, to) = line
            .split_once("->")
            .ok_or_else(|| format!("ARCHITECTURE.md: `{line}` has no arrow"))?;
        let to: BTreeSet<String> = to.split_whitespace().map(str::to_owned).collect();
        if let Some(above) = to.iter().find(|folder| graph.contains_key(*folder)) {
            return Err(format!(
                "ARCHITECTURE.md: `{line}` points up to {above}; arrows point one way"
            ));
        }
        graph.insert(from.trim().to_owned(), to);
    }
    Ok(graph)
}

/// The graph of the manifests; crates below `tests/` and what only tests use
/// are no part of it.
pub fn built(members: &[Member]) -> Graph {
    members
        .iter()
        .filter(|member| !member.folder.starts_with("tests/"))
        .map(|member| {
            let uses = member.dependencies.iter().filter(|line| !line.dev);
            let folders = uses.filter_map(|line| line.folder.clone()).collect();
            (member.folder.clone(), folders)
        })
        .collect()
}

/// Where the two differ.
pub fn complaints(drawn: &Graph, built: &Graph) -> Vec<String> {
    let folders: BTreeSet<_> = drawn.keys().chain(built.keys()).collect();
    let mut complaints = Vec::new();
    for folder in folders {
        let (Some(here), Some(there)) = (drawn.get(folder), built.get(folder)) else {
            complaints.push(format!(
                "{folder}: {}",
                if drawn.contains_key(folder) {
                    "ARCHITECTURE.md draws it, the workspace has no such crate"
                } else {
                    "a crate that ARCHITECTURE.md does not draw"
                }
            ));
            continue;
        };
        for new in there.difference(here) {
            complaints.push(format!(
                "{folder}/Cargo.toml: uses {new}; a new arrow needs its argument in ARCHITECTURE.md"
            ));
        }
        for gone in here.difference(there) {
            complaints.push(format!(
                "ARCHITECTURE.md: draws {folder} -> {gone}, {folder}/Cargo.toml has no such line"
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{assert_none, workspace};

    #[test]
    fn the_crate_graph_is_the_one_that_architecture_draws() {
        let drawn = drawn(&workspace::read("ARCHITECTURE.md")).unwrap_or_else(|e| panic!("{e}"));
        assert_none(&complaints(&drawn, &built(&workspace::members())));
    }

    #[test]
    fn a_new_or_missing_arrow_is_told() {
        let one = drawn("```crates\na -> b\nb ->\n```").unwrap();
        let other = drawn("```crates\na ->\nb -> c\nc ->\n```").unwrap();
        assert_eq!(complaints(&one, &one), Vec::<String>::new());
        let told = complaints(&one, &other);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].contains("draws a -> b"), "{told:?}");
        assert!(told[1].contains("uses c"), "{told:?}");
        assert!(told[2].starts_with("c: a crate that"), "{told:?}");
    }

    #[test]
    fn arrows_point_one_way() {
        assert!(drawn("```crates\na -> b\nb -> a\n```").is_err());
        assert!(drawn("no block").is_err());
    }
}
