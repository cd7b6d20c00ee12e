//! An admitted request on its way to the upstream, until the head of the reply is there.
//!
//! What must always hold: each way out settles the admission or hands it to the body of the reply.

use super::{
    answer::{Arrived, Client},
    core::Core,
    reply::{Download, ReplyBody},
    timer::Timer,
    upload::{Fault, Progress, Upload},
    upstream::{Connection, NoConnection, Service},
};
use crate::{
    Admission, Ending, Refusal, errors,
    gate::X_ORG_ID,
    headers::{
        self, INSULA_IDENTITY, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_PLAN_PRIORITY,
        X_PROJECT_ID, X_REQUEST_ID, X_USER_ID,
    },
};
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version, header, request, uri::PathAndQuery};
use http_body::Body as _;
use hyper::body::Incoming;
use insula_blueprint::{Route, RouteIndex, Upstream};
use insula_kernel::{Error, Span};
use insula_metering::{
    failpoint::{self, Failpoint},
    log::Outcome,
};
use std::{future::poll_fn, pin::pin, rc::Rc, sync::Arc, task::Poll};

/// Why there is no reply of the upstream.
struct Failed {
    error: Error,
    outcome: Outcome,
}

impl Core {
    /// Sends an admitted request to its upstream; the reply's body goes on streaming after this returns.
    pub(crate) async fn forward(
        self: &Rc<Self>,
        client: &Client,
        request: Request<Incoming>,
        arrived: &Arrived,
        mut admission: Box<Admission>,
        route: RouteIndex,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let snapshot = Arc::clone(admission.snapshot());
        let view = self.pool.view(&snapshot);
        let found = snapshot.route(route).and_then(|(route, _)| {
            Some((route, snapshot.compiled().upstream(route.upstream)?, view.service(route.upstream)?))
        });
        let Some((route, upstream, service)) = found else {
            return Err(Error::internal("a route without an upstream").into());
        };
        if route.is_durable
            && let Some(noted) = admission.synced()
            && let Err(error) = noted.await
        {
            let marks = admission.marks();
            return Err(Refusal::from(errors::not_durable(&error)).marked(marks));
        }
        if route.is_durable {
            failpoint::reached(Failpoint::RequestDurable);
        }
        if route.is_websocket {
            let to = (route, upstream, service);
            return Box::pin(self.open_tunnel(client, request, arrived, admission, to)).await;
        }
        let (mut parts, body) = request.into_parts();
        self.rewrite(&mut parts, client, arrived, &admission, route);
        let idle = self.gateway.settings.client_idle;
        let (body, progress) = Upload::new(body, route.max_body, idle);
        if body.size_hint().exact().is_none() {
            // Said, because hyper leaves out bodies of methods that seldom have one.
            parts.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let request = Request::from_parts(parts, body);
        let sent = send(service, request, &mut admission, progress.as_deref(), route.response_timeout).await;
        match sent {
            Ok((reply, connection)) => Ok(pass_on(reply, connection, admission, progress, upstream)),
            Err(Failed { error, outcome }) => {
                let reached = admission.has_reached_upstream();
                let outcome = if reached { outcome } else { Outcome::Released };
                let bytes_in = progress.map_or(0, |progress| progress.bytes.get());
                let marks = admission.marks();
                let status = error.kind().status();
                admission.settle(&Ending { outcome, status, bytes_in, bytes_out: 0, reply: None });
                Err(Refusal::from(error).marked(marks))
            }
        }
    }

    /// Makes of the client's head what the upstream is to see. `Host` follows with the connection.
    pub(super) fn rewrite(
        &self,
        parts: &mut request::Parts,
        client: &Client,
        arrived: &Arrived,
        admission: &Admission,
        route: &Route,
    ) {
        if let Some(uri) = upstream_uri(&parts.uri, route) {
            parts.uri = uri;
        }
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        headers::strip_request(&mut parts.headers);
        let who = admission.who();
        let identity = self.lane.identities().borrow_mut().header(
            admission,
            route.upstream,
            self.gate.signer(),
            arrived.now,
        );
        let headers = &mut parts.headers;
        headers.insert(X_REQUEST_ID, arrived.id_header.clone());
        headers.insert(X_FORWARDED_FOR, client.forwarded_for.clone());
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
        headers.insert(X_FORWARDED_HOST, arrived.host.clone());
        headers.insert(INSULA_IDENTITY, identity);
        headers.insert(X_PLAN_PRIORITY, HeaderValue::from(admission.entitlement().priority));
        if admission.reads_body() {
            // What is to be read must not come packed.
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if let Some(project) = who.project {
            let value = self.lane.header(|out| out.extend_from_slice(project.to_string().as_bytes()));
            headers.insert(X_PROJECT_ID, value);
        }
        if let Some(org) = admission.org_header() {
            headers.insert(X_ORG_ID, org.clone());
        }
        if let Some(user) = who.user() {
            headers.insert(
                X_USER_ID,
                self.lane.header(|out| out.extend_from_slice(user.to_string().as_bytes())),
            );
        }
    }
}

/// The target for the upstream, where it isn't what the client sent.
fn upstream_uri(sent: &Uri, route: &Route) -> Option<Uri> {
    if route.strip_prefix.is_none() && sent.authority().is_none() {
        return None;
    }
    let path = route.upstream_path(sent.path());
    let target = match sent.query() {
        None => PathAndQuery::try_from(path),
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
    };
    target.ok().map(Uri::from)
}

/// Sends the request and waits for the head of the reply. A connection that turns out to be closed before anything
/// of the request went out is replaced, once.
async fn send(
    service: &Service,
    mut request: Request<Upload>,
    admission: &mut Admission,
    progress: Option<&Progress>,
    within: Span,
) -> Result<(Response<Incoming>, Connection), Failed> {
    let mut again = false;
    loop {
        let mut connection = match if again { None } else { service.idle() } {
            Some(idle) => idle,
            // Boxed, since it is seldom and would make every request larger.
            None => Box::pin(service.connection(again)).await.map_err(unconnected)?,
        };
        failpoint::reached(Failpoint::RequestConnected);
        request.headers_mut().insert(header::HOST, connection.host());
        admission.sending(&connection.written);
        let answered = {
            let sent = connection.sender.try_send_request(request);
            head_within(sent, progress, within, &mut connection.timer).await
        };
        match answered {
            Some(Ok(reply)) if reply.status() != StatusCode::SWITCHING_PROTOCOLS => {
                return Ok((reply, connection));
            }
            Some(Ok(_)) => return Err(failed(progress)),
            Some(Err(mut error)) => match error.take_message() {
                Some(unsent) if connection.reused && !again && !admission.has_reached_upstream() => {
                    request = unsent;
                    again = true;
                }
                _ => {
                    tracing::debug!(error = %error.error(), "an upstream failed");
                    return Err(failed(progress));
                }
            },
            None => {
                let error = errors::upstream_timeout();
                return Err(Failed { error, outcome: Outcome::TimedOut });
            }
        }
    }
}

fn unconnected(none: NoConnection) -> Failed {
    Failed { error: unreached(none), outcome: Outcome::Released }
}

/// What it means that there is no connection.
pub(super) fn unreached(none: NoConnection) -> Error {
    match none {
        NoConnection::Unreachable => errors::upstream_unreachable(),
        NoConnection::Busy => errors::upstream_busy(),
        NoConnection::Unhealthy => errors::upstream_unavailable(),
    }
}

/// What a connection that broke means: the client's own body may have been the cause.
fn failed(progress: Option<&Progress>) -> Failed {
    let fault = progress.and_then(|progress| progress.fault.get());
    let (error, outcome) = match fault {
        None => (errors::upstream_failed(), Outcome::UpstreamFailed),
        Some(Fault::TooLarge) => (errors::body_too_large(), Outcome::ClientGone),
        Some(Fault::Stalled) => (errors::body_timeout(), Outcome::ClientGone),
        Some(Fault::CutOff) => (errors::body_cut_off(), Outcome::ClientGone),
    };
    Failed { error, outcome }
}

/// What comes of `sent`, or nothing if that takes too long. The time runs from the end of the request, and while the
/// body is still on its way, from the last that the upstream took of it.
async fn head_within<T>(
    sent: impl Future<Output = T>,
    progress: Option<&Progress>,
    within: Span,
    timer: &mut Timer,
) -> Option<T> {
    let within = within.to_std();
    let mut sent = pin!(sent);
    let mut taken = 0;
    let mut done = progress.is_none();
    let mut waiting = false;
    poll_fn(|context| {
        loop {
            if let Poll::Ready(answered) = sent.as_mut().poll(context) {
                return Poll::Ready(Some(answered));
            }
            if !waiting {
                waiting = true;
                timer.set(within);
            }
            if timer.poll(context).is_pending() {
                return Poll::Pending;
            }
            let Some(progress) = progress.filter(|_| !done) else { return Poll::Ready(None) };
            if !progress.done.get() && progress.bytes.get() == taken {
                return Poll::Ready(None);
            }
            (done, taken) = (progress.done.get(), progress.bytes.get());
            timer.set(within);
        }
    })
    .await
}

/// The upstream's reply as the client is to see it.
fn pass_on(
    reply: Response<Incoming>,
    connection: Connection,
    mut admission: Box<Admission>,
    progress: Option<Rc<Progress>>,
    upstream: &Upstream,
) -> Response<ReplyBody> {
    failpoint::reached(Failpoint::RequestAnswered);
    let (mut parts, body) = reply.into_parts();
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    admission.read_head(&parts.headers);
    headers::strip_reply(&mut parts.headers);
    admission.take_marks().replace(&mut parts.headers);
    let idle = upstream.timeouts.idle;
    let download = Download::new(body, parts.status, admission, connection, progress, idle);
    Response::from_parts(parts, ReplyBody::Upstream(download))
}
