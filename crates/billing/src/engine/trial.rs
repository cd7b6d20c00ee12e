//! A trial that begins later than the subscription, by what the operator offered.

use super::{
    Engine,
    change::{Changed, Wanted, When},
};
use crate::account::Status;
use insula_kernel::{Period, Result};

impl Engine<'_> {
    /// Takes something else on trial from here on: what was paid for the rest of the period is given back, and a whole
    /// period of it is charged when the trial is over. A trial that is going on never gets shorter by it.
    pub(crate) async fn try_out(&mut self, wanted: Wanted, days: u32) -> Result<Changed> {
        let at = self.instant_of(wanted.prorated_at)?;
        self.refuse_unless_changeable()?;
        let config = self.configure(&wanted).await?;
        self.refuse_other_currency(&config, at).await?;
        let (start, until) = match self.account.status {
            Status::Trialing => (self.account.period.start, self.account.trial_end),
            _ => (at, None),
        };
        let mut lines = Vec::new();
        if self.account.status != Status::Trialing {
            self.close_usage("usage", at).await?;
            lines = self.give_back(at, None).await?;
        }
        self.account.anchor = self.account.anchor.moved_to(at);
        let end = self.account.anchor.after_days(days).max(until.unwrap_or(at));
        self.account.status = Status::Trialing;
        self.account.trial_end = Some(end);
        self.account.period = Period { start, end };
        self.account.pending = None;
        self.switch(config, at).await?;
        self.touch(at);
        self.bill_lines("change", lines, at).await?;
        self.announce().await?;
        Ok(Changed { at, when: When::Now })
    }
}
