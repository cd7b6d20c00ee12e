//! What went wrong with a request (RFC 9457), in the form that Insula's own API has.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// What is wrong with one field of a body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct FieldError {
    /// Where, as a JSON pointer (RFC 6901).
    pub(crate) pointer: String,
    /// What, stable, for programs.
    pub(crate) code: &'static str,
    /// What is wrong, and what would be right.
    pub(crate) detail: String,
}

/// A refusal of a request. Nothing was changed by it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new() }
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request.malformed", detail)
    }

    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = "Some of what was sent can't be used; `errors` says what.".to_owned();
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, code: "request.invalid", detail, errors }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "job.not_found", "There is no such job, or it isn't yours to see.")
    }

    /// Ours, not the caller's: the log says what.
    pub(crate) fn internal(error: &sqlx::Error) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The request couldn't be served. Try again.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            errors: &self.errors,
        };
        let media = HeaderValue::from_static("application/problem+json");
        (self.status, [(header::CONTENT_TYPE, media)], serde_json::to_vec(&body).unwrap_or_default())
            .into_response()
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::internal(&error)
    }
}
