//! An activity as Strava's API tells it.
//!
//! Strava answers with two pieces of JSON: the activity in detail, and its
//! streams. [`document`] makes of them what is kept as a raw input: one JSON
//! object that names its shape and version, with the fields that pacelake needs
//! and no others, in one order. Counts that change by themselves, other people's
//! names, photos and efforts on segments are not among them, so that answers
//! which say the same of the outing give the same bytes. [`decode`](crate::decode::decode)
//! makes the recording of such a document.
//!
//! Streams that Strava computes are left out: `velocity_smooth` and
//! `grade_smooth` follow from others that are kept, and `moving` is its own
//! judgement of what a pause is, where ours is a definition that is the same for
//! every source.

mod read;
mod write;

pub(in crate::decode) use read::decode_document;
pub use write::document;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

use crate::decode::timestamp;
use crate::error::DecodeError;
use crate::recording::Format;
use crate::times;

/// The version of a document's shape.
const VERSION: u8 = 1;
/// How every document begins.
const BEGINNING: &[u8] = b"{\"strava_api\":";
/// Bytes of one answer, and of a document.
const MAX_BYTES: u64 = 64 << 20;
/// Entries of one stream, and laps: as many as any recording may have.
const MAX_ENTRIES: usize = 2_000_000;

/// Whether `bytes` are a document as [`document`] makes it.
pub(in crate::decode) fn is_document(bytes: &[u8]) -> bool {
    bytes.starts_with(BEGINNING)
}

/// An instant as Strava writes it, in UTC ms since 1970.
fn instant_ms(text: &str) -> Option<i64> {
    times::round_ms(timestamp::parse(text)?.unix_ms)
}

fn damaged(reason: &'static str) -> DecodeError {
    DecodeError::Damaged {
        format: Format::StravaApi,
        source: Some(reason.into()),
    }
}

fn no_json(source: serde_json::Error) -> DecodeError {
    DecodeError::Damaged {
        format: Format::StravaApi,
        source: Some(source.into()),
    }
}

/// A list that ends the reading once it is longer than any real one, rather
/// than fill the memory.
struct Bounded<T>(Vec<T>);

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Bounded<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element()? {
                    if entries.len() == MAX_ENTRIES {
                        return Err(A::Error::custom("the list is too long"));
                    }
                    entries.push(entry);
                }
                Ok(Bounded(entries))
            }
        }

        deserializer.deserialize_seq(Entries(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests;
