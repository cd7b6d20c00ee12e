//! The API as a whole: every slice's endpoints, the document that describes them, the console.

use crate::{
    console, explain, invoices, leases, offers, operator, platform::Platform, projects::KeysOfProjects,
    public, report, subscriptions,
};
use axum::{Extension, Router, routing::get};
use http::header;
use insula_access::{Authorized, ReadLimits};
use insula_blueprint::{LimitIndex, Operations};
use insula_gateway::Gate;
use insula_identity::{api_key, member};
use insula_kernel::{Error, Instant, OrgId, Quantity, Scope as _, Span};
use insula_metering::{
    http::{Counted, LiveLimit, LiveLimits, Stocks},
    ingest::Ingest,
};
use insula_rating::Anchor;
use insula_storage::Store;
use insula_tenancy::{project, team};
use insula_web::{Api, Idempotency};
use serde_json::Value as Json;
use std::{
    future::ready,
    sync::{Arc, LazyLock},
};

/// Every endpoint, each with the state of its slice.
struct Endpoints {
    public: Api<public::State>,
    operator: Api<Platform>,
    tenancy: Api<insula_tenancy::State>,
    identity: Api<insula_identity::http::State>,
    metering: Api<insula_metering::http::State>,
    billing: Api<insula_billing::http::State>,
    subscriptions: Api<Platform>,
    report: Api<Platform>,
    explain: Api<Platform>,
    leases: Api<leases::State>,
}

fn endpoints() -> Endpoints {
    Endpoints {
        public: public::api(),
        operator: operator::api(),
        tenancy: insula_tenancy::api(),
        identity: insula_identity::http::api(),
        metering: insula_metering::http::api(),
        billing: insula_billing::http::api(),
        subscriptions: subscriptions::api().merge(offers::api()).merge(invoices::api()),
        report: report::api(),
        explain: explain::api(),
        leases: leases::api(),
    }
}

/// The OpenAPI document of everything that is served.
#[must_use]
pub fn openapi() -> Json {
    let all = endpoints();
    let described = [
        all.public.endpoints(),
        all.identity.endpoints(),
        all.tenancy.endpoints(),
        all.metering.endpoints(),
        all.report.endpoints(),
        all.leases.endpoints(),
        all.explain.endpoints(),
        all.billing.endpoints(),
        all.subscriptions.endpoints(),
        all.operator.endpoints(),
    ];
    insula_web::document(&described.concat(), "Insula", env!("CARGO_PKG_VERSION"))
}

/// Every operation, as far as routes of a blueprint can be addresses of it.
#[must_use]
pub fn operations() -> &'static Operations {
    static OPERATIONS: LazyLock<Operations> = LazyLock::new(|| Operations::of_openapi(&openapi()));
    &OPERATIONS
}

/// Everything that a platform host serves.
pub(crate) fn router(platform: &Platform, ingest: &Arc<Ingest>) -> Router {
    let identity = identity_state(platform);
    let document = bytes::Bytes::from(openapi().to_string());
    let all = endpoints();
    let public = public::State { platform: platform.clone(), identity: identity.clone() };
    let Platform { storage, env, blueprint, settler, .. } = platform.clone();
    let limits = Arc::new(Standings { platform: platform.clone() });
    let metering = insula_metering::http::State {
        storage: storage.clone(),
        env,
        settler,
        ingest: Arc::clone(ingest),
        blueprint: blueprint.clone(),
        limits: limits.clone(),
        stocks: limits,
    };
    let billing = insula_billing::http::State {
        storage: storage.clone(),
        blueprint,
        env: platform.env.clone(),
        settler: platform.settler.clone(),
    };
    let leases = leases::State::new(platform.clone(), Arc::clone(ingest));
    Router::new()
        .merge(all.public.into_router().with_state(public))
        .merge(all.operator.into_router().with_state(platform.clone()))
        .merge(all.tenancy.into_router().with_state(tenancy_state(platform)))
        .merge(all.identity.into_router().with_state(identity))
        .merge(all.metering.into_router().with_state(metering))
        .merge(all.billing.into_router().with_state(billing))
        .merge(all.subscriptions.into_router().with_state(platform.clone()))
        .merge(all.report.into_router().with_state(platform.clone()))
        .merge(all.explain.into_router().with_state(platform.clone()))
        .merge(all.leases.into_router().with_state(leases))
        .route(
            "/v1/openapi.json",
            get(move || ready(([(header::CONTENT_TYPE, "application/json")], document))),
        )
        .route("/", get(console::to_console))
        .route("/console", get(console::to_console))
        .route("/console/", get(console::serve))
        .route("/console/{*path}", get(console::serve))
        .layer(Extension(Arc::new(Idempotency::new(&platform.keyring))))
}

fn tenancy_state(platform: &Platform) -> insula_tenancy::State {
    let gate: Arc<Gate> = platform.gate.clone();
    insula_tenancy::State {
        storage: platform.storage.clone(),
        env: platform.env.clone(),
        live: platform.organizations.clone(),
        bound: Arc::new(move |org, limit| bound(&gate, org, limit)),
        keys: Arc::new(KeysOfProjects { env: platform.env.clone(), identity: platform.identity.clone() }),
    }
}

fn identity_state(platform: &Platform) -> insula_identity::http::State {
    let gate: Arc<Gate> = platform.gate.clone();
    insula_identity::http::State {
        storage: platform.storage.clone(),
        env: platform.env.clone(),
        live: platform.identity.clone(),
        organizations: platform.organizations.clone(),
        blueprint: platform.blueprint.clone(),
        hasher: platform.hasher.clone(),
        refresh_tokens: platform.refresh_tokens.clone(),
        signer: platform.signer.clone(),
        verifier: platform.verifier.clone(),
        pepper: platform.keyring.derive("api-keys"),
        secure_cookies: platform.secure_cookies,
        last_use: Arc::new(|mut ledger, keys| {
            let (first, last) = keys.into_inner();
            Box::pin(async move { Ok(insula_metering::usage::last_use(&mut ledger, first, last).await?) })
        }),
        bound: Arc::new(move |org, limit| bound(&gate, org, limit)),
        invitations: platform.invitations.clone(),
    }
}

/// How far a limit goes for an organization; one that isn't known has nothing.
fn bound(gate: &Gate, org: OrgId, limit: LimitIndex) -> Option<i64> {
    gate.entitlement(org).map_or(Some(0), |entitlement| entitlement.bound(limit.get()).most)
}

/// Where organizations stand, of the gate's own counters and of what the directory counts.
pub(crate) struct Standings {
    pub(crate) platform: Platform,
}

impl LiveLimits for Standings {
    fn ahead(&self, org: OrgId) -> Span {
        self.platform.gate.clock_of(org)
    }

    fn standing(&self, org: OrgId, limit: LimitIndex, now: Instant) -> LiveLimit {
        let gate = &self.platform.gate;
        let usage = gate.usage(org, limit, now);
        let snapshot = gate.snapshot();
        let held = snapshot.compiled().limit(limit).map_or(0, |limit| gate.held(org, &limit.name, now));
        LiveLimit {
            bound: bound(gate, org, limit).map(Quantity::from_units),
            used: Quantity::from_units(usage.map_or(held, |usage| usage.used)),
            resets_at: usage.map(|usage| usage.period.end),
        }
    }

    fn retained_from(&self, org: OrgId, now: Instant) -> Option<Instant> {
        self.platform.gate.entitlement(org)?.retained_from(now)
    }

    fn anchor(&self, org: OrgId) -> Option<Anchor> {
        Some(self.platform.gate.entitlement(org)?.anchor.clone())
    }
}

impl Stocks for Standings {
    fn count<'a>(&'a self, proof: &'a Authorized<ReadLimits>, limit: LimitIndex) -> Counted<'a> {
        Box::pin(async move {
            let Platform { storage, env, .. } = &self.platform;
            let mut tx = storage.read(Store::Directory, proof).await?;
            let count = match limit {
                LimitIndex::MEMBERS => member::count(&mut tx, env.now()).await?,
                LimitIndex::API_KEYS => api_key::count(&mut tx, env.now()).await?,
                LimitIndex::PROJECTS => project::count(&mut tx).await?,
                LimitIndex::TEAMS => team::count(&mut tx).await?,
                // The product's own are kept by holds.
                _ => {
                    let gate = &self.platform.gate;
                    let name = gate.snapshot().compiled().limit(limit).map(|limit| limit.name.clone());
                    let held = name.map(|name| gate.held(proof.organization(), &name, env.now()));
                    held.ok_or_else(|| Error::internal("a stock that nobody counts"))?
                }
            };
            Ok(Quantity::from_units(count))
        })
    }
}
