//! Decides which job runs next: by the plan's priority, then in turn between organizations, then by age. So many run at
//! once, and so many of one organization, that none of them can take all places.

use crate::{fair::FairQueue, job::JobKey};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, watch};

/// How many jobs run at once: in all, and of one organization.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    /// In all.
    pub(crate) most: usize,
    /// Of one organization.
    pub(crate) of_organization: usize,
}

/// Jobs that wait, and jobs that run.
#[derive(Debug)]
pub(crate) struct Queue {
    places: Places,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: FairQueue<JobKey>,
    running: HashMap<JobKey, watch::Sender<bool>>,
    of_organization: HashMap<String, usize>,
}

/// The place of a job that runs; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Arc<Queue>,
    pub(crate) key: JobKey,
    /// True once the job is to be stopped.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Queue {
    pub(crate) fn new(places: Places) -> Self {
        Self { places, state: Mutex::default(), changed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a job wait for its turn.
    pub(crate) fn push(&self, priority: i64, key: JobKey) {
        let org = key.org.clone();
        self.lock().waiting.push(priority, &org, key);
        self.changed.notify_one();
    }

    /// The next job that may run, once there is one.
    pub(crate) async fn next(self: &Arc<Self>) -> Place {
        loop {
            if let Some(place) = self.try_next() {
                return place;
            }
            self.changed.notified().await;
        }
    }

    fn try_next(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.lock();
        let State { waiting, running, of_organization } = &mut *state;
        if running.len() >= self.places.most {
            return None;
        }
        let has_place =
            |org: &str| of_organization.get(org).is_none_or(|running| *running < self.places.of_organization);
        let key = waiting.pop(has_place)?;
        let (stopper, stop) = watch::channel(false);
        *of_organization.entry(key.org.clone()).or_default() += 1;
        running.insert(key.clone(), stopper);
        Some(Place { queue: Arc::clone(self), key, stop })
    }

    /// Tells a job that runs to stop.
    pub(crate) fn stop(&self, key: &JobKey) {
        if let Some(stopper) = self.lock().running.get(key) {
            stopper.send_replace(true);
        }
    }

    /// How many jobs wait, and how many run.
    pub(crate) fn lengths(&self) -> (usize, usize) {
        let state = self.lock();
        (state.waiting.len(), state.running.len())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.running.remove(&self.key);
        if let Some(running) = state.of_organization.get_mut(&self.key.org) {
            *running -= 1;
            if *running == 0 {
                state.of_organization.remove(&self.key.org);
            }
        }
        drop(state);
        self.queue.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(org: &str, id: &str) -> JobKey {
        JobKey { org: org.to_owned(), project: String::new(), id: id.to_owned() }
    }

    #[test]
    fn no_organization_takes_all_places() {
        let queue = Arc::new(Queue::new(Places { most: 3, of_organization: 2 }));
        for id in ["1", "2", "3", "4"] {
            queue.push(9, key("greedy", id));
        }
        queue.push(1, key("other", "5"));
        let running: Vec<Place> = std::iter::from_fn(|| queue.try_next()).collect();
        let ids: Vec<&str> = running.iter().map(|place| place.key.id.as_str()).collect();
        assert_eq!(ids, ["1", "2", "5"]);
        assert_eq!(queue.lengths(), (2, 3));
        drop(running);
        assert_eq!(queue.try_next().unwrap().key.id, "3");
    }

    #[tokio::test]
    async fn who_waits_for_a_job_hears_of_it_and_of_a_place_that_is_free() {
        let queue = Arc::new(Queue::new(Places { most: 1, of_organization: 1 }));
        let (first, ()) = tokio::join!(queue.next(), async { queue.push(1, key("a", "1")) });
        queue.push(1, key("a", "2"));
        let (second, ()) = tokio::join!(queue.next(), async { drop(first) });
        assert!(!*second.stop.borrow());
        queue.stop(&second.key);
        assert!(*second.stop.borrow());
    }
}
