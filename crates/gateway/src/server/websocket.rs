//! WebSockets (RFC 6455): the handshake goes to the upstream as a request does, then bytes go both ways as they come.
//!
//! What must always hold: a tunnel exists only behind an admission, and only once the upstream has switched protocols; it
//! ends within a second of what admitted it: a revoked key, an ended session, a suspended organization; and it is settled
//! when it ends, however it ends.

use super::{
    answer::{Arrived, Client},
    core::{Core, Counted},
    reply::ReplyBody,
    upstream::{Dedicated, Service},
};
use crate::{Admission, Ending, Refusal, errors, headers};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{
    body::Incoming,
    client::conn::http1,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use insula_blueprint::{Route, Upstream};
use insula_kernel::{Error, Span};
use insula_metering::log::Outcome;
use std::{cell::Cell, rc::Rc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, sleep, timeout},
};

/// The protocol that Insula itself speaks, which is none: it stands for those that browsers must be answered with.
const OURS: &str = "insula";
/// What the protocol begins with that carries a credential.
const BEARER: &str = "insula.bearer.";
/// How often it is looked whether a tunnel may go on.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The largest body of an upstream's refusal that is passed on, in bytes.
const REFUSAL_MAX: usize = 256 << 10;

/// Said of a request whose client offered Insula's own protocol.
#[derive(Clone, Copy)]
struct OfferedOurs;

/// Whether a request asks for a WebSocket.
pub(crate) fn is_asked_for(headers: &HeaderMap) -> bool {
    headers.get_all(header::UPGRADE).iter().any(|value| has_token(value, "websocket"))
}

fn has_token(value: &HeaderValue, wanted: &str) -> bool {
    value
        .as_bytes()
        .split(|&byte| byte == b',')
        .any(|token| token.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
}

/// Takes the credential out of the protocols that a client offers. Browsers can't set other fields of a handshake: they
/// offer `insula` and `insula.bearer.<credential>`, of which neither goes on.
///
/// # Errors
/// That the request carries two different credentials.
pub(crate) fn take_credential<B>(request: &mut Request<B>) -> Result<(), Error> {
    if !is_asked_for(request.headers()) || !request.headers().contains_key(header::SEC_WEBSOCKET_PROTOCOL) {
        return Ok(());
    }
    let offered: Vec<String> = request
        .headers()
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|token| token.trim().to_owned())
        .collect();
    let mut carried: Option<HeaderValue> = None;
    for token in offered.iter().filter_map(|token| token.strip_prefix(BEARER)) {
        let value =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| errors::unauthenticated())?;
        let known = carried.as_ref().or(request.headers().get(header::AUTHORIZATION));
        if known.is_some_and(|known| *known != value) {
            return Err(errors::credentials_conflict());
        }
        carried = Some(value);
    }
    if offered.iter().any(|token| token == OURS) {
        request.extensions_mut().insert(OfferedOurs);
    }
    let theirs: Vec<String> =
        offered.into_iter().filter(|token| token != OURS && !token.starts_with(BEARER)).collect();
    let headers = request.headers_mut();
    headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
    if let Some(theirs) = HeaderValue::from_str(&theirs.join(", ")).ok().filter(|theirs| !theirs.is_empty()) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, theirs);
    }
    if let Some(carried) = carried {
        headers.insert(header::AUTHORIZATION, carried);
    }
    Ok(())
}

/// That a request and its route agree on whether it is for a WebSocket, and that the handshake is one
/// (RFC 6455, section 4.2.1).
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check<B: http_body::Body>(request: &Request<B>, route: &Route) -> Result<(), Error> {
    let headers = request.headers();
    match (is_asked_for(headers), route.is_websocket) {
        (false, false) => return Ok(()),
        (true, false) => return Err(errors::upgrade_unsupported()),
        (false, true) => return Err(errors::upgrade_required()),
        (true, true) => {}
    }
    let is =
        |name: &HeaderName, wanted: &str| headers.get(name).is_some_and(|value| has_token(value, wanted));
    let has_key = headers.get(header::SEC_WEBSOCKET_KEY).is_some_and(|key| key.len() == 24);
    let is_handshake = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && request.body().is_end_stream()
        && is(&header::CONNECTION, "upgrade")
        && is(&header::SEC_WEBSOCKET_VERSION, "13")
        && has_key;
    if is_handshake { Ok(()) } else { Err(errors::handshake()) }
}

/// What goes through a tunnel.
#[derive(Default)]
struct Moved {
    up: Cell<u64>,
    down: Cell<u64>,
    /// When something last did.
    at: Cell<Option<Instant>>,
}

/// A tunnel that is to be opened once both sides have switched protocols.
struct Tunnel {
    core: Rc<Core>,
    admission: Box<Admission>,
    client: OnUpgrade,
    upstream: OnUpgrade,
    idle: Duration,
    /// Held as long as the tunnel is open.
    _permit: Option<tokio::sync::OwnedSemaphorePermit>,
    _counted: Counted,
}

impl Core {
    /// Sends the handshake of an admitted request to its upstream, and opens the tunnel if that switches protocols.
    pub(crate) async fn open_tunnel(
        self: &Rc<Self>,
        client: &Client,
        mut request: Request<Incoming>,
        arrived: &Arrived,
        mut admission: Box<Admission>,
        (route, upstream, service): (&Route, &Upstream, &Service),
    ) -> Result<Response<ReplyBody>, Refusal> {
        let of_client = hyper::upgrade::on(&mut request);
        let offered_ours = request.extensions().get::<OfferedOurs>().is_some();
        let (mut parts, _) = request.into_parts();
        self.rewrite(&mut parts, client, arrived, &admission, route);
        add_upgrade(&mut parts.headers);
        let asked = Request::from_parts(parts, Empty::<Bytes>::new());
        let answered = match service.dedicated().await {
            Ok(dedicated) => shake_hands(dedicated, asked, &mut admission, route.response_timeout).await,
            Err(none) => Err((super::forward::unreached(none), Outcome::Released)),
        };
        let (mut reply, permit) = match answered {
            Ok(answered) => answered,
            Err((error, outcome)) => {
                let marks = admission.marks();
                let status = error.kind().status();
                admission.settle(&Ending { outcome, status, bytes_in: 0, bytes_out: 0, reply: None });
                return Err(Refusal::from(error).marked(marks));
            }
        };
        admission.read_head(reply.headers());
        let switched = reply.status() == StatusCode::SWITCHING_PROTOCOLS && is_asked_for(reply.headers());
        let of_upstream = hyper::upgrade::on(&mut reply);
        let (mut parts, body) = reply.into_parts();
        parts.version = Version::HTTP_11;
        parts.extensions.clear();
        headers::strip_reply(&mut parts.headers);
        if !switched {
            return refused(parts, body, admission, upstream.timeouts.idle).await;
        }
        admission.take_marks().replace(&mut parts.headers);
        add_upgrade(&mut parts.headers);
        if offered_ours && !parts.headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL) {
            // A browser gives up where it offered protocols and none is chosen.
            parts.headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(OURS));
        }
        let tunnel = Tunnel {
            core: Rc::clone(self),
            admission,
            client: of_client,
            upstream: of_upstream,
            idle: upstream.timeouts.idle.to_std(),
            _permit: permit,
            _counted: Counted::one_more(self),
        };
        tokio::task::spawn_local(tunnel.run());
        Ok(Response::from_parts(parts, ReplyBody::Whole(None)))
    }
}

fn add_upgrade(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

type Permit = Option<tokio::sync::OwnedSemaphorePermit>;

/// Sends the handshake over a connection of its own, and waits for the head of the reply.
async fn shake_hands(
    dedicated: Dedicated,
    mut asked: Request<Empty<Bytes>>,
    admission: &mut Admission,
    within: Span,
) -> Result<(Response<Incoming>, Permit), (Error, Outcome)> {
    let broke = || (errors::upstream_failed(), Outcome::UpstreamFailed);
    let Dedicated { stream, host, permit } = dedicated;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| (errors::upstream_failed(), Outcome::Released))?;
    tokio::task::spawn_local(async move { drop(connection.with_upgrades().await) });
    asked.headers_mut().insert(header::HOST, host);
    // Its bytes aren't counted one by one: from here on some may have gone out.
    let written = Rc::new(Cell::new(0));
    admission.sending(&written);
    written.set(1);
    match timeout(within.to_std(), sender.send_request(asked)).await {
        Ok(Ok(reply)) => Ok((reply, permit)),
        Ok(Err(error)) if error.is_canceled() => {
            written.set(0);
            Err((errors::upstream_unreachable(), Outcome::Released))
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "an upstream failed");
            Err(broke())
        }
        Err(_elapsed) => Err((errors::upstream_timeout(), Outcome::TimedOut)),
    }
}

/// The upstream's own answer to a handshake that it doesn't want.
async fn refused(
    parts: http::response::Parts,
    body: Incoming,
    mut admission: Box<Admission>,
    idle: Span,
) -> Result<Response<ReplyBody>, Refusal> {
    let mut parts = parts;
    // Switched to what nobody asked for, it can't be passed on.
    let read = if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        None
    } else {
        timeout(idle.to_std(), Limited::new(body, REFUSAL_MAX).collect()).await.ok().and_then(Result::ok)
    };
    let Some(read) = read else {
        let (marks, error) = (admission.marks(), errors::upstream_failed());
        let outcome = Outcome::UpstreamFailed;
        let status = error.kind().status();
        admission.settle(&Ending { outcome, status, bytes_in: 0, bytes_out: 0, reply: None });
        return Err(Refusal::from(error).marked(marks));
    };
    let bytes = read.to_bytes();
    parts.headers.remove(header::CONTENT_LENGTH);
    admission.take_marks().replace(&mut parts.headers);
    admission.settle(&Ending {
        outcome: Outcome::Completed,
        status: parts.status.as_u16(),
        bytes_in: 0,
        bytes_out: bytes.len() as u64,
        reply: None,
    });
    Ok(Response::from_parts(parts, ReplyBody::Whole(Some(bytes))))
}

impl Tunnel {
    /// Moves bytes until one side ends it, nothing was moved for too long, or it may not go on.
    async fn run(self) {
        let moved = Moved::default();
        let outcome = match tokio::try_join!(self.client, self.upstream) {
            Err(_) => Outcome::ClientGone,
            Ok((client, upstream)) => {
                moved.at.set(Some(Instant::now()));
                tokio::select! {
                    outcome = relay(client, upstream, &moved) => outcome,
                    outcome = watch(&self.core, &self.admission, &moved, self.idle) => outcome,
                }
            }
        };
        self.admission.settle(&Ending {
            outcome,
            status: StatusCode::SWITCHING_PROTOCOLS.as_u16(),
            bytes_in: moved.up.get(),
            bytes_out: moved.down.get(),
            reply: None,
        });
    }
}

/// Both directions, until both have ended or one broke.
async fn relay(client: Upgraded, upstream: Upgraded, moved: &Moved) -> Outcome {
    let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
    let (from_upstream, to_upstream) = tokio::io::split(TokioIo::new(upstream));
    let up = pump(from_client, to_upstream, &moved.up, &moved.at);
    let down = pump(from_upstream, to_client, &moved.down, &moved.at);
    let up = async {
        up.await.map_err(|of_source| if of_source { Outcome::ClientGone } else { Outcome::UpstreamFailed })
    };
    let down = async {
        down.await.map_err(|of_source| if of_source { Outcome::UpstreamFailed } else { Outcome::ClientGone })
    };
    match tokio::try_join!(up, down) {
        Ok(_) => Outcome::Completed,
        Err(outcome) => outcome,
    }
}

/// One direction: what was read is written before more is read. An error says whether it is the source's.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    moved: &Cell<u64>,
    at: &Cell<Option<Instant>>,
) -> Result<(), bool> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await.map_err(|_| true)?;
        if read == 0 {
            // The other direction may go on for a while.
            drop(to.shutdown().await);
            return Ok(());
        }
        at.set(Some(Instant::now()));
        to.write_all(&buffer[..read]).await.map_err(|_| false)?;
        to.flush().await.map_err(|_| false)?;
        moved.set(moved.get() + read as u64);
        at.set(Some(Instant::now()));
    }
}

/// Ends when a tunnel may not go on: how, for the log.
async fn watch(core: &Core, admission: &Admission, moved: &Moved, idle: Duration) -> Outcome {
    loop {
        sleep(LOOK_EVERY).await;
        if moved.at.get().is_some_and(|at| at.elapsed() > idle) {
            return Outcome::TimedOut;
        }
        if core.is_draining() || !core.gate.still_admits(admission, core.lane.now()) {
            return Outcome::Completed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(
        protocols: &[&str],
        authorization: Option<&str>,
    ) -> Result<(Option<String>, Option<String>, bool), String> {
        let mut request = Request::get("/").header(header::UPGRADE, "WebSocket");
        for protocol in protocols {
            request = request.header(header::SEC_WEBSOCKET_PROTOCOL, *protocol);
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let mut request = request.body(()).unwrap();
        take_credential(&mut request).map_err(|error| error.code().to_owned())?;
        let field =
            |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let ours = request.extensions().get::<OfferedOurs>().is_some();
        Ok((field(header::AUTHORIZATION), field(header::SEC_WEBSOCKET_PROTOCOL), ours))
    }

    #[test]
    fn a_credential_among_the_protocols_is_taken_out_and_counts_as_one() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            taken(&["insula, insula.bearer.ak_7, chat"], None),
            Ok((text("Bearer ak_7"), text("chat"), true))
        );
        assert_eq!(taken(&["insula.bearer.ak_7"], None), Ok((text("Bearer ak_7"), None, false)));
        assert_eq!(taken(&["chat", "more"], None), Ok((None, text("chat, more"), false)));
        let twice = ["insula.bearer.ak_7", "insula.bearer.ak_7"];
        assert_eq!(taken(&twice, Some("Bearer ak_7")), Ok((text("Bearer ak_7"), None, false)));
        let conflict = Err("access.credentials_conflict".to_owned());
        assert_eq!(taken(&["insula.bearer.a, insula.bearer.b"], None), conflict);
        assert_eq!(taken(&["insula.bearer.a"], Some("Bearer b")), conflict);
    }
}
