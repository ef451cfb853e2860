//! How files are named, documented and sized.

use crate::source::Source;

/// The most lines a file may have, tests at its end not counted.
const MAX_LINES: usize = 500;

/// Files that may be longer, with the reason.
const LONGER: &[(&str, &str)] = &[(
    "storage/src/tables.rs",
    "a list of columns, without logic: one place to read what a table holds",
)];

/// Names that say nothing about what is in a file.
const EMPTY_NAMES: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "shared", "util", "utils",
];

/// What is wrong with the file itself.
pub fn complaints(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut complaints = Vec::new();
    if !documented(&source.text) {
        complaints.push(format!(
            "{path}: begin it with `//!` and what the module is for"
        ));
    }
    if let Some(name) = path
        .trim_end_matches(".rs")
        .split('/')
        .find(|part| EMPTY_NAMES.contains(part))
    {
        complaints.push(format!(
            "{path}: `{name}` says nothing; name it after the thing in it"
        ));
    }
    if source
        .text
        .lines()
        .any(|line| line.trim_start().starts_with("#[ignore"))
    {
        complaints.push(format!(
            "{path}: a test that does not run proves nothing; mend it or remove it"
        ));
    }
    // What is blanked at the end are tests.
    let lines = source.code.trim_end().lines().count();
    let longer = LONGER.iter().any(|(longer, _)| longer == path);
    if longer && lines <= MAX_LINES {
        complaints.push(format!(
            "{path}: short again; take it off the list in tests/tidy/src/files.rs"
        ));
    }
    if lines > MAX_LINES && !longer {
        complaints.push(format!(
            "{path}: {lines} lines; cut it where a second thing begins (at most {MAX_LINES})"
        ));
    }
    complaints
}

/// Whether the first line that is no attribute is a module's documentation.
fn documented(text: &str) -> bool {
    text.lines()
        .find(|line| !line.trim().is_empty() && !line.starts_with("#!["))
        .is_some_and(|line| line.starts_with("//! ") && line.len() > "//! ".len() + 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{assert_none, workspace};

    #[test]
    fn every_file_is_documented_named_and_short() {
        let complaints: Vec<_> = Source::all(&workspace::root())
            .iter()
            .flat_map(complaints)
            .collect();
        assert_none(&complaints);
    }

    fn told(path: &str, text: &str) -> String {
        complaints(&Source::new(path, text)).join("; ")
    }

    #[test]
    fn a_bad_file_is_told() {
        assert_eq!(
            told("a/src/splits.rs", "//! Cuts at whole kilometres.\n"),
            ""
        );
        assert!(told("a/src/splits.rs", "use x;\n").contains("begin it with"));
        assert!(told("a/src/utils.rs", "//! Cuts at whole kilometres.\n").contains("`utils`"));
        let skipped = "//! Cuts at whole kilometres.\n#[ignore]\n";
        assert!(told("a/src/splits.rs", skipped).contains("does not run"));
        let long = format!("//! Cuts at whole kilometres.\n{}", "a;\n".repeat(500));
        assert!(told("a/src/splits.rs", &long).contains("501 lines"));
        let tested = format!(
            "//! Cuts at whole kilometres.\n#[cfg(test)]\nmod tests {{\n{}}}\n",
            "    a;\n".repeat(500)
        );
        assert_eq!(told("a/src/splits.rs", &tested), "");
    }
}
