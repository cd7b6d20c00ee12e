//! What one core thread has of the gate for itself: nothing in here is shared, so nothing in here waits.

use super::{counts::Counts, identity::IdentityCache};
use bytes::Bytes;
use http::HeaderValue;
use insula_kernel::{Env, Instant, OrgId, RequestId, SessionId, UserId};
use insula_metering::log::Writer;
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
};
use uuid::Uuid;

/// How many verified tokens one core remembers.
const TOKENS: usize = 4_096;
/// Bytes of randomness that are asked for at once.
const RANDOM: usize = 1_000;
/// Bytes of randomness in an id.
const ID_RANDOM: usize = 10;

/// What one core thread has for itself: its end of the write-ahead log, the tokens it has verified and signed, and
/// its supply of ids. Made by [`Gate::lane`](super::Gate::lane); clones are the same lane.
#[derive(Clone)]
pub struct Lane(Rc<Inner>);

struct Inner {
    env: Env,
    writer: RefCell<Writer>,
    counts: Arc<Counts>,
    tokens: RefCell<HashMap<[u8; 32], Verified>>,
    identities: RefCell<IdentityCache>,
    random: RefCell<[u8; RANDOM]>,
    left: Cell<usize>,
    scratch: RefCell<Vec<u8>>,
}

/// What a verified access token says that matters here.
#[derive(Clone, Copy)]
pub(crate) struct Verified {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) org: Option<OrgId>,
    /// In seconds.
    pub(crate) exp: i64,
}

impl Lane {
    pub(super) fn new(env: Env, writer: Writer, counts: Arc<Counts>) -> Self {
        Self(Rc::new(Inner {
            env,
            writer: RefCell::new(writer),
            counts,
            tokens: RefCell::default(),
            identities: RefCell::default(),
            random: RefCell::new([0; RANDOM]),
            left: Cell::new(0),
            scratch: RefCell::default(),
        }))
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.env.now()
    }

    /// A fresh id for a request. Randomness is asked for in stock: these ids are no secrets.
    #[must_use]
    pub fn request_id(&self, now: Instant) -> RequestId {
        let mut stock = self.0.random.borrow_mut();
        if self.0.left.get() < ID_RANDOM {
            self.0.env.rng.fill(&mut *stock);
            self.0.left.set(RANDOM);
        }
        let end = self.0.left.get();
        self.0.left.set(end - ID_RANDOM);
        let mut random = [0; ID_RANDOM];
        random.copy_from_slice(&stock[end - ID_RANDOM..end]);
        let millis = u64::try_from(now.as_micros() / 1_000).unwrap_or(0);
        let uuid: Uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        RequestId::from_uuid(uuid)
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Counts a request that was answered with a problem of this code.
    pub(crate) fn count_refused(&self, code: &str) {
        self.0.counts.refused(code);
    }

    pub(crate) fn writer(&self) -> &RefCell<Writer> {
        &self.0.writer
    }

    pub(crate) fn identities(&self) -> &RefCell<IdentityCache> {
        &self.0.identities
    }

    /// A header value that `write` puts together.
    pub(crate) fn header(&self, write: impl FnOnce(&mut Vec<u8>)) -> HeaderValue {
        let mut scratch = self.0.scratch.borrow_mut();
        scratch.clear();
        write(&mut scratch);
        HeaderValue::from_maybe_shared(Bytes::copy_from_slice(&scratch))
            .unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// The token of this digest, if it was verified before and its time isn't over.
    pub(crate) fn verified(&self, digest: &[u8; 32], now: Instant) -> Option<Verified> {
        self.0.tokens.borrow().get(digest).filter(|token| now.as_secs() < token.exp).copied()
    }

    pub(crate) fn remember(&self, digest: [u8; 32], token: Verified, now: Instant) {
        let mut tokens = self.0.tokens.borrow_mut();
        if tokens.len() >= TOKENS {
            tokens.retain(|_, token| now.as_secs() < token.exp);
        }
        if tokens.len() >= TOKENS {
            tokens.clear();
        }
        tokens.insert(digest, token);
    }
}
