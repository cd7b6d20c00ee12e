//! Organizations: what they are called, where they stand, and which of them a request may mean.
//!
//! What must always hold: a slug names one organization at a time; an organization that isn't active serves no
//! traffic from the request after the change on; what the request path knows ([`Live`]) is what was committed.

mod http;
mod live;
mod organization;
mod slug;
mod store;

pub use http::{State, api, check_name};
pub use live::{Live, LiveOrganization, Status};
pub use organization::{
    NewOrganization, Organization, create, describe, find, get, list, load, set_status, slug_taken, update,
};
pub use slug::{Slug, SlugError};
pub use store::{PLATFORM_STATEMENTS, TENANT_STATEMENTS};
