//! A source file as the rules see it: its text, and its code with comments and
//! tests blanked out, line by line as before.

use std::fs;
use std::path::Path;

/// One `.rs` file.
pub struct Source {
    /// Path below the workspace's root, with `/`.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// The text with comments and `#[cfg(test)]` items blanked; lines keep
    /// their numbers.
    pub code: String,
    /// Whether the file holds nothing but tests, or what only they stand on.
    pub is_test: bool,
}

impl Source {
    /// A source of this path and text.
    pub fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: blank_tests(&blank_comments(text)),
            is_test: path.starts_with("tests/")
                || path.contains("/tests/")
                || path.ends_with("/tests.rs")
                || path.ends_with("_tests.rs"),
        }
    }

    /// Every `.rs` file below `root`, in order of path; what is built or
    /// installed there (`target`, `.venv`, hidden folders) is left out.
    ///
    /// # Panics
    /// If a folder or file cannot be read.
    pub fn all(root: &Path) -> Vec<Self> {
        let mut found = Vec::new();
        collect(root, root, &mut found);
        found.sort_by(|a, b| a.path.cmp(&b.path));
        let modules: Vec<_> = found.iter().flat_map(test_modules).collect();
        for source in &mut found {
            source.is_test |= modules.iter().any(|module| {
                let rest = source.path.strip_prefix(module.as_str());
                rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            });
        }
        found
    }
}

/// The modules that `source` declares for tests only: their paths, without
/// `.rs`.
fn test_modules(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let inside = match name {
        "lib" | "main" | "mod" => folder,
        _ => stem,
    };
    let lines: Vec<_> = source.text.lines().map(str::trim).collect();
    lines
        .windows(2)
        .filter(|pair| pair[0].starts_with("#[cfg(test)]") || pair[0].starts_with("#[cfg(any(test"))
        .filter_map(|pair| {
            let declared = pair[1].trim_start_matches("pub ").strip_prefix("mod ")?;
            Some(format!("{inside}/{}", declared.strip_suffix(';')?))
        })
        .collect()
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a listed entry can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            let built = name == "target" || name == "node_modules" || name.starts_with('.');
            if !built {
                collect(root, &path, found);
            }
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
            let below = path.strip_prefix(root).expect("it was found below root");
            found.push(Source::new(&below.to_string_lossy(), &text));
        }
    }
}

/// What the scanner of [`blank_comments`] is inside of.
#[derive(Clone, Copy)]
enum Inside {
    Code,
    LineComment,
    BlockComment { depth: usize },
    Text,
    RawText { hashes: usize },
}

/// Replaces comments by spaces. Strings stay: SQL in them is what some rules
/// look for.
fn blank_comments(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut inside = Inside::Code;
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let (length, keep, next) = scan(rest, chars.get(at.wrapping_sub(1)), inside);
        for &c in &rest[..length] {
            out.push(if keep || c == '\n' { c } else { ' ' });
        }
        inside = next;
        at += length;
    }
    out
}

/// How many characters come next, whether they are kept, and what follows.
fn scan(rest: &[char], before: Option<&char>, inside: Inside) -> (usize, bool, Inside) {
    let second = rest.get(1).copied();
    match inside {
        Inside::Code => match (rest[0], second) {
            ('/', Some('/')) => (2, false, Inside::LineComment),
            ('/', Some('*')) => (2, false, Inside::BlockComment { depth: 1 }),
            ('"', _) => (1, true, Inside::Text),
            ('r', Some('"' | '#')) if !before.is_some_and(|c| c.is_alphanumeric() || *c == '_') => {
                let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
                if rest.get(1 + hashes) == Some(&'"') {
                    (2 + hashes, true, Inside::RawText { hashes })
                } else {
                    (1, true, Inside::Code)
                }
            }
            // A character literal, so that '"' opens no string; anything else
            // behind an apostrophe is a lifetime.
            ('\'', Some('\\')) => {
                let end = rest.iter().skip(3).position(|&c| c == '\'');
                (end.map_or(1, |end| end + 4), true, Inside::Code)
            }
            ('\'', Some(_)) if rest.get(2) == Some(&'\'') => (3, true, Inside::Code),
            _ => (1, true, Inside::Code),
        },
        Inside::LineComment if rest[0] == '\n' => (1, true, Inside::Code),
        Inside::LineComment => (1, false, Inside::LineComment),
        Inside::BlockComment { depth } => match (rest[0], second) {
            ('*', Some('/')) if depth == 1 => (2, false, Inside::Code),
            ('*', Some('/')) => (2, false, Inside::BlockComment { depth: depth - 1 }),
            ('/', Some('*')) => (2, false, Inside::BlockComment { depth: depth + 1 }),
            _ => (1, false, inside),
        },
        Inside::Text => match rest[0] {
            '\\' => (rest.len().min(2), true, Inside::Text),
            '"' => (1, true, Inside::Code),
            _ => (1, true, Inside::Text),
        },
        Inside::RawText { hashes } => {
            let closes =
                rest[0] == '"' && rest.len() > hashes && rest[1..=hashes].iter().all(|&c| c == '#');
            if closes {
                (1 + hashes, true, Inside::Code)
            } else {
                (1, true, inside)
            }
        }
    }
}

/// Blanks each `#[cfg(test)]` item: up to the line that closes it at its own
/// indent, or that ends it by a semicolon.
fn blank_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut closing: Option<String> = None;
    for line in code.lines() {
        match &closing {
            None if line.trim_start().starts_with("#[cfg(test)]") => {
                let indent = line.len() - line.trim_start().len();
                closing = Some(format!("{}}}", &line[..indent]));
            }
            None => out.push_str(line),
            Some(end) => {
                let at_item = line.trim_end().ends_with(';')
                    && line.len() - line.trim_start().len() == end.len() - 1;
                if line.trim_end() == end || at_item {
                    closing = None;
                }
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, code: &str) {
        assert_eq!(Source::new("x/src/y.rs", text).code, code);
    }

    #[test]
    fn comments_go_and_strings_stay() {
        check("a // b\nc\n", "a     \nc\n");
        check("a /* b /* c */ d */ e\n", "a                   e\n");
        check("\"// no\" // yes\n", "\"// no\"       \n");
        check("r#\"// \" no\"# // yes\n", "r#\"// \" no\"#       \n");
        check("'\"' // yes\n", "'\"'       \n");
        check("'\\'' 'a // yes\n", "'\\'' 'a       \n");
    }

    #[test]
    fn modules_for_tests_are_known() {
        let text = "#[cfg(test)]\nmod sketched;\nmod real;\n#[cfg(any(test, x))]\npub mod b;\n";
        let modules = |path| test_modules(&Source::new(path, text));
        assert_eq!(
            modules("query/src/lib.rs"),
            ["query/src/sketched", "query/src/b"]
        );
        assert_eq!(
            modules("query/src/read.rs"),
            ["query/src/read/sketched", "query/src/read/b"]
        );
    }

    #[test]
    fn tests_go() {
        check(
            "a\n#[cfg(test)]\nmod tests {\n    b;\n}\nc\n",
            "a\n\n\n\n\nc\n",
        );
        check("a\n#[cfg(test)]\nmod tests;\nc\n", "a\n\n\nc\n");
    }
}
