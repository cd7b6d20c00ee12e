//! The API of usage and limits.

mod events;
mod limits;
mod usage;

pub use events::{RejectedEvent, Reported};
pub use limits::{Counted, Limit, Limits, LiveLimit, LiveLimits, Stocks, shown as shown_limit};
pub use usage::{Usage, UsageBucket};

use crate::{SettlerHandle, ingest::Ingest};
use arc_swap::ArcSwap;
use insula_access::{IngestUsage, ReadLimits, ReadUsage};
use insula_blueprint::Compiled;
use insula_kernel::Env;
use insula_storage::Storage;
use insula_web::{Api, Endpoint, Method};
use std::sync::Arc;

/// What the endpoints work with.
#[derive(Clone)]
pub struct State {
    /// The ledger.
    pub storage: Storage,
    /// The time.
    pub env: Env,
    /// Who brings the ledger up to date.
    pub settler: SettlerHandle,
    /// Takes in what upstreams report.
    pub ingest: Arc<Ingest>,
    /// The blueprint in force.
    pub blueprint: Arc<ArcSwap<Compiled>>,
    /// Where organizations stand at this moment.
    pub limits: Arc<dyn LiveLimits>,
    /// How many there are of what limits of stock bound.
    pub stocks: Arc<dyn Stocks>,
}

/// The endpoints.
#[must_use]
pub fn api() -> Api<State> {
    let usage = Endpoint::new(
        Method::Get,
        "/v1/orgs/{org}/usage",
        "getUsage",
        "Usage",
        "What was used of a meter, by the minute, hour, day, month or billing period, the calls of a moment ago included",
    )
    .allows::<ReadUsage>()
    .query::<usage::UsageQuery>()
    .replies::<Usage>(200);
    let limits = Endpoint::new(
        Method::Get,
        "/v1/orgs/{org}/limits",
        "listLimits",
        "Usage",
        "Every limit of the plan, with what is used and what remains of it",
    )
    .allows::<ReadLimits>()
    .replies::<Limits>(200);
    let events = Endpoint::new(
        Method::Post,
        "/v1/orgs/{org}/events",
        "reportEvents",
        "Usage",
        "Report usage: one event, or a batch; answered once it is on the disk",
    )
    .allows::<IngestUsage>()
    .body::<events::Events>()
    .media_types(events::MEDIA_TYPES)
    .replies::<Reported>(202);
    Api::default()
        .with(usage, usage::get_usage)
        .with(limits, limits::list_limits)
        .with(events, events::report_events)
}
