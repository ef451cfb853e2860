//! Containers: zip archives member by member, and gz.
//!
//! One member is in memory at a time, nothing is ever written, and member
//! paths are only reported. In Strava's account archive only `activities.csv`
//! and what lies under `activities/` is opened: the rest holds mail addresses,
//! contacts and log-ins.

use std::io::{Cursor, Read, Seek, SeekFrom};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use super::limits::{Limits, check};
use super::{FileKind, recognise};
use crate::error::DecodeError;

/// One member of an archive.
#[derive(Debug)]
pub struct Member {
    /// Its path, with those of the archives around it before it:
    /// `outer.zip/inner.fit`.
    pub path: String,
    /// What it holds.
    pub content: Result<Content, DecodeError>,
}

/// What a member holds.
#[derive(Debug, PartialEq)]
pub enum Content {
    /// Something that [`decode`](super::decode) may read, gz removed.
    Recording(Vec<u8>),
    /// Strava's table of activities, for
    /// [`read_table`](super::strava::read_table); it comes before the
    /// recordings that it speaks of.
    Activities(Vec<u8>),
    /// Another kind of file, a link, or what may not be opened.
    Ignored,
}

/// What an archive is read from.
trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// The members of a zip archive and of archives inside it, one after the
/// other, folders left out.
pub struct Archive<'a> {
    limits: Limits,
    /// The archives that are open, the innermost last.
    open: Vec<Open<'a>>,
    /// Members met so far, in all archives.
    members: usize,
    budget: Budget,
}

/// Bytes that may still be unpacked. What was unpacked in vain counts, so that
/// the work is bounded too.
struct Budget {
    spent: u64,
    limit: u64,
}

struct Open<'a> {
    zip: ZipArchive<Box<dyn Source + 'a>>,
    /// Path of the archive itself; empty for the outermost.
    path: String,
    /// Indices of its members in the order in which they are given, last first.
    rest: Vec<usize>,
    /// The folder of Strava's table of activities, where there is one.
    strava: Option<String>,
}

/// What an archive may unpack to, however small it is.
const UNPACKED_AT_LEAST: u64 = 64 << 20;

/// What a member may unpack to, however small it is.
const MEMBER_AT_LEAST: u64 = 1 << 20;

impl<'a> Archive<'a> {
    /// Opens an archive and reads its directory.
    ///
    /// # Errors
    /// Where `source` is no zip archive, and where it has too many members.
    pub fn open(
        mut source: impl Read + Seek + Send + 'a,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let size = source
            .seek(SeekFrom::End(0))
            .map_err(DecodeError::archive)?;
        source.rewind().map_err(DecodeError::archive)?;
        // Archives can be made whose members share their bytes, so each
        // member alone is within bounds; the whole is bounded too.
        let expanded = size.saturating_mul(limits.expansion);
        let mut archive = Self {
            limits: *limits,
            open: Vec::new(),
            members: 0,
            budget: Budget {
                spent: 0,
                limit: limits.archive_bytes.min(expanded.max(UNPACKED_AT_LEAST)),
            },
        };
        archive.enter(Box::new(source), String::new())?;
        Ok(archive)
    }

    fn enter(&mut self, source: Box<dyn Source + 'a>, path: String) -> Result<(), DecodeError> {
        check(
            self.open.len() + 1,
            self.limits.container_depth,
            "containers inside one another",
        )?;
        let zip = ZipArchive::new(source).map_err(DecodeError::archive)?;
        self.members += zip.len();
        check(
            self.members,
            self.limits.archive_members,
            "members in one archive",
        )?;
        let mut order: Vec<usize> = (0..zip.len()).collect();
        let mut strava = None;
        for index in 0..zip.len() {
            if let Some(folder) = folder_of_table(&name_of(&zip, index)) {
                strava = Some(folder.to_owned());
                order.retain(|other| *other != index);
                order.insert(0, index);
                break;
            }
        }
        order.reverse();
        self.open.push(Open {
            zip,
            path,
            rest: order,
            strava,
        });
        Ok(())
    }

    /// The bytes of a member of the innermost archive; `None` where it is a
    /// folder, a link or not to be opened.
    fn read(&mut self, index: usize) -> Result<Option<Vec<u8>>, DecodeError> {
        let Some(archive) = self.open.last_mut() else {
            return Ok(None);
        };
        let member = archive.zip.by_index(index).map_err(DecodeError::archive)?;
        if !member.is_file() || member.is_symlink() {
            return Ok(None);
        }
        let packed = member.compressed_size();
        let (bytes, ended) = read_bounded(member, packed, &self.limits, &mut self.budget)?;
        ended.map_err(DecodeError::archive)?;
        Ok(Some(bytes))
    }

    /// What the bytes of a member are; an archive among them is entered.
    fn content(&mut self, path: &str, bytes: Vec<u8>) -> Result<Option<Content>, DecodeError> {
        let is_table = self
            .open
            .last()
            .and_then(|archive| archive.strava.as_deref())
            .is_some_and(|folder| folder_of_table(path) == Some(folder));
        if is_table {
            return Ok(Some(Content::Activities(bytes)));
        }
        let depth = self.open.len() as u64;
        let bytes = remove_gzip(bytes, &self.limits, &mut self.budget, depth)?;
        match recognise(&bytes) {
            Some(
                FileKind::Fit
                | FileKind::Gpx
                | FileKind::Tcx
                | FileKind::StravaRow
                | FileKind::StravaApi,
            ) => Ok(Some(Content::Recording(bytes))),
            Some(FileKind::Zip) => {
                let inner = format!("{}{path}/", self.prefix());
                self.enter(Box::new(Cursor::new(bytes)), inner)?;
                Ok(None)
            }
            Some(FileKind::Gzip) | None => Ok(Some(Content::Ignored)),
        }
    }

    fn prefix(&self) -> &str {
        self.open.last().map_or("", |archive| archive.path.as_str())
    }
}

impl Iterator for Archive<'_> {
    type Item = Member;

    /// The next member. After a limit of the whole archive was passed there is
    /// none.
    fn next(&mut self) -> Option<Member> {
        loop {
            let archive = self.open.last_mut()?;
            let Some(index) = archive.rest.pop() else {
                self.open.pop();
                continue;
            };
            let name = name_of(&archive.zip, index);
            if name.ends_with('/') || name.ends_with('\\') {
                continue;
            }
            let path = format!("{}{name}", archive.path);
            let may_open = archive
                .strava
                .as_deref()
                .is_none_or(|folder| is_wanted(folder, &name));
            let content = if may_open {
                self.read(index).and_then(|bytes| match bytes {
                    Some(bytes) => self.content(&name, bytes),
                    None => Ok(Some(Content::Ignored)),
                })
            } else {
                Ok(Some(Content::Ignored))
            };
            let content = match content {
                Ok(Some(content)) => Ok(content),
                // An archive: its members come next.
                Ok(None) => continue,
                Err(error) => {
                    if self.budget.spent >= self.budget.limit {
                        self.open.clear();
                    }
                    Err(error)
                }
            };
            return Some(Member { path, content });
        }
    }
}

/// The path of a member; its number where the path is no text.
fn name_of<R: Read + Seek>(zip: &ZipArchive<R>, index: usize) -> String {
    match zip.name_for_index(index) {
        Some(Ok(name)) => name.into_owned(),
        Some(Err(_)) | None => format!("member {index}"),
    }
}

/// Takes gz off `bytes`, as many layers as there are; other bytes stay as they
/// are. Of a gz file that is cut off, what could be unpacked.
///
/// # Errors
/// Where the gz is damaged before its end, and beyond `limits`.
pub fn gunzip(bytes: Vec<u8>, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    let mut budget = Budget {
        spent: 0,
        limit: limits.archive_bytes,
    };
    remove_gzip(bytes, limits, &mut budget, 0)
}

fn remove_gzip(
    mut bytes: Vec<u8>,
    limits: &Limits,
    budget: &mut Budget,
    mut depth: u64,
) -> Result<Vec<u8>, DecodeError> {
    while recognise(&bytes) == Some(FileKind::Gzip) {
        depth += 1;
        if depth > limits.container_depth {
            return Err(DecodeError::TooLarge {
                what: "containers inside one another",
                limit: limits.container_depth,
            });
        }
        let packed = bytes.len() as u64;
        let source = MultiGzDecoder::new(bytes.as_slice());
        let (unpacked, ended) = read_bounded(source, packed, limits, budget)?;
        if let Err(error) = ended
            && (error.kind() != std::io::ErrorKind::UnexpectedEof || unpacked.is_empty())
        {
            return Err(DecodeError::archive(error));
        }
        bytes = unpacked;
    }
    Ok(bytes)
}

/// What `source` gives, and whether it ended well; at most what a member of
/// `packed` bytes may grow to, and what is left of `budget`.
fn read_bounded(
    source: impl Read,
    packed: u64,
    limits: &Limits,
    budget: &mut Budget,
) -> Result<(Vec<u8>, std::io::Result<()>), DecodeError> {
    let grown = packed.saturating_mul(limits.expansion).max(MEMBER_AT_LEAST);
    let left = budget.limit.saturating_sub(budget.spent);
    let (most, what, limit) = [
        (limits.bytes, "bytes in one recording", limits.bytes),
        (grown, "times its packed size", limits.expansion),
        (left, "bytes unpacked from one archive", budget.limit),
    ]
    .into_iter()
    .min_by_key(|(most, _, _)| *most)
    .expect("three bounds");
    let mut bytes = Vec::new();
    let ended = source.take(most.saturating_add(1)).read_to_end(&mut bytes);
    budget.spent += bytes.len() as u64;
    if bytes.len() as u64 > most {
        return Err(DecodeError::TooLarge { what, limit });
    }
    Ok((bytes, ended.map(|_| ())))
}

/// The folder of Strava's table of activities, where `path` is one: the root
/// of an account archive, or the one folder that it was packed with.
fn folder_of_table(path: &str) -> Option<&str> {
    let folder = path.strip_suffix("activities.csv")?;
    let depth = folder.matches('/').count();
    (folder.is_empty() || (folder.ends_with('/') && depth == 1)).then_some(folder)
}

/// Whether a member of an account archive may be opened.
fn is_wanted(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|inside| inside == "activities.csv" || inside.starts_with("activities/"))
}
