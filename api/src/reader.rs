//! What a handler reads from: one snapshot a request, and the ETag of what it
//! gives.

use axum::extract::FromRequestParts;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use query::read::{self, Page};
use query::{Format, Rows, Session};
use sha2::{Digest, Sha256};
use storage::catalog::{Catalog, Correction, Pointer};
use storage::{ActivityId, ActivityKey, LakeView};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use crate::access::Athlete;
use crate::answer::{self, Answer};
use crate::form::Accepted;
use crate::past::{At, named};
use crate::problem::Problem;
use crate::state::{Opened, State};

/// Clients may keep answers, and must ask each time whether they still hold.
const ASK_EACH_TIME: HeaderValue = HeaderValue::from_static("private, no-cache");

/// One snapshot, as one athlete's request sees it.
///
/// As an argument it stands last: it answers by itself, before anything is
/// read, where the client has the present answer already (304) or the server
/// has kept it.
pub struct Reader {
    /// DataFusion at the snapshot.
    pub session: Session,
    /// The snapshot.
    pub view: LakeView,
    /// Which one was asked for.
    pub at: At,
    catalog: Catalog,
    athlete: Athlete,
    etag: HeaderValue,
    /// Ends with the request.
    _turn: OwnedSemaphorePermit,
}

impl Reader {
    /// Where an activity of this athlete is at the snapshot.
    ///
    /// # Errors
    /// `not_found`, also where it is another athlete's.
    pub async fn key(&self, activity_id: ActivityId) -> Result<ActivityKey, Problem> {
        Ok(self.pointer(activity_id).await?.key)
    }

    /// Where an activity of this athlete is, and in which revision.
    ///
    /// # Errors
    /// As [`key`](Self::key).
    pub async fn pointer(&self, activity_id: ActivityId) -> Result<Pointer, Problem> {
        let pointer = match self.at {
            At::Newest => {
                let found = self.catalog.find_activity(activity_id).await?;
                found.filter(|pointer| pointer.key.athlete_id == self.athlete.id)
            }
            // The catalog knows where it is today.
            At::Snapshot(_) => {
                read::activities::find(&self.session, self.athlete.id, activity_id).await?
            }
        };
        pointer.ok_or_else(|| Problem::not_found(&format!("activity {activity_id}")))
    }

    /// What its owner says of an activity in that revision.
    ///
    /// # Errors
    /// Where the catalog fails.
    pub async fn corrections(&self, pointer: &Pointer) -> Result<Vec<Correction>, Problem> {
        let (athlete, id) = (pointer.key.athlete_id, pointer.key.activity_id);
        let mut said = self.catalog.corrections_of(athlete, &[id]).await?;
        said.retain(|one| one.holds_in(pointer.revision));
        Ok(said)
    }

    /// Rows of a list.
    ///
    /// # Errors
    /// Where they cannot be encoded.
    pub fn list<T>(&self, rows: &Rows) -> Result<Answer<T>, Problem> {
        Ok(self.tagged(answer::items(rows)?))
    }

    /// A page of a list.
    ///
    /// # Errors
    /// Where its rows cannot be encoded.
    pub fn page<T>(&self, page: &Page) -> Result<Answer<T>, Problem> {
        Ok(self.tagged(answer::page(page)?))
    }

    /// The one row that there must be.
    ///
    /// # Errors
    /// `not_found` where there is none, which a commit between the catalog's
    /// answer and the snapshot can bring about.
    pub fn one<T>(&self, rows: &Rows, what: &str) -> Result<Answer<T>, Problem> {
        let row = answer::one(rows)?.ok_or_else(|| Problem::not_found(what))?;
        Ok(self.tagged(row))
    }

    /// An answer of this snapshot.
    pub fn tagged<T>(&self, body: Vec<u8>) -> Answer<T> {
        self.tag(Answer::json(body))
    }

    /// An answer of this snapshot, where clients may choose among forms.
    pub fn tagged_as<T>(&self, form: Format, body: Vec<u8>) -> Answer<T> {
        let answer = Answer::of(form, body);
        self.tag(answer)
            .with(VARY, HeaderValue::from_static("accept"))
    }

    fn tag<T>(&self, answer: Answer<T>) -> Answer<T> {
        let headers = self.headers().into_iter();
        headers.fold(answer, |answer, (name, value)| answer.with(name, value))
    }

    /// What every answer says of its snapshot and its freshness.
    pub fn headers(&self) -> [(HeaderName, HeaderValue); 3] {
        [
            (ETAG, self.etag.clone()),
            (CACHE_CONTROL, ASK_EACH_TIME),
            named(self.view.snapshot_id()),
        ]
    }
}

/// Why there is no reader.
pub enum NoReader {
    /// The client has the present answer.
    NotModified(HeaderValue),
    /// The present answer was given before, and kept.
    Kept(Box<Response>),
    /// Catalog or lake cannot be reached.
    Problem(Problem),
}

impl From<Problem> for NoReader {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for NoReader {
    fn into_response(self) -> Response {
        match self {
            Self::NotModified(etag) => {
                let headers = [(ETAG, etag), (CACHE_CONTROL, ASK_EACH_TIME)];
                (StatusCode::NOT_MODIFIED, headers).into_response()
            }
            Self::Kept(response) => *response,
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

impl FromRequestParts<State> for Reader {
    type Rejection = NoReader;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, NoReader> {
        // The revision before the snapshot: a commit in between makes the
        // answer newer than its tag, never older.
        let athlete = Athlete::from_request_parts(parts, state).await?;
        let at = At::from_request_parts(parts, state).await?;
        let etag = etag(state.storage.lake.uuid(), &athlete, at, parts);
        if is_known(&parts.headers, &etag) {
            return Err(NoReader::NotModified(etag));
        }
        if let Some(mut kept) = state.kept.get(&etag) {
            let headers = kept.headers_mut();
            headers.insert(ETAG, etag);
            headers.insert(CACHE_CONTROL, ASK_EACH_TIME);
            return Err(NoReader::Kept(Box::new(kept)));
        }
        let turn = state.reads.take().await?;
        let Opened { view, session } = state.open(at, &athlete).await?;
        Ok(Self {
            _turn: turn,
            session,
            view,
            at,
            catalog: state.storage.catalog.clone(),
            athlete,
            etag,
        })
    }
}

/// The tag of an answer: it changes with what the answer depends on, and with
/// nothing else, such as another athlete's activities.
///
/// It is weak, since the same answer may be compressed or not.
fn etag(lake: Uuid, athlete: &Athlete, at: At, parts: &Parts) -> HeaderValue {
    let mut hash = Sha256::new();
    hash.update(lake);
    let state = match at {
        At::Newest => [0, athlete.revision, athlete.reconciliations],
        // What an older snapshot holds, no commit changes, and only a purge.
        At::Snapshot(snapshot_id) => [1, snapshot_id, 0],
    };
    for number in [athlete.purge_epoch, athlete.id.0].into_iter().chain(state) {
        hash.update(number.to_le_bytes());
    }
    hash.update(env!("CARGO_PKG_VERSION"));
    hash.update([0]);
    hash.update(parts.uri.to_string());
    // The same question in another form has another answer.
    hash.update(Accepted::of(&parts.headers).weights().as_bytes());
    let digest = hash.finalize();
    let mut text = String::from("W/\"");
    for byte in &digest[..16] {
        text.push_str(&format!("{byte:02x}"));
    }
    text.push('"');
    HeaderValue::from_str(&text).expect("hex digits may stand in a header")
}

/// Whether the client names this tag among those it has.
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let ours = opaque(etag.to_str().unwrap_or_default());
    headers.get_all(IF_NONE_MATCH).iter().any(|given| {
        let given = given.to_str().unwrap_or_default();
        given.trim() == "*" || given.split(',').any(|tag| opaque(tag) == ours)
    })
}
