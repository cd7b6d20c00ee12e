//! A job's changes, as they happen, over a WebSocket (RFC 6455): a text message with the job each time, the last one
//! when it has ended, then the close.

use super::{
    Shared,
    caller::{Caller, READ},
    jobs::view,
};
use crate::{
    Service,
    problem::Problem,
    store::{Job, Viewer},
};
use axum::{
    extract::{
        Path, State, WebSocketUpgrade,
        ws::{Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use http::StatusCode;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Interval, MissedTickBehavior, interval, timeout},
};

/// How often a silent connection is tried: whoever has gone isn't served for ever.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long the other side may take to say that it closes too.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// The largest message that is read; none is expected.
const MESSAGE_MAX: usize = 1_024;

pub(super) async fn watch_job(
    State(service): Shared,
    caller: Caller,
    Path(id): Path<String>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let viewer = Viewer::of(&caller.who_may(READ)?);
    // Told of changes before the job is looked at, so that none is missed.
    let changes = service.changes.subscribe();
    let job = service.store.job(&viewer, &id).await?.ok_or_else(Problem::not_found)?;
    let upgrade = upgrade.map_err(|_| {
        let detail = "This address speaks WebSocket (RFC 6455) alone.";
        Problem::new(StatusCode::UPGRADE_REQUIRED, "request.websocket", detail)
    })?;
    let upgrade = upgrade.max_message_size(MESSAGE_MAX);
    Ok(upgrade.on_upgrade(move |socket| async move {
        Watch { service, viewer, changes, tick: ticks() }.run(socket, job).await;
    }))
}

fn ticks() -> Interval {
    let mut tick = interval(PING_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

/// Ends a connection so that the last word is heard: the other side says that it closes too, or has gone.
async fn close(mut socket: WebSocket) {
    let _ = socket.send(Message::Close(None)).await;
    let _ = timeout(CLOSE_PATIENCE, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
}

/// One who watches.
struct Watch {
    service: Arc<Service>,
    viewer: Viewer,
    changes: Receiver<crate::job::JobKey>,
    tick: Interval,
}

impl Watch {
    async fn run(mut self, mut socket: WebSocket, mut job: Job) {
        let id = job.id.clone();
        loop {
            let is_final = job.status.is_final();
            let Ok(view) = view(&self.service, job).await else { return };
            let text = serde_json::to_string(&view).unwrap_or_default();
            if socket.send(Message::Text(text.into())).await.is_err() {
                return;
            }
            if is_final || !self.changed(&mut socket, &id).await {
                return close(socket).await;
            }
            match self.service.store.job(&self.viewer, &id).await {
                Ok(Some(now)) => job = now,
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Waits until the job changes; false if nobody watches any more.
    async fn changed(&mut self, socket: &mut WebSocket, id: &str) -> bool {
        loop {
            tokio::select! {
                change = self.changes.recv() => match change {
                    Ok(key) if key.id == id && key.org == self.viewer.org() => return true,
                    Ok(_) => {}
                    // Too many at once: it may have been among them.
                    Err(RecvError::Lagged(_)) => return true,
                    Err(RecvError::Closed) => return false,
                },
                _ = self.tick.tick() => {
                    if socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                        return false;
                    }
                }
                message = socket.recv() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return false,
                    Some(Ok(_)) => {}
                },
            }
        }
    }
}
