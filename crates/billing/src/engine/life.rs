//! The life of a subscription: trials, pauses, ends, and what comes after them.

use super::{Engine, change::When};
use crate::{account::Status, definition::Recurring};
use insula_kernel::{Error, ErrorKind, Instant, Result};
use serde_json::json;

impl Engine<'_> {
    /// The subscription begins: with its plan's trial, or charged at once.
    pub(crate) async fn begin(&mut self, at: Instant) -> Result<()> {
        let config = self.account.config.clone();
        let trial = self.plan(&config.plan, config.version).await?.trial.clone();
        self.account.anchor = self.account.anchor.moved_to(at);
        self.account.usage_from = at;
        self.account.started_at = at;
        match trial {
            Some(trial) => {
                let end = self.account.anchor.after_days(trial.days);
                self.account.status = Status::Trialing;
                self.account.trial_end = Some(end);
                self.account.period = insula_kernel::Period { start: at, end };
                self.start_item(at).await
            }
            None => {
                self.account.status = Status::Active;
                self.account.period = self.account.anchor.containing(config.interval, at);
                self.start_item(at).await?;
                let lines = self.charges(at).await?;
                self.bill_lines("start", lines, at).await
            }
        }
    }

    /// The trial is over: with a way to pay it goes on charged, else as the plan says.
    pub(super) async fn end_trial(&mut self, at: Instant) -> Result<()> {
        if self.account.pays {
            return self.activate_from(at).await;
        }
        self.close_usage("trial", at).await?;
        let config = self.account.config.clone();
        let then = self.plan(&config.plan, config.version).await?.trial.clone().and_then(|trial| trial.then);
        let Some(plan) = then else {
            self.account.status = Status::PastDue;
            self.account.past_due_since = Some(at);
            self.run_from(at);
            self.end_item(at).await?;
            self.start_item(at).await?;
            self.publish("subscription.past_due", json!({ "reason": "trial_ended" })).await?;
            return self.announce().await;
        };
        let version = i64::from(crate::plan::current_version(self.tx, &plan).await?);
        let prices = self.plan(&plan, version).await?.prices.clone();
        let config = &mut self.account.config;
        // The plan that follows may not be sold in the interval of the trial; it is in its currency.
        let fits = |price: &&Recurring| price.price.currency == config.currency;
        if crate::definition::price_in(&prices, config.currency, config.interval).is_none()
            && let Some(price) = prices.iter().find(fits)
        {
            config.interval = price.interval;
        }
        config.plan = plan;
        config.version = version;
        config.add_ons.clear();
        self.activate_from(at).await
    }

    /// Charged from here on, in periods that begin here.
    async fn activate_from(&mut self, at: Instant) -> Result<()> {
        self.close_usage("trial", at).await?;
        self.account.status = Status::Active;
        self.account.trial_end = None;
        self.account.past_due_since = None;
        self.run_from(at);
        self.end_item(at).await?;
        self.start_item(at).await?;
        self.touch(at);
        let lines = self.charges(at).await?;
        self.bill_lines("start", lines, at).await?;
        self.recover().await?;
        self.announce().await
    }

    fn run_from(&mut self, at: Instant) {
        self.account.anchor = self.account.anchor.moved_to(at);
        self.account.period = self.account.anchor.containing(self.account.config.interval, at);
        self.account.usage_from = at;
        self.move_end();
    }

    /// An end that was to come with a period comes with the one that is paid for now, not in the middle of it.
    pub(super) fn move_end(&mut self) {
        self.account.cancel_at = self.account.cancel_at.map(|_| self.account.period.end);
    }

    /// There is a way to pay: a trial will be charged when it ends, or now; what was past due for want of one goes on.
    pub(crate) async fn activate(&mut self, when: When) -> Result<()> {
        let at = self.now();
        match (self.account.status, when) {
            (Status::Trialing, When::PeriodEnd) => {
                self.account.pays = true;
                self.touch(at);
                Ok(())
            }
            (Status::Trialing, When::Now) => {
                self.account.pays = true;
                self.activate_from(at).await
            }
            (Status::PastDue, _) if self.account.trial_end.is_some() => {
                self.account.pays = true;
                self.activate_from(at).await
            }
            (Status::PastDue, _) => Err(Error::new(
                ErrorKind::PaymentRequired,
                "subscription.past_due",
                "The subscription is past due; it goes on when what is owed is paid.",
            )),
            _ => Err(Error::new(
                ErrorKind::Conflict,
                "subscription.not_in_trial",
                "The subscription isn't in a trial.",
            )),
        }
    }

    /// Stops everything for a while. What was paid for the rest of the period is given back.
    pub(crate) async fn pause(&mut self) -> Result<()> {
        let at = self.instant_of(None)?;
        if self.account.status != Status::Active {
            return Err(Error::new(
                ErrorKind::Conflict,
                "subscription.not_active",
                "Only an active subscription can be paused.",
            ));
        }
        self.close_usage("usage", at).await?;
        let lines = self.give_back(at, None).await?;
        self.end_item(at).await?;
        self.account.status = Status::Paused;
        self.account.paused_at = Some(at);
        self.touch(at);
        self.bill_lines("pause", lines, at).await?;
        self.announce().await
    }

    /// Goes on after a pause: the rest of the period is charged.
    pub(crate) async fn resume(&mut self) -> Result<()> {
        let at = self.instant_of(None)?;
        if self.account.status != Status::Paused {
            return Err(Error::new(
                ErrorKind::Conflict,
                "subscription.not_paused",
                "The subscription isn't paused.",
            ));
        }
        self.account.status = Status::Active;
        self.account.paused_at = None;
        self.go_on(at).await?;
        let lines = self.charges(at).await?;
        self.touch(at);
        self.bill_lines("resume", lines, at).await?;
        self.announce().await
    }

    /// In the periods that there were, after a time without service.
    async fn go_on(&mut self, at: Instant) -> Result<()> {
        self.close_usage("usage", at).await?;
        self.account.period = self.account.anchor.containing(self.account.config.interval, at);
        self.account.usage_from = at;
        self.end_item(at).await?;
        self.start_item(at).await
    }

    /// Ends the subscription, now or with the period.
    pub(crate) async fn cancel(&mut self, when: When) -> Result<()> {
        let at = self.instant_of(None)?;
        if self.account.status == Status::Canceled {
            return Err(Error::new(
                ErrorKind::Conflict,
                "subscription.canceled",
                "The subscription was canceled already.",
            ));
        }
        let runs = matches!(self.account.status, Status::Active | Status::Trialing)
            || (self.account.status == Status::PastDue && self.account.lapsed_at.is_none());
        self.touch(at);
        if when == When::Now || !runs {
            return self.end(at).await;
        }
        self.account.pending = None;
        self.account.cancel_at = Some(self.account.period.end);
        self.announce().await
    }

    /// The end. What was used until here is billed; what was paid for isn't given back.
    pub(super) async fn end(&mut self, at: Instant) -> Result<()> {
        self.close_usage("final", at).await?;
        self.end_item(at).await?;
        self.account.status = Status::Canceled;
        self.account.canceled_at = Some(at);
        self.account.cancel_at = None;
        self.account.pending = None;
        self.account.past_due_since = None;
        self.announce().await
    }

    /// Takes back an end that is to come, or begins anew after one.
    pub(crate) async fn reactivate(&mut self) -> Result<()> {
        let at = self.instant_of(None)?;
        if self.account.status != Status::Canceled {
            if self.account.cancel_at.take().is_none() {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "subscription.not_canceled",
                    "The subscription wasn't canceled.",
                ));
            }
            self.touch(at);
            return self.announce().await;
        }
        self.close_usage("usage", at).await?;
        self.account.status = Status::Active;
        self.account.canceled_at = None;
        self.account.trial_end = None;
        self.run_from(at);
        self.end_item(at).await?;
        self.start_item(at).await?;
        self.touch(at);
        let lines = self.charges(at).await?;
        self.bill_lines("start", lines, at).await?;
        self.recover().await?;
        self.announce().await
    }

    /// An invoice wasn't paid in time.
    pub(super) async fn fall_due(&mut self, at: Instant) -> Result<()> {
        self.account.status = Status::PastDue;
        self.account.past_due_since = Some(at);
        self.publish("subscription.past_due", json!({ "reason": "unpaid" })).await?;
        self.announce().await
    }

    /// Past due for too long: the organization is suspended, and nothing more is charged.
    pub(super) async fn lapse(&mut self, at: Instant) -> Result<()> {
        self.close_usage("usage", at).await?;
        self.end_item(at).await?;
        self.account.lapsed_at = Some(at);
        self.publish("subscription.lapsed", json!({})).await
    }

    /// What was owed is paid: it goes on, from now if it had been stopped.
    pub(super) async fn settle_debt(&mut self) -> Result<()> {
        let at = self.now();
        self.account.status = Status::Active;
        self.account.past_due_since = None;
        if self.account.lapsed_at.is_some() {
            let paid_until = self.account.period.end;
            self.go_on(at).await?;
            if at >= paid_until {
                self.touch(at);
                self.account.lapsed_at = None;
                let lines = self.charges(at).await?;
                self.bill_lines("resume", lines, at).await?;
                self.publish("subscription.recovered", json!({})).await?;
                return self.announce().await;
            }
        }
        self.recover().await?;
        self.announce().await
    }

    async fn recover(&mut self) -> Result<()> {
        if self.account.lapsed_at.take().is_some() {
            self.publish("subscription.recovered", json!({})).await?;
        }
        Ok(())
    }
}
