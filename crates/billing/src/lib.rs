//! What is on offer, and who has taken it.
//!
//! What must always hold:
//! - A version of a plan never changes and never goes: a subscriber keeps the terms that were taken until the subscription
//!   is moved.
//! - The version of a plan that is on offer is the one with the highest number, and its terms are those of the blueprint
//!   in force.
//! - An organization has one subscription. It is prepared before the organization can be seen, and nobody sees it before.

pub mod blueprint;
pub mod http;
mod plan;
mod store;
pub mod subscription;

pub use plan::{AppliedPlan, apply_plans, entitlement_for, entitlements};
pub use store::{BILLING_STATEMENTS, BILLING_TENANT_STATEMENTS};
