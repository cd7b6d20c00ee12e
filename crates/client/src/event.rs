//! What was used: events in the form of `CloudEvents` 1.0.

use crate::{Error, Identity, Problem, system};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value as Json;
use std::{collections::BTreeMap, time::SystemTime};

/// Where events come from if nothing else is said.
pub(crate) const SOURCE: &str = "/insula-client";

/// Something that was used, of the type that a meter of the blueprint counts.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    org: String,
    id: String,
    kind: String,
    source: Option<String>,
    subject: Option<String>,
    time: String,
    data: Option<Json>,
    /// Attributes beyond those of the specification.
    extensions: BTreeMap<&'static str, String>,
}

impl Event {
    /// An event of this type in an organization, now, under a fresh id. `org` is the organization's id.
    #[must_use]
    pub fn new(org: &str, kind: &str) -> Self {
        Self {
            org: org.to_owned(),
            id: system::fresh_id(),
            kind: kind.to_owned(),
            source: None,
            subject: None,
            time: system::now_text(),
            data: None,
            extensions: BTreeMap::new(),
        }
    }

    /// Under an id of your own. Where the same happens to be reported twice, say after a crash of the service, the same
    /// id makes it count once.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// From another source than the client's. An event is known by its source and id together.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What it is about: the job, the document.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// When it happened, if not now.
    #[must_use]
    pub fn at(mut self, at: SystemTime) -> Self {
        self.time = system::rfc3339(at);
        self
    }

    /// Its properties: what meters sum and tell apart. Numbers that aren't whole are better written as texts, which keep
    /// every digit.
    #[must_use]
    pub fn data(mut self, data: Json) -> Self {
        self.data = Some(data);
        self
    }

    /// For a project of the organization, by its id.
    #[must_use]
    pub fn project(self, project: impl Into<String>) -> Self {
        self.extension("project", project)
    }

    /// For an API key, by its public part.
    #[must_use]
    pub fn api_key(self, key: impl Into<String>) -> Self {
        self.extension("apikey", key)
    }

    /// For a user, by their id.
    #[must_use]
    pub fn user(self, user: impl Into<String>) -> Self {
        self.extension("user", user)
    }

    /// For the project, key and user of the request that it came of.
    #[must_use]
    pub fn caused_by(mut self, caller: &Identity) -> Self {
        let of_caller =
            [("project", &caller.project_id), ("apikey", &caller.key_id), ("user", &caller.user_id)];
        for (name, id) in of_caller {
            if let Some(id) = id {
                self.extensions.insert(name, id.clone());
            }
        }
        self
    }

    /// The organization it is for.
    #[must_use]
    pub fn org(&self) -> &str {
        &self.org
    }

    /// What it is known by, together with its source.
    #[must_use]
    pub fn event_id(&self) -> &str {
        &self.id
    }

    fn extension(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extensions.insert(name, value.into());
        self
    }

    /// The event in the JSON format of `CloudEvents`.
    pub(crate) fn json(&self, source: &str) -> String {
        serde_json::to_string(&Written { event: self, source }).unwrap_or_default()
    }
}

struct Written<'e> {
    event: &'e Event,
    source: &'e str,
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.event;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        map.serialize_entry("id", &event.id)?;
        map.serialize_entry("source", event.source.as_deref().unwrap_or(self.source))?;
        map.serialize_entry("type", &event.kind)?;
        map.serialize_entry("time", &event.time)?;
        if let Some(subject) = &event.subject {
            map.serialize_entry("subject", subject)?;
        }
        for (name, value) in &event.extensions {
            map.serialize_entry(name, value)?;
        }
        if let Some(data) = &event.data {
            map.serialize_entry("datacontenttype", "application/json")?;
            map.serialize_entry("data", data)?;
        }
        map.end()
    }
}

/// What became of a batch.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Receipt {
    /// How many count now.
    pub accepted: u64,
    /// How many were known already.
    pub duplicates: u64,
    /// Those that don't count, and why.
    #[serde(default)]
    pub rejected: Vec<Rejection>,
}

/// Why an event of a batch doesn't count.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Rejection {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// Why, stable, for programs.
    pub code: String,
    /// Why, for people.
    #[serde(default)]
    pub detail: String,
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        let Rejection { code, detail, .. } = rejection;
        Self::Refused(Problem { status: 422, code, detail, ..Problem::default() })
    }
}
