//! What the request path knows of keys, members and sessions.

use crate::{Environment, Network};
use insula_blueprint::{Compiled, Digest, LimitIndex, PermissionSet};
use insula_kernel::{Instant, KeyId, LiveMap, OrgId, ProjectId, ServiceId, SessionId, TeamId, UserId};
use std::{cell::RefCell, collections::HashMap, sync::Arc};

/// What a key may do: the names as they are stored, and what they mean under the blueprint in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scopes {
    names: Box<[Box<str>]>,
    set: PermissionSet,
    blueprint: Digest,
}

impl Scopes {
    /// The meaning of these names. A name that the blueprint no longer has means nothing.
    #[must_use]
    pub fn compile(names: impl IntoIterator<Item = impl Into<Box<str>>>, blueprint: &Compiled) -> Self {
        let names: Box<[Box<str>]> = names.into_iter().map(Into::into).collect();
        let set = expand(&names, blueprint);
        Self { names, set, blueprint: blueprint.digest() }
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// The permissions, numbered as in the blueprint they were compiled with; see [`Scopes::under`].
    #[must_use]
    pub const fn set(&self) -> PermissionSet {
        self.set
    }

    /// The permissions under this blueprint. While blueprints change, a request may be decided by one and meet
    /// scopes compiled with another; numbers of the one say nothing in the other, so the names are looked up anew.
    #[must_use]
    pub fn under(&self, blueprint: &Compiled) -> PermissionSet {
        if self.blueprint == blueprint.digest() { self.set } else { expand(&self.names, blueprint) }
    }
}

type ByNames = HashMap<Box<[Box<str>]>, Arc<Scopes>>;

/// Compiles scopes, each that many keys have alike once for all of them.
pub(crate) struct Compiling<'b> {
    blueprint: &'b Compiled,
    known: RefCell<ByNames>,
}

impl<'b> Compiling<'b> {
    pub(crate) fn under(blueprint: &'b Compiled) -> Self {
        Self { blueprint, known: RefCell::default() }
    }

    /// The meaning of these names.
    pub(crate) fn of(&self, names: &[Box<str>]) -> Arc<Scopes> {
        if let Some(known) = self.known.borrow().get(names) {
            return Arc::clone(known);
        }
        let scopes = Arc::new(Scopes::compile(names.iter().cloned(), self.blueprint));
        self.known.borrow_mut().insert(names.into(), Arc::clone(&scopes));
        scopes
    }
}

fn expand(names: &[Box<str>], blueprint: &Compiled) -> PermissionSet {
    names
        .iter()
        .filter_map(|name| blueprint.permissions().expand(name))
        .fold(PermissionSet::EMPTY, PermissionSet::union)
}

/// How far limits go for one key: by name as they are stored, and by position under the blueprint in force.
#[derive(Clone, Default, Debug)]
pub struct OwnLimits {
    names: Box<[(Box<str>, i64)]>,
    places: Box<[(LimitIndex, i64)]>,
    /// None where there is nothing to know.
    blueprint: Option<Digest>,
}

impl OwnLimits {
    /// The meaning of these names. A name that the blueprint no longer has means nothing.
    #[must_use]
    pub fn compile(names: impl IntoIterator<Item = (Box<str>, i64)>, blueprint: &Compiled) -> Self {
        let names: Box<[_]> = names.into_iter().collect();
        let places = places(&names, blueprint).collect();
        Self { names, places, blueprint: Some(blueprint.digest()) }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Which limits of this blueprint go how far. As [`Scopes::under`], names are looked up anew where they were
    /// compiled with another.
    pub fn under<'a>(&'a self, blueprint: &'a Compiled) -> impl Iterator<Item = (LimitIndex, i64)> + 'a {
        let is_known = self.is_empty() || self.blueprint == Some(blueprint.digest());
        let unknown = if is_known { &[][..] } else { &*self.names };
        let known = if is_known { &*self.places } else { &[][..] };
        known.iter().copied().chain(places(unknown, blueprint))
    }
}

fn places<'a>(
    names: &'a [(Box<str>, i64)],
    blueprint: &'a Compiled,
) -> impl Iterator<Item = (LimitIndex, i64)> + 'a {
    names.iter().filter_map(|(name, most)| Some((blueprint.limit_index(name)?, *most)))
}

/// A rate of a key's own, stricter or wider than the plan's default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateOverride {
    /// Requests per second.
    pub per_second: u32,
    /// How many may come at once.
    pub burst: u32,
}

/// An API key, as far as requests need it.
#[derive(Clone, Debug)]
pub struct LiveKey {
    /// Which.
    pub id: KeyId,
    /// Whose.
    pub org: OrgId,
    /// The keyed hash of its secret.
    pub secret_hash: [u8; 32],
    /// The project it is for.
    pub project: Option<ProjectId>,
    /// The team that its project belongs to.
    pub team: Option<TeamId>,
    /// What it is for.
    pub environment: Environment,
    /// What it may do.
    pub scopes: Arc<Scopes>,
    /// Where it may be used from; anywhere if empty.
    pub networks: Box<[Network]>,
    /// Its own rate per second: the strictest of those among its limits.
    pub rate: Option<RateOverride>,
    /// Every limit of its own: so many in the limit's window, or at once. Rates are among them.
    pub limits: OwnLimits,
    /// From when on it is refused.
    pub expires_at: Option<Instant>,
}

/// The credential of an upstream, as far as requests need it.
#[derive(Clone, Debug)]
pub struct LiveService {
    /// Which.
    pub id: ServiceId,
    /// The upstream of the blueprint that it is for.
    pub upstream: Arc<str>,
    /// The keyed hash of its secret.
    pub secret_hash: [u8; 32],
}

/// Keys, members and ended sessions, in memory: changed as changes commit, read by every request.
#[derive(Default)]
pub struct Live {
    keys: LiveMap<KeyId, Arc<LiveKey>>,
    members: LiveMap<(OrgId, UserId), Arc<str>>,
    ended: LiveMap<SessionId, ()>,
    operators: LiveMap<UserId, ()>,
    services: LiveMap<ServiceId, Arc<LiveService>>,
}

impl Live {
    /// All of these. `ended` needs to hold only sessions whose access tokens could still be about.
    #[must_use]
    pub fn load(
        keys: impl IntoIterator<Item = LiveKey>,
        members: impl IntoIterator<Item = ((OrgId, UserId), Arc<str>)>,
        ended: impl IntoIterator<Item = SessionId>,
    ) -> Self {
        Self {
            keys: LiveMap::load(keys.into_iter().map(|key| (key.id, Arc::new(key)))),
            members: LiveMap::load(members),
            ended: LiveMap::load(ended.into_iter().map(|session| (session, ()))),
            operators: LiveMap::default(),
            services: LiveMap::default(),
        }
    }

    /// The key of this id, unless it was revoked.
    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<Arc<LiveKey>> {
        self.keys.get(&id)
    }

    /// Takes in a key that was committed, new or changed.
    pub fn put_key(&self, key: LiveKey) {
        self.keys.insert(&key.id.clone(), &Arc::new(key));
    }

    /// Changes what requests know of a key, if it is there.
    pub fn change_key(&self, id: KeyId, change: impl Fn(&mut LiveKey)) {
        self.keys.update(&id, |key| change(Arc::make_mut(key)));
    }

    /// Forgets a key that was revoked.
    pub fn remove_key(&self, id: KeyId) {
        self.keys.remove(&id);
    }

    /// The role of a user in an organization, if they are a member.
    #[must_use]
    pub fn role(&self, org: OrgId, user: UserId) -> Option<Arc<str>> {
        self.members.get(&(org, user))
    }

    /// Takes in a membership that was committed.
    pub fn put_member(&self, org: OrgId, user: UserId, role: &str) {
        self.members.insert(&(org, user), &Arc::from(role));
    }

    /// Whether a session was ended.
    #[must_use]
    pub fn has_ended(&self, session: SessionId) -> bool {
        self.ended.get(&session).is_some()
    }

    /// Notes that a session was ended.
    pub fn end_session(&self, session: SessionId) {
        self.ended.insert(&session, &());
    }

    /// Whether a user is one of the operator's staff.
    #[must_use]
    pub fn is_operator(&self, user: UserId) -> bool {
        self.operators.get(&user).is_some()
    }

    /// Takes in one of the operator's staff; at the start of the process, all of them.
    pub fn put_operator(&self, user: UserId) {
        self.operators.insert(&user, &());
    }

    /// Notes that a user is no longer of the operator's staff.
    pub fn remove_operator(&self, user: UserId) {
        self.operators.remove(&user);
    }

    /// The credential of an upstream, unless it was revoked.
    #[must_use]
    pub fn service(&self, id: ServiceId) -> Option<Arc<LiveService>> {
        self.services.get(&id)
    }

    /// Takes in the credential of an upstream; at the start of the process, all of them.
    pub fn put_service(&self, service: LiveService) {
        self.services.insert(&service.id.clone(), &Arc::new(service));
    }

    /// Forgets the credential of an upstream that was revoked.
    pub fn remove_service(&self, id: ServiceId) {
        self.services.remove(&id);
    }

    /// Forgets a membership that was ended.
    pub fn remove_member(&self, org: OrgId, user: UserId) {
        self.members.remove(&(org, user));
    }

    /// Gives every key's scopes and limits the meaning they have under another blueprint.
    pub fn recompile(&self, blueprint: &Compiled) {
        let compiling = Compiling::under(blueprint);
        self.keys.update_all(|key| {
            let scopes = compiling.of(key.scopes.names());
            let limits = OwnLimits::compile(key.limits.names.iter().cloned(), blueprint);
            *key = Arc::new(LiveKey { scopes, limits, ..LiveKey::clone(key) });
        });
    }
}
