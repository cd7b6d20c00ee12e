//! Identity tokens for upstreams: signed once for many requests.

use super::Admission;
use bytes::Bytes;
use http::HeaderValue;
use insula_access::Principal;
use insula_blueprint::{Digest, PermissionSet, UpstreamIndex};
use insula_identity::{IdentityClaims, TokenSigner};
use insula_kernel::{Instant, OrgId, ProjectId, Span};
use insula_limits::Entitlement;
use std::{collections::HashMap, sync::Arc};

/// How many tokens one core remembers.
const TOKENS: usize = 8_192;
/// How long a token is used again.
const USED_FOR: Span = Span::from_secs(30);
/// How long a token is good for, in seconds.
const GOOD_FOR: i64 = 120;

/// The tokens of one core.
#[derive(Default)]
pub(crate) struct IdentityCache(HashMap<Place, Signed>);

/// Whom a token is about, and whom it is for.
type Place = (Principal, OrgId, Option<ProjectId>, UpstreamIndex);

struct Signed {
    /// What the token says the caller may do; when that changes, it is signed anew.
    permissions: PermissionSet,
    entitlement: Arc<Entitlement>,
    blueprint: Digest,
    from: Instant,
    header: HeaderValue,
}

impl IdentityCache {
    /// The value of `Insula-Identity` for this caller.
    pub(crate) fn header(
        &mut self,
        admission: &Admission,
        upstream: UpstreamIndex,
        signer: &TokenSigner,
        now: Instant,
    ) -> HeaderValue {
        let (who, snapshot, entitlement) = (admission.who(), admission.snapshot(), admission.entitlement());
        let place = (who.principal, who.org, who.project, upstream);
        let fresh = |signed: &Signed| {
            signed.permissions == who.permissions
                && Arc::ptr_eq(&signed.entitlement, entitlement)
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
        let token = signer.identity(&claims(admission, upstream, signer.issuer(), now));
        let header = HeaderValue::from_maybe_shared(Bytes::from(token))
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        let blueprint = snapshot.compiled.digest();
        let signed = Signed {
            permissions: who.permissions,
            entitlement: Arc::clone(entitlement),
            blueprint,
            from: now,
            header: header.clone(),
        };
        self.0.insert(place, signed);
        header
    }
}

fn claims(admission: &Admission, upstream: UpstreamIndex, issuer: &str, now: Instant) -> IdentityClaims {
    let (who, entitlement) = (admission.who(), admission.entitlement());
    let compiled = &admission.snapshot().compiled;
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
        project_id: who.project,
        team_id: who.team,
        user_id,
        key_id,
        environment: who.environment.map(|environment| environment.as_str().to_owned()),
        plan: entitlement.plan.to_string(),
        priority: entitlement.priority,
        permissions: names.into_iter().map(str::to_owned).collect(),
        iat: now.as_secs(),
        exp: now.as_secs() + GOOD_FOR,
    }
}
