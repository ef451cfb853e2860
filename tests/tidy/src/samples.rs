//! No sample without its source and licence.

use std::fs;
use std::path::Path;

/// The files below `folder` of which `sources` names neither the file nor a
/// folder that it lies in, by their path below it; what begins
/// with one of `apart` needs no source.
pub fn unnamed(folder: &Path, sources: &str, apart: &[&str]) -> Vec<String> {
    let mut files = Vec::new();
    collect(folder, folder, &mut files);
    files.sort();
    files
        .into_iter()
        .filter(|file| {
            let (folders, name) = file.rsplit_once('/').unwrap_or(("", file));
            let mut folders = folders.split('/');
            let named = sources.contains(name)
                || folders.any(|folder| sources.contains(&format!("| {folder}/ |")));
            !named && !apart.iter().any(|apart| file.starts_with(apart))
        })
        .collect()
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a listed entry can be read").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let below = path.strip_prefix(root).expect("it was found below root");
            files.push(below.to_string_lossy().into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{read, root};

    #[test]
    fn every_file_of_the_log_is_named_in_its_expectations() {
        let expected = read("data/log/expected.json");
        let apart = ["LICENSE-CC-BY-4.0.md", "expected.json"];
        let unnamed = unnamed(&root().join("data/log"), &expected, &apart);
        assert_eq!(unnamed, Vec::<String>::new());
    }

    #[test]
    fn every_recording_has_a_source() {
        let sources = read("data/recordings/SOURCES.md");
        let apart = ["SOURCES.md", "expected.json", "licences/"];
        let unnamed = unnamed(&root().join("data/recordings"), &sources, &apart);
        assert_eq!(unnamed, Vec::<String>::new(), "name them in SOURCES.md");
    }

    #[test]
    fn a_file_without_source_is_told() {
        let folder = root().join("data/log/2022");
        assert_eq!(unnamed(&folder, "", &[]).len(), 55);
        assert!(unnamed(&folder, "", &[""]).is_empty());
    }
}
