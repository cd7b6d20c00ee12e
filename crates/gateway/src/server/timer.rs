//! Timers that cost nothing while nothing is late.

use insula_kernel::Span;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};

/// A timer that is set again and again, mostly later: that costs less than making one each time.
#[derive(Default)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Lets it run out after so long.
    pub(crate) fn set(&mut self, after: Duration) {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().reset(Instant::now() + after),
            None => self.0 = Some(Box::pin(sleep(after))),
        }
    }

    /// Whether it has run out; never if it wasn't set.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(context))
    }
}

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
