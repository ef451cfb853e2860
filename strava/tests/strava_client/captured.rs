//! Answers of the real Strava; `tests/captured/SOURCES.md` says whence.

use crate::player::Reply;

/// The captured answer of this name, with its headers.
pub fn captured(name: &str) -> Reply {
    let path = format!("{}/tests/captured/{name}.http", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap()[..3].parse().unwrap();
    let mut reply = Reply::new(status, bytes[end + 2..].to_vec());
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        reply = reply.with(name, value);
    }
    reply
}
