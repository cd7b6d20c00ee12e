//! The tie between an authorization and the data it opens.

use crate::OrgId;

/// How often what an organization's principals may do has changed; a proof from an earlier epoch is stale.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Epoch(pub u64);

/// The tenant whose data may be touched. Stores open a tenant's transaction only for a `Scope`.
///
/// Only the crate `access` implements it, on proofs of authorization; a test of the workspace holds that.
pub trait Scope {
    /// The organization that was authorized.
    fn organization(&self) -> OrgId;
}

/// The right to touch rows across tenants: an operator's proof (`access`) or a named worker of the platform (`storage`).
pub trait PlatformScope {
    /// Who acts, for the log.
    fn authority(&self) -> &'static str;
}
