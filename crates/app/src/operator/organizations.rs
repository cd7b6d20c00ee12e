//! Organizations, as the operator runs them.

mod detail;

use super::{TAG, adds_up, headline, organization, whole};
use crate::{platform::Platform, sign_up::Wish, sign_up::slug_error, subscriptions::refresh_entitlement};
use axum::{
    extract::{Path, State as Extract},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use insula_access::{
    AuthorizedOperator, CreateOrganization, DeactivateOrganization, InviteOwner, ListOrganizations,
    ReadOrganizationOf, SuspendOrganization, UpdateOrganizationOf,
};
use insula_billing::operator::{self, SubscriptionSummary};
use insula_blueprint::LimitIndex;
use insula_identity::{
    invitation::{self, Invitation, Inviter, Sent},
    user::Email,
};
use insula_kernel::{Error, ErrorKind, OrgId, Page, PageRequest, Result};
use insula_metering::usage;
use insula_storage::{PlatformTx, Store, journal::Actor};
use insula_tenancy::{Organization, Slug, Status, Wanted, check_name};
use insula_web::{
    Api, Endpoint, Failure, Idempotent, Json, Method, Operator, Patch, Query, Reply, RequestInfo,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc};

pub(super) fn api() -> Api<Platform> {
    let list = endpoint!(Get "orgs" "listOrganizations" "All organizations, with their subscription and what they used" needs ListOrganizations)
        .query::<OrganizationsQuery>()
        .replies::<Page<OrganizationWithUsage>>(200);
    let create = endpoint!(Post "orgs" "createOrganization" "Make an organization, and a link with which its owner takes it over" needs CreateOrganization)
        .body::<OrganizationRequest>()
        .replies::<CreatedOrganization>(201)
        .idempotent();
    let get = endpoint!(Get "orgs/{org}" "getOrganizationOf" "Everything about one organization" needs ReadOrganizationOf)
        .replies::<detail::OrganizationDetail>(200);
    let update = endpoint!(Patch "orgs/{org}" "updateOrganizationOf" "Change an organization's name or address, or its plan at once" needs UpdateOrganizationOf)
        .body::<OrganizationPatch>()
        .replies::<Organization>(200);
    let deactivate = endpoint!(Delete "orgs/{org}" "deactivateOrganization" "Close an organization, at once and for good" needs DeactivateOrganization)
        .query::<DeactivateQuery>()
        .replies::<Organization>(200);
    let suspend = endpoint!(Post "orgs/{org}/suspend" "suspendOrganization" "Take an organization out of service, at once" needs SuspendOrganization)
        .body::<ReasonRequest>()
        .replies::<Organization>(200);
    let reactivate = endpoint!(Post "orgs/{org}/reactivate" "reactivateOrganization" "Put an organization back into service" needs SuspendOrganization)
        .body::<ReasonRequest>()
        .replies::<Organization>(200);
    let invite = endpoint!(Post "orgs/{org}/invitations" "inviteOwner" "Invite an owner, in the place of an invitation that they may have" needs InviteOwner)
        .body::<OwnerRequest>()
        .replies::<SentInvitation>(201)
        .idempotent();
    Api::default()
        .with(list, list_organizations)
        .with(create, create_organization)
        .with(get, detail::get_organization_of)
        .with(update, update_organization_of)
        .with(deactivate, deactivate_organization)
        .with(suspend, suspend_organization)
        .with(reactivate, reactivate_organization)
        .with(invite, invite_owner)
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct OrganizationsQuery {
    /// Part of a name or an address.
    q: Option<String>,
    /// Only those that stand there.
    status: Option<Status>,
    /// Only those on this plan.
    plan: Option<String>,
    /// How many items at most, 1 to 200; 50 if not said.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct OrganizationWithUsage {
    #[serde(flatten)]
    organization: Organization,
    /// What it is subscribed to.
    subscription: Option<SubscriptionSummary>,
    #[serde(flatten)]
    usage: UsageNow,
}

/// What an organization used lately of the meter that stands for all of it.
#[derive(Clone, Serialize, JsonSchema)]
struct UsageNow {
    /// That meter: of the limit to show first, or else the first of the blueprint.
    usage_meter: Option<String>,
    /// What was used since midnight, UTC.
    usage_today: i64,
    /// What was used in the billing month that is going on; null where what days used doesn't add up.
    usage_month: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OrganizationRequest {
    /// What people call it: 1 to 100 characters.
    name: String,
    /// What addresses call it: 3 to 40 lower-case letters, digits and hyphens.
    slug: String,
    /// The plan, also one that comes by offer only; the product's default if not said.
    plan: Option<String>,
    /// Who is to own it. It has no members until they accept.
    owner_email: String,
    /// Whether its time can be moved ahead, to see what billing does.
    #[serde(default)]
    test_clock: bool,
}

#[derive(Serialize, JsonSchema)]
struct CreatedOrganization {
    organization: Organization,
    invitation: Invitation,
    /// What to hand to its owner. It is shown this once; it is good once, for seven days.
    link: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OwnerRequest {
    /// Their address.
    email: String,
}

#[derive(Serialize, JsonSchema)]
struct SentInvitation {
    invitation: Invitation,
    /// What to hand to whom it is for. It is shown this once; it is good once, for seven days.
    link: String,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct OrganizationPatch {
    /// What people call it: 1 to 100 characters.
    name: Patch<String>,
    /// What addresses call it: 3 to 40 lower-case letters, digits and hyphens. The one before is free from then on.
    slug: Patch<String>,
    /// The plan, also one that comes by offer only.
    plan: Patch<String>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct DeactivateQuery {
    /// Why; it stands in the audit log.
    reason: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReasonRequest {
    /// Why; it stands in the audit log.
    reason: String,
}

async fn list_organizations(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ListOrganizations>,
    Query(query): Query<OrganizationsQuery>,
) -> Result<Json<Page<OrganizationWithUsage>>, Failure> {
    let page = PageRequest::new(query.limit, query.cursor.as_deref())?;
    let contains = query.q.as_deref().unwrap_or_default();
    let wanted = Wanted { contains, status: query.status, plan: query.plan.as_deref() };
    let mut tx = platform.storage.platform_read(Store::Directory, &proof).await?;
    let listed = insula_tenancy::list(&mut tx, &proof, wanted, page).await?;
    drop(tx);
    platform.settler.flush().await?;
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let orgs: Vec<OrgId> = listed.items.iter().map(|organization| organization.id).collect();
    let mut subscriptions = operator::summaries(&mut tx, &proof, orgs.iter().copied()).await?;
    let mut usage = usage_now(&platform, &mut tx, &orgs).await?;
    Ok(Json(listed.map(|organization| OrganizationWithUsage {
        subscription: subscriptions.remove(&organization.id),
        usage: usage.remove(&organization.id).unwrap_or_else(UsageNow::nothing),
        organization,
    })))
}

impl UsageNow {
    const fn nothing() -> Self {
        Self { usage_meter: None, usage_today: 0, usage_month: None }
    }
}

/// What these organizations used lately, each in its own time and month.
async fn usage_now(
    platform: &Platform,
    tx: &mut PlatformTx,
    orgs: &[OrgId],
) -> Result<HashMap<OrgId, UsageNow>> {
    let blueprint = platform.blueprint.load_full();
    let Some(meter) = headline(&blueprint) else { return Ok(HashMap::new()) };
    let days: Vec<_> = orgs.iter().map(|&org| (org, platform.gate.now_of(org))).collect();
    let today = usage::today(tx, &days, &meter.name).await?;
    let name: Arc<str> = meter.name.as_str().into();
    let month = |&(org, now)| {
        let period = platform.gate.entitlement(org)?.anchor.month_containing(now);
        Some(usage::Wanted { org, meter: Arc::clone(&name), period })
    };
    let months: Vec<usage::Wanted> = days.iter().filter(|_| adds_up(meter)).filter_map(month).collect();
    let totals = usage::totals(tx, &months).await?;
    let month: HashMap<OrgId, i64> =
        months.iter().zip(totals).map(|(wanted, total)| (wanted.org, whole(total, meter))).collect();
    let now = |&org: &OrgId| {
        let usage = UsageNow {
            usage_meter: Some(meter.name.clone()),
            usage_today: today.get(&org).map_or(0, |used| whole(*used, meter)),
            usage_month: month.get(&org).copied(),
        };
        (org, usage)
    };
    Ok(orgs.iter().map(now).collect())
}

async fn create_organization(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<CreateOrganization>,
    info: RequestInfo,
    request: Idempotent<OrganizationRequest>,
) -> Result<Response, Failure> {
    let OrganizationRequest { name, slug, plan, owner_email, test_clock } = &request.body;
    let blueprint = platform.blueprint.load_full();
    let wish = Wish {
        name: name.clone(),
        slug: slug.clone(),
        plan: plan.clone(),
        test_clock: *test_clock,
        by_operator: true,
        pointer: "",
    };
    let (wish, email) = match (wish.check(&blueprint), Email::check(owner_email, "/owner_email")) {
        (Ok(wish), Ok(email)) => (wish, email),
        (Ok(_), Err(field)) => return Err(Error::invalid(vec![field]).into()),
        (Err(error), Ok(_)) => return Err(error.into()),
        (Err(error), Err(field)) => {
            return Err(Error::invalid([error.fields(), &[field]].concat()).into());
        }
    };
    let _turn = platform.slugs.turn(wish.slug()).await;
    let mut tx = platform.storage.platform_read(Store::Directory, &proof).await?;
    if let Some(reply) = request.replay_platform(&mut tx, platform.env.now()).await? {
        return Ok(reply.into_response());
    }
    drop(tx);
    wish.refuse_taken(&platform)?;
    let prepared = wish.prepare(&platform).await?;
    let actor = info.actor(proof.principal());
    let revealed = async {
        let mut tx = platform.storage.platform_write(Store::Directory, &proof).await?;
        let made = prepared.reveal(&platform, &mut tx, &actor).await?;
        let inviter =
            Inviter { env: &platform.env, links: &platform.invitations, blueprint: &blueprint, bound: None };
        let org = made.organization.id;
        let Sent { invitation, link } =
            invitation::create_for(&mut tx, &inviter, &actor, org, &email, proof.principal()).await?;
        let body = CreatedOrganization {
            organization: made.organization.clone(),
            invitation,
            link: link.expose().clone(),
        };
        let reply = Reply::new(StatusCode::CREATED, &body)?;
        request.keep_platform(&mut tx, &platform.env, &reply).await?;
        tx.commit().await?;
        Ok::<_, Error>((made, reply))
    };
    match revealed.await {
        Ok((made, reply)) => {
            made.welcome(&platform);
            Ok(reply.into_response())
        }
        Err(error) => {
            // As with sign-up: only a refusal says for certain that nothing was committed.
            if error.kind() == ErrorKind::Conflict {
                prepared.discard(&platform).await;
            }
            Err(error.into())
        }
    }
}

async fn update_organization_of(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<UpdateOrganizationOf>,
    Path(org): Path<String>,
    info: RequestInfo,
    Json(patch): Json<OrganizationPatch>,
) -> Result<Json<Organization>, Failure> {
    let org = organization(&platform, &org)?;
    let name = given(patch.name, "/name")?.map(|name| check_name(&name, "/name")).transpose()?;
    let slug: Option<Slug> = given(patch.slug, "/slug")?
        .map(|slug| slug.parse().map_err(|why| slug_error(&slug, why, "")))
        .transpose()?;
    let plan = given(patch.plan, "/plan")?;
    let before = platform.organizations.get(org).ok_or_else(|| Error::not_found("organization"))?;
    // Whoever takes the slug that is given up, or wants the one that is taken, comes after.
    let mut slugs: Vec<Slug> = slug.iter().cloned().chain(before.slug.parse().ok()).collect();
    slugs.sort();
    slugs.dedup();
    let mut turns = Vec::new();
    for slug in slugs.iter().filter(|_| slug.is_some()) {
        turns.push(platform.slugs.turn(slug).await);
    }
    platform.settler.flush().await?;
    let _turn = platform.organizations.turn(org).await;
    let actor = info.actor(proof.principal());
    let env = &platform.env;
    let mut tx = platform.storage.platform_write(Store::Directory, &proof).await?;
    let mut changed =
        insula_tenancy::update_any(&mut tx, env, &actor, &proof, org, name.as_deref(), slug.as_ref()).await?;
    if let Some(plan) = &plan {
        let blueprint = platform.blueprint.load_full();
        let mut ledger = platform.storage.platform_write(Store::Ledger, &proof).await?;
        operator::change_plan(&mut ledger, env, &blueprint, &actor, &proof, org, plan).await?;
        insula_tenancy::set_plan(&mut tx, env, org, plan).await?;
        changed = insula_tenancy::find(&mut tx, org).await?.unwrap_or(changed);
        // The plan first: what is lost between the two commits is a name, which is easily given again.
        ledger.commit().await?;
    }
    tx.commit().await?;
    platform.organizations.rename(org, &changed.slug);
    if plan.is_some() {
        refresh_entitlement(&platform, org).await?;
    }
    Ok(Json(changed))
}

/// What a patch gives; what it would take away can't be without.
fn given(patch: Patch<String>, pointer: &str) -> Result<Option<String>> {
    match patch {
        Patch::Absent => Ok(None),
        Patch::Value(value) => Ok(Some(value)),
        Patch::Null => {
            let detail = "An organization has a name, an address and a plan.";
            Err(Error::invalid_field(pointer, "required", detail))
        }
    }
}

async fn deactivate_organization(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<DeactivateOrganization>,
    Path(org): Path<String>,
    Query(query): Query<DeactivateQuery>,
    info: RequestInfo,
) -> Result<Json<Organization>, Failure> {
    let org = organization(&platform, &org)?;
    let reason = query.reason.map(|reason| check_name(&reason, "?reason")).transpose()?;
    let actor = info.actor(proof.principal());
    let turn = platform.organizations.turn(org).await;
    let mut tx = platform.storage.platform_write(Store::Directory, &proof).await?;
    let closed =
        insula_tenancy::deactivate(&mut tx, &platform.env, &actor, &proof, org, reason.as_deref()).await?;
    tx.commit().await?;
    platform.organizations.change(org, |live| live.status = closed.status);
    drop(turn);
    if let Err(error) = end_subscription(&platform, &proof, &actor, org).await {
        // The message of the closing ends it then.
        tracing::warn!(%org, %error, "the subscription of a closed organization will be ended later");
    }
    Ok(Json(closed))
}

async fn end_subscription(
    platform: &Platform,
    proof: &AuthorizedOperator<DeactivateOrganization>,
    actor: &Actor,
    org: OrgId,
) -> Result<()> {
    platform.settler.flush().await?;
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_write(Store::Ledger, proof).await?;
    operator::end_with_organization(&mut tx, &platform.env, &blueprint, actor, org).await?;
    tx.commit().await?;
    refresh_entitlement(platform, org).await
}

async fn suspend_organization(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<SuspendOrganization>,
    Path(org): Path<String>,
    info: RequestInfo,
    Json(request): Json<ReasonRequest>,
) -> Result<Json<Organization>, Failure> {
    Ok(Json(set_status(&platform, &proof, &org, &info, Status::Suspended, &request.reason).await?))
}

async fn reactivate_organization(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<SuspendOrganization>,
    Path(org): Path<String>,
    info: RequestInfo,
    Json(request): Json<ReasonRequest>,
) -> Result<Json<Organization>, Failure> {
    Ok(Json(set_status(&platform, &proof, &org, &info, Status::Active, &request.reason).await?))
}

async fn set_status(
    platform: &Platform,
    proof: &AuthorizedOperator<SuspendOrganization>,
    org: &str,
    info: &RequestInfo,
    status: Status,
    reason: &str,
) -> Result<Organization> {
    let reason = check_name(reason, "/reason")?;
    let id = organization(platform, org)?;
    let actor = info.actor(proof.principal());
    let _turn = platform.organizations.turn(id).await;
    let mut tx = platform.storage.platform_write(Store::Directory, proof).await?;
    let changed =
        insula_tenancy::set_status(&mut tx, &platform.env, &actor, proof, id, status, &reason).await?;
    tx.commit().await?;
    platform.organizations.change(id, |live| live.status = status);
    Ok(changed)
}

async fn invite_owner(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<InviteOwner>,
    Path(org): Path<String>,
    info: RequestInfo,
    request: Idempotent<OwnerRequest>,
) -> Result<Response, Failure> {
    let org = organization(&platform, &org)?;
    let email = Email::check(&request.body.email, "/email").map_err(|field| Error::invalid(vec![field]))?;
    let actor = info.actor(proof.principal());
    let _turn = platform.organizations.turn(org).await;
    let mut tx = platform.storage.platform_write(Store::Directory, &proof).await?;
    if let Some(reply) = request.replay_platform(&mut tx, platform.env.now()).await? {
        return Ok(reply.into_response());
    }
    let found = insula_tenancy::find(&mut tx, org).await?;
    if let Some(closed) = found.filter(|found| !found.status.enters() && found.status != Status::Pending) {
        let detail = format!("The organization is {}; nobody can join it.", closed.status);
        return Err(Error::new(ErrorKind::Conflict, "organization.status", detail).into());
    }
    let blueprint = platform.blueprint.load_full();
    let bound =
        platform.gate.entitlement(org).and_then(|entitled| entitled.bound(LimitIndex::MEMBERS.get()).most);
    let inviter = Inviter { env: &platform.env, links: &platform.invitations, blueprint: &blueprint, bound };
    let Sent { invitation, link } =
        invitation::create_for(&mut tx, &inviter, &actor, org, &email, proof.principal()).await?;
    let body = SentInvitation { invitation, link: link.expose().clone() };
    let reply = Reply::new(StatusCode::CREATED, &body)?;
    request.keep_platform(&mut tx, &platform.env, &reply).await?;
    tx.commit().await?;
    Ok(reply.into_response())
}
