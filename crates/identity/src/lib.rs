//! Who may enter: users, sessions, access tokens, memberships and API keys.
//!
//! What must always hold: no secret is stored or logged, only keyed or slow hashes of it; a revoked key, an ended
//! session and a removed role are refused at the next request; whether an address has an account is not told to those
//! who don't hold its password.

mod key_token;
mod live;
mod network;
mod password;
mod token;

pub use key_token::{Environment, KeyToken, KeyTokenError};
pub use live::{Live, LiveKey, RateOverride, Scopes};
pub use network::Network;
pub use password::{Password, PasswordHasher};
pub use token::{AccessClaims, IdentityClaims, Jwk, SigningKey, TokenError, TokenSigner, TokenVerifier};
