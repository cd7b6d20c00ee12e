//! Which events are known: each counts once for life.
//!
//! A key is 16 bytes of a digest of organization and source, and 16 bytes of the event's id: a UUID itself, of any other
//! id a digest. So the keys of one source whose ids follow the time (UUID version 7) follow each other too, and those
//! above the highest key known are new without a look into the index.
//!
//! What must always hold: a key is known from the moment on that its event is durable, and for ever; whoever asks holds
//! the turn of its organization, so that nobody else adds to what is known meanwhile.

use super::Body;
use crate::store;
use insula_kernel::{Instant, OrgId, Result, sha256};
use insula_storage::PlatformTx;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, VecDeque};
use uuid::Uuid;

/// The key of an event.
pub(super) type Key = [u8; 32];

/// How many sources' highest keys are remembered. The index is asked again for those that were forgotten.
const SOURCES: usize = 100_000;
/// How many keys one generation of those that aren't settled yet takes.
const GENERATION: usize = 100_000;

/// The key of an event of this organization and source.
pub(super) fn key_of(org: OrgId, source: &str, id: &str) -> Key {
    let mut key = [0; 32];
    let mut text = Vec::with_capacity(16 + source.len());
    text.extend_from_slice(org.uuid().as_bytes());
    text.extend_from_slice(source.as_bytes());
    key[..16].copy_from_slice(&sha256(&text)[..16]);
    match Uuid::try_parse(id) {
        Ok(uuid) => key[16..].copy_from_slice(uuid.as_bytes()),
        Err(_) => key[16..].copy_from_slice(&sha256(id.as_bytes())[..16]),
    }
    key
}

/// Where the keys of one source begin.
fn source_of(key: &Key) -> [u8; 16] {
    let mut source = [0; 16];
    source.copy_from_slice(&key[..16]);
    source
}

/// What is known of keys beside the index: those that are durable and not settled yet, and the highest of each source.
#[derive(Default)]
pub(super) struct Known {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The latest generation is the last.
    unsettled: VecDeque<Generation>,
    highest: HashMap<[u8; 16], Key>,
}

/// Keys that became durable one after the other.
struct Generation {
    keys: HashMap<Key, Body>,
    /// When the last of them did.
    until: Instant,
}

impl Known {
    /// Those of these keys that are known, with the digest of the body each is known with.
    pub(super) async fn among(&self, tx: &mut PlatformTx, keys: &[Key]) -> Result<HashMap<Key, Body>> {
        let mut known = HashMap::new();
        let mut asked = Vec::new();
        let mut sources: BTreeMap<[u8; 16], Option<Key>> = BTreeMap::new();
        {
            let state = self.state.lock();
            for key in keys {
                sources.entry(source_of(key)).or_insert_with(|| state.highest.get(&source_of(key)).copied());
            }
        }
        for (source, highest) in sources.iter_mut().filter(|(_, highest)| highest.is_none()) {
            *highest = Some(store::highest_key(tx, source).await?);
        }
        {
            let mut state = self.state.lock();
            if state.highest.len() + sources.len() > SOURCES {
                state.highest.clear();
            }
            for (source, highest) in &sources {
                // What isn't settled yet isn't in the index.
                let of_source = |generation: &Generation| {
                    generation.keys.keys().filter(|key| source_of(key) == *source).max().copied()
                };
                let unsettled = || state.unsettled.iter().filter_map(of_source).max();
                let highest = match state.highest.get(source) {
                    Some(known) => *known,
                    None => unsettled().max(*highest).unwrap_or([0; 32]),
                };
                state.highest.insert(*source, highest);
            }
            for key in keys {
                if state.highest.get(&source_of(key)).is_some_and(|highest| key > highest) {
                    continue;
                }
                match state.unsettled.iter().find_map(|generation| generation.keys.get(key)) {
                    Some(body) => drop(known.insert(*key, *body)),
                    None => asked.push(*key),
                }
            }
        }
        known.extend(store::bodies_of(tx, &asked).await?);
        Ok(known)
    }

    /// Takes in keys whose events are durable now.
    pub(super) fn add(&self, keys: impl IntoIterator<Item = (Key, Body)>, now: Instant) {
        let mut state = self.state.lock();
        let State { unsettled, highest } = &mut *state;
        if unsettled.back().is_none_or(|generation| generation.keys.len() >= GENERATION) {
            unsettled.push_back(Generation { keys: HashMap::new(), until: now });
        }
        let Some(generation) = unsettled.back_mut() else { return };
        generation.until = generation.until.max(now);
        for (key, body) in keys {
            if let Some(highest) = highest.get_mut(&source_of(&key)) {
                *highest = (*highest).max(key);
            }
            generation.keys.insert(key, body);
        }
    }

    /// Forgets keys that the index has: those of events that were durable before this instant.
    pub(super) fn settled_until(&self, settled: Instant) {
        let mut state = self.state.lock();
        while state.unsettled.front().is_some_and(|generation| generation.until < settled) {
            state.unsettled.pop_front();
        }
    }

    /// How many keys are not in the index yet.
    pub(super) fn unsettled(&self) -> usize {
        self.state.lock().unsettled.iter().map(|generation| generation.keys.len()).sum()
    }
}
