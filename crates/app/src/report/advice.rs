//! What a report suggests. Each suggestion rests on figures that it names; what the figures don't support isn't said.

use super::{Asked, figures::Figures};
use crate::platform::Platform;
use insula_access::{Authorized, ReadUsage};
use insula_blueprint::{Compiled, Limit, LimitIndex, LimitKind, MeterIndex, Per, QuotaWindow};
use insula_identity::api_key;
use insula_kernel::{Decimal, Instant, KeyId, Period, Quantity, Result, Scope as _, Span};
use insula_metering::usage::{self, Step, Windows};
use insula_storage::{Store, TenantTx};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// From how much of a quota on it is worth a word, in percent.
const NEARLY_USED: i64 = 80;
/// Up to how much of a quota it is larger than needed, in percent.
const HARDLY_USED: i64 = 20;
/// How much of its window a quota must have behind it for a projection to mean anything: one in so many.
const PROJECTED_AFTER: i64 = 10;
/// How long a key without use stays unmentioned.
const UNUSED_FOR: Span = Span::from_days(30);
/// How many keys without use are named at most.
const MOST_KEYS: usize = 20;

/// What could be done, and why.
#[derive(Serialize, JsonSchema)]
pub(super) struct Recommendation {
    /// What it is: `limit.projected`, a quota that will be nearly used up at the end of its window if usage goes on as so
    /// far; `limit.oversized`, one that was hardly used in the last billing period; `operation.dominant`, one that makes
    /// up more than half of the costs; `key.unused`, a key that was made and not used.
    #[schemars(extend("enum" = ["limit.projected", "limit.oversized", "operation.dominant", "key.unused"]))]
    code: &'static str,
    /// The limit, the operation or the key.
    subject: String,
    /// What it says, and what could be done.
    text: String,
    /// The figures it rests on, by name: decimals and instants.
    figures: BTreeMap<&'static str, String>,
}

/// A quota of the organization that is bounded.
struct Quota<'b> {
    index: LimitIndex,
    limit: &'b Limit,
    meter: MeterIndex,
    window: QuotaWindow,
    bound: i64,
}

/// What is said of quotas of the organization: of those by the day and the month, where they will be; of all, whether the
/// last whole billing period needed them.
pub(super) async fn on_limits(
    platform: &Platform,
    tx: &mut TenantTx,
    blueprint: &Compiled,
    proof: &Authorized<ReadUsage>,
    asked: &Asked,
) -> Result<Vec<Recommendation>> {
    let now = asked.now;
    let Some(entitlement) = platform.gate.entitlement(proof.organization()) else { return Ok(Vec::new()) };
    let billing = entitlement.anchor.month_containing(now);
    let last = entitlement.anchor.month_containing(billing.start - Span::from_micros(1));
    // In the first billing period there is none before it, and of what isn't shown nothing is said.
    let is_shown = asked.retained_from.is_none_or(|from| from <= last.start);
    let last = (last.end == billing.start && is_shown).then_some(last);
    let quotas = blueprint.indexed_limits().filter_map(|(index, limit)| {
        let LimitKind::Quota { meter, window, per: Per::Organization } = limit.kind else { return None };
        let bound = entitlement.bound(index.get()).most.filter(|bound| *bound > 0)?;
        Some(Quota { index, limit, meter, window, bound })
    });
    let mut said = Vec::new();
    for quota in quotas {
        let live = platform.gate.usage(proof.organization(), quota.index, platform.env.now());
        let projected = live.and_then(|live| quota.projected(live.used, live.period, now, blueprint));
        let is_projected = projected.is_some();
        said.extend(projected);
        if let Some(last) = last.filter(|_| !is_projected) {
            said.extend(quota.oversized(tx, last, blueprint).await?);
        }
    }
    Ok(said)
}

impl Quota<'_> {
    fn shown(&self, units: i64, blueprint: &Compiled) -> String {
        let scale = blueprint.meter(self.meter).map(|meter| meter.scale).unwrap_or_default();
        Quantity::from_units(units).display(scale).to_string()
    }

    /// So much of the bound, in whole percent.
    fn percent(&self, units: i64) -> i64 {
        i64::try_from(i128::from(units) * 100 / i128::from(self.bound)).unwrap_or(i64::MAX)
    }

    fn projected(
        &self,
        used: i64,
        window: Period,
        now: Instant,
        blueprint: &Compiled,
    ) -> Option<Recommendation> {
        let (elapsed, length) = (now.saturating_since(window.start).as_micros(), window.length().as_micros());
        // An hour is over before anybody has read of it.
        if self.window == QuotaWindow::Hour || elapsed <= 0 {
            return None;
        }
        let is_telling = elapsed >= length / PROJECTED_AFTER || self.percent(used) >= NEARLY_USED;
        let projected = i128::from(used) * i128::from(length) / i128::from(elapsed);
        let projected = i64::try_from(projected).unwrap_or(i64::MAX).max(used);
        let percent = self.percent(projected);
        if !is_telling || percent < NEARLY_USED {
            return None;
        }
        let (name, end) = (&self.limit.name, window.end);
        let shown = |units| self.shown(units, blueprint);
        let text = format!(
            "If usage goes on as since {}, `{name}` comes to {} of {} by {end}: {percent} %. Take a plan on which it \
             goes further, or use less.",
            window.start,
            shown(projected),
            shown(self.bound),
        );
        let figures = [
            ("used", shown(used)),
            ("limit", shown(self.bound)),
            ("projected", shown(projected)),
            ("percent", percent.to_string()),
            ("window_start", window.start.to_string()),
            ("window_end", end.to_string()),
        ];
        Some(Recommendation {
            code: "limit.projected",
            subject: name.clone(),
            text,
            figures: BTreeMap::from(figures),
        })
    }

    async fn oversized(
        &self,
        tx: &mut TenantTx,
        last: Period,
        blueprint: &Compiled,
    ) -> Result<Option<Recommendation>> {
        let Some(meter) = blueprint.meter(self.meter) else { return Ok(None) };
        let windows = match self.window {
            QuotaWindow::Hour => Windows::covering(last.start, last.end, Step::Hour)?,
            QuotaWindow::Day => Windows::covering(last.start, last.end, Step::Day)?,
            QuotaWindow::Month => Windows::one(last),
        };
        let buckets = usage::buckets(tx, &meter.name, &windows).await?;
        let most = buckets.iter().map(|bucket| bucket.quantity.units()).max().unwrap_or(0);
        if i128::from(most) * 100 >= i128::from(self.bound) * i128::from(HARDLY_USED) {
            return Ok(None);
        }
        let (name, window) = (&self.limit.name, self.window.name());
        let shown = |units| self.shown(units, blueprint);
        let text = format!(
            "From {} to {}, no {window} used more of `{name}` than {} of {}. As far as this limit goes, a smaller plan \
             would do.",
            last.start,
            last.end,
            shown(most),
            shown(self.bound),
        );
        let figures = [
            ("most_used", shown(most)),
            ("limit", shown(self.bound)),
            ("percent", self.percent(most).to_string()),
            ("period_start", last.start.to_string()),
            ("period_end", last.end.to_string()),
        ];
        let figures = BTreeMap::from(figures);
        Ok(Some(Recommendation { code: "limit.oversized", subject: name.clone(), text, figures }))
    }
}

/// What is said of an operation that makes up more than half of the costs. Where there is only one, that is no news.
pub(super) fn on_costs(figures: &Figures) -> Option<Recommendation> {
    let [dearest, _, ..] = figures.operations.as_slice() else { return None };
    let all = figures.operations.iter().try_fold(Decimal::ZERO, |sum, one| sum.checked_add(one.exact))?;
    let others = all.checked_add(dearest.exact.checked_mul(Decimal::from_scaled(-1, 0))?)?;
    if dearest.exact <= others {
        return None;
    }
    let (share, cost) = (dearest.share.clone()?, dearest.cost.clone()?);
    let text = format!(
        "`{}` makes up {share} % of the costs of all operations: look here first.",
        dearest.operation
    );
    let figures = [
        ("cost", cost.exact),
        ("all_operations", all.to_string()),
        ("share", share),
        ("events", dearest.events.to_string()),
    ];
    let subject = dearest.operation.clone();
    Some(Recommendation { code: "operation.dominant", subject, text, figures: BTreeMap::from(figures) })
}

/// What is said of keys that can be used and for long weren't.
pub(super) async fn on_keys(
    platform: &Platform,
    mut ledger: TenantTx,
    blueprint: &Compiled,
    proof: &Authorized<ReadUsage>,
    now: Instant,
) -> Result<Vec<Recommendation>> {
    let uses = usage::last_use(&mut ledger, KeyId::MIN, KeyId::MAX).await?;
    drop(ledger);
    let since = now - UNUSED_FOR;
    let mut tx = platform.storage.read(Store::Directory, proof).await?;
    let keys = api_key::made_before(&mut tx, since, now).await?;
    let is_unused = |key: &(KeyId, Instant)| uses.get(&key.0).is_none_or(|used| *used < since);
    let said = |(key, made): (KeyId, Instant)| {
        let subject = format!("{}_{}", blueprint.product().key_prefix, key.digits());
        let mut figures = BTreeMap::from([("made_at", made.to_string())]);
        let used = match uses.get(&key) {
            Some(used) => {
                figures.insert("last_used_at", used.to_string());
                format!("was last used at {used}")
            }
            None => format!("was made at {made} and never used"),
        };
        let text = format!("The key {subject} {used}: revoke it if nobody needs it.");
        Recommendation { code: "key.unused", subject, text, figures }
    };
    Ok(keys.into_iter().filter(is_unused).take(MOST_KEYS).map(said).collect())
}
