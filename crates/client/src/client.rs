//! The way to the installation.

use crate::{Error, Event, Leases, Problem, Receipt, Reporter, ReporterOptions, Verifier, event};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::{
    client::legacy::{Client as Http, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::de::DeserializeOwned;
use std::{env, fmt, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// How long a request may take, its reply included.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest reply that is read.
const MAX_REPLY: usize = 4 << 20;

/// How often what may be sent again is sent.
pub(crate) const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const BATCH: &str = "application/cloudevents-batch+json";

/// An installation, and who we are to it. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: Http<HttpConnector, Full<Bytes>>,
    url: String,
    authorization: HeaderValue,
    source: String,
}

impl Client {
    /// The installation at `INSULA_URL`, with the credential in `INSULA_TOKEN`: both are set by `insula up`.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] where one is missing or no good.
    pub fn from_env() -> Result<Self, Error> {
        let variable = |name: &str| {
            env::var(name).map_err(|_| Error::Configuration(format!("the variable {name} is not set")))
        };
        Self::new(&variable("INSULA_URL")?, &variable("INSULA_TOKEN")?)
    }

    /// The installation at `http://…`, with a service's credential. The connection isn't encrypted: where the way there
    /// isn't your own network, put something in between that encrypts it.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] where one is no good.
    pub fn new(url: &str, token: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Configuration(format!("the address {url} {why}"));
        let uri: Uri = url.parse().map_err(|_| wrong("is none"))?;
        if uri.scheme_str() != Some("http") || uri.authority().is_none() {
            return Err(wrong("doesn't begin with http://"));
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
            .map_err(|_| Error::Configuration("the credential has characters that none has".to_owned()))?;
        authorization.set_sensitive(true);
        let inner = Inner {
            http: Http::builder(TokioExecutor::new()).build_http(),
            url: url.trim_end_matches('/').to_owned(),
            authorization,
            source: event::SOURCE.to_owned(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// With another `source` of the events that are reported (`CloudEvents` 1.0, section "source"): an event is known by
    /// its source and id together.
    #[must_use]
    pub fn with_source(self, source: impl Into<String>) -> Self {
        let Inner { http, url, authorization, .. } = &*self.inner;
        let inner = Inner {
            http: http.clone(),
            url: url.clone(),
            authorization: authorization.clone(),
            source: source.into(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Reports one event, and waits until it counts; one that is known already does. Sent again, under the same id, where
    /// that may help. For more than a few, use a [`Reporter`].
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where the event can't count; others where no answer could be had.
    pub async fn report(&self, event: &Event) -> Result<(), Error> {
        let text = event.json(self.source());
        let receipt = again(TRIES, || self.report_batch(event.org(), std::slice::from_ref(&text))).await?;
        receipt.rejected.into_iter().next().map_or(Ok(()), |rejection| Err(rejection.into()))
    }

    /// Reports in the background, in batches, until each event has been answered for. Needs a Tokio runtime.
    #[must_use]
    pub fn reporter(&self) -> Reporter {
        self.reporter_with(ReporterOptions::default())
    }

    /// The same with other bounds and times.
    #[must_use]
    pub fn reporter_with(&self, options: ReporterOptions) -> Reporter {
        Reporter::start(self.clone(), options)
    }

    /// What is held of an organization's limits; `org` is its id.
    #[must_use]
    pub fn leases(&self, org: &str) -> Leases {
        Leases::new(self.clone(), org)
    }

    /// Believes what the installation says of callers to this upstream of the blueprint. Keep it: it remembers the
    /// installation's public keys.
    #[must_use]
    pub fn verifier(&self, upstream: &str) -> Verifier {
        Verifier::new(self.clone(), upstream)
    }

    pub(crate) fn source(&self) -> &str {
        &self.inner.source
    }

    /// Sends events, as texts, that are of one organization.
    pub(crate) async fn report_batch(&self, org: &str, events: &[impl AsRef<str>]) -> Result<Receipt, Error> {
        let texts: Vec<&str> = events.iter().map(AsRef::as_ref).collect();
        let body = Bytes::from(format!("[{}]", texts.join(",")));
        self.send(Method::POST, &format!("/v1/orgs/{org}/events"), Some((BATCH, body))).await
    }

    /// Sends a request and reads the JSON of its reply.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
    ) -> Result<T, Error> {
        let reply = self.exchange(method, path, body).await?;
        serde_json::from_slice(&reply).map_err(|error| Error::Unreadable(error.to_string()))
    }

    /// Sends a request whose reply says nothing.
    pub(crate) async fn tell(&self, method: Method, path: &str) -> Result<(), Error> {
        self.exchange(method, path, None).await.map(drop)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Bytes)>,
    ) -> Result<Bytes, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.inner.url))
            .header(header::AUTHORIZATION, self.inner.authorization.clone());
        let mut content = Bytes::new();
        if let Some((kind, bytes)) = body {
            request = request.header(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            content = bytes;
        }
        let request =
            request.body(Full::new(content)).map_err(|error| Error::Configuration(error.to_string()))?;
        let exchanged = async {
            let unreachable = |error: &dyn std::error::Error| Error::Unreachable(causes(error));
            let reply = self.inner.http.request(request).await.map_err(|error| unreachable(&error))?;
            let (parts, body) = reply.into_parts();
            let body = Limited::new(body, MAX_REPLY).collect().await;
            let body = body.map_err(|error| Error::Unreachable(error.to_string()))?.to_bytes();
            if parts.status.is_success() {
                return Ok(body);
            }
            let wait =
                parts.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            Err(Error::Refused(problem(parts.status, &body, wait.map(Duration::from_secs))))
        };
        let late = || Error::Unreachable(format!("no answer within {} s", PATIENCE.as_secs()));
        timeout(PATIENCE, exchanged).await.unwrap_or_else(|_| Err(late()))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client of {}", self.inner.url)
    }
}

/// Tries so often while another try may help.
pub(crate) async fn again<T, F: Future<Output = Result<T, Error>>>(
    tries: u32,
    attempt: impl Fn() -> F,
) -> Result<T, Error> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..tries {
        match attempt().await {
            Err(error) if error.is_transient() => {
                let wait = pause.max(error.retry_after().unwrap_or_default());
                sleep(wait.min(LONGEST_PAUSE)).await;
                pause *= 2;
            }
            other => return other,
        }
    }
    attempt().await
}

fn problem(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Problem {
    let said: Problem = serde_json::from_slice(body).unwrap_or_default();
    let detail = if said.detail.is_empty() { status.to_string() } else { said.detail };
    Problem { status: status.as_u16(), detail, retry_after, ..said }
}

/// An error with what caused it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
