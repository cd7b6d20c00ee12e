//! API keys as people hold them, `<prefix>_<env>_<id><secret><checksum>`, and in the same manner what upstreams hold,
//! `<prefix>_svc_<id><secret><checksum>`.
//!
//! The checksum rejects typing errors and garbage before anything is looked up; the id finds the key; the secret, 160
//! random bits, proves that the caller holds it. A keyed hash of it is stored: no slow password hash is needed for what
//! can't be guessed.

use insula_kernel::{Env, KeyId, Keyring, Secret, ServiceId, base32_decode, base32_encode};
use schemars::JsonSchema;
use std::{fmt, str::FromStr};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

const ID: usize = 26;
const SECRET_BYTES: usize = 20;
const SECRET: usize = 32;
const CHECKSUM: usize = 7;
const SERVICE_MARK: &str = "svc";

/// The random bits that prove who holds a token.
type SecretPart = Secret<[u8; SECRET_BYTES]>;

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Trying things out.
    Development,
    /// The rehearsal.
    Staging,
    /// The real thing.
    Production,
}

impl Environment {
    const ALL: [Self; 3] = [Self::Development, Self::Staging, Self::Production];

    /// The word for it, in stores and replies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }

    const fn mark(self) -> &'static str {
        match self {
            Self::Development => "dev",
            Self::Staging => "stg",
            Self::Production => "prod",
        }
    }
}

impl FromStr for Environment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|env| env.as_str() == text)
            .ok_or_else(|| format!("unknown environment: {text}"))
    }
}

/// An API key as its holder has it.
#[derive(Clone, Debug)]
pub struct KeyToken {
    /// What it is for.
    pub environment: Environment,
    /// Its public part.
    pub id: KeyId,
    secret: SecretPart,
}

/// The credential of an upstream as its holder has it.
#[derive(Clone, Debug)]
pub struct ServiceToken {
    /// Its public part.
    pub id: ServiceId,
    secret: SecretPart,
}

/// Why a text is no API key: without look-up, so it says nothing about which keys exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyTokenError {
    /// Not of the form of a key of this product.
    Form,
    /// Mistyped or cut off.
    Checksum,
}

impl KeyToken {
    /// A fresh key.
    #[must_use]
    pub fn generate(env: &Env, environment: Environment) -> Self {
        Self { environment, id: KeyId::generate(env), secret: fresh(env) }
    }

    /// The text that the holder keeps. Shown once.
    #[must_use]
    pub fn reveal(&self, prefix: &str) -> Secret<String> {
        write(prefix, self.environment.mark(), &self.id.digits(), &self.secret)
    }

    /// Whether a text looks like a key of this product, mistyped or not.
    #[must_use]
    pub fn looks_like(text: &str, prefix: &str) -> bool {
        text.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('_'))
    }

    /// The key that a public part names, such as `ak_01j…`: how the API and identity tokens show it.
    #[must_use]
    pub fn public_id(text: &str, prefix: &str) -> Option<KeyId> {
        KeyId::from_digits(text.strip_prefix(prefix)?.strip_prefix('_')?.as_bytes())
    }

    /// Reads a key.
    pub fn parse(text: &str, prefix: &str) -> Result<Self, KeyTokenError> {
        let marked = |mark: &str| Environment::ALL.into_iter().find(|env| env.mark() == mark);
        let (environment, id, secret) = read(text, prefix, marked)?;
        Ok(Self { environment, id: KeyId::from_digits(id).ok_or(KeyTokenError::Form)?, secret })
    }

    /// What is stored of the key: a hash under the server's pepper, bound to the key's id.
    #[must_use]
    pub fn hash(&self, pepper: &Keyring) -> [u8; 32] {
        hash(self.id.uuid(), &self.secret, pepper)
    }

    /// Whether this is the key of which `stored` is the hash; takes as long whether it is or not.
    #[must_use]
    pub fn matches(&self, pepper: &Keyring, stored: &[u8; 32]) -> bool {
        self.hash(pepper).ct_eq(stored).into()
    }
}

impl ServiceToken {
    /// A fresh one.
    #[must_use]
    pub fn generate(env: &Env) -> Self {
        Self { id: ServiceId::generate(env), secret: fresh(env) }
    }

    /// The text that the holder keeps. Shown once.
    #[must_use]
    pub fn reveal(&self, prefix: &str) -> Secret<String> {
        write(prefix, SERVICE_MARK, &self.id.digits(), &self.secret)
    }

    /// Reads one.
    pub fn parse(text: &str, prefix: &str) -> Result<Self, KeyTokenError> {
        let ((), id, secret) = read(text, prefix, |mark| (mark == SERVICE_MARK).then_some(()))?;
        Ok(Self { id: ServiceId::from_digits(id).ok_or(KeyTokenError::Form)?, secret })
    }

    /// What is stored of it: a hash under the server's pepper, bound to its id.
    #[must_use]
    pub fn hash(&self, pepper: &Keyring) -> [u8; 32] {
        hash(self.id.uuid(), &self.secret, pepper)
    }

    /// Whether this is the one of which `stored` is the hash; takes as long whether it is or not.
    #[must_use]
    pub fn matches(&self, pepper: &Keyring, stored: &[u8; 32]) -> bool {
        self.hash(pepper).ct_eq(stored).into()
    }
}

fn fresh(env: &Env) -> SecretPart {
    let mut secret = [0u8; SECRET_BYTES];
    env.rng.fill(&mut secret);
    Secret::new(secret)
}

fn write(prefix: &str, mark: &str, digits: &str, secret: &SecretPart) -> Secret<String> {
    let body = format!("{prefix}_{mark}_{digits}{}", base32_encode(secret.expose()));
    let checksum = base32_encode(&crc32fast::hash(body.as_bytes()).to_be_bytes());
    Secret::new(body + &checksum)
}

/// What the mark of a token means, the digits of its id, and its secret.
fn read<'t, M>(
    text: &'t str,
    prefix: &str,
    marked: impl FnOnce(&str) -> Option<M>,
) -> Result<(M, &'t [u8], SecretPart), KeyTokenError> {
    let rest =
        text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(KeyTokenError::Form)?;
    let (mark, digits) = rest.split_once('_').ok_or(KeyTokenError::Form)?;
    let mark = marked(mark).ok_or(KeyTokenError::Form)?;
    let digits = digits.as_bytes();
    if digits.len() != ID + SECRET + CHECKSUM {
        return Err(KeyTokenError::Form);
    }
    let (body, checksum) = text.as_bytes().split_at(text.len() - CHECKSUM);
    let expected = base32_decode::<4>(checksum).ok_or(KeyTokenError::Checksum)?;
    if crc32fast::hash(body).to_be_bytes() != expected {
        return Err(KeyTokenError::Checksum);
    }
    let secret = base32_decode::<SECRET_BYTES>(&digits[ID..ID + SECRET]).ok_or(KeyTokenError::Form)?;
    Ok((mark, &digits[..ID], Secret::new(secret)))
}

fn hash(id: Uuid, secret: &SecretPart, pepper: &Keyring) -> [u8; 32] {
    let mut input = [0u8; 16 + SECRET_BYTES];
    input[..16].copy_from_slice(id.as_bytes());
    input[16..].copy_from_slice(secret.expose());
    pepper.mac(&input)
}

impl fmt::Display for KeyTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "this is not an API key of this product",
            Self::Checksum => "the API key is mistyped or cut off",
        })
    }
}

impl std::error::Error for KeyTokenError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn pepper(byte: u8) -> Keyring {
        Keyring::new(Secret::new([byte; 32]))
    }

    #[test]
    fn a_key_reads_back_and_matches_only_its_own_hash() {
        let env = Env::system();
        let key = KeyToken::generate(&env, Environment::Production);
        let text = key.reveal("ak");
        assert!(text.expose().starts_with("ak_prod_"));
        let read = KeyToken::parse(text.expose(), "ak").unwrap();
        assert_eq!((read.id, read.environment), (key.id, Environment::Production));
        let stored = key.hash(&pepper(1));
        assert!(read.matches(&pepper(1), &stored));
        assert!(!read.matches(&pepper(2), &stored));
        assert!(!KeyToken::generate(&env, Environment::Production).matches(&pepper(1), &stored));
    }

    #[test]
    fn what_an_upstream_holds_is_no_api_key() {
        let env = Env::system();
        let service = ServiceToken::generate(&env);
        let text = service.reveal("ak");
        assert!(text.expose().starts_with("ak_svc_"));
        let read = ServiceToken::parse(text.expose(), "ak").unwrap();
        assert!(read.id == service.id && read.matches(&pepper(1), &service.hash(&pepper(1))));
        assert_eq!(KeyToken::parse(text.expose(), "ak").err(), Some(KeyTokenError::Form));
        let key = KeyToken::generate(&env, Environment::Production).reveal("ak");
        assert_eq!(ServiceToken::parse(key.expose(), "ak").err(), Some(KeyTokenError::Form));
    }

    #[test]
    fn every_single_wrong_character_is_noticed_before_any_look_up() {
        let text = KeyToken::generate(&Env::system(), Environment::Staging).reveal("ak").expose().clone();
        for place in 0..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[place] = if wrong[place] == b'x' { b'y' } else { b'x' };
            assert!(KeyToken::parse(&String::from_utf8(wrong).unwrap(), "ak").is_err(), "place {place}");
            assert!(KeyToken::parse(&text[..place], "ak").is_err(), "cut at {place}");
        }
        assert_eq!(KeyToken::parse(&text, "other").err(), Some(KeyTokenError::Form));
    }
}
