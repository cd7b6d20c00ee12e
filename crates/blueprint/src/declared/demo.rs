//! What `insula up --demo` makes, as it is written.

use crate::{
    read::{At, Item, Map, Required, choice, table},
    values::{Document, Positive},
};
use serde_json::json;

choice! {
    /// What an API key of the demo is for.
    enum RawEnvironment {
        /// Trying things out.
        Development = "development",
        /// What is about to go live.
        Staging = "staging",
        /// What is live.
        Production = "production",
    }
    later {}
}

table! {
    /// A call of one of the routes.
    struct RawDemoCall {
        /// Method and path, perhaps with a query: `POST /api/jobs`.
        #[schemars(example = &"POST /api/jobs", regex(pattern = r"^[A-Z]+ /"))]
        request: Required<At<String>>,
        /// The JSON it sends; nothing if left out.
        #[schemars(example = json!({ "url": "https://example.com" }))]
        body: Option<Document>,
        /// The key it is made with; the first of the demo if left out.
        #[schemars(example = &"crawler")]
        key: Option<At<String>>,
    }
    later { "member", "headers" }
}

table! {
    /// Calls that are made once, so that there is something to see.
    struct RawDemoCalls {
        /// Method and path, perhaps with a query: `POST /api/jobs`.
        #[schemars(example = &"POST /api/jobs", regex(pattern = r"^[A-Z]+ /"))]
        request: Required<At<String>>,
        /// The JSON each sends; nothing if left out.
        #[schemars(example = json!({ "url": "https://example.com" }))]
        body: Option<Document>,
        /// The key they are made with; the first of the demo if left out.
        #[schemars(example = &"crawler")]
        key: Option<At<String>>,
        /// How many, at most 1000; one if left out.
        times: Option<At<Positive>>,
    }
    later { "member", "headers", "every" }
}

table! {
    /// A project of the demo's organization, by its slug.
    struct RawDemoProject {
        /// What people see; the slug if left out.
        name: Option<At<String>>,
    }
    later { "team" }
}

table! {
    /// An API key of the demo's organization.
    struct RawDemoKey {
        /// The project it is for; the whole organization if left out.
        #[schemars(example = &"spring")]
        project: Option<At<String>>,
        /// What it is for; `"development"` if left out.
        environment: Option<RawEnvironment>,
        /// What it may do, in permissions and aliases; all of the product's own and `usage:read` if left out.
        #[schemars(example = json!(["scraping:create", "scraping:read"]))]
        scopes: Option<Vec<At<String>>>,
    }
    later { "limits" }
}

table! {
    /// A member of the demo's organization besides its owner, who signs in as `<name>@demo.localhost`.
    struct RawDemoMember {
        /// The role they have.
        #[schemars(example = &"viewer")]
        role: Required<At<String>>,
        /// What others see; the name if left out.
        name: Option<At<String>>,
    }
    later { "teams" }
}

table! {
    /// What `insula up --demo` makes once, so that there is something to try and to see. `insula serve` ignores it.
    struct RawDemo {
        /// What its organization, `demo`, is called; `Demo` if left out.
        organization: Option<At<String>>,
        /// The plan that it is on; the product's default if left out.
        plan: Option<At<String>>,
        /// The call that is printed to be tried; the first `GET` without parameters if left out.
        call: Option<RawDemoCall>,
        /// Its projects, by slug.
        #[schemars(default)]
        projects: Map<RawDemoProject>,
        /// Its API keys, by name; one for all that the product has if left out.
        #[schemars(default)]
        keys: Map<RawDemoKey>,
        /// Who is in it besides the owner, by name.
        #[schemars(default)]
        members: Map<RawDemoMember>,
        /// Calls that are made once.
        #[schemars(default)]
        calls: Vec<Item<RawDemoCalls>>,
    }
    later { "teams", "documents", "webhooks" }
}
