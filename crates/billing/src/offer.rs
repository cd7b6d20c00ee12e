//! Plans of an organization's own: asked for, quoted by the operator, accepted.
//!
//! What must always hold: terms that were quoted never change, so who accepts gets what they read; what was accepted is
//! a version of a plan that its organization alone can be on; an offer is answered once, and not after it has expired.

mod terms;

pub use terms::{OfferQuote, OfferTerms, QuotedSeats};

use crate::{
    account::{Account, AccountRow, Status, currency, interval, json as text, read},
    definition::Definition,
    engine::{Catalogue, Changed, Engine, Wanted, When},
    store::{
        ACCEPTED_OFFER, ANSWER_OFFER, GET_OFFER, INSERT_OFFER, INSERT_OFFER_FOR, INSERT_PLAN,
        LIST_ALL_OFFERS, LIST_OFFERS, LOCK_OFFER, MARK_OFFER, OFFER_OF, OPEN_OFFERS, OPEN_OFFERS_OF,
        QUOTE_OFFER, SUBSCRIPTION_OF,
    },
    subscription::Subscription,
};
use insula_access::{
    AnswerOffer, Authorized, AuthorizedOperator, ManageOffers, ReadBilling, ReadOffers, RequestOffer,
};
use insula_blueprint::Compiled;
use insula_kernel::{
    Env, Error, ErrorKind, Instant, OfferId, OrgId, Page, PageRequest, Result, Scope as _, sha256,
};
use insula_storage::{
    PlatformTx, TenantTx, args,
    journal::{Actor, AuditEntry, Message},
    row,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// What stands before the digits of an offer in the name of the plan it becomes; names of the blueprint have no colon.
const PREFIX: &str = "offer:";
/// The longest message.
const LONGEST: usize = 2_000;
/// How many offers of an organization can be open at once.
const MOST_OPEN: i64 = 20;

/// The name of the plan that an offer becomes.
pub(crate) fn plan_of(id: OfferId) -> String {
    format!("{PREFIX}{}", id.digits())
}

/// Whether a plan is what this organization has accepted.
pub(crate) async fn is_accepted(tx: &mut PlatformTx, org: OrgId, plan: &str) -> Result<bool> {
    let digits = plan.strip_prefix(PREFIX).map(str::as_bytes);
    let Some(id) = digits.and_then(OfferId::from_digits) else { return Ok(false) };
    let found: Option<(OfferId,)> = tx.fetch_optional(&ACCEPTED_OFFER, args![org, id]).await?;
    Ok(found.is_some())
}

row! {
    struct Row {
        org: OrgId,
        id: OfferId,
        status: String,
        plan: String,
        request: String,
        definition: Option<String>,
        currency: Option<String>,
        interval: Option<String>,
        expires_at: Option<Instant>,
        created_at: Instant,
        updated_at: Instant,
    }
}

/// An offer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Offer {
    /// Its id.
    pub id: OfferId,
    /// Whose it is.
    pub org: OrgId,
    /// Where it stands.
    #[schemars(extend("enum" = ["requested", "offered", "accepted", "declined", "withdrawn"]))]
    pub status: String,
    /// The plan it starts from.
    pub plan: String,
    /// What was asked for, in words.
    pub message: String,
    /// What is offered; null before it was quoted.
    pub terms: Option<OfferTerms>,
    /// Until when it can be accepted.
    pub expires_at: Option<Instant>,
    /// When it was asked for.
    pub created_at: Instant,
    /// When it was last quoted or answered.
    pub updated_at: Instant,
}

impl Row {
    fn definition(&self) -> Result<Option<Definition>> {
        self.definition.as_deref().map(read).transpose()
    }

    fn view(self) -> Result<Offer> {
        let definition = self.definition()?;
        let terms = match (definition, &self.currency, &self.interval) {
            (Some(definition), Some(code), Some(name)) => {
                Some(OfferTerms::of(plan_of(self.id), &definition, currency(code)?, interval(name)?))
            }
            _ => None,
        };
        let Self { org, id, status, plan, request, expires_at, created_at, updated_at, .. } = self;
        Ok(Offer { id, org, status, plan, message: request, terms, expires_at, created_at, updated_at })
    }

    fn refuse_unless(&self, allowed: &[&str]) -> Result<()> {
        if allowed.contains(&self.status.as_str()) {
            return Ok(());
        }
        let detail = match self.status.as_str() {
            "requested" => "The offer has no terms yet.",
            "offered" => "The offer was quoted already; withdraw it and make another.",
            "accepted" => "The offer was accepted.",
            "declined" => "The offer was declined.",
            _ => "The offer was withdrawn.",
        };
        Err(Error::new(ErrorKind::Conflict, "offer.not_open", detail))
    }
}

/// What an organization asks for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferRequest {
    /// The plan to start from.
    pub plan: String,
    /// What is wanted, in words.
    #[serde(default)]
    pub message: String,
}

impl OfferRequest {
    fn check(&self, blueprint: &Compiled) -> Result<()> {
        if blueprint.plan_index(&self.plan).is_none() {
            let detail = format!("There is no plan `{}`.", self.plan);
            return Err(Error::invalid_field("/plan", "unknown", detail));
        }
        if self.message.chars().count() > LONGEST {
            let detail = format!("Say it in {LONGEST} characters at most.");
            return Err(Error::invalid_field("/message", "length", detail));
        }
        Ok(())
    }
}

fn refuse_too_many(open: i64) -> Result<()> {
    if open < MOST_OPEN {
        return Ok(());
    }
    let detail = format!("{MOST_OPEN} offers are open already; decline some of them first.");
    Err(Error::new(ErrorKind::Conflict, "offer.too_many", detail))
}

/// Asks the operator for an offer.
pub async fn request(
    tx: &mut TenantTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    proof: &Authorized<RequestOffer>,
    wanted: &OfferRequest,
) -> Result<Offer> {
    wanted.check(blueprint)?;
    let (open,): (i64,) = tx.fetch_one(&OPEN_OFFERS, args![]).await?;
    refuse_too_many(open)?;
    let (id, now) = (OfferId::generate(env), env.now());
    tx.execute(&INSERT_OFFER, args![id, wanted.plan.as_str(), wanted.message.as_str(), now]).await?;
    let detail = json!({ "plan": wanted.plan, "message": wanted.message });
    let entry = AuditEntry { action: "offer.requested", target: id.to_string(), detail };
    tx.audit(env, actor, entry).await?;
    let payload = json!({ "offer": id, "plan": wanted.plan });
    tx.publish(env, &Message { kind: "offer.requested", payload }).await?;
    let row: Row = tx.fetch_one(&GET_OFFER, args![id]).await?;
    debug_assert_eq!(row.org, proof.organization());
    row.view()
}

/// The offers of an organization, the latest first.
pub async fn list(
    tx: &mut TenantTx,
    _proof: &Authorized<ReadOffers>,
    page: PageRequest,
) -> Result<Page<Offer>> {
    let rows: Vec<Row> = tx.fetch_all(&LIST_OFFERS, args![before(page), i64::from(page.limit) + 1]).await?;
    paged(rows, page)
}

/// The offers of all organizations, the latest first; those that stand so, if a status is said.
pub async fn list_all(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ReadBilling>,
    status: Option<&str>,
    page: PageRequest,
) -> Result<Page<Offer>> {
    let values = args![status.unwrap_or_default(), before(page), i64::from(page.limit) + 1];
    let rows: Vec<Row> = tx.fetch_all(&LIST_ALL_OFFERS, values).await?;
    paged(rows, page)
}

fn before(page: PageRequest) -> OfferId {
    OfferId::from_uuid(page.after.map_or(uuid::Uuid::max(), insula_kernel::Cursor::id))
}

fn paged(rows: Vec<Row>, page: PageRequest) -> Result<Page<Offer>> {
    let page = Page::cut(rows, page, |row| row.id.uuid());
    let items: Result<_> = page.items.into_iter().map(Row::view).collect();
    Ok(Page { items: items?, next_cursor: page.next_cursor })
}

/// Turns an offer down, or takes back what was asked for.
pub async fn decline(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    _proof: &Authorized<AnswerOffer>,
    id: OfferId,
) -> Result<Offer> {
    let found: Option<Row> = tx.fetch_optional(&GET_OFFER, args![id]).await?;
    let row = found.ok_or_else(|| Error::not_found("offer"))?;
    row.refuse_unless(&["requested", "offered"])?;
    // The status may have changed since it was read: only one answer counts.
    if tx.execute(&ANSWER_OFFER, args![id, "declined", env.now()]).await? == 0 {
        let detail = "The offer was answered in between; read it again.";
        return Err(Error::new(ErrorKind::Conflict, "offer.not_open", detail));
    }
    let entry = AuditEntry { action: "offer.declined", target: id.to_string(), detail: json!({}) };
    tx.audit(env, actor, entry).await?;
    tx.publish(env, &Message { kind: "offer.declined", payload: json!({ "offer": id }) }).await?;
    let row: Row = tx.fetch_one(&GET_OFFER, args![id]).await?;
    row.view()
}

/// What accepting an offer came to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AcceptedOffer {
    /// The offer.
    pub offer: Offer,
    /// The subscription as it is now.
    pub subscription: Subscription,
}

/// Accepts an offer: the organization's subscription changes to what it says, at once or with its period. One that
/// begins with a trial begins at once. What is charged later is agreed to by it.
pub async fn accept(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    proof: &Authorized<AnswerOffer>,
    id: OfferId,
    when: Option<When>,
) -> Result<AcceptedOffer> {
    let org = proof.organization();
    let mut catalogue = Catalogue::default();
    let mut engine = Engine::lock(tx, env, blueprint, &mut catalogue, org).await?;
    let now = engine.now();
    engine.run(now).await?;
    let found: Option<Row> = engine.tx.fetch_optional(&OFFER_OF, args![org, id]).await?;
    let row = found.ok_or_else(|| Error::not_found("offer"))?;
    row.refuse_unless(&["offered"])?;
    if row.expires_at.is_none_or(|expires_at| expires_at <= now) {
        let detail = "The offer has expired; ask for a new one.";
        return Err(Error::new(ErrorKind::Conflict, "offer.expired", detail));
    }
    let definition = row.definition()?.ok_or_else(|| Error::internal("an offer without terms"))?;
    let plan = plan_of(id);
    let stored = text(&definition);
    let digest: String = sha256(stored.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    engine.tx.execute(&INSERT_PLAN, args![plan.as_str(), 1_i64, digest, stored, env.now()]).await?;
    engine.tx.execute(&MARK_OFFER, args![org, id, "accepted", env.now()]).await?;
    let wanted = Wanted {
        plan: Some(plan.clone()),
        version: Some(1),
        currency: row.currency.as_deref().map(currency).transpose()?,
        interval: row.interval.as_deref().map(interval).transpose()?,
        when,
        by_operator: true,
        ..Wanted::default()
    };
    let changed = take_up(&mut engine, wanted, definition.trial.as_ref().map(|trial| trial.days)).await?;
    let detail = json!({ "offer": id, "plan": plan, "when": changed.when });
    let entry = AuditEntry { action: "offer.accepted", target: id.to_string(), detail: detail.clone() };
    engine.tx.audit(env, org, actor, entry).await?;
    engine.tx.publish(env, org, &Message { kind: "offer.accepted", payload: detail }).await?;
    engine.settle().await?;
    let subscription = Subscription::of(engine.account, env.now());
    let row: Row = tx.fetch_one(&OFFER_OF, args![org, id]).await?;
    Ok(AcceptedOffer { offer: row.view()?, subscription })
}

async fn take_up(engine: &mut Engine<'_>, wanted: Wanted, trial: Option<u32>) -> Result<Changed> {
    // Who agrees to pay for something else doesn't want to end.
    engine.account.cancel_at = None;
    match trial {
        Some(_) if wanted.when == Some(When::PeriodEnd) => {
            let detail = "An offer that begins with a trial begins at once.";
            Err(Error::invalid_field("/when", "begins_with_trial", detail))
        }
        Some(days) => {
            engine.account.pays = true;
            engine.try_out(wanted, days).await
        }
        None => {
            engine.account.pays |= engine.account.status == Status::Trialing;
            engine.change(wanted).await
        }
    }
}

/// An organization's own time; 404 if it has no subscription.
async fn time_of(tx: &mut PlatformTx, env: &Env, org: OrgId) -> Result<Instant> {
    let found: Option<AccountRow> = tx.fetch_optional(&SUBSCRIPTION_OF, args![org]).await?;
    let account: Account = found.ok_or_else(|| Error::not_found("subscription"))?.try_into()?;
    Ok(account.time(env.now()))
}

/// Makes an offer that nobody has asked for.
pub async fn make(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    proof: &AuthorizedOperator<ManageOffers>,
    org: OrgId,
    (wanted, quote): (&OfferRequest, &OfferQuote),
) -> Result<Offer> {
    wanted.check(blueprint)?;
    let (open,): (i64,) = tx.fetch_one(&OPEN_OFFERS_OF, args![org]).await?;
    refuse_too_many(open)?;
    let id = OfferId::generate(env);
    let values = args![org, id, wanted.plan.as_str(), wanted.message.as_str(), env.now()];
    tx.execute(&INSERT_OFFER_FOR, values).await?;
    self::quote(tx, env, blueprint, actor, proof, id, quote).await
}

/// Says what an organization would get, and for what.
pub async fn quote(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    _proof: &AuthorizedOperator<ManageOffers>,
    id: OfferId,
    quote: &OfferQuote,
) -> Result<Offer> {
    let row = locked(tx, id).await?;
    row.refuse_unless(&["requested"])?;
    let now = time_of(tx, env, row.org).await?;
    let definition = quote.definition(&row.plan, blueprint, now)?;
    let stored = text(&definition);
    let values =
        args![row.org, id, stored, quote.currency.code(), quote.interval.name(), quote.expires_at, env.now()];
    tx.execute(&QUOTE_OFFER, values).await?;
    let detail = json!({ "plan": row.plan, "price": quote.price, "interval": quote.interval });
    note(tx, env, actor, &row, "offer.quoted", detail).await?;
    locked(tx, id).await?.view()
}

/// Takes back an offer that wasn't answered.
pub async fn withdraw(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    _proof: &AuthorizedOperator<ManageOffers>,
    id: OfferId,
) -> Result<Offer> {
    let row = locked(tx, id).await?;
    row.refuse_unless(&["requested", "offered"])?;
    tx.execute(&MARK_OFFER, args![row.org, id, "withdrawn", env.now()]).await?;
    note(tx, env, actor, &row, "offer.withdrawn", json!({})).await?;
    locked(tx, id).await?.view()
}

async fn locked(tx: &mut PlatformTx, id: OfferId) -> Result<Row> {
    let found: Option<Row> = tx.fetch_optional(&LOCK_OFFER, args![id]).await?;
    found.ok_or_else(|| Error::not_found("offer"))
}

async fn note(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    row: &Row,
    action: &'static str,
    detail: Json,
) -> Result<()> {
    let entry = AuditEntry { action, target: row.id.to_string(), detail };
    tx.audit(env, row.org, actor, entry).await?;
    let payload = json!({ "offer": row.id, "plan": row.plan });
    tx.publish(env, row.org, &Message { kind: action, payload }).await?;
    Ok(())
}
