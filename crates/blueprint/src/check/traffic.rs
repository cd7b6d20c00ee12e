//! Upstreams and routes: where requests go, and what each needs and counts.

use super::{MOST, check_count, check_names, offers};
use crate::{
    declared::{RawBlueprint, RawHealth, RawRoute, RawUpstream},
    diagnostics::{Report, quoted, suggest},
    model::{Cost, Health, MeterIndex, Route, RouteIndex, Target, Timeouts, Upstream, UpstreamIndex},
    names::{Permissions, holder},
    path,
    pattern::Pattern,
    permission::{Holder, PermissionId},
    read::At,
    values::Lasting,
};
use insula_kernel::Span;
use std::collections::{BTreeMap, BTreeSet};

const CONNECT: Span = Span::from_secs(2);
const RESPONSE: Span = Span::from_secs(60);
const IDLE: Span = Span::from_secs(60);
const HEALTH_EVERY: Span = Span::from_secs(5);
const MAX_BODY: u64 = 10_000_000;

/// First segments that Insula itself answers where a host serves both it and the routes.
const OWN_SEGMENTS: &[&str] = &["v1", "console", ".well-known", "healthz", "readyz"];

/// Every upstream as it is declared; `None` for one with a mistake, which was reported.
pub(super) fn upstreams(raw: &RawBlueprint, report: &mut Report<'_>) -> Vec<Option<Upstream>> {
    check_names(&raw.upstreams, "upstream", report);
    let resolve =
        |entry: &crate::read::Entry<RawUpstream>| upstream(&entry.name, entry.value.as_ref()?, report);
    raw.upstreams.0.iter().map(resolve).collect()
}

fn upstream(name: &At<String>, raw: &RawUpstream, report: &mut Report<'_>) -> Option<Upstream> {
    let targets = targets(raw, report);
    if let Some(run) =
        raw.run.as_ref().filter(|run| run.value.first().is_none_or(|first| first.value.is_empty()))
    {
        let message = "the command is empty".to_owned();
        report.error(
            &run.at,
            "blueprint.run",
            message,
            "name a program and its arguments, or leave `run` out",
        );
    }
    let run = raw.run.as_ref().map(|run| run.value.iter().map(|word| word.value.clone()).collect());
    let health = raw.health.as_ref().and_then(|health| resolve_health(health, report));
    let max_connections = raw.max_connections.as_ref().and_then(|most| {
        let fits = u32::try_from(most.value.0).ok().filter(|most| *most <= 65_535);
        if fits.is_none() {
            let message = format!("`{}` is more than a target can have", most.value.0);
            report.error(&most.at, "blueprint.number_range", message, "use at most 65535, or leave it out");
        }
        fits
    });
    let or = |given: Option<Lasting>, usual| given.map_or(usual, |given| given.0);
    let timeouts = raw.timeouts.as_ref();
    Some(Upstream {
        name: name.value.clone(),
        targets: targets?,
        run: run.unwrap_or_default(),
        health,
        timeouts: Timeouts {
            connect: or(timeouts.and_then(|t| t.connect), CONNECT),
            response: or(timeouts.and_then(|t| t.response), RESPONSE),
            idle: or(timeouts.and_then(|t| t.idle), IDLE),
        },
        max_connections,
    })
}

fn targets(raw: &RawUpstream, report: &mut Report<'_>) -> Option<Vec<Target>> {
    let listed = raw.targets.0.as_ref()?;
    if listed.value.is_empty() {
        let message = "the upstream has no target".to_owned();
        let help = "name where it listens, such as [\"http://127.0.0.1:7101\"]";
        report.error(&listed.at, "blueprint.upstream_no_targets", message, help);
        return None;
    }
    let mut targets = Vec::new();
    for given in &listed.value {
        match target(&given.value) {
            Ok(target) if targets.contains(&target) => {
                let message = format!("{} is listed twice", quoted(&given.value));
                report.error(&given.at, "blueprint.duplicate", message, "remove one of the two");
            }
            Ok(target) => targets.push(target),
            Err(None) => {
                let what = format!("{}: encrypted traffic to an upstream", quoted(&given.value));
                crate::read::unsupported(&what, "use `http://`", &given.at, report);
            }
            Err(Some(help)) => {
                let message = format!("{} is no address of an upstream", quoted(&given.value));
                report.error(&given.at, "blueprint.upstream_url", message, help);
            }
        }
    }
    (!targets.is_empty()).then_some(targets)
}

/// Reads `http://host:port`, or says what would be right; no help means that it is for a later version.
fn target(url: &str) -> Result<Target, Option<&'static str>> {
    if url.starts_with("https://") {
        return Err(None);
    }
    let authority = url.strip_prefix("http://").ok_or(Some("begin with `http://`"))?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if authority.contains(['/', '?', '#', '@']) {
        return Err(Some("use `http://host:port` alone, without user, path or query"));
    }
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(Some("close the bracket of the IPv6 address"))?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| Some("the brackets hold no IPv6 address"))?;
        (host, port.strip_prefix(':').or(port.is_empty().then_some("80")))
    } else {
        let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if host.is_empty() || host.len() > 253 || !host.bytes().all(plain) {
            return Err(Some("use `http://host:port` with a name or an address as host"));
        }
        (host, Some(port))
    };
    let all_digits = |port: &&str| port.bytes().all(|b| b.is_ascii_digit());
    let port = port.filter(all_digits).and_then(|port| port.parse().ok()).filter(|port| *port > 0);
    let port = port.ok_or(Some("the port must be a number from 1 to 65535"))?;
    Ok(Target { host: host.to_ascii_lowercase(), port })
}

fn resolve_health(raw: &RawHealth, report: &mut Report<'_>) -> Option<Health> {
    let path = raw.path.0.as_ref()?;
    if let Err(error) = path::check(&path.value) {
        let message = format!("{} is no path: {}", quoted(&path.value), error.detail().trim_end_matches('.'));
        report.error(&path.at, "blueprint.path", message, "use a path such as \"/healthz\"");
        return None;
    }
    let every = raw.every.map_or(HEALTH_EVERY, |every| every.0);
    Some(Health { path: path.value.clone(), every })
}

/// Every route with its pattern, as they are declared.
pub(super) fn routes(
    raw: &RawBlueprint,
    names: &Permissions,
    upstreams: &[Option<Upstream>],
    report: &mut Report<'_>,
) -> (Vec<Route>, Vec<Pattern>) {
    check_count(raw.routes.iter().map(|route| &route.at), MOST, "route", report);
    let mut seen: BTreeMap<Pattern, String> = BTreeMap::new();
    let mut resolved = Vec::new();
    for At { value: route, .. } in &raw.routes {
        let pattern = route.pattern.0.as_ref().and_then(|text| pattern(text, report));
        if let (Some(text), Some(pattern)) = (&route.pattern.0, &pattern) {
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
        resolved.extend(resolve_route(index, route, pattern, (raw, names, upstreams), report));
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
    route: &RawRoute,
    pattern: Option<Pattern>,
    (raw, names, upstreams): (&RawBlueprint, &Permissions, &[Option<Upstream>]),
    report: &mut Report<'_>,
) -> Option<(Route, Pattern)> {
    let upstream = route.upstream.0.as_ref().and_then(|name| upstream_index(name, raw, report));
    let permission = route.permission.as_ref().map(|term| permission_of(term, names, raw, report));
    let meters = match &route.meter {
        Some(meters) => offers::counted(meters, raw, report),
        None => (0..raw.meters.0.len()).map(|position| (MeterIndex::at(position), Cost::Fixed(1))).collect(),
    };
    let strip_prefix = strip_prefix(route, pattern.as_ref(), report);
    let (text, pattern, upstream) = (route.pattern.0.as_ref()?, pattern?, upstream?);
    let upstream_response = upstreams.get(upstream.get())?.as_ref()?.timeouts.response;
    let route = Route {
        index,
        pattern: text.value.clone(),
        upstream,
        // A permission that isn't known is an error, so `None` here can only mean that none was asked for.
        permission: permission.flatten(),
        feature: None,
        meters,
        within: Vec::new(),
        hold: None,
        is_durable: false,
        strip_prefix,
        max_body: route.max_body.map_or(MAX_BODY, |size| size.0),
        response_timeout: route.timeout.map_or(upstream_response, |timeout| timeout.0),
    };
    Some((route, pattern))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_a_host_and_a_port() {
        let shown = |url: &str| target(url).map(|target| target.to_string());
        assert_eq!(shown("http://127.0.0.1:7101"), Ok("127.0.0.1:7101".to_owned()));
        assert_eq!(shown("http://Service.internal/"), Ok("service.internal:80".to_owned()));
        assert_eq!(shown("http://[::1]:7101"), Ok("[::1]:7101".to_owned()));
        assert_eq!(shown("https://a"), Err(None));
        for bad in [
            "",
            "a",
            "127.0.0.1:7101",
            "http://",
            "http://a:b",
            "http://a:0",
            "http://a:65536",
            "http://a:",
            "http://a/b",
            "http://u@a",
            "http://a?b",
            "http://[::1",
            "http://[x]:1",
            "http://[::1]1",
            "http://a b",
            "ftp://a",
            "http://a:+1",
        ] {
            assert!(target(bad).is_err_and(|help| help.is_some()), "{bad}");
        }
    }
}
