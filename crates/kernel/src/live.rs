//! Data that the request path reads on every request: in memory, without a lock, current at once.

use arc_swap::{ArcSwap, Guard};
use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hash, RandomState},
    sync::Arc,
};

const SHARDS: usize = 1_024;

/// A map that many threads read while few change it.
///
/// It is cut into shards, each an immutable map behind an atomic pointer. A reader takes no lock and waits for nobody;
/// a change copies one shard, and every reader that starts after it sees it.
pub struct LiveMap<K, V> {
    shards: Box<[ArcSwap<HashMap<K, V>>]>,
    hasher: RandomState,
}

impl<K: Eq + Hash + Clone, V: Clone> Default for LiveMap<K, V> {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| ArcSwap::default()).collect(), hasher: RandomState::new() }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> LiveMap<K, V> {
    /// A map of these entries.
    #[must_use]
    pub fn load(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        let map = Self::default();
        map.extend(entries);
        map
    }

    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below the number of shards")]
    fn index(&self, key: &K) -> usize {
        (self.hasher.hash_one(key) % SHARDS as u64) as usize
    }

    fn shard(&self, key: &K) -> Guard<Arc<HashMap<K, V>>> {
        self.shards[self.index(key)].load()
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<V> {
        self.shard(key).get(key).cloned()
    }

    /// What `read` makes of the value of a key, without copying it.
    pub fn read<T>(&self, key: &K, read: impl FnOnce(&V) -> T) -> Option<T> {
        self.shard(key).get(key).map(read)
    }

    /// Shows every key with its value. What changes meanwhile may be seen or not.
    pub fn for_each(&self, mut see: impl FnMut(&K, &V)) {
        for shard in &self.shards {
            shard.load().iter().for_each(|(key, value)| see(key, value));
        }
    }

    /// Sets the value of a key.
    pub fn insert(&self, key: &K, value: &V) {
        self.change(key, |shard| {
            shard.insert(key.clone(), value.clone());
        });
    }

    /// Sets the values of many keys, each shard at once: one by one, every key would copy what its shard has by then.
    pub fn extend(&self, entries: impl IntoIterator<Item = (K, V)>) {
        let mut by_shard: Vec<Vec<(K, V)>> = (0..SHARDS).map(|_| Vec::new()).collect();
        for (key, value) in entries {
            by_shard[self.index(&key)].push((key, value));
        }
        for (shard, entries) in self.shards.iter().zip(by_shard).filter(|(_, entries)| !entries.is_empty()) {
            shard.rcu(|values| {
                let mut copy = HashMap::clone(values);
                copy.extend(entries.iter().cloned());
                copy
            });
        }
    }

    /// Removes a key.
    pub fn remove(&self, key: &K) {
        self.change(key, |shard| {
            shard.remove(key);
        });
    }

    /// Changes the value of a key, if it is there.
    pub fn update(&self, key: &K, change: impl Fn(&mut V)) {
        self.change(key, |shard| {
            if let Some(value) = shard.get_mut(key) {
                change(value);
            }
        });
    }

    /// Changes every value.
    pub fn update_all(&self, change: impl Fn(&mut V)) {
        for shard in &self.shards {
            shard.rcu(|values| {
                let mut copy = HashMap::clone(values);
                copy.values_mut().for_each(&change);
                copy
            });
        }
    }

    fn change(&self, key: &K, change: impl Fn(&mut HashMap<K, V>)) {
        self.shards[self.index(key)].rcu(|shard| {
            let mut copy = HashMap::clone(shard);
            change(&mut copy);
            copy
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrent_changes_are_all_kept() {
        let map = LiveMap::load((0..100).map(|n| (n, 0)));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..100).for_each(|n| map.update(&n, |value| *value += 1)));
            }
        });
        assert!((0..100).all(|n| map.get(&n) == Some(8)));
        map.remove(&5);
        assert_eq!(map.get(&5), None);
        map.extend((5..200).map(|n| (n, n)));
        assert!((0..200).all(|n| map.get(&n) == Some(if n < 5 { 8 } else { n })));
    }
}
