//! What `insula up --demo` makes, with every name checked.

use crate::model::PlanIndex;
use serde_json::Value as Json;

/// An organization to try a product with.
#[derive(Clone, Debug)]
pub struct Demo {
    /// What it is called.
    pub organization: String,
    /// The plan that it is on; the product's default if `None`.
    pub plan: Option<PlanIndex>,
    /// Its projects.
    pub projects: Vec<DemoProject>,
    /// Its API keys, the first being that of calls that don't say; if there are none, one for everything is made.
    pub keys: Vec<DemoKey>,
    /// Who is in it besides its owner.
    pub members: Vec<DemoMember>,
    /// The call that is printed to be tried.
    pub call: Option<DemoCall>,
    /// Calls that are made once, each so many times.
    pub calls: Vec<(DemoCall, u32)>,
}

impl Default for Demo {
    fn default() -> Self {
        Self {
            organization: "Demo".to_owned(),
            plan: None,
            projects: Vec::new(),
            keys: Vec::new(),
            members: Vec::new(),
            call: None,
            calls: Vec::new(),
        }
    }
}

/// A project.
#[derive(Clone, Debug)]
pub struct DemoProject {
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// An API key.
#[derive(Clone, Debug)]
pub struct DemoKey {
    /// Its name.
    pub name: String,
    /// The slug of its project, if it is for one.
    pub project: Option<String>,
    /// `development`, `staging` or `production`.
    pub environment: &'static str,
    /// What it may do, in permissions and aliases; everything of the product's own if `None`.
    pub scopes: Option<Vec<String>>,
}

/// A member.
#[derive(Clone, Debug)]
pub struct DemoMember {
    /// The part of their address before the `@`.
    pub key: String,
    /// What others see.
    pub name: String,
    /// Their role.
    pub role: String,
}

/// A call of a route.
#[derive(Clone, Debug)]
pub struct DemoCall {
    /// The method.
    pub method: String,
    /// The path, perhaps with a query.
    pub target: String,
    /// The JSON it sends.
    pub body: Option<Json>,
    /// The name of the key it is made with; the first if `None`.
    pub key: Option<String>,
}
