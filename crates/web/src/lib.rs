//! What every endpoint of the API shares: who calls, what they sent, how errors look, what the document says.
//!
//! What must always hold: a handler gets its caller as a proof of authorization or not at all; bad input becomes a
//! clear problem of the 4xx kind before any handler runs; what isn't declared in a request is refused.

mod api;
mod body;
mod caller;
mod idempotency;
mod patch;
mod problem;
mod query;

pub use api::{Api, Endpoint, Method, Needs, document};
pub use body::{Json, MAX_BODY, Raw, read_json};
pub use caller::{Credential, Entrance, In, Operator, RequestInfo, SignedIn};
pub use idempotency::{
    IDEMPOTENCY_STATEMENTS, IDEMPOTENCY_TENANT_STATEMENTS, Idempotency, Idempotent, Reply,
};
pub use patch::Patch;
pub use problem::{Failure, Problem, ProblemField, problem_response};
pub use query::{Listing, Query};
