//! Limits of a key's own: by the names of the blueprint's limits.

use crate::{OwnLimits, RateOverride};
use insula_blueprint::{Compiled, LimitKind, RateWindow};
use insula_kernel::{Error, FieldError, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Requests per second that a key may be given.
const FASTEST: u32 = 1_000_000;
/// The largest number that every reader of JSON takes for what it is (RFC 8259, section 6).
const GREATEST: i64 = (1 << 53) - 1;

/// How far a limit goes for a key: so many in the limit's window, or at once. A rate per second may have a burst beside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a whole number, or `per_second` with or without `burst`")]
pub enum KeyLimit {
    /// So many.
    Number(i64),
    /// So many per second.
    Rate(KeyRate),
}

/// A rate per second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRate {
    /// Requests per second.
    pub per_second: u32,
    /// How many may come at once; as many as per second if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

/// The limits of a key's own, each under the name of a limit of the blueprint. They bound the key beside what bounds its
/// organization; a rate per second stands in for the plan's.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct KeyLimits(BTreeMap<String, KeyLimit>);

impl KeyLimits {
    /// Puts in what is asked for, each of `null` out, and reports all of it that can't be.
    pub fn change(
        &mut self,
        asked: &BTreeMap<String, Option<KeyLimit>>,
        blueprint: &Compiled,
        wrong: &mut Vec<FieldError>,
    ) {
        for (name, limit) in asked {
            match limit.map(|limit| checked(name, limit, blueprint)) {
                None => drop(self.0.remove(name)),
                Some(Ok(limit)) => drop(self.0.insert(name.clone(), limit)),
                Some(Err((code, detail))) => {
                    let pointer = format!("/limits/{}", name.replace('~', "~0").replace('/', "~1"));
                    wrong.push(FieldError { pointer, code, detail });
                }
            }
        }
    }

    /// As they are stored.
    #[must_use]
    pub fn stored(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_else(|_| "{}".to_owned())
    }

    /// Reads what [`KeyLimits::stored`] wrote.
    pub fn read(stored: &str) -> Result<Self> {
        serde_json::from_str(stored)
            .map_err(|error| Error::internal(format!("a key's stored limits can't be read: {error}")))
    }

    /// The strictest rate per second among them.
    #[must_use]
    pub fn rate(&self) -> Option<RateOverride> {
        let rates = self.0.values().filter_map(|limit| match limit {
            KeyLimit::Number(_) => None,
            KeyLimit::Rate(rate) => Some(RateOverride {
                per_second: rate.per_second,
                burst: rate.burst.unwrap_or(rate.per_second),
            }),
        });
        rates.min_by_key(|rate| rate.per_second)
    }

    /// Every limit with its number, rates included, as requests need them.
    #[must_use]
    pub fn compile(&self, blueprint: &Compiled) -> OwnLimits {
        let number = |limit: &KeyLimit| match limit {
            KeyLimit::Number(number) => *number,
            KeyLimit::Rate(rate) => i64::from(rate.per_second),
        };
        OwnLimits::compile(
            self.0.iter().map(|(name, limit)| (name.as_str().into(), number(limit))),
            blueprint,
        )
    }
}

/// The limit in the form that is stored: a rate per second with its burst, everything else as a number.
fn checked(name: &str, limit: KeyLimit, blueprint: &Compiled) -> Result<KeyLimit, (&'static str, String)> {
    let declared = blueprint.limit_index(name).and_then(|index| blueprint.limit(index));
    let kind = declared.map(|declared| &declared.kind);
    let Some(kind) = kind.filter(|kind| !matches!(kind, LimitKind::Stock)) else {
        return Err(("unknown", format!("There is no rate, quota or hold `{name}`.")));
    };
    let per_second = matches!(kind, LimitKind::Rate { window: RateWindow::Second, .. });
    match limit {
        KeyLimit::Rate(_) if !per_second => {
            Err(("wrong_type", format!("`{name}` is no rate per second: a number says how far it goes.")))
        }
        KeyLimit::Rate(KeyRate { per_second, burst }) => {
            let burst = burst.unwrap_or(per_second);
            let possible = |number: u32| (1..=FASTEST).contains(&number);
            if possible(per_second) && possible(burst) {
                return Ok(KeyLimit::Rate(KeyRate { per_second, burst: Some(burst) }));
            }
            Err(("out_of_range", format!("A rate and its burst are 1 to {FASTEST}.")))
        }
        KeyLimit::Number(number) if per_second => {
            let number = u32::try_from(number).ok().filter(|number| (1..=FASTEST).contains(number));
            let rate = number.map(|per_second| KeyRate { per_second, burst: Some(per_second) });
            rate.map(KeyLimit::Rate)
                .ok_or_else(|| ("out_of_range", format!("A rate and its burst are 1 to {FASTEST}.")))
        }
        KeyLimit::Number(number) if (1..=GREATEST).contains(&number) => Ok(limit),
        KeyLimit::Number(_) => Err(("out_of_range", format!("A limit is 1 to {GREATEST}."))),
    }
}
