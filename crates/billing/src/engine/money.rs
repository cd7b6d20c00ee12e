//! What happens to invoices that are final: they are paid, voided, credited.

use super::{Bill, Engine};
use crate::{
    account::{Status, currency},
    charges::too_large,
    invoice::{CreditNote, Row},
    store::{INSERT_CREDIT_NOTE, INSERT_ONE_OFF, MARK_INVOICE},
};
use insula_kernel::{CreditNoteId, Error, ErrorKind, InvoiceId, Money, OneOffId, Result};
use insula_rating::{Exact, TooLarge};
use insula_storage::args;
use serde_json::json;

impl Engine<'_> {
    /// Notes that an invoice was paid. Once nothing overdue is left, what was past due goes on.
    pub(crate) async fn pay(&mut self, id: InvoiceId) -> Result<()> {
        let invoice = self.final_invoice(id).await?;
        if invoice.status != "open" {
            return Err(not_open(&invoice));
        }
        let at = self.now();
        let paid = Row { status: "paid".to_owned(), paid_at: Some(at), due: 0, ..invoice };
        self.mark(&paid).await?;
        self.publish("invoice.paid", json!({ "invoice": id, "number": paid.number })).await?;
        self.settle_if_paid().await
    }

    /// Withdraws an invoice that nobody has paid. Its number stays taken; what it had used of the balance comes back.
    pub(crate) async fn void(&mut self, id: InvoiceId) -> Result<()> {
        let invoice = self.final_invoice(id).await?;
        if invoice.status != "open" {
            return Err(not_open(&invoice));
        }
        let at = self.now();
        if invoice.balance_used > 0 {
            self.put_balance(id, &invoice.currency, invoice.balance_used, "voided", at).await?;
        }
        let voided = Row { status: "void".to_owned(), voided_at: Some(at), due: 0, ..invoice };
        self.mark(&voided).await?;
        self.publish("invoice.voided", json!({ "invoice": id, "number": voided.number })).await?;
        self.settle_if_paid().await
    }

    /// Gives back a part of an invoice: off what is due while it is open, else to the customer's balance. No more than
    /// the invoice came to can be given back.
    pub(crate) async fn credit(
        &mut self,
        id: InvoiceId,
        amount: Money,
        reason: &str,
        by: &str,
    ) -> Result<CreditNote> {
        let invoice = self.final_invoice(id).await?;
        if !matches!(invoice.status.as_str(), "open" | "paid") {
            return Err(not_open(&invoice));
        }
        let currency = currency(&invoice.currency)?;
        if amount.currency != currency {
            let detail = format!("The invoice is in {}.", currency.code());
            return Err(Error::invalid_field("/amount/currency", "mismatch", detail));
        }
        let left = Money { minor: invoice.total.saturating_sub(invoice.credited), currency };
        if amount.minor <= 0 || amount.minor > left.minor {
            let detail =
                format!("Between nothing and {} {} can be given back.", left.amount(), currency.code());
            return Err(Error::invalid_field("/amount", "out_of_range", detail));
        }
        let at = self.now();
        let tax = part_of(invoice.tax, amount, invoice.total)?;
        let note = CreditNote {
            id: CreditNoteId::generate(self.env),
            number: self.number(Some("CN")).await?,
            amount: amount.minor,
            tax,
            reason: reason.to_owned(),
            created_at: at,
            created_by: by.to_owned(),
        };
        let CreditNote { number, reason, .. } = &note;
        let values =
            args![self.account.org, note.id, number.as_str(), id, amount.minor, tax, reason.as_str(), at, by];
        self.tx.execute(&INSERT_CREDIT_NOTE, values).await?;
        let off = amount.minor.min(invoice.due);
        if amount.minor > off {
            self.put_balance(id, &invoice.currency, amount.minor - off, "credit_note", at).await?;
        }
        let due = invoice.due - off;
        let is_settled = invoice.status == "open" && due == 0;
        let marked = Row {
            status: if is_settled { "paid".to_owned() } else { invoice.status.clone() },
            paid_at: if is_settled { Some(at) } else { invoice.paid_at },
            credited: invoice.credited + amount.minor,
            due,
            ..invoice
        };
        self.mark(&marked).await?;
        self.publish("credit_note.created", json!({ "invoice": id, "number": note.number })).await?;
        self.settle_if_paid().await?;
        Ok(note)
    }

    /// Adds something to the next invoice, or makes an invoice of it at once.
    pub(crate) async fn add_one_off(
        &mut self,
        description: &str,
        amount: Money,
        by: &str,
        at_once: bool,
    ) -> Result<()> {
        if amount.currency != self.account.config.currency {
            let detail = format!("The organization is billed in {}.", self.account.config.currency.code());
            return Err(Error::invalid_field("/amount/currency", "mismatch", detail));
        }
        let (id, at) = (OneOffId::generate(self.env), self.now());
        let values = args![self.account.org, id, description, amount.currency.code(), amount.minor, at, by];
        self.tx.execute(&INSERT_ONE_OFF, values).await?;
        if !at_once {
            return Ok(());
        }
        let usage = Some(insula_kernel::Period { start: at, end: at });
        let operation = format!("one_off:{id}");
        self.bill(Bill { operation, reason: "one_off", lines: Vec::new(), usage, at, finalize_at: at }).await
    }

    async fn mark(&mut self, invoice: &Row) -> Result<()> {
        let Row { id, status, due_at, paid_at, voided_at, credited, due, .. } = invoice;
        let values = args![self.account.org, *id, status.as_str(), *paid_at, *voided_at, *credited, *due];
        self.tx.execute(&MARK_INVOICE, values).await?;
        self.note_waiting(*id, status, *due_at, *due);
        Ok(())
    }

    async fn settle_if_paid(&mut self) -> Result<()> {
        if self.account.status != Status::PastDue || self.account.trial_end.is_some() {
            return Ok(());
        }
        let now = self.now();
        let is_overdue = |invoice: &super::Waiting| {
            invoice.status == "open" && invoice.due > 0 && invoice.due_at.is_some_and(|due_at| due_at <= now)
        };
        if self.waiting().await?.iter().any(is_overdue) { Ok(()) } else { self.settle_debt().await }
    }
}

/// The same part of a tax as an amount is of a total.
fn part_of(tax: i64, amount: Money, total: i64) -> Result<i64> {
    let money = |minor| Exact::money(Money { minor, currency: amount.currency });
    let part =
        (&money(tax) * &money(amount.minor)).divided_by(&money(total)).ok_or_else(|| too_large(TooLarge))?;
    Ok(part.rounded(amount.currency).map_err(too_large)?.minor)
}

fn not_open(invoice: &Row) -> Error {
    let detail = match invoice.status.as_str() {
        "paid" => "The invoice is paid.",
        "void" => "The invoice was voided.",
        _ => "The invoice isn't final yet.",
    };
    Error::new(ErrorKind::Conflict, "invoice.not_open", detail)
}
