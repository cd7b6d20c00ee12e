//! Invoices for accounting: an organization's own, and for the operator those of all.

use crate::platform::Platform;
use axum::{
    extract::{Path, State as Extract},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use insula_access::{ReadBilling, ReadInvoices};
use insula_billing::{
    export::{self, ExportRow, Format, InvoiceOfOrganization, Wanted},
    http::PdfQuery,
    invoice::Invoice,
    pdf,
};
use insula_kernel::{Error, Instant, Page, PageRequest, Period, Result, Span};
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, In, Json, Listing, Method, Operator, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const CSV: &str = "text/csv";
/// What is exported if nothing is said: a year, and the day by which it may be off.
const USUAL: Span = Span::from_days(366);

pub(crate) fn api() -> Api<Platform> {
    let export = Endpoint::new(
        Method::Get,
        "/v1/orgs/{org}/invoices/export",
        "exportInvoices",
        "Billing",
        "Every line, tax and credit note of what became final, for accounting",
    )
    .allows::<ReadInvoices>()
    .query::<ExportQuery>()
    .replies::<Export>(200)
    .or_text(CSV);
    let all = Endpoint::new(
        Method::Get,
        "/v1/operator/invoices",
        "listAllInvoices",
        "Operator",
        "The invoices of all organizations, the latest made first",
    )
    .allows_operator::<ReadBilling>()
    .query::<InvoicesQuery>()
    .replies::<Page<InvoiceOfOrganization>>(200)
    .or_text(CSV);
    let list = Endpoint::new(
        Method::Get,
        "/v1/operator/orgs/{org}/invoices",
        "listInvoicesOf",
        "Operator",
        "The invoices and statements of an organization, the latest first",
    )
    .allows_operator::<ReadBilling>()
    .query::<Listing>()
    .replies::<Page<Invoice>>(200);
    let get = Endpoint::new(
        Method::Get,
        "/v1/operator/orgs/{org}/invoices/{invoice}",
        "getInvoiceOf",
        "Operator",
        "An invoice of an organization, with the lines it has so far",
    )
    .allows_operator::<ReadBilling>()
    .replies::<Invoice>(200);
    let pdf = Endpoint::new(
        Method::Get,
        "/v1/operator/orgs/{org}/invoices/{invoice}/pdf",
        "getInvoicePdfOf",
        "Operator",
        "An invoice of an organization to print or to send (PDF)",
    )
    .allows_operator::<ReadBilling>()
    .query::<PdfQuery>()
    .replies_file(pdf::MEDIA_TYPE);
    Api::default()
        .with(export, export_invoices)
        .with(all, list_all_invoices)
        .with(list, list_invoices_of)
        .with(get, get_invoice_of)
        .with(pdf, get_invoice_pdf_of)
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ExportQuery {
    /// The form; CSV if not said.
    format: Format,
    /// What became final from this instant on; a year before `to` if not said.
    from: Option<Instant>,
    /// What became final before this instant; until now, and by a test clock later, if not said.
    to: Option<Instant>,
}

/// Every line, tax and credit note of what became final.
#[derive(Serialize, JsonSchema)]
struct Export {
    items: Vec<ExportRow>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum InvoiceStatus {
    Draft,
    Open,
    Paid,
    Void,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct InvoicesQuery {
    /// The form; JSON if not said. With CSV, `X-Next-Cursor` says where to go on.
    format: Format,
    /// What became final, or if it isn't final was made, from this instant on.
    from: Option<Instant>,
    /// The same before this instant.
    to: Option<Instant>,
    /// Those that stand so; all if not said.
    status: Option<InvoiceStatus>,
    /// How many items at most, 1 to 200; 50 if not said.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Default for InvoicesQuery {
    fn default() -> Self {
        let format = Format::Json;
        Self { format, from: None, to: None, status: None, limit: None, cursor: None }
    }
}

/// The whole of time that the ledger knows, where nothing is said.
fn period(from: Option<Instant>, to: Option<Instant>) -> Result<Period> {
    let start = from.unwrap_or(Instant::from_secs(0));
    let end = to.unwrap_or(Instant::from_micros(i64::MAX));
    if start >= end {
        return Err(Error::invalid_field("?from", "out_of_range", "`from` must be before `to`."));
    }
    Ok(Period { start, end })
}

fn attached(text: String, name: &str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}.csv\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

async fn export_invoices(
    Extract(platform): Extract<Platform>,
    In(proof): In<ReadInvoices>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Failure> {
    let ExportQuery { format, from, to } = query;
    let from = from.or_else(|| Some(to? - USUAL));
    let wanted = period(from, to)?;
    let mut tx = platform.storage.read(Store::Ledger, &proof).await?;
    let items = export::rows(&mut tx, &proof, wanted).await?;
    Ok(match format {
        Format::Csv => attached(export::csv(&items), "invoices"),
        Format::Json => Json(Export { items }).into_response(),
    })
}

async fn list_all_invoices(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ReadBilling>,
    Query(query): Query<InvoicesQuery>,
) -> Result<Response, Failure> {
    let page = PageRequest::new(query.limit, query.cursor.as_deref())?;
    let status = query.status.map(|status| match status {
        InvoiceStatus::Draft => "draft",
        InvoiceStatus::Open => "open",
        InvoiceStatus::Paid => "paid",
        InvoiceStatus::Void => "void",
    });
    let wanted = Wanted { period: period(query.from, query.to)?, status };
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let mut page = export::list_all(&mut tx, &proof, wanted, page).await?;
    drop(tx);
    for one in &mut page.items {
        let live = platform.organizations.get(one.org);
        one.slug = live.map(|organization| organization.slug.to_string());
    }
    if query.format == Format::Json {
        return Ok(Json(page).into_response());
    }
    let mut response = attached(export::csv_of_invoices(&page.items), "invoices");
    let cursor = page.next_cursor.and_then(|cursor| HeaderValue::from_str(&cursor).ok());
    if let Some(cursor) = cursor {
        response.headers_mut().insert("x-next-cursor", cursor);
    }
    Ok(response)
}

async fn list_invoices_of(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ReadBilling>,
    Path(org): Path<String>,
    Query(listing): Query<Listing>,
) -> Result<Json<Page<Invoice>>, Failure> {
    let page = listing.page()?;
    let org = crate::operator::organization(&platform, &org)?;
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    Ok(Json(export::list_of(&mut tx, &proof, org, page).await?))
}

async fn get_invoice_of(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ReadBilling>,
    Path((org, id)): Path<(String, String)>,
) -> Result<Json<Invoice>, Failure> {
    let org = crate::operator::organization(&platform, &org)?;
    let id = id.parse().map_err(|_| Error::not_found("invoice"))?;
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    Ok(Json(export::get_of(&mut tx, &proof, org, id).await?))
}

async fn get_invoice_pdf_of(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ReadBilling>,
    Path((org, id)): Path<(String, String)>,
    Query(query): Query<PdfQuery>,
) -> Result<Response, Failure> {
    let org = crate::operator::organization(&platform, &org)?;
    let id = id.parse().map_err(|_| Error::not_found("invoice"))?;
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let invoice = export::get_of(&mut tx, &proof, org, id).await?;
    let calendar = export::calendar_of(&mut tx, &proof, org).await?;
    Ok(pdf::response(&invoice, &calendar, query.language))
}
