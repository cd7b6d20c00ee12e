//! Requests that may be sent again: the same `Idempotency-Key` with the same body gets the same reply for 24 hours.
//!
//! The reply is stored in the transaction that it reports, so it exists exactly if the change does. It is sealed under a
//! key derived from the `Idempotency-Key`, of which only a keyed hash is stored: secrets in replies don't rest in clear.

use crate::{Credential, Failure, Json, body};
use axum::{
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use insula_kernel::{Env, Error, ErrorKind, Instant, Keyring, OrgId, Result, Span, sha256};
use insula_storage::{PlatformTx, StoreError, StoreResult, TenantTx, args, statements};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::sync::Arc;

const KEPT: Span = Span::from_hours(24);
const HEADER: &str = "idempotency-key";

statements! {
    catalogue IDEMPOTENCY_TENANT_STATEMENTS of Tenant;
    Directory FIND(tenant: Id, key_hash: Bytes, now: Int) =
        "SELECT request_digest, sealed_reply FROM idempotent_reply WHERE tenant_id = $1 AND key_hash = $2 AND expires_at > $3";
    Directory KEEP(tenant: Id, key_hash: Bytes, request_digest: Bytes, sealed_reply: Bytes, expires_at: Int) =
        "INSERT INTO idempotent_reply (tenant_id, key_hash, request_digest, sealed_reply, expires_at) VALUES ($1, $2, $3, $4, $5)";
}

statements! {
    catalogue IDEMPOTENCY_STATEMENTS of Platform;
    Directory FIND_FOR(tenant: Id, key_hash: Bytes, now: Int) =
        "SELECT request_digest, sealed_reply FROM idempotent_reply WHERE tenant_id = $1 AND key_hash = $2 AND expires_at > $3";
    Directory KEEP_FOR(tenant: Id, key_hash: Bytes, request_digest: Bytes, sealed_reply: Bytes, expires_at: Int) =
        "INSERT INTO idempotent_reply (tenant_id, key_hash, request_digest, sealed_reply, expires_at) VALUES ($1, $2, $3, $4, $5)";
    Directory FORGET(now: Int) = "DELETE FROM idempotent_reply WHERE expires_at <= $1";
}

/// A reply in the form that can be kept and given again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reply {
    status: u16,
    body: serde_json::Value,
    cookie: Option<String>,
}

impl Reply {
    /// A reply with this status and body.
    pub fn new(status: StatusCode, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_value(body)
            .map_err(|error| Error::internal(format!("a reply can't be written: {error}")))?;
        Ok(Self { status: status.as_u16(), body, cookie: None })
    }

    /// The same reply, setting a cookie.
    #[must_use]
    pub fn with_cookie(mut self, cookie: Option<String>) -> Self {
        self.cookie = cookie;
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = (status, Json(self.body)).into_response();
        let cookie = self.cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok());
        if let Some(cookie) = cookie {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// The installation's keys for idempotent replies.
#[derive(Clone)]
pub struct Idempotency {
    pepper: Keyring,
}

impl Idempotency {
    /// With keys derived from these.
    #[must_use]
    pub fn new(keys: &Keyring) -> Self {
        Self { pepper: keys.derive("idempotency") }
    }

    /// Removes replies whose time is over.
    pub async fn forget(tx: &mut PlatformTx, now: Instant) -> StoreResult<u64> {
        tx.execute(&FORGET, args![now]).await
    }
}

/// A JSON body that may be sent again.
pub struct Idempotent<T> {
    /// The body.
    pub body: T,
    key: Option<Key>,
}

struct Key {
    hash: [u8; 32],
    digest: [u8; 32],
    seal: Keyring,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Idempotent<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let given = given_key(request.headers())?;
        let keys = request.extensions().get::<Arc<Idempotency>>().cloned();
        let caller =
            request.extensions().get::<Credential>().map(|credential| credential.principal.to_string());
        let place = format!("{} {}", request.method(), request.uri().path());
        body::expect_json(request.headers())?;
        let bytes = body::read(request.into_body()).await?;
        let digest = sha256(&[place.as_bytes(), b"\0", &bytes].concat());
        let body = body::parse(&bytes)?;
        let key = match (given, keys) {
            (None, _) => None,
            (Some(_), None) => {
                return Err(Error::internal("the API was mounted without keys for idempotency").into());
            }
            (Some(given), Some(keys)) => {
                let scoped = format!("{}\0{given}", caller.unwrap_or_default());
                Some(Key {
                    hash: keys.pepper.mac(scoped.as_bytes()),
                    digest,
                    seal: keys.pepper.derive(&format!("seal\0{scoped}")),
                })
            }
        };
        Ok(Self { body, key })
    }
}

fn given_key(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    match value.to_str() {
        Ok(text) if (1..=255).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => Err(Error::new(
            ErrorKind::Malformed,
            "idempotency.malformed",
            "`Idempotency-Key` must be 1 to 255 visible ASCII characters.",
        )),
    }
}

impl<T> Idempotent<T> {
    /// The reply to the same request, if it was served before.
    pub async fn replay(&self, tx: &mut TenantTx, now: Instant) -> Result<Option<Reply>> {
        let Some(key) = &self.key else { return Ok(None) };
        key.reopen(tx.fetch_optional(&FIND, args![&key.hash[..], now]).await?)
    }

    /// Keeps the reply, in the transaction that it reports.
    pub async fn keep(&self, tx: &mut TenantTx, env: &Env, reply: &Reply) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        let values = args![&key.hash[..], &key.digest[..], key.sealed(env, reply)?, env.now() + KEPT];
        tx.execute(&KEEP, values).await.map_err(raced)?;
        Ok(())
    }

    /// The same as [`Idempotent::replay`] for a request that belongs to no organization yet.
    pub async fn replay_platform(&self, tx: &mut PlatformTx, now: Instant) -> Result<Option<Reply>> {
        let Some(key) = &self.key else { return Ok(None) };
        key.reopen(tx.fetch_optional(&FIND_FOR, args![NOBODY, &key.hash[..], now]).await?)
    }

    /// The same as [`Idempotent::keep`] for a request that belongs to no organization yet.
    pub async fn keep_platform(&self, tx: &mut PlatformTx, env: &Env, reply: &Reply) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        let values = args![NOBODY, &key.hash[..], &key.digest[..], key.sealed(env, reply)?, env.now() + KEPT];
        tx.execute(&KEEP_FOR, values).await.map_err(raced)?;
        Ok(())
    }
}

/// What stands for the tenant where there is none yet.
const NOBODY: OrgId = OrgId::MIN;

/// The same request is being served at this moment.
fn raced(error: StoreError) -> Error {
    match error {
        StoreError::Unique { .. } => Error::new(
            ErrorKind::Conflict,
            "idempotency.in_progress",
            "A request with this `Idempotency-Key` is being served; send it again in a moment.",
        )
        .retry_after(Span::from_secs(1)),
        other => other.into(),
    }
}

impl Key {
    fn sealed(&self, env: &Env, reply: &Reply) -> Result<Vec<u8>> {
        let plain = serde_json::to_vec(reply).map_err(|error| Error::internal(error.to_string()))?;
        Ok(self.seal.seal(env, &self.digest, &plain))
    }

    fn reopen(&self, found: Option<(Vec<u8>, Vec<u8>)>) -> Result<Option<Reply>> {
        let Some((digest, sealed)) = found else { return Ok(None) };
        if digest != self.digest {
            return Err(Error::new(
                ErrorKind::Conflict,
                "idempotency.mismatch",
                "This `Idempotency-Key` was used for another request; use a fresh one.",
            ));
        }
        let plain = self.seal.open(&self.digest, &sealed);
        let reply = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
        reply.map(Some).ok_or_else(|| Error::internal("a kept reply can't be opened"))
    }
}
