//! What becomes of a request: which side of the house answers it, and what every reply carries.

use super::{
    calls,
    core::Core,
    reply::ReplyBody,
    upload::{self, Timed},
    websocket,
};
use crate::{
    Admission, Asked, Refusal, Snapshot, errors,
    headers::{self, X_REQUEST_ID},
    host::{self, Side},
};
use axum::body::Body as ApiBody;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body::Body as _;
use hyper::body::Incoming;
use insula_blueprint::{Call, RouteIndex, RouteMatch};
use insula_kernel::{Instant, RequestId};
use insula_web::RequestInfo;
use std::{
    io::Write as _,
    net::IpAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// Who is at the other end of a connection.
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// The address for `X-Forwarded-For`.
    pub(crate) forwarded_for: HeaderValue,
    /// Whether the last request had a body, which may not have been read to its end.
    pub(crate) unread: Arc<AtomicBool>,
}

/// What is known of a request from its beginning.
pub(crate) struct Arrived {
    pub(crate) id: RequestId,
    pub(crate) id_header: HeaderValue,
    pub(crate) now: Instant,
    /// The host as it was sent.
    pub(crate) host: HeaderValue,
}

/// Who answers a request.
enum Way {
    /// Insula's own API, perhaps by a route of the blueprint.
    Api(Arc<Snapshot>, Option<Box<Called>>),
    /// The upstream of this route.
    Upstream(Box<Admission>, RouteIndex),
}

/// The route by which a request is for one of Insula's operations.
struct Called {
    call: Arc<Call>,
    /// The organization that the host names.
    slug: Option<Box<str>>,
}

impl Client {
    pub(crate) fn new(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let forwarded_for = HeaderValue::from_str(&address.to_string());
        let forwarded_for = forwarded_for.unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Self { address, forwarded_for, unread: Arc::default() }
    }
}

impl Core {
    /// The reply to a request, whatever becomes of it.
    pub(crate) async fn answer(
        self: &Rc<Self>,
        client: &Client,
        mut request: Request<Incoming>,
    ) -> Response<ReplyBody> {
        let now = self.lane.now();
        let id = self.lane.request_id(now);
        let id_header = self.lane.header(|out| drop(write!(out, "{id}")));
        let has_body = !request.body().is_end_stream();
        client.unread.store(has_body, Relaxed);
        let prepared = websocket::take_credential(&mut request).map_err(Refusal::from);
        let decided = prepared.and_then(|()| self.decide(client, &request, id, &id_header, now));
        let mut is_read = !has_body;
        let answered = match decided {
            Ok((arrived, Way::Upstream(admission, route))) => {
                self.forward(client, request, &arrived, admission, route).await
            }
            // Seldom, and larger than what is always there for a request needs to be.
            Ok((arrived, Way::Api(snapshot, called))) => {
                Box::pin(self.ask_api(client, request, &arrived, &snapshot, called)).await
            }
            Err(refusal) => {
                is_read = is_read || upload::read_off(request).await;
                Err(refusal)
            }
        };
        let mut reply = answered.unwrap_or_else(|refusal| {
            self.lane.count_refused(refusal.error.code());
            let mut reply = problem(refusal, id);
            if !is_read {
                // What is left of the body would be taken for the next request.
                reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            reply
        });
        reply.headers_mut().insert(X_REQUEST_ID, id_header);
        reply
    }

    /// Which side of the house answers a request, admitted where that is an upstream.
    fn decide(
        &self,
        client: &Client,
        request: &Request<Incoming>,
        id: RequestId,
        id_header: &HeaderValue,
        now: Instant,
    ) -> Result<(Arrived, Way), Refusal> {
        let snapshot = self.gate.snapshot();
        self.gate.count_address(&snapshot, client.address, now)?;
        let host = host::of(request.uri(), request.headers())?;
        headers::check_framing(request.headers())?;
        if *request.method() == Method::CONNECT || *request.method() == Method::TRACE {
            return Err(errors::method_not_allowed().into());
        }
        let arrived = Arrived { id, id_header: id_header.clone(), now, host };
        // Checked to be ASCII when it was taken in.
        let name = host::without_port(arrived.host.to_str().unwrap_or_default());
        let lower;
        let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            lower = name.to_ascii_lowercase();
            &lower
        } else {
            name
        };
        let way = match self.gateway.hosts.side(name) {
            Side::Platform => Way::Api(snapshot, None),
            Side::Both if host::is_own_path(request.uri().path()) => Way::Api(snapshot, None),
            Side::Both => self.admit(client, request, &arrived, &snapshot, None)?,
            Side::Routes { slug } => self.admit(client, request, &arrived, &snapshot, slug)?,
        };
        if matches!(way, Way::Api(..)) && websocket::is_asked_for(request.headers()) {
            return Err(errors::upgrade_unsupported().into());
        }
        Ok((arrived, way))
    }

    fn admit(
        &self,
        client: &Client,
        request: &Request<Incoming>,
        arrived: &Arrived,
        snapshot: &Arc<Snapshot>,
        slug: Option<&str>,
    ) -> Result<Way, Refusal> {
        let path = request.uri().path();
        match snapshot.compiled().match_route(request.method().as_str(), path) {
            Ok(RouteMatch::Found(route)) => {
                websocket::check(request, route)?;
                let asked = asked(client, request, arrived, slug);
                let admission = self.gate.admit(&self.lane, snapshot, route.index, &asked)?;
                Ok(Way::Upstream(admission, route.index))
            }
            Ok(RouteMatch::Call(call)) => {
                let called = Called { call: Arc::clone(call), slug: slug.map(Box::from) };
                Ok(Way::Api(Arc::clone(snapshot), Some(Box::new(called))))
            }
            Ok(RouteMatch::NotFound) => Err(insula_kernel::Error::not_found("route").into()),
            Ok(RouteMatch::MethodNotAllowed(methods)) => {
                let methods = HeaderValue::from_str(&methods.to_string());
                let methods = methods.unwrap_or_else(|_| HeaderValue::from_static(""));
                Err(Refusal::from(errors::method_not_allowed()).allowing(methods))
            }
            Err(error) => Err(errors::path(error).into()),
        }
    }

    async fn ask_api(
        &self,
        client: &Client,
        request: Request<Incoming>,
        arrived: &Arrived,
        snapshot: &Snapshot,
        called: Option<Box<Called>>,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let prefix = &snapshot.compiled().product().key_prefix;
        let identified =
            self.gate.identify(&self.lane, prefix, request.headers(), client.address, arrived.now)?;
        if let Some(identified) = &identified {
            if let Some(called) = &called {
                let asked = asked(client, &request, arrived, called.slug.as_deref());
                self.gate.confirm(&identified.credential, &asked)?;
            }
            self.gate.count_api_request(snapshot, identified, arrived.now)?;
        }
        let credential = identified.map(|identified| identified.credential);
        let (mut parts, body) = request.into_parts();
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let info =
            RequestInfo { id: arrived.id, address: client.address, user_agent: user_agent.map(Arc::from) };
        parts.extensions.insert(info);
        parts.extensions.insert(Arc::clone(&self.entrance));
        if let Some(credential) = credential {
            parts.extensions.insert(credential);
        }
        parts.headers.insert(X_REQUEST_ID, arrived.id_header.clone());
        let body = ApiBody::new(Timed::new(body, self.gateway.settings.client_idle));
        let call = called.map(|called| called.call);
        let request = match &call {
            Some(call) => calls::request_of(call, parts, body, credential).await?,
            None => Request::from_parts(parts, body),
        };
        Ok(self.gateway.control.answer(request, arrived.id, call).await?)
    }
}

fn asked<'r>(
    client: &Client,
    request: &'r Request<Incoming>,
    arrived: &Arrived,
    slug: Option<&'r str>,
) -> Asked<'r> {
    Asked { id: arrived.id, now: arrived.now, peer: client.address, headers: request.headers(), slug }
}

/// The reply that tells why there is no other.
fn problem(refusal: Refusal, id: RequestId) -> Response<ReplyBody> {
    let mut reply =
        insula_web::problem_response(&refusal.error, id).map(|body: Bytes| ReplyBody::Whole(Some(body)));
    refusal.write(reply.headers_mut());
    reply
}
