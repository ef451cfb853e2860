//! Every dependency is used: a crate's by its code, the workspace's by a crate.

use std::collections::BTreeSet;

use crate::source::Source;
use crate::words::says;
use crate::workspace::Member;

/// The names under `[workspace.dependencies]` of the root manifest.
pub fn declared(manifest: &str) -> BTreeSet<String> {
    manifest
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.replace('-', "_"))
        .collect()
}

/// What is asked for and never named.
pub fn complaints(
    declared: &BTreeSet<String>,
    members: &[Member],
    sources: &[Source],
) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    for member in members {
        let below = format!("{}/", member.folder);
        let sources: Vec<_> = sources
            .iter()
            .filter(|source| source.path.starts_with(&below))
            .collect();
        for line in &member.dependencies {
            used.insert(line.name.clone());
            // Code outside tests is asked of what is no dev-dependency.
            let named = sources.iter().any(|source| {
                let text = if line.dev { &source.text } else { &source.code };
                text.lines().any(|text| says(text, &line.name))
            });
            if !named {
                complaints.push(format!(
                    "{below}Cargo.toml: `{}` is never used{}",
                    line.package,
                    if line.dev {
                        " by a test"
                    } else {
                        " outside tests"
                    },
                ));
            }
        }
    }
    for name in declared.difference(&used) {
        complaints.push(format!("Cargo.toml: no crate uses `{name}`"));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;
    use crate::{assert_none, workspace};

    #[test]
    fn every_dependency_is_used() {
        let declared = declared(&workspace::read("Cargo.toml"));
        assert!(declared.contains("serde_json"), "{declared:?}");
        let sources = Source::all(&workspace::root());
        assert_none(&complaints(&declared, &workspace::members(), &sources));
    }

    #[test]
    fn an_unused_one_is_told() {
        let member = Member {
            package: "p".to_owned(),
            folder: "p".to_owned(),
            dependencies: vec![Dependency {
                package: "left-pad".to_owned(),
                name: "left_pad".to_owned(),
                dev: false,
                folder: None,
            }],
        };
        let declared = BTreeSet::from(["left_pad".to_owned(), "other".to_owned()]);
        let unused = [Source::new("p/src/lib.rs", "//! left_pad\n")];
        let used = [Source::new("p/src/lib.rs", "use left_pad::pad;\n")];
        let members = [member];
        assert_eq!(complaints(&declared, &members, &unused).len(), 2);
        assert_eq!(
            complaints(&declared, &members, &used),
            ["Cargo.toml: no crate uses `other`"]
        );
    }
}
