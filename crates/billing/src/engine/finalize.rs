//! Invoices become final: with their usage, what came late, what the operator added, taxes, and a number.

use super::{Engine, usage::Range};
use crate::{
    account::{currency, json},
    charges::{Kind, Line, too_large},
    invoice::{LineRow, Profile, Row, Seller},
    store::{
        ADD_TO_BALANCE, BALANCE_OF, FINALIZE_INVOICE, INVOICE_OF, LINES_OF, NEXT_NUMBER, OPEN_ONE_OFFS,
        PROFILE_OF, TAKE_ONE_OFFS,
    },
};
use insula_kernel::{BalanceId, Currency, Error, Instant, InvoiceId, OneOffId, Period, Result};
use insula_metering::billed;
use insula_rating::{Deductions, Item, TaxRate, Totals, total};
use insula_storage::{args, row};
use serde_json::json as object;

row! {
    struct OneOff {
        id: OneOffId,
        description: String,
        amount: i64,
        created_at: Instant,
    }
}

impl Engine<'_> {
    /// Makes an invoice final if it is a draft; says whether it was one.
    pub(crate) async fn finalize_draft(&mut self, id: InvoiceId, at: Instant) -> Result<bool> {
        let found: Option<Row> = self.tx.fetch_optional(&INVOICE_OF, args![self.account.org, id]).await?;
        let is_draft = found.ok_or_else(|| Error::not_found("invoice"))?.status == "draft";
        if is_draft {
            self.finalize(id, at).await?;
        }
        Ok(is_draft)
    }

    /// Makes an invoice final.
    pub(super) async fn finalize(&mut self, id: InvoiceId, at: Instant) -> Result<()> {
        let org = self.account.org;
        // First, so that what is read from here on is the usage up to this number.
        let settled = billed::settled(self.tx).await?;
        let invoice: Row = self.tx.fetch_one(&INVOICE_OF, args![org, id]).await?;
        let currency = currency(&invoice.currency)?;
        let before: Vec<LineRow> = self.tx.fetch_all(&LINES_OF, args![org, id]).await?;
        let mut new = Vec::new();
        let range = invoice.range(settled)?;
        if let Some(range) = range {
            new.extend(self.usage_lines(Range { currency, ..range }).await?);
        }
        new.extend(self.late_lines(settled, currency).await?);
        new.extend(self.one_offs(id, currency, at).await?);
        self.insert_lines(id, i64::try_from(before.len()).unwrap_or(i64::MAX) + 1, &new).await?;

        let amounts: Vec<i64> =
            before.iter().map(|line| line.amount).chain(new.iter().map(|line| line.amount)).collect();
        let customer: Option<Profile> = self.tx.fetch_optional(&PROFILE_OF, args![org]).await?;
        let tax = self.tax_for(customer.as_ref());
        let items: Vec<Item<'_>> =
            amounts.iter().map(|amount| Item { amount: *amount, tax: tax.as_ref() }).collect();
        let available: (i64,) = self.tx.fetch_one(&BALANCE_OF, args![org, currency.code()]).await?;
        let off = Deductions { wallet: available.0.max(0), ..Deductions::default() };
        let totals = total(&items, off, currency).map_err(too_large)?;
        let is_statement = amounts.iter().all(|amount| *amount == 0);
        let number = if is_statement { None } else { Some(self.number(None).await?) };
        self.use_balance(&invoice, &totals, at).await?;
        let is_paid = totals.due == 0;
        let due_at = (!is_paid).then(|| at + self.blueprint.billing().payment_terms);
        let tax_sum: i64 = totals.taxes.iter().map(|tax| tax.amount).sum();
        let seller = Seller { name: self.blueprint.billing().seller.clone() };
        let status = if is_paid { "paid" } else { "open" };
        let values = args![
            org,
            id,
            if is_statement { "statement" } else { "invoice" },
            status,
            number.clone(),
            at,
            due_at,
            is_paid.then_some(at),
            totals.subtotal,
            tax_sum,
            json(&totals.taxes),
            totals.total,
            totals.wallet,
            totals.due,
            json(&seller),
            json(&customer),
            settled
        ];
        self.tx.execute(&FINALIZE_INVOICE, values).await?;
        self.note_waiting(id, status, due_at, totals.due);
        if let Some(number) = number {
            let payload =
                object!({ "invoice": id, "number": number, "total": totals.total, "currency": currency });
            self.publish("invoice.finalized", payload).await?;
        }
        Ok(())
    }

    /// What is below zero goes to the customer's balance; what the balance pays comes off it.
    async fn use_balance(&mut self, invoice: &Row, totals: &Totals, at: Instant) -> Result<()> {
        let (amount, reason) = match (totals.wallet, totals.total) {
            (0, total) if total < 0 => (total.saturating_neg(), "credit"),
            (0, _) => return Ok(()),
            (used, _) => (-used, "used"),
        };
        self.put_balance(invoice.id, &invoice.currency, amount, reason, at).await
    }

    pub(super) async fn put_balance(
        &mut self,
        invoice: InvoiceId,
        currency: &str,
        amount: i64,
        reason: &str,
        at: Instant,
    ) -> Result<()> {
        let id = BalanceId::generate(self.env);
        let values = args![self.account.org, id, at, currency, amount, reason, invoice];
        self.tx.execute(&ADD_TO_BALANCE, values).await?;
        Ok(())
    }

    /// The next number of a series: of invoices, or of what `series` names. Organizations with a test clock have series
    /// of their own.
    pub(super) async fn number(&mut self, series: Option<&str>) -> Result<String> {
        let prefix = series.map_or_else(|| self.blueprint.billing().invoice_prefix.clone(), str::to_owned);
        let name = if self.account.clock.is_some() { format!("TEST-{prefix}") } else { prefix };
        let (next,): (i64,) = self.tx.fetch_one(&NEXT_NUMBER, args![name.as_str()]).await?;
        Ok(format!("{name}-{next:06}"))
    }

    /// The first tax that fits the customer.
    fn tax_for(&self, customer: Option<&Profile>) -> Option<TaxRate> {
        let country = customer.and_then(|customer| customer.country.as_deref());
        let fits = |tax: &&insula_blueprint::Tax| {
            tax.countries.is_empty()
                || country.is_some_and(|country| tax.countries.iter().any(|known| known == country))
        };
        self.blueprint.billing().taxes.iter().find(fits).map(|tax| tax.rate.clone())
    }

    /// What the operator has put there for the next invoice.
    async fn one_offs(&mut self, invoice: InvoiceId, currency: Currency, at: Instant) -> Result<Vec<Line>> {
        let org = self.account.org;
        let found: Vec<OneOff> = self.tx.fetch_all(&OPEN_ONE_OFFS, args![org, currency.code()]).await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        self.tx.execute(&TAKE_ONE_OFFS, args![org, currency.code(), invoice]).await?;
        let line = |one: OneOff| Line {
            key: format!("one_off:{}", one.id),
            kind: Kind::OneOff,
            item: "one_off".to_owned(),
            version: 0,
            description: one.description,
            cycle_start: one.created_at,
            period: Period { start: one.created_at, end: at.max(one.created_at) },
            quantity: "1".to_owned(),
            amount: one.amount,
            whole: one.amount,
            adjusts: None,
            behind: None,
            work: object!({}),
        };
        Ok(found.into_iter().map(line).collect())
    }

    /// An invoice of this organization that isn't a draft.
    pub(super) async fn final_invoice(&mut self, id: InvoiceId) -> Result<Row> {
        let found: Option<Row> = self.tx.fetch_optional(&INVOICE_OF, args![self.account.org, id]).await?;
        found.filter(|invoice| invoice.kind == "invoice").ok_or_else(|| Error::not_found("invoice"))
    }
}
