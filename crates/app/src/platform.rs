//! Everything that a running installation consists of, wired once.

use crate::sign_up::SlugQueue;
use arc_swap::ArcSwap;
use insula_blueprint::Compiled;
use insula_gateway::Gate;
use insula_identity::{InvitationLinks, PasswordHasher, TokenSigner, TokenVerifier, session::RefreshTokens};
use insula_kernel::{Env, Keyring};
use insula_metering::SettlerHandle;
use insula_storage::Storage;
use std::sync::Arc;

/// Everything that a running installation consists of. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Platform {
    pub(crate) env: Env,
    pub(crate) storage: Storage,
    pub(crate) keyring: Keyring,
    pub(crate) blueprint: Arc<ArcSwap<Compiled>>,
    pub(crate) organizations: Arc<insula_tenancy::Live>,
    pub(crate) identity: Arc<insula_identity::Live>,
    pub(crate) hasher: PasswordHasher,
    pub(crate) refresh_tokens: RefreshTokens,
    pub(crate) invitations: InvitationLinks,
    pub(crate) signer: TokenSigner,
    pub(crate) verifier: TokenVerifier,
    pub(crate) gate: Arc<Gate>,
    pub(crate) settler: SettlerHandle,
    /// Compares invoices with their events.
    pub(crate) books: Arc<insula_billing::books::Books>,
    /// Who is about to give an organization a slug, or to take one away.
    pub(crate) slugs: SlugQueue,
    pub(crate) secure_cookies: bool,
    /// Whether one bare address serves everything, as in development.
    pub(crate) is_development: bool,
    /// Held while a blueprint is put in force: one after the other.
    pub(crate) applying: Arc<tokio::sync::Mutex<()>>,
}
