//! Who may call a handler is said by its first argument.

use crate::source::Source;

/// The arguments that let somebody in, see `api/src/access.rs`.
const ACCESS: &[&str] = &["Admin", "Analyst", "Athlete", "Caller", "Owner", "Public"];

/// Handlers that do not say who may call them, before anything else is read.
pub fn complaints(source: &Source) -> Vec<String> {
    if source.is_test || !source.path.starts_with("api/src/routes/") {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (at, _) in source.code.match_indices("#[utoipa::path(") {
        let line = source.code[..at].matches('\n').count() + 1;
        let rest = &source.code[at..];
        let Some((_, handler)) = rest.split_once("async fn ") else {
            continue;
        };
        let (name, arguments) = handler.split_once('(').unwrap_or((handler, ""));
        let first = first_argument(arguments);
        let kind = first.rsplit(':').next().unwrap_or_default().trim();
        if !ACCESS.contains(&kind) {
            complaints.push(format!(
                "{}:{line}: `{name}` does not say who may call it: its first argument is one of {}",
                source.path,
                ACCESS.join(", ")
            ));
        }
    }
    complaints
}

/// What stands before the first comma, or the end, of a list of arguments.
fn first_argument(arguments: &str) -> &str {
    let mut depth = 0;
    let end = arguments.char_indices().find(|(_, c)| {
        match c {
            '(' | '{' | '[' | '<' => depth += 1,
            ')' | '}' | ']' | '>' => depth -= 1,
            _ => {}
        }
        depth < 0 || (depth == 0 && *c == ',')
    });
    &arguments[..end.map_or(arguments.len(), |(at, _)| at)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{assert_none, workspace};

    #[test]
    fn every_handler_says_who_may_call_it() {
        let sources = Source::all(&workspace::root());
        let complaints: Vec<_> = sources.iter().flat_map(complaints).collect();
        assert_none(&complaints);
        let handlers = sources
            .iter()
            .filter(|source| source.path.starts_with("api/src/routes/"))
            .map(|source| source.code.matches("#[utoipa::path(").count());
        assert!(handlers.sum::<usize>() > 30, "the handlers were looked at");
    }

    #[test]
    fn a_handler_without_access_is_told() {
        let told = |arguments: &str| {
            let text =
                format!("#[utoipa::path(get, path = \"/x\")]\npub async fn x({arguments}) {{}}\n");
            complaints(&Source::new("api/src/routes/x.rs", &text)).len()
        };
        assert_eq!(told("_: Public"), 0);
        assert_eq!(told("athlete: Athlete, reader: Reader"), 0);
        assert_eq!(
            told("Analyst { athlete, .. }: Analyst,\n Path(t): Path<String>"),
            0
        );
        assert_eq!(told(""), 1);
        assert_eq!(told("reader: Reader, _: Athlete"), 1);
        assert_eq!(told("Path((a, b)): Path<(Athlete, Public)>"), 1);
    }
}
