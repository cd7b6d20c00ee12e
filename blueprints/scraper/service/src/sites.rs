//! Politeness: to one site goes one request at a time, and a pause after each. Who waits for a site is served in turn
//! between organizations, so that nobody's many pages delay another's few.

use crate::fair::FairQueue;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

/// From how many sites on those that are idle are forgotten.
const REMEMBERED: usize = 4_096;

/// All sites that are visited. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sites(Arc<Mutex<HashMap<Arc<str>, Site>>>);

#[derive(Debug)]
struct Site {
    is_busy: bool,
    free_at: Instant,
    waiting: FairQueue<oneshot::Sender<Turn>>,
}

/// The one turn at a site. It ends when this is dropped; from then on the pause counts.
#[derive(Debug)]
pub(crate) struct Turn {
    sites: Sites,
    site: Arc<str>,
    pause: Duration,
}

impl Sites {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Site>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn, and for the pause after the turn before.
    pub(crate) async fn enter(&self, site: &str, org: &str) -> Turn {
        let turn = loop {
            let waiting = match self.claim(site, org) {
                Ok(turn) => break turn,
                Err(waiting) => waiting,
            };
            // The sender is never dropped without a turn; were it, this would ask again.
            if let Ok(turn) = waiting.await {
                break turn;
            }
        };
        let free_at = self.lock().get(site).map(|site| site.free_at);
        if let Some(free_at) = free_at {
            sleep_until(free_at).await;
        }
        turn
    }

    fn claim(&self, name: &str, org: &str) -> Result<Turn, oneshot::Receiver<Turn>> {
        let mut sites = self.lock();
        let now = Instant::now();
        if sites.len() >= REMEMBERED {
            sites.retain(|_, site| site.is_busy || site.free_at > now);
        }
        let key: Arc<str> = sites.get_key_value(name).map_or_else(|| name.into(), |(key, _)| Arc::clone(key));
        let site = sites.entry(Arc::clone(&key)).or_insert_with(|| Site {
            is_busy: false,
            free_at: now,
            waiting: FairQueue::default(),
        });
        if site.is_busy {
            let (sender, receiver) = oneshot::channel();
            site.waiting.push(0, org, sender);
            return Err(receiver);
        }
        site.is_busy = true;
        Ok(Turn { sites: self.clone(), site: key, pause: Duration::ZERO })
    }
}

impl Turn {
    /// How long nobody may go there after this turn; the longest that was said counts.
    pub(crate) fn pause(&mut self, pause: Duration) {
        self.pause = self.pause.max(pause);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut sites = self.sites.lock();
            let Some(site) = sites.get_mut(&self.site) else { return };
            site.free_at = site.free_at.max(Instant::now() + self.pause);
            let next = site.waiting.pop(|_| true);
            site.is_busy = next.is_some();
            next
        };
        if let Some(next) = next {
            let turn =
                Self { sites: self.sites.clone(), site: Arc::clone(&self.site), pause: Duration::ZERO };
            // Who no longer waits gives the turn back, which drops it: the next one's.
            drop(next.send(turn));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_with_a_pause_and_each_organization_in_turn() {
        let sites = Sites::default();
        let mut first = sites.enter("shop", "a").await;
        first.pause(Duration::from_secs(1));
        let began = Instant::now();
        let (done, mut order) = mpsc::unbounded_channel();
        for (org, number) in [("a", 1), ("a", 2), ("a", 3), ("b", 4)] {
            let (sites, done) = (sites.clone(), done.clone());
            tokio::spawn(async move {
                let mut turn = sites.enter("shop", org).await;
                turn.pause(Duration::from_secs(1));
                done.send((number, began.elapsed().as_secs())).unwrap();
            });
            // Each is waiting before the next comes.
            tokio::task::yield_now().await;
        }
        drop(first);
        drop(done);
        let mut seen = Vec::new();
        while let Some(one) = order.recv().await {
            seen.push(one);
        }
        assert_eq!(seen, [(1, 1), (4, 2), (2, 3), (3, 4)]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_keeps_nobody_out() {
        let sites = Sites::default();
        let first = sites.enter("shop", "a").await;
        let impatient = tokio::spawn({
            let sites = sites.clone();
            async move { sites.enter("shop", "b").await }
        });
        tokio::task::yield_now().await;
        impatient.abort();
        let _ = impatient.await;
        drop(first);
        drop(sites.enter("shop", "c").await);
        drop(sites.enter("other", "c").await);
    }
}
