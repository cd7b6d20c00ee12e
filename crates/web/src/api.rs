//! Endpoints: route, handler and documentation are declared together, so that none exists without the others.

use crate::Problem;
use axum::{
    Router,
    handler::Handler,
    routing::{MethodFilter, on},
};
use insula_access::{OperatorOperation, TenantOperation};
use insula_blueprint::own;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// Where schemas stand in the document.
const SCHEMAS: &str = "/components/schemas";
/// Where schemas of requests stand until it is known which of them differ from those of replies.
const REQUEST_SCHEMAS: &str = "/components/requests";

/// The schemas of what is sent to us and of what we send. One type may have one of each: in a reply every field is
/// there, in a request some may be left out.
struct Generators {
    requests: SchemaGenerator,
    replies: SchemaGenerator,
}

impl Generators {
    fn new() -> Self {
        let settings = |path: &'static str| {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = path.into();
                settings.meta_schema = None;
            })
        };
        Self {
            requests: settings(REQUEST_SCHEMAS).for_deserialize().into_generator(),
            replies: settings(SCHEMAS).for_serialize().into_generator(),
        }
    }

    /// All schemas, and for each of a request the name it got.
    fn finish(mut self) -> (Map<String, Json>, BTreeMap<String, String>) {
        let mut schemas = self.replies.take_definitions(true);
        let requests = self.requests.take_definitions(true);
        let mut names: BTreeMap<String, String> =
            requests.keys().map(|name| (name.clone(), name.clone())).collect();
        // A schema that differs takes those that refer to it with it, hence until nothing changes.
        loop {
            let mut settled = true;
            for (name, schema) in &requests {
                let mut named = schema.clone();
                rename(&mut named, &names);
                if names[name] == *name && schemas.get(name).is_some_and(|reply| *reply != named) {
                    names.insert(name.clone(), format!("{name}Input"));
                    settled = false;
                }
            }
            if settled {
                break;
            }
        }
        for (name, mut schema) in requests {
            rename(&mut schema, &names);
            schemas.insert(names[&name].clone(), schema);
        }
        (schemas, names)
    }
}

/// Gives references to schemas of requests the names that those got.
fn rename(value: &mut Json, names: &BTreeMap<String, String>) {
    match value {
        Json::Object(fields) => {
            for (key, field) in fields {
                let target = field.as_str().filter(|_| key == "$ref");
                let name = target.and_then(|target| {
                    target.strip_prefix('#')?.strip_prefix(REQUEST_SCHEMAS)?.strip_prefix('/')
                });
                match name.and_then(|name| names.get(name)) {
                    Some(name) => *field = json!(format!("#{SCHEMAS}/{name}")),
                    None => rename(field, names),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        _ => {}
    }
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// A method of HTTP, of those the API uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates or acts.
    Post,
    /// Changes by merge patch.
    Patch,
    /// Sets, whatever was there before.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Patch => "patch",
            Self::Put => "put",
            Self::Delete => "delete",
        }
    }

    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Patch => MethodFilter::PATCH,
            Self::Put => MethodFilter::PUT,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// What a caller must be to use an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// Anyone.
    Nothing,
    /// A person who is signed in.
    SignIn,
    /// This permission in the organization.
    Permission(&'static str),
    /// This permission of the operator's staff.
    Operator(&'static str),
}

/// One endpoint, as the document describes it.
#[derive(Clone)]
pub struct Endpoint {
    method: Method,
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    needs: Needs,
    query: Option<SchemaOf>,
    body: Option<SchemaOf>,
    media_types: &'static [&'static str],
    reply: Option<SchemaOf>,
    status: u16,
    text: Option<&'static str>,
    file: Option<&'static str>,
    idempotent: bool,
}

impl Endpoint {
    /// An endpoint that anyone may use and that answers 204 without a body, until more is said of it.
    #[must_use]
    pub const fn new(
        method: Method,
        path: &'static str,
        id: &'static str,
        tag: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            id,
            tag,
            summary,
            needs: Needs::Nothing,
            query: None,
            body: None,
            media_types: &["application/json"],
            reply: None,
            status: 204,
            text: None,
            file: None,
            idempotent: false,
        }
    }

    /// It needs a person who is signed in.
    #[must_use]
    pub const fn signed_in(mut self) -> Self {
        self.needs = Needs::SignIn;
        self
    }

    /// It needs the permission of this operation in the organization of its path.
    #[must_use]
    pub fn allows<Op: TenantOperation>(mut self) -> Self {
        self.needs = Needs::Permission(own::name(Op::PERMISSION).unwrap_or_default());
        self
    }

    /// It needs the permission of this operation of the operator's staff.
    #[must_use]
    pub fn allows_operator<Op: OperatorOperation>(mut self) -> Self {
        self.needs = Needs::Operator(own::name(Op::PERMISSION).unwrap_or_default());
        self
    }

    /// It takes these query parameters.
    #[must_use]
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(schema_of::<T>);
        self
    }

    /// It takes this body.
    #[must_use]
    pub fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(schema_of::<T>);
        self
    }

    /// Its body is of one of these media types, rather than plain JSON.
    #[must_use]
    pub const fn media_types(mut self, types: &'static [&'static str]) -> Self {
        self.media_types = types;
        self
    }

    /// It answers this, with this status.
    #[must_use]
    pub fn replies<T: JsonSchema>(mut self, status: u16) -> Self {
        self.reply = Some(schema_of::<T>);
        self.status = status;
        self
    }

    /// Its reply can also be had as text of this media type.
    #[must_use]
    pub const fn or_text(mut self, media_type: &'static str) -> Self {
        self.text = Some(media_type);
        self
    }

    /// It answers 200 with a file of this media type.
    #[must_use]
    pub const fn replies_file(mut self, media_type: &'static str) -> Self {
        self.file = Some(media_type);
        self.status = 200;
        self
    }

    /// It takes an `Idempotency-Key`.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The path, with its parameters in braces.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// The operation id.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// What a caller must be.
    #[must_use]
    pub const fn needs(&self) -> Needs {
        self.needs
    }

    fn describe(&self, generators: &mut Generators) -> Json {
        let mut operation = json!({ "operationId": self.id, "tags": [self.tag], "summary": self.summary });
        match self.needs {
            Needs::Nothing => operation["security"] = json!([]),
            Needs::SignIn => operation["description"] = json!("For a person who is signed in."),
            Needs::Permission(name) => {
                operation["description"] =
                    json!(format!("Needs the permission `{name}` in the organization."));
                operation["x-permission"] = json!(name);
            }
            Needs::Operator(name) => {
                operation["description"] =
                    json!(format!("For the operator's staff: needs the permission `{name}`."));
                operation["x-permission"] = json!(name);
            }
        }
        let parameters = self.parameters(&mut generators.requests);
        if !parameters.is_empty() {
            operation["parameters"] = Json::Array(parameters);
        }
        if let Some(body) = self.body {
            let schema = body(&mut generators.requests);
            let content: Map<String, Json> = self
                .media_types
                .iter()
                .map(|media_type| ((*media_type).to_owned(), json!({ "schema": schema })))
                .collect();
            operation["requestBody"] = json!({ "required": true, "content": content });
        }
        let mut done = json!({ "description": if self.status == 201 { "Created" } else { "Done" } });
        if let Some(reply) = self.reply {
            done["content"] = json!({ "application/json": { "schema": reply(&mut generators.replies) } });
        }
        if let Some(media_type) = self.text {
            done["content"][media_type] = json!({ "schema": { "type": "string" } });
        }
        if let Some(media_type) = self.file {
            done["content"][media_type] = json!({});
        }
        let problem = generators.replies.subschema_for::<Problem>();
        operation["responses"] = json!({
            self.status.to_string(): done,
            "default": {
                "description": "A problem; its status and `code` say what would help.",
                "content": { "application/problem+json": { "schema": problem } },
            },
        });
        operation
    }

    fn parameters(&self, generator: &mut SchemaGenerator) -> Vec<Json> {
        let in_path = self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        let mut parameters: Vec<Json> = in_path
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        if let Some(query) = self.query {
            let schema = resolve(generator, query).to_value();
            let required = |name: &str| {
                schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
            };
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                parameters.push(json!({
                    "name": name,
                    "in": "query",
                    "required": required(name),
                    "description": property["description"],
                    "schema": property,
                }));
            }
        }
        if self.idempotent {
            parameters.push(json!({
                "name": "Idempotency-Key",
                "in": "header",
                "required": false,
                "description": "The same key with the same body gives the same reply for 24 hours.",
                "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
            }));
        }
        parameters
    }
}

/// The schema itself, where a reference to it would be of no use.
fn resolve(generator: &mut SchemaGenerator, schema: SchemaOf) -> Schema {
    let reference = schema(generator);
    let name = reference.get("$ref").and_then(Json::as_str).and_then(|path| path.rsplit('/').next());
    let found = name.and_then(|name| generator.definitions_mut().remove(name));
    found.and_then(|schema| Schema::try_from(schema).ok()).unwrap_or(reference)
}

/// Endpoints with their handlers.
pub struct Api<S> {
    router: Router<S>,
    endpoints: Vec<Endpoint>,
}

impl<S: Clone + Send + Sync + 'static> Default for Api<S> {
    fn default() -> Self {
        Self { router: Router::new(), endpoints: Vec::new() }
    }
}

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// With this endpoint too.
    #[must_use]
    pub fn with<H: Handler<T, S>, T: 'static>(mut self, endpoint: Endpoint, handler: H) -> Self {
        self.router = self.router.route(endpoint.path, on(endpoint.method.filter(), handler));
        self.endpoints.push(endpoint);
        self
    }

    /// With all of these too.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.endpoints.extend(other.endpoints);
        self
    }

    /// Every endpoint.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The router.
    pub fn into_router(self) -> Router<S> {
        self.router
    }
}

/// The OpenAPI 3.1 document of these endpoints.
#[must_use]
pub fn document(endpoints: &[Endpoint], title: &str, version: &str) -> Json {
    let mut generators = Generators::new();
    let mut paths: Map<String, Json> = Map::new();
    for endpoint in endpoints {
        let operation = endpoint.describe(&mut generators);
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.name()] = operation;
    }
    let (schemas, names) = generators.finish();
    let mut paths = Json::Object(paths);
    rename(&mut paths, &names);
    json!({
        "openapi": "3.1.0",
        "info": { "title": title, "version": version, "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" } },
        "security": [{ "bearer": [] }, { "apiKey": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "An access token or an API key." },
                "apiKey": { "type": "apiKey", "in": "header", "name": "X-Api-Key" },
            },
        },
    })
}
