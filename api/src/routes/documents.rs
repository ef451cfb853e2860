//! The OpenAPI document, and a page to read it.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};

use crate::access::Public;
use crate::html;
use crate::openapi;
use crate::parameters::{NoParameters, Parameters};
use crate::problem::AnyProblem;

/// Neither changes while the program runs.
static DOCUMENT: LazyLock<String> = LazyLock::new(openapi::document);
static DOCS: LazyLock<String> = LazyLock::new(|| html::docs::docs(&openapi::openapi()));

/// This API as an OpenAPI document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "server",
    responses((status = 200, description = "The document.", body = Object), AnyProblem))]
pub async fn get_openapi(_: Public, _: Parameters<NoParameters>) -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

/// This API as a page for people.
#[utoipa::path(get, path = "/api/docs", tag = "server",
    responses((status = 200, description = "The page.", body = String,
        content_type = "text/html"), AnyProblem))]
pub async fn get_docs(_: Public, _: Parameters<NoParameters>) -> Html<&'static str> {
    Html(DOCS.as_str())
}
