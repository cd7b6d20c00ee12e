//! Links of invitations, and the tokens in them.

use insula_kernel::{Env, InvitationId, Keyring, Secret, base32_decode, base32_encode};
use uuid::Uuid;

const ID: usize = 16;
/// 160 random bits can't be guessed.
const TOKEN: usize = ID + 20;

/// The token of a link, as who was invited holds it.
#[derive(Clone, Copy)]
pub struct InvitationToken {
    pub(super) id: InvitationId,
    pub(super) hash: [u8; 32],
}

/// Makes links, and knows their tokens: `it_`, the invitation's id and random bits.
#[derive(Clone)]
pub struct InvitationLinks {
    keys: Keyring,
    /// Where people reach the console.
    public_url: String,
}

impl InvitationLinks {
    /// With keys derived from these, to the console at this address.
    #[must_use]
    pub fn new(keys: &Keyring, public_url: &str) -> Self {
        Self { keys: keys.derive("invitations"), public_url: public_url.trim_end_matches('/').to_owned() }
    }

    /// A fresh link for an invitation, and what is stored of it.
    pub(super) fn fresh(&self, env: &Env, id: InvitationId) -> ([u8; 32], Secret<String>) {
        let mut token = [0u8; TOKEN];
        token[..ID].copy_from_slice(id.uuid().as_bytes());
        env.rng.fill(&mut token[ID..]);
        // Behind `#`, where browsers keep it to themselves: no server and no log sees it in an address.
        let link = format!("{}/console/invitation#token=it_{}", self.public_url, base32_encode(&token));
        (self.keys.mac(&token), Secret::new(link))
    }

    /// Reads a token; `None` if it can't be one of ours.
    #[must_use]
    pub fn read(&self, token: &Secret<String>) -> Option<InvitationToken> {
        let digits = token.expose().trim().strip_prefix("it_")?;
        let token = base32_decode::<TOKEN>(digits.as_bytes())?;
        let id = InvitationId::from_uuid(Uuid::from_slice(&token[..ID]).ok()?);
        Some(InvitationToken { id, hash: self.keys.mac(&token) })
    }
}
