//! Signed tokens: JWS compact serialization (RFC 7515) with EdDSA over Ed25519 (RFC 8037), and nothing else.
//!
//! The algorithm is ours to choose and never read from a token, so there is nothing to confuse.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
use insula_kernel::{Env, Instant, OrgId, ProjectId, Secret, SessionId, SigningKeyId, TeamId, UserId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt;

/// How large a token may be.
const MAX_BYTES: usize = 16 * 1_024;

/// What an access token says. It is for one organization, or for none (to choose one, or for operators).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who issued it.
    pub iss: String,
    /// The user.
    pub sub: UserId,
    /// The user, by the name that upstreams look for.
    pub user_id: UserId,
    /// The organization it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<OrgId>,
    /// The user's teams there.
    pub team_ids: Vec<String>,
    /// What the user may do there, when it was issued; Insula itself looks at what holds now.
    pub permissions: Vec<String>,
    /// The session.
    pub sid: SessionId,
    /// How the user proved who they are (RFC 8176).
    pub amr: Vec<String>,
    /// Issued at, in seconds since the epoch.
    pub iat: i64,
    /// Expires at, in seconds since the epoch.
    pub exp: i64,
}

/// What an upstream is told of the caller.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IdentityClaims {
    /// Who issued it.
    pub iss: String,
    /// The upstream it is for.
    pub aud: String,
    /// Who acts: a user's or a key's id.
    pub sub: String,
    /// The organization.
    pub org_id: OrgId,
    /// The project that the request is for, if it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// The project's team, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
    /// The user, where one acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The key, where one acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The key's environment, where one acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The organization's plan.
    pub plan: String,
    /// The plan's rank; higher is served first.
    pub priority: i64,
    /// What the caller may do.
    pub permissions: Vec<String>,
    /// Issued at, in seconds since the epoch.
    pub iat: i64,
    /// Expires at, in seconds since the epoch.
    pub exp: i64,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: SigningKeyId,
}

/// Why a token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenError {
    /// Not a token of ours: its form, its key or its signature.
    Invalid,
    /// It was ours; its time is over.
    Expired,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "the token is not valid",
            Self::Expired => "the token has expired",
        })
    }
}

impl std::error::Error for TokenError {}

/// A key that signs tokens.
#[derive(Clone)]
pub struct SigningKey {
    id: SigningKeyId,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// A fresh key.
    #[must_use]
    pub fn generate(env: &Env) -> Self {
        let mut seed = [0u8; 32];
        env.rng.fill(&mut seed);
        Self { id: SigningKeyId::generate(env), key: ed25519_dalek::SigningKey::from_bytes(&seed) }
    }

    /// The key of this seed.
    #[must_use]
    pub fn from_seed(id: SigningKeyId, seed: &[u8; 32]) -> Self {
        Self { id, key: ed25519_dalek::SigningKey::from_bytes(seed) }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> SigningKeyId {
        self.id
    }

    /// The seed, to be sealed and stored.
    #[must_use]
    pub fn seed(&self) -> Secret<[u8; 32]> {
        Secret::new(self.key.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }
}

/// A public key as the JWKS document shows it (RFC 7517, RFC 8037 section 2).
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Jwk {
    kty: &'static str,
    crv: &'static str,
    alg: &'static str,
    r#use: &'static str,
    kid: String,
    x: String,
}

/// Signs tokens with the newest key.
#[derive(Clone)]
pub struct TokenSigner {
    issuer: String,
    key: SigningKey,
}

impl TokenSigner {
    /// Signs in the name of `issuer`.
    #[must_use]
    pub const fn new(issuer: String, key: SigningKey) -> Self {
        Self { issuer, key }
    }

    /// In whose name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// An access token.
    #[must_use]
    pub fn access(&self, claims: &AccessClaims) -> String {
        self.sign("at+jwt", claims)
    }

    /// A token that tells an upstream who calls.
    #[must_use]
    pub fn identity(&self, claims: &IdentityClaims) -> String {
        self.sign("insula-identity+jwt", claims)
    }

    fn sign(&self, typ: &str, claims: &impl Serialize) -> String {
        let header = Header { alg: "EdDSA".into(), typ: typ.into(), kid: self.key.id };
        let mut token = encode(&header);
        token.push('.');
        token.push_str(&encode(claims));
        let signature = self.key.key.sign(token.as_bytes());
        token.push('.');
        BASE64.encode_string(signature.to_bytes(), &mut token);
        token
    }
}

fn encode(part: &impl Serialize) -> String {
    // These are our own structs of strings and numbers: there is nothing in them that can't be written.
    BASE64.encode(serde_json::to_vec(part).unwrap_or_default())
}

/// Checks access tokens against the installation's public keys.
#[derive(Clone)]
pub struct TokenVerifier {
    issuer: String,
    keys: Vec<(SigningKeyId, VerifyingKey)>,
}

impl TokenVerifier {
    /// Checks tokens of `issuer` against these keys; what isn't a key is left out.
    #[must_use]
    pub fn new(issuer: String, keys: impl IntoIterator<Item = (SigningKeyId, [u8; 32])>) -> Self {
        let keys =
            keys.into_iter().filter_map(|(id, bytes)| Some((id, VerifyingKey::from_bytes(&bytes).ok()?)));
        Self { issuer, keys: keys.collect() }
    }

    /// What an access token says, if it is one of ours and its time isn't over.
    pub fn access(&self, token: &str, now: Instant) -> Result<AccessClaims, TokenError> {
        let claims: AccessClaims = self.verify("at+jwt", token)?;
        if claims.iss != self.issuer {
            return Err(TokenError::Invalid);
        }
        if now.as_secs() >= claims.exp {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }

    /// The public keys, for everyone who wants to check our tokens.
    #[must_use]
    pub fn jwks(&self) -> Vec<Jwk> {
        let jwk = |(id, key): &(SigningKeyId, VerifyingKey)| Jwk {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            r#use: "sig",
            kid: id.to_string(),
            x: BASE64.encode(key.as_bytes()),
        };
        self.keys.iter().map(jwk).collect()
    }

    fn verify<T: DeserializeOwned>(&self, typ: &str, token: &str) -> Result<T, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::Invalid);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Invalid)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Invalid)?;
        let header: Header = decode(header)?;
        let (_, key) = self.keys.iter().find(|(id, _)| *id == header.kid).ok_or(TokenError::Invalid)?;
        let signature = BASE64.decode(signature).map_err(|_| TokenError::Invalid)?;
        let signature = Signature::from_slice(&signature).map_err(|_| TokenError::Invalid)?;
        key.verify_strict(signed.as_bytes(), &signature).map_err(|_| TokenError::Invalid)?;
        if header.typ != typ {
            return Err(TokenError::Invalid);
        }
        decode(claims)
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let bytes = BASE64.decode(part).map_err(|_| TokenError::Invalid)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(env: &Env, exp: i64) -> AccessClaims {
        let user = UserId::generate(env);
        AccessClaims {
            iss: "http://insula.test".into(),
            sub: user,
            user_id: user,
            org_id: Some(OrgId::generate(env)),
            team_ids: vec![],
            permissions: vec!["org:read".into()],
            sid: SessionId::generate(env),
            amr: vec!["pwd".into()],
            iat: exp - 600,
            exp,
        }
    }

    fn pair(env: &Env) -> (TokenSigner, TokenVerifier) {
        let key = SigningKey::generate(env);
        let verifier = TokenVerifier::new("http://insula.test".into(), [(key.id(), key.public())]);
        (TokenSigner::new("http://insula.test".into(), key), verifier)
    }

    #[test]
    fn a_token_is_good_until_it_expires() {
        let env = Env::system();
        let (signer, verifier) = pair(&env);
        let claims = claims(&env, 1_000);
        let token = signer.access(&claims);
        assert_eq!(verifier.access(&token, Instant::from_secs(999)), Ok(claims));
        assert_eq!(verifier.access(&token, Instant::from_secs(1_000)), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_that_was_touched_or_signed_by_others_is_refused() {
        let env = Env::system();
        let (signer, verifier) = pair(&env);
        let (stranger, _) = pair(&env);
        let now = Instant::from_secs(0);
        let token = signer.access(&claims(&env, 1_000));
        assert_eq!(verifier.access(&stranger.access(&claims(&env, 1_000)), now), Err(TokenError::Invalid));
        for place in 0..token.len() {
            let mut wrong = token.clone().into_bytes();
            wrong[place] = if wrong[place] == b'A' { b'B' } else { b'A' };
            assert!(verifier.access(&String::from_utf8(wrong).unwrap(), now).is_err(), "place {place}");
        }
        for bad in ["", ".", "..", "a.b.c", &"x".repeat(100_000)] {
            assert_eq!(verifier.access(bad, now), Err(TokenError::Invalid));
        }
    }

    #[test]
    fn a_token_for_an_upstream_is_no_access_token() {
        let env = Env::system();
        let (signer, verifier) = pair(&env);
        let token = signer.sign("insula-identity+jwt", &claims(&env, 1_000));
        assert_eq!(verifier.access(&token, Instant::from_secs(0)), Err(TokenError::Invalid));
    }
}
