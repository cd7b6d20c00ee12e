//! The body of a reply on its way to the client.
//!
//! What must always hold: an admission is settled before the last byte of its reply goes out, so who has the whole
//! reply finds it in the usage; a reply that its upstream cut short is cut short for the client too.

use super::{timer::Silence, upload::Progress, upstream::Connection};
use crate::{Admission, Ending};
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use insula_kernel::Span;
use insula_metering::log::Outcome;
use std::{
    error::Error,
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};
use tokio::sync::mpsc;

/// Why a reply ends before its end. The client sees its connection break.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) &'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Broken {}

/// The body of a reply.
pub(crate) enum ReplyBody {
    /// At hand.
    Whole(Option<Bytes>),
    /// Made by the API bit by bit.
    Api(mpsc::Receiver<Result<Frame<Bytes>, Broken>>, SizeHint),
    /// From an upstream.
    Upstream(Download),
}

/// The longest body of a reply that is read for what it says of costs and holds, in bytes.
const READ_MAX: usize = 1 << 20;

/// The body of an upstream's reply, with what waits for its end.
pub(crate) struct Download {
    body: Incoming,
    admission: Option<Box<Admission>>,
    connection: Option<Connection>,
    progress: Option<Rc<Progress>>,
    silence: Silence,
    status: u16,
    bytes: u64,
    /// A copy of what went through, where it is to be read, as long as it isn't too long.
    copy: Option<Vec<u8>>,
}

impl Download {
    pub(crate) fn new(
        body: Incoming,
        status: StatusCode,
        admission: Box<Admission>,
        connection: Connection,
        progress: Option<Rc<Progress>>,
        idle: Span,
    ) -> Self {
        let silence = Silence::new(idle);
        let status = status.as_u16();
        let copy = admission.reads_body().then(Vec::new);
        let (admission, connection) = (Some(admission), Some(connection));
        let mut download = Self { body, admission, connection, progress, silence, status, bytes: 0, copy };
        if download.body.is_end_stream() {
            download.end(Outcome::Completed);
        }
        download
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(admission) = self.admission.take() {
            let bytes_in = self.progress.as_ref().map_or(0, |progress| progress.bytes.get());
            let reply = self.copy.as_deref().filter(|_| outcome == Outcome::Completed);
            admission.settle(&Ending {
                outcome,
                status: self.status,
                bytes_in,
                bytes_out: self.bytes,
                reply,
            });
        }
        match self.connection.take() {
            Some(connection) if outcome == Outcome::Completed => connection.release(),
            _ => {}
        }
    }

    fn keep(&mut self, data: &[u8]) {
        if let Some(copy) = &mut self.copy {
            if copy.len() + data.len() <= READ_MAX {
                copy.extend_from_slice(data);
            } else {
                self.copy = None;
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.silence.broken();
                if let Some(data) = frame.data_ref() {
                    self.bytes += data.len() as u64;
                    self.keep(data);
                }
                if frame.is_trailers() || self.body.is_end_stream() {
                    self.end(Outcome::Completed);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!(error = %error, "an upstream cut its reply short");
                // Where the request's own body broke off, that is why.
                let by_client = self.progress.as_ref().is_some_and(|progress| progress.fault.get().is_some());
                self.end(if by_client { Outcome::ClientGone } else { Outcome::UpstreamFailed });
                Poll::Ready(Some(Err(Broken("the upstream cut its reply short"))))
            }
            Poll::Ready(None) => {
                self.end(Outcome::Completed);
                Poll::Ready(None)
            }
            Poll::Pending if self.silence.poll_lasted(context) => {
                self.end(Outcome::TimedOut);
                Poll::Ready(Some(Err(Broken("the upstream stopped in the middle of its reply"))))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.end(Outcome::ClientGone);
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Api(frames, _) => frames.poll_recv(context),
            Self::Upstream(download) => download.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Api(..) => false,
            Self::Upstream(download) => download.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Api(_, hint) => *hint,
            Self::Upstream(download) => download.body.size_hint(),
        }
    }
}
