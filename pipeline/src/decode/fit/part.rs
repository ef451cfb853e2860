//! Cutting chained files apart, and streaming the messages of one.
//!
//! The crate `rustyfit` reads the messages. Its own framing trusts the size in
//! the header; here each part is framed before, so that a part that is cut
//! off, damaged or was never closed gives what is good in it, and the part
//! after it is still found.

use std::cell::Cell;
use std::convert::Infallible;

use rustyfit::proto::{Message, MessageDefinition};
use rustyfit::{Decoder, DecoderEvent, StreamingIterator};

use crate::error::DecodeError;

/// One FIT file of a chain.
pub(super) struct Part<'a> {
    /// Its records, without header and checksum.
    body: &'a [u8],
    /// Bytes that the header promises and the file does not have.
    missing: u64,
    /// What follows in the chain.
    pub(super) rest: &'a [u8],
}

/// The part at the beginning of `bytes`; `None` where no header stands there.
pub(super) fn cut(bytes: &[u8]) -> Option<Part<'_>> {
    let header_size = usize::from(*bytes.first()?);
    if header_size < 12 || bytes.get(8..12) != Some(b".FIT") {
        return None;
    }
    let data_size = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?) as usize;
    let after_header = bytes.get(header_size..)?;
    // A recording that was never closed has no size: all that follows is it.
    if data_size == 0 || data_size > after_header.len() {
        return Some(Part {
            body: after_header,
            missing: data_size.saturating_sub(after_header.len()) as u64,
            rest: &[],
        });
    }
    let (body, tail) = after_header.split_at(data_size);
    Some(Part {
        body,
        missing: 0,
        // The checksum is not verified: good messages of a file with a bad
        // one are good all the same.
        rest: tail.get(2..).unwrap_or_default(),
    })
}

/// Gives the messages of `part` to `use_message`, in order, with those of
/// their fields that the file's own definition contradicts taken out.
///
/// Returns how many bytes could not be read, where there were any.
///
/// # Errors
/// Those of `use_message`, at once.
pub(super) fn read(
    part: &Part<'_>,
    mut use_message: impl FnMut(&Fields<'_>) -> Result<(), DecodeError>,
) -> Result<Option<u64>, DecodeError> {
    let read = Cell::new(0);
    let mut decoder = Decoder::builder()
        .checksum(false)
        .expand_components(false)
        .build();
    let mut stream = decoder.stream(Source {
        header: &ENDLESS_HEADER,
        body: part.body,
        read: &read,
    });
    let mut definitions = Definitions::default();
    while read.get() < part.body.len() {
        let begin = read.get();
        match stream.next() {
            Some(Ok(DecoderEvent::MessageDefinition(definition))) => {
                // No device writes fields without bytes, and messages of
                // nothing else would make a small file endless work.
                if has_empty_field(definition) {
                    return Ok(Some((part.body.len() - begin) as u64 + part.missing));
                }
                definitions.note(definition);
            }
            Some(Ok(DecoderEvent::Message(message))) => use_message(&Fields {
                message,
                contradicted: definitions.contradicted(message),
            })?,
            Some(Ok(DecoderEvent::FileHeader(_) | DecoderEvent::Crc(_))) => {}
            Some(Err(_)) | None => {
                return Ok(Some((part.body.len() - begin) as u64 + part.missing));
            }
        }
    }
    Ok((part.missing > 0).then_some(part.missing))
}

fn has_empty_field(definition: &MessageDefinition) -> bool {
    definition
        .field_definitions
        .iter()
        .any(|field| field.size == 0)
        || definition
            .developer_field_definitions
            .iter()
            .any(|field| field.size == 0)
}

/// A header that promises more than any body has, so that the end of the body
/// is always the end that counts.
const ENDLESS_HEADER: [u8; 14] = [
    14, 0x20, 0, 0, 0xff, 0xff, 0xff, 0xff, b'.', b'F', b'I', b'T', 0, 0,
];

/// A header, then a body, with a count of the body's bytes that were read.
struct Source<'a> {
    header: &'static [u8],
    body: &'a [u8],
    read: &'a Cell<usize>,
}

impl embedded_io::ErrorType for Source<'_> {
    type Error = Infallible;
}

impl embedded_io::Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        if !self.header.is_empty() {
            return self.header.read(into);
        }
        let count = self.body.read(into)?;
        self.read.set(self.read.get() + count);
        Ok(count)
    }
}

/// One message, as the assembling sees it.
pub(super) struct Fields<'a> {
    message: &'a Message,
    contradicted: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The number of the message in the global profile.
    pub(super) fn kind(&self) -> u16 {
        self.message.num.0
    }

    /// Its fields in file order, with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a rustyfit::proto::Field> {
        let contradicted = self.contradicted;
        self.message
            .fields
            .iter()
            .filter(move |field| !contradicted.contains(&field.num))
    }
}

/// Which fields of the sixteen current definitions are not read.
///
/// `rustyfit` reads a field by the type that the global profile gives it. A
/// file may define it otherwise (none of 556 real files does); such a field
/// would come out as another number, so it counts as absent.
#[derive(Default)]
struct Definitions {
    contradicted: [Vec<u8>; 16],
}

impl Definitions {
    fn note(&mut self, definition: &MessageDefinition) {
        let contradicted = &mut self.contradicted[usize::from(definition.header & 0x0f)];
        contradicted.clear();
        for field in &definition.field_definitions {
            let Some(reference) =
                rustyfit::profile::lookup::field_reference(definition.mesg_num, field.num)
            else {
                continue;
            };
            let expected = reference.base_type();
            // The top bit only repeats that the type has several bytes.
            let same_type = expected.0 & 0x1f == field.base_type.0 & 0x1f;
            if !same_type || field.size < expected.size() {
                contradicted.push(field.num);
            }
        }
    }

    fn contradicted(&self, message: &Message) -> &[u8] {
        let local = if message.header & 0x80 == 0 {
            message.header & 0x0f
        } else {
            (message.header >> 5) & 0x03
        };
        &self.contradicted[usize::from(local)]
    }
}
