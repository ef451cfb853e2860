//! Answers kept in memory, by their tag.
//!
//! A tag names everything that an answer depends on (see [`crate::reader`]):
//! lake, purge epoch, athlete, their revisions, question and form. A kept
//! answer is therefore never another athlete's and never older than a commit;
//! one whose tag nobody asks for any more is dropped when room is needed.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, LINK, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use moka::sync::Cache;

use crate::past::SNAPSHOT;

/// Keeps the answers that may be kept. [`Reader`](crate::reader::Reader) gives
/// them again.
pub async fn keep(State(state): State<crate::State>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(tag) = response.headers().get(ETAG).cloned() {
        state.kept.keep(tag, &mut response);
    }
    response
}

/// What an answer holds beside what its tag says.
static HEADERS: [HeaderName; 4] = [CONTENT_TYPE, LINK, VARY, SNAPSHOT];
/// What an entry takes beside its body, in bytes, roughly.
const ENTRY_BYTES: usize = 512;

/// Answers of the last requests, as many as fit.
#[derive(Clone)]
pub struct KeptAnswers {
    by_tag: Cache<HeaderValue, Kept>,
    /// Larger bodies are not kept: they would push out many others.
    largest: usize,
}

/// One answer.
#[derive(Clone)]
struct Kept {
    headers: HeaderMap,
    body: Bytes,
}

/// A body that may be kept; a handler adds it to the answer's extensions.
#[derive(Clone)]
pub struct Keepable(pub Bytes);

impl KeptAnswers {
    /// Room for so many bytes.
    pub fn new(bytes: u64) -> Self {
        let weigh = |_: &HeaderValue, kept: &Kept| {
            u32::try_from(kept.body.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        Self {
            by_tag: Cache::builder().weigher(weigh).max_capacity(bytes).build(),
            largest: usize::try_from(bytes / 16).unwrap_or(usize::MAX),
        }
    }

    /// The answer with this tag, where it is kept.
    pub fn get(&self, tag: &HeaderValue) -> Option<Response> {
        let Kept { headers, body } = self.by_tag.get(tag)?;
        Some((headers, Body::from(body)).into_response())
    }

    /// Keeps a good answer that has this tag, where it may be kept.
    pub fn keep(&self, tag: HeaderValue, response: &mut Response) {
        let Some(Keepable(body)) = response.extensions_mut().remove::<Keepable>() else {
            return;
        };
        if !response.status().is_success() || body.len() > self.largest {
            return;
        }
        let said = |name: &HeaderName| Some((name.clone(), response.headers().get(name)?.clone()));
        let headers = HEADERS.iter().filter_map(said).collect();
        self.by_tag.insert(tag, Kept { headers, body });
    }
}
