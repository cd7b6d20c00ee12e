//! API keys: made, shown once, changed, rotated, revoked.

use crate::{
    Environment, KeyLimit, KeyLimits, KeyToken, LiveKey, Network, Scopes,
    live::Compiling,
    store::{
        ALL_KEYS, COUNT_KEYS, FIND_KEY, INSERT_KEY, KEYS_OF_PROJECT, LIST_KEYS, OLD_KEYS, REPLACE_KEY,
        REVOKE_KEY, UPDATE_KEY,
    },
};
use insula_access::{
    ArchiveProject, Authorized, CreateKey, ListKeys, Principal, RevokeKey, RotateKey, UpdateKey,
    ensure_grantable,
};
use insula_blueprint::{Compiled, PermissionSet};
use insula_kernel::{
    Env, Error, ErrorKind, FieldError, Instant, KeyId, Keyring, OrgId, Page, PageRequest, ProjectId, Result,
    Span, TeamId, UserId,
};
use insula_storage::{
    PlatformTx, TenantTx, args,
    journal::{Actor, AuditEntry, Message},
    row,
};
use insula_tenancy::{ProjectStatus, project};
use insula_web::Patch;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

/// The longest time that an old key stays good beside its successor.
pub const LONGEST_OVERLAP: Span = Span::from_days(30);
const MOST_SCOPES: usize = 64;
const MOST_NETWORKS: usize = 32;

row! {
    /// A key, as it is stored.
    #[derive(Clone, Debug)]
    pub struct KeyRow {
        /// Its id.
        pub id: KeyId,
        /// The project it is for.
        pub project: Option<ProjectId>,
        /// What people call it.
        pub name: String,
        /// What it is for.
        pub environment: String,
        /// What it may do, as a JSON list of names.
        pub scopes: String,
        /// Its own limits, as JSON.
        pub limits: String,
        /// Where it may be used from, as a JSON list of networks.
        pub allowed_networks: String,
        /// Who made it, if it was a person.
        pub created_by: Option<UserId>,
        /// When it was made.
        pub created_at: Instant,
        /// From when on it is refused.
        pub expires_at: Option<Instant>,
        /// Since when it is revoked.
        pub revoked_at: Option<Instant>,
        /// Whose place it took.
        pub replaces: Option<KeyId>,
        /// Who took its place.
        pub replaced_by: Option<KeyId>,
    }
}

row! {
    struct RequestRow {
        org: OrgId,
        id: KeyId,
        project: Option<ProjectId>,
        secret_hash: Vec<u8>,
        environment: String,
        scopes: String,
        limits: String,
        allowed_networks: String,
        expires_at: Option<Instant>,
    }
}

/// What a new key is to be.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The project it is for, by its id or slug.
    pub project: Option<String>,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub environment: Environment,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Where it may be used from; anywhere if empty.
    pub networks: Vec<Network>,
    /// Its own limits.
    pub limits: BTreeMap<String, KeyLimit>,
    /// From when on it is refused.
    pub expires_at: Option<Instant>,
}

/// What is to be changed of a key.
#[derive(Clone, Debug, Default)]
pub struct KeyPatch {
    /// What people call it.
    pub name: Option<String>,
    /// What it may do.
    pub scopes: Option<Vec<String>>,
    /// Where it may be used from; anywhere if empty.
    pub networks: Option<Vec<Network>>,
    /// Its own limits: null takes all of them away, null for one of them that one.
    pub limits: Patch<BTreeMap<String, Option<KeyLimit>>>,
    /// From when on it is refused; never if null.
    pub expires_at: Patch<Instant>,
}

/// What a key is, as far as it can be changed.
struct Terms {
    name: String,
    scopes: Vec<String>,
    networks: Vec<Network>,
    limits: KeyLimits,
    expires_at: Option<Instant>,
}

/// The project of a key, with the team it belongs to.
type Place = (ProjectId, Option<TeamId>);

/// A key that was just made: the only time its secret is there.
pub struct MadeKey {
    /// As it is stored.
    pub row: KeyRow,
    /// As requests need it; to be taken in once the transaction has committed.
    pub live: LiveKey,
    /// As its holder has it.
    pub token: KeyToken,
}

/// What the making of keys needs besides a transaction.
pub struct KeyMaker<'a> {
    /// Time and randomness.
    pub env: &'a Env,
    /// The server's pepper.
    pub pepper: &'a Keyring,
    /// The blueprint in force.
    pub blueprint: &'a Compiled,
    /// How many keys the organization's plan allows; `None` is unlimited.
    pub bound: Option<i64>,
}

impl Terms {
    fn of(row: &KeyRow) -> Result<Self> {
        Ok(Self {
            name: row.name.clone(),
            scopes: names(&row.scopes)?,
            networks: networks(&row.allowed_networks)?,
            limits: KeyLimits::read(&row.limits)?,
            expires_at: row.expires_at,
        })
    }

    /// What the key may do, unless there is something among its terms, or in `wrong`, that can't be.
    fn check(&self, now: Instant, blueprint: &Compiled, mut wrong: Vec<FieldError>) -> Result<PermissionSet> {
        let mut refuse =
            |pointer: String, code, detail: String| wrong.push(FieldError { pointer, code, detail });
        let mut wanted = PermissionSet::EMPTY;
        if self.scopes.is_empty() || self.scopes.len() > MOST_SCOPES {
            refuse("/scopes".into(), "length", format!("A key has 1 to {MOST_SCOPES} scopes."));
        }
        for (place, scope) in self.scopes.iter().enumerate() {
            match blueprint.permissions().expand(scope) {
                Some(set) => wanted = wanted.union(set),
                None => refuse(
                    format!("/scopes/{place}"),
                    "unknown",
                    format!("There is no permission `{scope}`."),
                ),
            }
        }
        if self.networks.len() > MOST_NETWORKS {
            refuse(
                "/allowed_networks".into(),
                "length",
                format!("A key has at most {MOST_NETWORKS} networks."),
            );
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            refuse("/expires_at".into(), "in_the_past", "A key expires in the future, or never.".into());
        }
        if wrong.is_empty() { Ok(wanted) } else { Err(Error::invalid(wrong)) }
    }

    fn stored_networks(&self) -> String {
        json!(self.networks.iter().map(ToString::to_string).collect::<Vec<_>>()).to_string()
    }

    fn stored_scopes(&self) -> String {
        json!(self.scopes).to_string()
    }
}

/// Makes a key. Nobody gives a key what they lack, and the plan bounds how many there are.
pub async fn create(
    tx: &mut TenantTx,
    maker: &KeyMaker<'_>,
    actor: &Actor,
    proof: &Authorized<CreateKey>,
    new: &NewKey,
) -> Result<MadeKey> {
    let mut terms = Terms {
        name: new.name.clone(),
        scopes: new.scopes.clone(),
        networks: new.networks.clone(),
        limits: KeyLimits::default(),
        expires_at: new.expires_at,
    };
    let mut wrong = Vec::new();
    let asked = new.limits.iter().map(|(name, limit)| (name.clone(), Some(*limit))).collect();
    terms.limits.change(&asked, maker.blueprint, &mut wrong);
    let wanted = terms.check(maker.env.now(), maker.blueprint, wrong)?;
    ensure_grantable(proof.permissions(), wanted, maker.blueprint.permissions())?;
    tx.lock().await?;
    let place = match &new.project {
        Some(named) => Some(place_of(tx, named).await?),
        None => None,
    };
    if let Some(bound) = maker.bound {
        let (count,): (i64,) = tx.fetch_one(&COUNT_KEYS, args![maker.env.now()]).await?;
        if count >= bound {
            let detail =
                format!("The plan allows {bound} API keys and all are in use; revoke one, or upgrade.");
            return Err(Error::new(ErrorKind::PaymentRequired, "plan.limit_reached", detail));
        }
    }
    let made = insert(tx, maker, proof.principal(), place, new.environment, &terms, None).await?;
    record(tx, maker.env, actor, "api_key.created", &made.row).await?;
    Ok(made)
}

/// The project that a key is to be for: one that is in use.
async fn place_of(tx: &mut TenantTx, named: &str) -> Result<Place> {
    match project::find(tx, named).await {
        Ok(project) if project.status == ProjectStatus::Active => Ok((project.id, project.team)),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => {
            let detail = format!("There is no active project `{named}` in the organization.");
            Err(Error::invalid_field("/project", "unknown", detail))
        }
    }
}

/// Makes a key that takes another's place; both are good for the overlap.
pub async fn rotate(
    tx: &mut TenantTx,
    maker: &KeyMaker<'_>,
    actor: &Actor,
    proof: &Authorized<RotateKey>,
    id: KeyId,
    overlap: Span,
) -> Result<(MadeKey, KeyRow)> {
    if overlap > LONGEST_OVERLAP || overlap < Span::from_secs(0) {
        let detail = format!("An overlap is 0 to {} seconds.", LONGEST_OVERLAP.ceil_secs());
        return Err(Error::invalid_field("/overlap_seconds", "out_of_range", detail));
    }
    tx.lock().await?;
    let now = maker.env.now();
    let old = in_use(tx, id, now).await?;
    let terms = Terms::of(&old)?;
    let wanted = terms.check(now, maker.blueprint, Vec::new())?;
    ensure_grantable(proof.permissions(), wanted, maker.blueprint.permissions())?;
    let place = match old.project {
        Some(project) => Some(place_of(tx, &project.to_string()).await?),
        None => None,
    };
    let environment = old.environment.parse().map_err(Error::internal)?;
    let made = insert(tx, maker, proof.principal(), place, environment, &terms, Some(old.id)).await?;
    let until = old.expires_at.map_or(now + overlap, |at| at.min(now + overlap));
    tx.execute(&REPLACE_KEY, args![old.id, made.row.id, until]).await?;
    record(tx, maker.env, actor, "api_key.rotated", &made.row).await?;
    let old = find(tx, old.id).await?;
    Ok((made, old))
}

/// Changes a key. Nobody leaves a key more than they have themselves.
pub async fn update(
    tx: &mut TenantTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    proof: &Authorized<UpdateKey>,
    id: KeyId,
    patch: &KeyPatch,
) -> Result<KeyRow> {
    tx.lock().await?;
    let now = env.now();
    let before = in_use(tx, id, now).await?;
    let mut terms = Terms::of(&before)?;
    let mut wrong = Vec::new();
    if let Some(name) = &patch.name {
        terms.name.clone_from(name);
    }
    if let Some(scopes) = &patch.scopes {
        terms.scopes.clone_from(scopes);
    }
    if let Some(networks) = &patch.networks {
        terms.networks.clone_from(networks);
    }
    match &patch.limits {
        Patch::Absent => {}
        Patch::Null => terms.limits = KeyLimits::default(),
        Patch::Value(asked) => terms.limits.change(asked, blueprint, &mut wrong),
    }
    match patch.expires_at {
        Patch::Absent => {}
        Patch::Null => terms.expires_at = None,
        Patch::Value(at) => terms.expires_at = Some(at),
    }
    let wanted = terms.check(now, blueprint, wrong)?;
    ensure_grantable(proof.permissions(), wanted, blueprint.permissions())?;
    let (scopes, limits, networks) = (terms.stored_scopes(), terms.limits.stored(), terms.stored_networks());
    let values = args![id, terms.name, scopes, limits, networks, terms.expires_at];
    tx.execute(&UPDATE_KEY, values).await?;
    let after = find(tx, id).await?;
    record(tx, env, actor, "api_key.updated", &after).await?;
    Ok(after)
}

/// Lets a key that requests know of be as it is stored.
pub fn apply(key: &mut LiveKey, row: &KeyRow, blueprint: &Compiled) -> Result<()> {
    let limits = KeyLimits::read(&row.limits)?;
    key.scopes = Arc::new(Scopes::compile(names(&row.scopes)?, blueprint));
    key.networks = networks(&row.allowed_networks)?.into();
    key.rate = limits.rate();
    key.limits = limits.compile(blueprint);
    key.expires_at = row.expires_at;
    Ok(())
}

/// Revokes a key, for good. What isn't there or is revoked already looks the same.
pub async fn revoke(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    _proof: &Authorized<RevokeKey>,
    id: KeyId,
) -> Result<()> {
    if !end(tx, env, actor, id).await? {
        return Err(Error::not_found("API key"));
    }
    Ok(())
}

/// Revokes the keys of a project that is archived.
pub async fn revoke_with_project(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    _proof: &Authorized<ArchiveProject>,
    keys: &[KeyId],
) -> Result<()> {
    for &key in keys {
        end(tx, env, actor, key).await?;
    }
    Ok(())
}

/// Ends a key; false if there is none that could be ended.
async fn end(tx: &mut TenantTx, env: &Env, actor: &Actor, id: KeyId) -> Result<bool> {
    if tx.execute(&REVOKE_KEY, args![id, env.now()]).await? == 0 {
        return Ok(false);
    }
    let row = find(tx, id).await?;
    record(tx, env, actor, "api_key.revoked", &row).await?;
    Ok(true)
}

/// The keys of a project that are good.
pub async fn of_project(tx: &mut TenantTx, project: ProjectId, now: Instant) -> Result<Vec<KeyId>> {
    let rows: Vec<(KeyId,)> = tx.fetch_all(&KEYS_OF_PROJECT, args![project, now]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A page of the organization's keys, or of those of one project, revoked ones included.
pub async fn list(
    tx: &mut TenantTx,
    _proof: &Authorized<ListKeys>,
    project: Option<ProjectId>,
    page: PageRequest,
) -> Result<Page<KeyRow>> {
    let after = page.after.map_or(KeyId::MIN, |cursor| KeyId::from_uuid(cursor.id()));
    let rows = tx.fetch_all(&LIST_KEYS, args![after, project, page.limit + 1]).await?;
    Ok(Page::cut(rows, page, |row: &KeyRow| row.id.uuid()))
}

/// A key of the organization.
pub async fn find(tx: &mut TenantTx, id: KeyId) -> Result<KeyRow> {
    tx.fetch_optional(&FIND_KEY, args![id]).await?.ok_or_else(|| Error::not_found("API key"))
}

/// A key of the organization that can be changed: not revoked, replaced or expired.
async fn in_use(tx: &mut TenantTx, id: KeyId, now: Instant) -> Result<KeyRow> {
    let row = find(tx, id).await?;
    if row.revoked_at.is_some() || row.replaced_by.is_some() || row.expires_at.is_some_and(|at| at <= now) {
        let detail = "Only a key that is in use can be changed or rotated; this one was revoked, replaced or has \
                      expired.";
        return Err(Error::new(ErrorKind::Conflict, "api_key.not_active", detail));
    }
    Ok(row)
}

/// The keys the organization has in use that were made before an instant, with when they were.
pub async fn made_before(tx: &mut TenantTx, made: Instant, now: Instant) -> Result<Vec<(KeyId, Instant)>> {
    Ok(tx.fetch_all(&OLD_KEYS, args![made, now]).await?)
}

/// How many keys the organization has in use.
pub async fn count(tx: &mut TenantTx, now: Instant) -> Result<i64> {
    Ok(tx.fetch_one::<(i64,)>(&COUNT_KEYS, args![now]).await?.0)
}

/// Every key that is good, for the request path. The projects are known already.
pub async fn load(
    tx: &mut PlatformTx,
    now: Instant,
    blueprint: &Compiled,
    organizations: &insula_tenancy::Live,
) -> Result<Vec<LiveKey>> {
    let rows: Vec<RequestRow> = tx.fetch_all(&ALL_KEYS, args![now]).await?;
    let compiling = Compiling::under(blueprint);
    rows.into_iter()
        .map(|row| {
            let limits = KeyLimits::read(&row.limits)?;
            Ok(LiveKey {
                id: row.id,
                org: row.org,
                secret_hash: row
                    .secret_hash
                    .try_into()
                    .map_err(|_| Error::internal("a key's hash is cut off"))?,
                project: row.project,
                team: row.project.and_then(|project| organizations.project(project)?.team),
                environment: row.environment.parse().map_err(Error::internal)?,
                scopes: compiling.of(&live_names(&row.scopes)?),
                networks: networks(&row.allowed_networks)?.into(),
                rate: limits.rate(),
                limits: limits.compile(blueprint),
                expires_at: row.expires_at,
            })
        })
        .collect()
}

async fn insert(
    tx: &mut TenantTx,
    maker: &KeyMaker<'_>,
    principal: Principal,
    place: Option<Place>,
    environment: Environment,
    terms: &Terms,
    replaces: Option<KeyId>,
) -> Result<MadeKey> {
    let token = KeyToken::generate(maker.env, environment);
    let secret_hash = token.hash(maker.pepper);
    let created_by = match principal {
        Principal::User { user, .. } | Principal::Operator { user, .. } => Some(user),
        Principal::Key { .. } | Principal::Service { .. } => None,
    };
    let (project, team) = place.unzip();
    let values = args![
        token.id,
        project,
        terms.name.as_str(),
        environment.as_str(),
        &secret_hash[..],
        terms.stored_scopes(),
        terms.limits.stored(),
        terms.stored_networks(),
        created_by,
        maker.env.now(),
        terms.expires_at,
        replaces,
    ];
    tx.execute(&INSERT_KEY, values).await?;
    let live = LiveKey {
        id: token.id,
        org: tx.org(),
        secret_hash,
        project,
        team: team.flatten(),
        environment,
        scopes: Arc::new(Scopes::compile(terms.scopes.iter().map(String::as_str), maker.blueprint)),
        networks: terms.networks.clone().into(),
        rate: terms.limits.rate(),
        limits: terms.limits.compile(maker.blueprint),
        expires_at: terms.expires_at,
    };
    Ok(MadeKey { row: find(tx, token.id).await?, live, token })
}

async fn record(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    action: &'static str,
    row: &KeyRow,
) -> Result<()> {
    let detail = json!({
        "name": row.name,
        "environment": row.environment,
        "project": row.project,
        "scopes": names(&row.scopes)?,
        "limits": KeyLimits::read(&row.limits)?,
        "allowed_networks": names(&row.allowed_networks)?,
        "expires_at": row.expires_at,
    });
    let message = Message { kind: action, payload: json!({ "id": row.id, "name": row.name }) };
    tx.audit(env, actor, AuditEntry { action, target: row.id.to_string(), detail }).await?;
    tx.publish(env, &message).await?;
    Ok(())
}

/// The names in a stored list.
pub(crate) fn names(stored: &str) -> Result<Vec<String>> {
    serde_json::from_str(stored)
        .map_err(|error| Error::internal(format!("a stored list can't be read: {error}")))
}

/// The same, as requests know them.
fn live_names(stored: &str) -> Result<Vec<Box<str>>> {
    Ok(names(stored)?.into_iter().map(String::into_boxed_str).collect())
}

fn networks(stored: &str) -> Result<Vec<Network>> {
    names(stored)?.iter().map(|text| text.parse().map_err(Error::internal)).collect()
}
