//! Moves one subscription through time, and writes what that costs.
//!
//! What must always hold: everything that happens to a subscription happens in one transaction that holds its row, in the
//! order of time, each thing at its own instant however late it is noticed; so it happens once, whatever is killed or
//! runs beside. A preview is the same work in a transaction that is never committed, so it says to the cent what will be
//! charged.

mod change;
mod finalize;
mod life;
mod money;
mod together;
mod trial;
mod usage;

pub use change::{AnchorChange, When};
pub(crate) use change::{Changed, Wanted};
use together::Together;
pub(crate) use together::run_all;
pub(crate) use usage::Range;

use crate::{
    account::{Account, AccountRow, Config, Status, json, signed},
    charges::{Calendar, Debited, Line, Offer},
    definition::{AddOnDefinition, Definition},
    store::{
        DEBITED, DUE_SUBSCRIPTIONS, END_ITEM, INSERT_INVOICE, INSERT_LINES, INVOICES_WAITING,
        LOCK_SUBSCRIPTIONS, PLAN_VERSION, SAVE_SUBSCRIPTIONS, START_ITEM, SUBSCRIPTION_OF,
    },
};
use insula_blueprint::Compiled;
use insula_kernel::{Currency, Env, Error, Instant, InvoiceId, ItemId, OrgId, Period, Result, Span};
use insula_storage::{
    PlatformTx, Value, args,
    journal::{Actor, AuditEntry, Message},
    row,
};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json as object};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// The most things that are done to one subscription in one transaction: many years of periods.
const MOST_STEPS: usize = 10_000;

/// Versions of plans and add-ons that were read. They never change, so they may be kept.
#[derive(Default)]
pub struct Catalogue {
    plans: HashMap<(String, i64), Arc<Definition>>,
    add_ons: HashMap<(String, i64), Arc<AddOnDefinition>>,
}

/// One subscription at work.
pub(crate) struct Engine<'a> {
    pub(crate) tx: &'a mut PlatformTx,
    pub(crate) env: &'a Env,
    pub(crate) blueprint: &'a Compiled,
    pub(crate) catalogue: &'a mut Catalogue,
    pub(crate) account: Account,
    /// The invoices that were made.
    pub(crate) made: Vec<InvoiceId>,
    /// The invoices that wait for something, once they were asked for.
    waiting: Option<Vec<Waiting>>,
    /// Where to leave what is written for several subscriptions at once, if it is one of several.
    together: Option<&'a mut Together>,
    /// Whether what is owed counts as paid in time: nobody wants to be told of an invoice that supposes the opposite.
    supposes_payment: bool,
}

/// Something whose time comes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due {
    /// An invoice that waited for late events becomes final.
    Finalize(InvoiceId),
    /// The trial is over.
    TrialEnd,
    /// The subscription was to end here.
    Cancel,
    /// A month of usage, or a billing period, is over.
    Boundary,
    /// An invoice isn't paid in time.
    Overdue,
    /// Past due for too long.
    Lapse,
}

row! {
    /// An invoice that waits for something.
    struct Waiting {
        org: OrgId,
        id: InvoiceId,
        status: String,
        finalize_at: Instant,
        due_at: Option<Instant>,
        due: i64,
    }
}

/// The lines of an invoice to be made.
pub(crate) struct Bill {
    /// Names it: there is one invoice of an organization for it.
    pub(crate) operation: String,
    pub(crate) reason: &'static str,
    pub(crate) lines: Vec<Line>,
    /// The usage that is put on it when it becomes final.
    pub(crate) usage: Option<Period>,
    pub(crate) at: Instant,
    pub(crate) finalize_at: Instant,
}

/// Organizations for which something is to be done by this instant, the longest waiting first.
pub(crate) async fn due(tx: &mut PlatformTx, now: Instant, limit: u32) -> Result<Vec<OrgId>> {
    let found: Vec<(OrgId,)> = tx.fetch_all(&DUE_SUBSCRIPTIONS, args![now, limit]).await?;
    Ok(found.into_iter().map(|(org,)| org).collect())
}

impl<'a> Engine<'a> {
    /// Takes the subscription of an organization for writing.
    pub(crate) async fn lock(
        tx: &'a mut PlatformTx,
        env: &'a Env,
        blueprint: &'a Compiled,
        catalogue: &'a mut Catalogue,
        org: OrgId,
    ) -> Result<Self> {
        let found: Vec<AccountRow> = tx.fetch_rows(&LOCK_SUBSCRIPTIONS, args![org]).await?;
        let account = found.into_iter().next().ok_or_else(|| Error::not_found("subscription"))?.try_into()?;
        Ok(Self::of(tx, env, blueprint, catalogue, account))
    }

    /// Looks at the subscription of an organization, if there is one, without taking it.
    pub(crate) async fn look(
        tx: &'a mut PlatformTx,
        env: &'a Env,
        blueprint: &'a Compiled,
        catalogue: &'a mut Catalogue,
        org: OrgId,
    ) -> Result<Option<Self>> {
        let found: Option<AccountRow> = tx.fetch_optional(&SUBSCRIPTION_OF, args![org]).await?;
        let Some(account) = found else { return Ok(None) };
        Ok(Some(Self::of(tx, env, blueprint, catalogue, account.try_into()?)))
    }

    /// For a subscription that was read in this transaction.
    pub(crate) fn of(
        tx: &'a mut PlatformTx,
        env: &'a Env,
        blueprint: &'a Compiled,
        catalogue: &'a mut Catalogue,
        account: Account,
    ) -> Self {
        let (made, supposes_payment) = (Vec::new(), false);
        Self { tx, env, blueprint, catalogue, account, made, waiting: None, together: None, supposes_payment }
    }

    /// The organization's own time.
    pub(crate) fn now(&self) -> Instant {
        self.account.time(self.env.now())
    }

    /// Does everything whose time has come, in order, and writes the subscription back.
    pub(crate) async fn run(&mut self, until: Instant) -> Result<()> {
        if self.account.status == Status::Prepared {
            // Its organization is visible, or nobody would ask: only the message of that is still under way.
            self.begin(self.account.started_at).await?;
        }
        for _ in 0..MOST_STEPS {
            match self.next().await? {
                Some((at, due)) if at <= until => self.act(due, at).await?,
                next => return self.save(next.map(|(at, _)| at)).await,
            }
        }
        Err(Error::internal(format!("{} has no end of things to do", self.account.id)))
    }

    /// Goes on to where the next invoice is final, and says which it is; none if none will come. For previews alone: the
    /// transaction must not be committed.
    pub(crate) async fn foresee(&mut self) -> Result<Option<InvoiceId>> {
        let until = match self.account.status {
            Status::Trialing => self.account.trial_end,
            Status::Active | Status::PastDue if self.account.lapsed_at.is_none() => {
                Some(self.account.usage_until())
            }
            _ => None,
        };
        let Some(until) = until else { return Ok(None) };
        self.made.clear();
        self.supposes_payment = true;
        self.run(until + self.blueprint.billing().grace).await?;
        Ok(self.made.last().copied())
    }

    /// Writes the subscription back after something else was done to it.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        let next = self.next().await?;
        self.save(next.map(|(at, _)| at)).await
    }

    async fn save(&mut self, due_at: Option<Instant>) -> Result<()> {
        let row = self.account.values(due_at);
        match &mut self.together {
            Some(together) => together.save(row),
            None => drop(self.tx.execute_rows(&SAVE_SUBSCRIPTIONS, row).await?),
        }
        Ok(())
    }

    /// What comes next, and when.
    async fn next(&mut self) -> Result<Option<(Instant, Due)>> {
        let account = &self.account;
        let mut all: Vec<(Instant, Due)> = Vec::new();
        let runs = matches!(account.status, Status::Active | Status::PastDue) && account.lapsed_at.is_none();
        if runs {
            all.push((account.usage_until(), Due::Boundary));
        }
        if account.status == Status::Trialing {
            all.extend(account.trial_end.map(|at| (at, Due::TrialEnd)));
        }
        if account.status != Status::Canceled {
            all.extend(account.cancel_at.map(|at| (at, Due::Cancel)));
        }
        let supposed = self.supposes_payment;
        if let (Status::PastDue, Some(since), None, false) =
            (account.status, account.past_due_since, account.lapsed_at, supposed)
        {
            let config = account.config.clone();
            let days = self.plan(&config.plan, config.version).await?.grace_days;
            all.push((since + Span::from_days(i64::from(days)), Due::Lapse));
        }
        let is_active = self.account.status == Status::Active && !supposed;
        for invoice in self.waiting().await? {
            match (invoice.status.as_str(), invoice.due_at) {
                ("draft", _) => all.push((invoice.finalize_at, Due::Finalize(invoice.id))),
                (_, Some(due_at)) if is_active && invoice.due > 0 => all.push((due_at, Due::Overdue)),
                _ => {}
            }
        }
        Ok(all.into_iter().min())
    }

    async fn waiting(&mut self) -> Result<&[Waiting]> {
        let known = match self.waiting.take() {
            Some(known) => known,
            None => self.tx.fetch_rows(&INVOICES_WAITING, args![self.account.org]).await?,
        };
        Ok(self.waiting.insert(known))
    }

    /// Keeps what is known of the invoices that wait as it was written.
    fn note_waiting(&mut self, id: InvoiceId, status: &str, due_at: Option<Instant>, due: i64) {
        let known = self.waiting.iter_mut().flatten().find(|invoice| invoice.id == id);
        if let Some(invoice) = known {
            *invoice = Waiting { status: status.to_owned(), due_at, due, ..*invoice };
        }
    }

    async fn act(&mut self, due: Due, at: Instant) -> Result<()> {
        match due {
            Due::Finalize(invoice) => self.finalize(invoice, at).await,
            Due::TrialEnd => self.end_trial(at).await,
            Due::Cancel => self.end(at).await,
            Due::Boundary => self.cross_boundary(at).await,
            Due::Overdue => self.fall_due(at).await,
            Due::Lapse => self.lapse(at).await,
        }
    }

    /// A month of usage is over, and perhaps the period that was paid for.
    async fn cross_boundary(&mut self, at: Instant) -> Result<()> {
        let mut lines = Vec::new();
        let usage = Period { start: self.account.usage_from, end: at };
        // The invoice is of the month and the cycle that end here, whatever begins.
        let bill = self.usage_bill(format!("period:{}", at.as_micros()), "period", usage, at);
        let (cycle, month) = (self.account.period, self.account.month());
        let mut usage_is_closed = false;
        if at >= self.account.period.end {
            if let Some(pending) = self.account.pending.take() {
                if pending.currency != self.account.config.currency {
                    // One invoice has one currency.
                    self.close_usage("usage", at).await?;
                    usage_is_closed = true;
                }
                self.switch(pending, at).await?;
                self.announce().await?;
            }
            let interval = self.account.config.interval;
            let next = self.account.anchor.containing(interval, at);
            // Another interval doesn't meet the boundaries of the one before.
            if next.start != at {
                self.account.anchor = self.account.anchor.moved_to(at);
            }
            self.account.period = self.account.anchor.containing(interval, at);
            if self.account.is_charged() {
                lines = self.charges(at).await?;
            }
        }
        self.account.usage_from = at;
        let usage = bill.usage.filter(|_| !usage_is_closed);
        self.bill_in(Bill { lines, usage, ..bill }, cycle, month).await
    }

    /// An invoice for usage that ends here, final once late events have had their time.
    fn usage_bill(&self, operation: String, reason: &'static str, usage: Period, at: Instant) -> Bill {
        let finalize_at = at + self.blueprint.billing().grace;
        Bill { operation, reason, lines: Vec::new(), usage: Some(usage), at, finalize_at }
    }

    /// Puts the usage so far on an invoice of its own, since something else begins.
    pub(super) async fn close_usage(&mut self, reason: &'static str, at: Instant) -> Result<()> {
        let usage = Period { start: self.account.usage_from, end: at };
        if usage.start >= usage.end {
            return Ok(());
        }
        let bill = self.usage_bill(format!("{reason}:{}", at.as_micros()), reason, usage, at);
        self.bill(bill).await?;
        self.account.usage_from = at;
        Ok(())
    }

    /// The charges of everything that recurs, from an instant to the end of the period.
    pub(super) async fn charges(&mut self, from: Instant) -> Result<Vec<Line>> {
        let offer = self.offer(&self.account.config.clone()).await?;
        let recurs = offer.recurs(&self.account.config)?;
        recurs.iter().map(|one| one.charge(from, self.account.period, self.calendar())).collect()
    }

    pub(super) fn calendar(&self) -> Calendar<'_> {
        Calendar { anchor: &self.account.anchor, proration: self.blueprint.billing().proration }
    }

    /// What was debited for the time after an instant.
    pub(super) async fn debited(&mut self, at: Instant) -> Result<Vec<(Debited, Currency)>> {
        let rows: Vec<DebitedRow> = self.tx.fetch_all(&DEBITED, args![self.account.org, at]).await?;
        let mut left: BTreeMap<InvoiceId, i64> = BTreeMap::new();
        let mut all = Vec::new();
        for row in rows {
            // What credit notes gave back of the invoice isn't given back again, line after line.
            let noted = left.entry(row.invoice).or_insert(row.credited);
            let credited = (*noted).min(row.amount);
            *noted -= credited;
            let debited = Debited {
                key: row.key,
                item: row.item,
                version: row.version,
                description: row.description,
                cycle_start: row.cycle_start,
                period: Period { start: row.period_start, end: row.period_end },
                quantity: row.quantity,
                amount: row.amount,
                whole: row.whole,
                credited,
            };
            all.push((debited, crate::account::currency(&row.currency)?));
        }
        Ok(all)
    }

    /// Another version of another plan, or other terms of it, hold from here on.
    pub(super) async fn switch(&mut self, config: Config, at: Instant) -> Result<()> {
        self.account.config = config;
        self.end_item(at).await?;
        self.start_item(at).await
    }

    pub(super) async fn end_item(&mut self, at: Instant) -> Result<()> {
        self.tx.execute(&END_ITEM, args![self.account.org, at]).await?;
        Ok(())
    }

    pub(super) async fn start_item(&mut self, at: Instant) -> Result<()> {
        let Config { plan, version, currency, interval, seats, add_ons } = &self.account.config;
        let is_trial = self.account.status == Status::Trialing;
        let id = ItemId::generate(self.env);
        let values = args![
            self.account.org,
            id,
            plan.as_str(),
            *version,
            currency.code(),
            interval.name(),
            signed(*seats),
            json(add_ons),
            is_trial,
            at
        ];
        self.tx.execute(&START_ITEM, values).await?;
        Ok(())
    }

    /// Makes an invoice of the cycle and the month that are going on.
    pub(super) async fn bill(&mut self, bill: Bill) -> Result<()> {
        let (cycle, month) = (self.account.period, self.account.month());
        self.bill_in(bill, cycle, month).await
    }

    /// Makes an invoice, final at once if nothing is to be waited for. Nothing to bill makes none.
    async fn bill_in(&mut self, bill: Bill, cycle: Period, month: Period) -> Result<()> {
        let Bill { operation, reason, lines, usage, at, finalize_at } = bill;
        if lines.is_empty() && usage.is_none() {
            return Ok(());
        }
        let id = InvoiceId::generate(self.env);
        let values = args![
            self.account.org,
            id,
            operation,
            reason,
            self.account.config.currency.code(),
            at,
            usage.map(|usage| usage.start),
            usage.map(|usage| usage.end),
            cycle.start,
            cycle.end,
            month.start,
            month.end,
            finalize_at
        ];
        self.tx.execute(&INSERT_INVOICE, values).await?;
        self.made.push(id);
        if let Some(waiting) = &mut self.waiting {
            let org = self.account.org;
            waiting.push(Waiting { org, id, status: "draft".to_owned(), finalize_at, due_at: None, due: 0 });
        }
        self.insert_lines(id, 1, &lines).await?;
        if finalize_at <= at { self.finalize(id, at).await } else { Ok(()) }
    }

    pub(super) async fn insert_lines(
        &mut self,
        invoice: InvoiceId,
        first: i64,
        lines: &[Line],
    ) -> Result<()> {
        let rows: Vec<Value> =
            lines.iter().zip(first..).flat_map(|(line, at)| self.line_values(invoice, at, line)).collect();
        if !rows.is_empty() {
            self.tx.execute_rows(&INSERT_LINES, rows).await?;
        }
        Ok(())
    }

    fn line_values(&self, invoice: InvoiceId, position: i64, line: &Line) -> Vec<Value> {
        let behind = line.behind.as_ref();
        args![
            self.account.org,
            invoice,
            position,
            line.key.as_str(),
            line.kind.name(),
            line.item.as_str(),
            line.version,
            line.description.as_str(),
            line.cycle_start,
            line.period.start,
            line.period.end,
            line.quantity.as_str(),
            line.amount,
            line.whole,
            line.adjusts.clone(),
            behind.map(|behind| behind.meter.clone()),
            behind.map(|behind| behind.units),
            behind.map(|behind| behind.events),
            behind.map(|behind| behind.digest),
            behind.map(|behind| behind.settled_from),
            behind.map(|behind| behind.settled_to),
            line.work.to_string()
        ]
    }

    /// What a configuration refers to.
    pub(crate) async fn offer(&mut self, config: &Config) -> Result<Offer> {
        let plan = self.plan(&config.plan, config.version).await?;
        let mut add_ons = BTreeMap::new();
        for (name, taken) in &config.add_ons {
            add_ons.insert(name.clone(), (*taken, self.add_on(name, taken.version).await?));
        }
        Ok(Offer { plan, add_ons })
    }

    pub(crate) async fn plan(&mut self, name: &str, version: i64) -> Result<Arc<Definition>> {
        let key = (name.to_owned(), version);
        if let Some(known) = self.catalogue.plans.get(&key) {
            return Ok(Arc::clone(known));
        }
        let read: Arc<Definition> = self.read_version(name, version).await?;
        self.catalogue.plans.insert(key, Arc::clone(&read));
        Ok(read)
    }

    pub(crate) async fn add_on(&mut self, name: &str, version: i64) -> Result<Arc<AddOnDefinition>> {
        let key = (name.to_owned(), version);
        if let Some(known) = self.catalogue.add_ons.get(&key) {
            return Ok(Arc::clone(known));
        }
        let read: Arc<AddOnDefinition> = self.read_version(&crate::plan::add_on_key(name), version).await?;
        self.catalogue.add_ons.insert(key, Arc::clone(&read));
        Ok(read)
    }

    async fn read_version<T: DeserializeOwned>(&mut self, name: &str, version: i64) -> Result<Arc<T>> {
        let found: Option<(String,)> = self.tx.fetch_optional(&PLAN_VERSION, args![name, version]).await?;
        let (text,) =
            found.ok_or_else(|| Error::internal(format!("there is no version {version} of {name}")))?;
        Ok(Arc::new(crate::account::read(&text)?))
    }

    /// Tells other stores and the outside.
    pub(super) async fn publish(&mut self, kind: &'static str, payload: Json) -> Result<()> {
        let message = Message { kind, payload };
        match &mut self.together {
            Some(together) => together.publish(self.account.org, message),
            None => self.tx.publish(self.env, self.account.org, &message).await?,
        }
        Ok(())
    }

    pub(crate) async fn audit(&mut self, actor: &Actor, action: &'static str, detail: Json) -> Result<()> {
        let target = self.account.id.to_string();
        self.tx.audit(self.env, self.account.org, actor, AuditEntry { action, target, detail }).await?;
        Ok(())
    }

    /// Tells that the subscription stands otherwise now.
    pub(super) async fn announce(&mut self) -> Result<()> {
        let Config { plan, version, .. } = &self.account.config;
        let payload =
            object!({ "status": self.account.status.name(), "plan": plan, "plan_version": version });
        self.publish("subscription.changed", payload).await
    }
}

row! {
    struct DebitedRow {
        key: String,
        item: String,
        version: i64,
        description: String,
        cycle_start: Instant,
        period_start: Instant,
        period_end: Instant,
        quantity: String,
        amount: i64,
        whole: i64,
        invoice: InvoiceId,
        currency: String,
        credited: i64,
    }
}
