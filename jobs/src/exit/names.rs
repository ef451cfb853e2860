//! Names of originals: as they were, as far as one folder can hold them.

use std::collections::HashSet;

/// How many characters of the hash make a name unlike others.
const HASH_CHARS: usize = 12;
/// The longest name that is kept, in bytes: file systems take 255.
const NAME_BYTES: usize = 180;

/// Gives out names of one folder, each once.
#[derive(Debug, Default)]
pub struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// The name for an original of that hash that came as `file_name`. `.gz`
    /// goes, since the bytes are unpacked; what a file system may refuse is
    /// replaced; of two alike the second has some of its hash before its
    /// ending.
    pub fn give(&mut self, file_name: &str, sha256: &str) -> String {
        let plain = plain(file_name);
        let hash: String = sha256.chars().take(HASH_CHARS).collect();
        let name = match plain.is_empty() {
            true => hash.clone(),
            false => plain,
        };
        // Some file systems take upper and lower case for the same.
        if self.taken.insert(name.to_lowercase()) {
            return name;
        }
        let (stem, ending) = match name.rsplit_once('.') {
            Some((stem, ending)) if !stem.is_empty() => (stem, format!(".{ending}")),
            Some(_) | None => (name.as_str(), String::new()),
        };
        let mut unlike = format!("{stem}-{hash}{ending}");
        let mut count = 1;
        while !self.taken.insert(unlike.to_lowercase()) {
            count += 1;
            unlike = format!("{stem}-{hash}-{count}{ending}");
        }
        unlike
    }
}

fn plain(file_name: &str) -> String {
    let last = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let unpacked = match last.len().checked_sub(3) {
        Some(at) if last.is_char_boundary(at) && last[at..].eq_ignore_ascii_case(".gz") => {
            &last[..at]
        }
        Some(_) | None => last,
    };
    let fits = |c: char| !c.is_control() && !r#"<>:"|?*"#.contains(c);
    let mut name: String = unpacked
        .chars()
        .map(|c| if fits(c) { c } else { '_' })
        .collect();
    while name.len() > NAME_BYTES {
        name.remove(0);
    }
    name.trim_matches(['.', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_as_they_were_unless_they_cannot() {
        let mut names = Names::default();
        let hash = "0123456789abcdef";
        for (given, expected) in [
            ("run.fit.gz", "run.fit"),
            ("RUN.FIT", "RUN-0123456789ab.FIT"),
            ("run.fit", "run-0123456789ab-2.fit"),
            ("a/b\\c.gpx", "c.gpx"),
            ("..", "0123456789ab"),
            ("wo?*rk.tcx", "wo__rk.tcx"),
            ("größe.fit", "größe.fit"),
        ] {
            assert_eq!(names.give(given, hash), expected, "{given}");
        }
        assert!(names.give(&"ü".repeat(300), hash).len() <= NAME_BYTES);
    }
}
