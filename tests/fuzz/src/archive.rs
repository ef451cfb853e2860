//! Containers: zip archives, gz, and the ones inside one another. They stay
//! within their limits whatever they claim of themselves.

use std::io::Cursor;

use pipeline::decode::archive::{Archive, Content, gunzip};
use pipeline::decode::{FileKind, Limits, decode, recognise};

/// Small enough to be met by small inputs.
fn limits() -> Limits {
    Limits {
        bytes: 256 << 10,
        archive_members: 64,
        archive_bytes: 1 << 20,
        ..Limits::default()
    }
}

/// A zip archive, member by member.
pub fn archive(bytes: &[u8]) {
    let limits = limits();
    let Ok(archive) = Archive::open(Cursor::new(bytes), &limits) else {
        return;
    };
    let (mut members, mut unpacked) = (0, 0);
    for member in archive {
        members += 1;
        // Each archive inside another one has at most so many, and it stops.
        assert!(
            members <= limits.archive_members,
            "more members than allowed"
        );
        let Ok(content) = member.content else {
            continue;
        };
        match content {
            Content::Recording(bytes) => {
                unpacked += bytes.len() as u64;
                assert!(
                    bytes.len() as u64 <= limits.bytes,
                    "a member over its limit"
                );
                assert!(!matches!(
                    recognise(&bytes),
                    None | Some(FileKind::Gzip | FileKind::Zip)
                ));
                let _ = decode(&bytes, &limits);
            }
            Content::Activities(bytes) => {
                unpacked += bytes.len() as u64;
                assert!(bytes.len() as u64 <= limits.bytes, "a table over its limit");
            }
            Content::Ignored => {}
        }
    }
    assert!(unpacked <= limits.archive_bytes, "over the archive's limit");
}

/// gz, in as many layers as there are.
pub fn gz(bytes: &[u8]) {
    let limits = limits();
    let Ok(unpacked) = gunzip(bytes.to_vec(), &limits) else {
        return;
    };
    if recognise(bytes) == Some(FileKind::Gzip) {
        assert!(unpacked.len() as u64 <= limits.bytes, "over its limit");
        assert_ne!(
            recognise(&unpacked),
            Some(FileKind::Gzip),
            "a layer was left"
        );
    } else {
        assert_eq!(unpacked, bytes, "other bytes stay as they are");
    }
}
