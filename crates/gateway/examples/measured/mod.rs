//! What the measurements of the gateway have in common: a gate that knows so many organizations and keys.

use insula_blueprint::check;
use insula_gateway::GateParts;
use insula_identity::{
    Environment, KeyToken, LiveKey, OwnLimits, Scopes, SigningKey, TokenSigner, TokenVerifier,
};
use insula_kernel::{Env, Epoch, Keyring, OrgId, Secret, Span, UserId};
use insula_limits::{Bound, Entitlement, Service};
use insula_rating::Anchor;
use insula_tenancy::{LiveOrganization, Status};
use std::sync::Arc;

/// How far every limit goes: each is counted and none refuses.
const ENOUGH: i64 = 1_000_000_000;

/// The parts of a gate, the secrets of its keys, and for each organization a member with the role `owner`.
pub(crate) type Measured = (GateParts, Vec<String>, Vec<(OrgId, UserId)>);

/// A gate before this address, for so many organizations with so many keys each.
pub(crate) fn gate(env: &Env, upstream: &str, organizations: usize, keys_each: usize) -> Measured {
    let text = format!(
        r#"[product]
name = "Measured"
headline_limit = "per_day"
[resources]
things = ["read"]
[meters.requests]
event = "request"
aggregate = "count"
[limits.per_day]
meter = "requests"
window = "day"
[limits.per_second]
kind = "rate"
window = "second"
[plans.one]
price = {{ USD = {{ month = "0" }} }}
limits = {{ per_day = {ENOUGH}, per_second = {ENOUGH} }}
[upstreams.one]
targets = ["http://{upstream}"]
[[routes]]
match = "* /{{*rest}}"
upstream = "one"
permission = "things:read"
"#
    );
    let blueprint = check("blueprint.toml", &text).expect("the blueprint is good").compile();
    let keyring = Keyring::new(Secret::new([1; 32]));
    let pepper = keyring.derive("api-keys");
    let scopes = Arc::new(Scopes::compile(["things:read"], &blueprint));
    let bounds: Arc<[Bound]> =
        blueprint.limits().iter().map(|_| Bound { most: Some(ENOUGH), is_hard: true }).collect();
    let mut measured = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (live_organizations, live_keys, entitlements, keys, members) = &mut measured;
    for number in 0..organizations {
        let (org, slug) = (OrgId::generate(env), format!("org-{number}"));
        live_organizations.push(LiveOrganization {
            id: org,
            slug: slug.into(),
            status: Status::Active,
            epoch: Epoch(0),
        });
        members.push((org, UserId::generate(env)));
        entitlements.push((
            org,
            Arc::new(Entitlement {
                plan: "one".into(),
                plan_version: 1,
                priority: 1,
                bounds: bounds.to_vec().into(),
                features: Arc::default(),
                retention: None,
                anchor: Anchor::utc(env.now()),
                clock: Span::from_micros(0),
                service: Service::Served,
            }),
        ));
        for _ in 0..keys_each {
            let token = KeyToken::generate(env, Environment::Production);
            live_keys.push(LiveKey {
                id: token.id,
                org,
                secret_hash: token.hash(&pepper),
                environment: Environment::Production,
                scopes: Arc::clone(&scopes),
                networks: Box::default(),
                project: None,
                team: None,
                rate: None,
                limits: OwnLimits::default(),
                expires_at: None,
            });
            keys.push(token.reveal(&blueprint.product().key_prefix).expose().to_owned());
        }
    }
    let (live_organizations, live_keys, entitlements, keys, members) = measured;
    let live_members = members.iter().map(|place| (*place, "owner".into()));
    let signing = SigningKey::generate(env);
    let parts = GateParts {
        env: env.clone(),
        blueprint: (blueprint, 1),
        organizations: Arc::new(insula_tenancy::Live::load(live_organizations)),
        identities: Arc::new(insula_identity::Live::load(live_keys, live_members, [])),
        keyring,
        verifier: TokenVerifier::new("http://measured".into(), [(signing.id(), signing.public())]),
        signer: TokenSigner::new("http://measured".into(), signing),
        entitlements,
    };
    (parts, keys, members)
}
