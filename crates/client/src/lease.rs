//! What is held of limits: running jobs, things that exist.

use crate::{
    Client, Error,
    client::{TRIES, again},
};
use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const JSON: &str = "application/json";

/// What is to be held.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LeaseRequest {
    limit: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<u64>,
}

impl LeaseRequest {
    /// One of a limit of the blueprint, of the kind hold or stock.
    #[must_use]
    pub fn new(limit: &str) -> Self {
        Self { limit: limit.to_owned(), key: None, project: None, api_key: None, ttl_seconds: None }
    }

    /// What it is held for: the job's id. The same is held once, however often it is asked for, so such a request is
    /// sent again where no answer came.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// For a project, by its id.
    #[must_use]
    pub fn project(mut self, project: impl Into<String>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// For an API key, by its public part.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// How long it is held unless it is renewed, in whole seconds. Not for a stock, which lasts until it is let go.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl_seconds = Some(ttl.as_secs());
        self
    }
}

/// Something that is held.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Lease {
    /// Its id.
    pub id: String,
    /// The limit's name.
    pub limit: String,
    /// When it ends by itself, in RFC 3339; none if it doesn't.
    #[serde(default)]
    pub expires_at: Option<String>,
}

#[derive(Deserialize)]
struct Renewed {
    #[serde(default)]
    expires_at: Option<String>,
}

/// What is held of an organization's limits.
#[derive(Clone, Debug)]
pub struct Leases {
    client: Client,
    base: String,
}

impl Leases {
    pub(crate) fn new(client: Client, org: &str) -> Self {
        Self { client, base: format!("/v1/orgs/{org}/leases") }
    }

    /// Holds one.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where the limit allows no more, among others.
    pub async fn acquire(&self, request: &LeaseRequest) -> Result<Lease, Error> {
        let body = Bytes::from(serde_json::to_vec(request).unwrap_or_default());
        // Without a key a second request would hold a second one.
        let tries = if request.key.is_some() { TRIES } else { 1 };
        again(tries, || self.client.send(Method::POST, &self.base, Some((JSON, body.clone())))).await
    }

    /// Holds it for so long from now; says until when, in RFC 3339.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with 404 where it has ended.
    pub async fn renew(&self, id: &str, ttl: Duration) -> Result<Option<String>, Error> {
        let path = format!("{}/{id}/renew", self.base);
        let body = Bytes::from(format!("{{\"ttl_seconds\":{}}}", ttl.as_secs()));
        let renewed: Renewed =
            again(TRIES, || self.client.send(Method::POST, &path, Some((JSON, body.clone())))).await?;
        Ok(renewed.expires_at)
    }

    /// Lets it go. What has ended already is let go.
    ///
    /// # Errors
    ///
    /// Where the installation can't be reached or refuses.
    pub async fn release(&self, id: &str) -> Result<(), Error> {
        let path = format!("{}/{id}", self.base);
        match again(TRIES, || self.client.tell(Method::DELETE, &path)).await {
            Err(Error::Refused(problem)) if problem.status == 404 => Ok(()),
            other => other,
        }
    }
}
