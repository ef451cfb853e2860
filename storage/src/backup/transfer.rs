//! Objects from one store to another, hashed on their way.

use std::sync::Arc;

use futures::StreamExt;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use crate::error::Error;
use crate::raw::hex;

/// Objects larger than this are written in parts of this length.
const PART_BYTES: usize = 8 << 20;

/// What an object is, whatever its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    pub sha256: String,
    pub bytes: u64,
}

/// Copies an object; where `expected` is given and it is not that, the copy
/// does not come to be.
///
/// # Errors
/// [`Error::Store`]; [`Error::Backup`] where it is not what is expected.
pub(super) async fn copy(
    from: &Arc<dyn ObjectStore>,
    at: &Path,
    to: &Arc<dyn ObjectStore>,
    name: &Path,
    expected: Option<&Sum>,
) -> Result<Sum, Error> {
    let mut writer = BufWriter::with_capacity(Arc::clone(to), name.clone(), PART_BYTES);
    let writing = |source| failed("write", name, source);
    let read = read(from, at, async |bytes| {
        writer.put(bytes).await.map_err(writing)
    })
    .await;
    let outcome = read.and_then(|sum| match expected {
        Some(expected) if *expected != sum => Err(Error::Backup {
            what: format!("{at} is damaged"),
        }),
        Some(_) | None => Ok(sum),
    });
    match outcome {
        Ok(sum) => {
            let closed = writer.shutdown().await;
            closed.map_err(|source| Error::Disk {
                attempt: "write",
                path: name.to_string(),
                source,
            })?;
            Ok(sum)
        }
        Err(error) => {
            // The error that stopped it is the one to tell.
            let _ = writer.abort().await;
            Err(error)
        }
    }
}

/// The hash of an object that is there.
///
/// # Errors
/// [`Error::Store`].
pub(super) async fn hash(store: &Arc<dyn ObjectStore>, at: &Path) -> Result<Sum, Error> {
    read(store, at, async |_| Ok(())).await
}

async fn read(
    store: &Arc<dyn ObjectStore>,
    at: &Path,
    mut take: impl AsyncFnMut(bytes::Bytes) -> Result<(), Error>,
) -> Result<Sum, Error> {
    let reading = |source| failed("read", at, source);
    let mut stream = store.get(at).await.map_err(reading)?.into_stream();
    let mut hasher = Sha256::new();
    let mut length = 0;
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(reading)?;
        hasher.update(&bytes);
        length += bytes.len() as u64;
        take(bytes).await?;
    }
    Ok(Sum {
        sha256: hex(&hasher.finalize()),
        bytes: length,
    })
}

pub(super) fn failed(attempt: &'static str, path: &Path, source: object_store::Error) -> Error {
    Error::Store {
        attempt,
        path: path.to_string(),
        source,
    }
}
