//! The command `pacelake`; all of it is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    pacelake_cli::run(std::env::args_os(), jiff::Timestamp::now)
}
