//! `?at=`: what reads the lake reads it at any snapshot that is kept.
//!
//! It is said here for all such routes at once: `readable` documents the
//! parameter and takes it out of the query before a handler sees it, so that
//! no handler can forget it. [`At`] is what was asked for.

use axum::extract::{FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderName, HeaderValue, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use storage::Moment;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Header, ObjectBuilder, RefOr, Required};
use utoipa_axum::router::OpenApiRouter;

use crate::problem::Problem;
use crate::state::State;

/// The parameter's name.
const NAME: &str = "at";

const PARAMETER: &str = "The lake as it was: a snapshot's number; a time such as \
    `2026-03-01T12:00:00Z` (`+` is written `%2B`), which means the newest snapshot by then; or a \
    day such as `2026-03-01`, which means its end in UTC. Without it the newest snapshot is read.";

/// The header that names the snapshot an answer was read from.
pub const SNAPSHOT: HeaderName = HeaderName::from_static("x-pacelake-snapshot");

const HEADER: &str = "The snapshot that the answer was read from. An answer that still holds is \
    sent again, and names an older one than the newest.";

/// Which snapshot a request reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The newest.
    Newest,
    /// The one of this id, which is kept.
    Snapshot(i64),
}

/// What `at` says, on its way to the handler.
#[derive(Clone, Copy)]
struct Asked(Moment);

impl FromRequestParts<State> for At {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        match parts.extensions.get::<Asked>() {
            None => Ok(Self::Newest),
            Some(Asked(moment)) => {
                let snapshot_id = state.storage.lake.snapshot_at(moment).await?;
                Ok(Self::Snapshot(snapshot_id))
            }
        }
    }
}

/// The header of an answer that was read from this snapshot.
pub fn named(snapshot_id: i64) -> (HeaderName, HeaderValue) {
    (SNAPSHOT, HeaderValue::from(snapshot_id))
}

/// The same routes, each at any snapshot, and their documents.
pub(crate) fn readable(mut router: OpenApiRouter<State>) -> OpenApiRouter<State> {
    for item in router.get_openapi_mut().paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            describe(operation);
        }
    }
    router.route_layer(from_fn(take))
}

fn describe(operation: &mut Operation) {
    operation
        .parameters
        .get_or_insert_default()
        .push(parameter());
    let text = ObjectBuilder::new().schema_type(Type::Integer);
    let mut header = Header::new(text.build());
    header.description = Some(HEADER.to_owned());
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
        response.headers.insert(SNAPSHOT.to_string(), header);
    }
}

fn parameter() -> Parameter {
    ParameterBuilder::new()
        .name(NAME)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(PARAMETER))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

/// Takes `at` out of the query.
async fn take(mut request: Request, next: Next) -> Response {
    match split(request.uri()) {
        Ok(None) => {}
        Ok(Some((moment, rest))) => {
            *request.uri_mut() = rest;
            request.extensions_mut().insert(Asked(moment));
        }
        Err(problem) => return problem.into_response(),
    }
    next.run(request).await
}

/// What `at` says and the URI without it; `None` where it is not there.
fn split(uri: &Uri) -> Result<Option<(Moment, Uri)>, Problem> {
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
        // Whoever reads the other parameters says what is wrong.
        return Ok(None);
    };
    // Each pair is decoded from one piece, of which empty ones are passed over.
    let pieces = uri.query().unwrap_or_default().split('&');
    let pieces = pieces.filter(|piece| !piece.is_empty());
    let (asked, others): (Vec<_>, Vec<_>) = pairs
        .iter()
        .zip(pieces)
        .partition(|((name, _), _)| name == NAME);
    let moment: Moment = match asked.as_slice() {
        [] => return Ok(None),
        [((_, text), _)] => text.parse::<Moment>()?,
        _ => return Err(Problem::argument(format!("duplicate field `{NAME}`"))),
    };
    let others: Vec<&str> = others.into_iter().map(|(_, piece)| piece).collect();
    let target = match others.is_empty() {
        true => uri.path().to_owned(),
        false => format!("{}?{}", uri.path(), others.join("&")),
    };
    let mut parts = uri.clone().into_parts();
    let target: PathAndQuery = target.parse().expect("it is made of parts of a good one");
    parts.path_and_query = Some(target);
    let rest = Uri::from_parts(parts).expect("it was one before a part of it went");
    Ok(Some((moment, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uri: &str, expected: Option<(Moment, &str)>) {
        let found = split(&uri.parse().unwrap());
        let found = found.unwrap_or_else(|problem| panic!("{uri}: {}", problem.message()));
        let found = found.map(|(moment, rest)| (moment, rest.to_string()));
        let expected = expected.map(|(moment, rest)| (moment, rest.to_owned()));
        assert_eq!(found, expected, "{uri}");
    }

    #[test]
    fn at_is_taken_out_and_the_rest_stays_as_it_is() {
        check("/api/stats", None);
        check("/api/stats?by=year&name=at", None);
        let seven = Moment::Snapshot(7);
        check("/api/stats?at=7", Some((seven, "/api/stats")));
        check(
            "http://127.0.0.1/api/stats?&at=7&by=ye%61r&&x=1",
            Some((seven, "http://127.0.0.1/api/stats?by=ye%61r&x=1")),
        );
        check("/a?b&%61t=%37", Some((seven, "/a?b")));
        let noon = Moment::Instant(43_200_000_000);
        for text in ["1970-01-01T12:00:00Z", "1970-01-01T13:00:00%2B01:00"] {
            check(&format!("/a?at={text}"), Some((noon, "/a")));
        }
    }

    #[test]
    fn what_is_no_moment_is_told() {
        for uri in ["/a?at", "/a?at=", "/a?at=now", "/a?at=7&at=7", "/a?at=-1"] {
            let problem = split(&uri.parse().unwrap()).unwrap_err();
            assert_eq!(problem.code(), storage::Code::InvalidArgument, "{uri}");
        }
    }
}
