//! Invitations: how people join an organization, each by their own consent.
//!
//! What must always hold: a link is good once, for seven days, and only the latest of an invitation; of its token a keyed
//! hash is stored and nothing else. Nobody invites to a role that may do more than they themselves. Who is invited has a
//! place under the plan's limit of members from then on.

mod link;

pub use link::{InvitationLinks, InvitationToken};

use crate::{
    member::{self, OWNER},
    store::{
        ACCEPT_INVITATION, CANCEL_INVITATION, CANCEL_INVITATION_TO, FIND_INVITATION, FIND_INVITATION_TO,
        INSERT_INVITATION, INVITE_FOR, IS_MEMBER_OF, LIST_INVITATIONS, MEMBERS_WITH_ADDRESS,
        OFFERED_INVITATION, PEOPLE_OF, RENEW_INVITATION,
    },
    user::Email,
};
use insula_access::{
    Authorized, CancelInvitation, InviteMember, ListInvitations, Principal, ensure_grantable,
};
use insula_blueprint::{Compiled, PermissionSet};
use insula_kernel::{
    Env, Error, ErrorKind, Instant, InvitationId, OrgId, Page, PageRequest, Result, Secret, Span, TeamId,
    UserId,
};
use insula_storage::{
    PlatformTx, TenantTx, Value, args,
    journal::{Actor, AuditEntry, Message},
    row,
};
use insula_tenancy::team;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use subtle::ConstantTimeEq as _;

/// How long a link is good.
pub const GOOD_FOR: Span = Span::from_days(7);
/// The most teams that one invitation names.
const MOST_TEAMS: usize = 20;

/// Where an invitation stands that nobody has accepted or taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvitationStatus {
    /// Its link is good.
    Pending,
    /// Its link is too old; it can be sent again.
    Expired,
}

/// An invitation that is open.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Who is invited.
    pub email: String,
    /// As what.
    pub role: String,
    /// The teams they join with it.
    pub teams: Vec<TeamId>,
    /// Where it stands.
    pub status: InvitationStatus,
    /// Who invited them, if it was a person.
    pub invited_by: Option<UserId>,
    /// Since when.
    pub created_at: Instant,
    /// When the link that is good was made.
    pub sent_at: Instant,
    /// Until when that link is good.
    pub expires_at: Instant,
}

row! {
    struct InvitationRow {
        id: InvitationId,
        email: String,
        role: String,
        teams: String,
        invited_by: Option<UserId>,
        created_at: Instant,
        sent_at: Instant,
        expires_at: Instant,
    }
}

row! {
    struct OfferedRow {
        org: OrgId,
        email: String,
        role: String,
        teams: String,
        token_hash: Vec<u8>,
        invited_by: Option<UserId>,
        expires_at: Instant,
        accepted_at: Option<Instant>,
        canceled_at: Option<Instant>,
    }
}

impl InvitationRow {
    fn shown(self, now: Instant) -> Result<Invitation> {
        let status =
            if self.expires_at > now { InvitationStatus::Pending } else { InvitationStatus::Expired };
        Ok(Invitation {
            id: self.id,
            email: self.email,
            role: self.role,
            teams: teams(&self.teams)?,
            status,
            invited_by: self.invited_by,
            created_at: self.created_at,
            sent_at: self.sent_at,
            expires_at: self.expires_at,
        })
    }
}

/// Who is to be invited, and as what.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// Their address.
    pub email: Email,
    /// The role they get.
    pub role: String,
    /// The teams they join.
    pub teams: Vec<TeamId>,
}

/// An invitation with its link: the only time that the link is there.
pub struct Sent {
    /// The invitation.
    pub invitation: Invitation,
    /// What to hand to whom it is for.
    pub link: Secret<String>,
}

/// What inviting needs besides a transaction.
pub struct Inviter<'a> {
    /// Time and randomness.
    pub env: &'a Env,
    /// Makes the links.
    pub links: &'a InvitationLinks,
    /// The blueprint in force.
    pub blueprint: &'a Compiled,
    /// How many members the organization's plan allows; `None` is unlimited.
    pub bound: Option<i64>,
}

impl Inviter<'_> {
    /// Refuses roles that don't exist, or that may do more than who gives them.
    fn ensure_role(&self, giver: PermissionSet, role: &str) -> Result<()> {
        let wanted = self.blueprint.role(role).ok_or_else(|| member::no_such_role(role))?;
        ensure_grantable(giver, wanted, self.blueprint.permissions())
    }

    async fn ensure_room(&self, tx: &mut TenantTx) -> Result<()> {
        let Some(bound) = self.bound else { return Ok(()) };
        if member::count(tx, self.env.now()).await? < bound {
            return Ok(());
        }
        Err(no_room(bound))
    }
}

fn no_room(bound: i64) -> Error {
    let detail = format!(
        "The plan allows {bound} members, and that many have joined or are invited; remove one, take back an \
         invitation, or upgrade."
    );
    Error::new(ErrorKind::PaymentRequired, "plan.limit_reached", detail)
}

/// Invites someone. Whether their address has an account makes no difference.
pub async fn create(
    tx: &mut TenantTx,
    inviter: &Inviter<'_>,
    actor: &Actor,
    proof: &Authorized<InviteMember>,
    new: &NewInvitation,
) -> Result<Sent> {
    inviter.ensure_role(proof.permissions(), &new.role)?;
    if new.teams.len() > MOST_TEAMS {
        let detail = format!("An invitation names at most {MOST_TEAMS} teams.");
        return Err(Error::invalid_field("/teams", "length", detail));
    }
    tx.lock().await?;
    for (place, id) in new.teams.iter().enumerate() {
        team::find(tx, *id).await.map_err(|_| {
            let detail = "There is no such team in the organization.";
            Error::invalid_field(format!("/teams/{place}"), "unknown", detail)
        })?;
    }
    let now = inviter.env.now();
    let (members,): (i64,) = tx.fetch_one(&MEMBERS_WITH_ADDRESS, args![new.email.folded()]).await?;
    if members > 0 {
        return Err(member_already());
    }
    let open: Option<InvitationRow> =
        tx.fetch_optional(&FIND_INVITATION_TO, args![new.email.folded()]).await?;
    match open {
        Some(open) if open.expires_at > now => {
            let detail =
                "This address is invited already; send that invitation again, or take it back first.";
            return Err(Error::conflict_at("/email", "invitation.open", detail));
        }
        Some(expired) => {
            tx.execute(&CANCEL_INVITATION, args![expired.id, now]).await?;
        }
        None => {}
    }
    inviter.ensure_room(tx).await?;
    let (id, values, link) = values(inviter.env, inviter.links, new, invited_by(proof.principal()));
    tx.execute(&INSERT_INVITATION, values).await?;
    let invitation = find(tx, inviter.env, id).await?;
    record(tx, inviter.env, actor, "invitation.created", &invitation).await?;
    Ok(Sent { invitation, link })
}

/// Makes another link for an invitation; the one before isn't good any more.
pub async fn resend(
    tx: &mut TenantTx,
    inviter: &Inviter<'_>,
    actor: &Actor,
    proof: &Authorized<InviteMember>,
    id: InvitationId,
) -> Result<Sent> {
    tx.lock().await?;
    let before = find(tx, inviter.env, id).await?;
    // Whoever gets the link can hand it on: so nobody gets one that they couldn't have made.
    inviter.ensure_role(proof.permissions(), &before.role)?;
    if before.status == InvitationStatus::Expired {
        inviter.ensure_room(tx).await?;
    }
    let (hash, link) = inviter.links.fresh(inviter.env, id);
    let now = inviter.env.now();
    tx.execute(&RENEW_INVITATION, args![id, &hash[..], now, now + GOOD_FOR]).await?;
    let invitation = find(tx, inviter.env, id).await?;
    record(tx, inviter.env, actor, "invitation.resent", &invitation).await?;
    Ok(Sent { invitation, link })
}

/// Takes back an invitation. What isn't open any more looks as if it had never been.
pub async fn cancel(
    tx: &mut TenantTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    proof: &Authorized<CancelInvitation>,
    id: InvitationId,
) -> Result<()> {
    tx.lock().await?;
    let before = find(tx, env, id).await?;
    member::ensure_not_above(proof.permissions(), &before.role, blueprint)?;
    tx.execute(&CANCEL_INVITATION, args![id, env.now()]).await?;
    record(tx, env, actor, "invitation.canceled", &before).await
}

/// A page of the organization's open invitations.
pub async fn list(
    tx: &mut TenantTx,
    env: &Env,
    _proof: &Authorized<ListInvitations>,
    page: PageRequest,
) -> Result<Page<Invitation>> {
    let after = page.after.map_or(InvitationId::MIN, |cursor| InvitationId::from_uuid(cursor.id()));
    let rows: Vec<InvitationRow> = tx.fetch_all(&LIST_INVITATIONS, args![after, page.limit + 1]).await?;
    let Page { items, next_cursor } = Page::cut(rows, page, |row| row.id.uuid());
    let now = env.now();
    Ok(Page { items: items.into_iter().map(|row| row.shown(now)).collect::<Result<_>>()?, next_cursor })
}

async fn find(tx: &mut TenantTx, env: &Env, id: InvitationId) -> Result<Invitation> {
    let row: Option<InvitationRow> = tx.fetch_optional(&FIND_INVITATION, args![id]).await?;
    row.ok_or_else(|| Error::not_found("invitation"))?.shown(env.now())
}

/// Invites an owner on behalf of the operator, in the place of an invitation that they may have. `by` is who of the
/// operator's staff.
pub async fn create_for(
    tx: &mut PlatformTx,
    Inviter { env, links, bound, .. }: &Inviter<'_>,
    actor: &Actor,
    org: OrgId,
    email: &Email,
    by: Principal,
) -> Result<Sent> {
    let new = &NewInvitation { email: email.clone(), role: OWNER.to_owned(), teams: Vec::new() };
    let (members,): (i64,) = tx.fetch_one(&IS_MEMBER_OF, args![org, new.email.folded()]).await?;
    if members > 0 {
        return Err(member_already());
    }
    let now = env.now();
    tx.execute(&CANCEL_INVITATION_TO, args![org, new.email.folded(), now]).await?;
    if let Some(bound) = bound {
        let (members, invited, _): (i64, i64, i64) = tx.fetch_one(&PEOPLE_OF, args![org, now]).await?;
        if members + invited >= *bound {
            return Err(no_room(*bound));
        }
    }
    let by = invited_by(by);
    let (id, mut values, link) = values(env, links, new, by);
    values.insert(0, org.into());
    tx.execute(&INVITE_FOR, values).await?;
    let invitation = Invitation {
        id,
        email: new.email.as_str().to_owned(),
        role: new.role.clone(),
        teams: new.teams.clone(),
        status: InvitationStatus::Pending,
        invited_by: by,
        created_at: now,
        sent_at: now,
        expires_at: now + GOOD_FOR,
    };
    let (entry, message) = facts("invitation.created", &invitation);
    tx.audit(env, org, actor, entry).await?;
    tx.publish(env, org, &message).await?;
    Ok(Sent { invitation, link })
}

/// An invitation whose token was shown.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Where to.
    pub org: OrgId,
    /// Who is invited.
    pub email: Email,
    /// As what.
    pub role: String,
    /// Who invited them.
    pub invited_by: Option<UserId>,
    /// Until when it can be accepted.
    pub expires_at: Instant,
    teams: Vec<TeamId>,
}

/// The invitation of a token, if it can be accepted.
///
/// # Errors
/// `invitation.invalid` for a token that isn't good or was replaced; to who holds the latest one, that it was accepted,
/// taken back, or has expired.
pub async fn offered(tx: &mut PlatformTx, now: Instant, token: &InvitationToken) -> Result<Offered> {
    let row: Option<OfferedRow> = tx.fetch_optional(&OFFERED_INVITATION, args![token.id]).await?;
    let row = row.filter(|row| row.token_hash[..].ct_eq(&token.hash[..]).into()).ok_or_else(invalid)?;
    let conflict = |code, detail| Err(Error::new(ErrorKind::Conflict, code, detail));
    if row.accepted_at.is_some() {
        return conflict("invitation.accepted", "This invitation was accepted already; sign in.");
    }
    if row.canceled_at.is_some() {
        return conflict("invitation.canceled", "This invitation was taken back.");
    }
    if row.expires_at <= now {
        return conflict("invitation.expired", "This invitation has expired; ask for it to be sent again.");
    }
    let email = Email::check(&row.email, "/token").map_err(|_| Error::internal("an invited address"))?;
    let OfferedRow { org, role, teams: names, invited_by, expires_at, .. } = row;
    Ok(Offered { org, email, role, invited_by, expires_at, teams: teams(&names)? })
}

/// The error for a token that isn't good.
#[must_use]
pub fn invalid() -> Error {
    let detail = "This link isn't good: it is incomplete, or a newer one took its place.";
    Error::new(ErrorKind::NotFound, "invitation.invalid", detail)
}

/// Makes a user a member of what they were invited to, and of its teams as far as there still are such.
pub async fn accept(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    token: &InvitationToken,
    offered: &Offered,
    user: UserId,
) -> Result<()> {
    let Offered { org, role, invited_by, teams, .. } = offered;
    if tx.execute(&ACCEPT_INVITATION, args![token.id, &token.hash[..], user, env.now()]).await? == 0 {
        return Err(invalid());
    }
    member::create(tx, env, *org, user, role, *invited_by).await?;
    for id in teams {
        team::join(tx, env, *org, *id, user).await?;
    }
    let detail = json!({
        "user": user, "role": role, "invitation": token.id, "invited_by": invited_by, "teams": teams,
    });
    let entry = AuditEntry { action: "member.joined", target: user.to_string(), detail: detail.clone() };
    tx.audit(env, *org, actor, entry).await?;
    tx.publish(env, *org, &Message { kind: "member.joined", payload: detail }).await?;
    Ok(())
}

fn member_already() -> Error {
    Error::conflict_at("/email", "member.exists", "Who has this address is a member already.")
}

fn invited_by(principal: Principal) -> Option<UserId> {
    match principal {
        Principal::User { user, .. } | Principal::Operator { user, .. } => Some(user),
        Principal::Key { .. } | Principal::Service { .. } => None,
    }
}

/// The values of a new row without its tenant, and the link to it.
fn values(
    env: &Env,
    links: &InvitationLinks,
    new: &NewInvitation,
    by: Option<UserId>,
) -> (InvitationId, Vec<Value>, Secret<String>) {
    let (id, now) = (InvitationId::generate(env), env.now());
    let (hash, link) = links.fresh(env, id);
    let values = args![
        id,
        new.email.as_str(),
        new.email.folded(),
        new.role.as_str(),
        json!(new.teams).to_string(),
        &hash[..],
        by,
        now,
        now + GOOD_FOR,
    ];
    (id, values, link)
}

fn teams(stored: &str) -> Result<Vec<TeamId>> {
    serde_json::from_str(stored)
        .map_err(|error| Error::internal(format!("the teams of an invitation can't be read: {error}")))
}

fn facts(action: &'static str, invitation: &Invitation) -> (AuditEntry, Message) {
    let detail = json!({
        "email": invitation.email,
        "role": invitation.role,
        "teams": invitation.teams,
        "expires_at": invitation.expires_at,
    });
    let payload = json!({ "id": invitation.id, "facts": detail });
    (AuditEntry { action, target: invitation.id.to_string(), detail }, Message { kind: action, payload })
}

async fn record(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    action: &'static str,
    invitation: &Invitation,
) -> Result<()> {
    let (entry, message) = facts(action, invitation);
    tx.audit(env, actor, entry).await?;
    tx.publish(env, &message).await?;
    Ok(())
}
