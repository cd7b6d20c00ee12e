//! Asks the targets of upstreams how they do, on a thread of its own: what hangs there holds up nobody.

use crate::{Gate, gate::Probed};
use http::{HeaderValue, Request, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use insula_kernel::Span;
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

/// How long an answer may take, where the interval isn't shorter.
const WITHIN: Span = Span::from_secs(5);

/// Probes what the blueprint in force says, until the server stops.
pub(crate) async fn run(gate: Arc<Gate>, mut stopped: watch::Receiver<Option<Span>>) {
    loop {
        // Dropped, it ends the probes of the blueprint before.
        let mut probes = JoinSet::new();
        for probed in gate.snapshot().all_probed() {
            probes.spawn_local(watch_over(probed, Arc::clone(&gate)));
        }
        tokio::select! {
            _ = stopped.wait_for(Option::is_some) => return,
            () = gate.replaced() => {}
        }
    }
}

async fn watch_over(probed: Arc<Probed>, gate: Arc<Gate>) {
    loop {
        let within = probed.health.every.min(WITHIN).to_std();
        let failed = match timeout(within, ask(&probed)).await {
            Ok(Ok(())) => None,
            Ok(Err(reason)) => Some(reason),
            Err(_elapsed) => Some("no answer in time".to_owned()),
        };
        probed.note(failed.as_deref(), gate.instant());
        sleep(probed.wait().to_std().max(Duration::from_millis(10))).await;
    }
}

/// Asks once, over a connection of its own; or says why there is no good answer.
async fn ask(probed: &Probed) -> Result<(), String> {
    let target = &probed.target;
    let stream = TcpStream::connect((target.host.as_str(), target.port)).await;
    let stream = stream.map_err(|error| format!("can't be connected to: {error}"))?;
    let broke = |error: hyper::Error| format!("broke off: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broke)?;
    // Ends with this, whatever the other end does.
    let mut driver = JoinSet::new();
    driver.spawn_local(async move { drop(connection.await) });
    let host = HeaderValue::from_str(&target.to_string()).map_err(|error| error.to_string())?;
    let request = Request::get(&probed.health.path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, "insula")
        .header(header::CONNECTION, "close")
        .body(Empty::<bytes::Bytes>::new())
        .map_err(|error| error.to_string())?;
    let reply = sender.send_request(request).await.map_err(broke)?;
    match reply.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("answers {}", status.as_u16())),
    }
}
