//! Endpoints: who is invited to an organization.

use super::State;
use crate::{
    invitation::{self, Invitation, Inviter, NewInvitation, Sent},
    user::Email,
};
use axum::{
    extract::{Path, State as Extract},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use insula_access::{CancelInvitation, InviteMember, ListInvitations};
use insula_blueprint::{Compiled, LimitIndex};
use insula_kernel::{Error, InvitationId, OrgId, Page, Result, Scope as _, TeamId};
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, Idempotent, In, Json, Listing, Method, Query, Reply, RequestInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const TAG: &str = "Members";

pub(super) fn api() -> Api<State> {
    let list = Endpoint::new(
        Method::Get,
        "/v1/orgs/{org}/invitations",
        "listInvitations",
        TAG,
        "Who is invited and hasn't accepted yet",
    )
    .allows::<ListInvitations>()
    .query::<Listing>()
    .replies::<Page<Invitation>>(200);
    let create = Endpoint::new(
        Method::Post,
        "/v1/orgs/{org}/invitations",
        "createInvitation",
        TAG,
        "Invite someone; the link to hand to them is shown this once",
    )
    .allows::<InviteMember>()
    .body::<InvitationRequest>()
    .replies::<SentInvitation>(201)
    .idempotent();
    let resend = Endpoint::new(
        Method::Post,
        "/v1/orgs/{org}/invitations/{invitation}/resend",
        "resendInvitation",
        TAG,
        "Make another link for an invitation, in the place of the one before",
    )
    .allows::<InviteMember>()
    .replies::<SentInvitation>(200);
    let cancel = Endpoint::new(
        Method::Delete,
        "/v1/orgs/{org}/invitations/{invitation}",
        "cancelInvitation",
        TAG,
        "Take back an invitation",
    )
    .allows::<CancelInvitation>();
    Api::default()
        .with(list, list_invitations)
        .with(create, create_invitation)
        .with(resend, resend_invitation)
        .with(cancel, cancel_invitation)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InvitationRequest {
    /// Their address.
    email: String,
    /// The role they get, of those of `GET …/roles` that you may give.
    role: String,
    /// The teams they join, by their ids.
    #[serde(default)]
    teams: Vec<TeamId>,
}

/// An invitation with its link.
#[derive(Serialize, JsonSchema)]
pub(super) struct SentInvitation {
    /// The invitation.
    invitation: Invitation,
    /// What to hand to whom it is for. It is shown this once; it is good once, for seven days.
    link: String,
}

impl From<Sent> for SentInvitation {
    fn from(sent: Sent) -> Self {
        Self { invitation: sent.invitation, link: sent.link.expose().clone() }
    }
}

async fn list_invitations(
    Extract(state): Extract<State>,
    In(proof): In<ListInvitations>,
    Query(listing): Query<Listing>,
) -> Result<Json<Page<Invitation>>, Failure> {
    let page = listing.page()?;
    let mut tx = state.storage.read(Store::Directory, &proof).await?;
    Ok(Json(invitation::list(&mut tx, &state.env, &proof, page).await?))
}

async fn create_invitation(
    Extract(state): Extract<State>,
    In(proof): In<InviteMember>,
    info: RequestInfo,
    request: Idempotent<InvitationRequest>,
) -> Result<Response, Failure> {
    let InvitationRequest { email, role, teams } = &request.body;
    let email = Email::check(email, "/email").map_err(|field| Error::invalid(vec![field]))?;
    let new = NewInvitation { email, role: role.clone(), teams: teams.clone() };
    let _turn = state.organizations.turn(proof.organization()).await;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    if let Some(reply) = request.replay(&mut tx, state.env.now()).await? {
        return Ok(reply.into_response());
    }
    let blueprint = state.blueprint.load_full();
    let inviter = inviter(&state, &blueprint, proof.organization());
    let actor = info.actor(proof.principal());
    let sent = invitation::create(&mut tx, &inviter, &actor, &proof, &new).await?;
    let reply = Reply::new(StatusCode::CREATED, &SentInvitation::from(sent))?;
    request.keep(&mut tx, &state.env, &reply).await?;
    tx.commit().await?;
    Ok(reply.into_response())
}

async fn resend_invitation(
    Extract(state): Extract<State>,
    In(proof): In<InviteMember>,
    Path((_, id)): Path<(String, String)>,
    info: RequestInfo,
) -> Result<Json<SentInvitation>, Failure> {
    let id = invitation_id(&id)?;
    let _turn = state.organizations.turn(proof.organization()).await;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    let blueprint = state.blueprint.load_full();
    let inviter = inviter(&state, &blueprint, proof.organization());
    let actor = info.actor(proof.principal());
    let sent = invitation::resend(&mut tx, &inviter, &actor, &proof, id).await?;
    tx.commit().await?;
    Ok(Json(sent.into()))
}

async fn cancel_invitation(
    Extract(state): Extract<State>,
    In(proof): In<CancelInvitation>,
    Path((_, id)): Path<(String, String)>,
    info: RequestInfo,
) -> Result<StatusCode, Failure> {
    let id = invitation_id(&id)?;
    let _turn = state.organizations.turn(proof.organization()).await;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    let blueprint = state.blueprint.load_full();
    let actor = info.actor(proof.principal());
    invitation::cancel(&mut tx, &state.env, &blueprint, &actor, &proof, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn inviter<'a>(state: &'a State, blueprint: &'a Compiled, org: OrgId) -> Inviter<'a> {
    let bound = (state.bound)(org, LimitIndex::MEMBERS);
    Inviter { env: &state.env, links: &state.invitations, blueprint, bound }
}

fn invitation_id(text: &str) -> Result<InvitationId> {
    text.parse().map_err(|_| Error::not_found("invitation"))
}
