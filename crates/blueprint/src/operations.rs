//! Insula's own operations, as far as a blueprint may give them addresses of its own.
//!
//! Whoever checks a blueprint says which operations there are: this crate knows none itself, and a list kept here would
//! be one that can be out of date.

use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Every operation of Insula's API, read from its OpenAPI document.
#[derive(Clone, Debug, Default)]
pub struct Operations {
    known: BTreeMap<String, Operation>,
    document: Json,
}

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// In capitals.
    pub(crate) method: String,
    /// With its parameters in braces.
    pub(crate) path: String,
    /// The parameters of its query.
    pub(crate) query: BTreeSet<String>,
    /// The schema of its body; none if it takes none.
    body: Option<Json>,
    /// The schema of its reply; none if that has no JSON.
    reply: Option<Json>,
}

/// What a schema says of a place in a JSON document: whether it is there.
pub(crate) enum Place<'s> {
    /// It is there, or it may be.
    Yes,
    /// It isn't; these names are, where the way to it ends.
    No(Vec<&'s str>),
}

impl Operations {
    /// The operations of an OpenAPI 3.1 document. Paths and methods without an `operationId` are left out.
    #[must_use]
    pub fn of_openapi(document: &Json) -> Self {
        let mut known = BTreeMap::new();
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                if let Some(id) = operation["operationId"].as_str() {
                    known.insert(id.to_owned(), Operation::read(method, path, operation));
                }
            }
        }
        Self { known, document: document.clone() }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Operation> {
        self.known.get(id)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    /// What is known of a place in an operation's body.
    pub(crate) fn in_body<'s>(
        &'s self,
        operation: &'s Operation,
        way: impl Iterator<Item = &'s str>,
    ) -> Place<'s> {
        operation.body.as_ref().map_or(Place::Yes, |schema| self.follow(schema, way))
    }

    /// What is known of a place in an operation's reply.
    pub(crate) fn in_reply<'s>(
        &'s self,
        operation: &'s Operation,
        way: impl Iterator<Item = &'s str>,
    ) -> Place<'s> {
        operation.reply.as_ref().map_or(Place::Yes, |schema| self.follow(schema, way))
    }

    /// What an operation's body must have, by name.
    pub(crate) fn required<'s>(&'s self, operation: &'s Operation) -> impl Iterator<Item = &'s str> {
        let schema = operation.body.as_ref().and_then(|schema| self.resolve(schema).into_iter().next());
        schema.and_then(|schema| schema["required"].as_array()).into_iter().flatten().filter_map(Json::as_str)
    }

    /// Follows names through a schema. Where it leaves open what there is, everything may be.
    fn follow<'s>(&'s self, schema: &'s Json, mut way: impl Iterator<Item = &'s str>) -> Place<'s> {
        let Some(name) = way.next() else { return Place::Yes };
        let choices = self.resolve(schema);
        let closed = |schema: &&Json| {
            let extra = &schema["additionalProperties"];
            schema["properties"].is_object() && (extra.is_null() || *extra == Json::Bool(false))
        };
        if choices.is_empty() || !choices.iter().all(closed) {
            return Place::Yes;
        }
        let all = || choices.iter().filter_map(|schema| schema["properties"].as_object());
        match all().find_map(|properties| properties.get(name)) {
            Some(inner) => self.follow(inner, way),
            None => Place::No(all().flat_map(|properties| properties.keys().map(String::as_str)).collect()),
        }
    }

    /// The schema with references followed; several where it is one of several.
    fn resolve<'s>(&'s self, schema: &'s Json) -> Vec<&'s Json> {
        if let Some(pointer) = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
            // A schema refers to itself only through its properties, so that this ends.
            return self.document.pointer(pointer).map(|schema| self.resolve(schema)).unwrap_or_default();
        }
        let choices = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
        match choices {
            Some(choices) => {
                let is_null = |choice: &&Json| choice["type"] == "null";
                choices.iter().filter(|choice| !is_null(choice)).flat_map(|one| self.resolve(one)).collect()
            }
            None => vec![schema],
        }
    }
}

impl Operation {
    fn read(method: &str, path: &str, operation: &Json) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let query = parameters.filter(|parameter| parameter["in"] == "query");
        let json = |content: &Json| content.get("application/json").map(|json| json["schema"].clone());
        let replies = operation["responses"].as_object().into_iter().flatten();
        let done = replies.filter(|(status, _)| status.starts_with('2'));
        Self {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            query: query.filter_map(|parameter| parameter["name"].as_str()).map(str::to_owned).collect(),
            body: operation.get("requestBody").and_then(|body| {
                let content = &body["content"];
                json(content)
                    .or_else(|| content.as_object()?.values().next().map(|one| one["schema"].clone()))
            }),
            reply: done.filter_map(|(_, reply)| json(reply.get("content")?)).next(),
        }
    }

    /// The parameters of its path.
    pub(crate) fn in_path(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Whether it is one of the organization that its path names, for those who belong there.
    pub(crate) fn is_of_organization(&self) -> bool {
        self.path.starts_with("/v1/orgs/{org}")
    }

    pub(crate) const fn takes_body(&self) -> bool {
        self.body.is_some()
    }

    pub(crate) const fn replies(&self) -> bool {
        self.reply.is_some()
    }
}
