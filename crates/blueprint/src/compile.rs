//! A checked blueprint, and the immutable form of it that every request is decided with.

use crate::{
    calls::Call,
    demo::Demo,
    diagnostics::Diagnostics,
    model::{
        AddOn, Billing, Digest, Limit, LimitIndex, Meter, MeterIndex, Plan, PlanIndex, Product, Role, Route,
        RouteIndex, Upstream, UpstreamIndex,
    },
    names::Permissions,
    path::PathError,
    pattern::{MethodSet, Pattern},
    permission::PermissionSet,
    router::{Match, Router},
};
use std::sync::Arc;

/// A blueprint without errors.
#[derive(Clone, Debug)]
pub struct Blueprint {
    pub(crate) product: Product,
    pub(crate) permissions: Permissions,
    pub(crate) roles: Vec<Role>,
    pub(crate) meters: Vec<Meter>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) plans: Vec<Plan>,
    pub(crate) add_ons: Vec<AddOn>,
    pub(crate) billing: Billing,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) routes: Vec<Route>,
    pub(crate) calls: Vec<Arc<Call>>,
    pub(crate) patterns: Vec<(Pattern, Way)>,
    pub(crate) demo: Demo,
    pub(crate) warnings: Diagnostics,
    pub(crate) digest: Digest,
}

/// What a pattern leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// An upstream.
    Upstream(RouteIndex),
    /// An operation of Insula's own, by its position among the calls.
    Call(usize),
}

impl Blueprint {
    /// What works, though perhaps not as was meant.
    #[must_use]
    pub const fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The form for the hot path.
    #[must_use]
    pub fn compile(self) -> Compiled {
        Compiled { router: Router::new(self.patterns.iter().map(|(pattern, _)| pattern)), blueprint: self }
    }
}

/// A blueprint in the form that requests are decided with. It never changes; another version is another value.
#[derive(Clone, Debug)]
pub struct Compiled {
    blueprint: Blueprint,
    router: Router,
}

/// The route of a request.
#[derive(Clone, Copy, Debug)]
pub enum RouteMatch<'a> {
    /// This one.
    Found(&'a Route),
    /// One to an operation of Insula's own.
    Call(&'a Arc<Call>),
    /// None for this method; these there are.
    MethodNotAllowed(MethodSet),
    /// None for this path.
    NotFound,
}

impl Compiled {
    /// The product itself.
    #[must_use]
    pub const fn product(&self) -> &Product {
        &self.blueprint.product
    }

    /// The names of permissions and aliases.
    #[must_use]
    pub const fn permissions(&self) -> &Permissions {
        &self.blueprint.permissions
    }

    /// The roles, the owner first.
    #[must_use]
    pub fn roles(&self) -> &[Role] {
        &self.blueprint.roles
    }

    /// What a role may do.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<PermissionSet> {
        self.blueprint.roles.iter().find(|role| role.name == name).map(|role| role.permissions)
    }

    /// The meters as they are declared.
    #[must_use]
    pub fn meters(&self) -> &[Meter] {
        &self.blueprint.meters
    }

    /// The meter of this name.
    #[must_use]
    pub fn meter_index(&self, name: &str) -> Option<MeterIndex> {
        self.blueprint.meters.iter().position(|meter| meter.name == name).map(MeterIndex::at)
    }

    /// A meter of this blueprint.
    #[must_use]
    pub fn meter(&self, index: MeterIndex) -> Option<&Meter> {
        self.blueprint.meters.get(index.get())
    }

    /// The limits: Insula's own (`members`, `api_keys`, `projects`, `teams`), then as they are declared.
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.blueprint.limits
    }

    /// The limits with their indexes.
    pub fn indexed_limits(&self) -> impl Iterator<Item = (LimitIndex, &Limit)> {
        self.blueprint.limits.iter().enumerate().map(|(position, limit)| (LimitIndex::at(position), limit))
    }

    /// The limit of this name.
    #[must_use]
    pub fn limit_index(&self, name: &str) -> Option<LimitIndex> {
        self.blueprint.limits.iter().position(|limit| limit.name == name).map(LimitIndex::at)
    }

    /// A limit of this blueprint.
    #[must_use]
    pub fn limit(&self, index: LimitIndex) -> Option<&Limit> {
        self.blueprint.limits.get(index.get())
    }

    /// The plans, in the order in which they are shown.
    #[must_use]
    pub fn plans(&self) -> &[Plan] {
        &self.blueprint.plans
    }

    /// The plans with their indexes.
    pub fn indexed_plans(&self) -> impl Iterator<Item = (PlanIndex, &Plan)> {
        self.blueprint.plans.iter().enumerate().map(|(position, plan)| (PlanIndex::at(position), plan))
    }

    /// The plan of this name.
    #[must_use]
    pub fn plan_index(&self, name: &str) -> Option<PlanIndex> {
        self.blueprint.plans.iter().position(|plan| plan.name == name).map(PlanIndex::at)
    }

    /// A plan of this blueprint.
    #[must_use]
    pub fn plan(&self, index: PlanIndex) -> Option<&Plan> {
        self.blueprint.plans.get(index.get())
    }

    /// What can be had besides a plan, in the order in which it is shown.
    #[must_use]
    pub fn add_ons(&self) -> &[AddOn] {
        &self.blueprint.add_ons
    }

    /// The add-on of this name.
    #[must_use]
    pub fn add_on(&self, name: &str) -> Option<&AddOn> {
        self.blueprint.add_ons.iter().find(|add_on| add_on.name == name)
    }

    /// How invoices are made.
    #[must_use]
    pub const fn billing(&self) -> &Billing {
        &self.blueprint.billing
    }

    /// The upstreams as they are declared.
    #[must_use]
    pub fn upstreams(&self) -> &[Upstream] {
        &self.blueprint.upstreams
    }

    /// An upstream of this blueprint.
    #[must_use]
    pub fn upstream(&self, index: UpstreamIndex) -> Option<&Upstream> {
        self.blueprint.upstreams.get(index.get())
    }

    /// The routes to upstreams as they are declared.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.blueprint.routes
    }

    /// The routes to operations of Insula's own as they are declared.
    #[must_use]
    pub fn calls(&self) -> &[Arc<Call>] {
        &self.blueprint.calls
    }

    /// What `insula up --demo` makes.
    #[must_use]
    pub const fn demo(&self) -> &Demo {
        &self.blueprint.demo
    }

    /// The route of a request. `path` is the path as it was sent, without query.
    ///
    /// # Errors
    ///
    /// That the path can be read in more than one way, so that no route's permission would protect what is behind
    /// it: the request must be refused.
    pub fn match_route(&self, method: &str, path: &str) -> Result<RouteMatch<'_>, PathError> {
        Ok(match self.router.find(method, path)? {
            Match::Found(number) => self.way(number).unwrap_or(RouteMatch::NotFound),
            Match::MethodNotAllowed(allowed) => RouteMatch::MethodNotAllowed(allowed),
            Match::NotFound => RouteMatch::NotFound,
        })
    }

    fn way(&self, number: u16) -> Option<RouteMatch<'_>> {
        let (_, way) = self.blueprint.patterns.get(usize::from(number))?;
        match *way {
            Way::Upstream(index) => self.routes().get(index.get()).map(RouteMatch::Found),
            Way::Call(position) => self.calls().get(position).map(RouteMatch::Call),
        }
    }

    /// Names the version of the whole blueprint: the digest of its text.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.blueprint.digest
    }
}
