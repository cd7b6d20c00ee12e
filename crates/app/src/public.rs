//! Endpoints for everyone: what the product is, sign-up, health.

use crate::{
    platform::Platform,
    sign_up::{Application, SignedUp, Wish},
};
use axum::{
    extract::State as Extract,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use insula_identity::{
    http::{Client, Membership, mint, refresh_cookie},
    session::ACCESS_TOKEN_TTL,
    user::User,
};
use insula_kernel::{Error, ErrorKind, Result, Secret, Span};
use insula_storage::{Store, Worker};
use insula_tenancy::{Organization, Slug, SlugError};
use insula_web::{Api, Endpoint, Failure, Idempotent, Json, Method, Query, Reply, RequestInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far the ledger may lie behind before the installation counts as not ready.
const TOLERABLE_LAG: Span = Span::from_mins(5);

/// What the endpoints work with.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) platform: Platform,
    pub(crate) identity: insula_identity::http::State,
}

pub(crate) fn api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/product",
                "getProduct",
                "Product",
                "What this installation offers",
            )
            .replies::<Product>(200),
            get_product,
        )
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/signup/availability",
                "checkAvailability",
                "Sign-up",
                "Whether an address is free",
            )
            .query::<AvailabilityQuery>()
            .replies::<Availability>(200),
            check_availability,
        )
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/signup",
                "signUp",
                "Sign-up",
                "Make an organization and its first user",
            )
            .idempotent()
            .body::<SignUpRequest>()
            .replies::<SignUpReply>(201),
            sign_up,
        )
        .with(
            Endpoint::new(Method::Get, "/healthz", "getHealth", "Health", "Whether the process is alive")
                .replies::<Health>(200),
            get_health,
        )
        .with(
            Endpoint::new(Method::Get, "/readyz", "getReadiness", "Health", "Whether requests can be served")
                .replies::<Health>(200),
            get_readiness,
        )
}

/// What this installation offers.
#[derive(Serialize, JsonSchema)]
struct Product {
    name: String,
    /// The domain below which organizations have their addresses.
    base_domain: Option<String>,
    /// The limit that is shown as the quota that remains.
    headline_limit: Option<String>,
    /// What API keys begin with.
    key_prefix: String,
    /// A call to try: the first route.
    sample: Option<Sample>,
    /// Whether this installation has no host names of its own, as in development: an organization can then sign up with a
    /// test clock.
    is_development: bool,
}

/// A call to try.
#[derive(Serialize, JsonSchema)]
struct Sample {
    method: String,
    path: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AvailabilityQuery {
    /// The address that is wished for.
    slug: String,
}

#[derive(Serialize, JsonSchema)]
struct Availability {
    slug: String,
    available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// Addresses that are free.
    suggestions: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Reason {
    Taken,
    Reserved,
    Invalid,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SignUpRequest {
    organization: SignUpOrganization,
    owner: SignUpOwner,
    #[serde(default)]
    client: Client,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SignUpOrganization {
    /// What people call it: 1 to 100 characters.
    name: String,
    /// What addresses call it: 3 to 40 lower-case letters, digits and hyphens.
    slug: String,
    /// The plan; the product's default if not said.
    plan: Option<String>,
    /// Whether its time can be moved ahead, to see what billing does. Only where the platform has no host names of its
    /// own, which is in development.
    #[serde(default)]
    test_clock: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SignUpOwner {
    email: String,
    /// 10 to 256 characters.
    password: Secret<String>,
    /// What others see: 1 to 100 characters.
    display_name: String,
}

#[derive(Serialize, JsonSchema)]
struct SignUpReply {
    organization: Organization,
    user: User,
    access_token: String,
    /// Seconds until the access token expires.
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Health {
    status: &'static str,
}

async fn get_product(Extract(state): Extract<State>) -> Json<Product> {
    let blueprint = state.platform.blueprint.load();
    let product = blueprint.product();
    let sample = blueprint.routes().first().and_then(|route| route.pattern.split_once(' '));
    Json(Product {
        name: product.name.clone(),
        base_domain: product.base_domain.clone(),
        headline_limit: product
            .headline_limit
            .and_then(|limit| blueprint.limit(limit))
            .map(|limit| limit.name.clone()),
        key_prefix: product.key_prefix.clone(),
        sample: sample.map(|(method, path)| Sample { method: method.to_owned(), path: path.to_owned() }),
        is_development: state.platform.is_development,
    })
}

async fn check_availability(
    Extract(state): Extract<State>,
    Query(query): Query<AvailabilityQuery>,
) -> Json<Availability> {
    let organizations = &state.platform.organizations;
    let free = |slug: &Slug| organizations.by_slug(slug.as_str()).is_none();
    let suggest =
        |slug: &Slug| slug.alternatives().into_iter().filter(free).map(|slug| slug.to_string()).collect();
    let (available, reason, suggestions) = match query.slug.parse::<Slug>() {
        Ok(slug) if free(&slug) => (true, None, Vec::new()),
        Ok(slug) => (false, Some(Reason::Taken), suggest(&slug)),
        Err(why) => {
            let near = Slug::from_name(&query.slug);
            let offered = near.map(|slug| if free(&slug) { vec![slug.to_string()] } else { suggest(&slug) });
            let reason = if why == SlugError::Reserved { Reason::Reserved } else { Reason::Invalid };
            (false, Some(reason), offered.unwrap_or_default())
        }
    };
    Json(Availability { slug: query.slug, available, reason, suggestions })
}

async fn sign_up(
    Extract(state): Extract<State>,
    info: RequestInfo,
    request: Idempotent<SignUpRequest>,
) -> Result<Response, Failure> {
    let platform = &state.platform;
    let SignUpRequest { organization, owner, client } = &request.body;
    let wish = Wish {
        name: organization.name.clone(),
        slug: organization.slug.clone(),
        plan: organization.plan.clone(),
        test_clock: organization.test_clock,
        by_operator: false,
        pointer: "/organization",
    };
    let application = Application {
        organization: wish,
        email: owner.email.clone(),
        password: owner.password.clone(),
        display_name: owner.display_name.clone(),
    };
    if application.organization.test_clock && !platform.is_development {
        let detail = "Only the operator makes organizations with a test clock here.";
        return Err(Error::invalid_field("/organization/test_clock", "unavailable", detail).into());
    }
    let checked = application.check(&platform.blueprint.load())?;
    let _turn = platform.slugs.turn(checked.organization.slug()).await;
    let mut tx = platform.storage.platform_read(Store::Directory, &Worker::SignUp).await?;
    if let Some(reply) = request.replay_platform(&mut tx, platform.env.now()).await? {
        return Ok(reply.into_response());
    }
    checked.refuse_taken(platform, &mut tx).await?;
    drop(tx);

    let (prepared, owner) = checked.prepare(platform).await?;
    let revealed = async {
        let mut tx = platform.storage.platform_write(Store::Directory, &Worker::SignUp).await?;
        let made = prepared.reveal_to(platform, &mut tx, &info, &owner).await?;
        let reply = reply(&state, &made, *client)?;
        request.keep_platform(&mut tx, &platform.env, &reply).await?;
        tx.commit().await?;
        Ok::<_, Error>((made, reply))
    };
    match revealed.await {
        Ok((made, reply)) => {
            made.welcome(platform);
            Ok(reply.into_response())
        }
        Err(error) => {
            // Only a refusal says for certain that nothing was committed; whatever else went wrong, the sweep decides.
            if error.kind() == ErrorKind::Conflict {
                prepared.discard(platform).await;
            }
            Err(error.into())
        }
    }
}

fn reply(state: &State, made: &SignedUp, client: Client) -> Result<Reply> {
    let membership = Membership {
        organization: made.organization().clone(),
        role: made.organization().role.clone().unwrap_or_default(),
    };
    let token = made.session.refresh_token.as_ref();
    let native = client == Client::Native;
    let body = SignUpReply {
        organization: made.organization().clone(),
        user: made.user.clone(),
        access_token: mint(&state.identity, made.user.id, made.session.session, Some(&membership)),
        expires_in: ACCESS_TOKEN_TTL.ceil_secs(),
        refresh_token: token.filter(|_| native).map(|token| token.expose().clone()),
    };
    let cookie =
        token.filter(|_| !native).map(|token| refresh_cookie(Some(token), state.platform.secure_cookies));
    Ok(Reply::new(StatusCode::CREATED, &body)?.with_cookie(cookie))
}

async fn get_health() -> Json<Health> {
    Json(Health { status: "ok" })
}

async fn get_readiness(Extract(state): Extract<State>) -> Result<Json<Health>, Failure> {
    let platform = &state.platform;
    for store in [Store::Directory, Store::Ledger] {
        let mut tx = platform.storage.platform_read(store, &Worker::Start).await?;
        tx.ping().await?;
    }
    let lag = platform.env.now().saturating_since(platform.settler.figures().settled_until);
    if lag > TOLERABLE_LAG {
        let detail = "Usage waits to be written into the ledger; see the log.";
        let error =
            Error::new(ErrorKind::Unavailable, "metering.behind", detail).retry_after(Span::from_secs(5));
        return Err(error.into());
    }
    Ok(Json(Health { status: "ready" }))
}
