//! Roles given to people, and what follows from them.

use insula_blueprint::{Compiled, PermissionSet, Permissions};
use insula_kernel::{Error, ErrorKind, OrgId, Result};

/// On what a role is given.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum GrantedOn {
    /// The whole organization.
    Organization(OrgId),
}

/// A role given on something. Roles are kept by name: what a name means is the blueprint's to say, and may change.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Grant {
    /// The name of the role.
    pub role: String,
    /// On what it is given.
    pub on: GrantedOn,
}

impl Grant {
    /// A role on the whole organization.
    pub fn on_organization(role: impl Into<String>, organization: OrgId) -> Self {
        Self { role: role.into(), on: GrantedOn::Organization(organization) }
    }

    /// Whether it counts in this organization.
    #[must_use]
    pub fn counts_in(&self, organization: OrgId) -> bool {
        match self.on {
            GrantedOn::Organization(on) => on == organization,
        }
    }
}

/// All that grants allow in an organization. A role that the blueprint doesn't have allows nothing.
#[must_use]
pub fn effective_permissions(grants: &[Grant], organization: OrgId, blueprint: &Compiled) -> PermissionSet {
    grants
        .iter()
        .filter(|grant| grant.counts_in(organization))
        .filter_map(|grant| blueprint.role(&grant.role))
        .fold(PermissionSet::EMPTY, PermissionSet::union)
}

/// Whether someone may give these permissions, by a role or to a key: nobody gives what they lack.
///
/// # Errors
///
/// `access.beyond_own` (403), naming what the giver lacks.
pub fn ensure_grantable(giver: PermissionSet, wanted: PermissionSet, names: &Permissions) -> Result<()> {
    const NAMED: usize = 10;
    let beyond = names.names_of(wanted.difference(giver));
    if beyond.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = beyond.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = match beyond.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let detail = format!("You can give only what you have yourself; you lack {}{more}.", named.join(", "));
    Err(Error::new(ErrorKind::Forbidden, "access.beyond_own", detail))
}
