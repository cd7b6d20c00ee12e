//! Sessions: a person stays signed in by a refresh token that changes at every use.
//!
//! The refresh tokens of a session are one family. Each is good once; the one before stays good for ten seconds, for
//! replies that got lost and tabs that raced. A token older than that was copied: the session ends (RFC 9700,
//! section 4.14.2).

use crate::{
    AccessClaims, TokenSigner,
    store::{ENDED_SINCE, FIND_SESSION, INSERT_SESSION, LIST_SESSIONS, REVOKE_SESSION, ROTATE_SESSION},
};
use insula_kernel::{
    Env, Error, ErrorKind, Instant, Keyring, OrgId, Result, Secret, SessionId, Span, UserId, base32_decode,
    base32_encode, sha256,
};
use insula_storage::{PlatformTx, args, row};
use insula_web::RequestInfo;
use schemars::JsonSchema;
use serde::Serialize;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// How long an access token is good.
pub const ACCESS_TOKEN_TTL: Span = Span::from_mins(10);
/// How long a session lasts at most.
pub const SESSION_TTL: Span = Span::from_days(30);
const GRACE: Span = Span::from_secs(10);

row! {
    /// A session, as its user sees it.
    #[derive(Clone, Debug)]
    pub struct SessionRow {
        /// Its id.
        pub id: SessionId,
        /// When it began.
        pub created_at: Instant,
        /// When it was last refreshed.
        pub last_used_at: Instant,
        /// When it ends.
        pub expires_at: Instant,
        /// What the client calls itself.
        pub user_agent: Option<String>,
        /// Where it began.
        pub address: Option<String>,
    }
}

/// A session of the caller.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// When it began.
    pub created_at: Instant,
    /// When it was last refreshed.
    pub last_used_at: Instant,
    /// When it ends.
    pub expires_at: Instant,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// The address it began from.
    pub address: Option<String>,
    /// Whether it is the one that asks.
    pub current: bool,
}

row! {
    struct Family {
        user: UserId,
        token_hash: Vec<u8>,
        previous_hash: Option<Vec<u8>>,
        previous_until: Option<Instant>,
        expires_at: Instant,
        revoked_at: Option<Instant>,
    }
}

/// A session that has just been begun or refreshed.
pub struct Opened {
    /// The session.
    pub session: SessionId,
    /// Its user.
    pub user: UserId,
    /// The next refresh token; `None` where the caller raced with itself and the other call got it.
    pub refresh_token: Option<Secret<String>>,
}

/// Refresh tokens: the session, random bits, and a keyed hash that proves the token to be one of ours. So a token that
/// was replaced long ago is known for what it is without any being kept.
#[derive(Clone)]
pub struct RefreshTokens {
    keys: Keyring,
}

const ID: usize = 16;
const RANDOM: usize = 32;
const PROOF: usize = 16;
const TOKEN: usize = ID + RANDOM + PROOF;

impl RefreshTokens {
    /// With keys derived from these.
    #[must_use]
    pub fn new(keys: &Keyring) -> Self {
        Self { keys: keys.derive("refresh-tokens") }
    }

    fn fresh(&self, env: &Env, session: SessionId) -> Secret<String> {
        let mut token = [0u8; TOKEN];
        token[..ID].copy_from_slice(session.uuid().as_bytes());
        env.rng.fill(&mut token[ID..ID + RANDOM]);
        let proof = self.keys.mac(&token[..ID + RANDOM]);
        token[ID + RANDOM..].copy_from_slice(&proof[..PROOF]);
        Secret::new(format!("rt_{}", base32_encode(&token)))
    }

    /// The session of a token that we made, whether it is still good or not.
    fn session(&self, token: &Secret<String>) -> Option<SessionId> {
        let digits = token.expose().strip_prefix("rt_")?;
        let token = base32_decode::<TOKEN>(digits.as_bytes())?;
        let proof = self.keys.mac(&token[..ID + RANDOM]);
        let genuine: bool = proof[..PROOF].ct_eq(&token[ID + RANDOM..]).into();
        let id = Uuid::from_slice(&token[..ID]).ok()?;
        genuine.then(|| SessionId::from_uuid(id))
    }
}

fn hash(token: &Secret<String>) -> [u8; 32] {
    // 256 random bits need no slow hash.
    sha256(token.expose().as_bytes())
}

/// Begins a session.
pub async fn begin(
    tx: &mut PlatformTx,
    env: &Env,
    tokens: &RefreshTokens,
    user: UserId,
    info: &RequestInfo,
) -> Result<Opened> {
    let (session, now) = (SessionId::generate(env), env.now());
    let token = tokens.fresh(env, session);
    let agent: Option<String> = info.user_agent.as_deref().map(|agent| agent.chars().take(200).collect());
    let values =
        args![session, user, &hash(&token)[..], agent, info.address.to_string(), now, now + SESSION_TTL];
    tx.execute(&INSERT_SESSION, values).await?;
    Ok(Opened { session, user, refresh_token: Some(token) })
}

/// What a refresh came to. A reused token ends its session, and that must be committed though the caller is refused.
pub enum Refreshed {
    /// Go on.
    Opened(Opened),
    /// The token was used before: the session has been ended.
    Reused(SessionId),
    /// There is no such session, or not any more.
    Expired,
}

/// Exchanges a refresh token for the next one.
pub async fn refresh(
    tx: &mut PlatformTx,
    env: &Env,
    tokens: &RefreshTokens,
    token: &Secret<String>,
) -> Result<Refreshed> {
    let (presented, now) = (hash(token), env.now());
    let Some(session) = tokens.session(token) else { return Ok(Refreshed::Expired) };
    let family: Option<Family> = tx.fetch_optional(&FIND_SESSION, args![session]).await?;
    let Some(family) = family.filter(|family| family.revoked_at.is_none() && family.expires_at > now) else {
        return Ok(Refreshed::Expired);
    };
    let opened = |refresh_token| Refreshed::Opened(Opened { session, user: family.user, refresh_token });
    if family.token_hash == presented {
        let next = tokens.fresh(env, session);
        tx.execute(&ROTATE_SESSION, args![session, &hash(&next)[..], &presented[..], now + GRACE, now])
            .await?;
        return Ok(opened(Some(next)));
    }
    let predecessor = family.previous_hash.as_deref() == Some(&presented[..]);
    if predecessor && family.previous_until.is_some_and(|until| now < until) {
        return Ok(opened(None));
    }
    tx.execute(&REVOKE_SESSION, args![session, family.user, now]).await?;
    tracing::warn!(%session, user = %family.user, "a refresh token was used again; the session was ended");
    Ok(Refreshed::Reused(session))
}

/// The error for a session that is over.
#[must_use]
pub fn expired() -> Error {
    Error::new(ErrorKind::Unauthenticated, "session.expired", "The session is over; sign in again.")
}

/// The session that a refresh token belongs to, and its user.
pub async fn of_token(
    tx: &mut PlatformTx,
    tokens: &RefreshTokens,
    token: &Secret<String>,
) -> Result<Option<(SessionId, UserId)>> {
    let Some(session) = tokens.session(token) else { return Ok(None) };
    let family: Option<Family> = tx.fetch_optional(&FIND_SESSION, args![session]).await?;
    Ok(family.map(|family| (session, family.user)))
}

/// Ends a session of a user.
pub async fn end(tx: &mut PlatformTx, env: &Env, session: SessionId, user: UserId) -> Result<()> {
    if tx.execute(&REVOKE_SESSION, args![session, user, env.now()]).await? == 0 {
        return Err(Error::not_found("session"));
    }
    Ok(())
}

/// The sessions of a user that haven't ended.
pub async fn list(tx: &mut PlatformTx, env: &Env, user: UserId, current: SessionId) -> Result<Vec<Session>> {
    let rows: Vec<SessionRow> = tx.fetch_all(&LIST_SESSIONS, args![user, env.now()]).await?;
    let session = |row: SessionRow| Session {
        current: row.id == current,
        id: row.id,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        expires_at: row.expires_at,
        user_agent: row.user_agent,
        address: row.address,
    };
    Ok(rows.into_iter().map(session).collect())
}

/// Sessions that were ended so lately that their access tokens may still be about.
pub async fn lately_ended(tx: &mut PlatformTx, now: Instant) -> Result<Vec<SessionId>> {
    let rows: Vec<(SessionId,)> = tx.fetch_all(&ENDED_SINCE, args![now - ACCESS_TOKEN_TTL]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// An access token for a session, in an organization or in none.
#[must_use]
pub fn access_token(
    signer: &TokenSigner,
    now: Instant,
    user: UserId,
    session: SessionId,
    organization: Option<(OrgId, Vec<String>)>,
) -> String {
    let (org_id, permissions) = organization.map_or((None, Vec::new()), |(org, names)| (Some(org), names));
    signer.access(&AccessClaims {
        iss: signer.issuer().to_owned(),
        sub: user,
        user_id: user,
        org_id,
        team_ids: Vec::new(),
        permissions,
        sid: session,
        amr: vec!["pwd".to_owned()],
        iat: now.as_secs(),
        exp: (now + ACCESS_TOKEN_TTL).as_secs(),
    })
}
