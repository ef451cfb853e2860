//! Which files to rewrite: a pure function of their sizes.
//!
//! Files are merged by levels. A level holds files of like size, each level
//! [`FAN`] times larger than the one below; a merge takes files of one level
//! and makes one of the next. So a row is rewritten about once a level, a
//! number that grows with the logarithm of the table, and a large file is
//! never rewritten for the sake of a small one.

use std::collections::BTreeMap;

/// How many files of a level make one of the next.
pub const FAN: usize = 32;
/// From how many small files on a table is maintained while it is served.
pub const SMALL_FILES: usize = 200;
/// About how large files become, in bytes.
pub const TARGET_BYTES: u64 = 256 << 20;
/// Files of this size, in bytes, are large enough to stay as they are.
const FULL_BYTES: u64 = TARGET_BYTES / 2;
/// Files below this size, in bytes, are merged with any other when all is to
/// be merged: so little costs nothing.
const CHEAP_BYTES: u64 = 16 << 20;
/// Otherwise a file is merged only with others that together have at least
/// this part of its size.
const WORTH: u64 = 4;
/// More files than [`FAN`] are merged at once while they have fewer bytes
/// together than this.
const LIGHT_BYTES: u64 = 32 << 20;
/// A file is rewritten once more than this part of its rows is deleted.
const DELETED_PART: u64 = 4;
/// Below this size, in bytes, a file is not rewritten for its deleted rows
/// alone while a table is served.
const WORTH_SHRINKING_BYTES: u64 = 1 << 20;
/// Files below this size, in bytes, are of the lowest level.
const LOWEST_BYTES: u64 = 4096;

/// How much is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All there is.
    Whole,
    /// What a table needs that is being written to, once it has
    /// [`SMALL_FILES`] small files.
    Served,
}

/// A live file, as far as a plan needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Its id.
    pub id: i64,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its rows, deleted ones included.
    pub rows: u64,
    /// How many of them are deleted.
    pub deleted: u64,
    /// Which partition of its table it is of.
    pub partition: usize,
    /// Whether its rows lie as we lay them: sorted, in our layout.
    pub ours: bool,
}

impl FileFacts {
    /// About how many bytes its live rows take.
    fn live_bytes(&self) -> u64 {
        let live = u128::from(self.rows.saturating_sub(self.deleted));
        let bytes = u128::from(self.bytes) * live / u128::from(self.rows.max(1));
        bytes as u64
    }

    fn level(&self) -> u32 {
        (self.live_bytes() / LOWEST_BYTES).max(1).ilog(FAN as u64)
    }

    fn is_small(&self) -> bool {
        self.live_bytes() < FULL_BYTES
    }

    fn shrinks(&self, mode: Mode) -> bool {
        let worth = match mode {
            Mode::Whole => true,
            Mode::Served => self.bytes >= WORTH_SHRINKING_BYTES,
        };
        worth && self.deleted * DELETED_PART > self.rows
    }
}

/// Files to rewrite in one commit, in rising order of ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Sorted files of one partition become one; a single file loses its
    /// deleted rows.
    Merge(Vec<i64>),
    /// Files of other writers are laid as ours are.
    Relay(Vec<i64>),
}

/// What to do with the files of one table. Done again and again, until there
/// is nothing to do, it comes to an end: each merge leaves fewer files.
pub fn plan(files: &[FileFacts], mode: Mode) -> Vec<Task> {
    let foreign: Vec<&FileFacts> = files.iter().filter(|file| !file.ours).collect();
    let mut tasks: Vec<Task> = bundles(&foreign, usize::MAX)
        .into_iter()
        .map(|bundle| Task::Relay(ids(&bundle)))
        .collect();
    let mut partitions: BTreeMap<usize, Vec<&FileFacts>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.ours) {
        partitions.entry(file.partition).or_default().push(file);
    }
    let merges = match mode {
        Mode::Whole => partitions.values().flat_map(|files| whole(files)).collect(),
        Mode::Served => served(&partitions),
    };
    let merged: Vec<Vec<i64>> = merges.iter().map(|files| ids(files)).collect();
    let shrinking = files
        .iter()
        .filter(|file| file.ours && file.shrinks(mode))
        .filter(|file| !merged.iter().any(|ids| ids.binary_search(&file.id).is_ok()))
        .map(|file| vec![file.id]);
    let alone: Vec<Vec<i64>> = shrinking.collect();
    tasks.extend(merged.into_iter().chain(alone).map(Task::Merge));
    tasks
}

/// Merges of everything small in a partition that is worth it.
fn whole<'f>(files: &[&'f FileFacts]) -> Vec<Vec<&'f FileFacts>> {
    let mut small: Vec<&FileFacts> = files.iter().copied().filter(|f| f.is_small()).collect();
    small.sort_unstable_by_key(|file| (file.live_bytes(), file.id));
    let mut below = 0;
    let worth = small.iter().take_while(|file| {
        let bytes = file.live_bytes();
        let worth = bytes < CHEAP_BYTES || bytes <= WORTH.saturating_mul(below);
        below += bytes;
        worth
    });
    let worth = worth.count();
    let mut merges = bundles(&small[..worth], FAN);
    merges.retain(|files| files.len() > 1);
    merges
}

/// Merges of full levels, once there are many small files. Where they lie in
/// so many partitions that no level is full, half a level does, and so on.
fn served<'f>(partitions: &BTreeMap<usize, Vec<&'f FileFacts>>) -> Vec<Vec<&'f FileFacts>> {
    let mut levels: BTreeMap<(usize, u32), Vec<&FileFacts>> = BTreeMap::new();
    let mut small = 0;
    for (partition, files) in partitions {
        for file in files.iter().filter(|file| file.is_small()) {
            small += 1;
            levels
                .entry((*partition, file.level()))
                .or_default()
                .push(file);
        }
    }
    if small < SMALL_FILES {
        return Vec::new();
    }
    let mut fan = FAN;
    while fan > 1 {
        let full = |bundle: &Vec<&FileFacts>| {
            let bytes: u64 = bundle.iter().map(|file| file.live_bytes()).sum();
            bundle.len() >= fan || (bundle.len() > 1 && bytes >= FULL_BYTES)
        };
        let merges: Vec<_> = levels
            .values()
            .flat_map(|files| bundles(files, fan))
            .filter(full)
            .collect();
        if !merges.is_empty() {
            return merges;
        }
        fan /= 2;
    }
    Vec::new()
}

/// Cuts files into bundles of so many, of more where they are light, and of
/// about [`TARGET_BYTES`] at most.
fn bundles<'f>(files: &[&'f FileFacts], count: usize) -> Vec<Vec<&'f FileFacts>> {
    let mut bundles: Vec<Vec<&FileFacts>> = Vec::new();
    let mut bytes = 0;
    for file in files {
        let with = bytes + file.live_bytes();
        match bundles.last_mut() {
            Some(bundle)
                if with <= TARGET_BYTES && (bundle.len() < count || with <= LIGHT_BYTES) =>
            {
                bundle.push(file);
                bytes = with;
            }
            Some(_) | None => {
                bundles.push(vec![file]);
                bytes = file.live_bytes();
            }
        }
    }
    bundles
}

fn ids(files: &[&FileFacts]) -> Vec<i64> {
    let mut ids: Vec<i64> = files.iter().map(|file| file.id).collect();
    ids.sort_unstable();
    ids
}

#[cfg(test)]
mod tests;
