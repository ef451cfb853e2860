//! Plans, and what they cost when they are carried out.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const KB: u64 = 1 << 10;
const MB: u64 = 1 << 20;

fn file(id: i64, bytes: u64) -> FileFacts {
    FileFacts {
        id,
        bytes,
        rows: 100,
        deleted: 0,
        partition: 0,
        ours: true,
    }
}

fn of_sizes(sizes: impl IntoIterator<Item = u64>) -> Vec<FileFacts> {
    (1..)
        .zip(sizes)
        .map(|(id, bytes)| file(id, bytes))
        .collect()
}

/// A table whose files a plan rewrites, counted but not written.
#[derive(Default)]
struct Table {
    files: Vec<FileFacts>,
    next_id: i64,
    written: u64,
    rewritten: u64,
    /// The most often that bytes of one file were rewritten.
    times: BTreeMap<i64, u32>,
}

impl Table {
    fn append(&mut self, bytes: u64, partition: usize) {
        self.next_id += 1;
        self.files.push(FileFacts {
            partition,
            ..file(self.next_id, bytes)
        });
        self.written += bytes;
    }

    /// Carries plans out until there is none; answers the sizes that were
    /// rewritten.
    fn maintain(&mut self, mode: Mode) -> Vec<u64> {
        let mut sizes = Vec::new();
        loop {
            let tasks = plan(&self.files, mode);
            if tasks.is_empty() {
                return sizes;
            }
            let before = self.files.len();
            for task in tasks {
                let Task::Merge(ids) = task else {
                    panic!("all files are ours");
                };
                let (old, kept): (Vec<FileFacts>, _) = self
                    .files
                    .iter()
                    .copied()
                    .partition(|f| ids.contains(&f.id));
                assert_eq!(old.len(), ids.len(), "a file is in two tasks");
                self.files = kept;
                self.next_id += 1;
                let bytes = old.iter().map(|file| file.bytes).sum();
                assert!(bytes <= TARGET_BYTES);
                self.rewritten += bytes;
                sizes.extend(old.iter().map(|file| file.bytes));
                let times = old
                    .iter()
                    .map(|f| self.times.get(&f.id).copied().unwrap_or(0));
                self.times
                    .insert(self.next_id, 1 + times.max().unwrap_or(0));
                self.files.push(FileFacts {
                    partition: old[0].partition,
                    ..file(self.next_id, bytes)
                });
            }
            assert!(self.files.len() < before, "a round must leave fewer files");
        }
    }
}

#[test]
fn two_thousand_small_files_become_one() {
    let files = of_sizes((0..2000).map(|n| 3 * KB + n));
    let tasks = plan(&files, Mode::Whole);
    assert_eq!(tasks, [Task::Merge((1..=2000).collect())]);
    let mut table = Table::default();
    for _ in 0..2000 {
        table.append(200 * KB, 0);
    }
    table.maintain(Mode::Whole);
    // 400 MB make two files.
    assert_eq!(table.files.len(), 2);
}

#[test]
fn a_large_file_is_not_rewritten_for_a_small_one() {
    for mode in [Mode::Whole, Mode::Served] {
        let sizes = [FULL_BYTES].into_iter().chain((0..300).map(|_| 5 * KB));
        let tasks = plan(&of_sizes(sizes), mode);
        assert!(!tasks.is_empty());
        for task in tasks {
            assert!(matches!(task, Task::Merge(ids) if !ids.contains(&1)));
        }
    }
    // One that is neither full nor cheap waits for enough company.
    assert_eq!(plan(&of_sizes([100 * MB, 5 * KB]), Mode::Whole), []);
    assert_eq!(
        plan(&of_sizes([40 * MB, 8 * MB, 5 * MB]), Mode::Whole),
        [Task::Merge(vec![1, 2, 3])]
    );
}

#[test]
fn a_served_table_waits_until_it_pays() {
    let few = of_sizes((0..199).map(|_| 5 * KB));
    assert_eq!(plan(&few, Mode::Served), []);
    let many = of_sizes((0..200).map(|_| 5 * KB));
    assert_eq!(
        plan(&many, Mode::Served),
        [Task::Merge((1..=200).collect())]
    );
    // In many partitions no level is ever full.
    let spread: Vec<FileFacts> = many
        .iter()
        .map(|file| FileFacts {
            partition: (file.id % 10) as usize,
            ..*file
        })
        .collect();
    let tasks = plan(&spread, Mode::Served);
    assert_eq!(tasks.len(), 10);
}

#[test]
fn files_with_many_deleted_rows_shrink() {
    let mut large = file(1, 200 * MB);
    large.deleted = 25;
    assert_eq!(plan(&[large], Mode::Served), []);
    large.deleted = 26;
    assert_eq!(plan(&[large], Mode::Served), [Task::Merge(vec![1])]);
    let small = FileFacts {
        bytes: 4 * KB,
        ..large
    };
    assert_eq!(plan(&[small], Mode::Served), []);
    assert_eq!(plan(&[small], Mode::Whole), [Task::Merge(vec![1])]);
}

#[test]
fn foreign_files_are_laid_anew_first() {
    let mut files = of_sizes([5 * KB, 6 * KB, 300 * MB, 7 * KB]);
    for foreign in [1, 2] {
        files[foreign].ours = false;
    }
    assert_eq!(
        plan(&files, Mode::Whole),
        [
            Task::Relay(vec![2]),
            Task::Relay(vec![3]),
            Task::Merge(vec![1, 4])
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever sizes come, rows are rewritten about as often as the table
    /// has levels, and few files stay.
    #[test]
    fn a_row_is_rewritten_once_a_level(
        sizes in prop::collection::vec(100u64..(2 * MB), 1000..4000),
        partitions in 1usize..4,
    ) {
        let mut table = Table::default();
        for (nth, bytes) in sizes.iter().enumerate() {
            table.append(*bytes, nth % partitions);
            table.maintain(Mode::Served);
        }
        let levels = (table.written / LOWEST_BYTES).max(1).ilog(FAN as u64) + 2;
        prop_assert!(table.rewritten <= table.written * u64::from(levels));
        let most = table.times.values().max().copied().unwrap_or(0);
        prop_assert!(most <= 2 * levels, "{most} times in {levels} levels");
        let full = (table.written / FULL_BYTES) as usize;
        prop_assert!(table.files.len() <= SMALL_FILES + full + partitions);
    }

    /// A nightly run over all there is rewrites no more than the logarithm
    /// of the table, and leaves a few files a partition.
    #[test]
    fn a_run_over_all_pays_too(
        days in prop::collection::vec(prop::collection::vec(1_000u64..MB, 1..30), 1..150),
    ) {
        let mut table = Table::default();
        for day in &days {
            for bytes in day {
                table.append(*bytes, 0);
            }
            table.maintain(Mode::Whole);
        }
        let cheap = CHEAP_BYTES * days.len() as u64;
        let log = u64::from((table.written / LOWEST_BYTES).max(2).ilog2());
        prop_assert!(table.rewritten <= table.written * log + cheap);
        let full = (table.written / FULL_BYTES) as usize;
        prop_assert!(table.files.len() <= full + 6);
    }

    /// No file is in two tasks, and no task mixes partitions.
    #[test]
    fn tasks_do_not_meet(
        files in prop::collection::vec(
            (1u64..(400 * MB), 1u64..1000, 0u64..1000, 0usize..5, any::<bool>()),
            0..600,
        ),
        served in any::<bool>(),
    ) {
        let files: Vec<FileFacts> = (1..).zip(files).map(|(id, (bytes, rows, deleted, partition, ours))| {
            FileFacts { id, bytes, rows, deleted: deleted.min(rows), partition, ours }
        }).collect();
        let mode = if served { Mode::Served } else { Mode::Whole };
        let mut seen = std::collections::BTreeSet::new();
        for task in plan(&files, mode) {
            let (ids, merged) = match task {
                Task::Merge(ids) => (ids, true),
                Task::Relay(ids) => (ids, false),
            };
            let facts: Vec<&FileFacts> = files.iter().filter(|f| ids.contains(&f.id)).collect();
            prop_assert_eq!(facts.len(), ids.len());
            prop_assert!(ids.iter().all(|id| seen.insert(*id)));
            prop_assert!(facts.iter().all(|file| file.ours == merged));
            if merged {
                prop_assert!(facts.iter().all(|file| file.partition == facts[0].partition));
            }
        }
    }
}
