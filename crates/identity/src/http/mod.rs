//! Endpoints: signing in, the caller's own account, members and invitations, API keys and credentials of upstreams.

mod account;
mod cookie;
mod invitations;
mod join;
mod keys;
mod members;
mod services;
mod sign_in;

use crate::{InvitationLinks, Live, PasswordHasher, TokenSigner, TokenVerifier, session::RefreshTokens};
use arc_swap::ArcSwap;
use insula_blueprint::{Compiled, LimitIndex};
use insula_kernel::{Env, Instant, KeyId, Keyring, OrgId, Result};
use insula_storage::{Storage, TenantTx};
use insula_web::Api;
use std::{collections::HashMap, ops::RangeInclusive, pin::Pin, sync::Arc};

pub use cookie::refresh_cookie;
pub use sign_in::{Client, Membership, mint};

/// An answer that has to be looked up.
pub type LookedUp<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// When each key of an organization with an id in this range, ends included, was last used, asked of its part of the
/// ledger.
pub type LastUse =
    Arc<dyn Fn(TenantTx, RangeInclusive<KeyId>) -> LookedUp<HashMap<KeyId, Instant>> + Send + Sync>;

/// How far a limit of stock goes for an organization; `None` is unlimited.
pub type StockBound = Arc<dyn Fn(OrgId, LimitIndex) -> Option<i64> + Send + Sync>;

/// What the endpoints work with.
#[derive(Clone)]
pub struct State {
    /// The stores.
    pub storage: Storage,
    /// Time and randomness.
    pub env: Env,
    /// What requests know of keys, members and sessions.
    pub live: Arc<Live>,
    /// What requests know of organizations.
    pub organizations: Arc<insula_tenancy::Live>,
    /// The blueprint in force.
    pub blueprint: Arc<ArcSwap<Compiled>>,
    /// Hashes passwords.
    pub hasher: PasswordHasher,
    /// Signs tokens.
    pub signer: TokenSigner,
    /// Knows the public keys.
    pub verifier: TokenVerifier,
    /// Makes and knows refresh tokens.
    pub refresh_tokens: RefreshTokens,
    /// The pepper of API keys and of what upstreams hold.
    pub pepper: Keyring,
    /// Whether people reach us by HTTPS alone, so that cookies may say so.
    pub secure_cookies: bool,
    /// When keys were last used.
    pub last_use: LastUse,
    /// How many keys and members an organization may have.
    pub bound: StockBound,
    /// Makes and knows the links of invitations.
    pub invitations: InvitationLinks,
}

/// The endpoints.
#[must_use]
pub fn api() -> Api<State> {
    sign_in::api()
        .merge(join::api())
        .merge(account::api())
        .merge(members::api())
        .merge(invitations::api())
        .merge(keys::api())
        .merge(services::api())
}
