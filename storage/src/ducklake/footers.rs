//! Footers and page indexes of Parquet files, read once and kept.
//!
//! Files are never changed after they are written, so what was read stays
//! true; what has not been used for longest goes when memory runs short.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetFileReaderFactory;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, MetadataFetch};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

/// How much memory all kept footers may take.
const MAX_BYTES: usize = 256 << 20;
/// The length of the footer's own length and the magic number behind it.
const FOOTER_TAIL: u64 = 8;

/// The footers of the files of one lake; it opens readers that use them.
#[derive(Debug)]
pub(crate) struct Footers {
    store: Arc<dyn ObjectStore>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<Path, Entry>,
    bytes: usize,
    /// Counts uses, so that entries know how long ago theirs was.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    metadata: Arc<ParquetMetaData>,
    has_page_index: bool,
    bytes: usize,
    last_use: u64,
}

/// A file as the catalog describes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object {
    /// Where it lies in the store.
    pub path: Path,
    /// Its length in bytes.
    pub size: u64,
    /// The length of its footer, so that one request reads it.
    pub footer_size: Option<u64>,
}

impl Footers {
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            store,
            kept: Mutex::default(),
        }
    }

    /// The object store that the files lie in.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// A reader of one file.
    pub fn reader(self: &Arc<Self>, object: Object) -> FileReader {
        FileReader {
            footers: Arc::clone(self),
            object,
        }
    }

    async fn metadata(
        &self,
        object: &Object,
        page_index: bool,
    ) -> Result<Arc<ParquetMetaData>, ParquetError> {
        let kept = self.kept(&object.path);
        if let Some((metadata, has_page_index)) = &kept
            && (*has_page_index || !page_index)
        {
            return Ok(Arc::clone(metadata));
        }
        let fetch = || Fetch {
            store: &self.store,
            path: &object.path,
        };
        let metadata = match kept {
            Some((metadata, _)) => Arc::unwrap_or_clone(metadata),
            None => {
                let hint = object.footer_size.map(|size| (size + FOOTER_TAIL) as usize);
                ParquetMetaDataReader::new()
                    .with_prefetch_hint(hint)
                    .load_and_finish(fetch(), object.size)
                    .await?
            }
        };
        let metadata = if page_index {
            let mut reader = ParquetMetaDataReader::new_with_metadata(metadata)
                .with_page_index_policy(PageIndexPolicy::Optional);
            reader.load_page_index(fetch()).await?;
            reader.finish()?
        } else {
            metadata
        };
        let metadata = Arc::new(metadata);
        self.keep(object.path.clone(), Arc::clone(&metadata), page_index);
        Ok(metadata)
    }

    fn kept(&self, path: &Path) -> Option<(Arc<ParquetMetaData>, bool)> {
        // A panic elsewhere leaves the map whole: no change to it can fail
        // half-way.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        let entry = kept.files.get_mut(path)?;
        entry.last_use = now;
        Some((Arc::clone(&entry.metadata), entry.has_page_index))
    }

    fn keep(&self, path: Path, metadata: Arc<ParquetMetaData>, has_page_index: bool) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = metadata.memory_size();
        let entry = Entry {
            metadata,
            has_page_index,
            bytes,
            last_use: kept.uses,
        };
        kept.bytes += bytes;
        if let Some(old) = kept.files.insert(path, entry) {
            kept.bytes -= old.bytes;
        }
        if kept.bytes > MAX_BYTES {
            kept.drop_oldest();
        }
    }
}

impl Kept {
    /// Drops the half that was not used for longest, so that this is rare.
    fn drop_oldest(&mut self) {
        let mut uses: Vec<u64> = self.files.values().map(|entry| entry.last_use).collect();
        uses.sort_unstable();
        let middle = uses[uses.len() / 2];
        self.files.retain(|_, entry| entry.last_use > middle);
        self.bytes = self.files.values().map(|entry| entry.bytes).sum();
    }
}

struct Fetch<'a> {
    store: &'a Arc<dyn ObjectStore>,
    path: &'a Path,
}

impl MetadataFetch for Fetch<'_> {
    fn fetch(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move { get_range(&**self.store, self.path, range).await }.boxed()
    }
}

async fn get_range(
    store: &dyn ObjectStore,
    path: &Path,
    range: Range<u64>,
) -> Result<Bytes, ParquetError> {
    let bytes = store.get_range(path, range.clone()).await;
    let bytes = bytes.map_err(external)?;
    whole(&bytes, &range)?;
    Ok(bytes)
}

/// Whether a download brought what was asked for: a connection that is cut off
/// may look like an end.
fn whole(bytes: &Bytes, range: &Range<u64>) -> Result<(), ParquetError> {
    let wanted = range.end - range.start;
    if bytes.len() as u64 == wanted {
        return Ok(());
    }
    Err(ParquetError::EOF(format!(
        "{} bytes came of {wanted}",
        bytes.len()
    )))
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// Reads one file of the lake.
#[derive(Clone, Debug)]
pub(crate) struct FileReader {
    footers: Arc<Footers>,
    object: Object,
}

impl FileReader {
    /// The footer, with the page index where there is one.
    pub async fn metadata(&self) -> Result<Arc<ParquetMetaData>, ParquetError> {
        self.footers.metadata(&self.object, true).await
    }
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move { get_range(&*self.footers.store, &self.object.path, range).await }.boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move {
            let store = &self.footers.store;
            let found = store.get_ranges(&self.object.path, &ranges).await;
            let found = found.map_err(external)?;
            for (bytes, range) in found.iter().zip(&ranges) {
                whole(bytes, range)?;
            }
            Ok(found)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        let page_index =
            options.is_some_and(|options| options.offset_index_policy() != PageIndexPolicy::Skip);
        async move { self.footers.metadata(&self.object, page_index).await }.boxed()
    }
}

/// Gives DataFusion's Parquet source readers that use the kept footers.
#[derive(Debug)]
pub(crate) struct Readers(pub Arc<Footers>);

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        _partition: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        _metrics: &ExecutionPlanMetricsSet,
    ) -> datafusion::error::Result<Box<dyn AsyncFileReader + Send>> {
        let object = Object {
            path: file.object_meta.location,
            size: file.object_meta.size,
            footer_size: metadata_size_hint.map(|size| (size as u64).saturating_sub(FOOTER_TAIL)),
        };
        Ok(Box::new(self.0.reader(object)))
    }
}

/// The hint that makes [`Readers`] read a footer of that size at once.
pub(crate) fn size_hint(footer_size: u64) -> usize {
    (footer_size + FOOTER_TAIL) as usize
}
