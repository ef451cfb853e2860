//! The errors that Strava answers, in Strava's words.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error as the API has it: `{"message", "errors": [{"resource", "field",
/// "code"}]}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    message: &'static str,
    resource: &'static str,
    field: String,
    code: String,
}

impl Problem {
    fn new(
        status: StatusCode,
        message: &'static str,
        resource: &'static str,
        field: &str,
        code: &str,
    ) -> Self {
        Self {
            status,
            message,
            resource,
            field: field.to_owned(),
            code: code.to_owned(),
        }
    }

    /// 400: a parameter is wrong.
    pub(crate) fn bad(resource: &'static str, field: &str, code: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "Bad Request",
            resource,
            field,
            code,
        )
    }

    fn unauthorized(resource: &'static str, field: &str, code: &str) -> Self {
        let status = StatusCode::UNAUTHORIZED;
        Self::new(status, "Authorization Error", resource, field, code)
    }

    /// 401: the client's id and secret are not a pair.
    pub(crate) fn wrong_client() -> Self {
        Self::unauthorized("Application", "", "invalid")
    }

    /// 401: the token is dead, unknown or missing.
    pub(crate) fn dead_token() -> Self {
        Self::unauthorized("Athlete", "access_token", "invalid")
    }

    /// 401: the token is alive, but the athlete did not allow this.
    pub(crate) fn missing_scope(permission: &str) -> Self {
        Self::unauthorized("AccessToken", permission, "missing")
    }

    fn forbidden(resource: &'static str, field: &str, code: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", resource, field, code)
    }

    /// 403: the app's owner has no subscription.
    pub(crate) fn inactive() -> Self {
        Self::forbidden("Application", "Status", "Inactive")
    }

    /// 403: the app has as many athletes as it may have.
    pub(crate) fn athlete_limit() -> Self {
        Self::forbidden(
            "Application",
            "athletes",
            "limit of connected athletes exceeded",
        )
    }

    /// 403: another athlete's.
    pub(crate) fn another_s() -> Self {
        Self::forbidden("Athlete", "id", "invalid")
    }

    /// 404: there is none, or none that the caller may see.
    pub(crate) fn not_found(resource: &'static str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Record Not Found",
            resource,
            "id",
            "invalid",
        )
    }

    /// 404: no such path.
    pub(crate) fn no_path() -> Self {
        let status = StatusCode::NOT_FOUND;
        Self::new(status, "Record Not Found", "resource", "path", "invalid")
    }

    /// 429: more calls than the window allows.
    pub(crate) fn rate_limit(field: &str) -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::new(
            status,
            "Rate Limit Exceeded",
            "Application",
            field,
            "exceeded",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = json!({"resource": self.resource, "field": self.field, "code": self.code});
        let body = json!({"message": self.message, "errors": [error]});
        (self.status, Json(body)).into_response()
    }
}

/// What a page in a browser shows where the athlete limit is reached.
pub(crate) const ATHLETE_LIMIT_PAGE: &str = "<!DOCTYPE html><html><head><title>Error 403</title>\
</head><body><h1>Error 403: Limit of connected athletes exceeded</h1><p>This simulated app has no \
place left for another athlete.</p></body></html>\n";

/// A page in place of JSON, as a broken server has one.
pub(crate) fn html_error(status: StatusCode) -> String {
    format!(
        "<!DOCTYPE html>\n<html><head><title>{status}</title></head>\n\
         <body><center><h1>{status}</h1></center><hr><center>simulated</center></body></html>\n"
    )
}
