//! Resources, aliases and roles: who may do what.

use super::{check_name, check_names};
use crate::{
    declared::RawBlueprint,
    diagnostics::{Report, quoted, suggest},
    model::Role,
    names::{Permissions, holder},
    permission::{Holder, PermissionId, PermissionSet, own},
    read::{At, Map},
};
use std::collections::BTreeSet;

/// The role that always exists.
const OWNER: &str = "owner";

/// The names of all permissions and aliases.
pub(super) fn permissions(raw: &RawBlueprint, report: &mut Report<'_>) -> Permissions {
    check_resources(&raw.resources, report);
    let pairs = raw.resources.iter().flat_map(|(resource, verbs)| {
        verbs.iter().map(|verb| (resource.value.as_str(), verb.value.as_str()))
    });
    let mut names = Permissions::new(pairs);
    for alias in &raw.aliases.0 {
        check_alias_name(&alias.name, &names, report);
    }
    // Aliases stand for permissions, not for one another: each is expanded against the permissions alone.
    let expanded: Vec<_> = raw
        .aliases
        .iter()
        .map(|(alias, terms)| (&alias.value, expand_all(terms, &names, raw, report)))
        .collect();
    for (alias, set) in expanded {
        if names.id(alias).is_none() {
            names.add_alias(alias, set);
        }
    }
    names
}

fn check_resources(resources: &Map<Vec<At<String>>>, report: &mut Report<'_>) {
    check_names(resources, "resource", report);
    let mut count = own::ALL.len();
    for (resource, verbs) in resources.iter() {
        if own::ALL.iter().any(|own| own.resource == resource.value) {
            let message = format!("`{}` is a resource of Insula's own", resource.value);
            let help = "choose another name; roles can name Insula's permissions without declaring them";
            report.error(&resource.at, "blueprint.reserved_name", message, help);
        }
        let mut seen = BTreeSet::new();
        for verb in verbs {
            check_name(&verb.value, &verb.at, "verb", report);
            if !seen.insert(&verb.value) {
                let message = format!("{} is declared twice", quoted(&verb.value));
                report.error(&verb.at, "blueprint.duplicate", message, "remove one of the two");
            }
            count += 1;
            if count == PermissionId::LIMIT + 1 {
                let most = PermissionId::LIMIT - own::ALL.len();
                let message = "this is one permission too many".to_owned();
                let help =
                    format!("declare at most {most} permissions; Insula has {} of its own", own::ALL.len());
                report.error(&verb.at, "blueprint.too_many_permissions", message, help);
            }
        }
    }
}

fn check_alias_name(alias: &At<String>, names: &Permissions, report: &mut Report<'_>) {
    let (resource, verb) = alias.value.split_once(':').unwrap_or((&alias.value, "any"));
    if !crate::values::is_name(resource) || !crate::values::is_name(verb) {
        let message = format!("{} can't name an alias", quoted(&alias.value));
        let help = "use a name such as \"users:manage\" or \"create_workflows\"";
        report.error(&alias.at, "blueprint.invalid_name", message, help);
    }
    if names.id(&alias.value).is_some() {
        let message = format!("`{}` is a permission already", alias.value);
        report.error(&alias.at, "blueprint.duplicate", message, "choose another name for the alias");
    }
}

/// What a list of terms stands for. Terms that are wrong are reported and stand for nothing.
fn expand_all(
    terms: &[At<String>],
    names: &Permissions,
    raw: &RawBlueprint,
    report: &mut Report<'_>,
) -> PermissionSet {
    let mut set = PermissionSet::EMPTY;
    for term in terms {
        match names.expand(&term.value) {
            Some(expanded) => {
                if let Some(forbidden) = expanded.iter().find(|id| holder(*id) == Holder::Operator) {
                    let message = format!("`{}` is for the operator alone", names.name(forbidden));
                    let help = "remove it: no role of an organization can have it";
                    report.error(&term.at, "blueprint.operator_permission", message, help);
                }
                set = set.union(expanded);
            }
            // Names of aliases are known here even where their meaning isn't yet.
            None if raw.aliases.has(&term.value) => {
                let message = format!("{} is an alias", quoted(&term.value));
                let help = "an alias stands for permissions only; name them here";
                report.error(&term.at, "blueprint.alias_of_alias", message, help);
            }
            None => unknown_permission(term, names, raw, report),
        }
    }
    set
}

/// Reports a term that stands for nothing.
pub(super) fn unknown_permission(
    term: &At<String>,
    names: &Permissions,
    raw: &RawBlueprint,
    report: &mut Report<'_>,
) {
    let message = format!("there is no permission {}", quoted(&term.value));
    let resource = term.value.split(':').next().unwrap_or_default();
    if raw.resources.0.iter().any(|entry| !entry.clean && entry.name.value == resource) {
        return; // The verb may be among those that could not be read.
    }
    let wildcards: BTreeSet<String> = names
        .iter()
        .filter_map(|(name, _)| name.split_once(':'))
        .map(|(resource, _)| format!("{resource}:*"))
        .collect();
    let of_resource: Vec<&str> =
        names.terms().filter(|name| name.split(':').next() == Some(resource)).collect();
    let help = if of_resource.is_empty() || term.value == resource {
        let known = names.terms().chain(raw.aliases.names()).chain(wildcards.iter().map(String::as_str));
        match suggest(&term.value, known, "permission") {
            near if near.starts_with("did you mean") => near,
            _ => "declare it under [resources], or name one that is declared there or one of Insula's own"
                .to_owned(),
        }
    } else {
        suggest(&term.value, of_resource, "permission")
    };
    report.error(&term.at, "blueprint.unknown_permission", message, help);
}

/// Every role with all it may do: the owner first, then as declared, or the usual ones if none are declared.
pub(super) fn roles(raw: &RawBlueprint, names: &Permissions, report: &mut Report<'_>) -> Vec<Role> {
    check_names(&raw.roles, "role", report);
    for (role, declared) in raw.roles.iter() {
        if role.value == "operator" || role.value == "service" {
            let message = format!("`{}` names a role of the installation", role.value);
            report.error(&role.at, "blueprint.reserved_name", message, "choose another name");
        }
        for included in &declared.includes {
            if !raw.roles.has(&included.value) {
                let message = format!("there is no role {}", quoted(&included.value));
                let help = suggest(&included.value, raw.roles.names(), "role");
                report.error(&included.at, "blueprint.unknown_role", message, help);
            }
        }
    }
    report_cycles(raw, report);
    if raw.roles.0.is_empty() {
        return usual_roles(names);
    }
    let own: Vec<(&str, PermissionSet)> = raw
        .roles
        .iter()
        .map(|(role, declared)| (role.value.as_str(), expand_all(&declared.permissions, names, raw, report)))
        .collect();
    let mut roles: Vec<Role> = own
        .iter()
        .filter(|(name, _)| *name != OWNER)
        .map(|(name, _)| Role { name: (*name).to_owned(), permissions: reached(name, raw, &own) })
        .collect();
    let owner = owner(raw, names, &own, &roles);
    warn_about_ungrantable(raw, &owner, &roles, names, report);
    roles.insert(0, owner);
    roles
}

fn owner(raw: &RawBlueprint, names: &Permissions, own: &[(&str, PermissionSet)], others: &[Role]) -> Role {
    let permissions = if raw.roles.has(OWNER) {
        let kept = ["org:*", "members:*", "billing:*"].iter().filter_map(|term| names.expand(term));
        kept.fold(reached(OWNER, raw, own), PermissionSet::union)
    } else {
        // Nobody can give what they lack, so the owner has whatever any role has.
        others.iter().map(|role| role.permissions).fold(names.grantable(), PermissionSet::union)
    };
    Role { name: OWNER.to_owned(), permissions }
}

/// What a role and all that it includes may do.
fn reached(role: &str, raw: &RawBlueprint, own: &[(&str, PermissionSet)]) -> PermissionSet {
    let mut seen = BTreeSet::new();
    let mut to_visit = vec![role];
    let mut set = PermissionSet::EMPTY;
    while let Some(name) = to_visit.pop() {
        if seen.insert(name) {
            set = own.iter().filter(|(known, _)| *known == name).fold(set, |set, (_, more)| set.union(*more));
            let includes = raw.roles.get(name).map_or(&[][..], |declared| declared.includes.as_slice());
            to_visit.extend(includes.iter().map(|included| included.value.as_str()));
        }
    }
    set
}

/// Reports each role that includes itself, once for each circle.
fn report_cycles(raw: &RawBlueprint, report: &mut Report<'_>) {
    let mut done = BTreeSet::new();
    for start in raw.roles.names() {
        // The way from the start, and for each role on it which of its includes comes next.
        let mut way = vec![(start, 0usize)];
        while let Some((role, next)) = way.last_mut() {
            let role = *role;
            let include = raw.roles.get(role).and_then(|declared| declared.includes.get(*next));
            *next += 1;
            let Some(include) = include.filter(|_| !done.contains(role)) else {
                done.insert(role);
                way.pop();
                continue;
            };
            if let Some(first) = way.iter().position(|(name, _)| *name == include.value) {
                let circle: Vec<&str> =
                    way[first..].iter().map(|(name, _)| *name).chain([role_name(include)]).collect();
                let message = format!("the role includes itself: {}", circle.join(" → "));
                report.error(&include.at, "blueprint.role_cycle", message, "remove one of these includes");
            } else if raw.roles.has(&include.value) {
                way.push((&include.value, 0));
            }
        }
    }
}

fn role_name(include: &At<String>) -> &str {
    &include.value
}

fn warn_about_ungrantable(
    raw: &RawBlueprint,
    owner: &Role,
    roles: &[Role],
    names: &Permissions,
    report: &mut Report<'_>,
) {
    for role in roles {
        let lacking = role.permissions.difference(owner.permissions);
        let entry = raw.roles.0.iter().find(|entry| entry.name.value == role.name);
        if let (Some(entry), false) = (entry, lacking.is_empty()) {
            let message = format!(
                "the owner lacks {}, so nobody in an organization can give this role",
                names.names_of(lacking).join(", ")
            );
            let help = format!("let the owner include it: add `{}` to includes of [roles.owner]", role.name);
            report.warning(&entry.name.at, "blueprint.role_ungrantable", message, help);
        }
    }
}

fn usual_roles(names: &Permissions) -> Vec<Role> {
    let all = names.grantable();
    let for_owners = PermissionSet::EMPTY.with(own::ORG_DELETE).with(own::BILLING_MANAGE);
    let seen_by_members =
        [own::ORG_READ, own::MEMBERS_READ, own::PROJECTS_READ, own::USAGE_READ, own::KEYS_READ];
    let reading = names.iter().filter(|(name, _)| name.ends_with(":read")).map(|(_, id)| id);
    let role = |name: &str, permissions| Role { name: name.to_owned(), permissions };
    vec![
        role(OWNER, all),
        role("admin", all.difference(for_owners)),
        role("member", names.of_blueprint().union(seen_by_members.into_iter().collect())),
        role("viewer", reading.collect::<PermissionSet>().intersection(all)),
    ]
}
