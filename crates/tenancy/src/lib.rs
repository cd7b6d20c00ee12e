//! Organizations, and their parts: what they are called, where they stand, and which of them a request may mean.
//!
//! What must always hold: a slug names one organization at a time, and one project of an organization; an organization
//! that isn't active serves no traffic from the request after the change on; a project that was archived has no key that
//! is good; what the request path knows ([`Live`]) is what was committed.

mod http;
mod live;
mod organization;
pub mod project;
mod slug;
mod store;
pub mod team;
mod text;

pub use http::{State, StockBound, api};
pub use live::{Live, LiveOrganization, LiveProject, Status, Turn};
pub use organization::{
    NewOrganization, Organization, Wanted, count_all, create, deactivate, describe, find, get, list, load,
    parts_of, set_plan, set_service, set_status, slug_taken, slug_taken_at, update, update_any,
};
pub use project::{Project, ProjectKeys, ProjectStatus};
pub use slug::{Slug, SlugError};
pub use store::{PLATFORM_STATEMENTS, TENANT_STATEMENTS};
pub use team::Team;
pub use text::{check_name, pattern};
