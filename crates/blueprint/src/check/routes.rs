//! Routes: which requests go where, and what each needs.

use super::{MOST, calls, check_count, counting, limits, meters, shadows, upstreams};
use crate::{
    calls::Call,
    compile::Way,
    declared::{RawBlueprint, RawDurability, RawRoute},
    diagnostics::{Place, Report, quoted, suggest},
    model::{Cost, MeterIndex, Route, RouteIndex, UpstreamIndex},
    names::{Permissions, holder},
    operations::Operations,
    pattern::{Method, Pattern},
    permission::{Holder, PermissionId},
    read::{At, Item, Required},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

const MAX_BODY: u64 = 10_000_000;

/// What routes are checked against.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) raw: &'a RawBlueprint,
    pub(super) names: &'a Permissions,
    pub(super) meters: &'a [meters::Declared],
    pub(super) limits: &'a [limits::Declared],
    pub(super) upstreams: &'a [upstreams::Declared],
    pub(super) operations: &'a Operations,
}

/// The routes, by what answers them. Patterns number what they lead to in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Routes {
    pub(super) routes: Vec<Route>,
    pub(super) calls: Vec<Arc<Call>>,
    pub(super) patterns: Vec<(Pattern, Way)>,
}

/// Every route with its pattern, as they are declared.
pub(super) fn routes(known: Known<'_>, report: &mut Report<'_>) -> Routes {
    let raw = known.raw;
    check_count(raw.routes.iter().map(|route| &route.at), MOST, "route", report);
    let mut seen: BTreeMap<Pattern, &At<String>> = BTreeMap::new();
    let mut found = Routes::default();
    for whole in &raw.routes {
        let route = &whole.value;
        let text = route.pattern.0.as_ref();
        let pattern = text.and_then(|text| pattern(text, report));
        if let (Some(text), Some(pattern)) = (text, &pattern) {
            if let Some(first) = seen.get(pattern) {
                let message =
                    format!("{} matches what {} matches already", quoted(&text.value), quoted(&first.value));
                let help = "remove one of the two, or match another method or path";
                report.error(&text.at, "blueprint.route_duplicate", message, help);
            } else {
                seen.insert(pattern.clone(), text);
                shadows::warn_of_insula(text, pattern, report);
            }
        }
        let (way, pattern) = match &route.api {
            Some(Required(id)) => {
                let call = id.as_ref().and_then(|id| calls::call(whole, id, pattern.as_ref(), known, report));
                found.calls.extend(call.map(Arc::new));
                (found.calls.len().checked_sub(1).map(Way::Call), pattern)
            }
            None => {
                calls::refuse_without(route, report);
                let index = RouteIndex::at(found.routes.len());
                let resolved = resolve_route(index, whole, pattern.as_ref(), known, report);
                found.routes.extend(resolved);
                (Some(Way::Upstream(index)), pattern)
            }
        };
        found.patterns.extend(pattern.zip(way));
    }
    shadows::refuse_unreachable(&seen, report);
    found
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

fn resolve_route(
    index: RouteIndex,
    whole: &Item<RawRoute>,
    pattern: Option<&Pattern>,
    known: Known<'_>,
    report: &mut Report<'_>,
) -> Option<Route> {
    let (route, raw) = (&whole.value, known.raw);
    let upstream = upstream_of(whole, raw, report);
    let permission = route.permission.as_ref().map(|term| permission_of(term, known.names, raw, report));
    if let Some(feature) = &route.feature {
        check_feature(feature, raw, report);
    }
    let meters = counting::counted(whole, known, report);
    let hold = route.hold.as_ref().and_then(|hold| counting::hold(hold, known, report));
    let within = counting::within(route, known, report);
    let strip_prefix = strip_prefix(route, pattern, report);
    if let (Some(upgrade), Some(pattern)) = (&route.upgrade, pattern) {
        check_websocket(&upgrade.at, route, pattern, &meters, report);
    }
    let (text, upstream) = (pattern.and(route.pattern.0.as_ref())?, upstream?);
    let upstream_response = known.upstreams.get(upstream.get())?.as_ref()?.timeouts.response;
    Some(Route {
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
        is_websocket: route.upgrade.is_some(),
    })
}

/// The upstream of a route, which must name one.
fn upstream_of(route: &Item<RawRoute>, raw: &RawBlueprint, report: &mut Report<'_>) -> Option<UpstreamIndex> {
    match &route.value.upstream {
        Some(name) => upstream_index(name.0.as_ref()?, raw, report),
        None => {
            // What was meant for it may be among the keys that aren't known.
            if route.clean {
                let message = "nothing answers this route".to_owned();
                let help = "add `upstream = …`, or `api = …` for one of Insula's own operations";
                report.error(&route.at, "blueprint.missing_key", message, help);
            }
            None
        }
    }
}

/// What a WebSocket can't have: a body, another method, a reply in JSON.
fn check_websocket(
    at: &Place,
    route: &RawRoute,
    pattern: &Pattern,
    meters: &[(MeterIndex, Cost)],
    report: &mut Report<'_>,
) {
    let reads = |(_, cost): &(MeterIndex, Cost)| matches!(cost, Cost::ReplyJson { .. });
    let (what, help) = if pattern.method != Method::GET {
        ("is opened by `GET`, and by nothing else", "match `GET` and the path")
    } else if route.max_body.is_some() {
        ("has no body", "remove `max_body`")
    } else if meters.iter().any(reads) {
        ("has no reply in JSON", "count it with `bytes`, or by a field of the reply's header")
    } else if route.hold.as_ref().is_some_and(|hold| hold.key.is_some()) {
        ("has no reply that names what is held", "remove `key`: it is held as long as the WebSocket is open")
    } else {
        return;
    };
    report.error(at, "blueprint.route_upgrade", format!("a WebSocket {what}"), help);
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
