//! Endpoints: what is offered, and what an organization has.

use crate::{
    catalogue::{self, OfferedPlan},
    invoice::{self, Invoice, LineEvents, Profile},
    pdf::{self, Language},
    plan::current_versions,
    subscription::{self, Subscription},
};
use arc_swap::ArcSwap;
use axum::{
    extract::{Path, State as Extract},
    response::Response,
};
use insula_access::{Authorized, ReadInvoices, ReadSubscription, UpdateBillingProfile};
use insula_blueprint::Compiled;
use insula_kernel::{Env, Error, InvoiceId, Money, Page, PageRequest};
use insula_metering::SettlerHandle;
use insula_storage::{Storage, Store, Worker};
use insula_web::{Api, Endpoint, Failure, In, Json, Method, Query, RequestInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const TAG: &str = "Billing";

/// What the endpoints work with.
#[derive(Clone)]
pub struct State {
    /// The stores.
    pub storage: Storage,
    /// The blueprint in force.
    pub blueprint: Arc<ArcSwap<Compiled>>,
    /// The time and the randomness.
    pub env: Env,
    /// What brings usage up to date.
    pub settler: SettlerHandle,
}

/// The endpoints.
#[must_use]
pub fn api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/plans",
                "listPlans",
                TAG,
                "The plans that are offered, in their order",
            )
            .replies::<Page<OfferedPlan>>(200),
            list_plans,
        )
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/orgs/{org}/subscription",
                "getSubscription",
                TAG,
                "What the organization is subscribed to",
            )
            .allows::<ReadSubscription>()
            .replies::<Subscription>(200),
            get_subscription,
        )
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/orgs/{org}/invoices",
                "listInvoices",
                TAG,
                "The invoices of the organization, the latest first",
            )
            .allows::<ReadInvoices>()
            .query::<InvoicesQuery>()
            .replies::<Page<Invoice>>(200),
            list_invoices,
        )
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/orgs/{org}/invoices/upcoming",
                "getUpcomingInvoice",
                TAG,
                "The next invoice as it would be if nothing more were used",
            )
            .allows::<ReadInvoices>()
            .replies::<Invoice>(200),
            get_upcoming_invoice,
        )
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/orgs/{org}/invoices/{invoice}",
                "getInvoice",
                TAG,
                "An invoice with its lines",
            )
            .allows::<ReadInvoices>()
            .replies::<Invoice>(200),
            get_invoice,
        )
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/orgs/{org}/invoices/{invoice}/pdf",
                "getInvoicePdf",
                TAG,
                "An invoice to print or to send (PDF)",
            )
            .allows::<ReadInvoices>()
            .query::<PdfQuery>()
            .replies_file(pdf::MEDIA_TYPE),
            get_invoice_pdf,
        )
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/orgs/{org}/invoices/{invoice}/lines/{line}/events",
                "listLineEvents",
                TAG,
                "The events behind a line of an invoice, with their number and digest",
            )
            .allows::<ReadInvoices>()
            .query::<EventsQuery>()
            .replies::<LineEvents>(200),
            list_line_events,
        )
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/orgs/{org}/billing-profile",
                "getBillingProfile",
                TAG,
                "Who is billed",
            )
            .allows::<ReadInvoices>()
            .replies::<BillingProfile>(200),
            get_billing_profile,
        )
        .with(
            Endpoint::new(
                Method::Put,
                "/v1/orgs/{org}/billing-profile",
                "putBillingProfile",
                TAG,
                "Say who is billed",
            )
            .allows::<UpdateBillingProfile>()
            .body::<Profile>()
            .replies::<BillingProfile>(200),
            put_billing_profile,
        )
}

async fn list_plans(Extract(state): Extract<State>) -> Result<Json<Page<OfferedPlan>>, Failure> {
    let mut tx = state.storage.platform_read(Store::Ledger, &Worker::Snapshot).await?;
    let versions = current_versions(&mut tx).await?;
    drop(tx);
    let blueprint = state.blueprint.load();
    let plan = |(index, plan): (_, &insula_blueprint::Plan)| {
        let version = versions.get(&plan.name).copied().unwrap_or(1);
        catalogue::offered(index, plan, version, &blueprint)
    };
    Ok(Json(Page { items: blueprint.indexed_plans().map(plan).collect(), next_cursor: None }))
}

async fn get_subscription(
    Extract(state): Extract<State>,
    In(proof): In<ReadSubscription>,
) -> Result<Json<Subscription>, Failure> {
    let mut tx = state.storage.read(Store::Ledger, &proof).await?;
    Ok(Json(subscription::get(&mut tx, &state.env, &proof).await?))
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct InvoicesQuery {
    /// Whether statements of usage that cost nothing are listed too.
    statements: bool,
    /// How many items at most, 1 to 200; 50 if not said.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct EventsQuery {
    /// How many items at most, 1 to 200; 50 if not said.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Who is billed, and what stands to their credit.
#[derive(Serialize, JsonSchema)]
struct BillingProfile {
    /// Who is billed; null if that was never said.
    profile: Option<Profile>,
    /// What later invoices use up, in the currency of the subscription.
    balance: Money,
}

async fn list_invoices(
    Extract(state): Extract<State>,
    In(proof): In<ReadInvoices>,
    Query(query): Query<InvoicesQuery>,
) -> Result<Json<Page<Invoice>>, Failure> {
    let page = PageRequest::new(query.limit, query.cursor.as_deref())?;
    let mut tx = state.storage.read(Store::Ledger, &proof).await?;
    Ok(Json(invoice::list(&mut tx, &proof, query.statements, page).await?))
}

async fn get_upcoming_invoice(
    Extract(state): Extract<State>,
    In(proof): In<ReadInvoices>,
) -> Result<Json<Invoice>, Failure> {
    state.settler.flush().await?;
    let tx = state.storage.platform_write(Store::Ledger, &Worker::Billing).await?;
    let upcoming = subscription::upcoming(tx, &state.env, &state.blueprint.load(), &proof).await?;
    Ok(Json(upcoming.ok_or_else(|| Error::not_found("upcoming invoice"))?))
}

async fn get_invoice(
    Extract(state): Extract<State>,
    In(proof): In<ReadInvoices>,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<Invoice>, Failure> {
    Ok(Json(shown(&state, &proof, invoice_id(&id)?).await?))
}

/// An invoice, a draft with the usage that it would have if it became final now.
async fn shown(state: &State, proof: &Authorized<ReadInvoices>, id: InvoiceId) -> Result<Invoice, Error> {
    let mut tx = state.storage.read(Store::Ledger, proof).await?;
    let invoice = invoice::get(&mut tx, proof, id).await?;
    drop(tx);
    if invoice.status != "draft" {
        return Ok(invoice);
    }
    state.settler.flush().await?;
    let tx = state.storage.platform_write(Store::Ledger, &Worker::Billing).await?;
    subscription::draft(tx, &state.env, &state.blueprint.load(), proof, id).await
}

/// How an invoice is printed.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PdfQuery {
    /// The language; if not said, Japanese for customers in Japan, else English.
    pub language: Option<Language>,
}

async fn get_invoice_pdf(
    Extract(state): Extract<State>,
    In(proof): In<ReadInvoices>,
    Path((_, id)): Path<(String, String)>,
    Query(query): Query<PdfQuery>,
) -> Result<Response, Failure> {
    let mut tx = state.storage.read(Store::Ledger, &proof).await?;
    let calendar = invoice::calendar(&mut tx, &proof).await?;
    drop(tx);
    Ok(pdf::response(&shown(&state, &proof, invoice_id(&id)?).await?, &calendar, query.language))
}

async fn list_line_events(
    Extract(state): Extract<State>,
    In(proof): In<ReadInvoices>,
    Path((_, id, line)): Path<(String, String, String)>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<LineEvents>, Failure> {
    let limit = PageRequest::new(query.limit, None)?.limit;
    let line: u32 = line.parse().map_err(|_| Error::not_found("line of the invoice"))?;
    let mut tx = state.storage.read(Store::Ledger, &proof).await?;
    let id = invoice_id(&id)?;
    Ok(Json(invoice::events_behind(&mut tx, &proof, id, line, limit, query.cursor.as_deref()).await?))
}

async fn get_billing_profile(
    Extract(state): Extract<State>,
    In(proof): In<ReadInvoices>,
) -> Result<Json<BillingProfile>, Failure> {
    let mut tx = state.storage.read(Store::Ledger, &proof).await?;
    let (profile, balance) = invoice::profile(&mut tx).await?;
    Ok(Json(BillingProfile { profile, balance }))
}

async fn put_billing_profile(
    Extract(state): Extract<State>,
    In(proof): In<UpdateBillingProfile>,
    info: RequestInfo,
    Json(profile): Json<Profile>,
) -> Result<Json<BillingProfile>, Failure> {
    let actor = info.actor(proof.principal());
    let mut tx = state.storage.write(Store::Ledger, &proof).await?;
    invoice::put_profile(&mut tx, &state.env, &actor, &proof, &profile).await?;
    let (profile, balance) = invoice::profile(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(BillingProfile { profile, balance }))
}

fn invoice_id(text: &str) -> Result<InvoiceId, Error> {
    text.parse().map_err(|_| Error::not_found("invoice"))
}
