//! Which events are moved into packs, and when: those that the plan no longer shows, or that are a year old, once what they
//! are charged is final.
//!
//! What must always hold: moving them changes no answer, so any bound would do. This one keeps at hand what is asked for
//! often: what reports look at, and what the next invoice is made of.

use crate::platform::Platform;
use insula_billing::subscription;
use insula_kernel::{Instant, OrgId, Result, Span};
use insula_metering::archive;
use insula_storage::{Store, Worker};

/// How long events are at hand where the plan shows them longer, or for ever.
const AT_HAND: Span = Span::from_days(365);
/// How many organizations are looked at in one round, and how many packs each may have made in it.
const ORGANIZATIONS: u32 = 1_000;
const PACKS: u32 = 20;

/// Packs what is old of the next organizations after this one in the order of their ids, and says where the next round is
/// to begin.
pub(crate) async fn round(platform: &Platform, after: OrgId) -> Result<OrgId> {
    let mut tx = platform.storage.platform_read(Store::Ledger, &Worker::Archive).await?;
    let closed = subscription::closed_until(&mut tx, after, ORGANIZATIONS).await?;
    let is_last = closed.len() < ORGANIZATIONS as usize;
    let next = closed.last().map(|(org, _)| *org).filter(|_| !is_last).unwrap_or(OrgId::MIN);
    let old: Vec<_> = closed.into_iter().filter_map(|(org, closed)| old(platform, org, closed)).collect();
    let waiting = archive::waiting(&mut tx, &old).await?;
    drop(tx);
    for (org, before) in waiting {
        if let Err(error) = pack(platform, org, before).await {
            tracing::error!(%org, %error, "events that are over can't be packed");
        }
    }
    Ok(next)
}

/// Packs what is old of one organization, all of it.
pub(crate) async fn organization(platform: &Platform, org: OrgId) -> Result<()> {
    let mut tx = platform.storage.platform_read(Store::Ledger, &Worker::Archive).await?;
    let closed = subscription::closed_until_of(&mut tx, org).await?;
    drop(tx);
    let Some((org, before)) = closed.and_then(|closed| old(platform, org, closed)) else { return Ok(()) };
    while pack(platform, org, before).await? {}
    Ok(())
}

/// Until when events of an organization are old: until the beginning of a day, so that a day's become one pack.
fn old(platform: &Platform, org: OrgId, closed: Instant) -> Option<(OrgId, Instant)> {
    let entitlement = platform.gate.entitlement(org)?;
    let kept = entitlement.retention.unwrap_or(AT_HAND).min(AT_HAND);
    let until = entitlement.time(platform.env.now()) - kept;
    Some((org, until.min(closed).floor(Span::from_days(1))))
}

/// Packs what lies before an instant, as far as one turn goes; says whether there may be more.
async fn pack(platform: &Platform, org: OrgId, before: Instant) -> Result<bool> {
    for _ in 0..PACKS {
        if archive::pack_some(&platform.storage, &platform.env, org, before).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
