//! Uploads in parts to an S3 store: each is completed or aborted, and those of
//! processes that ended before are found by asking.

use async_trait::async_trait;
use jiff::Timestamp;
use object_store::aws::{AmazonS3, AwsAuthorizer};
use object_store::client::{
    HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector,
};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use tokio::runtime::Handle;
use url::Url;

use super::abandoned::Abandoned;
use super::s3_options::S3Options;
use super::trouble::Trouble;
use crate::error::Error;

/// An upload that is aborted where it is dropped before it is complete, so
/// that none of its parts stays.
#[derive(Debug)]
pub(super) struct Upload {
    location: Path,
    /// `None` once it has ended.
    upload: Option<Box<dyn MultipartUpload>>,
}

impl Upload {
    pub fn new(location: Path, upload: Box<dyn MultipartUpload>) -> Self {
        Self {
            location,
            upload: Some(upload),
        }
    }

    fn ended(&self) -> object_store::Error {
        object_store::Error::Generic {
            store: "S3",
            source: format!("the upload of {} has ended", self.location).into(),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (Some(mut upload), Ok(runtime)) = (self.upload.take(), Handle::try_current()) else {
            return;
        };
        let location = self.location.clone();
        runtime.spawn(async move {
            if let Err(error) = upload.abort().await {
                tracing::warn!(%location, %error, "parts of an upload stay behind");
            }
        });
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match &mut self.upload {
            Some(upload) => upload.put_part(data),
            None => {
                let error = self.ended();
                Box::pin(async move { Err(error) })
            }
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let Some(upload) = &mut self.upload else {
            return Err(self.ended());
        };
        let done = upload.complete().await?;
        self.upload = None;
        Ok(done)
    }

    async fn abort(&mut self) -> Result<()> {
        match self.upload.take() {
            Some(mut upload) => upload.abort().await,
            None => Ok(()),
        }
    }
}

/// Asks a bucket for its uploads that have not ended. `object_store` has no
/// such request, so it is made here, signed by `object_store`.
#[derive(Debug)]
pub(super) struct Uploads {
    s3: AmazonS3,
    client: HttpClient,
    bucket_url: String,
    options: S3Options,
}

/// One page of the answer.
#[derive(Debug, Default, PartialEq)]
struct Page {
    uploads: Vec<(String, String, Option<Timestamp>)>,
    /// Where the next page begins: a key and an upload's id.
    next: Option<(String, String)>,
}

impl Uploads {
    pub fn new(options: &S3Options, s3: AmazonS3) -> Result<Self, Error> {
        let client = ReqwestConnector::default()
            .connect(&options.client_options(options.limits)?)
            .map_err(|source| Error::Store {
                attempt: "prepare requests to",
                path: options.place(),
                source,
            })?;
        Ok(Self {
            s3,
            client,
            bucket_url: options.bucket_url()?,
            options: options.clone(),
        })
    }

    /// The uploads below a folder of the prefix that began before a time.
    pub async fn before(&self, folder: &str, before: Timestamp) -> Result<Vec<Abandoned>, Error> {
        let prefix = format!("{}/", self.options.below(folder));
        let (mut found, mut marker) = (Vec::new(), None);
        loop {
            let page = self
                .page(&prefix, marker.as_ref())
                .await
                .map_err(|source| Error::Store {
                    attempt: "list the uploads to",
                    path: self.options.place(),
                    source,
                })?;
            for (key, id, begun) in page.uploads {
                // Servers differ in how they read the prefix.
                let Some(begun) = begun.filter(|_| key.starts_with(&prefix)) else {
                    continue;
                };
                if begun < before {
                    found.push(Abandoned::Upload { key, id, begun });
                }
            }
            marker = page.next;
            if marker.is_none() {
                found.sort();
                return Ok(found);
            }
        }
    }

    async fn page(&self, prefix: &str, marker: Option<&(String, String)>) -> Result<Page> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic {
                store: "S3",
                source,
            };
        let mut url = Url::parse(&self.bucket_url).map_err(|error| failed(error.into()))?;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("uploads", "");
            query.append_pair("prefix", prefix);
            if let Some((key, id)) = marker {
                query.append_pair("key-marker", key);
                query.append_pair("upload-id-marker", id);
            }
        }
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        let uri = url.as_str().parse();
        *request.uri_mut() = uri.map_err(|_| failed("the request has no URL".into()))?;
        let credential = self.s3.credentials().get_credential().await?;
        AwsAuthorizer::new(&credential, "s3", &self.options.region).authorize(&mut request, None);
        let response = self
            .client
            .execute(request)
            .await
            .map_err(|error| failed(error.into()))?;
        let status = response.status();
        let bytes = response.into_body().bytes().await;
        let bytes = bytes.map_err(|error| failed(error.into()))?;
        let text = String::from_utf8_lossy(&bytes);
        if !status.is_success() {
            return Err(failed(format!("{status}: {text}").into()));
        }
        read_page(&text).map_err(|error| failed(error.into()))
    }

    /// Aborts an upload and frees its parts. One that has ended is no error.
    pub async fn abort(&self, key: &str, id: &str) -> Result<(), Error> {
        let path = Path::parse(key).map_err(|source| Error::Store {
            attempt: "abort the upload of",
            path: key.to_owned(),
            source: source.into(),
        })?;
        match self.s3.abort_multipart(&path, &id.to_owned()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) if Trouble::of(&source) == Trouble::Object => Ok(()),
            Err(source) => Err(Error::Store {
                attempt: "abort the upload of",
                path: key.to_owned(),
                source,
            }),
        }
    }
}

/// Reads the XML of a `ListMultipartUploadsResult`.
fn read_page(xml: &str) -> Result<Page, quick_xml::Error> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let (mut page, mut path) = (Page::default(), Vec::<String>::new());
    let (mut key, mut id, mut begun) = (String::new(), String::new(), None);
    let (mut next_key, mut next_id, mut more) = (String::new(), String::new(), false);
    let mut text = String::new();
    loop {
        match reader.read_event()? {
            Event::Start(start) => {
                path.push(start.local_name().as_ref().to_owned());
                text.clear();
            }
            Event::Text(part) => text.push_str(&part),
            Event::GeneralRef(name) => {
                text.push_str(resolve_predefined_entity(&name).unwrap_or_default())
            }
            Event::End(_) => {
                let parent = path.len().checked_sub(2).map(|at| path[at].as_str());
                match (parent, path.last().map(String::as_str)) {
                    (Some("Upload"), Some("Key")) => key = std::mem::take(&mut text),
                    (Some("Upload"), Some("UploadId")) => id = std::mem::take(&mut text),
                    (Some("Upload"), Some("Initiated")) => begun = text.parse().ok(),
                    (_, Some("Upload")) => {
                        let upload = (std::mem::take(&mut key), std::mem::take(&mut id), begun);
                        page.uploads.push(upload);
                        begun = None;
                    }
                    (_, Some("NextKeyMarker")) => next_key = std::mem::take(&mut text),
                    (_, Some("NextUploadIdMarker")) => next_id = std::mem::take(&mut text),
                    (_, Some("IsTruncated")) => more = text == "true",
                    (_, _) => {}
                }
                path.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    page.next = (more && !next_key.is_empty()).then_some((next_key, next_id));
    Ok(page)
}

#[cfg(test)]
#[path = "uploads_tests.rs"]
mod tests;
