//! What the operator does about what organizations are charged.

use super::{TAG, organization};
use crate::{archive, platform::Platform, subscriptions::refresh_entitlement};
use axum::extract::{Path, State as Extract};
use insula_access::{AdvanceClock, AuthorizedOperator, ManageBilling, ReadBilling};
use insula_billing::{
    Catalogue, When,
    invoice::Invoice,
    operator::{self, Kept, Migrated, OnInvoice},
    quote::{self, Quote},
    subscription::{self, TestClock},
};
use insula_kernel::{Currency, Error, Instant, InvoiceId, Money, OrgId, Page, Result};
use insula_storage::{Store, Worker};
use insula_web::{Api, Endpoint, Failure, Json, Listing, Method, Operator, Query, RequestInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most organizations whose clocks are moved with one request.
const MOST_CLOCKS: usize = 200;
/// How many subscriptions are moved on in one transaction: enough that committing hardly counts, and so few that others
/// who write to the ledger don't notice.
const TOGETHER: usize = 16;

pub(super) fn api() -> Api<Platform> {
    Api::default()
        .with(
            endpoint!(Post "quote" "quotePrice" "What a quantity would cost, without selling it" needs ReadBilling)
                .body::<QuoteBody>()
                .replies::<Quote>(200),
            quote_price,
        )
        .with(
            endpoint!(Post "clock" "advanceClock" "Move the clocks of organizations that have a test clock" needs AdvanceClock)
                .body::<ClockBody>()
                .replies::<Advanced>(200),
            advance_clock,
        )
        .with(
            endpoint!(Get "clock" "listTestClocks" "The organizations that have a test clock, and where it stands" needs AdvanceClock)
                .query::<Listing>()
                .replies::<Page<TestClock>>(200),
            list_test_clocks,
        )
        .with(
            endpoint!(Post "orgs/{org}/invoices/{invoice}/pay" "payInvoice" "Note that an invoice was paid" needs ManageBilling)
                .replies::<Invoice>(200),
            pay_invoice,
        )
        .with(
            endpoint!(Post "orgs/{org}/invoices/{invoice}/void" "voidInvoice" "Withdraw an invoice that nobody has paid" needs ManageBilling)
                .replies::<Invoice>(200),
            void_invoice,
        )
        .with(
            endpoint!(Post "orgs/{org}/invoices/{invoice}/credit-notes" "creditInvoice" "Give back a part of an invoice" needs ManageBilling)
                .body::<CreditBody>()
                .replies::<Invoice>(200),
            credit_invoice,
        )
        .with(
            endpoint!(Post "orgs/{org}/invoice-items" "addInvoiceItem" "Add something to an organization's next invoice, or make one of it" needs ManageBilling)
                .body::<ItemBody>()
                .replies::<ItemReply>(200),
            add_item,
        )
        .with(
            endpoint!(Post "plans/{plan}/migrate" "migrateSubscribers" "Move subscribers to the current version of their plan" needs ManageBilling)
                .body::<MigrateBody>()
                .replies::<Migrated>(200),
            migrate,
        )
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct QuoteBody {
    /// The currency.
    currency: Currency,
    /// The price, as under `usage` in a blueprint.
    price: serde_json::Value,
    /// The quantity, as a decimal.
    quantity: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    /// One organization, by id or address.
    org: Option<String>,
    /// Or several, 200 at most.
    #[serde(default)]
    orgs: Vec<String>,
    /// Where the clocks are to stand.
    advance_to: Instant,
}

#[derive(Serialize, JsonSchema)]
struct Advanced {
    /// Where the clocks stand.
    now: Instant,
    /// Whose clocks were moved.
    orgs: Vec<OrgId>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CreditBody {
    /// How much, tax included.
    amount: Money,
    /// Why; it stands on the credit note.
    reason: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ItemBody {
    /// What it is, for the customer.
    description: String,
    /// What it costs, without tax.
    amount: Money,
    /// Whether an invoice is made of it at once.
    #[serde(default)]
    invoice_now: bool,
}

#[derive(Serialize, JsonSchema)]
struct ItemReply {
    /// The invoice that was made; null if it waits for the next one.
    invoice: Option<Invoice>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MigrateBody {
    /// When each of them moves; with the end of its period if not said.
    when: Option<When>,
}

fn invoice_of(platform: &Platform, org: &str, invoice: &str) -> Result<(OrgId, InvoiceId)> {
    let id = invoice.parse().map_err(|_| Error::not_found("invoice"))?;
    Ok((organization(platform, org)?, id))
}

async fn quote_price(
    Operator(_proof): Operator<ReadBilling>,
    Json(body): Json<QuoteBody>,
) -> Result<Json<Quote>, Failure> {
    let price = quote::price(&body.price, body.currency)?;
    Ok(Json(quote::quote(&price, &body.quantity, body.currency)?))
}

async fn advance_clock(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<AdvanceClock>,
    Json(body): Json<ClockBody>,
) -> Result<Json<Advanced>, Failure> {
    let named: Vec<&String> = body.org.iter().chain(&body.orgs).collect();
    if named.is_empty() || named.len() > MOST_CLOCKS {
        let detail = format!("Name 1 to {MOST_CLOCKS} organizations.");
        return Err(Error::invalid_field("/orgs", "out_of_range", detail).into());
    }
    let orgs: Vec<OrgId> =
        named.into_iter().map(|org| organization(&platform, org)).collect::<Result<_>>()?;
    // What was used before the clock moves is used before it moves.
    platform.settler.flush().await?;
    let blueprint = platform.blueprint.load_full();
    let mut catalogue = Catalogue::default();
    for org in &orgs {
        let mut tx = platform.storage.platform_write(Store::Ledger, &proof).await?;
        subscription::advance(&mut tx, &platform.env, &blueprint, &mut catalogue, *org, body.advance_to)
            .await?;
        tx.commit().await?;
        refresh_entitlement(&platform, *org).await?;
        archive::organization(&platform, *org).await?;
    }
    Ok(Json(Advanced { now: body.advance_to, orgs }))
}

async fn list_test_clocks(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<AdvanceClock>,
    Query(listing): Query<Listing>,
) -> Result<Json<Page<TestClock>>, Failure> {
    let page = listing.page()?;
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let mut page = subscription::clocks(&mut tx, &platform.env, &proof, page).await?;
    // What an unfinished sign-up left is nobody's yet.
    page.items.retain(|clock| platform.organizations.get(clock.org).is_some());
    Ok(Json(page))
}

async fn pay_invoice(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ManageBilling>,
    Path(of): Path<(String, String)>,
    info: RequestInfo,
) -> Result<Json<Invoice>, Failure> {
    act_on(&platform, &proof, &info, of, OnInvoice::Pay).await
}

async fn void_invoice(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ManageBilling>,
    Path(of): Path<(String, String)>,
    info: RequestInfo,
) -> Result<Json<Invoice>, Failure> {
    act_on(&platform, &proof, &info, of, OnInvoice::Void).await
}

async fn act_on(
    platform: &Platform,
    proof: &AuthorizedOperator<ManageBilling>,
    info: &RequestInfo,
    (org, invoice): (String, String),
    what: OnInvoice,
) -> Result<Json<Invoice>, Failure> {
    let of = invoice_of(platform, &org, &invoice)?;
    let actor = info.actor(proof.principal());
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_write(Store::Ledger, proof).await?;
    let changed = operator::on_invoice(&mut tx, &platform.env, &blueprint, &actor, proof, of, what).await?;
    tx.commit().await?;
    refresh_entitlement(platform, of.0).await?;
    Ok(Json(changed))
}

async fn credit_invoice(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ManageBilling>,
    Path((org, invoice)): Path<(String, String)>,
    info: RequestInfo,
    Json(body): Json<CreditBody>,
) -> Result<Json<Invoice>, Failure> {
    let of = invoice_of(&platform, &org, &invoice)?;
    let actor = info.actor(proof.principal());
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_write(Store::Ledger, &proof).await?;
    let given = operator::Credit { amount: body.amount, reason: &body.reason };
    let credited = operator::credit(&mut tx, &platform.env, &blueprint, &actor, &proof, of, given).await?;
    tx.commit().await?;
    refresh_entitlement(&platform, of.0).await?;
    Ok(Json(credited))
}

async fn add_item(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ManageBilling>,
    Path(org): Path<String>,
    info: RequestInfo,
    Json(body): Json<ItemBody>,
) -> Result<Json<ItemReply>, Failure> {
    let org = organization(&platform, &org)?;
    let actor = info.actor(proof.principal());
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_write(Store::Ledger, &proof).await?;
    let item =
        operator::Item { description: &body.description, amount: body.amount, at_once: body.invoice_now };
    let invoice = operator::add_item(&mut tx, &platform.env, &blueprint, &actor, &proof, org, item).await?;
    tx.commit().await?;
    Ok(Json(ItemReply { invoice }))
}

async fn migrate(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ManageBilling>,
    Path(plan): Path<String>,
    info: RequestInfo,
    Json(body): Json<MigrateBody>,
) -> Result<Json<Migrated>, Failure> {
    let actor = info.actor(proof.principal());
    let when = body.when.unwrap_or(When::PeriodEnd);
    platform.settler.flush().await?;
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let (version, behind) = operator::behind(&mut tx, &proof, &plan).await?;
    drop(tx);
    let mut migrated = Migrated { version, moved: Vec::new(), kept: Vec::new() };
    for org in behind {
        // Each by itself: one that can't move doesn't keep the others.
        let mut tx = platform.storage.platform_write(Store::Ledger, &proof).await?;
        let moving =
            operator::migrate(&mut tx, &platform.env, &blueprint, &actor, &proof, org, (version, when)).await;
        match moving {
            Ok(()) => {
                tx.commit().await?;
                refresh_entitlement(&platform, org).await?;
                migrated.moved.push(org);
            }
            Err(error) => migrated.kept.push(Kept { org, reason: error.detail().to_owned() }),
        }
    }
    Ok(Json(migrated))
}

/// Moves subscriptions on whose time has come. Several are done in one transaction, since to commit takes as long as much of
/// the work; where one of them fails, each is done by itself, so that it doesn't hold up the others.
pub(crate) async fn run_due(platform: &Platform, most: u32) -> Result<usize> {
    let now = platform.env.now();
    let mut tx = platform.storage.platform_read(Store::Ledger, &Worker::Billing).await?;
    let due = subscription::due(&mut tx, now, most).await?;
    drop(tx);
    if due.is_empty() {
        return Ok(0);
    }
    platform.settler.flush().await?;
    let mut catalogue = Catalogue::default();
    for together in due.chunks(TOGETHER) {
        if let Ok(otherwise) = move_on(platform, &mut catalogue, together).await {
            refresh_entitlements(platform, &otherwise).await?;
            continue;
        }
        for org in together {
            match move_on(platform, &mut catalogue, &[*org]).await {
                Ok(otherwise) => refresh_entitlements(platform, &otherwise).await?,
                Err(error) => {
                    tracing::error!(%org, %error, "a subscription can't be moved on");
                    let mut tx = platform.storage.platform_write(Store::Ledger, &Worker::Billing).await?;
                    subscription::postpone(&mut tx, *org, now).await?;
                    tx.commit().await?;
                }
            }
        }
    }
    Ok(due.len())
}

/// Moves the subscriptions of these organizations on, all or none.
async fn move_on(platform: &Platform, catalogue: &mut Catalogue, orgs: &[OrgId]) -> Result<Vec<OrgId>> {
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_write(Store::Ledger, &Worker::Billing).await?;
    let otherwise = subscription::run(&mut tx, &platform.env, &blueprint, catalogue, orgs).await?;
    tx.commit().await?;
    Ok(otherwise)
}

async fn refresh_entitlements(platform: &Platform, orgs: &[OrgId]) -> Result<()> {
    for org in orgs {
        refresh_entitlement(platform, *org).await?;
    }
    Ok(())
}
