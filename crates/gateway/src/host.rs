//! Which side of the house a request is for: Insula's own API, or the blueprint's routes.
//!
//! What must always hold: where an upstream answers, Insula's console does not, except on a bare address, which is for
//! development; a host only names a candidate for the organization.

use crate::errors;
use http::{HeaderMap, HeaderValue, Uri, header, uri::Authority};
use insula_kernel::{Error, Result};

/// The host below the base domain that is for routes without naming an organization.
const GATEWAY: &str = "gateway";

/// Which hosts are for what.
#[derive(Clone, Debug, Default)]
pub struct HostRules {
    platform: Vec<String>,
    base: Option<String>,
}

/// What a request may be answered by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side<'h> {
    /// Insula alone.
    Platform,
    /// Routes alone.
    Routes {
        /// The organization that the host names.
        slug: Option<&'h str>,
    },
    /// Insula first, then routes.
    Both,
}

impl HostRules {
    /// `platform_hosts` serve Insula alone; hosts below `base_domain` serve routes alone; so does any other, except
    /// where no platform host is named: then it serves both.
    #[must_use]
    pub fn new(platform_hosts: impl IntoIterator<Item = String>, base_domain: Option<String>) -> Self {
        let plain = |host: String| without_port(&host.to_ascii_lowercase()).trim_end_matches('.').to_owned();
        Self { platform: platform_hosts.into_iter().map(plain).collect(), base: base_domain.map(plain) }
    }

    /// What the host, in lower case and without port, is for.
    pub(crate) fn side<'h>(&self, host: &'h str) -> Side<'h> {
        if self.platform.iter().any(|platform| platform == host) {
            return Side::Platform;
        }
        let below = self.base.as_deref().and_then(|base| host.strip_suffix(base)?.strip_suffix('.'));
        match below {
            Some(GATEWAY) => Side::Routes { slug: None },
            Some(slug) => Side::Routes { slug: Some(slug) },
            None if self.platform.is_empty() => Side::Both,
            // Where hosts are named, the console is on those alone.
            None => Side::Routes { slug: None },
        }
    }
}

/// The host a request is for, as it was sent: that of the target if it is absolute, else the one `Host`
/// (RFC 9112, section 3.2).
pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Result<HeaderValue, Error> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(errors::host()) };
    if !is_host(host.as_bytes()) {
        return Err(errors::host());
    }
    let Some(authority) = uri.authority().map(Authority::as_str) else { return Ok(host.clone()) };
    if !is_host(authority.as_bytes()) {
        return Err(errors::host());
    }
    HeaderValue::from_str(authority).map_err(|_| errors::host())
}

/// Whether it is a name or an address, perhaps with a port; no user, no white space, nothing that anyone splits at.
fn is_host(text: &[u8]) -> bool {
    let allowed =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']');
    if text.is_empty() || text.len() > 262 || !text.iter().all(allowed) {
        return false;
    }
    let after = match text.strip_prefix(b"[") {
        Some(inner) => {
            let Some(end) = inner.iter().position(|&byte| byte == b']') else { return false };
            let is_address =
                std::str::from_utf8(&inner[..end]).is_ok_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
            if !is_address {
                return false;
            }
            &inner[end + 1..]
        }
        None => {
            let end = text.iter().position(|&byte| byte == b':').unwrap_or(text.len());
            if end == 0 || text[..end].iter().any(|byte| matches!(byte, b'[' | b']')) {
                return false;
            }
            &text[end..]
        }
    };
    match after.split_first() {
        None => true,
        Some((b':', port)) => port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    }
}

/// The host without its port and a dot at its end.
pub(crate) fn without_port(host: &str) -> &str {
    let end = if host.starts_with('[') {
        host.find(']').map_or(host.len(), |end| end + 1)
    } else {
        host.find(':').unwrap_or(host.len())
    };
    let host = &host[..end];
    host.strip_suffix('.').unwrap_or(host)
}

/// Whether Insula answers this path where it stands before the routes.
pub(crate) fn is_own_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    let first = rest.split('/').next().unwrap_or_default();
    match first {
        "" => rest.is_empty(),
        "v1" | "console" | ".well-known" => true,
        "healthz" | "readyz" => rest.len() == first.len(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_decide_who_answers() {
        let rules = HostRules::new(["App.example.com:443".to_owned()], Some("example.com".to_owned()));
        assert_eq!(rules.side("app.example.com"), Side::Platform);
        assert_eq!(rules.side("acme.example.com"), Side::Routes { slug: Some("acme") });
        assert_eq!(rules.side("gateway.example.com"), Side::Routes { slug: None });
        assert_eq!(rules.side("notexample.com"), Side::Routes { slug: None });
        assert_eq!(rules.side("127.0.0.1"), Side::Routes { slug: None });
        let development = HostRules::new([], Some("example.com".to_owned()));
        assert_eq!(development.side("127.0.0.1"), Side::Both);
        assert_eq!(HostRules::default().side("acme.example.com"), Side::Both);
    }

    #[test]
    fn a_host_has_one_form() {
        for good in ["a", "a.b:1", "127.0.0.1:7070", "[::1]:80", "[::1]", "a_b.c"] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in ["", "a b", "a@b", "a/b", "a,b", "[::1", "[x]", ":80", "a:b", "a:123456", "a[b", "ä"] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("a.b.:80"), "a.b");
    }

    #[test]
    fn insulas_own_paths_are_whole_segments() {
        for own in ["/", "/v1", "/v1/x", "/console/x", "/.well-known/jwks.json", "/healthz"] {
            assert!(is_own_path(own), "{own}");
        }
        for other in ["", "*", "//v1", "/v10", "/V1", "/healthz/x", "/consoles", "/hello"] {
            assert!(!is_own_path(other), "{other}");
        }
    }
}
