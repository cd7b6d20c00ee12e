//! Usage events in the form of the ledger, and the texts they have in common.

use super::tally::counted_at;
use crate::log::{Charges, Checks, Fold, Groups, Intent, Outcome, Report, Settlement};
use insula_kernel::{Instant, KeyId, OrgId, ProjectId, ServiceId, Span, TeamId, UserId, sha256};
use insula_storage::Value;
use serde_json::{Map, Value as Json, json};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use uuid::Uuid;

/// How many texts of a kind are kept; when there are more, all are forgotten.
const KEPT: usize = 100_000;

/// How long an event may take from its time to the ledger without being late: less than what a period that has ended waits
/// for before it is charged.
const LATE: Span = Span::from_mins(30);

/// The names of environments as they stand in the log.
const ENVIRONMENTS: [&str; 4] = ["", "development", "staging", "production"];

/// The name of an environment; `None` where there is none.
pub(crate) fn environment(number: u8) -> Option<&'static str> {
    ENVIRONMENTS.get(usize::from(number)).copied().filter(|name| !name.is_empty())
}

/// What is charged, as it stands in the ledger.
#[derive(Debug)]
pub(crate) struct Charged {
    /// By meter, each once; nothing below zero.
    pub(crate) parts: Vec<Part>,
    /// The same as JSON.
    json: Arc<str>,
}

/// What is charged of one meter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    pub(crate) meter: Arc<str>,
    pub(crate) fold: Fold,
    pub(crate) quantity: i64,
}

impl Charged {
    /// A meter named twice counts once, with what both come to; less than nothing counts as nothing, as it does for
    /// limits.
    fn new(charges: Charges<'_>, texts: &mut HashSet<Arc<str>>) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        for charge in charges.iter() {
            let quantity = charge.quantity.max(0);
            match parts.iter_mut().find(|part| &*part.meter == charge.meter) {
                None => parts.push(Part { meter: kept(texts, charge.meter), fold: charge.fold, quantity }),
                Some(part) => match charge.fold {
                    Fold::Add => part.quantity = part.quantity.saturating_add(quantity),
                    Fold::Max => part.quantity = part.quantity.max(quantity),
                    Fold::Last | Fold::Unique(_) => (part.fold, part.quantity) = (charge.fold, quantity),
                },
            }
        }
        parts.sort_by(|one, other| one.meter.cmp(&other.meter));
        let quantities: Map<String, Json> =
            parts.iter().map(|part| (part.meter.to_string(), part.to_json())).collect();
        Self { parts, json: Json::Object(quantities).to_string().into() }
    }
}

impl Part {
    fn to_json(&self) -> Json {
        match self.fold {
            Fold::Add => self.quantity.into(),
            Fold::Max => json!({ "max": self.quantity }),
            Fold::Last => json!({ "last": self.quantity }),
            Fold::Unique(member) => json!({ "unique": Uuid::from_bytes(member).simple().to_string() }),
        }
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    fn from_json(meter: &str, value: &Json) -> Option<Self> {
        let part = |fold, quantity| Self { meter: meter.into(), fold, quantity };
        if let Some(quantity) = value.as_i64() {
            return Some(part(Fold::Add, quantity));
        }
        let (name, value) = value.as_object()?.iter().next()?;
        Some(match name.as_str() {
            "max" => part(Fold::Max, value.as_i64()?),
            "last" => part(Fold::Last, value.as_i64()?),
            "unique" => part(Fold::Unique(Uuid::parse_str(value.as_str()?).ok()?.into_bytes()), 0),
            _ => return None,
        })
    }
}

/// Reads the quantities of an event from the ledger; `None` for what isn't ours.
pub(crate) fn quantities(text: &str) -> Option<Vec<Part>> {
    let quantities: Map<String, Json> = serde_json::from_str(text).ok()?;
    quantities.iter().map(|(meter, value)| Part::from_json(meter, value)).collect()
}

/// By what usage can be told apart.
#[derive(Debug)]
pub(crate) struct Dims {
    /// Names the series.
    pub(crate) series: [u8; 16],
    /// As JSON; what there isn't is left out.
    pub(crate) json: Arc<str>,
}

/// Who used, by what, where.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Who {
    pub(super) project: Option<ProjectId>,
    pub(super) team: Option<TeamId>,
    pub(super) key: Option<KeyId>,
    pub(super) user: Option<UserId>,
    pub(super) environment: u8,
    pub(super) operation: Arc<str>,
}

impl Dims {
    fn new(who: &Who, groups: Groups<'_>) -> Self {
        let mut dims: Map<String, Json> =
            groups.iter().map(|group| (group.name.to_owned(), group.value.into())).collect();
        let ids = [
            ("project", who.project.map(|id| id.to_string())),
            ("team", who.team.map(|id| id.to_string())),
            ("key", who.key.map(|id| id.to_string())),
            ("user", who.user.map(|id| id.to_string())),
            ("environment", environment(who.environment).map(str::to_owned)),
            ("operation", Some(who.operation.to_string())),
        ];
        // Ours win over groups of the same names.
        dims.extend(ids.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
        let json = Json::Object(dims).to_string();
        let mut series = [0; 16];
        series.copy_from_slice(&sha256(json.as_bytes())[..16]);
        Self { series, json: json.into() }
    }
}

/// Texts that come again and again, each made and kept once.
#[derive(Default)]
pub(super) struct Texts {
    names: HashSet<Arc<str>>,
    charged: HashMap<Box<[u8]>, Arc<Charged>>,
    dims: HashMap<Who, Arc<Dims>>,
}

fn kept(texts: &mut HashSet<Arc<str>>, text: &str) -> Arc<str> {
    if let Some(kept) = texts.get(text) {
        return Arc::clone(kept);
    }
    let new: Arc<str> = text.into();
    if texts.len() >= KEPT {
        texts.clear();
    }
    texts.insert(Arc::clone(&new));
    new
}

impl Texts {
    fn name(&mut self, text: &str) -> Arc<str> {
        kept(&mut self.names, text)
    }

    fn charged(&mut self, charges: Charges<'_>) -> Arc<Charged> {
        if let Some(kept) = self.charged.get(charges.encoded()) {
            return Arc::clone(kept);
        }
        let new = Arc::new(Charged::new(charges, &mut self.names));
        if self.charged.len() >= KEPT {
            self.charged.clear();
        }
        self.charged.insert(charges.encoded().into(), Arc::clone(&new));
        new
    }

    fn dims(&mut self, who: &Who, groups: Groups<'_>) -> Arc<Dims> {
        if !groups.is_empty() {
            return Arc::new(Dims::new(who, groups));
        }
        if let Some(kept) = self.dims.get(who) {
            return Arc::clone(kept);
        }
        let new = Arc::new(Dims::new(who, groups));
        if self.dims.len() >= KEPT {
            self.dims.clear();
        }
        self.dims.insert(who.clone(), Arc::clone(&new));
        new
    }
}

/// A usage event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) org: OrgId,
    pub(crate) id: Uuid,
    pub(crate) at: Instant,
    pub(super) who: Who,
    pub(crate) dims: Arc<Dims>,
    pub(crate) charged: Arc<Charged>,
    origin: Origin,
}

/// Where an event came from.
#[derive(Debug)]
enum Origin {
    Request(Box<Request>),
    Report(Box<Reported>),
}

#[derive(Debug)]
struct Request {
    /// Where it isn't what was charged.
    reserved: Option<Arc<Charged>>,
    checks: Option<Box<[u8]>>,
    blueprint: u32,
    end: End,
}

/// How a request ended.
#[derive(Debug)]
struct End {
    status: u32,
    outcome: &'static str,
    recovered: bool,
    bytes_in: i64,
    bytes_out: i64,
    duration_us: i64,
}

/// The end of a request whose process ended before it.
const UNSEEN: End =
    End { status: 0, outcome: "unknown", recovered: true, bytes_in: 0, bytes_out: 0, duration_us: 0 };

#[derive(Debug)]
struct Reported {
    key: [u8; 32],
    body: [u8; 16],
    received_at: Instant,
    source: Arc<str>,
    subject: Option<Box<str>>,
    service: Option<ServiceId>,
    groups: Option<Arc<str>>,
    data: Option<Box<str>>,
}

impl Event {
    /// What a request became; `None` if it was released.
    pub(super) fn settled(
        intent: &Intent<'_>,
        settlement: &Settlement<'_>,
        texts: &mut Texts,
    ) -> Option<Self> {
        let outcome = match settlement.outcome {
            Outcome::Released => return None,
            Outcome::Completed => "completed",
            Outcome::ClientGone => "client_gone",
            Outcome::UpstreamFailed => "upstream_failed",
            Outcome::TimedOut => "timed_out",
        };
        let int = |number| i64::try_from(number).unwrap_or(i64::MAX);
        let end = End {
            status: settlement.status.into(),
            outcome,
            recovered: false,
            bytes_in: int(settlement.bytes_in),
            bytes_out: int(settlement.bytes_out),
            duration_us: int(settlement.duration_us),
        };
        Some(Self::of_request(intent, settlement.used, end, texts))
    }

    /// What a request became whose end nobody saw: charged as it was reserved.
    pub(super) fn recovered(intent: &Intent<'_>, texts: &mut Texts) -> Self {
        Self::of_request(intent, intent.reserved, UNSEEN, texts)
    }

    fn of_request(intent: &Intent<'_>, used: Charges<'_>, end: End, texts: &mut Texts) -> Self {
        let Intent { admission, org, at, key, user, project, team, environment, blueprint, .. } = *intent;
        let who = Who { project, team, key, user, environment, operation: texts.name(intent.route) };
        let as_reserved = used.encoded() == intent.reserved.encoded();
        let checks = Checks::encoded(intent.checks);
        let request = Request {
            reserved: (!as_reserved).then(|| texts.charged(intent.reserved)),
            checks: (!checks.is_empty()).then(|| checks.into()),
            blueprint,
            end,
        };
        Self {
            org,
            id: admission.uuid(),
            at,
            dims: texts.dims(&who, Groups::NONE),
            who,
            charged: texts.charged(used),
            origin: Origin::Request(Box::new(request)),
        }
    }

    /// What was reported.
    pub(super) fn reported(report: &Report<'_>, texts: &mut Texts) -> Self {
        let Report { id, org, at, key_id: key, user, project, team, environment, .. } = *report;
        let who = Who { project, team, key, user, environment, operation: texts.name(report.kind) };
        let groups = (!report.groups.is_empty()).then(|| {
            let groups = report.groups.iter().map(|group| (group.name.to_owned(), group.value.into()));
            Json::Object(groups.collect()).to_string().into()
        });
        let reported = Reported {
            key: report.key,
            body: report.body,
            received_at: report.received_at,
            source: texts.name(report.source),
            subject: report.subject.map(Into::into),
            service: report.service,
            groups,
            data: report.data.map(Into::into),
        };
        Self {
            org,
            id: id.uuid(),
            at,
            dims: texts.dims(&who, report.groups),
            who,
            charged: texts.charged(report.charges),
            origin: Origin::Report(Box::new(reported)),
        }
    }

    /// By what a report is known again; `None` for a request.
    pub(crate) fn key(&self) -> Option<[u8; 32]> {
        match &self.origin {
            Origin::Request(_) => None,
            Origin::Report(report) => Some(report.key),
        }
    }

    /// Whether it is of a request whose end nobody saw.
    pub(super) fn is_recovered(&self) -> bool {
        matches!(&self.origin, Origin::Request(request) if request.end.recovered)
    }

    /// The API key that was used.
    pub(super) fn api_key(&self) -> Option<KeyId> {
        self.who.key
    }

    /// Whether it comes to the ledger so late that what was charged for its time may have been charged already. `now` is
    /// when it is settled, in the organization's time.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        let received = match &self.origin {
            Origin::Request(_) => now,
            Origin::Report(report) => report.received_at.max(now),
        };
        received.saturating_since(counted_at(self.at)) > LATE
    }

    /// Appends the row of a request; nothing for a report. `number` is its place in the order of settlement.
    pub(crate) fn put_request(&self, number: i64, rows: &mut Vec<Value>) {
        let (Origin::Request(request), who) = (&self.origin, &self.who) else { return };
        let end = &request.end;
        rows.extend([
            self.org.into(),
            self.id.into(),
            self.at.into(),
            Arc::clone(&who.operation).into(),
            who.project.into(),
            who.team.into(),
            who.key.into(),
            who.user.into(),
            u32::from(who.environment).into(),
            Arc::clone(&self.charged.json).into(),
            request.reserved.as_ref().map(|reserved| Arc::clone(&reserved.json)).into(),
            request.checks.as_deref().into(),
            request.blueprint.into(),
            end.status.into(),
            end.outcome.into(),
            end.recovered.into(),
            end.bytes_in.into(),
            end.bytes_out.into(),
            end.duration_us.into(),
            number.into(),
        ]);
    }

    /// Appends the row of a report; nothing for a request. `number` is its place in the order of settlement.
    pub(crate) fn put_report(&self, number: i64, rows: &mut Vec<Value>) {
        let (Origin::Report(report), who) = (&self.origin, &self.who) else { return };
        rows.extend([
            self.org.into(),
            self.id.into(),
            self.at.into(),
            report.received_at.into(),
            Arc::clone(&who.operation).into(),
            Arc::clone(&who.operation).into(),
            Arc::clone(&report.source).into(),
            report.subject.as_deref().into(),
            who.project.into(),
            who.team.into(),
            who.key.into(),
            who.user.into(),
            report.service.into(),
            u32::from(who.environment).into(),
            Arc::clone(&self.charged.json).into(),
            report.groups.clone().into(),
            report.data.as_deref().into(),
            number.into(),
        ]);
    }

    /// Appends the row by which a report is known again; nothing for a request.
    pub(crate) fn put_key(&self, rows: &mut Vec<Value>) {
        let Origin::Report(report) = &self.origin else { return };
        rows.extend([
            report.key.as_slice().into(),
            report.body.as_slice().into(),
            self.org.into(),
            self.id.into(),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Charge;

    #[test]
    fn quantities_read_back_from_the_ledger() {
        let member = [0xab; 16];
        let charges = [
            Charge::add("requests", 2),
            Charge { meter: "peak", quantity: 7, fold: Fold::Max },
            Charge { meter: "peak", quantity: 5, fold: Fold::Max },
            Charge { meter: "level", quantity: -3, fold: Fold::Last },
            Charge { meter: "seats", quantity: 1, fold: Fold::Unique(member) },
            Charge::add("requests", i64::MAX),
        ];
        let charged = Charged::new((&charges).into(), &mut HashSet::new());
        let part = |meter: &str, fold, quantity| Part { meter: meter.into(), fold, quantity };
        assert_eq!(
            quantities(&charged.json).unwrap(),
            [
                part("level", Fold::Last, 0),
                part("peak", Fold::Max, 7),
                part("requests", Fold::Add, i64::MAX),
                part("seats", Fold::Unique(member), 0),
            ]
        );
        assert_eq!(quantities(r#"{"a":{"other":1}}"#), None);
    }

    #[test]
    fn a_series_is_named_by_what_its_events_have_in_common() {
        let who = |operation: &str| Who {
            project: None,
            team: None,
            key: None,
            user: None,
            environment: 3,
            operation: operation.into(),
        };
        let groups = [crate::log::Group { name: "operation", value: "forged" }];
        let mut texts = Texts::default();
        let plain = texts.dims(&who("GET /x"), Groups::NONE);
        assert_eq!(&*plain.json, r#"{"environment":"production","operation":"GET /x"}"#);
        assert_eq!(texts.dims(&who("GET /x"), (&groups).into()).series, plain.series);
        assert_ne!(texts.dims(&who("GET /y"), Groups::NONE).series, plain.series);
    }
}
