//! Plans and their versions, subscriptions and what they entitle to, invoices and what is behind them.
//!
//! What must always hold: a version of a plan never changes once it was made; a subscription names the version it is on,
//! whatever the blueprint says later; what an organization may do follows from that version. Whatever happens to a
//! subscription happens once and in the order of time, and is on one invoice; each line names the exact set of events
//! behind it; a total is the sum of its lines and taxes; a number is given once and none is left out; what is previewed
//! is what is charged.

mod account;
pub mod books;
mod catalogue;
mod charges;
mod definition;
pub mod effects;
mod engine;
pub mod export;
pub mod http;
pub mod invoice;
pub mod offer;
pub mod operator;
pub mod overrides;
pub mod pdf;
mod plan;
pub mod quote;
pub mod request;
mod store;
pub mod subscription;

pub use definition::{Definition, Terms};
pub use engine::{AnchorChange, Catalogue, When};
pub use plan::{
    AppliedBlueprint, AppliedPlan, BlueprintVersion, apply_blueprint, blueprint_version, current_blueprint,
    current_versions,
};
pub use store::{PLATFORM_STATEMENTS, TENANT_STATEMENTS};
