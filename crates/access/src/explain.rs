//! Why someone may do something, or may not.

use crate::{caller::Caller, grant::Grant, principal::Principal};
use insula_blueprint::{Compiled, PermissionSet};
use serde::Serialize;

/// One reason for an answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    /// The blueprint has no permission and no alias of this name.
    UnknownPermission,
    /// A role that the caller has allows it.
    AllowedByRole {
        /// The role.
        role: String,
    },
    /// A role that the caller has doesn't allow all of it.
    RoleLacks {
        /// The role.
        role: String,
        /// What it lacks.
        permissions: Vec<String>,
    },
    /// A role was given that the blueprint no longer has.
    UnknownRole {
        /// The role.
        role: String,
    },
    /// No role was given in the organization.
    NoRole,
    /// The key was made with this.
    AllowedByKey,
    /// The key was made without this, whatever roles allow.
    KeyLacks {
        /// What it lacks.
        permissions: Vec<String>,
    },
    /// It is what every upstream may do.
    AllowedByService,
    /// Upstreams may report usage, and nothing else.
    ServiceLacks {
        /// What it lacks.
        permissions: Vec<String>,
    },
    /// What roles allow has changed since the caller was authenticated.
    Stale,
}

/// Whether a caller may do something, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Explanation {
    /// Whether.
    pub allowed: bool,
    /// Why, at least one reason.
    pub reasons: Vec<Reason>,
}

/// Why the caller may or may not do what a permission or an alias names. `grants` are those of the caller, for a
/// key those it acts under, if any. The answer is that of [`Caller::permissions`]; the reasons follow from it.
#[must_use]
pub fn explain(caller: &Caller, grants: &[Grant], permission: &str, blueprint: &Compiled) -> Explanation {
    let Some(wanted) = blueprint.permissions().expand(permission) else {
        return Explanation { allowed: false, reasons: vec![Reason::UnknownPermission] };
    };
    let allowed = wanted.is_subset(caller.permissions());
    let lacking = |set: PermissionSet| -> Vec<String> {
        blueprint.permissions().names_of(wanted.difference(set)).into_iter().map(str::to_owned).collect()
    };
    let mut reasons = Vec::new();
    let mut by_roles = PermissionSet::EMPTY;
    for Grant { role, .. } in grants.iter().filter(|grant| grant.counts_in(caller.organization())) {
        let role = role.clone();
        match blueprint.role(&role) {
            None => reasons.push(Reason::UnknownRole { role }),
            Some(set) if wanted.is_subset(set) => {
                by_roles = by_roles.union(set);
                reasons.push(Reason::AllowedByRole { role });
            }
            Some(set) => {
                by_roles = by_roles.union(set);
                reasons.push(Reason::RoleLacks { role, permissions: lacking(set) });
            }
        }
    }
    match caller.principal() {
        Principal::Key { .. } if allowed => reasons.push(Reason::AllowedByKey),
        Principal::Key { .. } => {
            reasons.push(Reason::KeyLacks { permissions: lacking(caller.permissions()) });
        }
        Principal::Service { .. } if allowed => reasons.push(Reason::AllowedByService),
        Principal::Service { .. } => {
            reasons.push(Reason::ServiceLacks { permissions: lacking(caller.permissions()) });
        }
        _ if reasons.is_empty() => reasons.push(Reason::NoRole),
        _ if allowed != wanted.is_subset(by_roles) => reasons.push(Reason::Stale),
        _ => {}
    }
    if allowed {
        // Roles that don't help are no reason for what is allowed, unless it takes several of them together.
        let whole = reasons.iter().any(|reason| {
            matches!(reason, Reason::AllowedByRole { .. } | Reason::AllowedByKey | Reason::AllowedByService)
        });
        reasons.retain(|reason| {
            !whole || !matches!(reason, Reason::RoleLacks { .. } | Reason::UnknownRole { .. })
        });
    }
    Explanation { allowed, reasons }
}
