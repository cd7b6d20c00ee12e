//! Organizations: what they are called, where they stand, and which of them a request may mean.
//!
//! What must always hold: a slug names one organization at a time; an organization that isn't active serves no
//! traffic from the request after the change on; what the request path knows ([`Live`]) is what was committed.

mod live;
mod slug;

pub use live::{Live, LiveOrganization, Status};
pub use slug::{Slug, SlugError};
