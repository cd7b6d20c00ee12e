//! The errors of the request path, each in one place.

use insula_blueprint::PathError;
use insula_kernel::{Error, ErrorKind, Span};
use insula_limits::Service;

pub(crate) fn unauthenticated() -> Error {
    let detail = "This needs an access token or an API key: `Authorization: Bearer …` or `X-Api-Key: …`.";
    Error::new(ErrorKind::Unauthenticated, "access.unauthenticated", detail)
}

pub(crate) fn credentials_conflict() -> Error {
    let detail =
        "The request carries two different credentials; send one, in `Authorization` or in `X-Api-Key`.";
    Error::new(ErrorKind::Malformed, "access.credentials_conflict", detail)
}

/// The same for keys that are mistyped, unknown and revoked.
pub(crate) fn key_invalid() -> Error {
    Error::new(ErrorKind::Unauthenticated, "access.key_invalid", "The API key is not valid.")
}

pub(crate) fn key_expired() -> Error {
    Error::new(ErrorKind::Unauthenticated, "access.key_expired", "The API key has expired.")
}

pub(crate) fn network() -> Error {
    let detail = "The API key may not be used from this network address.";
    Error::new(ErrorKind::Forbidden, "access.network", detail)
}

pub(crate) fn token_invalid() -> Error {
    Error::new(ErrorKind::Unauthenticated, "access.token_invalid", "The access token is not valid.")
}

pub(crate) fn token_expired() -> Error {
    let detail = "The access token has expired; get a new one with the refresh token.";
    Error::new(ErrorKind::Unauthenticated, "access.token_expired", detail)
}

pub(crate) fn session_ended() -> Error {
    Error::new(ErrorKind::Unauthenticated, "session.ended", "The session has ended; sign in again.")
}

/// The same for hosts and headers that name another organization and for those that name none.
pub(crate) fn tenant_mismatch() -> Error {
    let detail = "The credential is not for the organization or user that the request names.";
    Error::new(ErrorKind::Forbidden, "tenant.mismatch", detail)
}

pub(crate) fn not_durable(cause: &std::io::Error) -> Error {
    let detail = "What the request needs can't be noted at the moment; nothing was charged.";
    Error::new(ErrorKind::Unavailable, "usage.unavailable", detail)
        .retry_after(Span::from_secs(2))
        .caused_by(cause.to_string())
}

/// The same for projects of others, archived ones and those that don't exist.
pub(crate) fn project_mismatch() -> Error {
    let detail = "`X-Project-Id` names no project that the credential can act in.";
    Error::new(ErrorKind::Forbidden, "project.mismatch", detail)
}

pub(crate) fn tenant_missing() -> Error {
    let detail = "The access token is for no organization; switch to one and use the token you get for it.";
    Error::new(ErrorKind::Forbidden, "tenant.missing", detail)
}

pub(crate) fn organization_suspended() -> Error {
    let detail = "The organization is not in service; its people can sign in and see why.";
    Error::new(ErrorKind::Forbidden, "organization.suspended", detail)
}

pub(crate) fn denied(permission: &str) -> Error {
    let detail =
        format!("This needs the permission `{permission}`. Ask an administrator of the organization for it.");
    Error::new(ErrorKind::Forbidden, "access.denied", detail)
}

pub(crate) fn operators_only() -> Error {
    Error::new(ErrorKind::Forbidden, "access.denied", "This is for the operator's staff.")
}

pub(crate) fn rate_limited(limit: &str, wait: Span) -> Error {
    let detail = format!("Too many requests at once for the limit `{limit}`.");
    Error::new(ErrorKind::TooManyRequests, "rate.limited", detail).retry_after(wait)
}

pub(crate) fn quota_exhausted(limit: &str, bound: &str, wait: Span) -> Error {
    let detail = format!("The {bound} of the limit `{limit}` are used up until its window begins anew.");
    Error::new(ErrorKind::TooManyRequests, "quota.exhausted", detail).retry_after(wait)
}

pub(crate) fn hold_full(limit: &str, bound: i64, wait: Span) -> Error {
    let detail = format!("All {bound} of the limit `{limit}` are in use; one has to end first.");
    Error::new(ErrorKind::TooManyRequests, "hold.exhausted", detail).retry_after(wait)
}

pub(crate) fn stock_full(limit: &str, bound: i64) -> Error {
    let detail =
        format!("The plan allows {bound} of the limit `{limit}` and all are in use; remove one, or upgrade.");
    Error::new(ErrorKind::PaymentRequired, "plan.limit_reached", detail)
}

pub(crate) fn feature_missing(feature: &str) -> Error {
    let detail = format!("This needs a plan with the feature `{feature}`.");
    Error::new(ErrorKind::PaymentRequired, "plan.feature_missing", detail)
}

/// Why an organization isn't served, if it isn't.
pub(crate) fn unserved(service: Service) -> Option<Error> {
    match service {
        Service::Served => None,
        Service::Paused => Some(subscription_paused()),
        Service::Canceled => Some(subscription_canceled()),
    }
}

fn subscription_paused() -> Error {
    let detail = "The organization's subscription is paused; resume it to go on.";
    Error::new(ErrorKind::PaymentRequired, "subscription.paused", detail)
}

fn subscription_canceled() -> Error {
    let detail = "The organization's subscription has ended; choose a plan to go on.";
    Error::new(ErrorKind::PaymentRequired, "subscription.canceled", detail)
}

pub(crate) fn no_lease(limit: &str) -> Error {
    let detail = format!("There is no limit `{limit}` of which something could be held.");
    Error::invalid_field("/limit", "unknown", detail)
}

pub(crate) fn lease_ttl(is_stock: bool) -> Error {
    let detail = if is_stock {
        "What exists lasts until it is ended: leave `ttl_seconds` out."
    } else {
        "Say with `ttl_seconds` how long it lasts unless it is renewed."
    };
    Error::invalid_field("/ttl_seconds", "out_of_range", detail)
}

pub(crate) fn limits_unavailable() -> Error {
    let detail = "What the organization may use is not known at the moment.";
    Error::new(ErrorKind::Unavailable, "limits.unavailable", detail).retry_after(Span::from_secs(1))
}

pub(crate) fn too_large(most: u64) -> Error {
    let detail = format!("The body is larger than the {most} bytes that are accepted here.");
    Error::new(ErrorKind::TooLarge, "request.too_large", detail)
}

/// The same where the body was on its way already.
pub(crate) fn body_too_large() -> Error {
    let detail = "The body is larger than what is accepted here.";
    Error::new(ErrorKind::TooLarge, "request.too_large", detail)
}

pub(crate) fn path(error: PathError) -> Error {
    Error::new(ErrorKind::Malformed, "request.path", error.detail())
}

pub(crate) fn query_too_long() -> Error {
    Error::new(ErrorKind::Malformed, "request.path", "The path and the query are too long.")
}

pub(crate) fn not_utf8() -> Error {
    Error::new(ErrorKind::Malformed, "request.path", "A segment of the path is not valid UTF-8.")
}

pub(crate) fn host() -> Error {
    let detail = "The request needs exactly one `Host`, with a name or address and perhaps a port.";
    Error::new(ErrorKind::Malformed, "request.host", detail)
}

pub(crate) fn transfer_encoding() -> Error {
    let detail = "No transfer encoding but `chunked`, once, is understood.";
    Error::new(ErrorKind::Malformed, "request.transfer_encoding", detail)
}

pub(crate) fn upgrade_unsupported() -> Error {
    let detail = "There is no WebSocket at this address.";
    Error::new(ErrorKind::Malformed, "request.upgrade_unsupported", detail)
}

pub(crate) fn upgrade_required() -> Error {
    let detail = "This address is a WebSocket: send `Connection: Upgrade` and `Upgrade: websocket`.";
    Error::new(ErrorKind::Malformed, "request.upgrade_required", detail)
}

pub(crate) fn handshake() -> Error {
    let detail = "A WebSocket is opened by a `GET` of HTTP/1.1 without a body, with `Connection: Upgrade`, \
                  `Sec-WebSocket-Version: 13` and a `Sec-WebSocket-Key` of 16 bytes in Base64.";
    Error::new(ErrorKind::Malformed, "request.handshake", detail)
}

pub(crate) fn body_timeout() -> Error {
    let detail = "The body stopped coming in before it was complete.";
    Error::new(ErrorKind::RequestTimeout, "request.timeout", detail)
}

pub(crate) fn body_cut_off() -> Error {
    Error::new(ErrorKind::Malformed, "request.body_cut_off", "The body ended before it was complete.")
}

pub(crate) fn method_not_allowed() -> Error {
    let detail = "There is something at this path, but not for this method; see `Allow`.";
    Error::new(ErrorKind::MethodNotAllowed, "request.method_not_allowed", detail)
}

pub(crate) fn upstream_unreachable() -> Error {
    let detail = "The service behind this address can't be reached at the moment; nothing was charged.";
    Error::new(ErrorKind::BadGateway, "upstream.unreachable", detail)
}

pub(crate) fn upstream_busy() -> Error {
    let detail = "The service behind this address has no room for another request; nothing was charged.";
    Error::new(ErrorKind::Unavailable, "upstream.busy", detail).retry_after(Span::from_secs(1))
}

pub(crate) fn upstream_unavailable() -> Error {
    let detail = "The service behind this address isn't well at the moment; nothing was charged.";
    Error::new(ErrorKind::Unavailable, "upstream.unavailable", detail).retry_after(Span::from_secs(1))
}

pub(crate) fn upstream_failed() -> Error {
    let detail = "The service behind this address broke off, or gave an answer that can't be understood.";
    Error::new(ErrorKind::BadGateway, "upstream.failed", detail)
}

pub(crate) fn upstream_timeout() -> Error {
    let detail = "The service behind this address took too long to answer.";
    Error::new(ErrorKind::GatewayTimeout, "upstream.timeout", detail)
}
