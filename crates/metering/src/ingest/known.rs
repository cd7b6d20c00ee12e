//! Which events are known: each counts once for life.
//!
//! A key is 16 bytes of a digest of organization and source, and 16 bytes of the event's id: a UUID itself, of any other
//! id a digest. So the keys of one source whose ids follow the time (UUID version 7) follow each other too, and those
//! above the highest key known are new without a look into the index.
//!
//! What must always hold: a key is known from the moment on that its event is in the log, and for ever; whoever asks holds
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

impl State {
    /// The highest key of a source among those that aren't in the index yet.
    fn highest_unsettled(&self, source: &[u8; 16]) -> Option<Key> {
        let keys = self.unsettled.iter().flat_map(|generation| generation.keys.keys());
        keys.filter(|key| source_of(key) == *source).max().copied()
    }
}

/// Where the keys of one source begin.
fn source_of(key: &Key) -> [u8; 16] {
    let mut source = [0; 16];
    source.copy_from_slice(&key[..16]);
    source
}

/// What is known of keys beside the index: those that are in the log and not settled yet, and the highest of each source.
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

/// Keys that came into the log one after the other.
struct Generation {
    keys: HashMap<Key, Body>,
    /// When the last of them did.
    until: Instant,
}

/// What memory says of some keys, and what the index must be asked.
#[derive(Default)]
pub(super) struct Looked {
    /// Keys that are known, with the digest of the body each is known with.
    pub(super) known: HashMap<Key, Body>,
    /// Keys that may be in the index.
    asked: Vec<Key>,
    /// Sources whose highest key isn't known, with the highest of those that aren't in the index yet.
    sources: BTreeMap<[u8; 16], Option<Key>>,
}

impl Looked {
    /// Whether the index has to be asked. Only a transaction that begins after the look into memory will do: what memory
    /// has forgotten is in the index by then.
    pub(super) fn is_open(&self) -> bool {
        !self.asked.is_empty() || !self.sources.is_empty()
    }
}

impl Known {
    /// What memory says of these keys.
    pub(super) fn look(&self, keys: &[Key]) -> Looked {
        let state = self.state.lock();
        let mut looked = Looked::default();
        for key in keys {
            let source = source_of(key);
            match state.highest.get(&source) {
                Some(highest) if key > highest => continue,
                Some(_) => {}
                None => {
                    looked.sources.entry(source).or_insert_with(|| state.highest_unsettled(&source));
                }
            }
            match state.unsettled.iter().find_map(|generation| generation.keys.get(key)) {
                Some(body) => drop(looked.known.insert(*key, *body)),
                None => looked.asked.push(*key),
            }
        }
        looked
    }

    /// Asks the index what memory didn't know.
    pub(super) async fn ask(&self, tx: &mut PlatformTx, looked: &mut Looked) -> Result<()> {
        for (source, highest) in &mut looked.sources {
            let in_index = store::highest_key(tx, source).await?;
            *highest = Some(highest.unwrap_or_default().max(in_index));
        }
        looked.known.extend(store::bodies_of(tx, &looked.asked).await?);
        let mut state = self.state.lock();
        if state.highest.len() + looked.sources.len() > SOURCES {
            state.highest.clear();
        }
        let found = looked.sources.iter().filter_map(|(source, highest)| Some((*source, (*highest)?)));
        state.highest.extend(found);
        Ok(())
    }

    /// Takes in keys whose events are in the log now.
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

    /// Forgets keys that the index has: those of events that were in the log before this instant.
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
