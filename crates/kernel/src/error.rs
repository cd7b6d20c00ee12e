//! One error for the whole system: what it means for the caller, and, apart from it, what only the log may say.

use crate::Span;
use std::{borrow::Cow, error::Error as StdError, fmt};

/// The result of nearly everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an error asks of the caller. Each kind is one HTTP status, named beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ErrorKind {
    /// Correct the form of the request (400).
    Malformed,
    /// Sign in (401).
    Unauthenticated,
    /// Pay or upgrade (402).
    PaymentRequired,
    /// Ask an administrator (403).
    Forbidden,
    /// Not there, or not yours to see (404).
    NotFound,
    /// Another method (405).
    MethodNotAllowed,
    /// It took too long to send (408).
    RequestTimeout,
    /// It exists, or changed in between (409).
    Conflict,
    /// Read it again, then change it (412).
    PreconditionFailed,
    /// Send less (413).
    TooLarge,
    /// Another media type (415).
    UnsupportedMediaType,
    /// Correct the content of the request (422).
    Invalid,
    /// Wait (429).
    TooManyRequests,
    /// Ours: look at the log (500).
    Internal,
    /// The upstream answered badly or not at all (502).
    BadGateway,
    /// Ours or a dependency's: try again (503).
    Unavailable,
    /// The upstream took too long (504).
    GatewayTimeout,
}

impl ErrorKind {
    /// The HTTP status code of the kind.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthenticated => 401,
            Self::PaymentRequired => 402,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::Conflict => 409,
            Self::PreconditionFailed => 412,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Invalid => 422,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::BadGateway => 502,
            Self::Unavailable => 503,
            Self::GatewayTimeout => 504,
        }
    }

    /// A short title, the same for every error of the kind.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Malformed => "Malformed request",
            Self::Unauthenticated => "Not signed in",
            Self::PaymentRequired => "Plan limit reached",
            Self::Forbidden => "Not allowed",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::RequestTimeout => "Request took too long",
            Self::Conflict => "Conflict",
            Self::PreconditionFailed => "Changed in between",
            Self::TooLarge => "Too large",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::Invalid => "Invalid request",
            Self::TooManyRequests => "Too many requests",
            Self::Internal => "Internal error",
            Self::BadGateway => "Upstream failed",
            Self::Unavailable => "Temporarily unavailable",
            Self::GatewayTimeout => "Upstream took too long",
        }
    }
}

/// One field of a request that is not as it must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldError {
    /// Where: a JSON pointer (RFC 6901) into the body, or `?name` for a query parameter.
    pub pointer: String,
    /// What is wrong, stable, for programs.
    pub code: &'static str,
    /// What is wrong and what would be right, for people.
    pub detail: String,
}

/// An error, with what the caller may know and what only the log may say in separate fields.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    code: &'static str,
    detail: Cow<'static, str>,
    fields: Vec<FieldError>,
    retry_after: Option<Span>,
    internal: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind: `code` is stable and dotted, `detail` is for the caller's eyes.
    pub fn new(kind: ErrorKind, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = detail.into();
        Self(Box::new(Inner {
            kind,
            code,
            detail,
            fields: Vec::new(),
            retry_after: None,
            internal: None,
            source: None,
        }))
    }

    /// Something that isn't the caller's fault; `internal` goes to the log, the caller learns only that it happened.
    pub fn internal(internal: impl Into<String>) -> Self {
        let mut error = Self::new(
            ErrorKind::Internal,
            "internal",
            "Something went wrong on our side; the request id helps us find it.",
        );
        error.0.internal = Some(internal.into());
        error
    }

    /// The answer for what doesn't exist and for what the caller may not see: the two must look the same.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            ErrorKind::NotFound,
            "not_found",
            format!("There is no such {what}, or you may not see it."),
        )
    }

    /// Content that can't be accepted, field by field.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let detail = match fields.as_slice() {
            [only] => only.detail.clone(),
            many => format!("{} fields need correction.", many.len()),
        };
        let mut error = Self::new(ErrorKind::Invalid, "request.invalid", detail);
        error.0.fields = fields;
        error
    }

    /// Content that can't be accepted because of one field.
    pub fn invalid_field(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { pointer: pointer.into(), code, detail: detail.into() }])
    }

    /// Something that exists already, or was changed in between, because of one field.
    pub fn conflict_at(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let mut error = Self::new(ErrorKind::Conflict, code, detail.clone());
        error.0.fields = vec![FieldError { pointer: pointer.into(), code, detail }];
        error
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds how long to wait before another try.
    #[must_use]
    pub fn retry_after(mut self, span: Span) -> Self {
        self.0.retry_after = Some(span);
        self
    }

    /// What it asks of the caller.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stable, dotted code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.0.code
    }

    /// What the caller may read.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The fields that need correction.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// How long to wait before another try.
    #[must_use]
    pub const fn wait(&self) -> Option<Span> {
        self.0.retry_after
    }
}

/// The whole error with its causes: for the log, never for a reply.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.internal.as_deref().unwrap_or(&self.0.detail))?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
