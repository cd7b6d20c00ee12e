//! Who may enter: users, sessions, access tokens, memberships, API keys, and the upstreams themselves.
//!
//! What must always hold: no secret is stored or logged, only keyed or slow hashes of it; a revoked key, an ended
//! session and a removed role are refused at the next request; a wrong password is answered alike, and after the same
//! time, whether the address has an account or not. (That an address has one shows all the same when it is locked, or
//! when somebody signs up with it.)

pub mod api_key;
pub mod everywhere;
pub mod http;
pub mod invitation;
mod key_limits;
mod key_token;
mod live;
pub mod member;
mod network;
mod password;
pub mod service;
pub mod session;
mod signing;
mod store;
mod token;
pub mod user;

pub use invitation::InvitationLinks;
pub use key_limits::{KeyLimit, KeyLimits, KeyRate};
pub use key_token::{Environment, KeyToken, KeyTokenError, ServiceToken};
pub use live::{Live, LiveKey, LiveService, OwnLimits, RateOverride, Scopes};
pub use network::Network;
pub use password::{Password, PasswordHasher};
pub use signing::signing_keys;
pub use store::{PLATFORM_STATEMENTS, TENANT_STATEMENTS};
pub use token::{AccessClaims, IdentityClaims, Jwk, SigningKey, TokenError, TokenSigner, TokenVerifier};
