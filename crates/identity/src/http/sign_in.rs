//! Endpoints: sign in, go on, switch the organization, sign out.

use super::{State, cookie};
use crate::{
    Jwk, member,
    session::{self, ACCESS_TOKEN_TTL, Opened, Refreshed},
    user::{self, Email, User},
};
use axum::{
    extract::State as Extract,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use insula_kernel::{Error, OrgId, Page, Result, Secret, SessionId, UserId};
use insula_storage::{PlatformTx, Store, Worker};
use insula_tenancy::Organization;
use insula_web::{Api, Endpoint, Failure, Json, Method, RequestInfo, SignedIn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const TAG: &str = "Sign-in";

pub(super) fn api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(Method::Post, "/v1/login", "login", TAG, "Sign in with a password")
                .body::<LoginRequest>()
                .replies::<LoginReply>(200),
            login,
        )
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/token/refresh",
                "refreshToken",
                TAG,
                "Get the next access token",
            )
            .body::<RefreshRequest>()
            .replies::<TokenReply>(200),
            refresh_token,
        )
        .with(
            Endpoint::new(Method::Post, "/v1/logout", "logout", TAG, "Sign out: end the session")
                .body::<LogoutRequest>(),
            logout,
        )
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/me/switch",
                "switchOrganization",
                TAG,
                "Get an access token for another organization",
            )
            .signed_in()
            .body::<SwitchRequest>()
            .replies::<TokenReply>(200),
            switch_organization,
        )
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/me/organizations",
                "listMyOrganizations",
                TAG,
                "The organizations you belong to",
            )
            .signed_in()
            .replies::<Page<Membership>>(200),
            list_my_organizations,
        )
        .with(
            Endpoint::new(
                Method::Get,
                "/.well-known/jwks.json",
                "getJwks",
                TAG,
                "The public keys that tokens are signed with",
            )
            .replies::<Jwks>(200),
            get_jwks,
        )
}

/// Where a refresh token is kept: a browser gets a cookie that scripts can't read, others get the token itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Client {
    /// A page of ours in a browser.
    #[default]
    Browser,
    /// Anything that can keep a secret itself.
    Native,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    email: String,
    password: Secret<String>,
    /// The organization to enter, by id or slug; the first one if not said.
    organization: Option<String>,
    #[serde(default)]
    client: Client,
}

/// An organization, and the caller's role in it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Membership {
    /// The organization.
    pub organization: Organization,
    /// The caller's role there.
    pub role: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct LoginReply {
    pub(super) access_token: String,
    /// Seconds until the access token expires.
    pub(super) expires_in: i64,
    pub(super) user: User,
    /// The organization that the access token is for.
    pub(super) organization: Option<Organization>,
    pub(super) organizations: Vec<Membership>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RefreshRequest {
    /// The organization that the access token is to be for, by id or slug; the first one if not said.
    organization: Option<String>,
    #[serde(default)]
    client: Client,
    /// The refresh token of a native client; browsers send theirs as a cookie.
    refresh_token: Option<Secret<String>>,
}

#[derive(Serialize, JsonSchema)]
struct TokenReply {
    access_token: String,
    /// Seconds until the access token expires.
    expires_in: i64,
    /// The organization that the access token is for.
    organization: Option<Organization>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct LogoutRequest {
    /// The refresh token of a native client; browsers send theirs as a cookie.
    refresh_token: Option<Secret<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SwitchRequest {
    /// The organization to enter, by id or slug.
    organization: String,
}

#[derive(Serialize, JsonSchema)]
struct Jwks {
    keys: Vec<Jwk>,
}

async fn login(
    Extract(state): Extract<State>,
    info: RequestInfo,
    Json(request): Json<LoginRequest>,
) -> Result<Response, Failure> {
    let email = Email::check(&request.email, "/email").map_err(|field| Error::invalid(vec![field]))?;
    let user =
        user::authenticate(&state.storage, &state.env, &state.hasher, &email, request.password).await?;
    let mut tx = state.storage.platform_write(Store::Directory, &Worker::SignIn).await?;
    let organizations = memberships(&mut tx, user.id).await?;
    let chosen = choose(&organizations, request.organization.as_deref())?;
    let opened = session::begin(&mut tx, &state.env, &state.refresh_tokens, user.id, &info).await?;
    tx.commit().await?;
    let access_token = mint(&state, user.id, opened.session, chosen.as_ref());
    let (cookie, refresh_token) = deliver(&state, request.client, &opened);
    let reply = LoginReply {
        access_token,
        expires_in: ACCESS_TOKEN_TTL.ceil_secs(),
        user,
        organization: chosen.map(|membership| membership.organization),
        organizations,
        refresh_token,
    };
    Ok(with_cookie(Json(reply).into_response(), cookie))
}

async fn refresh_token(
    Extract(state): Extract<State>,
    headers: HeaderMap,
    Json(request): Json<RefreshRequest>,
) -> Result<Response, Failure> {
    let token = match (request.client, request.refresh_token) {
        (Client::Native, token) => token,
        (Client::Browser, None) => cookie::refresh_token(&headers)?,
        (Client::Browser, Some(_)) => {
            let detail =
                "A browser's refresh token comes as a cookie; `client: \"native\"` sends it in the body.";
            return Err(Error::invalid_field("/refresh_token", "not_native", detail).into());
        }
    };
    let Some(token) = token else { return Err(session::expired().into()) };
    let mut tx = state.storage.platform_write(Store::Directory, &Worker::SignIn).await?;
    let opened = match session::refresh(&mut tx, &state.env, &state.refresh_tokens, &token).await? {
        Refreshed::Opened(opened) => opened,
        Refreshed::Expired => return Err(session::expired().into()),
        Refreshed::Reused(session) => {
            tx.commit().await?;
            state.live.end_session(session);
            return Err(session::expired().into());
        }
    };
    let organizations = memberships(&mut tx, opened.user).await?;
    let chosen = choose(&organizations, request.organization.as_deref())?;
    tx.commit().await?;
    let (cookie, refresh_token) = deliver(&state, request.client, &opened);
    let reply = TokenReply {
        access_token: mint(&state, opened.user, opened.session, chosen.as_ref()),
        expires_in: ACCESS_TOKEN_TTL.ceil_secs(),
        organization: chosen.map(|membership| membership.organization),
        refresh_token,
    };
    Ok(with_cookie(Json(reply).into_response(), cookie.filter(|_| opened.refresh_token.is_some())))
}

async fn logout(
    Extract(state): Extract<State>,
    headers: HeaderMap,
    Json(request): Json<LogoutRequest>,
) -> Result<Response, Failure> {
    let token = match request.refresh_token {
        Some(token) => Some(token),
        None => cookie::refresh_token(&headers)?,
    };
    if let Some(token) = token {
        let mut tx = state.storage.platform_write(Store::Directory, &Worker::SignIn).await?;
        if let Some((session, user)) = session::of_token(&mut tx, &state.refresh_tokens, &token).await? {
            // Signing out twice is signing out.
            let _ = session::end(&mut tx, &state.env, session, user).await;
            tx.commit().await?;
            state.live.end_session(session);
        }
    }
    let cookie = cookie::refresh_cookie(None, state.secure_cookies);
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), Some(cookie)))
}

async fn switch_organization(
    Extract(state): Extract<State>,
    caller: SignedIn,
    Json(request): Json<SwitchRequest>,
) -> Result<Json<TokenReply>, Failure> {
    let mut tx = state.storage.platform_read(Store::Directory, &Worker::SignIn).await?;
    let organizations = memberships(&mut tx, caller.user).await?;
    let chosen = choose(&organizations, Some(&request.organization))?;
    Ok(Json(TokenReply {
        access_token: mint(&state, caller.user, caller.session, chosen.as_ref()),
        expires_in: ACCESS_TOKEN_TTL.ceil_secs(),
        organization: chosen.map(|membership| membership.organization),
        refresh_token: None,
    }))
}

async fn list_my_organizations(
    Extract(state): Extract<State>,
    caller: SignedIn,
) -> Result<Json<Page<Membership>>, Failure> {
    let mut tx = state.storage.platform_read(Store::Directory, &Worker::SignIn).await?;
    Ok(Json(Page { items: memberships(&mut tx, caller.user).await?, next_cursor: None }))
}

async fn get_jwks(Extract(state): Extract<State>) -> Json<Jwks> {
    Json(Jwks { keys: state.verifier.jwks() })
}

/// The organizations that a user belongs to and may enter.
pub(super) async fn memberships(tx: &mut PlatformTx, user: UserId) -> Result<Vec<Membership>> {
    let roles = member::memberships_of(tx, user).await?;
    let ids: Vec<OrgId> = roles.iter().map(|(org, _)| *org).collect();
    let organizations = insula_tenancy::describe(tx, &ids).await?;
    let role_in =
        |org: OrgId| roles.iter().find(|(member_of, _)| *member_of == org).map(|(_, role)| role.clone());
    let enterable = organizations.into_iter().filter(|organization| organization.status.enters());
    Ok(enterable
        .filter_map(|mut organization| {
            let role = role_in(organization.id)?;
            organization.role = Some(role.clone());
            Some(Membership { organization, role })
        })
        .collect())
}

/// The organization that is asked for, or the first. One that the user doesn't belong to doesn't exist for them.
pub(super) fn choose(organizations: &[Membership], wanted: Option<&str>) -> Result<Option<Membership>> {
    let Some(wanted) = wanted else { return Ok(organizations.first().cloned()) };
    let named =
        |organization: &Organization| organization.slug == wanted || organization.id.to_string() == wanted;
    let found = organizations.iter().find(|membership| named(&membership.organization));
    found.cloned().map(Some).ok_or_else(|| Error::not_found("organization"))
}

/// An access token for a session, in an organization or in none.
#[must_use]
pub fn mint(state: &State, user: UserId, session: SessionId, membership: Option<&Membership>) -> String {
    let blueprint = state.blueprint.load();
    let organization = membership.map(|membership| {
        let permissions = blueprint.role(&membership.role).unwrap_or_default();
        let names = blueprint.permissions().names_of(permissions).into_iter().map(str::to_owned).collect();
        (membership.organization.id, names)
    });
    session::access_token(&state.signer, state.env.now(), user, session, organization)
}

/// How a refresh token reaches its holder: as a cookie or in the body.
pub(super) fn deliver(state: &State, client: Client, opened: &Opened) -> (Option<String>, Option<String>) {
    match client {
        Client::Browser => {
            (Some(cookie::refresh_cookie(opened.refresh_token.as_ref(), state.secure_cookies)), None)
        }
        Client::Native => (None, opened.refresh_token.as_ref().map(|token| token.expose().clone())),
    }
}

pub(super) fn with_cookie(mut response: Response, cookie: Option<String>) -> Response {
    if let Some(value) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
