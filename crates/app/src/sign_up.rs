//! Sign-up: an act across directory, ledger and tenant store that becomes visible by one commit.
//!
//! 1. A note of what is about to be prepared, with a date, goes into the directory's due work.
//! 2. The tenant store and the subscription are made under an id that nobody sees.
//! 3. One commit in the directory adds the user, the organization, the membership and the session, and takes the note
//!    off the list. If that doesn't happen, whatever the reason, the note comes due and the sweep removes what was made.

use crate::platform::Platform;
use insula_billing::{
    Terms,
    subscription::{self, NewSubscription},
};
use insula_blueprint::Compiled;
use insula_identity::{
    Password,
    member::{self, OWNER},
    session::{self, Opened},
    user::{self, Email, NewUser, User},
};
use insula_kernel::{DueId, Error, FieldError, OrgId, Result, Secret, Span};
use insula_storage::{
    PlatformTx, Store, Worker,
    journal::{Actor, Message},
};
use insula_tenancy::{LiveOrganization, NewOrganization, Organization, Slug, SlugError, check_name};
use insula_web::RequestInfo;
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The work that removes what was prepared and never made visible.
pub(crate) const SWEEP: &str = "sign_up.sweep";
/// How long a sign-up may take before what it prepared counts as left behind.
const PATIENCE: Span = Span::from_mins(10);

/// What is asked for.
pub(crate) struct Application {
    pub(crate) organization: Wish,
    pub(crate) email: String,
    pub(crate) password: Secret<String>,
    pub(crate) display_name: String,
}

/// What is asked for of an organization.
pub(crate) struct Wish {
    pub(crate) name: String,
    pub(crate) slug: String,
    pub(crate) plan: Option<String>,
    /// Whether its time can be moved.
    pub(crate) test_clock: bool,
    /// Whether it may be on a plan that comes by offer only.
    pub(crate) by_operator: bool,
    /// Where it stands in the request.
    pub(crate) pointer: &'static str,
}

/// An application in which everything is as it must be.
pub(crate) struct Checked {
    pub(crate) organization: CheckedWish,
    email: Email,
    password: Password,
    display_name: String,
}

/// An organization as it can be made.
pub(crate) struct CheckedWish {
    name: String,
    slug: Slug,
    plan: String,
    test_clock: bool,
    pointer: &'static str,
}

/// What a sign-up made. Requests know of it once [`SignedUp::welcome`] was called, after the commit.
pub(crate) struct SignedUp {
    made: Made,
    pub(crate) user: User,
    pub(crate) session: Opened,
}

/// An organization that was made. Requests know of it once [`Made::welcome`] was called, after the commit.
pub(crate) struct Made {
    pub(crate) organization: Organization,
    plan_version: u32,
    terms: Terms,
}

/// Sign-ups that are under way, by slug: of many for one slug only the first does the work, the others wait and find it
/// taken.
#[derive(Clone, Default)]
pub(crate) struct SlugQueue(Arc<Mutex<HashMap<Slug, Arc<tokio::sync::Mutex<()>>>>>);

impl SlugQueue {
    pub(crate) async fn turn(&self, slug: &Slug) -> SlugTurn {
        let gate =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(slug.clone()).or_default().clone();
        SlugTurn { queue: self.clone(), slug: slug.clone(), _guard: gate.lock_owned().await }
    }
}

/// The turn of a sign-up for its slug; the next has its own when this is dropped.
pub(crate) struct SlugTurn {
    queue: SlugQueue,
    slug: Slug,
    _guard: tokio::sync::OwnedMutexGuard<()>,
}

impl Drop for SlugTurn {
    fn drop(&mut self) {
        let mut waiting = self.queue.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Ours and the map's are the only references where nobody waits.
        if waiting.get(&self.slug).is_some_and(|gate| Arc::strong_count(gate) <= 2) {
            waiting.remove(&self.slug);
        }
    }
}

impl Application {
    /// Checks every part, and reports all that is wrong at once.
    pub(crate) fn check(self, blueprint: &Compiled) -> Result<Checked> {
        let mut wrong: Vec<FieldError> = Vec::new();
        let organization = keep(self.organization.check(blueprint), &mut wrong);
        let email = keep(
            Email::check(&self.email, "/owner/email").map_err(|field| Error::invalid(vec![field])),
            &mut wrong,
        );
        let password = Password::check(self.password, "/owner/password", &self.email);
        let password = keep(password.map_err(|field| Error::invalid(vec![field])), &mut wrong);
        let display_name = keep(check_name(&self.display_name, "/owner/display_name"), &mut wrong);
        match (organization, email, password, display_name) {
            (Some(organization), Some(email), Some(password), Some(display_name)) => {
                Ok(Checked { organization, email, password, display_name })
            }
            _ => Err(Error::invalid(wrong)),
        }
    }
}

impl Wish {
    /// Checks every part, and reports all that is wrong at once.
    pub(crate) fn check(self, blueprint: &Compiled) -> Result<CheckedWish> {
        let Self { name, slug, plan, test_clock, by_operator, pointer } = self;
        let mut wrong: Vec<FieldError> = Vec::new();
        let name = keep(check_name(&name, &format!("{pointer}/name")), &mut wrong);
        let slug = keep(slug.parse().map_err(|why| slug_error(&slug, why, pointer)), &mut wrong);
        let plan = keep(plan_of(plan, blueprint, by_operator, pointer), &mut wrong);
        match (name, slug, plan) {
            (Some(name), Some(slug), Some(plan)) => Ok(CheckedWish { name, slug, plan, test_clock, pointer }),
            _ => Err(Error::invalid(wrong)),
        }
    }
}

fn keep<T>(checked: Result<T>, wrong: &mut Vec<FieldError>) -> Option<T> {
    checked.map_err(|error| wrong.extend_from_slice(error.fields())).ok()
}

pub(crate) fn slug_error(text: &str, why: SlugError, pointer: &str) -> Error {
    let (code, detail) = match why {
        SlugError::Invalid => (
            "malformed",
            "An address has 3 to 40 lower-case letters, digits and hyphens between them.".to_owned(),
        ),
        SlugError::Reserved => {
            ("reserved", format!("`{text}` is kept for the platform; choose another address."))
        }
    };
    Error::invalid_field(format!("{pointer}/slug"), code, detail)
}

fn plan_of(wanted: Option<String>, blueprint: &Compiled, by_operator: bool, pointer: &str) -> Result<String> {
    let refuse = |code, detail: String| Err(Error::invalid_field(format!("{pointer}/plan"), code, detail));
    let Some(name) = wanted else {
        let plan = blueprint.plan(blueprint.product().default_plan);
        return plan
            .map(|plan| plan.name.clone())
            .ok_or_else(|| Error::internal("the blueprint has no default plan"));
    };
    match blueprint.plan_index(&name).and_then(|index| blueprint.plan(index)) {
        None => refuse("unknown", format!("There is no plan `{name}`.")),
        Some(plan) if !plan.self_service && !by_operator => {
            refuse("by_offer", format!("The plan `{name}` comes by offer only."))
        }
        Some(_) => Ok(name),
    }
}

impl CheckedWish {
    pub(crate) const fn slug(&self) -> &Slug {
        &self.slug
    }

    /// Refuses a slug that is taken, before anything costly is done.
    pub(crate) fn refuse_taken(&self, platform: &Platform) -> Result<()> {
        if platform.organizations.by_slug(self.slug.as_str()).is_none() {
            return Ok(());
        }
        Err(insula_tenancy::slug_taken_at(&self.slug, &format!("{}/slug", self.pointer)))
    }

    /// Prepares the organization under an id that nobody sees.
    pub(crate) async fn prepare(self, platform: &Platform) -> Result<Prepared> {
        let org = OrgId::generate(&platform.env);
        let now = platform.env.now();
        let mut tx = platform.storage.platform_write(Store::Directory, &Worker::SignUp).await?;
        let note = Message { kind: SWEEP, payload: json!({}) };
        let note = tx.schedule(&platform.env, org, &note, now + PATIENCE).await?;
        tx.commit().await?;

        platform.storage.tenant_stores(&Worker::SignUp).create(org, now).await?;
        let mut tx = platform.storage.platform_write(Store::Ledger, &Worker::SignUp).await?;
        let new = NewSubscription { test_clock: self.test_clock, ..NewSubscription::to(&self.plan) };
        let blueprint = platform.blueprint.load_full();
        let (plan_version, terms) =
            subscription::prepare(&mut tx, &platform.env, &blueprint, org, &new).await?;
        tx.commit().await?;
        let organization = NewOrganization { id: org, name: self.name, slug: self.slug, plan: self.plan };
        Ok(Prepared { organization, plan_version, terms, note })
    }
}

impl Checked {
    /// Refuses what is taken, before anything costly is done.
    pub(crate) async fn refuse_taken(&self, platform: &Platform, tx: &mut PlatformTx) -> Result<()> {
        self.organization.refuse_taken(platform)?;
        if user::exists(tx, &self.email).await? { Err(user::email_taken()) } else { Ok(()) }
    }

    /// Prepares the organization and its owner.
    pub(crate) async fn prepare(self, platform: &Platform) -> Result<(Prepared, NewUser)> {
        let password_hash = platform.hasher.hash(self.password).await?;
        let owner =
            NewUser { email: self.email, display_name: self.display_name, password_hash, is_operator: false };
        Ok((self.organization.prepare(platform).await?, owner))
    }
}

/// An organization that is ready, and invisible.
pub(crate) struct Prepared {
    organization: NewOrganization,
    plan_version: u32,
    terms: Terms,
    note: DueId,
}

impl Prepared {
    /// Makes it visible, if and when the transaction commits.
    pub(crate) async fn reveal(
        &self,
        platform: &Platform,
        tx: &mut PlatformTx,
        actor: &Actor,
    ) -> Result<Made> {
        let organization = insula_tenancy::create(tx, &platform.env, actor, &self.organization).await?;
        tx.done(self.note).await?;
        Ok(Made { organization, plan_version: self.plan_version, terms: self.terms.clone() })
    }

    /// Makes it visible with its owner, who is signed in, if and when the transaction commits.
    pub(crate) async fn reveal_to(
        &self,
        platform: &Platform,
        tx: &mut PlatformTx,
        info: &RequestInfo,
        owner: &NewUser,
    ) -> Result<SignedUp> {
        let env = &platform.env;
        let user = user::create(tx, env, owner).await?;
        let actor = Actor {
            name: format!("user:{}", user.id),
            address: Some(info.address.to_string()),
            request: Some(info.id),
        };
        let mut made = self.reveal(platform, tx, &actor).await?;
        member::create(tx, env, made.organization.id, user.id, OWNER, None).await?;
        let session = session::begin(tx, env, &platform.refresh_tokens, user.id, info).await?;
        made.organization.role = Some(OWNER.to_owned());
        Ok(SignedUp { made, user, session })
    }

    /// Removes what was prepared. Best effort: what stays is removed when the note comes due.
    pub(crate) async fn discard(&self, platform: &Platform) {
        if let Err(error) = remove(platform, self.organization.id).await {
            tracing::warn!(org = %self.organization.id, %error, "a refused sign-up leaves its store to the sweep");
        }
    }
}

impl SignedUp {
    pub(crate) const fn organization(&self) -> &Organization {
        &self.made.organization
    }

    /// Lets requests know of the organization and its owner.
    pub(crate) fn welcome(&self, platform: &Platform) {
        platform.identity.put_member(self.organization().id, self.user.id, OWNER);
        self.made.welcome(platform);
    }
}

impl Made {
    /// Lets requests know of the organization.
    pub(crate) fn welcome(&self, platform: &Platform) {
        let Organization { id, slug, status, plan, .. } = &self.organization;
        platform.gate.put_entitlement(*id, |blueprint| {
            subscription::first_entitlement(plan, self.plan_version, &self.terms, blueprint)
        });
        platform.organizations.put(LiveOrganization {
            id: *id,
            slug: slug.as_str().into(),
            status: *status,
            epoch: insula_kernel::Epoch(0),
        });
    }
}

/// Removes the store and the subscription of an organization that never became visible.
pub(crate) async fn remove(platform: &Platform, org: OrgId) -> Result<()> {
    let mut tx = platform.storage.platform_write(Store::Ledger, &Worker::Sweep).await?;
    subscription::remove_prepared(&mut tx, org).await?;
    tx.commit().await?;
    platform.storage.tenant_stores(&Worker::Sweep).remove(org).await?;
    Ok(())
}
