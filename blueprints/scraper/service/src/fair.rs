//! A queue that is fair between tenants: by priority first, then each tenant of that priority in turn, then in the order
//! in which they came.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

/// What waits, by priority and tenant.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    lanes: BTreeMap<Reverse<i64>, Lane<T>>,
    length: usize,
}

/// What waits at one priority.
#[derive(Debug)]
struct Lane<T> {
    /// The tenants that have something waiting, each once; the first is served next.
    turns: VecDeque<Arc<str>>,
    waiting: HashMap<Arc<str>, VecDeque<T>>,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new(), length: 0 }
    }
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { turns: VecDeque::new(), waiting: HashMap::new() }
    }
}

impl<T> FairQueue<T> {
    pub(crate) fn push(&mut self, priority: i64, tenant: &str, item: T) {
        let lane = self.lanes.entry(Reverse(priority)).or_default();
        if let Some(waiting) = lane.waiting.get_mut(tenant) {
            waiting.push_back(item);
        } else {
            let tenant: Arc<str> = tenant.into();
            lane.turns.push_back(Arc::clone(&tenant));
            lane.waiting.insert(tenant, VecDeque::from([item]));
        }
        self.length += 1;
    }

    /// Takes out what is next of a tenant that may be served.
    pub(crate) fn pop(&mut self, may_be_served: impl Fn(&str) -> bool) -> Option<T> {
        let mut found = None;
        for (priority, lane) in &mut self.lanes {
            if let Some(item) = lane.pop(&may_be_served) {
                found = Some((*priority, lane.turns.is_empty(), item));
                break;
            }
        }
        let (priority, is_empty, item) = found?;
        if is_empty {
            self.lanes.remove(&priority);
        }
        self.length -= 1;
        Some(item)
    }

    pub(crate) const fn len(&self) -> usize {
        self.length
    }
}

impl<T> Lane<T> {
    fn pop(&mut self, may_be_served: impl Fn(&str) -> bool) -> Option<T> {
        let place = self.turns.iter().position(|tenant| may_be_served(tenant))?;
        let tenant = self.turns.remove(place)?;
        let waiting = self.waiting.get_mut(&tenant)?;
        let item = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut FairQueue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop(|_| true)).collect()
    }

    #[test]
    fn tenants_of_one_priority_take_turns() {
        let mut queue = FairQueue::default();
        for item in ["a1", "a2", "a3"] {
            queue.push(1, "a", item);
        }
        queue.push(1, "b", "b1");
        queue.push(1, "c", "c1");
        queue.push(1, "b", "b2");
        assert_eq!(queue.len(), 6);
        assert_eq!(drain(&mut queue), ["a1", "b1", "c1", "a2", "b2", "a3"]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_higher_priority_goes_first() {
        let mut queue = FairQueue::default();
        queue.push(1, "a", "low");
        queue.push(3, "b", "high");
        queue.push(2, "c", "middle");
        assert_eq!(drain(&mut queue), ["high", "middle", "low"]);
    }

    #[test]
    fn who_may_not_be_served_keeps_their_turn_and_delays_nobody() {
        let mut queue = FairQueue::default();
        queue.push(2, "a", "a1");
        queue.push(2, "a", "a2");
        queue.push(1, "b", "b1");
        assert_eq!(queue.pop(|tenant| tenant != "a"), Some("b1"));
        assert_eq!(queue.pop(|tenant| tenant != "a"), None);
        assert_eq!(drain(&mut queue), ["a1", "a2"]);
    }
}
