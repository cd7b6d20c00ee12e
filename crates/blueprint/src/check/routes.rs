//! Routes: which requests go where, and what each needs.

use super::{MOST, check_count, counting, limits, meters, upstreams};
use crate::{
    declared::{RawBlueprint, RawDurability, RawRoute},
    diagnostics::{Report, quoted, suggest},
    model::{Route, RouteIndex, UpstreamIndex},
    names::{Permissions, holder},
    pattern::Pattern,
    permission::{Holder, PermissionId},
    read::At,
};
use std::collections::{BTreeMap, BTreeSet};

const MAX_BODY: u64 = 10_000_000;

/// First segments that Insula itself answers where a host serves both it and the routes.
const OWN_SEGMENTS: &[&str] = &["v1", "console", ".well-known", "healthz", "readyz"];

/// What routes are checked against.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) raw: &'a RawBlueprint,
    pub(super) names: &'a Permissions,
    pub(super) meters: &'a [meters::Declared],
    pub(super) limits: &'a [limits::Declared],
    pub(super) upstreams: &'a [upstreams::Declared],
}

/// Every route with its pattern, as they are declared.
pub(super) fn routes(known: Known<'_>, report: &mut Report<'_>) -> (Vec<Route>, Vec<Pattern>) {
    let raw = known.raw;
    check_count(raw.routes.iter().map(|route| &route.at), MOST, "route", report);
    let mut seen: BTreeMap<Pattern, String> = BTreeMap::new();
    let mut resolved = Vec::new();
    for route in &raw.routes {
        let text = &route.value.pattern.0;
        let pattern = text.as_ref().and_then(|text| pattern(text, report));
        if let (Some(text), Some(pattern)) = (text, &pattern) {
            if let Some(first) = seen.get(pattern) {
                let message =
                    format!("{} matches what {} matches already", quoted(&text.value), quoted(first));
                let help = "remove one of the two, or match another method or path";
                report.error(&text.at, "blueprint.route_duplicate", message, help);
            } else {
                seen.insert(pattern.clone(), text.value.clone());
                warn_about_shadow(text, pattern, report);
            }
        }
        let index = RouteIndex::at(resolved.len());
        resolved.extend(resolve_route(index, route, pattern, known, report));
    }
    resolved.into_iter().unzip()
}

fn pattern(text: &At<String>, report: &mut Report<'_>) -> Option<Pattern> {
    match Pattern::parse(&text.value) {
        Ok(pattern) => Some(pattern),
        Err((message, help)) => {
            report.error(&text.at, "blueprint.route_pattern", message, help);
            None
        }
    }
}

fn warn_about_shadow(text: &At<String>, pattern: &Pattern, report: &mut Report<'_>) {
    if let Some(first) = pattern.literal_start().next().filter(|first| OWN_SEGMENTS.contains(first)) {
        let message = format!("Insula itself answers below `/{first}` where one host serves both");
        let help =
            "the route works on tenants' hosts; choose another path if it must work on a bare address too";
        report.warning(&text.at, "blueprint.route_shadowed", message, help);
    }
}

fn resolve_route(
    index: RouteIndex,
    whole: &At<RawRoute>,
    pattern: Option<Pattern>,
    known: Known<'_>,
    report: &mut Report<'_>,
) -> Option<(Route, Pattern)> {
    let (route, raw) = (&whole.value, known.raw);
    let upstream = route.upstream.0.as_ref().and_then(|name| upstream_index(name, raw, report));
    let permission = route.permission.as_ref().map(|term| permission_of(term, known.names, raw, report));
    if let Some(feature) = &route.feature {
        check_feature(feature, raw, report);
    }
    let meters = counting::counted(whole, known, report);
    let hold = route.hold.as_ref().and_then(|hold| counting::hold(hold, known, report));
    let within = counting::within(route, known, report);
    let strip_prefix = strip_prefix(route, pattern.as_ref(), report);
    let (text, pattern, upstream) = (route.pattern.0.as_ref()?, pattern?, upstream?);
    let upstream_response = known.upstreams.get(upstream.get())?.as_ref()?.timeouts.response;
    let route = Route {
        index,
        pattern: text.value.clone(),
        upstream,
        // A permission that isn't known is an error, so `None` here can only mean that none was asked for.
        permission: permission.flatten(),
        feature: route.feature.as_ref().map(|feature| feature.value.clone()),
        meters,
        within,
        // So is a hold that can't be resolved.
        hold,
        is_durable: matches!(route.durability, Some(RawDurability::Sync)),
        strip_prefix,
        max_body: route.max_body.map_or(MAX_BODY, |size| size.0),
        response_timeout: route.timeout.map_or(upstream_response, |timeout| timeout.0),
    };
    Some((route, pattern))
}

/// A route for a feature that no plan or add-on has would be one for nobody.
fn check_feature(feature: &At<String>, raw: &RawBlueprint, report: &mut Report<'_>) {
    // Plans that are missing, or have mistakes, may have it among what could not be read.
    let mut are_clean =
        raw.plans.0.iter().map(|plan| plan.clean).chain(raw.addons.0.iter().map(|one| one.clean));
    if raw.plans.0.is_empty() || are_clean.any(|clean| !clean) {
        return;
    }
    let name = &feature.value;
    let of_plans = raw.plans.iter().map(|(_, plan)| &plan.features);
    let offers: Vec<_> = of_plans.chain(raw.addons.iter().map(|(_, add_on)| &add_on.features)).collect();
    let values: Vec<_> = offers.iter().filter_map(|features| features.get(name)).collect();
    if values.is_empty() {
        let message = format!("no plan or add-on has a feature {}", quoted(name));
        let known: BTreeSet<&str> = offers.iter().flat_map(|features| features.names()).collect();
        report.error(&feature.at, "blueprint.unknown_feature", message, suggest(name, known, "feature"));
    } else if !values.iter().any(|feature| feature.value.is_offered()) {
        let message = format!("no plan or add-on offers `{name}`, so nobody could use the route");
        let help = "let it be true on one, or a text other than \"none\"; a number offers nothing";
        report.error(&feature.at, "blueprint.route_feature", message, help);
    }
}

fn upstream_index(name: &At<String>, raw: &RawBlueprint, report: &mut Report<'_>) -> Option<UpstreamIndex> {
    let position = raw.upstreams.names().position(|known| known == name.value);
    if position.is_none() {
        let message = format!("there is no upstream {}", quoted(&name.value));
        let help = suggest(&name.value, raw.upstreams.names(), "upstream");
        report.error(&name.at, "blueprint.unknown_upstream", message, help);
    }
    position.map(UpstreamIndex::at)
}

fn permission_of(
    term: &At<String>,
    names: &Permissions,
    raw: &RawBlueprint,
    report: &mut Report<'_>,
) -> Option<PermissionId> {
    let Some(permission) = names.id(&term.value) else {
        if let Some(set) = names.expand(&term.value) {
            let message =
                format!("{} stands for several permissions; a route needs one", quoted(&term.value));
            let listed: BTreeSet<&str> = names.names_of(set).into_iter().collect();
            let help = format!("name one of {}", listed.into_iter().collect::<Vec<_>>().join(", "));
            report.error(&term.at, "blueprint.route_permission", message, help);
        } else {
            super::access::unknown_permission(term, names, raw, report);
        }
        return None;
    };
    if holder(permission) == Holder::Operator {
        let message = format!("`{}` is for the operator alone, whose requests no route serves", term.value);
        report.error(&term.at, "blueprint.operator_permission", message, "name another permission");
        return None;
    }
    Some(permission)
}

fn strip_prefix(route: &RawRoute, pattern: Option<&Pattern>, report: &mut Report<'_>) -> Option<String> {
    let prefix = route.strip_prefix.as_ref()?;
    let segments: Vec<&str> = prefix.value.split('/').skip(1).collect();
    let literal: Vec<&str> = pattern?.literal_start().collect();
    let fits = prefix.value.starts_with('/') && !segments.is_empty() && literal.starts_with(&segments);
    if !fits {
        let message = format!("{} is not how the path of this route begins", quoted(&prefix.value));
        let help = match literal.first() {
            Some(first) => {
                format!("use whole segments from its start, without a slash at the end, such as \"/{first}\"")
            }
            None => "the path begins with a parameter, so nothing can be cut off".to_owned(),
        };
        report.error(&prefix.at, "blueprint.strip_prefix", message, help);
    }
    fits.then(|| prefix.value.clone())
}
