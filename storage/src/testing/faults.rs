//! A store around a store, in which things go wrong as real ones do: slow,
//! failing at random, cut off in the middle, listing late.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};

/// What goes wrong. The same seed gives the same faults to the same calls in
/// the same order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Where the random numbers begin.
    pub seed: u64,
    /// Up to so long a call waits.
    pub slow: Duration,
    /// One call in so many fails, half of them after they did their work;
    /// 0 means none.
    pub fail_one_in: u64,
    /// One download in so many is cut off in the middle, half of them without
    /// a word; 0 means none.
    pub cut_one_in: u64,
    /// How often a new object is left out of lists.
    pub lists_late: u32,
}

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failing {
    Before,
    After,
}

/// The store around a store.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    faults: Faults,
    random: Random,
    /// New objects, and from how many more lists they are left out.
    unseen: Arc<Mutex<HashMap<Path, u32>>>,
    failed: AtomicU64,
}

#[derive(Debug)]
struct Random(AtomicU64);

impl Random {
    /// SplitMix64.
    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn one_in(&self, many: u64) -> bool {
        many > 0 && self.next().is_multiple_of(many)
    }
}

fn fault(what: &'static str) -> object_store::Error {
    object_store::Error::Generic {
        store: "faulty",
        source: what.into(),
    }
}

impl FaultyStore {
    /// A store that does what `inner` does, unless a fault hits.
    pub fn new(inner: Arc<dyn ObjectStore>, faults: Faults) -> Self {
        Self {
            inner,
            faults,
            random: Random(AtomicU64::new(faults.seed)),
            unseen: Arc::default(),
            failed: AtomicU64::new(0),
        }
    }

    /// How many calls failed or were cut off so far.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits, and says whether and when the call fails.
    async fn begin(&self) -> Option<Failing> {
        let slow = self.faults.slow.as_micros() as u64;
        if slow > 0 {
            tokio::time::sleep(Duration::from_micros(self.random.next() % slow)).await;
        }
        self.random.one_in(self.faults.fail_one_in).then(|| {
            self.count();
            match self.random.one_in(2) {
                true => Failing::Before,
                false => Failing::After,
            }
        })
    }

    fn made(&self, location: &Path) {
        if self.faults.lists_late > 0 {
            let mut unseen = self.unseen.lock().expect("no test panics here");
            unseen.insert(location.clone(), self.faults.lists_late);
        }
    }

    /// Leaves out what is too new for lists.
    fn seen(
        &self,
        listed: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let unseen = Arc::clone(&self.unseen);
        listed
            .try_filter(move |object| {
                let mut unseen = unseen.lock().expect("no test panics here");
                let hidden = match unseen.get_mut(&object.location) {
                    Some(left) if *left > 0 => {
                        *left -= 1;
                        true
                    }
                    Some(_) | None => false,
                };
                futures::future::ready(!hidden)
            })
            .boxed()
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let failing = self.begin().await;
        if failing == Some(Failing::Before) {
            return Err(fault("a put did not arrive"));
        }
        let done = self.inner.put_opts(location, payload, options).await;
        if done.is_ok() {
            self.made(location);
        }
        match failing {
            None => done,
            Some(_) => done.and(Err(fault("the answer to a put was lost"))),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if self.begin().await.is_some() {
            return Err(fault("an upload did not begin"));
        }
        Ok(Box::new(FaultyUpload {
            inner: self.inner.put_multipart_opts(location, options).await?,
            cut: self.random.one_in(self.faults.cut_one_in),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.begin().await.is_some() {
            return Err(fault("a get did not arrive"));
        }
        let mut found = self.inner.get_opts(location, options).await?;
        if !self.random.one_in(self.faults.cut_one_in) {
            return Ok(found);
        }
        self.count();
        let length = found.range.end - found.range.start;
        let (meta, range) = (found.meta.clone(), found.range.clone());
        let attributes = std::mem::take(&mut found.attributes);
        let half = found.bytes().await?.slice(..(length / 2) as usize);
        let told = self.random.one_in(2);
        let end = told.then(|| Err(fault("a download was cut off")));
        let cut: Vec<Result<Bytes>> = [Ok(half)].into_iter().chain(end).collect();
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter(cut).boxed()),
            meta,
            range,
            attributes,
        })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let mut found = Vec::new();
        for range in ranges {
            found.push(self.get_range(location, range.clone()).await?);
        }
        Ok(found)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        if self.random.one_in(self.faults.fail_one_in) {
            self.count();
            return stream::iter([Err(fault("a delete did not arrive"))]).boxed();
        }
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.random.one_in(self.faults.fail_one_in) {
            self.count();
            return stream::iter([Err(fault("a list did not arrive"))]).boxed();
        }
        self.seen(self.inner.list(prefix))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        if self.begin().await.is_some() {
            return Err(fault("a list did not arrive"));
        }
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let failing = self.begin().await;
        if failing == Some(Failing::Before) {
            return Err(fault("a copy did not arrive"));
        }
        let done = self.inner.copy_opts(from, to, options).await;
        match failing {
            None => done,
            Some(_) => done.and(Err(fault("the answer to a copy was lost"))),
        }
    }
}

/// An upload of which no part arrives where it is cut.
#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    cut: bool,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match self.cut {
            true => Box::pin(async { Err(fault("a part did not arrive")) }),
            false => self.inner.put_part(data),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
