//! Reads recordings with one Rust reader, as its documentation shows, and
//! prints how long each pass over all of them took.
//!
//! ```text
//! pacelake-bench-peers READER PASSES < list-of-paths
//! ```
//!
//! Files are in memory before the clock starts; those that it cannot read are
//! named.

use std::hint::black_box;
use std::io::{BufReader, Read};
use std::time::Instant;

use rustyfit::profile::typedef::MesgNum;
use rustyfit::proto::{Field, Message};
use rustyfit::{Decoder, DecoderEvent, StreamingIterator};

/// As pacelake has it, so that what differs is the reading.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A reader: the samples of a file, `None` where it gives none.
type Reader = fn(&[u8]) -> Option<usize>;

const READERS: &[(&str, Reader)] = &[
    ("fitparser", by_fitparser),
    ("fit-rust", by_fit_rust),
    ("rustyfit", by_rustyfit),
    ("rustyfit-lean", by_rustyfit_lean),
    ("rustyfit-stream", by_rustyfit_stream),
    ("gpx", by_gpx),
    ("tcx", by_tcx),
];

fn by_fitparser(bytes: &[u8]) -> Option<usize> {
    let messages = fitparser::from_bytes(bytes).ok()?;
    let record = fitparser::profile::MesgNum::Record;
    Some(messages.iter().filter(|message| message.kind() == record).count())
}

fn by_fit_rust(bytes: &[u8]) -> Option<usize> {
    use fit_rust::protocol::FitMessage;
    use fit_rust::protocol::message_type::MessageType;

    let fit = fit_rust::Fit::read(bytes.to_vec()).ok()?;
    let is_record = |message: &&FitMessage| match message {
        FitMessage::Data(data) => matches!(data.data.message_type, MessageType::Record),
        FitMessage::Definition(_) => false,
    };
    Some(fit.data.iter().filter(is_record).count())
}

fn by_rustyfit(bytes: &[u8]) -> Option<usize> {
    let mut reader = embedded_io_adapters::std::FromStd::new(bytes);
    let mut decoder = Decoder::new();
    let mut records = 0;
    while let Some(fit) = decoder.decode(&mut reader).ok()? {
        let is_record = |message: &&Message| message.num == MesgNum::RECORD;
        records += fit.messages.iter().filter(is_record).count();
    }
    Some(records)
}

/// Streaming, with neither checksum nor expansion of components, as pacelake
/// uses it: gives the records to `keep` and says how many there were.
fn stream_records(bytes: &[u8], mut keep: impl FnMut(&Message)) -> Option<usize> {
    let mut decoder = Decoder::builder()
        .checksum(false)
        .expand_components(false)
        .build();
    let mut stream = decoder.stream(bytes);
    let mut records = 0;
    while let Some(event) = stream.next() {
        if let DecoderEvent::Message(message) = event.ok()?
            && message.num == MesgNum::RECORD
        {
            records += 1;
            keep(message);
        }
    }
    Some(records)
}

/// The least that a reader of samples must do: the fields of records are kept,
/// one behind the other, and the other messages are passed over.
fn by_rustyfit_lean(bytes: &[u8]) -> Option<usize> {
    let mut fields: Vec<Field> = Vec::new();
    let records = stream_records(bytes, |message| fields.extend_from_slice(&message.fields))?;
    black_box(&fields);
    Some(records)
}

/// Without keeping a message: what decoding with it cannot be faster than.
fn by_rustyfit_stream(bytes: &[u8]) -> Option<usize> {
    stream_records(bytes, |message| {
        black_box(message);
    })
}

fn by_gpx(bytes: &[u8]) -> Option<usize> {
    let gpx = gpx::read(bytes).ok()?;
    let segments = gpx.tracks.iter().flat_map(|track| &track.segments);
    Some(segments.map(|segment| segment.points.len()).sum())
}

fn by_tcx(bytes: &[u8]) -> Option<usize> {
    let read = tcx::read(&mut BufReader::new(bytes)).ok()?;
    let laps = read.activities?.activities.into_iter().flat_map(|activity| activity.laps);
    let tracks = laps.flat_map(|lap| lap.tracks);
    Some(tracks.map(|track| track.trackpoints.len()).sum())
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("READER");
    let passes: usize = arguments.next().and_then(|n| n.parse().ok()).expect("PASSES");
    let (_, read) = READERS.iter().find(|(known, _)| *known == name).expect("a known reader");
    let mut list = String::new();
    std::io::stdin().read_to_string(&mut list).expect("a list of paths");
    let paths: Vec<&str> = list.lines().collect();
    let files: Vec<Vec<u8>> =
        paths.iter().map(|path| std::fs::read(path).expect("a file that is there")).collect();
    let mut seconds = Vec::new();
    let (mut samples, mut failed) = (0, Vec::new());
    for _ in 0..passes {
        (samples, failed) = (0, Vec::new());
        let start = Instant::now();
        for (bytes, path) in files.iter().zip(&paths) {
            // A reader that panics has not read the file.
            match std::panic::catch_unwind(|| read(bytes)) {
                Ok(Some(count)) => samples += count,
                Ok(None) | Err(_) => failed.push(*path),
            }
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    println!("{}", serde_json::json!({ "seconds": seconds, "samples": samples, "failed": failed }));
}
