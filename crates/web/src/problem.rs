//! Errors as callers see them: problem details (RFC 9457).

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use insula_kernel::{Error, ErrorKind, RequestId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A problem, as `application/problem+json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// A URI reference that names the kind of problem: its place in the reference.
    pub r#type: String,
    /// A short title, the same for all problems with this status.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong and what would help, for people.
    pub detail: String,
    /// What is wrong, stable and dotted, for programs.
    pub code: String,
    /// The request, to quote when asking for help.
    pub request_id: RequestId,
    /// The fields that need correction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemField>,
}

/// One field that needs correction.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProblemField {
    /// A JSON pointer (RFC 6901) into the body, or `?name` for a query parameter.
    pub pointer: String,
    /// What is wrong, for programs.
    pub code: String,
    /// What is wrong and what would be right, for people.
    pub detail: String,
}

impl Problem {
    /// The problem that an error is for the caller of this request.
    #[must_use]
    pub fn of(error: &Error, request_id: RequestId) -> Self {
        let kind = error.kind();
        Self {
            r#type: format!("/docs/problems#{}", error.code()),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: error.detail().to_owned(),
            code: error.code().to_owned(),
            request_id,
            errors: error
                .fields()
                .iter()
                .map(|field| ProblemField {
                    pointer: field.pointer.clone(),
                    code: field.code.to_owned(),
                    detail: field.detail.clone(),
                })
                .collect(),
        }
    }
}

/// The whole reply for an error. What only the log may know is written there, under the request's id.
#[must_use]
pub fn problem_response(error: &Error, request_id: RequestId) -> http::Response<Bytes> {
    match error.kind() {
        ErrorKind::Internal => tracing::error!(request_id = %request_id, error = %error, "request failed"),
        ErrorKind::Unavailable => {
            tracing::warn!(request_id = %request_id, error = %error, "request not served");
        }
        _ => tracing::debug!(request_id = %request_id, error = %error, "request refused"),
    }
    let body = serde_json::to_vec(&Problem::of(error, request_id)).unwrap_or_default();
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() =
        StatusCode::from_u16(error.kind().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(wait) = error.wait() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.ceil_secs().max(1)));
    }
    if error.kind() == ErrorKind::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// An error on its way out of a handler; the API's outermost layer, which knows the request's id, writes the reply.
#[derive(Debug)]
pub struct Failure(pub Error);

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.status_mut() =
            StatusCode::from_u16(self.0.kind().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.extensions_mut().insert(Arc::new(self.0));
        response
    }
}
