//! Who calls: the signed header `Insula-Identity` of a request that came through the gateway.

use crate::{Client, Error, system};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::{Signature, VerifyingKey};
use http::Method;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// How large a token may be.
const MAX_BYTES: usize = 16 * 1_024;
/// How far this machine's clock may be off, in seconds.
const LEEWAY: i64 = 5;
/// How often public keys are asked for at most: a token with an unknown key costs no more than this.
const ASK_EVERY: Duration = Duration::from_secs(10);
const TYPE: &str = "insula-identity+jwt";

/// Who calls, as the gateway found it: authenticated, authorized, and within its limits.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Identity {
    /// Who acts: a user's or a key's id.
    pub sub: String,
    /// The organization.
    pub org_id: String,
    /// The project that the request is for, if it is for one.
    #[serde(default)]
    pub project_id: Option<String>,
    /// The project's team, if it has one.
    #[serde(default)]
    pub team_id: Option<String>,
    /// The user, where one acts.
    #[serde(default)]
    pub user_id: Option<String>,
    /// The API key, where one acts.
    #[serde(default)]
    pub key_id: Option<String>,
    /// The key's environment, where one acts: `development`, `staging` or `production`.
    #[serde(default)]
    pub environment: Option<String>,
    /// The organization's plan.
    #[serde(default)]
    pub plan: Option<String>,
    /// The plan's rank; higher is served first.
    #[serde(default)]
    pub priority: i64,
    /// What the caller may do.
    pub permissions: Vec<String>,
    /// Until when this is to be believed, in seconds since the epoch.
    pub exp: i64,
    iss: String,
    aud: String,
    iat: i64,
}

impl Identity {
    /// Whether the caller may do this.
    #[must_use]
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.iter().any(|held| held == permission)
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    kid: String,
    x: Option<String>,
}

/// Believes what the installation says of callers to one upstream. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    upstream: String,
    issuer: Option<String>,
    ask_every: Duration,
    keys: RwLock<Arc<HashMap<String, VerifyingKey>>>,
    /// When keys were last asked for; held while somebody asks.
    asked: Mutex<Option<Instant>>,
}

impl Verifier {
    pub(crate) fn new(client: Client, upstream: &str) -> Self {
        let inner = Inner {
            client,
            upstream: upstream.to_owned(),
            issuer: None,
            ask_every: ASK_EVERY,
            keys: RwLock::default(),
            asked: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Believes only what this issuer says: the installation's public address. Without, whoever has the keys that the
    /// installation publishes is believed.
    #[must_use]
    pub fn issued_by(self, issuer: impl Into<String>) -> Self {
        self.changed(|inner| inner.issuer = Some(issuer.into()))
    }

    /// How often the installation is asked for its public keys at most; every 10 seconds if not said. A key that is new
    /// to it is believed this much later at worst.
    #[must_use]
    pub fn asking_every(self, pause: Duration) -> Self {
        self.changed(|inner| inner.ask_every = pause)
    }

    fn changed(self, change: impl FnOnce(&mut Inner)) -> Self {
        let Inner { client, upstream, issuer, ask_every, keys, .. } = &*self.inner;
        let known = keys.read().map(|keys| Arc::clone(&keys)).unwrap_or_default();
        let mut inner = Inner {
            client: client.clone(),
            upstream: upstream.clone(),
            issuer: issuer.clone(),
            ask_every: *ask_every,
            keys: RwLock::new(known),
            asked: Mutex::default(),
        };
        change(&mut inner);
        Self { inner: Arc::new(inner) }
    }

    /// Who calls, by the value of the request's header `Insula-Identity`. Asks the installation for its public keys where
    /// the token's isn't known yet.
    ///
    /// # Errors
    ///
    /// [`Error::Identity`] where the token isn't one of the installation, is for another upstream, or is over; others
    /// where the keys can't be had.
    pub async fn verify(&self, token: &str) -> Result<Identity, Error> {
        self.verify_at(token, system::now()).await
    }

    /// The same at another instant, in seconds since the epoch.
    ///
    /// # Errors
    ///
    /// As [`Verifier::verify`].
    pub async fn verify_at(&self, token: &str, now: i64) -> Result<Identity, Error> {
        if token.len() > MAX_BYTES {
            return Err(Error::Identity("it is too large"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Error::Identity("it is no token"))?;
        let (header, claims) = signed.split_once('.').ok_or(Error::Identity("it is no token"))?;
        let header: Header = decode(header)?;
        // The algorithm is ours to choose: a token that says another isn't one of these.
        if header.alg != "EdDSA" || header.typ != TYPE {
            return Err(Error::Identity("it is a token of another kind"));
        }
        let key = self.key(&header.kid).await?;
        let signature = BASE64.decode(signature).ok().and_then(|bytes| Signature::from_slice(&bytes).ok());
        let signature = signature.ok_or(Error::Identity("its signature is none"))?;
        key.verify_strict(signed.as_bytes(), &signature)
            .map_err(|_| Error::Identity("its signature is not the installation's"))?;
        let identity: Identity = decode(claims)?;
        if identity.aud != self.inner.upstream {
            return Err(Error::Identity("it is for another upstream"));
        }
        if self.inner.issuer.as_ref().is_some_and(|issuer| *issuer != identity.iss) {
            return Err(Error::Identity("it was issued by somebody else"));
        }
        if now >= identity.exp.saturating_add(LEEWAY) {
            return Err(Error::Identity("it has expired"));
        }
        if now < identity.iat.saturating_sub(LEEWAY) {
            return Err(Error::Identity("it is of the future"));
        }
        Ok(identity)
    }

    async fn key(&self, kid: &str) -> Result<VerifyingKey, Error> {
        if let Some(key) = self.known(kid) {
            return Ok(key);
        }
        let mut asked = self.inner.asked.lock().await;
        // Somebody else may have asked meanwhile.
        if let Some(key) = self.known(kid) {
            return Ok(key);
        }
        let unknown = Error::Identity("its key is not the installation's");
        if asked.is_some_and(|at| at.elapsed() < self.inner.ask_every) {
            return Err(unknown);
        }
        let jwks: Jwks = self.inner.client.send(Method::GET, "/.well-known/jwks.json", None).await?;
        *asked = Some(Instant::now());
        let keys: HashMap<String, VerifyingKey> = jwks.keys.into_iter().filter_map(key_of).collect();
        if let Ok(mut known) = self.inner.keys.write() {
            *known = Arc::new(keys);
        }
        self.known(kid).ok_or(unknown)
    }

    fn known(&self, kid: &str) -> Option<VerifyingKey> {
        self.inner.keys.read().ok()?.get(kid).copied()
    }
}

/// A key of the one kind that signs these tokens (RFC 8037, section 2).
fn key_of(jwk: Jwk) -> Option<(String, VerifyingKey)> {
    if jwk.kty != "OKP" || jwk.crv.as_deref() != Some("Ed25519") {
        return None;
    }
    let bytes: [u8; 32] = BASE64.decode(jwk.x?).ok()?.try_into().ok()?;
    Some((jwk.kid, VerifyingKey::from_bytes(&bytes).ok()?))
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, Error> {
    let bytes = BASE64.decode(part).map_err(|_| Error::Identity("it is no token"))?;
    serde_json::from_slice(&bytes).map_err(|_| Error::Identity("it doesn't say what such tokens say"))
}
