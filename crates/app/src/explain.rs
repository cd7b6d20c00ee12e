//! Why a request was let through or refused, what it reserved, and what it used.

use crate::{
    cost::{Cost, Price, sum},
    platform::Platform,
};
use axum::extract::{Path, State as Extract};
use insula_access::ExplainRequest;
use insula_billing::request::{self, Added};
use insula_blueprint::Compiled;
use insula_gateway::RefusedRequest;
use insula_kernel::{
    Currency, Decimal, Error, ErrorKind, HoldId, Instant, KeyId, OrgId, ProjectId, Quantity, RequestId,
    Result, Scope as _, UserId,
};
use insula_metering::{
    log::Fold,
    usage::{self, EventRecord, TakenHold},
};
use insula_storage::{Store, Worker};
use insula_web::{Api, Endpoint, Failure, In, Json, Method};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

pub(crate) fn api() -> Api<Platform> {
    let explain = Endpoint::new(
        Method::Get,
        "/v1/orgs/{org}/explain/{request}",
        "explainRequest",
        "Usage",
        "Why a request was let through or refused, what was checked and reserved, and what it used",
    )
    .allows::<ExplainRequest>()
    .replies::<Explanation>(200);
    Api::default().with(explain, explain_request)
}

/// What became of a request, and why.
#[derive(Serialize, JsonSchema)]
struct Explanation {
    /// The request, as its reply's `X-Request-Id` named it.
    request: RequestId,
    #[schemars(extend("enum" = ["admitted", "refused"]))]
    decision: &'static str,
    /// When it came.
    at: Instant,
    /// The route, as the blueprint declares it.
    route: String,
    /// The API key that was used.
    key: Option<String>,
    /// The person who acted.
    user: Option<UserId>,
    /// The project that it was for.
    project: Option<ProjectId>,
    /// The version of the blueprint that decided; null for a refusal.
    blueprint: Option<i64>,
    /// The HTTP status that went to the client; 0 if none did.
    status: i64,
    /// How it ended; for a refusal the stable code of the reason.
    outcome: String,
    /// Why it was refused.
    detail: Option<String>,
    /// The limits that were checked, in their order, with where each stood then.
    checks: Vec<CheckedLimit>,
    /// What was reserved, by meter; null for what wasn't a request.
    reserved: Option<BTreeMap<String, String>>,
    /// What it used, by meter, in the meter's unit: decimals.
    used: BTreeMap<String, String>,
    /// What that cost, in each currency in which the blueprint in force says what meters cost; only meters that add up.
    costs: Vec<RequestCost>,
    /// What the plan that was in force charges for it, on top of what was used before it: each meter that has a price, and
    /// each limit that it may go beyond at a price.
    charges: Vec<Added>,
    /// What it holds, or held, beyond its own end; null if nothing. Of what ended more than 30 days ago nothing is known.
    hold: Option<HoldTaken>,
    /// Whether it was charged as reserved because its end wasn't seen.
    recovered: bool,
    /// Bytes of the request's body.
    bytes_in: i64,
    /// Bytes of the reply's body.
    bytes_out: i64,
    /// From admission to the end, in microseconds.
    duration_us: i64,
}

/// What a request cost.
#[derive(Serialize, JsonSchema)]
struct RequestCost {
    #[serde(flatten)]
    cost: Cost,
    /// Exactly, by meter: decimals in major units.
    meters: BTreeMap<String, String>,
}

/// What a request took and didn't give back with its end.
#[derive(Serialize, JsonSchema)]
struct HoldTaken {
    id: HoldId,
    /// The limit.
    limit: String,
    /// By what its holder names it.
    key: Option<String>,
    /// Whether it is held still.
    held: bool,
    begun_at: Option<Instant>,
    /// The type of event that ends it.
    until: Option<String>,
    /// When it ends by itself; null if it doesn't.
    expires_at: Option<Instant>,
    /// When it was ended; null if it wasn't.
    ended_at: Option<Instant>,
}

/// A limit as it stood when a request was decided.
#[derive(Serialize, JsonSchema)]
struct CheckedLimit {
    /// The limit's name.
    limit: String,
    /// What was used of it, this request included, in its smallest units.
    used: i64,
    /// How far it went; null is unlimited.
    bound: Option<i64>,
}

async fn explain_request(
    Extract(platform): Extract<Platform>,
    In(proof): In<ExplainRequest>,
    Path((_, request)): Path<(String, String)>,
) -> Result<Json<Explanation>, Failure> {
    let unknown = || Error::not_found("request");
    let id: RequestId = request.parse().map_err(|_| unknown())?;
    if let Some(refused) = platform.gate.refused(proof.organization(), id) {
        return Ok(Json(of_refusal(refused)));
    }
    platform.settler.flush().await?;
    let mut tx = platform.storage.read(Store::Ledger, &proof).await?;
    let event = usage::event(&mut tx, id.uuid()).await?.ok_or_else(unknown)?;
    check_retained(&platform, proof.organization(), &event)?;
    let hold = HoldId::from_uuid(id.uuid());
    let taken = usage::hold(&mut tx, hold).await?;
    drop(tx);
    let now = platform.env.now();
    let blueprint = platform.blueprint.load_full();
    let decided_by = match event.blueprint {
        Some(number) if number != i64::from(platform.gate.snapshot().number()) => {
            earlier(&platform, number).await?
        }
        _ => Some((*blueprint).clone()),
    };
    let charges = charges(&platform, proof.organization(), &event).await?;
    let prefix = blueprint.product().key_prefix.clone();
    let costs = costs(&event, &blueprint)?;
    let explained = of_event(id, event, decided_by.as_ref(), &blueprint, &prefix);
    Ok(Json(Explanation {
        costs,
        charges,
        hold: taken.map(|taken| hold_taken(hold, taken, now)),
        ..explained
    }))
}

/// What the plan doesn't show any more isn't explained either.
fn check_retained(platform: &Platform, org: OrgId, event: &EventRecord) -> Result<()> {
    let entitlement = platform.gate.entitlement(org);
    let from = entitlement.and_then(|known| known.retained_from(known.time(platform.env.now())));
    match from.filter(|from| event.at < *from) {
        None => Ok(()),
        Some(from) => {
            let detail = format!("The plan shows usage from {from} on; this request came before.");
            Err(Error::new(ErrorKind::NotFound, "usage.not_retained", detail))
        }
    }
}

fn hold_taken(id: HoldId, taken: TakenHold, now: Instant) -> HoldTaken {
    let TakenHold { limit, key, until, begun_at, expires_at, ended_at } = taken;
    let held = ended_at.is_none() && expires_at.is_none_or(|at| at > now);
    HoldTaken { id, limit, key, held, begun_at, until, expires_at, ended_at }
}

/// What an event cost, in each currency.
fn costs(event: &EventRecord, blueprint: &Compiled) -> Result<Vec<RequestCost>> {
    let mut found: BTreeMap<Currency, (Decimal, BTreeMap<String, String>)> = BTreeMap::new();
    for meter in blueprint.meters() {
        let amount = event.quantities.get(&meter.name).filter(|amount| amount.fold == Fold::Add);
        let Some(amount) = amount else { continue };
        for price in Price::all(meter) {
            let exact = price.exact(amount.quantity)?;
            let (all, meters) = found.entry(price.currency).or_default();
            *all = sum(*all, exact)?;
            meters.insert(meter.name.clone(), exact.to_string());
        }
    }
    let cost = |(currency, (exact, meters))| Ok(RequestCost { cost: Cost::new(exact, currency)?, meters });
    found.into_iter().map(cost).collect()
}

/// What the plan charges for an event.
async fn charges(platform: &Platform, org: OrgId, event: &EventRecord) -> Result<Vec<Added>> {
    let adds_up = event.quantities.iter().filter(|(_, amount)| amount.fold == Fold::Add);
    let used: Vec<_> = adds_up.map(|(meter, amount)| (meter.clone(), amount.quantity.units())).collect();
    let mut tx = platform.storage.platform_read(Store::Ledger, &Worker::Billing).await?;
    request::added(&mut tx, &platform.env, &platform.blueprint.load_full(), org, event.at, &used).await
}

/// A version of the blueprint that was in force before, if this release still understands it.
async fn earlier(platform: &Platform, number: i64) -> Result<Option<Compiled>> {
    let mut tx = platform.storage.platform_read(Store::Ledger, &Worker::Snapshot).await?;
    let kept = insula_billing::blueprint_version(&mut tx, number).await?;
    let checked = kept.map(|kept| crate::operations().check(insula_blueprint::FILE_NAME, &kept.source));
    Ok(checked.and_then(std::result::Result::ok).map(insula_blueprint::Blueprint::compile))
}

fn of_refusal(refused: RefusedRequest) -> Explanation {
    let limit = refused.limit.map(|(limit, bound, remaining)| CheckedLimit {
        limit: limit.into(),
        used: bound.saturating_sub(remaining),
        bound: Some(bound),
    });
    Explanation {
        request: refused.id,
        decision: "refused",
        at: refused.at,
        route: refused.route.into(),
        key: None,
        user: None,
        project: None,
        blueprint: None,
        status: refused.status.into(),
        outcome: refused.code.to_owned(),
        detail: Some(refused.detail.into()),
        checks: limit.into_iter().collect(),
        reserved: None,
        used: BTreeMap::new(),
        costs: Vec::new(),
        charges: Vec::new(),
        hold: None,
        recovered: false,
        bytes_in: 0,
        bytes_out: 0,
        duration_us: 0,
    }
}

fn of_event(
    request: RequestId,
    event: EventRecord,
    decided_by: Option<&Compiled>,
    now: &Compiled,
    prefix: &str,
) -> Explanation {
    let shown = |(meter, quantity): (String, Quantity)| {
        let known = [decided_by, Some(now)].into_iter().flatten();
        let mut meters = known.flat_map(Compiled::meters);
        let scale = meters.find(|known| known.name == meter).map(|meter| meter.scale).unwrap_or_default();
        (meter, quantity.display(scale).to_string())
    };
    let limit_name = |position: u16| {
        let limit = decided_by.and_then(|blueprint| blueprint.limits().get(usize::from(position)));
        limit.map_or_else(|| format!("limit {position}"), |limit| limit.name.clone())
    };
    let checks = event.checks.iter().map(|check| CheckedLimit {
        limit: limit_name(check.limit),
        used: check.used,
        bound: check.bound,
    });
    let as_used = (event.kind == "request").then(|| event.quantities.clone());
    let reserved = event.reserved.or(as_used);
    let key = |key: KeyId| format!("{prefix}_{}", key.digits());
    Explanation {
        request,
        decision: "admitted",
        at: event.at,
        route: event.operation,
        key: event.key.map(key),
        user: event.user,
        project: event.project,
        blueprint: event.blueprint,
        status: event.status,
        outcome: event.outcome,
        detail: None,
        checks: checks.collect(),
        reserved: reserved.map(|reserved| {
            reserved.into_iter().map(|(meter, amount)| shown((meter, amount.quantity))).collect()
        }),
        used: event.quantities.into_iter().map(|(meter, amount)| shown((meter, amount.quantity))).collect(),
        costs: Vec::new(),
        charges: Vec::new(),
        hold: None,
        recovered: event.recovered,
        bytes_in: event.bytes_in,
        bytes_out: event.bytes_out,
        duration_us: event.duration_us,
    }
}
