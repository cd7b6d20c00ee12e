//! What organizations may do, by the versions of the plans they are on.

use crate::{
    account::{Account, AccountRow, Config},
    definition::{AddOnDefinition, Definition, Terms},
    engine::{Catalogue, Engine},
    overrides,
    plan::small,
    store::{ALL_PLAN_VERSIONS, ALL_SUBSCRIPTIONS},
};
use insula_blueprint::Compiled;
use insula_kernel::{Env, OrgId, Result, Span};
use insula_limits::Entitlement;
use insula_storage::{PlatformTx, args};
use std::{collections::HashMap, sync::Arc};

/// What every organization is entitled to, by the version of the plan it is on.
pub async fn entitlements(tx: &mut PlatformTx, blueprint: &Compiled) -> Result<Vec<(OrgId, Entitlement)>> {
    let versions = Versions::read(tx).await?;
    let rows: Vec<AccountRow> = tx.fetch_all(&ALL_SUBSCRIPTIONS, args![]).await?;
    let mut overrides = overrides::all(tx).await?;
    let mut entitled = Vec::with_capacity(rows.len());
    for row in rows {
        let account = Account::try_from(row)?;
        let overrides = overrides.remove(&account.org).unwrap_or_default();
        entitled.extend(versions.entitlement(&account, overrides, blueprint)?);
    }
    Ok(entitled)
}

/// What one organization is entitled to; `None` if it has no subscription.
pub async fn entitlement_of(
    tx: &mut PlatformTx,
    env: &Env,
    org: OrgId,
    blueprint: &Compiled,
) -> Result<Option<Entitlement>> {
    let mut catalogue = Catalogue::default();
    let Some(mut engine) = Engine::look(tx, env, blueprint, &mut catalogue, org).await? else {
        return Ok(None);
    };
    let config = engine.account.config.clone();
    let offer = engine.offer(&config).await?;
    let account = engine.account;
    let add_ons = offer.add_ons.into_values().map(|(taken, add_on)| (add_on, taken.quantity)).collect();
    let terms = terms_of(&account, add_ons, overrides::of(tx, org).await?);
    let version = small(config.version)?;
    Ok(Some(offer.plan.entitlement(&config.plan, version, blueprint, &terms)))
}

pub(crate) fn terms_of(
    account: &Account,
    add_ons: Vec<(Arc<AddOnDefinition>, u32)>,
    overrides: HashMap<String, Option<u64>>,
) -> Terms {
    Terms {
        anchor: account.anchor.clone(),
        seats: account.config.seats,
        add_ons,
        allows_overage: account.allows_overage,
        overrides,
        clock: account.clock.unwrap_or(Span::from_micros(0)),
        service: account.status.service(),
    }
}

/// Every version of every plan and add-on.
pub(crate) struct Versions {
    plans: HashMap<(String, i64), Definition>,
    add_ons: HashMap<(String, i64), Arc<AddOnDefinition>>,
}

impl Versions {
    pub(crate) async fn read(tx: &mut PlatformTx) -> Result<Self> {
        let rows: Vec<(String, i64, String)> = tx.fetch_all(&ALL_PLAN_VERSIONS, args![]).await?;
        let mut versions = Self { plans: HashMap::new(), add_ons: HashMap::new() };
        for (name, version, text) in rows {
            match crate::plan::add_on_name(&name) {
                Some(add_on) => {
                    versions
                        .add_ons
                        .insert((add_on.to_owned(), version), Arc::new(crate::account::read(&text)?));
                }
                None => {
                    versions.plans.insert((name, version), crate::account::read(&text)?);
                }
            }
        }
        Ok(versions)
    }

    /// A version of a plan.
    pub(crate) fn plan(&self, name: &str, version: i64) -> Option<&Definition> {
        self.plans.get(&(name.to_owned(), version))
    }

    /// A version of an add-on.
    pub(crate) fn add_on(&self, name: &str, version: i64) -> Option<&Arc<AddOnDefinition>> {
        self.add_ons.get(&(name.to_owned(), version))
    }

    fn entitlement(
        &self,
        account: &Account,
        overrides: HashMap<String, Option<u64>>,
        blueprint: &Compiled,
    ) -> Result<Option<(OrgId, Entitlement)>> {
        let Config { plan, version, add_ons, .. } = &account.config;
        let Some(definition) = self.plans.get(&(plan.clone(), *version)) else { return Ok(None) };
        let add_on = |(name, taken): (&String, &crate::account::Taken)| {
            let definition = self.add_ons.get(&(name.clone(), taken.version))?;
            Some((Arc::clone(definition), taken.quantity))
        };
        let terms = terms_of(account, add_ons.iter().filter_map(add_on).collect(), overrides);
        Ok(Some((account.org, definition.entitlement(plan, small(*version)?, blueprint, &terms))))
    }
}
