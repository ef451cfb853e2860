//! What people send from a form and programs as JSON: one body in either.

use axum::Form;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A body, and how it came: the last argument of a handler.
pub struct Sent<T> {
    /// What it says.
    pub value: T,
    /// Whether a page's form sent it, which is answered with a page.
    pub by_form: bool,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let form = Form::<T>::from_request(request, state).await;
            let Form(value) = form.map_err(|_| not_that("form"))?;
            return Ok(Self {
                value,
                by_form: true,
            });
        }
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Problem::argument(
                "the body's content-type is application/json, or a form's",
            ));
        }
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|error| Problem::unreadable_body(&error))?;
        // What is wrong with it is not repeated: a password may be in it.
        let value = serde_json::from_slice(&body).map_err(|_| not_that("body"))?;
        Ok(Self {
            value,
            by_form: false,
        })
    }
}

fn not_that(what: &str) -> Problem {
    Problem::argument(format!("the {what} does not hold what is asked for"))
}
