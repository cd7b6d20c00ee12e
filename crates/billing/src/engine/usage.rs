//! What was used, as lines: for each version that was in force in a stretch of time, and each meter.

mod added;

use super::Engine;
use crate::{
    account::{Config, currency, interval, read, unsigned},
    charges::{Behind, Kind, Line, units, unratable},
    definition::{Definition, OverageTerms, Terms, UsageTerms, smallest},
    invoice::Row as Invoice,
    store::{BILLED_USAGE, INVOICES_OVER, ITEMS_IN},
};
use insula_kernel::{Currency, Decimal, Instant, Money, Period, Result, Scale, Span};
use insula_metering::{
    billed::{self, Figure},
    usage::Step,
};
use insula_rating::{Exact, Rated, Share};
use insula_storage::{args, row};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

row! {
    struct ItemRow {
        plan: String,
        version: i64,
        currency: String,
        interval: String,
        seats: i64,
        add_ons: String,
        is_trial: bool,
        starts_at: Instant,
        ends_at: Option<Instant>,
    }
}

/// A version of a plan in the part of an invoice's usage in which it was in force.
struct Segment {
    config: Config,
    definition: Arc<Definition>,
    terms: Terms,
    /// Whether it costs nothing.
    is_free: bool,
    period: Period,
}

/// The usage of an invoice.
#[derive(Clone, Copy)]
pub(crate) struct Range {
    pub(crate) usage: Period,
    pub(crate) cycle: Period,
    pub(crate) month: Period,
    /// Events up to this number count.
    pub(crate) settled: i64,
    pub(crate) currency: Currency,
}

impl Engine<'_> {
    /// The lines of everything that was used in a range, and what is missing to the minimum.
    pub(super) async fn usage_lines(&mut self, range: Range) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        let used = billed::meters(self.tx, self.account.org, range.usage).await?;
        for segment in self.segments(range.usage).await? {
            let first = lines.len();
            for meter in &used {
                lines.extend(self.meter_lines(&segment, meter, range).await?);
            }
            let unused = segment.definition.usage.iter().filter(|terms| !used.contains(&terms.meter));
            for terms in unused {
                // A price may ask for something where nothing was used.
                let figure = Figure::default();
                lines.extend(self.priced(&segment, terms, figure, range)?.filter(|line| line.amount != 0));
            }
            let so_far = lines[first..].iter().map(|line| line.amount).fold(0, i64::saturating_add);
            lines.extend(self.minimum_line(&segment, so_far, range).await?);
        }
        Ok(lines)
    }

    async fn segments(&mut self, usage: Period) -> Result<Vec<Segment>> {
        let rows: Vec<ItemRow> =
            self.tx.fetch_all(&ITEMS_IN, args![self.account.org, usage.start, usage.end]).await?;
        let overrides = crate::overrides::of(self.tx, self.account.org).await?;
        let mut segments = Vec::new();
        let mut covered = usage.start;
        for row in rows {
            let period = Period {
                start: row.starts_at.max(usage.start),
                end: row.ends_at.map_or(usage.end, |end| end.min(usage.end)),
            };
            if period.start >= period.end {
                continue;
            }
            segments.extend(self.gap(covered, period.start));
            covered = covered.max(period.end);
            let config = Config {
                plan: row.plan,
                version: row.version,
                currency: currency(&row.currency)?,
                interval: interval(&row.interval)?,
                seats: unsigned(row.seats),
                add_ons: read(&row.add_ons)?,
            };
            let offer = self.offer(&config).await?;
            let add_ons = offer.add_ons.into_values().map(|(taken, add_on)| (add_on, taken.quantity));
            let terms = Terms {
                add_ons: add_ons.collect(),
                seats: config.seats,
                overrides: overrides.clone(),
                ..Terms::beginning(period.start)
            };
            segments.push(Segment { config, definition: offer.plan, terms, is_free: row.is_trial, period });
        }
        segments.extend(self.gap(covered, usage.end));
        Ok(segments)
    }

    /// A time in which nothing was in force, as in a pause: what was used then, by what had begun before, costs nothing
    /// and stands on an invoice all the same.
    fn gap(&self, start: Instant, end: Instant) -> Option<Segment> {
        (start < end).then(|| Segment {
            config: Config { plan: "none".to_owned(), version: 0, ..self.account.config.clone() },
            definition: Arc::default(),
            terms: Terms::beginning(start),
            is_free: true,
            period: Period { start, end },
        })
    }

    /// What was used of a meter while a version was in force.
    async fn meter_lines(&mut self, segment: &Segment, meter: &str, range: Range) -> Result<Vec<Line>> {
        let figure = billed::figure(self.tx, self.account.org, meter, segment.period).await?;
        if figure.events == 0 {
            return Ok(Vec::new());
        }
        let definition = Arc::clone(&segment.definition);
        if let Some(terms) = definition.usage.iter().find(|terms| terms.meter == meter) {
            return Ok(self.priced(segment, terms, figure, range)?.into_iter().collect());
        }
        let mut lines = Vec::new();
        for terms in definition.overage.iter().filter(|terms| terms.meter == meter) {
            lines.extend(self.beyond(segment, terms, figure, range, lines.is_empty()).await?);
        }
        if lines.is_empty() {
            let scale = self.scale_of(meter);
            let quantity = units(figure.units, scale).to_string();
            let line = usage_line(Kind::Usage, segment, meter, meter, figure, range);
            lines.push(Line { quantity, description: format!("{}: included", described(meter)), ..line });
        }
        Ok(lines)
    }

    /// Usage that is priced from the first unit. A trial's costs nothing.
    fn priced(
        &self,
        segment: &Segment,
        terms: &UsageTerms,
        figure: Figure,
        range: Range,
    ) -> Result<Option<Line>> {
        let line = usage_line(Kind::Usage, segment, &terms.meter, &terms.meter, figure, range);
        let quantity = units(figure.units, terms.scale);
        let price = terms.prices.get(range.currency.code()).filter(|_| !segment.is_free);
        let Some(price) = price else {
            return Ok((figure.events > 0).then(|| Line { quantity: quantity.to_string(), ..line }));
        };
        let share = self.share_of_month(segment, range);
        let rated = price.rate_share(quantity, share, range.currency).map_err(unratable)?;
        let work =
            json!({ "price": price, "share": share.exact(), "steps": rated.steps, "exact": rated.exact });
        Ok(Some(Line { quantity: quantity.to_string(), amount: rated.amount.minor, work, ..line }))
    }

    /// What went beyond a limit while a version was in force: in each of the limit's windows, what came on top of the
    /// bound of that version.
    async fn beyond(
        &mut self,
        segment: &Segment,
        terms: &OverageTerms,
        figure: Figure,
        range: Range,
        is_first: bool,
    ) -> Result<Option<Line>> {
        let bound = segment.definition.rated_bound(&terms.limit, &segment.terms);
        let (Some(bound), Some(price)) = (bound, terms.prices.get(range.currency.code())) else {
            return Ok(None);
        };
        let bound = smallest(bound, terms.scale);
        let windows = if segment.is_free {
            Vec::new()
        } else {
            self.windows_beyond(segment.period, terms, bound, range).await?
        };
        let beyond = windows.iter().map(|(_, more)| *more).fold(0, i64::saturating_add);
        let quantity = units(beyond, terms.scale);
        let Rated { steps, exact, amount } = price.rate(quantity, range.currency).map_err(unratable)?;
        // The events stand behind the first of the lines that a meter has.
        let figure = if is_first { figure } else { Figure::default() };
        let line = usage_line(Kind::Overage, segment, &terms.limit, &terms.meter, figure, range);
        let shown: Vec<_> = windows
            .iter()
            .map(|(start, more)| json!({ "window": start, "beyond": units(*more, terms.scale) }))
            .collect();
        let used = units(figure.units, terms.scale);
        let work = json!({
            "price": price, "steps": steps, "exact": exact, "limit": terms.limit,
            "bound": units(bound, terms.scale), "used": used, "windows": shown,
        });
        let description = format!("{} beyond {}", described(&terms.meter), terms.limit);
        Ok(Some(Line { quantity: quantity.to_string(), amount: amount.minor, work, description, ..line }))
    }

    /// In which windows of a limit how much came on top of its bound in a stretch of time.
    async fn windows_beyond(
        &mut self,
        period: Period,
        terms: &OverageTerms,
        bound: i64,
        range: Range,
    ) -> Result<Vec<(Instant, i64)>> {
        let (org, meter) = (self.account.org, terms.meter.as_str());
        let Some(step) = step_of(&terms.window) else {
            let more = self.cut_window(range.month.start, period, meter, bound).await?;
            return Ok((more > 0).then_some((range.month.start, more)).into_iter().collect());
        };
        // Where a whole window stays within the bound, so does every part of it.
        let touched = Period { start: step.start(period.start), end: period.end };
        let mut all = Vec::new();
        for (start, quantity) in billed::beyond(self.tx, org, meter, step, touched, bound).await? {
            let end = start + step.span();
            let more = if start >= period.start && end <= period.end {
                quantity.saturating_sub(bound)
            } else {
                let part = Period { start: start.max(period.start), end: end.min(period.end) };
                self.cut_window(start, part, meter, bound).await?
            };
            all.push((start, more));
        }
        all.retain(|(_, more)| *more > 0);
        Ok(all)
    }

    /// What came on top of a bound in a part of a window, in which usage before the part counts too.
    async fn cut_window(&mut self, window: Instant, part: Period, meter: &str, bound: i64) -> Result<i64> {
        let org = self.account.org;
        let upto = |end| Period { start: window, end };
        let after = billed::figure(self.tx, org, meter, upto(part.end)).await?.units;
        if after <= bound || part.start <= window {
            return Ok(after.saturating_sub(bound).max(0));
        }
        let before = billed::figure(self.tx, org, meter, upto(part.start)).await?.units;
        Ok(after.saturating_sub(bound).max(0) - before.saturating_sub(bound).max(0))
    }

    /// What is missing to the least that a period comes to, of which a month and a segment bear their share.
    async fn minimum_line(&mut self, segment: &Segment, so_far: i64, range: Range) -> Result<Option<Line>> {
        let minimum = segment.definition.minimum.iter().find(|(currency, _)| *currency == range.currency);
        let Some((_, minimum)) = minimum.filter(|_| !segment.is_free) else { return Ok(None) };
        let share = Share::of(segment.period, range.cycle, self.calendar().proration, &self.account.anchor);
        let least = &Exact::from(*minimum) * &share.exact();
        let recurs = self.offer(&segment.config).await?.recurs(&segment.config)?;
        let recurring: Exact = recurs.iter().map(|one| &Exact::money(one.whole) * &share.exact()).sum();
        let used = Exact::money(Money { minor: so_far, currency: range.currency });
        let missing = least.clone() - recurring.clone() - used.clone();
        let amount = missing.rounded(range.currency).map_err(crate::charges::too_large)?;
        if amount.minor <= 0 {
            return Ok(None);
        }
        let none = Figure::default();
        let line = usage_line(Kind::Minimum, segment, "minimum", "", none, range);
        let work =
            json!({ "minimum": minimum, "share": share.exact(), "recurring": recurring, "usage": used });
        let description = "What is missing to the minimum".to_owned();
        Ok(Some(Line {
            amount: amount.minor,
            quantity: "1".to_owned(),
            behind: None,
            work,
            description,
            ..line
        }))
    }

    /// The share of a month in which a version was in force: of what it includes, and of minimums of its prices, so
    /// much counts.
    fn share_of_month(&self, segment: &Segment, range: Range) -> Share {
        Share::of(segment.period, range.month, self.calendar().proration, &self.account.anchor)
    }

    fn scale_of(&self, meter: &str) -> Scale {
        let index = self.blueprint.meter_index(meter).and_then(|index| self.blueprint.meter(index));
        index.map(|meter| meter.scale).unwrap_or_default()
    }

    /// What came too late for invoices that are final: what their usage would be rated at now, less what it was.
    pub(super) async fn late_lines(&mut self, settled: i64, currency: Currency) -> Result<Vec<Line>> {
        let open_from = self.account.usage_from;
        let days = billed::late_days(self.tx, self.account.org, open_from).await?;
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(Vec::new()) };
        let until = *last + Span::from_days(1);
        let touched: Vec<Invoice> =
            self.tx.fetch_all(&INVOICES_OVER, args![self.account.org, *first, until]).await?;
        let mut lines = Vec::new();
        for invoice in touched {
            if let Some(range) = invoice.range(settled)?.filter(|range| range.currency == currency) {
                lines.extend(self.adjustments(range).await?);
            }
        }
        // A day that isn't over belongs to usage that is on no invoice yet, too.
        let over: Vec<Instant> =
            days.into_iter().filter(|day| *day + Span::from_days(1) <= open_from).collect();
        billed::forget_late(self.tx, self.account.org, &over).await?;
        Ok(lines)
    }

    async fn adjustments(&mut self, range: Range) -> Result<Vec<Line>> {
        let now = self.usage_lines(range).await?;
        let Period { start, end } = range.usage;
        let rows: Vec<crate::invoice::LineRow> =
            self.tx.fetch_all(&BILLED_USAGE, args![self.account.org, start, end]).await?;
        let mut billed: BTreeMap<String, Billed> = BTreeMap::new();
        for row in rows {
            billed.entry(row.adjusts.clone().unwrap_or_else(|| row.line_key.clone())).or_default().add(&row);
        }
        let differing = now.into_iter().filter_map(|line| {
            let before = billed.remove(&line.key).unwrap_or_default();
            before.difference(line, range.settled)
        });
        Ok(differing.collect())
    }
}

/// What stands on invoices for one line of usage.
struct Billed {
    quantity: Exact,
    amount: i64,
    units: i64,
    events: i64,
    digest: i64,
    settled: i64,
}

impl Default for Billed {
    fn default() -> Self {
        Self { quantity: Exact::zero(), amount: 0, units: 0, events: 0, digest: 0, settled: 0 }
    }
}

/// A quantity as it stands on a line.
fn quantity(text: &str) -> Exact {
    text.parse::<Decimal>().map_or_else(|_| Exact::zero(), Exact::from)
}

impl Billed {
    fn add(&mut self, row: &crate::invoice::LineRow) {
        self.quantity = self.quantity.clone() + quantity(&row.quantity);
        self.amount = self.amount.saturating_add(row.amount);
        self.units = self.units.saturating_add(row.units.unwrap_or(0));
        self.events += row.events.unwrap_or(0);
        self.digest = self.digest.wrapping_add(row.digest.unwrap_or(0)) & ((1 << 62) - 1);
        self.settled = self.settled.max(row.settled_to.unwrap_or(0));
    }

    /// The line that makes up for what has changed, if anything has.
    fn difference(&self, now: Line, settled: i64) -> Option<Line> {
        let behind = now.behind.clone()?;
        if behind.events == self.events && behind.digest == self.digest && now.amount == self.amount {
            return None;
        }
        Some(Line {
            key: format!("{}+{settled}", now.key),
            kind: Kind::Adjustment,
            description: format!("{}, reported late", now.description),
            quantity: (quantity(&now.quantity) - self.quantity.clone()).to_string(),
            amount: now.amount - self.amount,
            adjusts: Some(now.key.clone()),
            behind: Some(Behind {
                units: behind.units - self.units,
                events: behind.events - self.events,
                digest: (behind.digest - self.digest) & ((1 << 62) - 1),
                settled_from: self.settled,
                ..behind
            }),
            work: json!({ "before": self.amount, "now": now.amount, "rated": now.work }),
            ..now
        })
    }
}

/// The steps that a limit's window is one of; `None` for a month.
fn step_of(window: &str) -> Option<Step> {
    match window {
        "hour" => Some(Step::Hour),
        "day" => Some(Step::Day),
        _ => None,
    }
}

fn usage_line(kind: Kind, segment: &Segment, item: &str, meter: &str, figure: Figure, range: Range) -> Line {
    let Config { plan, version, .. } = &segment.config;
    let Period { start, end } = segment.period;
    let key = format!("{}:{item}:{plan}@{version}/{}/{}", kind.name(), start.as_micros(), end.as_micros());
    let behind = Behind {
        meter: meter.to_owned(),
        units: figure.units,
        events: figure.events,
        digest: figure.digest,
        settled_from: 0,
        settled_to: range.settled,
    };
    Line {
        key,
        kind,
        item: item.to_owned(),
        version: *version,
        description: described(meter),
        cycle_start: range.cycle.start,
        period: segment.period,
        quantity: String::new(),
        amount: 0,
        whole: 0,
        adjusts: None,
        behind: Some(behind),
        work: json!({}),
    }
}

fn described(meter: &str) -> String {
    crate::charges::titled(meter)
}
