//! What a route counts and holds: worked out once for each blueprint.

use super::snapshot::{RateGroup, Slot};
use insula_blueprint::{BodySide, Compiled, Cost, Per, Route};
use insula_metering::log::NAME_MAX;

/// What a route counts and holds.
pub(crate) struct Plan {
    /// The name in the log.
    pub(crate) name: Box<str>,
    /// The route's meters by position, and how much of each.
    pub(crate) charges: Box<[(usize, Cost)]>,
    /// The quotas that its charges are taken from.
    pub(crate) counts: Box<[Count]>,
    /// Slots of quotas that must not be used up.
    pub(crate) within: Box<[usize]>,
    /// Positions of the rates that count it.
    pub(crate) rates: Box<[usize]>,
    /// Whether something of the reply's body must be read.
    pub(crate) reads_body: bool,
}

/// A charge that is taken from a quota.
#[derive(Clone, Copy)]
pub(crate) struct Count {
    /// The quota's slot.
    pub(crate) slot: usize,
    /// The position of the charge.
    pub(crate) charge: usize,
}

impl Plan {
    pub(crate) fn new(route: &Route, compiled: &Compiled, slots: &[Slot], rates: &[RateGroup]) -> Self {
        let charges: Box<[_]> =
            route.meters.iter().map(|(meter, cost)| (meter.get(), cost.clone())).collect();
        let mut counts = Vec::new();
        for (charge, (meter, _)) in charges.iter().enumerate() {
            let Some(meter) = compiled.meters().get(*meter) else { continue };
            let bounded = slots.iter().enumerate().filter(|(_, slot)| *slot.meter == *meter.name);
            counts.extend(bounded.map(|(slot, _)| Count { slot, charge }));
        }
        let within = route
            .within
            .iter()
            .filter_map(|limit| slots.iter().position(|slot| slot.limits.contains(&limit.get())));
        let counted = |(_, group): &(usize, &RateGroup)| {
            group.per != Per::Address && (group.routes.is_empty() || group.routes.contains(&route.index))
        };
        let rates = rates.iter().enumerate().filter(counted).map(|(place, _)| place).collect();
        let of_body = |(_, cost): &(usize, Cost)| matches!(cost, Cost::ReplyJson { .. });
        let is_lasting = route.hold.as_ref().is_some_and(|hold| hold.lasting.is_some());
        Self {
            name: name(&route.pattern),
            counts: counts.into(),
            within: within.collect(),
            rates,
            reads_body: is_lasting || charges.iter().any(of_body),
            charges,
        }
    }
}

/// A route's pattern, cut to what the log can hold.
fn name(pattern: &str) -> Box<str> {
    let mut end = pattern.len().min(NAME_MAX);
    while !pattern.is_char_boundary(end) {
        end -= 1;
    }
    pattern[..end].into()
}

/// A quantity as counters have it.
pub(crate) fn amount(quantity: u64) -> i64 {
    i64::try_from(quantity).unwrap_or(i64::MAX)
}

/// How many pieces have been started, of the bodies that count.
pub(crate) fn pieces(of: BodySide, per: u64, bytes_in: u64, bytes_out: u64) -> i64 {
    let bytes = match of {
        BodySide::Request => bytes_in,
        BodySide::Reply => bytes_out,
        BodySide::Both => bytes_in.saturating_add(bytes_out),
    };
    amount(bytes.div_ceil(per.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_counts_from_its_first_byte() {
        let both = |bytes_in, bytes_out| pieces(BodySide::Both, 1_000, bytes_in, bytes_out);
        assert_eq!([both(0, 0), both(1, 0), both(400, 600), both(400, 601)], [0, 1, 1, 2]);
        assert_eq!(pieces(BodySide::Reply, 1_000, u64::MAX, 5), 1);
        assert_eq!(pieces(BodySide::Request, 1, u64::MAX, 5), i64::MAX);
    }
}
