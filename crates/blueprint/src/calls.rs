//! Routes that go to an operation of Insula's own, with every name resolved.

use crate::model::Pointer;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Requests that an operation of Insula's own answers.
#[derive(Clone, Debug)]
pub struct Call {
    /// Method and path as they are declared.
    pub pattern: String,
    /// The operation's id in the OpenAPI document.
    pub operation: String,
    /// The operation's method, in capitals; `GET` answers `HEAD` too.
    pub method: String,
    /// The operation's path, segment by segment.
    pub path: Vec<CallSegment>,
    /// Parameters of the operation's query that aren't those of the request.
    pub query: Vec<(String, Filler)>,
    /// Parameters of the request's query that don't go on under their own names.
    pub taken: BTreeSet<String>,
    /// The operation's body; as it was sent if `None`.
    pub body: Option<Vec<(Pointer, Filler)>>,
    /// The reply; as the operation gives it if `None`.
    pub response: Option<Vec<(Pointer, Filler)>>,
}

/// A segment of an operation's path.
#[derive(Clone, Debug)]
pub enum CallSegment {
    /// This text.
    Literal(String),
    /// What a parameter is filled with.
    Filled(Filler),
}

/// What a parameter, or a place of a JSON document, is filled with.
#[derive(Clone, PartialEq, Debug)]
pub enum Filler {
    /// Always the same.
    Constant(Json),
    /// A segment of the request's path, counted from 0.
    Segment(usize),
    /// A parameter of the request's query.
    Query(String),
    /// The caller's own organization.
    Organization,
    /// A place in the request's body, or in the operation's reply.
    Body(Pointer),
}
