//! Upstreams: where requests go.

use super::check_names;
use crate::{
    declared::{RawBlueprint, RawHealth, RawUpstream},
    diagnostics::{Report, quoted},
    model::{Health, Target, Timeouts, Upstream},
    path,
    read::{At, Entry},
    values::Lasting,
};
use insula_kernel::Span;

const CONNECT: Span = Span::from_secs(2);
const RESPONSE: Span = Span::from_secs(60);
const IDLE: Span = Span::from_secs(60);
const HEALTH_EVERY: Span = Span::from_secs(5);

/// A declared upstream; `None` for one with a mistake, which was reported.
pub(super) type Declared = Option<Upstream>;

/// Every upstream as it is declared.
pub(super) fn upstreams(raw: &RawBlueprint, report: &mut Report<'_>) -> Vec<Declared> {
    check_names(&raw.upstreams, "upstream", report);
    let resolve = |entry: &Entry<RawUpstream>| upstream(&entry.name, entry.value.as_ref()?, report);
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
