//! Servers that end when the tests do, however those end.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Ports below those that the system gives to connections.
const PORTS: std::ops::Range<u16> = 15_000..32_000;
/// Waits until standard input ends, which is when the test process is gone;
/// then ends the server and removes its folder ($2).
const KEEPER: &str = r#"
server=$!
read -r _
kill -"$SIGNAL" $server
wait $server
rm -rf "$2"
"#;

/// Starts a server by a shell: `start`, a script that puts one in the
/// background, with `arguments` as `$1` and so on, of which `$2` is the
/// server's folder. `signal` ends it without delay.
pub(super) fn keep(shell: &mut Command, start: &str, signal: &str, arguments: &[PathBuf]) -> Child {
    shell
        .args(["-c", &format!("{start}{KEEPER}"), "keeper"])
        .args(arguments)
        .env("SIGNAL", signal)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // An interrupt from the terminal is for the tests; the keeper then
        // cleans up.
        .process_group(0)
        .spawn()
        .expect("a shell can be started")
}

/// Runs a command that must succeed.
pub(super) fn run(command: &mut Command) {
    let done = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(
        done.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Ports that nobody listens on at this moment.
pub(super) fn free_ports<const N: usize>() -> [u16; N] {
    let mut held = Vec::new();
    let mut random = u64::from(std::process::id());
    while held.len() < N {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u64(random);
        random = hasher.finish();
        let span = u64::from(PORTS.end - PORTS.start);
        let port = PORTS.start + (random % span) as u16;
        held.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
    }
    std::array::from_fn(|n| held[n].local_addr().expect("it is bound").port())
}
