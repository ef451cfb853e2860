//! Errors as answers: `{code, message, try_next, request_id}`.

use std::any::Any;
use std::error::Error as StdError;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use storage::{Code, Failure};
use utoipa::ToSchema;

/// How many seconds to wait before asking a busy server again.
const RETRY_SOON: HeaderValue = HeaderValue::from_static("1");
/// How many to wait after too many attempts to sign in.
const RETRY_LATER: HeaderValue = HeaderValue::from_static("900");
/// What programs show.
const BEARER: HeaderValue = HeaderValue::from_static("Bearer realm=\"pacelake\"");

/// An error on its way to the client.
///
/// As a response it has no body yet: [`crate::log::request`], which knows the
/// request's id, writes it.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    message: String,
    try_next: String,
    /// The chain of sources, for the log only.
    chain: Vec<String>,
}

/// What the client reads.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// What went wrong, as programs see it; never renamed.
    #[schema(example = "not_found")]
    pub code: &'static str,
    /// What went wrong, as people see it.
    #[schema(example = "there is no activity 1")]
    pub message: String,
    /// What to try next.
    pub try_next: String,
    /// The answer's `x-request-id`, which the log has too.
    pub request_id: String,
}

/// The answer to a request that failed, in the document.
#[derive(utoipa::IntoResponses)]
#[response(
    status = "default",
    description = "What went wrong, and what to try next."
)]
pub struct AnyProblem(#[expect(dead_code, reason = "the document's only")] ProblemBody);

impl Problem {
    /// A problem of our own.
    pub fn new(code: Code, message: impl Into<String>, try_next: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            try_next: try_next.into(),
            chain: Vec::new(),
        }
    }

    /// A parameter that means nothing.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new(
            Code::InvalidArgument,
            message,
            "the parameters are described at /api/docs",
        )
    }

    /// There is nothing of that name or id, or it is another athlete's.
    pub fn not_found(what: &str) -> Self {
        let message = format!("there is no {what}");
        Self::new(
            Code::NotFound,
            message,
            "list what there is at /api/activities",
        )
    }

    /// Its stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What went wrong, as people see it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to try next.
    pub fn try_next(&self) -> &str {
        &self.try_next
    }

    /// Says it in the log, where it cannot be said to the client.
    pub fn log(&self, what: &'static str) {
        tracing::error!(code = self.code.name(), said = self.message, chain = ?self.chain, what);
    }

    /// A fault of ours, with what is known of it for the log.
    pub fn fault(said: String) -> Self {
        Self {
            code: Code::Internal,
            message: "the request met a fault".to_owned(),
            try_next: "report this with its request_id".to_owned(),
            chain: vec![said],
        }
    }

    /// A body that is too long, or did not come to its end.
    pub fn unreadable_body(error: &BytesRejection) -> Self {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::new(
                Code::InputTooLarge,
                "the request's body is too large",
                "send less",
            );
        }
        Self::argument(error.body_text())
    }

    /// The causes below the message, outermost first, for the log.
    pub fn chain(&self) -> &[String] {
        &self.chain
    }

    /// The answer for the request of this id.
    pub fn answer(&self, request_id: &str) -> Response {
        let body = ProblemBody {
            code: self.code.name(),
            message: self.message.clone(),
            try_next: self.try_next.clone(),
            request_id: request_id.to_owned(),
        };
        (self.status(), Json(body)).into_response()
    }

    /// The status that it is answered with.
    pub fn status(&self) -> StatusCode {
        let status = self.code.row().http_status;
        StatusCode::from_u16(status).expect("CODES lists valid statuses")
    }

    fn of(error: &(impl Failure + ?Sized)) -> Self {
        let mut chain = Vec::new();
        let mut cause: Option<&dyn StdError> = error.source();
        while let Some(error) = cause {
            chain.push(error.to_string());
            cause = error.source();
        }
        Self {
            code: error.code(),
            message: error.to_string(),
            try_next: error.try_next().to_owned(),
            chain,
        }
    }
}

impl From<jobs::Error> for Problem {
    fn from(error: jobs::Error) -> Self {
        Self::of(&error)
    }
}

impl From<query::Error> for Problem {
    fn from(error: query::Error) -> Self {
        Self::of(&error)
    }
}

impl From<storage::Error> for Problem {
    fn from(error: storage::Error) -> Self {
        Self::of(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        let headers = response.headers_mut();
        if self.code == Code::TooBusy {
            headers.insert(RETRY_AFTER, RETRY_SOON);
        } else if self.code == Code::TooManyAttempts {
            headers.insert(RETRY_AFTER, RETRY_LATER);
        } else if self.code == Code::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, BEARER);
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// The answer to a path that is no route.
pub async fn unknown_route(uri: Uri) -> Problem {
    let message = format!("there is nothing at {}", uri.path());
    Problem::new(
        Code::NotFound,
        message,
        "the routes are listed at /api/docs",
    )
}

/// The answer to a method that a route does not have.
pub async fn unknown_method(method: Method, uri: Uri) -> Problem {
    let message = format!("{} does not answer {method}", uri.path());
    // axum names the methods in `allow`, but only after everything of ours.
    Problem::new(
        Code::MethodNotAllowed,
        message,
        "use a method that the answer's allow header names",
    )
}

/// The answer after a fault of ours.
pub fn of_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::fault(said.unwrap_or("a panic without words").to_owned()).into_response()
}
