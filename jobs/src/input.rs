//! From paths to bytes: files, folders and archives, one after the other.
//!
//! Links are never followed, nothing is ever unpacked to disk, and of an
//! account archive only the table of activities and its recordings are opened.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use pipeline::decode::archive::{Archive, Content, Member, gunzip};
use pipeline::decode::strava::{ArchiveRow, read_table};
use pipeline::decode::{FileKind, Limits, recognise};
use storage::Code;
use walkdir::WalkDir;

use crate::report::Item;

/// How much of a file tells what it is.
const HEAD: u64 = 64 << 10;
/// Files that one import may take, archives counted once.
const FILES: usize = 5_000_000;
/// Folders inside one another.
const FOLDER_DEPTH: usize = 64;
/// What Strava calls its table of activities.
const TABLE: &str = "activities.csv";

/// One input, with its place in the walk.
pub enum Read {
    /// One that needs no decoding: ignored, or failed.
    Settled(usize, Item),
    /// Bytes to decode, or a row without.
    Loaded(Box<Loaded>),
}

/// Bytes to decode, gz and zip removed.
pub struct Loaded {
    /// Place in the walk.
    pub index: usize,
    /// Where they came from; a member of an archive stands after its path.
    pub path: String,
    /// Name without folders.
    pub file_name: String,
    /// The bytes; `None` for a row of an archive that has no file.
    pub bytes: Option<Vec<u8>>,
    /// What the archive's table says of it.
    pub row: Option<ArchiveRow>,
}

/// One thing that the walk found.
enum Entry {
    File { path: PathBuf, named: bool },
    Settled(Item),
}

/// The files below some paths, in a fixed order.
pub struct Walk {
    entries: Vec<Entry>,
}

/// Lists the files below `paths`: those of a folder by name, a table of
/// activities first, links left out.
pub fn walk(paths: &[PathBuf]) -> Walk {
    let mut entries = Vec::new();
    for named in paths {
        let walked = WalkDir::new(named)
            .follow_links(false)
            .follow_root_links(true)
            .max_depth(FOLDER_DEPTH)
            .sort_by_key(|entry| {
                let name = entry.file_name().to_owned();
                // A table comes before the recordings that it speaks of.
                (name != TABLE, name)
            });
        for found in walked {
            if entries.len() == FILES {
                entries.push(Entry::Settled(Item::failed_by(
                    named.display().to_string(),
                    Code::InputTooLarge,
                    format!("there are more than {FILES} files; the others were not looked at"),
                    "import its folders one after the other",
                )));
                return Walk { entries };
            }
            entries.push(match found {
                Ok(entry) if entry.file_type().is_dir() => continue,
                Ok(entry) if entry.file_type().is_file() || entry.depth() == 0 => {
                    let named = entry.depth() == 0;
                    Entry::File {
                        path: entry.into_path(),
                        named,
                    }
                }
                Ok(entry) => Entry::Settled(Item::ignored(
                    entry.path().display().to_string(),
                    "a link or no regular file",
                )),
                Err(error) => {
                    let path = error.path().unwrap_or(named).display().to_string();
                    Entry::Settled(unreadable(path, &error))
                }
            });
        }
    }
    Walk { entries }
}

impl Walk {
    /// How many files there are, archives counted once.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Reads them one after the other, giving each input to `give` until that
    /// answers false.
    pub fn read(self, limits: &Limits, give: &mut dyn FnMut(Read) -> bool) {
        let mut reading = Reading {
            limits: *limits,
            next: 0,
            give,
            tables: Tables::default(),
        };
        for entry in self.entries {
            let goes_on = match entry {
                Entry::Settled(item) => reading.settle(item),
                Entry::File { path, named } => reading.file(&path, named),
            };
            if !goes_on {
                return;
            }
        }
        reading.rows_left();
    }
}

fn unreadable(path: String, error: &dyn std::fmt::Display) -> Item {
    Item::failed_by(
        path,
        Code::UnreadablePath,
        format!("it cannot be read: {error}"),
        "check that it is there and may be read",
    )
}

/// Rows of tables of activities, by the path of the file that they speak of.
#[derive(Default)]
struct Tables {
    rows: HashMap<String, ArchiveRow>,
    /// Their files in the order of the table, with what came of the table.
    order: VecDeque<(String, String)>,
    /// The folder of an unpacked account archive that is being read.
    folder: Option<PathBuf>,
}

struct Reading<'a> {
    limits: Limits,
    next: usize,
    give: &'a mut dyn FnMut(Read) -> bool,
    tables: Tables,
}

impl Reading<'_> {
    fn place(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn settle(&mut self, item: Item) -> bool {
        let place = self.place();
        (self.give)(Read::Settled(place, item))
    }

    fn load(&mut self, path: String, bytes: Option<Vec<u8>>, row: Option<ArchiveRow>) -> bool {
        let index = self.place();
        let file_name = path.rsplit(['/', '\\']).next().unwrap_or(&path).to_owned();
        (self.give)(Read::Loaded(Box::new(Loaded {
            index,
            path,
            file_name,
            bytes,
            row,
        })))
    }

    /// A file on disk: a recording, gz, an archive, or something else.
    fn file(&mut self, path: &Path, named: bool) -> bool {
        let shown = path.display().to_string();
        if path.file_name().is_some_and(|name| name == TABLE) {
            return self.table_on_disk(path, &shown);
        }
        if let Some(folder) = &self.tables.folder
            && let Ok(inside) = path.strip_prefix(folder)
            && !inside.starts_with("activities")
        {
            return self.settle(Item::ignored(shown, "not needed of an account archive"));
        }
        let read = File::open(path).and_then(|mut file| {
            let size = file.metadata()?.len();
            let mut head = Vec::new();
            file.by_ref().take(HEAD).read_to_end(&mut head)?;
            Ok((file, size, head))
        });
        let (file, size, mut bytes) = match read {
            Ok(read) => read,
            Err(error) => return self.settle(unreadable(shown, &error)),
        };
        match recognise(&bytes) {
            None if named => {
                let error = pipeline::error::DecodeError::UnknownFormat;
                self.settle(Item::failed(shown, &error))
            }
            None => self.settle(Item::ignored(shown, "not a recording")),
            Some(FileKind::Zip) => match Archive::open(file, &self.limits) {
                Ok(archive) => self.archive(&shown, archive),
                Err(error) => self.settle(Item::failed(shown, &error)),
            },
            Some(_) if size > self.limits.bytes => {
                let what = "bytes in one recording";
                let error = pipeline::error::DecodeError::TooLarge {
                    what,
                    limit: self.limits.bytes,
                };
                self.settle(Item::failed(shown, &error))
            }
            Some(kind) => {
                // The size may lie; what is read is bounded all the same.
                let rest = self.limits.bytes.saturating_sub(bytes.len() as u64) + 1;
                if let Err(error) = file.take(rest).read_to_end(&mut bytes) {
                    return self.settle(unreadable(shown, &error));
                }
                self.bytes(path, shown, kind, bytes, named)
            }
        }
    }

    fn bytes(
        &mut self,
        path: &Path,
        shown: String,
        kind: FileKind,
        bytes: Vec<u8>,
        named: bool,
    ) -> bool {
        let bytes = match kind {
            FileKind::Gzip => match gunzip(bytes, &self.limits) {
                Ok(bytes) => bytes,
                Err(error) => return self.settle(Item::failed(shown, &error)),
            },
            _ => bytes,
        };
        match recognise(&bytes) {
            Some(FileKind::Zip) => match Archive::open(Cursor::new(bytes), &self.limits) {
                Ok(archive) => self.archive(&shown, archive),
                Err(error) => self.settle(Item::failed(shown, &error)),
            },
            None if !named => self.settle(Item::ignored(shown, "not a recording")),
            _ => {
                let row = self.tables.rows.remove(&path.display().to_string());
                self.load(shown, Some(bytes), row)
            }
        }
    }

    /// The table of an account archive that lies unpacked in a folder.
    fn table_on_disk(&mut self, path: &Path, shown: &str) -> bool {
        let read = File::open(path).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(self.limits.bytes + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(error) => return self.settle(unreadable(shown.to_owned(), &error)),
        };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let place = |file: &str| folder.join(file).display().to_string();
        let goes_on = self.table(shown, &bytes, &place);
        self.tables.folder = Some(folder);
        goes_on
    }

    /// Reads a table of activities: rows without a file go on at once, the
    /// others wait for theirs. `place` says where a file of the table lies.
    fn table(&mut self, shown: &str, bytes: &[u8], place: &dyn Fn(&str) -> String) -> bool {
        let rows = match read_table(bytes, &self.limits) {
            Ok(rows) => rows,
            Err(error) => return self.settle(Item::failed(shown.to_owned(), &error)),
        };
        for (number, row) in rows.into_iter().enumerate() {
            let line = format!("{shown}#{}", number + 1);
            let goes_on = match row {
                Err(error) => self.settle(Item::failed(line, &error)),
                Ok(row) => match row.file.as_deref().map(place) {
                    None => self.load(line, None, Some(row)),
                    Some(file) => {
                        self.tables.order.push_back((file.clone(), line));
                        self.tables.rows.insert(file, row);
                        true
                    }
                },
            };
            if !goes_on {
                return false;
            }
        }
        true
    }

    /// Rows whose file never came stand for themselves.
    fn rows_left(&mut self) -> bool {
        while let Some((file, line)) = self.tables.order.pop_front() {
            if let Some(row) = self.tables.rows.remove(&file)
                && !self.load(line, None, Some(row))
            {
                return false;
            }
        }
        true
    }

    fn archive(&mut self, shown: &str, archive: Archive<'_>) -> bool {
        for Member { path, content } in archive {
            let place = format!("{shown}/{path}");
            let goes_on = match content {
                Ok(Content::Ignored) => self.settle(Item::ignored(place, "not a recording")),
                Ok(Content::Recording(bytes)) => {
                    let row = self.tables.rows.remove(&place);
                    self.load(place, Some(bytes), row)
                }
                Ok(Content::Activities(bytes)) => {
                    let folder = place.strip_suffix(TABLE).unwrap_or_default().to_owned();
                    self.table(&place, &bytes, &|file| format!("{folder}{file}"))
                }
                Err(error) => self.settle(Item::failed(place, &error)),
            };
            if !goes_on {
                return false;
            }
        }
        self.rows_left()
    }
}
