//! Permissions as small numbers, sets of them as bits, and Insula's own permissions.
//!
//! Insula's own permissions have fixed numbers, so that its operations can name theirs in constants; those of a
//! blueprint follow in alphabetical order. A number means something only beside the compiled blueprint it came
//! from: what is stored or sent are names.

use std::fmt;

/// A permission of one compiled blueprint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PermissionId(u16);

impl PermissionId {
    /// How many permissions there can be, Insula's own included.
    pub const LIMIT: usize = 256;

    /// The permission of this number, if there can be one.
    pub(crate) fn from_index(index: usize) -> Option<Self> {
        u16::try_from(index).ok().filter(|_| index < Self::LIMIT).map(Self)
    }

    /// The number, below [`Self::LIMIT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of permissions of one compiled blueprint, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PermissionSet([u64; 4]);

impl PermissionSet {
    /// No permission.
    pub const EMPTY: Self = Self([0; 4]);

    /// The set with this permission too.
    #[must_use]
    pub const fn with(mut self, permission: PermissionId) -> Self {
        // A permission's number is below 256, which is what two more bits than six can hold.
        self.0[permission.index() >> 6] |= 1 << (permission.index() & 63);
        self
    }

    /// Whether the permission is in the set.
    #[must_use]
    pub const fn contains(&self, permission: PermissionId) -> bool {
        self.0[permission.index() >> 6] & (1 << (permission.index() & 63)) != 0
    }

    /// Everything that is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a | e, b | f, c | g, d | h])
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a & e, b & f, c & g, d & h])
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a & !e, b & !f, c & !g, d & !h])
    }

    /// Whether everything in this one is in the other.
    #[must_use]
    pub const fn is_subset(self, other: Self) -> bool {
        self.difference(other).is_empty()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        let [a, b, c, d] = self.0;
        a | b | c | d == 0
    }

    /// How many permissions are in it.
    #[must_use]
    pub const fn len(self) -> u32 {
        let [a, b, c, d] = self.0;
        a.count_ones() + b.count_ones() + c.count_ones() + d.count_ones()
    }

    /// Its permissions by number.
    pub fn iter(self) -> impl Iterator<Item = PermissionId> {
        (0u16..256).map(PermissionId).filter(move |&permission| self.contains(permission))
    }
}

impl FromIterator<PermissionId> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = PermissionId>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl Extend<PermissionId> for PermissionSet {
    fn extend<I: IntoIterator<Item = PermissionId>>(&mut self, permissions: I) {
        *self = self.union(permissions.into_iter().collect());
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(PermissionId::index)).finish()
    }
}

/// Who may be given one of Insula's own permissions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    /// Roles of an organization, built-in ones included.
    Tenant,
    /// Roles of an organization only where the blueprint names it; built-in roles and `resource:*` leave it out.
    TenantByName,
    /// The operator's staff alone; no role of an organization can have it.
    Operator,
}

/// One of Insula's own permissions.
#[derive(Clone, Copy, Debug)]
pub struct OwnPermission {
    /// What it covers, before the colon.
    pub resource: &'static str,
    /// What may be done, after the colon.
    pub verb: &'static str,
    /// `resource:verb`.
    pub name: &'static str,
    /// Who may be given it.
    pub holder: Holder,
}

macro_rules! own_permissions {
    ($($(#[$doc:meta])* $constant:ident = $resource:literal : $verb:literal, $holder:ident;)+) => {
        #[expect(non_camel_case_types, reason = "each is named as its constant; only their numbers are used")]
        enum Number { $($constant),+ }

        $($(#[$doc])* pub const $constant: PermissionId = PermissionId(Number::$constant as u16);)+

        /// All of Insula's own permissions; the position of each is its number.
        pub const ALL: &[OwnPermission] = &[$(OwnPermission {
            resource: $resource,
            verb: $verb,
            name: concat!($resource, ":", $verb),
            holder: Holder::$holder,
        }),+];
    };
}

/// Insula's own permissions.
pub mod own {
    use super::{Holder, OwnPermission, PermissionId};

    own_permissions! {
        /// See the organization and its settings.
        ORG_READ = "org":"read", Tenant;
        /// Change the organization and its settings.
        ORG_UPDATE = "org":"update", Tenant;
        /// Delete the organization.
        ORG_DELETE = "org":"delete", Tenant;
        /// See who is in the organization.
        MEMBERS_READ = "members":"read", Tenant;
        /// Invite, change and remove members.
        MEMBERS_MANAGE = "members":"manage", Tenant;
        /// See teams.
        TEAMS_READ = "teams":"read", Tenant;
        /// Make, change and delete teams.
        TEAMS_MANAGE = "teams":"manage", Tenant;
        /// See projects.
        PROJECTS_READ = "projects":"read", Tenant;
        /// Make, change and delete projects.
        PROJECTS_MANAGE = "projects":"manage", Tenant;
        /// See roles.
        ROLES_READ = "roles":"read", Tenant;
        /// Make, change and delete the organization's own roles.
        ROLES_MANAGE = "roles":"manage", Tenant;
        /// See API keys, never their secrets.
        KEYS_READ = "keys":"read", Tenant;
        /// Make, rotate and revoke API keys.
        KEYS_MANAGE = "keys":"manage", Tenant;
        /// See usage and limits.
        USAGE_READ = "usage":"read", Tenant;
        /// Report usage. Whoever holds it can write its organization's bill.
        USAGE_INGEST = "usage":"ingest", TenantByName;
        /// See the subscription and invoices.
        BILLING_READ = "billing":"read", Tenant;
        /// Change plan and ways to pay.
        BILLING_MANAGE = "billing":"manage", Tenant;
        /// See the audit log.
        AUDIT_READ = "audit":"read", Tenant;
        /// Make, change and delete webhooks.
        WEBHOOKS_MANAGE = "webhooks":"manage", Tenant;
        /// Make, change and delete alerts.
        ALERTS_MANAGE = "alerts":"manage", Tenant;
        /// Add, verify and remove domains.
        DOMAINS_MANAGE = "domains":"manage", Tenant;
        /// Change name, logo and colours.
        BRANDING_MANAGE = "branding":"manage", Tenant;
        /// Change what the organization demands of sign-ins.
        SECURITY_MANAGE = "security":"manage", Tenant;
        /// See every organization of the installation.
        OPERATOR_READ = "operator":"read", Operator;
        /// Change every organization of the installation.
        OPERATOR_MANAGE = "operator":"manage", Operator;
        /// Put another version of the blueprint in place.
        BLUEPRINT_APPLY = "blueprint":"apply", Operator;
    }

    /// Every permission of the operator's staff: those for the operator alone.
    pub const OPERATOR: super::PermissionSet = {
        let mut set = super::PermissionSet::EMPTY;
        let mut index = 0u16;
        while (index as usize) < ALL.len() {
            if matches!(ALL[index as usize].holder, Holder::Operator) {
                set = set.with(PermissionId(index));
            }
            index += 1;
        }
        set
    };

    /// The name of one of Insula's own permissions; `None` for one of a blueprint.
    #[must_use]
    pub const fn name(permission: PermissionId) -> Option<&'static str> {
        if permission.index() < ALL.len() { Some(ALL[permission.index()].name) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_kernel::{Rng as _, SeededRng};
    use std::collections::BTreeSet;

    fn some_set(rng: &SeededRng) -> (PermissionSet, BTreeSet<u16>) {
        let mut bytes = [0u8; 40];
        rng.fill(&mut bytes);
        let numbers: BTreeSet<u16> = bytes.into_iter().map(u16::from).collect();
        (numbers.iter().map(|&number| PermissionId(number)).collect(), numbers)
    }

    #[test]
    fn bit_sets_behave_as_sets_of_numbers_do() {
        let rng = SeededRng::new(11);
        for _ in 0..200 {
            let ((a, a_numbers), (b, b_numbers)) = (some_set(&rng), some_set(&rng));
            let numbers = |set: PermissionSet| set.iter().map(|id| id.0).collect::<BTreeSet<_>>();
            assert_eq!(numbers(a), a_numbers);
            assert_eq!(numbers(a.union(b)), &a_numbers | &b_numbers);
            assert_eq!(numbers(a.intersection(b)), &a_numbers & &b_numbers);
            assert_eq!(numbers(a.difference(b)), &a_numbers - &b_numbers);
            assert_eq!(a.is_subset(b), a_numbers.is_subset(&b_numbers));
            assert!(a.is_subset(a.union(b)) && a.intersection(b).is_subset(a));
            assert_eq!(a.len() as usize, a_numbers.len());
            assert_eq!(a.is_empty(), a_numbers.is_empty());
        }
    }

    #[test]
    fn own_permissions_have_the_number_of_their_constant() {
        assert_eq!(own::name(own::ORG_READ), Some("org:read"));
        assert_eq!(own::name(own::KEYS_MANAGE), Some("keys:manage"));
        assert_eq!(own::name(own::BLUEPRINT_APPLY), Some("blueprint:apply"));
        let names: BTreeSet<_> = own::ALL.iter().map(|own| own.name).collect();
        assert_eq!(names.len(), own::ALL.len());
        assert!(own::OPERATOR.contains(own::BLUEPRINT_APPLY) && !own::OPERATOR.contains(own::ORG_READ));
    }
}
