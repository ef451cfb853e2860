//! The sample log, 519 watch files, against what fitdecode says of each.

use std::io::Read;

use crate::facts::{data, differences, of_fitdecode, ours};
use pacelake_pipeline::decode::{Limits, decode};
use serde_json::Value;

#[test]
fn every_file_of_the_log_says_what_fitdecode_says() {
    let text = std::fs::read_to_string(data("log/expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let files = expected["files"].as_array().unwrap();
    let mut wrong = Vec::new();
    for file in files {
        let name = file["file"].as_str().unwrap();
        let packed = std::fs::read(data("log").join(name)).unwrap();
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&packed[..])
            .read_to_end(&mut bytes)
            .unwrap();
        match decode(&bytes, &Limits::default()) {
            Ok(recordings) => {
                for (fact, ours, theirs) in differences(&ours(&recordings), &of_fitdecode(file)) {
                    wrong.push(format!("{name}: {fact}: ours {ours:?}, theirs {theirs:?}"));
                }
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(files.len(), 519);
}
