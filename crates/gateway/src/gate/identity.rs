//! Identity tokens for upstreams: signed once for many requests.

use super::{Snapshot, admission::Who};
use bytes::Bytes;
use http::HeaderValue;
use insula_access::Principal;
use insula_blueprint::{Digest, PermissionSet, UpstreamIndex};
use insula_identity::{IdentityClaims, TokenSigner};
use insula_kernel::{Instant, OrgId, Span};
use std::collections::HashMap;

/// How many tokens one core remembers.
const TOKENS: usize = 8_192;
/// How long a token is used again.
const USED_FOR: Span = Span::from_secs(30);
/// How long a token is good for, in seconds.
const GOOD_FOR: i64 = 120;

/// The tokens of one core.
#[derive(Default)]
pub(crate) struct IdentityCache(HashMap<(Principal, OrgId, UpstreamIndex), Signed>);

struct Signed {
    /// What the token says the caller may do; when that changes, it is signed anew.
    permissions: PermissionSet,
    blueprint: Digest,
    from: Instant,
    header: HeaderValue,
}

impl IdentityCache {
    /// The value of `Insula-Identity` for this caller.
    pub(crate) fn header(
        &mut self,
        who: &Who,
        snapshot: &Snapshot,
        upstream: UpstreamIndex,
        signer: &TokenSigner,
        now: Instant,
    ) -> HeaderValue {
        let place = (who.principal, who.org, upstream);
        let fresh = |signed: &Signed| {
            signed.permissions == who.permissions
                && signed.blueprint == snapshot.compiled.digest()
                && now >= signed.from
                && now < signed.from + USED_FOR
        };
        if let Some(signed) = self.0.get(&place).filter(|signed| fresh(signed)) {
            return signed.header.clone();
        }
        if self.0.len() >= TOKENS {
            self.0.retain(|_, signed| now < signed.from + USED_FOR);
        }
        if self.0.len() >= TOKENS {
            self.0.clear();
        }
        let token = signer.identity(&claims(who, snapshot, upstream, signer.issuer(), now));
        let header = HeaderValue::from_maybe_shared(Bytes::from(token))
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        let blueprint = snapshot.compiled.digest();
        let signed = Signed { permissions: who.permissions, blueprint, from: now, header: header.clone() };
        self.0.insert(place, signed);
        header
    }
}

fn claims(
    who: &Who,
    snapshot: &Snapshot,
    upstream: UpstreamIndex,
    issuer: &str,
    now: Instant,
) -> IdentityClaims {
    let compiled = &snapshot.compiled;
    let prefix = &compiled.product().key_prefix;
    let key_id = match who.principal {
        Principal::Key { key } => Some(format!("{prefix}_{}", key.digits())),
        Principal::User { .. } | Principal::Operator { .. } | Principal::Service { .. } => None,
    };
    let user_id = who.user();
    let names = compiled.permissions().names_of(who.permissions);
    IdentityClaims {
        iss: issuer.to_owned(),
        aud: compiled.upstream(upstream).map(|upstream| upstream.name.clone()).unwrap_or_default(),
        sub: key_id.clone().or(user_id.map(|user| user.to_string())).unwrap_or_default(),
        org_id: who.org,
        user_id,
        key_id,
        environment: who.environment.map(|environment| environment.as_str().to_owned()),
        permissions: names.into_iter().map(str::to_owned).collect(),
        iat: now.as_secs(),
        exp: now.as_secs() + GOOD_FOR,
    }
}
