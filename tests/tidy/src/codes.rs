//! The closed list of error codes is whole: each has its line in the table,
//! and each is raised somewhere.

use crate::source::Source;
use crate::words::says;

/// The variants of `pub enum Code`.
pub fn variants(code: &Source) -> Vec<String> {
    code.code
        .lines()
        .skip_while(|line| !line.starts_with("pub enum Code "))
        .skip(1)
        .take_while(|line| !line.starts_with('}'))
        .map(|line| line.trim().trim_end_matches(',').to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// Codes without a line in `CODES`, or that nothing raises.
pub fn complaints(code: &Source, others: &[Source]) -> Vec<String> {
    let table = code
        .code
        .split_once("pub const CODES")
        .map(|(_, rest)| rest);
    let table = table
        .and_then(|rest| rest.split_once("];"))
        .map(|(rows, _)| rows);
    let mut complaints = Vec::new();
    for variant in variants(code) {
        let name = format!("Code::{variant}");
        let stated = |text: &str| text.lines().any(|line| says(line, &name));
        if !table.is_some_and(stated) {
            complaints.push(format!("{}: CODES has no line for {name}", code.path));
        }
        let raised = others
            .iter()
            .any(|source| !source.is_test && stated(&source.code));
        if !raised {
            complaints.push(format!("{}: nothing raises {name}", code.path));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{assert_none, workspace};

    #[test]
    fn every_code_has_its_line_and_is_raised() {
        let sources = Source::all(&workspace::root());
        let (code, others): (Vec<_>, Vec<_>) = sources
            .into_iter()
            .partition(|source| source.path == "storage/src/code.rs");
        assert_none(&complaints(&code[0], &others));
    }

    #[test]
    fn a_forgotten_code_is_told() {
        let code = Source::new(
            "storage/src/code.rs",
            "pub enum Code {\n    A,\n    B,\n}\npub const CODES: &[Row] = &[\n row(Code::A),\n];\n",
        );
        let other = Source::new("jobs/src/a.rs", "Code::A\nCode::B\n");
        assert_eq!(variants(&code), ["A", "B"]);
        let told = complaints(&code, &[other]);
        assert_eq!(told, ["storage/src/code.rs: CODES has no line for Code::B"]);
        assert_eq!(complaints(&code, &[]).len(), 3);
    }
}
