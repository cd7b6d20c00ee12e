//! Invoices for accounting: one row for each line, tax and credit note, so that the rows of an invoice add up to what it
//! came to.
//!
//! What must always hold: only what is final is exported; text that others wrote never begins a formula in a
//! spreadsheet.

use crate::{
    account::{Account, AccountRow, currency, read},
    invoice::{Invoice, Profile, Row, Seller},
    store::{EXPORT_CREDIT_NOTES, EXPORT_LINES, INVOICE_OF, INVOICES_OF, LIST_ALL_INVOICES, SUBSCRIPTION_OF},
};
use insula_access::{Authorized, AuthorizedOperator, ReadBilling, ReadInvoices};
use insula_kernel::{Cursor, Error, Instant, InvoiceId, Money, OrgId, Page, PageRequest, Period, Result};
use insula_rating::{Anchor, Tax};
use insula_storage::{PlatformTx, TenantTx, args, row};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many lines one export has at most.
const MOST_LINES: usize = 20_000;

/// The form of an export.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated values (RFC 4180), with a line of names.
    #[default]
    Csv,
    /// JSON.
    Json,
}

row! {
    struct LineOf {
        invoice: InvoiceId,
        number: Option<String>,
        status: String,
        currency: String,
        issued_at: Instant,
        due_at: Option<Instant>,
        paid_at: Option<Instant>,
        taxes: String,
        customer: String,
        position: i64,
        kind: String,
        item: String,
        description: String,
        period_start: Instant,
        period_end: Instant,
        quantity: String,
        amount: i64,
    }
}

row! {
    struct NoteOf {
        invoice: InvoiceId,
        status: String,
        currency: String,
        customer: String,
        number: String,
        amount: i64,
        reason: String,
        created_at: Instant,
    }
}

/// A row of an export.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExportRow {
    /// The invoice.
    pub invoice: InvoiceId,
    /// The number of the invoice, or of the credit note.
    pub number: String,
    /// Where the invoice stands.
    pub status: String,
    /// When the invoice became final, or the credit note was made.
    pub issued_at: Instant,
    /// When it is to be paid.
    pub due_at: Option<Instant>,
    /// When it was paid.
    pub paid_at: Option<Instant>,
    /// Who is billed.
    pub customer: String,
    /// The country of who is billed.
    pub country: String,
    /// Their number with the tax office.
    pub tax_id: String,
    /// The place of the line on the invoice; null for taxes and credit notes.
    pub line: Option<i64>,
    /// What it is for.
    #[schemars(extend("enum" = ["charge", "credit", "usage", "overage", "minimum", "adjustment", "one_off", "tax", "credit_note"]))]
    pub kind: String,
    /// Of what.
    pub item: String,
    /// For people.
    pub description: String,
    /// The start of the time it is for.
    pub period_start: Option<Instant>,
    /// The first instant after it.
    pub period_end: Option<Instant>,
    /// How much of it.
    pub quantity: String,
    /// What it comes to; of taxes that prices contain, nothing.
    pub amount: Money,
}

/// The rows of everything that became final in a period, in that order.
///
/// # Errors
/// 422 where it would be more than an export has at most.
pub async fn rows(
    tx: &mut TenantTx,
    _proof: &Authorized<ReadInvoices>,
    period: Period,
) -> Result<Vec<ExportRow>> {
    let most = i64::try_from(MOST_LINES).unwrap_or(i64::MAX) + 1;
    let lines: Vec<LineOf> = tx.fetch_all(&EXPORT_LINES, args![period.start, period.end, most]).await?;
    let notes: Vec<NoteOf> =
        tx.fetch_all(&EXPORT_CREDIT_NOTES, args![period.start, period.end, most]).await?;
    if lines.len().max(notes.len()) > MOST_LINES {
        let detail = format!("An export has at most {MOST_LINES} lines; ask for less time.");
        return Err(Error::invalid_field("?from", "too_many_lines", detail));
    }
    let mut all = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let (row, taxes) = line.rows()?;
        all.push(row);
        if lines.get(at + 1).is_none_or(|next| next.invoice != line.invoice) {
            all.extend(taxes);
        }
    }
    for note in notes {
        all.push(note.row()?);
    }
    all.sort_by_key(|row| row.issued_at);
    Ok(all)
}

fn customer(stored: &str) -> Result<Profile> {
    Ok(match stored {
        "{}" | "null" => Profile::default(),
        stored => read(stored)?,
    })
}

impl LineOf {
    /// The line, and the taxes of its invoice.
    fn rows(&self) -> Result<(ExportRow, Vec<ExportRow>)> {
        let currency = currency(&self.currency)?;
        let Profile { name, country, tax_id, .. } = customer(&self.customer)?;
        let line = ExportRow {
            invoice: self.invoice,
            number: self.number.clone().unwrap_or_default(),
            status: self.status.clone(),
            issued_at: self.issued_at,
            due_at: self.due_at,
            paid_at: self.paid_at,
            customer: name,
            country: country.unwrap_or_default(),
            tax_id: tax_id.unwrap_or_default(),
            line: Some(self.position),
            kind: self.kind.clone(),
            item: self.item.clone(),
            description: self.description.clone(),
            period_start: Some(self.period_start),
            period_end: Some(self.period_end),
            quantity: self.quantity.clone(),
            amount: Money { minor: self.amount, currency },
        };
        let taxes: Vec<Tax> = read(&self.taxes)?;
        let tax = |tax: Tax| {
            let minor = if tax.rate.inclusive { 0 } else { tax.amount };
            ExportRow {
                line: None,
                kind: "tax".to_owned(),
                item: tax.rate.percent.to_string(),
                description: tax.rate.name,
                period_start: None,
                period_end: None,
                quantity: "1".to_owned(),
                amount: Money { minor, currency },
                ..line.clone()
            }
        };
        let taxes = taxes.into_iter().map(tax).collect();
        Ok((line, taxes))
    }
}

impl NoteOf {
    fn row(self) -> Result<ExportRow> {
        let currency = currency(&self.currency)?;
        let Profile { name, country, tax_id, .. } = customer(&self.customer)?;
        Ok(ExportRow {
            invoice: self.invoice,
            number: self.number,
            status: self.status,
            issued_at: self.created_at,
            due_at: None,
            paid_at: None,
            customer: name,
            country: country.unwrap_or_default(),
            tax_id: tax_id.unwrap_or_default(),
            line: None,
            kind: "credit_note".to_owned(),
            item: "credit_note".to_owned(),
            description: self.reason,
            period_start: None,
            period_end: None,
            quantity: "1".to_owned(),
            amount: Money { minor: -self.amount, currency },
        })
    }
}

/// An invoice, and whose it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InvoiceOfOrganization {
    /// Whose.
    pub org: OrgId,
    /// Their address.
    pub slug: Option<String>,
    /// The invoice, without its lines.
    pub invoice: Invoice,
}

row! {
    struct OrgOf {
        org: OrgId,
        id: InvoiceId,
    }
}

/// Which invoices are listed.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Those that became final in it, or were made in it if they aren't final.
    pub period: Period,
    /// Those that stand so.
    pub status: Option<&'a str>,
}

/// The invoices of all organizations, the latest made first, without statements.
pub async fn list_all(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ReadBilling>,
    wanted: Wanted<'_>,
    page: PageRequest,
) -> Result<Page<InvoiceOfOrganization>> {
    let Wanted { period, status } = wanted;
    let before = page.after.map_or(uuid::Uuid::max(), Cursor::id);
    let values = args![
        period.start,
        period.end,
        status.unwrap_or_default(),
        InvoiceId::from_uuid(before),
        i64::from(page.limit) + 1
    ];
    let found: Vec<OrgOf> = tx.fetch_all(&LIST_ALL_INVOICES, values).await?;
    let page = Page::cut(found, page, |row| row.id.uuid());
    let mut items = Vec::with_capacity(page.items.len());
    for OrgOf { org, id } in page.items {
        let row: Row = tx.fetch_one(&INVOICE_OF, args![org, id]).await?;
        items.push(InvoiceOfOrganization { org, slug: None, invoice: row.view(Vec::new(), Vec::new())? });
    }
    Ok(Page { items, next_cursor: page.next_cursor })
}

/// The invoices of an organization, the latest first, statements included.
pub async fn list_of(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ReadBilling>,
    org: OrgId,
    page: PageRequest,
) -> Result<Page<Invoice>> {
    let before = InvoiceId::from_uuid(page.after.map_or(uuid::Uuid::max(), Cursor::id));
    let rows: Vec<Row> = tx.fetch_all(&INVOICES_OF, args![org, before, i64::from(page.limit) + 1]).await?;
    let page = Page::cut(rows, page, |row| row.id.uuid());
    let items: Result<_> = page.items.into_iter().map(|row| row.view(Vec::new(), Vec::new())).collect();
    Ok(Page { items: items?, next_cursor: page.next_cursor })
}

/// An invoice of an organization, with the lines it has so far.
pub async fn get_of(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ReadBilling>,
    org: OrgId,
    id: InvoiceId,
) -> Result<Invoice> {
    let found: Option<Row> = tx.fetch_optional(&INVOICE_OF, args![org, id]).await?;
    let row = found.ok_or_else(|| Error::not_found("invoice"))?;
    crate::invoice::read_whole(tx, org, row.id).await
}

/// The calendar by which an organization is billed.
pub async fn calendar_of(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ReadBilling>,
    org: OrgId,
) -> Result<Anchor> {
    let account: Option<AccountRow> = tx.fetch_optional(&SUBSCRIPTION_OF, args![org]).await?;
    let account: Account = account.ok_or_else(|| Error::not_found("subscription"))?.try_into()?;
    Ok(account.anchor)
}

/// Rows as comma-separated values by RFC 4180.
#[must_use]
pub fn csv(rows: &[ExportRow]) -> String {
    let head = [
        "number",
        "status",
        "issued_at",
        "due_at",
        "paid_at",
        "customer",
        "country",
        "tax_id",
        "line",
        "kind",
        "item",
        "description",
        "period_start",
        "period_end",
        "quantity",
        "amount",
        "currency",
        "invoice",
    ];
    let mut text = record(head.map(str::to_owned));
    let time = |at: Option<Instant>| at.map(|at| at.to_string()).unwrap_or_default();
    for row in rows {
        text.push_str(&record([
            row.number.clone(),
            row.status.clone(),
            row.issued_at.to_string(),
            time(row.due_at),
            time(row.paid_at),
            harmless(&row.customer),
            row.country.clone(),
            harmless(&row.tax_id),
            row.line.map(|line| line.to_string()).unwrap_or_default(),
            row.kind.clone(),
            harmless(&row.item),
            harmless(&row.description),
            time(row.period_start),
            time(row.period_end),
            row.quantity.clone(),
            row.amount.amount(),
            row.amount.currency.code().to_owned(),
            row.invoice.to_string(),
        ]));
    }
    text
}

/// Invoices as comma-separated values by RFC 4180, one in a line.
#[must_use]
pub fn csv_of_invoices(items: &[InvoiceOfOrganization]) -> String {
    let head = [
        "org",
        "slug",
        "number",
        "status",
        "reason",
        "created_at",
        "finalized_at",
        "due_at",
        "paid_at",
        "seller",
        "customer",
        "subtotal",
        "total",
        "balance_used",
        "credited",
        "due",
        "currency",
        "invoice",
    ];
    let mut text = record(head.map(str::to_owned));
    let time = |at: Option<Instant>| at.map(|at| at.to_string()).unwrap_or_default();
    for InvoiceOfOrganization { org, slug, invoice } in items {
        let Seller { name: seller } = &invoice.seller;
        let customer = invoice.customer.as_ref().map(|customer| customer.name.as_str());
        text.push_str(&record([
            org.to_string(),
            slug.clone().unwrap_or_default(),
            invoice.number.clone().unwrap_or_default(),
            invoice.status.clone(),
            invoice.reason.clone(),
            invoice.created_at.to_string(),
            time(invoice.finalized_at),
            time(invoice.due_at),
            time(invoice.paid_at),
            harmless(seller),
            harmless(customer.unwrap_or_default()),
            invoice.subtotal.amount(),
            invoice.total.amount(),
            invoice.balance_used.amount(),
            invoice.credited.amount(),
            invoice.due.amount(),
            invoice.total.currency.code().to_owned(),
            invoice.id.to_string(),
        ]));
    }
    text
}

fn record<const N: usize>(fields: [String; N]) -> String {
    let quoted = |field: String| {
        let plain = !field.contains(['"', ',', '\r', '\n']);
        if plain { field } else { format!("\"{}\"", field.replace('"', "\"\"")) }
    };
    fields.map(quoted).join(",") + "\r\n"
}

/// Text that a spreadsheet shows and doesn't compute.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{harmless, record};

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let fields = ["plain", "with, comma", "with \"quotes\"", "two\nlines"].map(str::to_owned);
        assert_eq!(record(fields), "plain,\"with, comma\",\"with \"\"quotes\"\"\",\"two\nlines\"\r\n");
    }

    #[test]
    fn what_others_wrote_is_no_formula() {
        assert_eq!(harmless("=1+1"), "'=1+1");
        assert_eq!(harmless("Acme"), "Acme");
    }
}
