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
        let variable = format!("PACELAKE_{}", row.name.to_uppercase());
        text.push_str(&format!(
            "| `{}` | `{variable}` | {} | {} |\n",
            row.name, row.doc, row.default
        ));
    }
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
