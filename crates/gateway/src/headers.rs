//! Header fields on their way through.
//!
//! What must always hold: fields that belong to one connection end with it (RFC 9110, section 7.6.1); what an upstream
//! takes for Insula's word was set by Insula, however a client spells it; a credential never goes on.

use crate::gate::X_API_KEY;
use http::{HeaderMap, HeaderName, header};
use insula_kernel::{Error, Result};
use smallvec::SmallVec;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const X_USER_ID: HeaderName = HeaderName::from_static("x-user-id");
pub(crate) const X_PROJECT_ID: HeaderName = HeaderName::from_static("x-project-id");
pub(crate) const X_PLAN_PRIORITY: HeaderName = HeaderName::from_static("x-plan-priority");
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(crate) const INSULA_IDENTITY: HeaderName = HeaderName::from_static("insula-identity");
const X_POWERED_BY: HeaderName = HeaderName::from_static("x-powered-by");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Fields of one connection, and those that frame a message, which hyper writes anew.
const OF_CONNECTION: [HeaderName; 10] = [
    header::CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

/// Fields that only Insula may set. `_` counts as `-`: many servers make one of the other.
const OURS: [&str; 6] =
    ["x-org-id", "x-user-id", "x-project-id", "x-plan-priority", "x-request-id", "x-real-ip"];
const OUR_PREFIXES: [&str; 3] = ["insula-", "x-insula-", "x-forwarded-"];

type Names = SmallVec<[HeaderName; 8]>;

/// Takes from a request what must not go on.
pub(crate) fn strip_request(headers: &mut HeaderMap) {
    let mut names = named_by_connection(headers);
    names.extend(headers.keys().filter(|name| is_stopped(name)).cloned());
    for name in names {
        headers.remove(name);
    }
}

/// Takes from a reply what belongs to the upstream's connection, or tells of its insides.
pub(crate) fn strip_reply(headers: &mut HeaderMap) {
    let mut names = named_by_connection(headers);
    // Chunks count where both are there (RFC 9112, section 6.3), and two framings must not go on.
    if headers.contains_key(header::TRANSFER_ENCODING) {
        names.push(header::CONTENT_LENGTH);
    }
    let inside = |name: &HeaderName| *name == header::SERVER || *name == X_POWERED_BY;
    names.extend(headers.keys().filter(|name| OF_CONNECTION.contains(name) || inside(name)).cloned());
    for name in names {
        headers.remove(name);
    }
}

/// The fields that `Connection` names. `Content-Length` isn't one of them, whatever a sender says: it frames.
fn named_by_connection(headers: &HeaderMap) -> Names {
    let mut names = Names::new();
    for value in headers.get_all(header::CONNECTION) {
        for token in value.as_bytes().split(|&byte| byte == b',') {
            let name = HeaderName::from_bytes(token.trim_ascii()).ok();
            names.extend(name.filter(|name| *name != header::CONTENT_LENGTH && *name != header::HOST));
        }
    }
    names
}

fn is_stopped(name: &HeaderName) -> bool {
    if OF_CONNECTION.contains(name)
        || *name == header::AUTHORIZATION
        || *name == X_API_KEY
        || *name == header::FORWARDED
    {
        return true;
    }
    let text = name.as_str();
    // Names of the standard never begin as ours do, and most fields have those.
    if !text.starts_with(['i', 'x', 'f', 'a']) {
        return false;
    }
    let is = |ours: &str| text.len() == ours.len() && begins(text, ours);
    OURS.into_iter().any(is) || is("x-api-key") || OUR_PREFIXES.into_iter().any(|prefix| begins(text, prefix))
}

/// Whether the text begins so, `_` counting as `-`.
fn begins(text: &str, prefix: &str) -> bool {
    text.len() >= prefix.len()
        && text.bytes().zip(prefix.bytes()).all(|(a, b)| a == b || (a == b'_' && b == b'-'))
}

/// Refuses framing that an upstream could read otherwise (RFC 9112, section 6.3). Upgrades are offers, which a server may
/// pass over (RFC 9110, section 7.8); for WebSockets see the server.
pub(crate) fn check_framing(headers: &HeaderMap) -> Result<(), Error> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next()
        && (!coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") || codings.next().is_some())
    {
        return Err(crate::errors::transfer_encoding());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn what_only_insula_may_say_is_taken_out_however_it_is_spelt() {
        let mut headers = map(&[
            ("x-org-id", "a"),
            ("x_org_id", "a"),
            ("x-user_id", "a"),
            ("x-plan-priority", "a"),
            ("x-plan_priority", "a"),
            ("insula-identity", "a"),
            ("insula_identity", "a"),
            ("x-insula-anything", "a"),
            ("x-forwarded-for", "a"),
            ("x_forwarded_for", "a"),
            ("forwarded", "a"),
            ("x-real-ip", "a"),
            ("authorization", "a"),
            ("x-api-key", "a"),
            ("x_api_key", "a"),
            ("x-own", "kept"),
            ("accept", "kept"),
        ]);
        strip_request(&mut headers);
        assert_eq!(headers, map(&[("x-own", "kept"), ("accept", "kept")]));
    }

    #[test]
    fn fields_of_the_connection_end_with_it() {
        let fields = [
            ("connection", "close, X-Hop"),
            ("connection", "content-length"),
            ("x-hop", "a"),
            ("keep-alive", "a"),
            ("te", "trailers"),
            ("trailer", "a"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("content-length", "3"),
        ];
        let (mut request, mut reply) = (map(&fields), map(&fields));
        strip_request(&mut request);
        strip_reply(&mut reply);
        assert_eq!(request, map(&[("content-length", "3")]));
        assert_eq!(reply, HeaderMap::new(), "one framing alone");
    }
}
