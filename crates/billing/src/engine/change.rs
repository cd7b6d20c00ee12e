//! Changes of what is subscribed to.

use super::{Bill, Engine};
use crate::{
    account::{Config, Status, Taken},
    charges::Line,
    plan::{add_on_key, current_version},
};
use insula_kernel::{Currency, Error, ErrorKind, Instant, Result, Span};
use insula_rating::{Exact, Interval, Recurring, monthly_recurring};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long a preview's instant may be used.
const PREVIEW_LASTS: Span = Span::from_mins(10);
/// The most seats of a subscription.
const MOST_SEATS: u64 = 1_000_000;

/// When a change takes effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// At once: the rest of the old is given back, the rest of the new charged.
    Now,
    /// At the end of the period that was paid for.
    PeriodEnd,
}

/// What the billing anchor does at a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnchorChange {
    /// It stays, and so do the periods.
    Keep,
    /// A whole period begins with the change.
    Reset,
}

/// What is asked for; what isn't said stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) plan: Option<String>,
    pub(crate) currency: Option<Currency>,
    pub(crate) interval: Option<Interval>,
    pub(crate) seats: Option<u64>,
    /// How many of each add-on; those that aren't named stay.
    pub(crate) add_ons: BTreeMap<String, u32>,
    pub(crate) when: Option<When>,
    pub(crate) anchor: Option<AnchorChange>,
    /// The instant that a preview was computed for.
    pub(crate) prorated_at: Option<Instant>,
    /// Whether plans may be taken that come by offer only.
    pub(crate) by_operator: bool,
    /// A version of the plan other than the current one.
    pub(crate) version: Option<i64>,
}

/// What a change came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changed {
    pub(crate) at: Instant,
    pub(crate) when: When,
}

impl Engine<'_> {
    /// Changes what is subscribed to.
    pub(crate) async fn change(&mut self, wanted: Wanted) -> Result<Changed> {
        let at = self.instant_of(wanted.prorated_at)?;
        self.refuse_unless_changeable()?;
        let config = self.configure(&wanted).await?;
        if config == self.account.config {
            if self.account.pending.take().is_some() && wanted.when != Some(When::PeriodEnd) {
                // Back to what it is: only the change that was to come is called off.
                self.touch(at);
                return Ok(Changed { at, when: When::Now });
            }
            return Err(unchanged());
        }
        let when = match wanted.when {
            Some(when) => when,
            None => self.better_when(&config).await?,
        };
        match when {
            When::PeriodEnd => self.plan_ahead(config, at)?,
            When::Now => self.change_now(config, at, wanted.anchor).await?,
        }
        Ok(Changed { at, when })
    }

    fn plan_ahead(&mut self, config: Config, at: Instant) -> Result<()> {
        if self.account.cancel_at.is_some() {
            let detail = "The subscription ends with its period; reactivate it before it is changed.";
            return Err(Error::new(ErrorKind::Conflict, "subscription.canceled", detail));
        }
        self.account.pending = Some(config);
        self.touch(at);
        Ok(())
    }

    async fn change_now(&mut self, config: Config, at: Instant, anchor: Option<AnchorChange>) -> Result<()> {
        let old = self.account.config.clone();
        self.refuse_other_currency(&config, at).await?;
        self.account.pending = None;
        if !self.account.is_charged() {
            self.switch(config, at).await?;
            self.touch(at);
            return self.announce().await;
        }
        let resets = match anchor {
            Some(anchor) => anchor == AnchorChange::Reset,
            None => self.blueprint.billing().resets_anchor,
        };
        let new_periods = resets || config.interval != old.interval || config.currency != old.currency;
        if new_periods {
            self.close_usage("usage", at).await?;
        }
        let mut lines = self.give_back(at, if new_periods { None } else { Some(&config) }).await?;
        let kept = if new_periods { Vec::new() } else { self.offer(&old).await?.recurs(&old)? };
        self.switch(config.clone(), at).await?;
        if new_periods {
            self.account.anchor = self.account.anchor.moved_to(at);
            self.account.period = self.account.anchor.containing(config.interval, at);
            self.account.usage_from = at;
            self.move_end();
        }
        if self.account.is_charged() {
            let offer = self.offer(&config).await?;
            let cycle = self.account.period;
            for recurs in offer.recurs(&config)?.iter().filter(|recurs| !kept.contains(recurs)) {
                lines.push(recurs.charge(at, cycle, self.calendar())?);
            }
        }
        self.touch(at);
        self.bill_lines("change", lines, at).await?;
        self.announce().await
    }

    /// What was paid can be given back in its own currency alone.
    pub(super) async fn refuse_other_currency(&mut self, config: &Config, at: Instant) -> Result<()> {
        if config.currency != self.account.config.currency && !self.debited(at).await?.is_empty() {
            let detail = "The currency can't change in a period that was paid for; change it with its end.";
            return Err(Error::new(ErrorKind::Conflict, "subscription.currency_fixed", detail));
        }
        Ok(())
    }

    /// Bills what an act charges and gives back, at once.
    pub(super) async fn bill_lines(
        &mut self,
        reason: &'static str,
        lines: Vec<Line>,
        at: Instant,
    ) -> Result<()> {
        let operation = format!("{reason}:{}", self.account.sequence);
        self.bill(Bill { operation, reason, lines, usage: None, at, finalize_at: at }).await
    }

    /// The rest of everything that was debited for the time to come, except of what goes on in `kept`.
    pub(super) async fn give_back(&mut self, at: Instant, kept: Option<&Config>) -> Result<Vec<Line>> {
        let kept = match kept {
            Some(config) => self.offer(config).await?.recurs(config)?,
            None => Vec::new(),
        };
        let mut lines = Vec::new();
        for (debited, currency) in self.debited(at).await? {
            if !kept.iter().any(|recurs| debited.is_for(recurs)) {
                lines.extend(debited.credit(at, currency, self.calendar())?);
            }
        }
        Ok(lines)
    }

    /// Notes that something was changed.
    pub(super) fn touch(&mut self, at: Instant) {
        self.account.changed_at = at;
        self.account.sequence += 1;
    }

    /// The instant at which a change counts: now, or that of its preview.
    pub(super) fn instant_of(&self, previewed: Option<Instant>) -> Result<Instant> {
        let now = self.now();
        let at = previewed.unwrap_or(now);
        if at > now || now.saturating_since(at) > PREVIEW_LASTS {
            let detail = "The preview is too old, or of another time; ask for a new one.";
            return Err(Error::new(ErrorKind::Conflict, "subscription.preview_stale", detail));
        }
        if at <= self.account.changed_at && self.account.sequence > 0 {
            let detail = "The subscription was changed in between; read it again.";
            return Err(Error::new(ErrorKind::Conflict, "subscription.changed_meanwhile", detail));
        }
        let current = at >= self.account.usage_from && at < self.account.period.end;
        let is_bound = self.account.is_charged() && previewed.is_some();
        if is_bound && !current {
            let detail = "A period has ended since the preview; ask for a new one.";
            return Err(Error::new(ErrorKind::Conflict, "subscription.preview_stale", detail));
        }
        Ok(at)
    }

    pub(super) fn refuse_unless_changeable(&self) -> Result<()> {
        let refuse = |kind, code, detail| Err(Error::new(kind, code, detail));
        match self.account.status {
            Status::Paused => refuse(
                ErrorKind::PaymentRequired,
                "subscription.paused",
                "The subscription is paused; resume it before it is changed.",
            ),
            Status::Canceled => refuse(
                ErrorKind::PaymentRequired,
                "subscription.canceled",
                "The subscription was canceled; reactivate it before it is changed.",
            ),
            // After a trial nothing is charged before it is activated, on whichever plan.
            Status::PastDue if self.account.trial_end.is_none() => refuse(
                ErrorKind::PaymentRequired,
                "subscription.past_due",
                "The subscription is past due; what is owed comes before a change.",
            ),
            Status::Prepared | Status::Trialing | Status::Active | Status::PastDue => Ok(()),
        }
    }

    /// What the subscription would be.
    pub(super) async fn configure(&mut self, wanted: &Wanted) -> Result<Config> {
        let mut config = self.account.config.clone();
        if let Some(plan) = &wanted.plan {
            let offered = self.blueprint.plan_index(plan).and_then(|index| self.blueprint.plan(index));
            let is_own = *plan == config.plan;
            let is_accepted = offered.is_none() && !is_own && self.has_accepted(plan).await?;
            match offered {
                None if is_accepted && wanted.by_operator => {}
                None if is_accepted => return Err(by_offer(plan)),
                None if !is_own => {
                    return Err(field("/plan", "unknown", format!("There is no plan `{plan}`.")));
                }
                Some(offered) if !offered.self_service && !is_own && !wanted.by_operator => {
                    return Err(by_offer(plan));
                }
                _ => {}
            }
            // Whoever is on a plan keeps the version, unless the operator moves them.
            if !is_own || wanted.version.is_some() {
                config.version = match wanted.version {
                    Some(version) => version,
                    None => i64::from(current_version(self.tx, plan).await?),
                };
                config.plan.clone_from(plan);
            }
        }
        config.currency = wanted.currency.unwrap_or(config.currency);
        config.interval = wanted.interval.unwrap_or(config.interval);
        let definition = self.plan(&config.plan, config.version).await?;
        if definition.price(config.currency, config.interval).is_none() && !definition.prices.is_empty() {
            return self.refuse_unpriced(&config, wanted, &definition.prices);
        }
        let included = definition.seats.as_ref().map_or(1, |seats| seats.included.max(1));
        config.seats = wanted.seats.unwrap_or_else(|| config.seats.max(included));
        if definition.seats.is_none() && wanted.seats.is_none() {
            config.seats = 1;
        }
        check_seats(&config, wanted, definition.seats.as_ref().map(|seats| seats.included))?;
        self.take_add_ons(&mut config, wanted).await?;
        Ok(config)
    }

    /// Whether a plan is of this organization's own.
    async fn has_accepted(&mut self, plan: &str) -> Result<bool> {
        crate::offer::is_accepted(self.tx, self.account.org, plan).await
    }

    fn refuse_unpriced<T>(
        &self,
        config: &Config,
        wanted: &Wanted,
        prices: &[crate::definition::Recurring],
    ) -> Result<T> {
        let (currency, interval) = (config.currency.code(), config.interval.name());
        let pointer = match (wanted.currency, wanted.interval) {
            (Some(currency), _) if prices.iter().all(|price| price.price.currency != currency) => "/currency",
            (_, Some(_)) => "/interval",
            _ => "/plan",
        };
        let detail = format!("`{}` has no price in {currency} per {interval}.", config.plan);
        Err(field(pointer, "no_price", detail))
    }

    /// The currency and the interval in which a plan has a price, those of now before others; `None` if nothing need change.
    pub(crate) async fn nearest_price(&mut self, plan: &str) -> Result<Option<(Currency, Interval)>> {
        // A plan that there isn't is refused when it is taken.
        let Ok(version) = current_version(self.tx, plan).await else { return Ok(None) };
        let definition = self.plan(plan, i64::from(version)).await?;
        let config = &self.account.config;
        if definition.price(config.currency, config.interval).is_some() {
            return Ok(None);
        }
        let prices = &definition.prices;
        let near = prices.iter().find(|price| price.price.currency == config.currency).or(prices.first());
        Ok(near.map(|near| (near.price.currency, near.interval)))
    }

    async fn take_add_ons(&mut self, config: &mut Config, wanted: &Wanted) -> Result<()> {
        for (name, quantity) in &wanted.add_ons {
            let pointer = || format!("/add_ons/{name}");
            if *quantity == 0 {
                config.add_ons.remove(name);
                continue;
            }
            let known = self.blueprint.add_ons().iter().any(|add_on| add_on.name == *name);
            let version = match config.add_ons.get(name) {
                Some(taken) => taken.version,
                None if known => i64::from(current_version(self.tx, &add_on_key(name)).await?),
                None => return Err(field(&pointer(), "unknown", format!("There is no add-on `{name}`."))),
            };
            let definition = self.add_on(name, version).await?;
            if *quantity > definition.most {
                let detail = format!("`{name}` can be taken {} times at most.", definition.most);
                return Err(field(&pointer(), "too_many", detail));
            }
            config.add_ons.insert(name.clone(), Taken { version, quantity: *quantity });
        }
        let base = self.plan(&config.plan, config.version).await?.base.clone();
        let base = base.unwrap_or_else(|| config.plan.clone());
        let names: Vec<(String, Taken)> =
            config.add_ons.iter().map(|(name, taken)| (name.clone(), *taken)).collect();
        for (name, taken) in names {
            let definition = self.add_on(&name, taken.version).await?;
            let fits = definition.plans.is_empty() || definition.plans.contains(&base);
            if !fits && wanted.add_ons.contains_key(&name) {
                let detail = format!("`{name}` can't be had on `{}`.", config.plan);
                return Err(field(&format!("/add_ons/{name}"), "not_for_plan", detail));
            }
            let price = crate::definition::price_in(&definition.prices, config.currency, config.interval);
            if !fits {
                config.add_ons.remove(&name);
            } else if price.is_none() && !definition.prices.is_empty() {
                let (currency, interval) = (config.currency.code(), config.interval.name());
                let detail = format!("`{name}` has no price in {currency} per {interval}.");
                return Err(field(&format!("/add_ons/{name}"), "no_price", detail));
            }
        }
        Ok(())
    }

    /// More takes effect at once, less with the end of the period.
    async fn better_when(&mut self, config: &Config) -> Result<When> {
        if !self.account.is_charged() {
            return Ok(When::Now);
        }
        let old = self.account.config.clone();
        let monthly = |recurs: Vec<crate::charges::Recurs>, config: &Config| {
            let recurring =
                recurs.into_iter().map(|one| Recurring { amount: one.whole, interval: config.interval });
            monthly_recurring(recurring, config.currency).map_err(crate::charges::too_large)
        };
        let before = monthly(self.offer(&old).await?.recurs(&old)?, &old)?;
        let after = monthly(self.offer(config).await?.recurs(config)?, config)?;
        let less = config.currency != old.currency || Exact::money(after) < Exact::money(before);
        // A shorter interval can't take back what a longer one was paid for.
        let shorter = config.interval.months() < old.interval.months();
        Ok(if less || shorter { When::PeriodEnd } else { When::Now })
    }
}

fn check_seats(config: &Config, wanted: &Wanted, included: Option<u64>) -> Result<()> {
    let Some(seats) = wanted.seats else { return Ok(()) };
    if included.is_none() {
        return Err(field("/seats", "not_by_seat", format!("`{}` isn't billed by the seat.", config.plan)));
    }
    if !(1..=MOST_SEATS).contains(&seats) {
        return Err(field("/seats", "out_of_range", format!("There can be 1 to {MOST_SEATS} seats.")));
    }
    Ok(())
}

fn by_offer(plan: &str) -> Error {
    field("/plan", "by_offer", format!("The plan `{plan}` comes by offer only."))
}

fn field(pointer: &str, code: &'static str, detail: String) -> Error {
    Error::invalid_field(pointer, code, detail)
}

fn unchanged() -> Error {
    let detail = "The subscription is what is asked for already.";
    Error::new(ErrorKind::Conflict, "subscription.unchanged", detail)
}
