//! Plans and their versions, subscriptions, and what they entitle to.
//!
//! What must always hold: a version of a plan never changes once it was made; a subscription names the version it is
//! on, whatever the blueprint says later; what an organization may do follows from that version alone.

mod catalogue;
pub mod http;
pub mod overrides;
mod plan;
mod store;
pub mod subscription;

pub use plan::{
    AppliedBlueprint, AppliedPlan, BlueprintVersion, Definition, apply_blueprint, blueprint_version,
    current_blueprint, current_versions,
};
pub use store::{PLATFORM_STATEMENTS, TENANT_STATEMENTS};
