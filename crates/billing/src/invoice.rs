//! Invoices as they are shown.

use crate::{
    account::{Account, AccountRow, currency, read},
    engine::Range,
    store::{
        CREDIT_NOTES_OF, GET_BALANCE, GET_CREDIT_NOTES, GET_INVOICE, GET_LINES, GET_PROFILE,
        GET_SUBSCRIPTION, INVOICE_OF, LINES_OF, LIST_INVOICES, PUT_PROFILE,
    },
};
use insula_access::{Authorized, ReadInvoices, UpdateBillingProfile};
use insula_kernel::{
    CreditNoteId, Env, Error, FieldError, Instant, InvoiceId, Money, OrgId, Page, PageRequest, Period,
    Result, Scope as _,
};
use insula_metering::billed::{self, BilledEvent};
use insula_rating::{Anchor, Tax};
use insula_storage::{
    PlatformTx, TenantTx, args,
    journal::{Actor, AuditEntry},
    row,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

row! {
    #[derive(Clone, Debug)]
    pub(crate) struct Row {
        pub(crate) id: InvoiceId,
        pub(crate) operation: String,
        pub(crate) kind: String,
        pub(crate) status: String,
        pub(crate) number: Option<String>,
        pub(crate) reason: String,
        pub(crate) currency: String,
        pub(crate) created_at: Instant,
        pub(crate) usage_from: Option<Instant>,
        pub(crate) usage_to: Option<Instant>,
        pub(crate) cycle_start: Instant,
        pub(crate) cycle_end: Instant,
        pub(crate) month_start: Instant,
        pub(crate) month_end: Instant,
        pub(crate) finalize_at: Instant,
        pub(crate) finalized_at: Option<Instant>,
        pub(crate) due_at: Option<Instant>,
        pub(crate) paid_at: Option<Instant>,
        pub(crate) voided_at: Option<Instant>,
        pub(crate) subtotal: i64,
        pub(crate) tax: i64,
        pub(crate) taxes: String,
        pub(crate) total: i64,
        pub(crate) balance_used: i64,
        pub(crate) credited: i64,
        pub(crate) due: i64,
        pub(crate) seller: String,
        pub(crate) customer: String,
        pub(crate) settled: Option<i64>,
    }
}

row! {
    #[derive(Clone, Debug)]
    pub(crate) struct LineRow {
        pub(crate) line_key: String,
        pub(crate) kind: String,
        pub(crate) item: String,
        pub(crate) version: i64,
        pub(crate) description: String,
        pub(crate) cycle_start: Instant,
        pub(crate) period_start: Instant,
        pub(crate) period_end: Instant,
        pub(crate) quantity: String,
        pub(crate) amount: i64,
        pub(crate) whole: i64,
        pub(crate) adjusts: Option<String>,
        pub(crate) meter: Option<String>,
        pub(crate) units: Option<i64>,
        pub(crate) events: Option<i64>,
        pub(crate) digest: Option<i64>,
        pub(crate) settled_from: Option<i64>,
        pub(crate) settled_to: Option<i64>,
        pub(crate) work: String,
    }
}

row! {
    /// What was given back of an invoice. Amounts are in minor units of its currency.
    #[derive(Clone, Debug)]
    pub(crate) struct CreditNote {
        pub(crate) id: CreditNoteId,
        pub(crate) number: String,
        pub(crate) amount: i64,
        pub(crate) tax: i64,
        pub(crate) reason: String,
        pub(crate) created_at: Instant,
        pub(crate) created_by: String,
    }
}

row! {
    /// Who is billed.
    #[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    pub struct Profile {
        /// The name on the invoice.
        pub name: String,
        /// The address on the invoice, its lines as they are to stand.
        pub address: String,
        /// The country by ISO 3166-1 alpha-2: taxes go by it.
        pub country: Option<String>,
        /// The customer's number with the tax office.
        pub tax_id: Option<String>,
        /// Where invoices are sent.
        pub email: Option<String>,
    }
}

/// Who issues an invoice.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Seller {
    /// The name.
    pub name: String,
}

/// A stretch of time: `start` belongs to it, `end` doesn't.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Span {
    /// The first instant.
    pub start: Instant,
    /// The first instant after it.
    pub end: Instant,
}

/// A tax on an invoice.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InvoiceTax {
    /// What it is called.
    pub name: String,
    /// How much, in percent.
    pub percent: String,
    /// Whether prices contain it.
    pub inclusive: bool,
    /// What it is on, without it.
    pub base: Money,
    /// The tax.
    pub amount: Money,
}

/// A line of an invoice.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InvoiceLine {
    /// Its place on the invoice, from 1.
    pub position: u32,
    /// What it is for.
    #[schemars(extend("enum" = ["charge", "credit", "usage", "overage", "minimum", "adjustment", "one_off"]))]
    pub kind: String,
    /// Of what: `plan:pro`, `seats:pro`, `addon:…`, or a meter or limit.
    pub item: String,
    /// Which version of the plan or add-on.
    pub version: i64,
    /// For people.
    pub description: String,
    /// The time it is for.
    pub period: Span,
    /// How much of it, as a decimal.
    pub quantity: String,
    /// What it comes to.
    pub amount: Money,
    /// The meter whose events stand behind it.
    pub meter: Option<String>,
    /// How many events.
    pub events: Option<i64>,
    /// Which events: the sum, modulo 2^62, of the first 62 bits of the SHA-256 of each one's id.
    pub digest: Option<String>,
    /// How the amount came about.
    pub work: Json,
}

/// What was given back of an invoice.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "CreditNote")]
pub struct CreditNoteView {
    /// Its id.
    pub id: CreditNoteId,
    /// Its number.
    pub number: String,
    /// How much, tax included.
    pub amount: Money,
    /// The tax in it.
    pub tax: Money,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: Instant,
}

/// An invoice.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Invoice {
    /// Its id.
    pub id: InvoiceId,
    /// An invoice, or a statement of usage that cost nothing and has no number.
    #[schemars(extend("enum" = ["invoice", "statement"]))]
    pub kind: String,
    /// Where it stands; `upcoming` is one that isn't there yet.
    #[schemars(extend("enum" = ["upcoming", "draft", "open", "paid", "void"]))]
    pub status: String,
    /// Its number, once it is final.
    pub number: Option<String>,
    /// What it was made for.
    #[schemars(extend("enum" = ["start", "period", "usage", "trial", "final", "change", "pause", "resume", "one_off"]))]
    pub reason: String,
    /// When it was made.
    pub created_at: Instant,
    /// The time whose usage it is for.
    pub usage_period: Option<Span>,
    /// When it becomes final: late events are waited for until then.
    pub finalize_at: Instant,
    /// When it became final.
    pub finalized_at: Option<Instant>,
    /// When it is to be paid.
    pub due_at: Option<Instant>,
    /// When it was paid.
    pub paid_at: Option<Instant>,
    /// When it was withdrawn.
    pub voided_at: Option<Instant>,
    /// The sum of the lines.
    pub subtotal: Money,
    /// The taxes.
    pub taxes: Vec<InvoiceTax>,
    /// What it comes to.
    pub total: Money,
    /// What the customer's balance paid of it.
    pub balance_used: Money,
    /// What credit notes gave back.
    pub credited: Money,
    /// What is left to pay.
    pub due: Money,
    /// Who issues it.
    pub seller: Seller,
    /// Who is billed, if that was said.
    pub customer: Option<Profile>,
    /// Its lines; left out in lists.
    pub lines: Vec<InvoiceLine>,
    /// What was given back of it; left out in lists.
    pub credit_notes: Vec<CreditNoteView>,
}

impl Row {
    /// The usage that is put on it.
    pub(crate) fn range(&self, settled: i64) -> Result<Option<Range>> {
        let (Some(start), Some(end)) = (self.usage_from, self.usage_to) else { return Ok(None) };
        Ok((start < end).then_some(Range {
            usage: Period { start, end },
            cycle: Period { start: self.cycle_start, end: self.cycle_end },
            month: Period { start: self.month_start, end: self.month_end },
            settled,
            currency: currency(&self.currency)?,
        }))
    }

    pub(crate) fn view(self, lines: Vec<LineRow>, notes: Vec<CreditNote>) -> Result<Invoice> {
        let currency = currency(&self.currency)?;
        let money = |minor| Money { minor, currency };
        let taxes: Vec<Tax> = read(&self.taxes)?;
        let tax = |tax: Tax| InvoiceTax {
            name: tax.rate.name,
            percent: tax.rate.percent.to_string(),
            inclusive: tax.rate.inclusive,
            base: money(tax.base),
            amount: money(tax.amount),
        };
        let note = |note: CreditNote| CreditNoteView {
            id: note.id,
            number: note.number,
            amount: money(note.amount),
            tax: money(note.tax),
            reason: note.reason,
            created_at: note.created_at,
        };
        let shown = lines.into_iter().zip(1..).map(|(line, position)| line.view(position, currency));
        let usage = self.usage_from.zip(self.usage_to).filter(|(start, end)| start < end);
        let seller = if self.seller == "{}" { Seller::default() } else { read(&self.seller)? };
        let customer = if self.customer == "{}" { None } else { read(&self.customer)? };
        Ok(Invoice {
            id: self.id,
            kind: self.kind,
            status: self.status,
            number: self.number,
            reason: self.reason,
            created_at: self.created_at,
            usage_period: usage.map(|(start, end)| Span { start, end }),
            finalize_at: self.finalize_at,
            finalized_at: self.finalized_at,
            due_at: self.due_at,
            paid_at: self.paid_at,
            voided_at: self.voided_at,
            subtotal: money(self.subtotal),
            taxes: taxes.into_iter().map(tax).collect(),
            total: money(self.total),
            balance_used: money(self.balance_used),
            credited: money(self.credited),
            due: money(self.due),
            seller,
            customer,
            lines: shown.collect::<Result<_>>()?,
            credit_notes: notes.into_iter().map(note).collect(),
        })
    }
}

impl Invoice {
    /// The same as one that isn't there yet.
    pub(crate) fn upcoming(self) -> Self {
        Self {
            status: "upcoming".to_owned(),
            number: None,
            finalized_at: None,
            due_at: None,
            paid_at: None,
            ..self
        }
    }
}

impl LineRow {
    fn view(self, position: u32, currency: insula_kernel::Currency) -> Result<InvoiceLine> {
        Ok(InvoiceLine {
            position,
            kind: self.kind,
            item: self.item,
            version: self.version,
            description: self.description,
            period: Span { start: self.period_start, end: self.period_end },
            quantity: self.quantity,
            amount: Money { minor: self.amount, currency },
            meter: self.meter,
            events: self.events,
            digest: self.digest.map(|digest| format!("{digest:016x}")),
            work: read(&self.work)?,
        })
    }
}

/// The invoices of an organization, the latest first; statements only if they are asked for.
pub async fn list(
    tx: &mut TenantTx,
    _proof: &Authorized<ReadInvoices>,
    statements: bool,
    page: PageRequest,
) -> Result<Page<Invoice>> {
    let before = page.after.map_or(uuid_max(), |cursor| InvoiceId::from_uuid(cursor.id()));
    let rows: Vec<Row> =
        tx.fetch_all(&LIST_INVOICES, args![statements, before, i64::from(page.limit) + 1]).await?;
    let page = Page::cut(rows, page, |row| row.id.uuid());
    let items: Result<_> = page.items.into_iter().map(|row| row.view(Vec::new(), Vec::new())).collect();
    Ok(Page { items: items?, next_cursor: page.next_cursor })
}

/// Later than every id.
const fn uuid_max() -> InvoiceId {
    InvoiceId::from_uuid(uuid::Uuid::max())
}

/// An invoice with its lines.
pub async fn get(tx: &mut TenantTx, _proof: &Authorized<ReadInvoices>, id: InvoiceId) -> Result<Invoice> {
    let found: Option<Row> = tx.fetch_optional(&GET_INVOICE, args![id]).await?;
    let row = found.ok_or_else(|| Error::not_found("invoice"))?;
    let lines = tx.fetch_all(&GET_LINES, args![id]).await?;
    let notes = tx.fetch_all(&GET_CREDIT_NOTES, args![id]).await?;
    row.view(lines, notes)
}

/// The same across tenants.
pub(crate) async fn read_whole(tx: &mut PlatformTx, org: OrgId, id: InvoiceId) -> Result<Invoice> {
    let row: Row = tx.fetch_one(&INVOICE_OF, args![org, id]).await?;
    let lines = tx.fetch_all(&LINES_OF, args![org, id]).await?;
    let notes = tx.fetch_all(&CREDIT_NOTES_OF, args![org, id]).await?;
    row.view(lines, notes)
}

/// The events behind a line of an invoice: those that it counted when it became final, whatever came later.
pub async fn events_behind(
    tx: &mut TenantTx,
    _proof: &Authorized<ReadInvoices>,
    id: InvoiceId,
    position: u32,
    limit: u32,
    after: Option<&str>,
) -> Result<LineEvents> {
    let lines: Vec<LineRow> = tx.fetch_all(&GET_LINES, args![id]).await?;
    let index = usize::try_from(position).ok().and_then(|position| position.checked_sub(1));
    let line =
        index.and_then(|index| lines.get(index)).ok_or_else(|| Error::not_found("line of the invoice"))?;
    let after = after.map(position_of).transpose()?;
    let mut items = Vec::new();
    if let (Some(meter), Some(from), Some(to)) = (&line.meter, line.settled_from, line.settled_to) {
        let period = Period { start: line.period_start, end: line.period_end };
        items = billed::events(tx, meter, period, (from, to), after, limit + 1).await?;
    }
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let last = items.last().filter(|_| more).map(BilledEvent::position);
    Ok(LineEvents {
        events: line.events.unwrap_or(0),
        digest: format!("{:016x}", line.digest.unwrap_or(0)),
        items,
        next_cursor: last.map(|(at, id)| format!("{}.{}", at.as_micros(), id.simple())),
    })
}

/// Who is billed, and what stands to their credit in the currency of the subscription.
pub(crate) async fn profile(tx: &mut TenantTx) -> Result<(Option<Profile>, Money)> {
    let profile = tx.fetch_optional(&GET_PROFILE, args![]).await?;
    let account: Option<AccountRow> = tx.fetch_optional(&GET_SUBSCRIPTION, args![]).await?;
    let account: Account = account.ok_or_else(|| Error::not_found("subscription"))?.try_into()?;
    let currency = account.config.currency;
    let (minor,): (i64,) = tx.fetch_one(&GET_BALANCE, args![currency.code()]).await?;
    Ok((profile, Money { minor, currency }))
}

/// The calendar by which the organization is billed.
pub(crate) async fn calendar(tx: &mut TenantTx, _proof: &Authorized<ReadInvoices>) -> Result<Anchor> {
    let account: Option<AccountRow> = tx.fetch_optional(&GET_SUBSCRIPTION, args![]).await?;
    let account: Account = account.ok_or_else(|| Error::not_found("subscription"))?.try_into()?;
    Ok(account.anchor)
}

/// Says who is billed.
pub(crate) async fn put_profile(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    proof: &Authorized<UpdateBillingProfile>,
    profile: &Profile,
) -> Result<()> {
    profile.check()?;
    let Profile { name, address, country, tax_id, email } = profile.clone();
    let values = args![name, address, country, tax_id, email, env.now()];
    tx.execute(&PUT_PROFILE, values).await?;
    let target = proof.organization().to_string();
    let entry = AuditEntry { action: "billing_profile.updated", target, detail: json!({}) };
    tx.audit(env, actor, entry).await?;
    Ok(())
}

impl Profile {
    fn check(&self) -> Result<()> {
        let mut wrong = Vec::new();
        let mut bound = |pointer: &str, text: &str, least: usize, most: usize| {
            let length = text.trim().chars().count();
            if length < least || length > most {
                let detail = format!("Say it in {least} to {most} characters.");
                wrong.push(FieldError { pointer: pointer.to_owned(), code: "length", detail });
            }
        };
        bound("/name", &self.name, 1, 200);
        bound("/address", &self.address, 0, 1_000);
        bound("/tax_id", self.tax_id.as_deref().unwrap_or_default(), 0, 50);
        bound("/email", self.email.as_deref().unwrap_or_default(), 0, 320);
        let is_code = |code: &str| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if self.country.as_deref().is_some_and(|code| !is_code(code)) {
            let detail = "Use the two capital letters of ISO 3166-1, such as JP.".to_owned();
            wrong.push(FieldError { pointer: "/country".to_owned(), code: "malformed", detail });
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::invalid(wrong)) }
    }
}

/// Where a page of events begins, from the cursor that was given out.
fn position_of(cursor: &str) -> Result<(Instant, uuid::Uuid)> {
    let read = || {
        let (at, id) = cursor.split_once('.')?;
        Some((Instant::from_micros(at.parse().ok()?), id.parse().ok()?))
    };
    let wrong = || {
        Error::invalid_field("?cursor", "malformed", "`cursor` must be a `next_cursor` of an earlier page.")
    };
    read().ok_or_else(wrong)
}

/// The events behind a line.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LineEvents {
    /// How many the line counts.
    pub events: i64,
    /// What names them as a set, as the line has it.
    pub digest: String,
    /// The events, in order.
    pub items: Vec<BilledEvent>,
    /// Where to go on.
    pub next_cursor: Option<String>,
}
