//! What one event adds to what is charged.

use super::{Range, Segment, smallest, units, unratable};
use crate::{engine::Engine, invoice::Row as Invoice, request::Added, store::INVOICES_OVER};
use insula_kernel::{Decimal, Instant, Period, Result, Span};
use insula_metering::billed;
use insula_rating::{Exact, Price, Share};
use insula_storage::args;
use std::sync::Arc;

impl Engine<'_> {
    /// What is charged for an event of this instant, on top of what was used before it: of each of these meters, in its
    /// smallest units, by the version of the plan that was in force.
    pub(crate) async fn added(&mut self, at: Instant, used: &[(String, i64)]) -> Result<Vec<Added>> {
        let month = self.month_of(at).await?;
        let segments = self.segments(month).await?;
        let Some(segment) = segments.into_iter().find(|segment| segment.period.contains(at)) else {
            return Ok(Vec::new());
        };
        if segment.is_free {
            return Ok(Vec::new());
        }
        let currency = segment.config.currency;
        let range = Range { usage: month, cycle: month, month, settled: 0, currency };
        let definition = Arc::clone(&segment.definition);
        let mut all = Vec::new();
        for (meter, more) in used {
            if let Some(terms) = definition.usage.iter().find(|terms| terms.meter == *meter) {
                let Some(price) = terms.prices.get(currency.code()) else { continue };
                let share = self.share_of_month(&segment, range);
                let before = Period { end: at, ..segment.period };
                let before = billed::figure(self.tx, self.account.org, meter, before).await?.units;
                let quantities = [before, before.saturating_add(*more)].map(|all| units(all, terms.scale));
                all.push(segment.added(meter, None, price, quantities, share)?);
                continue;
            }
            for terms in definition.overage.iter().filter(|terms| terms.meter == *meter) {
                let bound = definition.rated_bound(&terms.limit, &segment.terms);
                let (Some(bound), Some(price)) = (bound, terms.prices.get(currency.code())) else { continue };
                let bound = smallest(bound, terms.scale);
                let step = super::step_of(&terms.window);
                let start = step.map_or(month.start, |step| step.start(at));
                let window = Period { start, end: at };
                let so_far = billed::figure(self.tx, self.account.org, meter, window).await?.units;
                let beyond = |used: i64| used.saturating_sub(bound).max(0);
                let more = beyond(so_far.saturating_add(*more)) - beyond(so_far);
                let before = Period { end: at, ..segment.period };
                let windows = self.windows_beyond(before, terms, bound, range).await?;
                let before = windows.iter().map(|(_, more)| *more).fold(0, i64::saturating_add);
                let quantities = [before, before.saturating_add(more)].map(|all| units(all, terms.scale));
                let whole = Share::of(month, month, self.calendar().proration, &self.account.anchor);
                all.push(segment.added(meter, Some(&terms.limit), price, quantities, whole)?);
            }
        }
        Ok(all)
    }

    /// The month of usage that an instant lies in: that of its invoice, since the anchor may have moved afterwards.
    async fn month_of(&mut self, at: Instant) -> Result<Period> {
        let until = at + Span::from_micros(1);
        let invoices: Vec<Invoice> =
            self.tx.fetch_all(&INVOICES_OVER, args![self.account.org, at, until]).await?;
        for invoice in invoices {
            if let Some(range) = invoice.range(0)? {
                return Ok(range.month);
            }
        }
        Ok(self.account.anchor.month_containing(at))
    }
}

impl Segment {
    /// By how much what a quantity comes to grows with it.
    fn added(
        &self,
        meter: &str,
        limit: Option<&str>,
        price: &Price,
        [before, after]: [Decimal; 2],
        share: Share,
    ) -> Result<Added> {
        let currency = self.config.currency;
        let rated = |quantity| price.rate_share(quantity, share, currency).map_err(unratable);
        let exact: Exact = rated(after)?.exact - rated(before)?.exact;
        let amount = exact.rounded(currency).map_err(crate::charges::too_large)?;
        Ok(Added {
            meter: meter.to_owned(),
            limit: limit.map(str::to_owned),
            plan: self.config.plan.clone(),
            plan_version: self.config.version,
            price: price.clone(),
            exact,
            amount,
        })
    }
}
