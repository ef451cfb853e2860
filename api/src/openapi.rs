//! The OpenAPI document: its head, and the whole as text.
//!
//! The paths come from the handlers, the schemas of rows from the tables'
//! declarations. `api/openapi.json` is committed, so that every change shows.

use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

/// What is said once, for all routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "pacelake",
        description = "Activities, splits, climbs, best efforts, peaks and statistics of one \
            athlete, as pacelake's tables hold them. Fields are named as the lake's columns: \
            lower snake case, with the SI unit as suffix. Lists come in pages: give `next` as \
            `after` to go on. Every answer has an `x-request-id`; answers about activities have \
            an `ETag`, and 304 answers `If-None-Match`. Whatever reads the lake reads it at any \
            snapshot that is kept: `at` says which, `x-pacelake-snapshot` which it was. Once there \
            are accounts, whoever asks signs in: browsers by a session's cookie, with the header \
            `x-csrf-token` where something changes, programs by `authorization: Bearer` and a \
            token. Other athletes' things are not found.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(crate::problem::ProblemBody)),
    tags(
        (name = "activities", description = "Outings, and what belongs to one."),
        (name = "corrections", description = "What an owner says of an activity: nothing is deleted."),
        (name = "analytics", description = "Over all activities: statistics, peaks, ranks."),
        (name = "accounts", description = "Who signs in, and by what programs do."),
        (name = "legacy", description = "Kept as it was, for those who use it."),
        (name = "strava", description = "Connecting to Strava, what comes from it and what it announces."),
        (name = "jobs", description = "What takes longer than a request."),
        (name = "admin", description = "For whoever runs the installation."),
        (name = "server", description = "The server itself."),
    )
)]
struct Head;

/// The document without paths.
pub(crate) fn head() -> Document {
    Head::openapi()
}

/// The whole document.
pub fn openapi() -> Document {
    let (_, mut document) = crate::router().split_for_parts();
    // The router marks what takes several segments; a document cannot.
    let paths = std::mem::take(&mut document.paths.paths);
    let plain = |(path, item): (String, _)| (path.replace("{*", "{"), item);
    document.paths.paths = paths.into_iter().map(plain).collect();
    document
}

/// The whole document as pretty JSON with a line break at its end, as
/// `api/openapi.json` has it.
pub fn document() -> String {
    let mut text = openapi()
        .to_pretty_json()
        .expect("the document is plain data");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_committed_document_is_the_codes() {
        let committed = include_str!("../openapi.json");
        assert!(
            committed == document(),
            "openapi.json is stale; run `cargo run -- document`"
        );
    }

    #[test]
    fn every_operation_has_a_name_a_tag_a_summary_and_a_problem() {
        let document = openapi();
        let mut names = HashSet::new();
        for (path, item) in &document.paths.paths {
            let operations: Vec<_> = [&item.get, &item.post, &item.delete]
                .into_iter()
                .flatten()
                .collect();
            assert!(!operations.is_empty(), "{path} has no operation");
            for operation in operations {
                assert!(
                    names.insert(operation.operation_id.clone()),
                    "{path}: doubled name"
                );
                assert!(
                    operation.tags.as_ref().is_some_and(|tags| tags.len() == 1),
                    "{path}"
                );
                assert!(operation.summary.is_some(), "{path}");
                assert!(
                    operation.responses.responses.contains_key("default"),
                    "{path}"
                );
                for parameter in operation.parameters.iter().flatten() {
                    assert!(
                        parameter.description.is_some(),
                        "{path}: {}",
                        parameter.name
                    );
                }
            }
        }
        assert_eq!(names.len(), 70);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let text = document();
        let components = openapi().components.unwrap_or_default();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap_or_default();
            assert!(components.schemas.contains_key(name), "{name}");
        }
    }
}
