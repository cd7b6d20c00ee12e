//! What a checked blueprint says, with every name resolved: the form the rest of Insula works with.

use crate::{
    permission::{PermissionId, PermissionSet},
    values::{Bound, Feature},
};
use insula_kernel::{Currency, Decimal, Money, Scale, Span};
use insula_rating::{Interval, Proration, TaxRate};
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

macro_rules! indexes {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(u16);

        impl $name {
            /// The position in the compiled blueprint it came from.
            #[must_use]
            pub const fn get(self) -> usize {
                self.0 as usize
            }

            /// The index of this position. Declared parts are counted before, so that each has one.
            pub(crate) fn at(position: usize) -> Self {
                Self(u16::try_from(position).unwrap_or(u16::MAX))
            }
        }
    )+};
}

indexes! {
    /// A limit of one compiled blueprint.
    LimitIndex;
    /// A meter of one compiled blueprint.
    MeterIndex;
    /// A plan of one compiled blueprint.
    PlanIndex;
    /// An upstream of one compiled blueprint.
    UpstreamIndex;
    /// A route of one compiled blueprint.
    RouteIndex;
}

impl LimitIndex {
    /// Members of an organization, pending invitations included.
    pub const MEMBERS: Self = Self(0);
    /// API keys of an organization that are not revoked.
    pub const API_KEYS: Self = Self(1);
    /// Projects of an organization that are not archived.
    pub const PROJECTS: Self = Self(2);
    /// Teams of an organization.
    pub const TEAMS: Self = Self(3);
}

/// The product itself.
#[derive(Clone, Debug)]
pub struct Product {
    /// The name people see.
    pub name: String,
    /// The domain below which tenants live.
    pub base_domain: Option<String>,
    /// What API keys begin with.
    pub key_prefix: String,
    /// The plan of a new organization that didn't choose.
    pub default_plan: PlanIndex,
    /// The limit that is shown as the quota that remains; never a rate.
    pub headline_limit: Option<LimitIndex>,
}

/// A named set of permissions.
#[derive(Clone, Debug)]
pub struct Role {
    /// The name.
    pub name: String,
    /// What it may do, what it includes being included.
    pub permissions: PermissionSet,
}

/// How events become one quantity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// How many there are; of requests, the sum of what their routes say.
    Count,
    /// The sum of a property.
    Sum,
    /// The greatest value of a property.
    Max,
    /// How many different values a property has.
    Unique,
    /// The latest value of a property.
    Last,
}

/// The event that the gateway writes for each request it forwards.
pub const REQUEST_EVENT: &str = "request";

/// How events become quantities.
#[derive(Clone, Debug)]
pub struct Meter {
    /// The name.
    pub name: String,
    /// The type of the events that count: [`REQUEST_EVENT`], or one that upstreams report.
    pub event: String,
    /// How they become one quantity.
    pub aggregate: Aggregate,
    /// The property of the event's data that is aggregated; none for counts.
    pub of: Option<Pointer>,
    /// How many decimals are kept.
    pub scale: Scale,
    /// What one of it is called.
    pub unit: String,
    /// Properties of the event's data by which usage can be told apart.
    pub group_by: Vec<Pointer>,
    /// What one unit costs in usage reports, by currency.
    pub cost: Vec<(Currency, Decimal)>,
}

impl Meter {
    /// Whether it counts requests that the gateway forwards, rather than what upstreams report.
    #[must_use]
    pub fn is_of_requests(&self) -> bool {
        self.event == REQUEST_EVENT
    }
}

/// A place in a JSON document, by the names on the way to it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pointer {
    names: Box<[Box<str>]>,
}

impl Pointer {
    /// The place that these names lead to.
    pub(crate) fn new(names: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect() }
    }

    /// The names on the way.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// What stands there, if anything does.
    #[must_use]
    pub fn find<'j>(&self, document: &'j serde_json::Value) -> Option<&'j serde_json::Value> {
        self.names.iter().try_fold(document, |value, name| value.get(&**name))
    }

    /// Puts a value there. What stands in its way is replaced.
    pub fn put(&self, document: &mut serde_json::Value, value: serde_json::Value) {
        let mut place = document;
        for name in &self.names {
            if !place.is_object() {
                *place = serde_json::Value::Object(serde_json::Map::new());
            }
            place = &mut place[&**name];
        }
        *place = value;
    }
}

/// As in a blueprint: names with dots between them.
impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.names.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// The window of a quota.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum QuotaWindow {
    /// From one full hour of UTC to the next.
    Hour,
    /// From one midnight of UTC to the next.
    Day,
    /// From one monthly anniversary of the subscription's anchor to the next.
    Month,
}

impl QuotaWindow {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// Whom a limit counts for: each of them has all of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// Each network address, before anyone is authenticated.
    Address,
    /// Each credential: an API key, or a member of an organization.
    Key,
    /// Each project.
    Project,
    /// Each team.
    Team,
    /// The organization as a whole.
    Organization,
}

impl Per {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Key => "key",
            Self::Project => "project",
            Self::Team => "team",
            Self::Organization => "organization",
        }
    }
}

/// The window of a rate, smoothed (GCRA).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RateWindow {
    /// A second.
    Second,
    /// A minute.
    Minute,
}

impl RateWindow {
    /// How long it is.
    #[must_use]
    pub const fn span(self) -> Span {
        match self {
            Self::Second => Span::from_secs(1),
            Self::Minute => Span::from_mins(1),
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
        }
    }
}

/// What a limit bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LimitKind {
    /// The quantity of a meter in a window.
    Quota {
        /// What is counted.
        meter: MeterIndex,
        /// The window.
        window: QuotaWindow,
        /// Whom it counts for; never an address.
        per: Per,
    },
    /// Requests in a window that slides.
    Rate {
        /// The window; the plan's number is the allowance per window.
        window: RateWindow,
        /// How many may come at once; as many as the allowance if `None`.
        burst: Option<u64>,
        /// Whom it counts for.
        per: Per,
        /// The routes it counts; all of them if empty.
        routes: Vec<RouteIndex>,
    },
    /// How many are held at once.
    Hold {
        /// Whom it counts for; never an address.
        per: Per,
    },
    /// How many exist.
    Stock,
}

/// What happens to what would go beyond a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExceed {
    /// It is refused.
    Reject,
    /// It is let through, and said.
    Warn,
    /// It is let through, and costs what the plan says of overage.
    Bill,
}

/// A limit.
#[derive(Clone, Debug)]
pub struct Limit {
    /// The name.
    pub name: String,
    /// What it bounds.
    pub kind: LimitKind,
    /// What happens beyond it; always [`OnExceed::Reject`] for what isn't a quota.
    pub on_exceed: OnExceed,
    /// At which percentages to warn, ascending.
    pub warn_at: Vec<u8>,
    /// How far it goes on plans that don't say, and for an address.
    pub default: Option<Bound>,
}

/// What is paid again and again: the price of a plan, of a seat, or of an add-on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Price {
    /// How often it is paid.
    pub interval: Interval,
    /// How much; never negative.
    pub amount: Money,
}

/// What usage beyond a limit costs.
#[derive(Clone, Debug)]
pub struct Overage {
    /// The price of each started lot, by currency.
    pub prices: Vec<(Currency, Decimal)>,
    /// How many units a lot has.
    pub per: u64,
}

/// What is billed by the head.
#[derive(Clone, Debug)]
pub struct Seats {
    /// How many the plan's own price covers.
    pub included: u64,
    /// The stock whose bound is the number of seats.
    pub limit: Option<LimitIndex>,
    /// What each seat beyond those costs, by currency and interval.
    pub prices: Vec<Price>,
}

/// A time at the beginning of a subscription that costs nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trial {
    /// How many days of the local calendar it has.
    pub days: u32,
    /// What comes after it where no payment method is known.
    pub then: AfterTrial,
}

/// What becomes of a subscription whose trial is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AfterTrial {
    /// It is past due.
    PastDue,
    /// It goes on with this plan.
    Plan(PlanIndex),
}

/// A plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The name.
    pub name: String,
    /// What people see instead of the name.
    pub title: Option<String>,
    /// For whom it is, for people.
    pub description: Option<String>,
    /// The prices by currency and interval; none if the plan comes only by the operator's offer.
    pub prices: Vec<Price>,
    /// How far each limit goes, by [`LimitIndex`].
    pub limits: Vec<Bound>,
    /// What it costs to go beyond a limit, by limit.
    pub overage: Vec<(LimitIndex, Overage)>,
    /// What usage costs from the first unit on, by meter and currency. A quantity is in units of the meter.
    pub usage: Vec<(MeterIndex, Vec<(Currency, insula_rating::Price)>)>,
    /// What each seat costs, if it is billed by the head.
    pub seats: Option<Seats>,
    /// The least that a billing period comes to, recurring charges and usage together, by currency in major units.
    pub minimum: Vec<(Currency, Decimal)>,
    /// The trial it begins with.
    pub trial: Option<Trial>,
    /// How many days an organization is past due before it is suspended.
    pub grace_days: u32,
    /// What it offers besides.
    pub features: BTreeMap<String, Feature>,
    /// The rank among plans; higher is served first.
    pub priority: i64,
    /// Whether organizations can choose it themselves.
    pub self_service: bool,
    /// Names the version: equal as long as the offer is.
    pub digest: Digest,
}

impl Plan {
    /// How far a limit goes on this plan.
    #[must_use]
    pub fn bound(&self, limit: LimitIndex) -> Bound {
        // Every plan has a bound for each limit. An index from elsewhere must not open anything.
        self.limits.get(limit.get()).copied().unwrap_or(Bound::At(0))
    }
}

/// What organizations can take besides their plan.
#[derive(Clone, Debug)]
pub struct AddOn {
    /// The name.
    pub name: String,
    /// What people see instead of the name.
    pub title: Option<String>,
    /// The price of each one taken, by currency and interval.
    pub prices: Vec<Price>,
    /// What each one taken adds to the plan's bounds; never anything to what is unlimited.
    pub limits: Vec<(LimitIndex, u64)>,
    /// What is offered as long as it is taken, whatever the plan says.
    pub features: BTreeMap<String, Feature>,
    /// The plans it can be had on; all of them if empty.
    pub plans: Vec<PlanIndex>,
    /// How many can be taken, at least 1.
    pub most: u32,
    /// Names the version: equal as long as the offer is.
    pub digest: Digest,
}

impl AddOn {
    /// Whether it can be had on a plan.
    #[must_use]
    pub fn is_for(&self, plan: PlanIndex) -> bool {
        self.plans.is_empty() || self.plans.contains(&plan)
    }
}

/// How invoices are made, whatever the plan.
#[derive(Clone, Debug)]
pub struct Billing {
    /// Who issues them.
    pub seller: String,
    /// What their numbers begin with.
    pub invoice_prefix: String,
    /// The calendar of organizations that don't say theirs: a zone's IANA name.
    pub time_zone: String,
    /// How time is counted in a share of a period.
    pub proration: Proration,
    /// Whether a change of plan makes its instant the new anchor.
    pub resets_anchor: bool,
    /// How long a closed period waits for late events before its invoice is final.
    pub grace: Span,
    /// How long after that the invoice is due.
    pub payment_terms: Span,
    /// The taxes, in the order in which they are tried: the first that fits the customer applies.
    pub taxes: Vec<Tax>,
}

/// A tax, and whose it is.
#[derive(Clone, Debug)]
pub struct Tax {
    /// The name by which the blueprint declares it.
    pub key: String,
    /// What it is called and how much it is.
    pub rate: TaxRate,
    /// Countries of customers by ISO 3166-1 alpha-2; every customer if empty.
    pub countries: Vec<String>,
}

/// An address an upstream listens at, over plain HTTP.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// The name or address, an IPv6 address without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// As in the `Host` header.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// How it is seen whether a target works.
#[derive(Clone, Debug)]
pub struct Health {
    /// The path that answers 2xx while it does.
    pub path: String,
    /// How often it is asked.
    pub every: Span,
}

/// How long to wait for an upstream.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the connection.
    pub connect: Span,
    /// From the request to the first byte of the reply.
    pub response: Span,
    /// Between two parts of a body.
    pub idle: Span,
}

/// A service behind Insula.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The name.
    pub name: String,
    /// Where it listens, at least one; they take turns.
    pub targets: Vec<Target>,
    /// The command that starts it; empty if it starts otherwise.
    pub run: Vec<String>,
    /// How it is seen whether a target works.
    pub health: Option<Health>,
    /// How long to wait for it.
    pub timeouts: Timeouts,
    /// Connections to each target at most.
    pub max_connections: Option<u32>,
}

/// What a request counts on a meter, in the meter's smallest units.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cost {
    /// Always the same.
    Fixed(u64),
    /// What a header field of the reply says.
    ReplyHeader {
        /// The field's name, in lower case.
        name: String,
        /// What is taken out of quotas before, and charged where the field says nothing.
        reserve: u64,
    },
    /// What a place in the reply's JSON says.
    ReplyJson {
        /// The place.
        at: Pointer,
        /// What is taken out of quotas before, and charged where that place says nothing.
        reserve: u64,
    },
    /// So many started pieces of the bodies' bytes.
    Bytes {
        /// Which bodies.
        of: BodySide,
        /// Bytes of one piece.
        per: u64,
        /// What is taken out of quotas before.
        reserve: u64,
    },
}

impl Cost {
    /// What is taken out of quotas before the request goes on.
    #[must_use]
    pub const fn reserve(&self) -> u64 {
        match self {
            Self::Fixed(amount) => *amount,
            Self::ReplyHeader { reserve, .. }
            | Self::ReplyJson { reserve, .. }
            | Self::Bytes { reserve, .. } => *reserve,
        }
    }
}

/// Whose body's bytes count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodySide {
    /// The request's.
    Request,
    /// The reply's.
    Reply,
    /// Both.
    Both,
}

/// What a request holds, as long as it goes on or longer.
#[derive(Clone, Debug)]
pub struct RouteHold {
    /// The limit, of the kind hold or stock.
    pub limit: LimitIndex,
    /// What makes it outlive its request; without, it ends with the request.
    pub lasting: Option<LastingHold>,
}

/// A hold that outlives its request.
#[derive(Clone, Debug)]
pub struct LastingHold {
    /// Where the upstream's reply names what is held.
    pub key: Pointer,
    /// The type of the event that ends it. The event names it at the same place of its data, or as its subject.
    pub until: Option<String>,
    /// How long it lasts unless it is renewed; none for a stock, which lasts until it is ended.
    pub ttl: Option<Span>,
}

/// Requests that go to an upstream.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its position.
    pub index: RouteIndex,
    /// Method and path as they are declared.
    pub pattern: String,
    /// The upstream that answers.
    pub upstream: UpstreamIndex,
    /// The permission a caller needs; `None`: every authenticated caller of an organization may.
    pub permission: Option<PermissionId>,
    /// The feature that the organization's plan must have.
    pub feature: Option<String>,
    /// What a request counts, by meter.
    pub meters: Vec<(MeterIndex, Cost)>,
    /// Quotas that must not be used up, though the request counts nothing on them.
    pub within: Vec<LimitIndex>,
    /// What a request holds.
    pub hold: Option<RouteHold>,
    /// Whether the intent must be on the disk before the request goes on.
    pub is_durable: bool,
    /// What is cut off the front of the path before it goes to the upstream.
    pub strip_prefix: Option<String>,
    /// The largest body of a request, in bytes.
    pub max_body: u64,
    /// How long the upstream may take to the first byte of its reply, its own time-out or this route's.
    pub response_timeout: Span,
    /// Whether it is a WebSocket, and nothing else.
    pub is_websocket: bool,
}

impl Route {
    /// The path the upstream is asked for, of a path that matched this route.
    #[must_use]
    pub fn upstream_path<'p>(&self, path: &'p str) -> &'p str {
        let stripped = self.strip_prefix.as_deref().and_then(|prefix| path.strip_prefix(prefix));
        match stripped {
            Some("") => "/",
            Some(rest) => rest,
            None => path,
        }
    }
}

/// A SHA-256 digest (FIPS 180-4), written in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
