//! Talks to a running installation, over its API alone.

use crate::{development::Development, output::Failed};
use clap::Args;
use serde_json::{Value as Json, json};
use std::{path::PathBuf, time::Duration};
use ureq::{
    Agent, Body,
    http::{Request, Response},
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Which installation, and as whom.
#[derive(Args, Clone)]
pub(crate) struct Target {
    /// The installation's address; taken from the data folder of `insula up` if not said.
    #[arg(long, env = "INSULA_URL")]
    url: Option<String>,
    /// An access token or API key.
    #[arg(long, env = "INSULA_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The e-mail address to sign in with.
    #[arg(long, env = "INSULA_EMAIL")]
    email: Option<String>,
    /// The password to sign in with.
    #[arg(long, env = "INSULA_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// The data folder of `insula up`.
    #[arg(long, default_value = "insula-data")]
    data: PathBuf,
}

/// Whether an installation knows whose a credential is.
pub(crate) fn is_recognised(url: &str, token: &str) -> bool {
    match Client::anonymous(url).with_token(token).get("/v1/me") {
        Ok(_) => true,
        // A key or an upstream is nobody who could look at themselves; but it was recognised.
        Err(failed) => failed.detail.is_some_and(|problem| problem["status"] != json!(401)),
    }
}

/// An installation, and how to prove who we are.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    token: Option<String>,
}

/// As whom to act where the command line doesn't say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    /// The operator of a development installation.
    Operator,
    /// The owner of its demo organization.
    Demo,
}

impl Client {
    /// A client without credentials.
    pub(crate) fn anonymous(url: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT));
        Self { agent: config.build().into(), url: url.trim_end_matches('/').to_owned(), token: None }
    }

    /// A client as the command line, or else the data folder of `insula up`, says.
    pub(crate) fn connect(target: &Target, fallback: As, organization: Option<&str>) -> Result<Self, Failed> {
        let known = Development::read(&target.data);
        let url = target.url.clone().or_else(|| known.as_ref().and_then(|known| known.url.clone()));
        let url = url.ok_or_else(|| {
            Failed::new(
                "which installation? Say --url, or run this beside the data folder of `insula up` (--data)",
            )
        })?;
        let mut client = Self::anonymous(&url);
        if let Some(token) = &target.token {
            client.token = Some(token.clone());
            return Ok(client);
        }
        let person = match (&target.email, &target.password) {
            (Some(email), Some(password)) => Some((email.clone(), password.clone())),
            (None, None) => known.and_then(|known| known.person(fallback)),
            _ => return Err(Failed::new("--email and --password go together")),
        };
        let (email, password) =
            person.ok_or_else(|| Failed::new("as whom? Say --token, or --email and --password"))?;
        client.sign_in(&email, &password, organization)?;
        Ok(client)
    }

    /// Signs in, and goes on as that person.
    pub(crate) fn sign_in(
        &mut self,
        email: &str,
        password: &str,
        organization: Option<&str>,
    ) -> Result<Json, Failed> {
        let mut body = json!({ "email": email, "password": password, "client": "native" });
        if let Some(organization) = organization {
            body["organization"] = json!(organization);
        }
        let reply = self.post("/v1/login", &body)?;
        self.token = reply["access_token"].as_str().map(str::to_owned);
        Ok(reply)
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(crate) fn get(&self, path: &str) -> Result<Json, Failed> {
        let request = self.agent.get(format!("{}{path}", self.url));
        let request = match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        self.read(request.call())
    }

    pub(crate) fn post(&self, path: &str, body: &Json) -> Result<Json, Failed> {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        self.read(request.send_json(body))
    }

    pub(crate) fn patch(&self, path: &str, body: &Json) -> Result<Json, Failed> {
        let request = self.agent.patch(format!("{}{path}", self.url));
        let request = match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        self.read(request.send_json(body))
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Json, Failed> {
        let request = self.agent.delete(format!("{}{path}", self.url));
        let request = match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        self.read(request.call())
    }

    /// A request of whatever method, with JSON or nothing.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Json>) -> Result<Json, Failed> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        let request = match body {
            Some(_) => request.header("content-type", "application/json"),
            None => request,
        };
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = request.body(body).map_err(|error| Failed::new(format!("{method} {path}: {error}")))?;
        self.read(self.agent.run(request))
    }

    /// The installation's address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn read(&self, reply: Result<Response<Body>, ureq::Error>) -> Result<Json, Failed> {
        let mut reply =
            reply.map_err(|error| Failed::new(format!("{} can't be reached: {error}", self.url)))?;
        let status = reply.status();
        let text = reply
            .body_mut()
            .read_to_string()
            .map_err(|error| Failed::new(format!("the reply was cut off: {error}")))?;
        let body: Json =
            if text.is_empty() { Json::Null } else { serde_json::from_str(&text).unwrap_or(json!(text)) };
        if status.is_success() {
            return Ok(body);
        }
        let mut message =
            body["detail"].as_str().map_or_else(|| format!("the answer was {status}"), str::to_owned);
        for field in body["errors"].as_array().into_iter().flatten() {
            let (pointer, detail) =
                (field["pointer"].as_str().unwrap_or("?"), field["detail"].as_str().unwrap_or("?"));
            if detail != message {
                message.push_str(&format!("\n  {pointer}: {detail}"));
            }
        }
        if let Some(code) = body["code"].as_str() {
            message.push_str(&format!(" ({code})"));
        }
        Err(Failed { message, code: Failed::FAILED, detail: Some(body) })
    }
}

/// A text as it can stand in a query (RFC 3986, section 2.1).
pub(crate) fn in_query(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
