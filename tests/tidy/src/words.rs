//! Words that live in one place only. Comments may say anything; tests may use
//! anything.

use crate::source::Source;

/// A word and where it may stand.
pub struct Word {
    /// What is looked for in code: a path or name, at word boundaries.
    pub word: &'static str,
    /// Where the rule holds: paths that begin so. Empty: everywhere.
    pub within: &'static [&'static str],
    /// Where it does not hold: paths that begin so.
    pub allowed: &'static [&'static str],
    /// Where the thing belongs, and why.
    pub place: &'static str,
}

const KERNELS: &[&str] = &["pipeline/", "query/src/derived/"];

/// Every rule.
pub const WORDS: &[Word] = &[
    Word {
        word: "ducklake",
        within: &[],
        allowed: &[
            "storage/src/ducklake",
            "storage/src/lake.rs",
            "storage/src/lake/",
            "storage/src/lib.rs",
            "storage/src/conformance",
            "storage/src/maintain",
            "storage/src/purge.rs",
        ],
        place: "only storage/src/ducklake knows the format; ask storage::Lake",
    },
    Word {
        word: "sqlx",
        within: &[],
        allowed: &["storage/"],
        place: "only storage speaks to the catalog database; ask storage::Catalog",
    },
    Word {
        word: "object_store",
        within: &[],
        allowed: &["storage/", "query/src/session"],
        place: "only storage keeps bytes; ask storage::RawStore or storage::Lake",
    },
    Word {
        word: "axum",
        within: &[],
        allowed: &["api/"],
        place: "only api speaks HTTP",
    },
    Word {
        word: "env::var",
        within: &[],
        allowed: &["cli/"],
        place: "only cli reads the environment; take it as an argument",
    },
    Word {
        word: "env::var_os",
        within: &[],
        allowed: &["cli/"],
        place: "only cli reads the environment; take it as an argument",
    },
    Word {
        word: "std::fs",
        within: &["pipeline/", "query/", "api/"],
        allowed: &["query/src/destination.rs", "query/src/export"],
        place: "files are read by jobs and kept by storage; take bytes",
    },
    Word {
        word: "tokio",
        within: &["pipeline/"],
        allowed: &[],
        place: "pipeline is pure; waiting belongs to jobs",
    },
    Word {
        word: "async",
        within: KERNELS,
        allowed: &[],
        place: "kernels are pure; waiting belongs to jobs",
    },
    Word {
        word: "Instant::now",
        within: KERNELS,
        allowed: &[],
        place: "kernels have no clock; take the time as an argument",
    },
    Word {
        word: "SystemTime",
        within: KERNELS,
        allowed: &[],
        place: "kernels have no clock; take the time as an argument",
    },
    Word {
        word: "Timestamp::now",
        within: KERNELS,
        allowed: &[],
        place: "kernels have no clock; take the time as an argument",
    },
    Word {
        word: "Zoned::now",
        within: KERNELS,
        allowed: &[],
        place: "kernels have no clock; take the day as an argument",
    },
    Word {
        word: "HashMap",
        within: &["query/src/derived/"],
        allowed: &[],
        place: "its order changes from run to run; use BTreeMap",
    },
    Word {
        word: "println!",
        within: &[],
        allowed: &["cli/"],
        place: "only cli prints; return it, or trace it",
    },
    Word {
        word: "eprintln!",
        within: &[],
        allowed: &["cli/"],
        place: "only cli prints; return it, or trace it",
    },
    Word {
        word: "dbg!",
        within: &[],
        allowed: &[],
        place: "nowhere in what is kept",
    },
    Word {
        word: "todo!",
        within: &[],
        allowed: &[],
        place: "nowhere in what is kept",
    },
    Word {
        word: "unimplemented!",
        within: &[],
        allowed: &[],
        place: "nowhere in what is kept",
    },
    Word {
        word: "unwrap()",
        within: &[],
        allowed: &[],
        place: "tests; elsewhere `expect` says why it cannot fail",
    },
];

/// What `source` says in the wrong place.
pub fn complaints(source: &Source, words: &[Word]) -> Vec<String> {
    if source.is_test {
        return Vec::new();
    }
    let concerned = words.iter().filter(|rule| {
        let starts = |prefix: &&str| source.path.starts_with(*prefix);
        (rule.within.is_empty() || rule.within.iter().any(starts))
            && !rule.allowed.iter().any(starts)
    });
    concerned
        .flat_map(|rule| {
            let lines = source.code.lines().zip(1..);
            let hits = lines.filter(|(line, _)| says(line, rule.word));
            hits.map(|(_, number)| {
                let (path, word, place) = (&source.path, rule.word, rule.place);
                format!("{path}:{number}: `{word}`: {place}")
            })
            .collect::<Vec<_>>()
        })
        .collect()
}

/// Whether `word` stands in the line, not as a part of a longer name.
pub fn says(line: &str, word: &str) -> bool {
    let named = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let longer = word.ends_with(named) && after.is_some_and(named);
        !longer && !before.is_some_and(named)
    })
}

/// Statements that are put together from pieces: a value in one could be read
/// as SQL. Folders where names come from declared tables only are `allowed`.
pub fn built_statements(source: &Source, allowed: &[&str]) -> Vec<String> {
    if source.is_test || allowed.iter().any(|prefix| source.path.starts_with(prefix)) {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (at, _) in source.code.match_indices("format!(") {
        let argument = source.code[at + "format!(".len()..].trim_start();
        let text = argument.trim_start_matches(['r', '#']);
        let Some(statement) = text.strip_prefix('"') else {
            continue;
        };
        let begins: String = statement
            .trim_start_matches(['\\', ' ', '\n'])
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect();
        let verbs = [
            "select", "insert", "update", "delete", "create", "drop", "alter", "with", "copy",
        ];
        let upper_or_lower = begins == begins.to_uppercase() || begins == begins.to_lowercase();
        if upper_or_lower && verbs.contains(&begins.to_lowercase().as_str()) {
            let line = source.code[..at].matches('\n').count() + 1;
            complaints.push(format!(
                "{}:{line}: a statement built by format!: bind its values, or read it from a .sql file",
                source.path
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{assert_none, workspace};

    /// Where statements may be put together: values are bound there all the
    /// same, only names and counts of placeholders are not. An explanation's
    /// statement is for others to run; the values in it are those of a row that
    /// is there, and are quoted.
    const STATEMENT_BUILDERS: &[&str] = &[
        "storage/src/ducklake/",
        "storage/src/catalog/",
        "query/src/explain/statement.rs",
    ];

    #[test]
    fn every_word_stands_where_it_belongs() {
        let complaints: Vec<_> = Source::all(&workspace::root())
            .iter()
            .flat_map(|source| complaints(source, WORDS))
            .collect();
        assert_none(&complaints);
    }

    #[test]
    fn no_statement_is_built_from_pieces() {
        let complaints: Vec<_> = Source::all(&workspace::root())
            .iter()
            .flat_map(|source| built_statements(source, STATEMENT_BUILDERS))
            .collect();
        assert_none(&complaints);
    }

    fn count(path: &str, text: &str) -> usize {
        complaints(&Source::new(path, text), WORDS).len()
    }

    #[test]
    fn a_word_in_the_wrong_place_is_told() {
        assert_eq!(count("query/src/a.rs", "use sqlx::query;\n"), 1);
        assert_eq!(count("storage/src/a.rs", "use sqlx::query;\n"), 0);
        assert_eq!(count("query/src/a.rs", "// use sqlx\n"), 0);
        assert_eq!(count("query/src/a.rs", "use mysqlx;\n"), 0);
        assert_eq!(count("query/tests/a.rs", "use sqlx::query;\n"), 0);
        assert_eq!(count("storage/src/a.rs", "std::env::var(\"X\")\n"), 1);
        assert_eq!(count("jobs/src/a.rs", "a.unwrap();\nb.unwrap_or(1);\n"), 1);
        assert_eq!(count("pipeline/src/a.rs", "use tokio::sync::Mutex;\n"), 1);
    }

    #[test]
    fn a_built_statement_is_told() {
        let told = |text| built_statements(&Source::new("jobs/src/a.rs", text), &[]).len();
        assert_eq!(told("format!(\"SELECT {x}\")"), 1);
        assert_eq!(told("format!(\n    r#\"\n delete from {x}\"#)"), 1);
        assert_eq!(told("format!(\"Update your settings, {x}\")"), 0);
        assert_eq!(told("format!(\"{x}\")"), 0);
    }
}
