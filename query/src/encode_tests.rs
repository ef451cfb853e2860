//! Pieces together are the whole, and are asked for one by one.

use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, Int64Array, StringArray};

use super::*;
use crate::output::write_rows;
use crate::session::Rows;

fn batch(nth: i64, rows: i64) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(
        (0..rows).map(|row| nth * rows + row),
    ));
    let names = (0..rows).map(|row| format!("name {row} of {nth}, and more of it to fill pieces"));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(names));
    RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap()
}

fn stream_of(batches: Vec<RecordBatch>, read: Arc<AtomicUsize>) -> SendableRecordBatchStream {
    let schema = batches[0].schema();
    let batches = stream::iter(batches).map(move |batch| {
        read.fetch_add(1, Ordering::Relaxed);
        Ok(batch)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

#[tokio::test]
async fn the_pieces_are_what_is_written_at_once() {
    let batches: Vec<_> = (0..5).map(|nth| batch(nth, 9_000)).collect();
    let whole = Rows {
        schema: batches[0].schema(),
        batches: batches.clone(),
    };
    for format in [Format::Csv, Format::Json] {
        let stream = stream_of(batches.clone(), Arc::default());
        let mut encoded = Encoded::new(stream, format).unwrap();
        let (mut together, mut pieces) = (Vec::new(), 0);
        while let Some(piece) = encoded.next().await.unwrap() {
            together.extend_from_slice(&piece);
            pieces += 1;
        }
        assert!(pieces >= 5, "{format}: {pieces}");
        assert_eq!(encoded.rows(), 45_000);
        let at_once = write_rows(&whole, format, Vec::new()).unwrap();
        assert!(together == at_once, "{format}");
        assert!(encoded.next().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn no_batch_is_read_before_its_turn() {
    let read = Arc::new(AtomicUsize::new(0));
    let batches = (0..100).map(|nth| batch(nth, 4_000)).collect();
    let mut encoded = Encoded::new(stream_of(batches, Arc::clone(&read)), Format::Csv).unwrap();
    assert_eq!(read.load(Ordering::Relaxed), 0);
    encoded.next().await.unwrap();
    encoded.next().await.unwrap();
    assert!(read.load(Ordering::Relaxed) <= 2);
}
