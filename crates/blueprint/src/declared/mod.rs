//! The shape of `blueprint.toml` as it is written. The doc comments are what editors show: they become the
//! descriptions of the JSON Schema.

mod demo;
mod limits;
mod offers;
mod prices;
mod traffic;

pub(crate) use demo::{RawDemo, RawDemoKey, RawEnvironment};
pub(crate) use limits::{RawAggregate, RawKind, RawLimit, RawMeter, RawOnExceed, RawPer, RawWindow};
pub(crate) use offers::{RawAddOn, RawAnchor, RawBilling, RawPlan, RawProration, RawTax};
pub(crate) use prices::{RawModel, RawOverage, RawPrice, RawSeats, RawTier, RawUsagePrice};
pub(crate) use traffic::{
    RawBodySide, RawCost, RawDurability, RawHealth, RawMeasured, RawRoute, RawRouteHold, RawUpstream,
};

use crate::read::{At, Item, Map, Required, table};
use serde_json::json;

table! {
    /// The description of one SaaS product: what exists, who may do what, what is counted, what it costs and
    /// where requests go.
    struct RawBlueprint {
        /// The product itself.
        product: Required<At<RawProduct>>,
        /// What exists, and what may be done with it: a list of verbs for each resource. `scraping = ["create", "read"]`
        /// declares the permissions `scraping:create` and `scraping:read`.
        #[schemars(default, example = json!({ "scraping": ["create", "read"] }))]
        resources: Map<Vec<At<String>>>,
        /// This product's own names for sets of permissions, its own or Insula's. `resource:*` stands for every verb.
        #[schemars(default, example = json!({ "users:manage": ["members:*"] }))]
        aliases: Map<Vec<At<String>>>,
        /// The roles members of an organization can have. Without any, there are owner, admin, member and viewer;
        /// owner always exists.
        #[schemars(default)]
        roles: Map<RawRole>,
        /// How usage becomes quantities.
        #[schemars(default)]
        meters: Map<RawMeter>,
        /// What is bounded; each plan says how far. `members`, `api_keys`, `projects` and `teams` exist without being
        /// declared.
        #[schemars(default)]
        limits: Map<RawLimit>,
        /// What organizations can be on, in the order in which it is shown.
        #[schemars(default)]
        plans: Map<RawPlan>,
        /// What organizations can take besides their plan, in the order in which it is shown.
        #[schemars(default)]
        addons: Map<RawAddOn>,
        /// How invoices are made.
        billing: Option<RawBilling>,
        /// The services behind Insula.
        #[schemars(default)]
        upstreams: Map<RawUpstream>,
        /// Which requests go to which upstream or operation, and what each needs and counts.
        #[schemars(default)]
        routes: Vec<Item<RawRoute>>,
        /// What `insula up --demo` makes once, so that there is something to try and to see.
        demo: Option<RawDemo>,
    }
    later {
        "teams", "projects", "workflows", "agents", "collections", "clusters", "jobs", "files", "chat", "policies",
        "webhooks", "alerts", "mail", "branding", "security", "offers", "coupons", "schemas",
    }
}

table! {
    /// The product itself.
    struct RawProduct {
        /// The name people see.
        #[schemars(example = &"Shopping Scraper")]
        name: Required<At<String>>,
        /// The domain below which tenants live: each at `<slug>.<base_domain>`.
        #[schemars(example = &"scraper.localhost")]
        base_domain: Option<At<String>>,
        /// What API keys begin with, 2 to 8 lower-case letters and digits; `ak` if left out.
        #[schemars(example = &"ak", regex(pattern = "^[a-z][a-z0-9]{1,7}$"))]
        key_prefix: Option<At<String>>,
        /// The plan of a new organization that didn't choose; the first plan if left out.
        #[schemars(example = &"free")]
        default_plan: Option<At<String>>,
        /// The limit that `X-Quota-Remaining` and `quota_remaining` show; if left out, the quota if there is only one.
        #[schemars(example = &"requests_per_day")]
        headline_limit: Option<At<String>>,
    }
    later { "signup", "locale", "support", "legal", "currency", "path_prefixes" }
}

table! {
    /// A named set of permissions that members and keys can be given.
    struct RawRole {
        /// Roles whose permissions this one has too.
        #[schemars(default, example = json!(["readonly"]))]
        includes: Vec<At<String>>,
        /// Permissions, aliases, or `resource:*` for every verb of a resource.
        #[schemars(default, example = json!(["scraping:create", "usage:read"]))]
        permissions: Vec<At<String>>,
    }
    later { "scope", "description", "title" }
}
