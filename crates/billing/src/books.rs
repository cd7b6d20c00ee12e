//! The continuous check that what is billed is what was used, as sets.
//!
//! Every event in the time that a final invoice or statement covers must stand on exactly one of its lines for each meter
//! that it counts on, or on an adjustment of it; and every line must have as many events, with the same digest, as it says.
//! What differs is reported, never repaired. An event that was settled after the invoice became final and that no
//! adjustment names yet waits for the next invoice: that is no mistake.

use crate::{
    invoice::{LineRow, Row},
    store::{BILLED_USAGE, FINAL_AFTER, FINAL_BETWEEN, INVOICE_OF},
};
use insula_kernel::{InvoiceId, OrgId, Period, Result};
use insula_metering::billed::{self, Entry};
use insula_storage::{PlatformTx, Storage, Store, Worker, args, row};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// How many invoices one round of the background looks at.
const INVOICES: u32 = 200;
/// How many events it reads before it leaves the rest to the next round.
const EVENTS: u64 = 200_000;

/// What isn't as it must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A line's events aren't those that it names.
    Line,
    /// Events stand on no line, though they were there when the invoice became final.
    Missing,
    /// Events stand on more than one line.
    Twice,
}

impl Fault {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Missing => "missing",
            Self::Twice => "twice",
        }
    }
}

/// Where an invoice and its events don't agree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Whose.
    pub org: OrgId,
    /// The invoice whose time it is.
    pub invoice: InvoiceId,
    /// Of which meter.
    pub meter: String,
    /// What isn't as it must be.
    pub fault: Fault,
    /// How many events the line names; of events beside the lines, none.
    pub billed: i64,
    /// How many there are.
    pub found: i64,
}

/// What was compared so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Compared {
    /// Invoices and statements.
    pub invoices: u64,
    /// Their events.
    pub events: u64,
    /// Where they didn't agree.
    pub differences: u64,
}

/// Goes through the invoices of all organizations, again and again, some in each round.
#[derive(Default)]
pub struct Books {
    /// The invoice that was looked at last.
    last: Mutex<Option<(OrgId, InvoiceId)>>,
    invoices: AtomicU64,
    events: AtomicU64,
    differences: AtomicU64,
}

impl Books {
    /// What was compared since the start.
    pub fn compared(&self) -> Compared {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Compared {
            invoices: count(&self.invoices),
            events: count(&self.events),
            differences: count(&self.differences),
        }
    }

    /// Compares the next invoices with their events. What differs goes to the error log too.
    ///
    /// # Errors
    /// When the ledger can't be read; the next round begins with what wasn't compared.
    pub async fn round(&self, storage: &Storage) -> Result<Vec<Difference>> {
        let mut read = 0;
        let mut differ = Vec::new();
        let last = *self.last.lock();
        let mut tx = storage.platform_read(Store::Ledger, &Worker::Billing).await?;
        let (org, invoice) =
            last.unwrap_or((OrgId::from_uuid(Uuid::nil()), InvoiceId::from_uuid(Uuid::nil())));
        let next: Vec<Place> = tx.fetch_all(&FINAL_AFTER, args![org, invoice, INVOICES]).await?;
        drop(tx);
        if next.is_empty() {
            *self.last.lock() = None;
        }
        for Place { org, id } in next {
            // Each in a transaction of its own: none may keep what it sees alive for long.
            let mut tx = storage.platform_read(Store::Ledger, &Worker::Billing).await?;
            let (events, found) = compare(&mut tx, org, id).await?;
            drop(tx);
            for Difference { meter, fault, billed, found, .. } in &found {
                tracing::error!(%org, invoice = %id, meter, ?fault, billed, found, "an invoice isn't that of its events");
            }
            *self.last.lock() = Some((org, id));
            self.invoices.fetch_add(1, Ordering::Relaxed);
            self.events.fetch_add(events, Ordering::Relaxed);
            self.differences.fetch_add(found.len() as u64, Ordering::Relaxed);
            differ.extend(found);
            read += events;
            if read >= EVENTS {
                break;
            }
        }
        Ok(differ)
    }
}

row! {
    struct Place {
        org: OrgId,
        id: InvoiceId,
    }
}

/// Compares the final invoices and statements of all organizations whose usage lies in a period, or partly does, and says
/// how many they were.
pub async fn between(tx: &mut PlatformTx, period: Period) -> Result<(u64, Vec<Difference>)> {
    let places: Vec<Place> = tx.fetch_all(&FINAL_BETWEEN, args![period.start, period.end]).await?;
    let (mut count, mut differ) = (0, Vec::new());
    for Place { org, id } in places {
        differ.extend(compare(tx, org, id).await?.1);
        count += 1;
    }
    Ok((count, differ))
}

/// A line, and the events found for it.
struct Line {
    meter: String,
    period: Period,
    /// Numbers after the first of these and up to the second.
    settled: (i64, i64),
    /// How many events it names, and their digest.
    named: (i64, i64),
    found: (i64, i64),
}

impl Line {
    fn of(row: LineRow) -> Option<Self> {
        let (meter, events, digest) = (row.meter?, row.events?, row.digest?);
        let settled = (row.settled_from?, row.settled_to?);
        // Of several lines for one meter, the events stand behind the first.
        (events != 0).then_some(Self {
            meter,
            period: Period { start: row.period_start, end: row.period_end },
            settled,
            named: (events, digest),
            found: (0, 0),
        })
    }

    fn covers(&self, meter: &str, entry: &Entry) -> bool {
        let (after, upto) = self.settled;
        self.meter == meter
            && self.period.contains(entry.at)
            && entry.settled > after
            && entry.settled <= upto
    }
}

/// Compares an invoice with the events of its time; says how many those are, and what differs.
async fn compare(tx: &mut PlatformTx, org: OrgId, id: InvoiceId) -> Result<(u64, Vec<Difference>)> {
    let invoice: Row = tx.fetch_one(&INVOICE_OF, args![org, id]).await?;
    let settled = invoice.settled.unwrap_or(0);
    let (Some(start), Some(end)) = (invoice.usage_from, invoice.usage_to) else { return Ok((0, Vec::new())) };
    let rows: Vec<LineRow> = tx.fetch_all(&BILLED_USAGE, args![org, start, end]).await?;
    let mut lines: Vec<Line> = rows.into_iter().filter_map(Line::of).collect();
    let mut beside: Vec<Difference> = Vec::new();
    let mut fault = |meter: &str, fault| match beside
        .iter_mut()
        .find(|known| known.meter == meter && known.fault == fault)
    {
        Some(known) => known.found += 1,
        None => {
            let meter = meter.to_owned();
            beside.push(Difference { org, invoice: id, meter, fault, billed: 0, found: 1 });
        }
    };
    let mut count = 0;
    let mut after = None;
    loop {
        let entries = billed::entries(tx, org, Period { start, end }, after).await?;
        let Some(last) = entries.last() else { break };
        after = Some((last.at, last.id));
        for entry in &entries {
            count += 1;
            for meter in &entry.meters {
                let mut times = 0;
                for line in lines.iter_mut().filter(|line| line.covers(meter, entry)) {
                    times += 1;
                    line.found = (line.found.0 + 1, billed::joined(line.found.1, entry.id));
                }
                match times {
                    0 if entry.settled <= settled => fault(meter, Fault::Missing),
                    0 | 1 => {}
                    _ => fault(meter, Fault::Twice),
                }
            }
        }
    }
    let wrong = lines.into_iter().filter(|line| line.found != line.named).map(|line| Difference {
        org,
        invoice: id,
        meter: line.meter,
        fault: Fault::Line,
        billed: line.named.0,
        found: line.found.0,
    });
    let mut differ: Vec<Difference> = wrong.collect();
    differ.extend(beside);
    Ok((count, differ))
}
