//! Time: what comes due for subscriptions, and the clocks of organizations whose time is their own.

use crate::{
    engine::{self, Catalogue, Engine},
    store::{CLOSED_UNTIL, CLOSED_UNTIL_OF, POSTPONE_SUBSCRIPTION, TEST_CLOCKS, TEST_CLOCKS_AFTER},
};
use insula_access::{AdvanceClock, AuthorizedOperator};
use insula_blueprint::Compiled;
use insula_kernel::{Cursor, Env, Error, ErrorKind, Instant, OrgId, Page, PageRequest, Result, Span};
use insula_storage::{PlatformTx, args};
use schemars::JsonSchema;
use serde::Serialize;

/// Organizations for which something is to be done by now, the longest waiting first.
pub async fn due(tx: &mut PlatformTx, now: Instant, limit: u32) -> Result<Vec<OrgId>> {
    engine::due(tx, now, limit).await
}

/// Does everything whose time has come for these organizations, of all or of none. Says which may be entitled to something
/// else now.
///
/// The transaction must not have taken anything yet that others share.
pub async fn run(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    catalogue: &mut Catalogue,
    orgs: &[OrgId],
) -> Result<Vec<OrgId>> {
    engine::run_all(tx, env, blueprint, catalogue, orgs).await
}

/// Tries again in a minute what couldn't be done for an organization.
pub async fn postpone(tx: &mut PlatformTx, org: OrgId, now: Instant) -> Result<()> {
    tx.execute(&POSTPONE_SUBSCRIPTION, args![org, now + Span::from_mins(1)]).await?;
    Ok(())
}

/// Moves the clock of an organization that has a test clock, and does in order what comes due on the way. Says where the
/// clock stands.
pub async fn advance(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    catalogue: &mut Catalogue,
    org: OrgId,
    to: Instant,
) -> Result<Instant> {
    let mut engine = Engine::lock(tx, env, blueprint, catalogue, org).await?;
    if engine.account.clock.is_none() {
        let detail =
            "The organization has no test clock; only one that was made with `test_clock` can be moved.";
        return Err(Error::new(ErrorKind::Conflict, "clock.real", detail));
    }
    let now = engine.now();
    if to < now {
        let detail = format!("The clock stands at {now}; it can't go back.");
        return Err(Error::invalid_field("/advance_to", "backwards", detail));
    }
    engine.account.clock = Some(to.saturating_since(env.now()));
    engine.run(to).await?;
    Ok(to)
}

/// Until when what organizations used is charged for good, of so many of them after this one in the order of their ids.
pub async fn closed_until(tx: &mut PlatformTx, after: OrgId, limit: u32) -> Result<Vec<(OrgId, Instant)>> {
    let found: Vec<(OrgId, Instant, Option<Instant>)> =
        tx.fetch_all(&CLOSED_UNTIL, args![after, limit]).await?;
    Ok(found
        .into_iter()
        .map(|(org, open, draft)| (org, draft.map_or(open, |draft| draft.min(open))))
        .collect())
}

/// The same of one organization; `None` if it has no subscription.
pub async fn closed_until_of(tx: &mut PlatformTx, org: OrgId) -> Result<Option<Instant>> {
    let found: Option<(Instant, Option<Instant>)> = tx.fetch_optional(&CLOSED_UNTIL_OF, args![org]).await?;
    Ok(found.map(|(open, draft)| draft.map_or(open, |draft| draft.min(open))))
}

/// How far the own time of organizations with a test clock is ahead.
pub async fn test_clocks(tx: &mut PlatformTx) -> Result<Vec<(OrgId, Span)>> {
    let found: Vec<(OrgId, i64)> = tx.fetch_all(&TEST_CLOCKS, args![]).await?;
    Ok(found.into_iter().map(|(org, ahead)| (org, Span::from_micros(ahead))).collect())
}

/// An organization with a test clock, and where that stands.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct TestClock {
    /// The organization.
    pub org: OrgId,
    /// Its own time.
    pub now: Instant,
}

/// The organizations that have a test clock, in the order of their ids.
pub async fn clocks(
    tx: &mut PlatformTx,
    env: &Env,
    _proof: &AuthorizedOperator<AdvanceClock>,
    page: PageRequest,
) -> Result<Page<TestClock>> {
    let after = OrgId::from_uuid(page.after.map_or(uuid::Uuid::nil(), Cursor::id));
    let found: Vec<(OrgId, i64)> =
        tx.fetch_all(&TEST_CLOCKS_AFTER, args![after, i64::from(page.limit) + 1]).await?;
    let now = env.now();
    let page = Page::cut(found, page, |(org, _)| org.uuid());
    Ok(page.map(|(org, ahead)| TestClock { org, now: now + Span::from_micros(ahead) }))
}
