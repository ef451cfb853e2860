//! Objects in a bucket of an S3 store: `object_store`'s own, with large ones
//! uploaded in parts and lost answers asked for again.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use object_store::aws::AmazonS3;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, OBJECT_STORE_COALESCE_DEFAULT,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, coalesce_ranges,
};

use super::abandoned::Abandoned;
use super::s3_options::{S3Limits, S3Options};
use super::trouble::Trouble;
use super::uploads::{Upload, Uploads};
use crate::error::Error;

/// From how many bytes on an object is uploaded in parts, so that one lost
/// connection costs one part.
const PARTS_FROM: usize = 16 << 20;
/// The length of a part in bytes. S3 takes 5 MiB or more, and 10,000 of them.
const PART: usize = 8 << 20;
/// How many parts of one object travel at once.
const PARTS_AT_ONCE: usize = 4;
/// How often a create is tried that another request is in the way of.
const CREATE_TRIES: usize = 4;
/// The pause before a lost request is sent again; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// A bucket. Clones share connections.
#[derive(Clone, Debug)]
pub(super) struct S3Store {
    s3: AmazonS3,
    uploads: Arc<Uploads>,
    limits: S3Limits,
}

impl S3Store {
    /// Opens the bucket, and asks at once for what is at the prefix, so that
    /// what is wrong is known now and not at the first write.
    pub async fn open(options: &S3Options) -> Result<Self, Error> {
        let build = |limits| {
            options
                .builder(limits)?
                .build()
                .map_err(|source| Error::Store {
                    attempt: "prepare requests to",
                    path: options.place(),
                    source,
                })
        };
        let brief = build(options.limits.brief())?;
        let one = PaginatedListOptions {
            max_keys: Some(1),
            ..PaginatedListOptions::default()
        };
        let prefix = format!("{}/", options.prefix);
        let prefix = (!options.prefix.is_empty()).then_some(&*prefix);
        brief
            .list_paginated(prefix, one)
            .await
            .map_err(|source| Error::StoreRefused {
                place: options.place(),
                trouble: Trouble::of(&source),
                source,
            })?;
        let s3 = build(options.limits)?;
        Ok(Self {
            uploads: Arc::new(Uploads::new(options, s3.clone())?),
            s3,
            limits: options.limits,
        })
    }

    /// The uploads below a folder that began before a time and have not ended.
    pub async fn uploads_before(
        &self,
        folder: &str,
        before: Timestamp,
    ) -> Result<Vec<Abandoned>, Error> {
        self.uploads.before(folder, before).await
    }

    /// Aborts an upload and frees its parts.
    pub async fn abort(&self, key: &str, id: &str) -> Result<(), Error> {
        self.uploads.abort(key, id).await
    }

    /// Uploads in parts; of one that fails no part stays.
    async fn put_in_parts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        // The API has no condition on uploads in parts that all servers know.
        // Two writers of one name both write the same bytes, since names are
        // UUIDs or hashes of contents.
        if matches!(options.mode, PutMode::Create) && self.exists(location).await? {
            return Err(already_exists(location));
        }
        let begin = PutMultipartOptions {
            tags: options.tags,
            attributes: options.attributes,
            extensions: options.extensions,
        };
        let mut upload = self.put_multipart_opts(location, begin).await?;
        let bytes = Bytes::from(payload);
        let parts: Vec<_> = (0..bytes.len())
            .step_by(PART)
            .map(|from| bytes.slice(from..bytes.len().min(from + PART)))
            .map(|part| upload.put_part(part.into()))
            .collect();
        let sent = stream::iter(parts)
            .buffer_unordered(PARTS_AT_ONCE)
            .try_collect::<()>()
            .await;
        let done = match sent {
            Ok(()) => upload.complete().await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            // The error that stopped it is the one to tell; what cannot be
            // aborted now is found as abandoned later.
            let _ = upload.abort().await;
        }
        done
    }

    /// Creates an object, or says that it is there.
    async fn create(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let begun = Instant::now();
        let (mut pause, mut lost, mut in_the_way) = (FIRST_PAUSE, 0, 0);
        loop {
            let put = self.s3.put_opts(location, payload.clone(), options.clone());
            match put.await {
                // 409 says that another request is at it, which may yet fail.
                Err(object_store::Error::AlreadyExists { .. })
                    if in_the_way < CREATE_TRIES && !self.exists(location).await? =>
                {
                    in_the_way += 1;
                }
                // Who created it cannot be known after a lost answer: callers
                // write what only they can have written, and compare.
                Err(error)
                    if Trouble::of(&error).is_lost()
                        && lost < self.limits.retries
                        && begun.elapsed() < self.limits.retry_timeout =>
                {
                    lost += 1;
                }
                other => return other,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn exists(&self, location: &Path) -> Result<bool> {
        match self.s3.head(location).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn already_exists(location: &Path) -> object_store::Error {
    object_store::Error::AlreadyExists {
        path: location.to_string(),
        source: "it was there before".into(),
    }
}

impl fmt::Display for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.s3.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if payload.content_length() >= PARTS_FROM {
            return self.put_in_parts(location, payload, options).await;
        }
        match options.mode {
            PutMode::Create => self.create(location, payload, options).await,
            PutMode::Overwrite | PutMode::Update(_) => {
                self.s3.put_opts(location, payload, options).await
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.s3.put_multipart_opts(location, options).await?;
        Ok(Box::new(Upload::new(location.clone(), upload)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.s3.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        // `object_store` cuts the answers apart without a look at their length.
        let whole = |range: Range<u64>| async move {
            let bytes = self.s3.get_range(location, range.clone()).await?;
            match bytes.len() as u64 == range.end - range.start {
                true => Ok(bytes),
                false => Err(object_store::Error::Generic {
                    store: "S3",
                    source: format!("{} bytes of {range:?} came", bytes.len()).into(),
                }),
            }
        };
        coalesce_ranges(ranges, whole, OBJECT_STORE_COALESCE_DEFAULT).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.s3.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.s3.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.s3.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.s3.copy_opts(from, to, options).await
    }
}
