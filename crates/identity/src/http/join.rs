//! Endpoints: what an invitation is for, and accepting it.
//!
//! Whoever shows a token is not believed to be who it is for: a new account is made for the invited address alone, and who
//! has one proves it, by its password or by being signed in.

use super::{
    State,
    sign_in::{Client, LoginReply, deliver, memberships, mint, with_cookie},
};
use crate::{
    Password,
    invitation::{self, InvitationToken, Offered},
    session::{self, ACCESS_TOKEN_TTL, Opened},
    user::{self, NewUser, User},
};
use axum::{
    extract::State as Extract,
    response::{IntoResponse as _, Response},
};
use insula_access::Principal;
use insula_kernel::{Error, ErrorKind, Instant, Result, Secret};
use insula_storage::{PlatformTx, Store, Worker};
use insula_tenancy::{Organization, Status, check_name};
use insula_web::{Api, Endpoint, Failure, Json, Method, RequestInfo, SignedIn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const TAG: &str = "Sign-in";

pub(super) fn api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/invitations/look",
                "lookAtInvitation",
                TAG,
                "What an invitation is for, and whether it takes a new account",
            )
            .body::<LookRequest>()
            .replies::<InvitationOffer>(200),
            look_at_invitation,
        )
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/invitations/accept",
                "acceptInvitation",
                TAG,
                "Accept an invitation, with a new account or one there is, and sign in",
            )
            .body::<AcceptRequest>()
            .replies::<LoginReply>(200),
            accept_invitation,
        )
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LookRequest {
    /// The part of the link after `#token=`.
    token: Secret<String>,
}

/// What someone is invited to.
#[derive(Serialize, JsonSchema)]
struct InvitationOffer {
    /// The organization.
    organization: InvitingOrganization,
    /// Who is invited.
    email: String,
    /// As what.
    role: String,
    /// Who invited them, by what others see of them.
    invited_by: Option<String>,
    /// Whether accepting it takes a new account: a password and a name are chosen then. Otherwise who is invited signs in,
    /// or gives the password they have.
    creates_account: bool,
    /// Until when it can be accepted.
    expires_at: Instant,
}

/// What someone who is invited sees of the organization.
#[derive(Serialize, JsonSchema)]
struct InvitingOrganization {
    /// What people call it.
    name: String,
    /// What addresses call it.
    slug: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AcceptRequest {
    /// The part of the link after `#token=`.
    token: Secret<String>,
    /// Of a new account, the password it is to have: 10 to 256 characters. Of one there is, its password, unless its user is
    /// signed in.
    password: Option<Secret<String>>,
    /// Of a new account, what others see: 1 to 100 characters.
    display_name: Option<String>,
    #[serde(default)]
    client: Client,
}

async fn look_at_invitation(
    Extract(state): Extract<State>,
    Json(request): Json<LookRequest>,
) -> Result<Json<InvitationOffer>, Failure> {
    let token = state.invitations.read(&request.token).ok_or_else(invitation::invalid)?;
    let mut tx = state.storage.platform_read(Store::Directory, &Worker::SignIn).await?;
    let (offered, organization) = open(&state, &mut tx, &token).await?;
    let invited_by = match offered.invited_by {
        Some(user) => Some(user::get(&mut tx, user).await?.display_name),
        None => None,
    };
    Ok(Json(InvitationOffer {
        organization: InvitingOrganization { name: organization.name, slug: organization.slug },
        creates_account: !user::exists(&mut tx, &offered.email).await?,
        email: offered.email.as_str().to_owned(),
        role: offered.role,
        invited_by,
        expires_at: offered.expires_at,
    }))
}

/// The invitation of a token and its organization, if it can be accepted.
async fn open(
    state: &State,
    tx: &mut PlatformTx,
    token: &InvitationToken,
) -> Result<(Offered, Organization)> {
    let offered = invitation::offered(tx, state.env.now(), token).await?;
    let organization = insula_tenancy::find(tx, offered.org)
        .await?
        .ok_or_else(|| Error::internal("an invitation to nothing"))?;
    match organization.status {
        Status::Active | Status::Pending => Ok((offered, organization)),
        Status::Suspended => {
            let detail = "The organization is out of service; nobody can join it until it is back.";
            Err(Error::new(ErrorKind::Forbidden, "organization.suspended", detail))
        }
        Status::Deactivated | Status::Erased => {
            let detail = "The organization was closed; nobody can join it.";
            Err(Error::new(ErrorKind::Forbidden, "organization.deactivated", detail))
        }
    }
}

/// Who accepts.
enum Guest {
    /// Someone without an account.
    New(NewUser),
    /// Someone who has proved theirs by its password.
    Known(User),
    /// Someone who is signed in.
    SignedIn(SignedIn, User),
}

async fn accept_invitation(
    Extract(state): Extract<State>,
    info: RequestInfo,
    caller: Option<SignedIn>,
    Json(request): Json<AcceptRequest>,
) -> Result<Response, Failure> {
    let token = state.invitations.read(&request.token).ok_or_else(invitation::invalid)?;
    let mut tx = state.storage.platform_read(Store::Directory, &Worker::SignIn).await?;
    let (offered, _) = open(&state, &mut tx, &token).await?;
    let is_known = user::exists(&mut tx, &offered.email).await?;
    let signed_in = match caller {
        Some(caller) => Some((caller, user::get(&mut tx, caller.user).await?)),
        None => None,
    };
    // Hashing takes long: no transaction waits for it.
    drop(tx);
    let client = request.client;
    let guest = guest(&state, &offered, is_known, signed_in, request).await?;

    let _turn = state.organizations.turn(offered.org).await;
    let mut tx = state.storage.platform_write(Store::Directory, &Worker::SignIn).await?;
    // Once more: it may have been taken back in between.
    let (offered, _) = open(&state, &mut tx, &token).await?;
    let (user, opened) = enter(&state, &mut tx, &info, guest).await?;
    let actor = info.actor(Principal::User { user: user.id, session: opened.session });
    invitation::accept(&mut tx, &state.env, &actor, &token, &offered, user.id).await?;
    let organizations = memberships(&mut tx, user.id).await?;
    tx.commit().await?;
    state.live.put_member(offered.org, user.id, &offered.role);
    state.organizations.change(offered.org, |_| {});

    let chosen = organizations.iter().find(|membership| membership.organization.id == offered.org).cloned();
    let has_new_session = opened.refresh_token.is_some();
    let (cookie, refresh_token) = deliver(&state, client, &opened);
    let reply = LoginReply {
        access_token: mint(&state, user.id, opened.session, chosen.as_ref()),
        expires_in: ACCESS_TOKEN_TTL.ceil_secs(),
        user,
        organization: chosen.map(|membership| membership.organization),
        organizations,
        refresh_token,
    };
    Ok(with_cookie(Json(reply).into_response(), cookie.filter(|_| has_new_session)))
}

/// Who accepts, once they have proved to be who is invited.
async fn guest(
    state: &State,
    offered: &Offered,
    is_known: bool,
    signed_in: Option<(SignedIn, User)>,
    request: AcceptRequest,
) -> Result<Guest> {
    let email = &offered.email;
    if let Some((caller, user)) = signed_in {
        if user.email.to_lowercase() != email.folded() {
            let detail =
                "The invitation is for another address than the one you are signed in with; sign out first.";
            return Err(Error::new(ErrorKind::Forbidden, "invitation.other_address", detail));
        }
        return Ok(Guest::SignedIn(caller, user));
    }
    let Some(password) = request.password else {
        let detail = if is_known {
            "The invited address has an account: sign in, or give its password."
        } else {
            "Choose a password for your account."
        };
        return Err(Error::invalid_field("/password", "required", detail));
    };
    if is_known {
        return Ok(Guest::Known(
            user::authenticate(&state.storage, &state.env, &state.hasher, email, password).await?,
        ));
    }
    let name = request.display_name.as_deref().ok_or_else(|| {
        Error::invalid_field("/display_name", "required", "Say what others are to see of you.")
    });
    let display_name = check_name(name?, "/display_name")?;
    let password = Password::check(password, "/password", email.as_str())
        .map_err(|field| Error::invalid(vec![field]))?;
    let password_hash = state.hasher.hash(password).await?;
    Ok(Guest::New(NewUser { email: email.clone(), display_name, password_hash, is_operator: false }))
}

/// The user and session of who accepts, made where there is none.
async fn enter(
    state: &State,
    tx: &mut PlatformTx,
    info: &RequestInfo,
    guest: Guest,
) -> Result<(User, Opened)> {
    let user = match guest {
        Guest::SignedIn(caller, user) => {
            let opened = Opened { session: caller.session, user: user.id, refresh_token: None };
            return Ok((user, opened));
        }
        Guest::Known(user) => user,
        Guest::New(new) => user::create(tx, &state.env, &new).await.map_err(|error| {
            if error.kind() != ErrorKind::Conflict {
                return error;
            }
            let detail = "The invited address has an account by now; give its password.";
            Error::conflict_at("/password", "identity.email_taken", detail)
        })?,
    };
    let opened = session::begin(tx, &state.env, &state.refresh_tokens, user.id, info).await?;
    Ok((user, opened))
}
