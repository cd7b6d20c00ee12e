//! A bound on silence that costs nothing while there is none.

use insula_kernel::Span;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};

/// Runs out when something stays silent for too long. The timer is made at the first silence.
pub(crate) struct Silence {
    most: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    since: bool,
}

impl Silence {
    pub(crate) fn new(most: Span) -> Self {
        Self { most: most.to_std(), sleep: None, since: false }
    }

    /// Something was heard.
    pub(crate) const fn broken(&mut self) {
        self.since = false;
    }

    /// Nothing is heard at the moment: whether that has lasted too long.
    pub(crate) fn poll_lasted(&mut self, context: &mut Context<'_>) -> bool {
        let most = self.most;
        let sleep = self.sleep.get_or_insert_with(|| {
            self.since = true;
            Box::pin(sleep(most))
        });
        if !self.since {
            self.since = true;
            sleep.as_mut().reset(Instant::now() + most);
        }
        matches!(sleep.as_mut().poll(context), Poll::Ready(()))
    }
}
