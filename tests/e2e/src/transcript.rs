//! What a command prints, as text that is the same on every machine.

use crate::home::{Answer, Home, root};

impl Answer {
    /// Exit code, stdout and stderr in one text, with what differs from run to
    /// run replaced: the home's folder and the project's.
    pub fn transcript(&self, home: &Home) -> String {
        let code = self
            .code
            .map_or_else(|| "none".to_owned(), |code| code.to_string());
        let text = format!(
            "exit code: {code}\n----- stdout -----\n{}\n----- stderr -----\n{}",
            self.stdout.trim_end(),
            self.stderr.trim_end()
        );
        text.replace(&home.data_dir().display().to_string(), "[HOME]")
            .replace(&root().display().to_string(), "[PROJECT]")
            .lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    }
}
