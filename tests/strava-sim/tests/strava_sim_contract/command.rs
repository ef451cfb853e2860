//! The simulator as a command: what it says to whoever starts it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn it_prints_every_setting_that_pacelake_needs() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pacelake-strava-sim"))
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut names = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some((name, _)) = line.split_once('=') {
            names.push(name.to_owned());
        }
        // Programs read no further.
        if line.starts_with("PACELAKE_STRAVA_API_URL=") {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let expected = [
        "PACELAKE_STRAVA_CLIENT_ID",
        "PACELAKE_STRAVA_CLIENT_SECRET",
        "PACELAKE_STRAVA_RETENTION",
        "PACELAKE_STRAVA_OAUTH_URL",
        "PACELAKE_STRAVA_API_URL",
    ];
    assert_eq!(names, expected);
}
