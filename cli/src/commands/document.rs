//! `pacelake document`: documents that follow from declarations. A test
//! compares what is committed with what they say, and names this command.

use std::process::ExitCode;

use super::Ending;
use crate::args::Document as Arguments;
use crate::output::say;

/// A place in the project, and what writes the document that lies there.
type Document = (&'static str, fn() -> String);

/// Each generated document.
const DOCUMENTS: &[Document] = &[
    ("data/tables.md", query::dictionary::markdown),
    ("api/openapi.json", api::openapi::document),
    ("data/settings.md", settings_reference),
    ("data/errors.md", storage::code::document),
    ("data/metrics.md", storage::metric::document),
];

/// Writes every generated document below the project's folder.
pub fn run(args: &Arguments) -> Ending {
    for (path, write) in DOCUMENTS {
        let path = args.root.join(path);
        match std::fs::write(&path, write()) {
            Ok(()) => say!("{}", path.display()),
            Err(error) => {
                eprintln!("error[unreadable_path]: {}: {error}", path.display());
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings reference, from [`crate::settings::SETTINGS`].
fn settings_reference() -> String {
    let mut text = String::from(
        "# Settings\n\nWritten by `pacelake document`; do not edit.\n\n\
         In rising order: the default, the configuration file (`--config`, or `pacelake.toml` \
         in the data folder), the environment, the flag.\n\n\
         | file | environment | what for | default |\n|---|---|---|---|\n",
    );
    for row in crate::settings::SETTINGS {
        let variable = crate::settings::variable(row.name);
        text.push_str(&format!(
            "| `{}` | `{variable}` | {} | {} |\n",
            row.name, row.doc, row.default
        ));
    }
    text.push_str(
        "\n## Secrets\n\nThey come from the environment only, or from a file that it names; \
         what is wrong with one is said without printing it.\n\n\
         | environment | what for |\n|---|---|\n",
    );
    for row in crate::settings::SECRETS {
        let variable = crate::settings::variable(row.name);
        text.push_str(&format!("| `{variable}` | {} |\n", row.doc));
    }
    text.push_str(
        "\nWhere neither a setting nor a secret is given, the variables that other S3 programs \
         read count instead: `AWS_REGION`, `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL_S3`, \
         `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, \
         `AWS_SESSION_TOKEN`.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn committed_documents_are_up_to_date() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (path, write) in DOCUMENTS {
            let committed = std::fs::read_to_string(root.join(path)).unwrap_or_default();
            assert!(
                committed == write(),
                "{path} is stale; run `cargo run -- document`"
            );
        }
    }
}
