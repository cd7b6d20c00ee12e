//! What a start of the process begins with: what was used, what is held, what is allowed.

use super::Step;
use crate::store;
use insula_kernel::{HoldId, Instant, KeyId, OrgId, Period, ProjectId, Quantity, Span, TeamId, UserId};
use insula_storage::{PlatformTx, StoreError, StoreResult};
use std::{collections::BTreeMap, str::FromStr, sync::Arc};

/// What an organization used of a meter in a window that has not ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CurrentUsage {
    /// Whose.
    pub org: OrgId,
    /// Of what.
    pub meter: String,
    /// In what kind of window.
    pub window: Step,
    /// The start of the window.
    pub start: Instant,
    /// How much.
    pub quantity: Quantity,
}

/// What every organization used in the hour and the day of `now`, for quota counters to begin with; the earliest window
/// first.
///
/// Windows later than that of `now` are included. There are some only if the clock has been set back, and a limit may
/// then refuse early but must not admit too much once it gets there again.
pub async fn current(tx: &mut PlatformTx, now: Instant) -> StoreResult<Vec<CurrentUsage>> {
    store::current(tx, Step::Hour.start(now), Step::Day.start(now)).await
}

/// A question for what was used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// By whom.
    pub org: OrgId,
    /// Of what.
    pub meter: Arc<str>,
    /// When.
    pub period: Period,
}

/// What was used of each of these, in their order and to the microsecond: for months, which differ between organizations.
/// Meters that add up.
pub async fn totals(tx: &mut PlatformTx, wanted: &[Wanted]) -> StoreResult<Vec<Quantity>> {
    Ok(store::exact_totals(tx, wanted).await?.into_iter().map(Quantity::from_units).collect())
}

/// For whom a quota counts that doesn't count for the organization as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Each project.
    Project,
    /// Each team.
    Team,
    /// Each credential: an API key, or a person who used none.
    Credential,
}

/// One of those that a quota counts for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// A project.
    Project(ProjectId),
    /// A team.
    Team(TeamId),
    /// An API key.
    Key(KeyId),
    /// A person.
    User(UserId),
}

/// What one of them used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScopedUsage {
    /// The position of the question.
    pub wanted: usize,
    /// Who.
    pub subject: Subject,
    /// How much.
    pub quantity: Quantity,
}

/// What was used of each of these, told apart by project, team or credential; usage that belongs to none is left out.
/// Meters that add up.
///
/// Usage is told apart by the hour. Where a period doesn't begin or end with one, the whole of that hour is counted.
pub async fn scoped(tx: &mut PlatformTx, wanted: &[Wanted], scope: Scope) -> StoreResult<Vec<ScopedUsage>> {
    let mut sums: BTreeMap<(usize, Subject), i64> = BTreeMap::new();
    for (index, dims, quantity) in store::series_of(tx, wanted).await? {
        if let Some(subject) = scope.subject(&dims)? {
            let sum = sums.entry((index, subject)).or_default();
            *sum = sum.saturating_add(quantity);
        }
    }
    let usage = |((wanted, subject), quantity)| ScopedUsage {
        wanted,
        subject,
        quantity: Quantity::from_units(quantity),
    };
    Ok(sums.into_iter().map(usage).collect())
}

impl Scope {
    /// Whom a series counts for.
    pub(super) fn subject(self, dims: &str) -> StoreResult<Option<Subject>> {
        let dims: serde_json::Value =
            serde_json::from_str(dims).map_err(|error| StoreError::Failed(format!("dims: {error}")))?;
        fn id<T: FromStr>(dims: &serde_json::Value, name: &str) -> Option<T> {
            dims.get(name)?.as_str()?.parse().ok()
        }
        Ok(match self {
            Self::Project => id(&dims, "project").map(Subject::Project),
            Self::Team => id(&dims, "team").map(Subject::Team),
            Self::Credential => {
                id(&dims, "key").map(Subject::Key).or_else(|| id(&dims, "user").map(Subject::User))
            }
        })
    }
}

/// A hold that goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActiveHold {
    /// Whose.
    pub org: OrgId,
    /// Which.
    pub id: HoldId,
    /// Of which limit, by its name in the blueprint.
    pub limit: String,
    /// By what its holder names it.
    pub key: Option<String>,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// The team it counts for.
    pub team: Option<TeamId>,
    /// The API key that took it.
    pub api_key: Option<KeyId>,
    /// The type of event that ends it.
    pub until: Option<String>,
    /// When it began.
    pub begun_at: Instant,
    /// When it ends by itself.
    pub expires_at: Option<Instant>,
}

/// How long a hold that is over is remembered.
pub const HOLDS_KEPT: Span = Span::from_days(30);

/// Forgets holds that ended or ran out longer ago than [`HOLDS_KEPT`], so many at most, and says how many there were.
pub async fn forget_holds(tx: &mut PlatformTx, now: Instant, limit: u32) -> StoreResult<u64> {
    store::forget_holds(tx, now - HOLDS_KEPT, limit).await
}

/// The holds that go on at this instant, of all organizations.
pub async fn active_holds(tx: &mut PlatformTx, now: Instant) -> StoreResult<Vec<ActiveHold>> {
    let rows = store::active_holds(tx, now).await?;
    let hold = |row: store::HoldRow| {
        let store::HoldRow { org, id, limit, key, project, team, api_key, until, begun_at, expires_at } = row;
        let begun_at = begun_at.unwrap_or(now);
        ActiveHold { org, id, limit, key, project, team, api_key, until, begun_at, expires_at }
    };
    Ok(rows.into_iter().map(hold).collect())
}
