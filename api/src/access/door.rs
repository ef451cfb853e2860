//! Shows browsers the door: whoever is not signed in and asks for a page is
//! led to the one that signs in.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::{ACCEPT, CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use storage::Code;
use url::form_urlencoded::byte_serialize;

use crate::problem::Problem;

/// Answers a browser's 401 with the way to /signin, and back from there.
pub async fn lead_to_sign_in(request: Request, next: Next) -> Response {
    let asks = matches!(*request.method(), Method::GET | Method::HEAD);
    let target = (asks && wants_a_page(request.headers())).then(|| request.uri().clone());
    let response = next.run(request).await;
    let problem = response.extensions().get::<Arc<Problem>>();
    let refused = problem.is_some_and(|problem| problem.code() == Code::Unauthenticated);
    let (true, Some(target)) = (refused, target) else {
        return response;
    };
    let target = target
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let way: String = byte_serialize(target.as_bytes()).collect();
    let way = HeaderValue::from_str(&format!("/signin?next={way}"));
    let way = way.expect("what is encoded for a URL is ASCII");
    let headers = [
        (LOCATION, way),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Whether the client names HTML among what it takes, as browsers do for pages
/// and programs do not.
fn wants_a_page(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(ACCEPT).iter();
    lines.any(|line| {
        let line = line.to_str().unwrap_or_default();
        line.to_ascii_lowercase().contains("text/html")
    })
}
