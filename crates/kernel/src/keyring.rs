//! Keys derived from the installation's one master secret, each for one purpose.

use crate::{Env, Secret};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

const NONCE: usize = 12;

/// The SHA-256 digest of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The master secret. What is derived for one purpose says nothing about what is derived for another
/// (HMAC-SHA-256 as a key derivation function, NIST SP 800-108 with the label as its context).
#[derive(Clone)]
pub struct Keyring {
    master: Secret<[u8; 32]>,
}

impl Keyring {
    /// The keyring of this master secret.
    #[must_use]
    pub const fn new(master: Secret<[u8; 32]>) -> Self {
        Self { master }
    }

    /// The key for this purpose.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Keyring {
        Self { master: Secret::new(mac(self.master.expose(), purpose.as_bytes())) }
    }

    /// A keyed hash (HMAC-SHA-256, RFC 2104) of some bytes.
    #[must_use]
    pub fn mac(&self, bytes: &[u8]) -> [u8; 32] {
        mac(self.master.expose(), bytes)
    }

    /// Encrypts and authenticates (ChaCha20-Poly1305, RFC 8439); `context` must be the same when it is opened.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the cipher fails only for inputs of more than 256 GiB")]
    pub fn seal(&self, env: &Env, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0u8; NONCE];
        env.rng.fill(&mut nonce);
        let payload = Payload { msg: plain, aad: context };
        let sealed = self.cipher().encrypt(&Nonce::from(nonce), payload).expect("a bounded input");
        [&nonce[..], &sealed].concat()
    }

    /// Decrypts what [`Keyring::seal`] made under the same key and context; `None` for anything else.
    #[must_use]
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        self.cipher().decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad: context }).ok()
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&(*self.master.expose()).into())
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(key: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("a key of any length");
    mac.update(bytes);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_under_the_same_key_and_context() {
        let keyring = Keyring::new(Secret::new([7; 32]));
        let (one, two) = (keyring.derive("one"), keyring.derive("two"));
        let sealed = one.seal(&Env::system(), b"context", b"plain");
        assert_eq!(one.open(b"context", &sealed).as_deref(), Some(&b"plain"[..]));
        assert_eq!(one.open(b"other", &sealed), None);
        assert_eq!(two.open(b"context", &sealed), None);
        let mut broken = sealed.clone();
        *broken.last_mut().unwrap() ^= 1;
        assert_eq!(one.open(b"context", &broken), None);
        assert_eq!(one.open(b"context", &sealed[..5]), None);
    }
}
