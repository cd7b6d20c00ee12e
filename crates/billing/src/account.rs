//! A subscription as the engine works with it: read from its row under a lock, changed, written back whole.

use insula_kernel::{Currency, Error, Instant, OrgId, Period, Result, Span, SubscriptionId};
use insula_limits::Service;
use insula_rating::{Anchor, Interval};
use insula_storage::{Value, args, row};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a subscription stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    /// Its organization isn't visible yet.
    Prepared,
    /// In a trial that costs nothing.
    Trialing,
    /// Paid for.
    Active,
    /// Not paid for in time, or its trial is over without a way to pay.
    PastDue,
    /// Stopped for a while; nothing is charged.
    Paused,
    /// Over.
    Canceled,
}

impl Status {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Prepared, "prepared"),
        (Self::Trialing, "trialing"),
        (Self::Active, "active"),
        (Self::PastDue, "past_due"),
        (Self::Paused, "paused"),
        (Self::Canceled, "canceled"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }

    pub(crate) fn from_name(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name).map(|(status, _)| *status);
        found.ok_or_else(|| Error::internal(format!("a subscription is `{name}`")))
    }

    /// The name, as it is shown. Whoever can see it sees its organization, so that is visible: only the ledger hasn't heard
    /// of it yet.
    pub(crate) fn shown(self) -> &'static str {
        if self == Self::Prepared { Self::Active.name() } else { self.name() }
    }

    /// What it means for requests.
    pub(crate) const fn service(self) -> Service {
        match self {
            Self::Prepared | Self::Trialing | Self::Active | Self::PastDue => Service::Served,
            Self::Paused => Service::Paused,
            Self::Canceled => Service::Canceled,
        }
    }
}

/// An add-on that is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// Which version of it.
    pub(crate) version: i64,
    /// How many.
    pub(crate) quantity: u32,
}

/// What is subscribed to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) plan: String,
    pub(crate) version: i64,
    pub(crate) currency: Currency,
    pub(crate) interval: Interval,
    pub(crate) seats: u64,
    pub(crate) add_ons: BTreeMap<String, Taken>,
}

/// A subscription.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) org: OrgId,
    pub(crate) id: SubscriptionId,
    pub(crate) status: Status,
    pub(crate) config: Config,
    pub(crate) anchor: Anchor,
    /// The billing period: what recurs is paid until its end.
    pub(crate) period: Period,
    /// Since when usage stands on no invoice.
    pub(crate) usage_from: Instant,
    /// When the trial ends, or ended without a way to pay.
    pub(crate) trial_end: Option<Instant>,
    pub(crate) past_due_since: Option<Instant>,
    /// Since when the organization is suspended for what it owes.
    pub(crate) lapsed_at: Option<Instant>,
    pub(crate) paused_at: Option<Instant>,
    pub(crate) cancel_at: Option<Instant>,
    pub(crate) canceled_at: Option<Instant>,
    /// Whether there is a way to pay.
    pub(crate) pays: bool,
    /// What it changes to at the end of the period.
    pub(crate) pending: Option<Config>,
    pub(crate) changed_at: Instant,
    /// How often it was changed.
    pub(crate) sequence: i64,
    pub(crate) allows_overage: bool,
    /// How far its own time is ahead, if it has a test clock.
    pub(crate) clock: Option<Span>,
    pub(crate) started_at: Instant,
}

impl Account {
    /// The organization's own time.
    pub(crate) fn time(&self, real: Instant) -> Instant {
        self.clock.map_or(real, |ahead| real + ahead)
    }

    /// Whether what recurs is charged.
    pub(crate) fn is_charged(&self) -> bool {
        matches!(self.status, Status::Active | Status::PastDue)
            && self.trial_end.is_none()
            && self.lapsed_at.is_none()
    }

    /// When the usage that is going on is next put on an invoice: each month, and at the end of the period.
    pub(crate) fn usage_until(&self) -> Instant {
        self.month().end.min(self.period.end)
    }

    /// The month of limits in which the usage that is going on lies.
    pub(crate) fn month(&self) -> Period {
        self.anchor.month_containing(self.usage_from)
    }

    /// The values of its row, from `status` to `due_at`, which is in real time.
    pub(crate) fn values(&self, due_at: Option<Instant>) -> Vec<Value> {
        let Config { plan, version, currency, interval, seats, add_ons } = &self.config;
        let due_at = due_at.map(|at| self.clock.map_or(at, |ahead| at - ahead));
        args![
            self.org,
            self.status.name(),
            plan.as_str(),
            *version,
            currency.code(),
            interval.name(),
            signed(*seats),
            json(add_ons),
            self.anchor.at(),
            self.anchor.zone(),
            self.period.start,
            self.period.end,
            self.usage_from,
            self.trial_end,
            self.past_due_since,
            self.lapsed_at,
            self.paused_at,
            self.cancel_at,
            self.canceled_at,
            self.pays,
            self.pending.as_ref().map(json),
            self.changed_at,
            self.sequence,
            self.allows_overage,
            self.clock.map(Span::as_micros),
            due_at,
        ]
    }
}

/// The columns that [`AccountRow`] reads, in their order.
macro_rules! account_columns {
    () => {
        "tenant_id, id, status, plan, plan_version, currency, interval, seats, add_ons, anchor_at, zone, period_start, \
         period_end, usage_from, trial_end, past_due_since, lapsed_at, paused_at, cancel_at, canceled_at, pays, pending, \
         changed_at, sequence, allows_overage, clock_offset, started_at"
    };
}
pub(crate) use account_columns;

row! {
    pub(crate) struct AccountRow {
        org: OrgId,
        id: SubscriptionId,
        status: String,
        plan: String,
        version: i64,
        currency: String,
        interval: String,
        seats: i64,
        add_ons: String,
        anchor_at: Instant,
        zone: String,
        period_start: Instant,
        period_end: Instant,
        usage_from: Instant,
        trial_end: Option<Instant>,
        past_due_since: Option<Instant>,
        lapsed_at: Option<Instant>,
        paused_at: Option<Instant>,
        cancel_at: Option<Instant>,
        canceled_at: Option<Instant>,
        pays: bool,
        pending: Option<String>,
        changed_at: Instant,
        sequence: i64,
        allows_overage: bool,
        clock_offset: Option<i64>,
        started_at: Instant,
    }
}

impl TryFrom<AccountRow> for Account {
    type Error = Error;

    fn try_from(row: AccountRow) -> Result<Self> {
        let config = Config {
            plan: row.plan,
            version: row.version,
            currency: currency(&row.currency)?,
            interval: interval(&row.interval)?,
            seats: unsigned(row.seats),
            add_ons: read(&row.add_ons)?,
        };
        Ok(Self {
            org: row.org,
            id: row.id,
            status: Status::from_name(&row.status)?,
            config,
            anchor: Anchor::new(row.anchor_at, &row.zone)
                .map_err(|unknown| Error::internal(unknown.to_string()))?,
            period: Period { start: row.period_start, end: row.period_end },
            usage_from: row.usage_from,
            trial_end: row.trial_end,
            past_due_since: row.past_due_since,
            lapsed_at: row.lapsed_at,
            paused_at: row.paused_at,
            cancel_at: row.cancel_at,
            canceled_at: row.canceled_at,
            pays: row.pays,
            pending: row.pending.as_deref().map(read).transpose()?,
            changed_at: row.changed_at,
            sequence: row.sequence,
            allows_overage: row.allows_overage,
            clock: row.clock_offset.map(Span::from_micros),
            started_at: row.started_at,
        })
    }
}

/// The currency of a stored code.
pub(crate) fn currency(code: &str) -> Result<Currency> {
    Currency::from_code(code).ok_or_else(|| Error::internal(format!("the ledger has the currency `{code}`")))
}

/// The interval of a stored name.
pub(crate) fn interval(name: &str) -> Result<Interval> {
    Interval::from_name(name).ok_or_else(|| Error::internal(format!("the ledger has the interval `{name}`")))
}

/// What was stored as JSON.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::internal(format!("the ledger can't be read: {error}")))
}

/// The JSON of plain data.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
