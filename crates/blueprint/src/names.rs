//! The names of permissions: Insula's own, those of the blueprint, its aliases, and `resource:*`.

use crate::permission::{Holder, PermissionId, PermissionSet, own};
use std::collections::BTreeMap;

/// The permissions and aliases of one compiled blueprint.
#[derive(Clone, Debug)]
pub struct Permissions {
    /// By number.
    names: Vec<String>,
    by_name: BTreeMap<String, PermissionId>,
    aliases: BTreeMap<String, PermissionSet>,
}

impl Permissions {
    /// Insula's own and, after them, those of the resources in alphabetical order; too many are left out.
    pub(crate) fn new<'n>(declared: impl IntoIterator<Item = (&'n str, &'n str)>) -> Self {
        let mut of_blueprint: Vec<_> =
            declared.into_iter().map(|(resource, verb)| format!("{resource}:{verb}")).collect();
        of_blueprint.sort();
        of_blueprint.dedup();
        let own = own::ALL.iter().map(|own| own.name.to_owned());
        let names: Vec<String> = own.chain(of_blueprint).take(PermissionId::LIMIT).collect();
        let by_name = names
            .iter()
            .enumerate()
            .filter_map(|(index, name)| Some((name.clone(), PermissionId::from_index(index)?)))
            .collect();
        Self { names, by_name, aliases: BTreeMap::new() }
    }

    pub(crate) fn add_alias(&mut self, name: &str, permissions: PermissionSet) {
        self.aliases.insert(name.to_owned(), permissions);
    }

    /// The permission of this name, `resource:verb`.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<PermissionId> {
        self.by_name.get(name).copied()
    }

    /// The name of a permission of this blueprint.
    #[must_use]
    pub fn name(&self, permission: PermissionId) -> &str {
        // A number from another blueprint may be beyond this one's.
        self.names.get(permission.index()).map_or("unknown", String::as_str)
    }

    /// The names of a set, in alphabetical order.
    #[must_use]
    pub fn names_of(&self, permissions: PermissionSet) -> Vec<&str> {
        let mut names: Vec<_> = permissions.iter().map(|permission| self.name(permission)).collect();
        names.sort_unstable();
        names
    }

    /// What a term stands for: a permission, an alias, or `resource:*`, which leaves out what must be named.
    #[must_use]
    pub fn expand(&self, term: &str) -> Option<PermissionSet> {
        if let Some(permission) = self.id(term) {
            return Some(PermissionSet::EMPTY.with(permission));
        }
        if let Some(alias) = self.aliases.get(term) {
            return Some(*alias);
        }
        let resource = term.strip_suffix(":*")?;
        let of_resource: Vec<_> = self
            .iter()
            .filter(|(name, _)| name.split_once(':').is_some_and(|(known, _)| known == resource))
            .map(|(_, permission)| permission)
            .collect();
        let by_wildcard = |permission: &PermissionId| holder(*permission) != Holder::TenantByName;
        (!of_resource.is_empty()).then(|| of_resource.into_iter().filter(by_wildcard).collect())
    }

    /// Every permission with its name, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, PermissionId)> {
        self.by_name.iter().map(|(name, permission)| (name.as_str(), *permission))
    }

    /// Every alias with what it stands for, in alphabetical order.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, PermissionSet)> {
        self.aliases.iter().map(|(name, permissions)| (name.as_str(), *permissions))
    }

    /// Every term there is but wildcards: for suggestions.
    pub(crate) fn terms(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().chain(self.aliases.keys()).map(String::as_str)
    }

    /// The permissions of the blueprint, and Insula's own that any role of an organization may have.
    pub(crate) fn grantable(&self) -> PermissionSet {
        self.iter().map(|(_, permission)| permission).filter(|id| holder(*id) == Holder::Tenant).collect()
    }

    /// The permissions of the blueprint alone.
    pub(crate) fn of_blueprint(&self) -> PermissionSet {
        self.iter().map(|(_, permission)| permission).filter(|id| id.index() >= own::ALL.len()).collect()
    }
}

/// Who may be given a permission; those of a blueprint are for tenants.
pub(crate) fn holder(permission: PermissionId) -> Holder {
    own::ALL.get(permission.index()).map_or(Holder::Tenant, |own| own.holder)
}
