//! Who a request's credential proves to be.

use super::{Gate, Lane, lane::Verified};
use crate::errors;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use insula_access::Principal;
use insula_identity::{KeyToken, LiveKey, ServiceToken, TokenError};
use insula_kernel::{Instant, Result, sha256};
use insula_web::Credential;
use std::{net::IpAddr, sync::Arc};

/// The header that carries an API key alone.
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// A credential that was proved, with the key itself where it is one.
pub(crate) struct Identified {
    pub(crate) credential: Credential,
    pub(crate) key: Option<Arc<LiveKey>>,
}

enum Presented<'h> {
    Key(&'h str),
    Either(&'h str),
}

impl Gate {
    /// Who the credential of a request proves to be; `None` where there is no credential.
    ///
    /// # Errors
    /// That the credential is no good, or that there are two.
    pub fn authenticate(
        &self,
        lane: &Lane,
        headers: &HeaderMap,
        peer: IpAddr,
        now: Instant,
    ) -> Result<Option<Credential>> {
        let snapshot = self.snapshot();
        let prefix = &snapshot.compiled.product().key_prefix;
        let identified = self.identify(lane, prefix, headers, peer, now)?;
        Ok(identified.map(|identified| identified.credential))
    }

    pub(crate) fn identify(
        &self,
        lane: &Lane,
        prefix: &str,
        headers: &HeaderMap,
        peer: IpAddr,
        now: Instant,
    ) -> Result<Option<Identified>> {
        match presented(headers)? {
            None => Ok(None),
            Some(Presented::Either(text)) if !KeyToken::looks_like(text, prefix) => {
                self.by_token(lane, text, now).map(Some)
            }
            Some(Presented::Key(text) | Presented::Either(text)) => {
                self.by_key(text, prefix, peer, now).map(Some)
            }
        }
    }

    fn by_key(&self, text: &str, prefix: &str, peer: IpAddr, now: Instant) -> Result<Identified> {
        let Ok(token) = KeyToken::parse(text, prefix) else { return self.by_service(text, prefix) };
        let key = self.identities.key(token.id).ok_or_else(errors::key_invalid)?;
        // A key whose secret was never proved says nothing about itself, not even that it has expired.
        if !token.matches(&self.pepper, &key.secret_hash) || token.environment != key.environment {
            return Err(errors::key_invalid());
        }
        if key.expires_at.is_some_and(|end| now >= end) {
            return Err(errors::key_expired());
        }
        if !key.networks.is_empty() && !key.networks.iter().any(|network| network.contains(peer)) {
            return Err(errors::network());
        }
        let credential =
            Credential { principal: Principal::Key { key: key.id }, organization: Some(key.org) };
        Ok(Identified { credential, key: Some(key) })
    }

    fn by_service(&self, text: &str, prefix: &str) -> Result<Identified> {
        let token = ServiceToken::parse(text, prefix).map_err(|_| errors::key_invalid())?;
        let service = self.identities.service(token.id).ok_or_else(errors::key_invalid)?;
        if !token.matches(&self.pepper, &service.secret_hash) {
            return Err(errors::key_invalid());
        }
        let principal = Principal::Service { service: service.id };
        Ok(Identified { credential: Credential { principal, organization: None }, key: None })
    }

    fn by_token(&self, lane: &Lane, text: &str, now: Instant) -> Result<Identified> {
        let digest = sha256(text.as_bytes());
        let verified = match lane.verified(&digest, now) {
            Some(verified) => verified,
            None => {
                let claims = self.verifier.access(text, now).map_err(|error| match error {
                    TokenError::Invalid => errors::token_invalid(),
                    TokenError::Expired => errors::token_expired(),
                })?;
                let verified = Verified {
                    user: claims.user_id,
                    session: claims.sid,
                    org: claims.org_id,
                    exp: claims.exp,
                };
                lane.remember(digest, verified, now);
                verified
            }
        };
        let Verified { user, session, org, .. } = verified;
        if self.identities.has_ended(session) {
            return Err(errors::session_ended());
        }
        let principal = if self.identities.is_operator(user) {
            Principal::Operator { user, session }
        } else {
            Principal::User { user, session }
        };
        Ok(Identified { credential: Credential { principal, organization: org }, key: None })
    }
}

/// The one credential of a request.
fn presented(headers: &HeaderMap) -> Result<Option<Presented<'_>>> {
    let key = only(headers, &X_API_KEY)?;
    let bearer = match only(headers, &header::AUTHORIZATION)? {
        None => None,
        Some(value) => Some(bearer(value).ok_or_else(errors::unauthenticated)?),
    };
    match (bearer, key) {
        (Some(bearer), Some(key)) if bearer.as_bytes() != key.as_bytes() => {
            Err(errors::credentials_conflict())
        }
        (_, Some(key)) => Ok(Some(Presented::Key(key.to_str().map_err(|_| errors::key_invalid())?))),
        (Some(bearer), None) => Ok(Some(Presented::Either(bearer))),
        (None, None) => Ok(None),
    }
}

/// The one value of a header; the same value twice counts once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>> {
    let Some(first) = headers.get(name) else { return Ok(None) };
    if headers.get_all(name).iter().any(|other| other != first) {
        return Err(errors::credentials_conflict());
    }
    Ok(Some(first))
}

/// The token of the scheme `Bearer` (RFC 6750, section 2.1).
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
