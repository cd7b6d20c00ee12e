//! The body of a request on its way to the upstream: streamed, counted, bounded.

use super::timer::Silence;
use bytes::Bytes;
use http::{Request, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use insula_kernel::Span;
use std::{
    cell::Cell,
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::timeout;

/// Why a body couldn't go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// It is larger than its route allows.
    TooLarge,
    /// Nothing came for too long.
    Stalled,
    /// It broke off, or its framing is wrong.
    CutOff,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the body is too large",
            Self::Stalled => "the body stopped coming in",
            Self::CutOff => "the body was cut off",
        })
    }
}

impl std::error::Error for Fault {}

/// The most of a refused request's body that is read so that its connection can go on.
const READ_OFF: usize = 64 * 1024;
/// How long that may take.
const READ_OFF_FOR: Duration = Duration::from_secs(1);

/// Reads the body of a request that was refused, so that the next one on the connection begins where this one ends. Says
/// whether it came to its end: not if it is long or slow, or if the client waits to be told to send it.
pub(crate) async fn read_off(request: Request<Incoming>) -> bool {
    let (parts, mut body) = request.into_parts();
    let is_long = body.size_hint().lower() > READ_OFF as u64;
    if is_long || parts.headers.contains_key(header::EXPECT) {
        return false;
    }
    let reading = async {
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > READ_OFF {
                return false;
            }
        }
        true
    };
    timeout(READ_OFF_FOR, reading).await.unwrap_or(false)
}

/// A body that is waited for only so long. As it is, the body of a request to the API: how much of it is read is for the
/// API to say.
pub(crate) struct Timed {
    body: Incoming,
    silence: Silence,
}

impl Timed {
    pub(crate) fn new(body: Incoming, idle: Span) -> Self {
        Self { body, silence: Silence::new(idle) }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending if self.silence.poll_lasted(context) => Poll::Ready(Some(Err(Fault::Stalled))),
            Poll::Pending => Poll::Pending,
            Poll::Ready(frame) => {
                self.silence.broken();
                Poll::Ready(frame.map(|frame| frame.map_err(|_| Fault::CutOff)))
            }
        }
    }
}

impl Body for Timed {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.poll(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What is known of a body, for who waits for the reply.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) bytes: Cell<u64>,
    pub(crate) done: Cell<bool>,
    pub(crate) fault: Cell<Option<Fault>>,
}

/// The body of a request; most have none.
pub(crate) struct Upload(Option<Streaming>);

struct Streaming {
    body: Timed,
    left: u64,
    progress: Rc<Progress>,
}

impl Upload {
    /// The body, of at most `most` bytes, and where its progress is seen if there is any.
    pub(crate) fn new(body: Incoming, most: u64, idle: Span) -> (Self, Option<Rc<Progress>>) {
        if body.is_end_stream() {
            return (Self(None), None);
        }
        let progress = Rc::new(Progress::default());
        let body = Timed::new(body, idle);
        let streaming = Streaming { body, left: most, progress: Rc::clone(&progress) };
        (Self(Some(streaming)), Some(progress))
    }
}

impl Streaming {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        loop {
            let frame = match ready!(self.body.poll(context)) {
                Some(Ok(frame)) => frame,
                Some(Err(fault)) => return self.fail(fault),
                None => {
                    self.progress.done.set(true);
                    return Poll::Ready(None);
                }
            };
            // Trailers could say what header fields of the same name may not: they don't go on.
            let Ok(data) = frame.into_data() else { continue };
            let length = data.len() as u64;
            let Some(left) = self.left.checked_sub(length) else { return self.fail(Fault::TooLarge) };
            self.left = left;
            self.progress.bytes.set(self.progress.bytes.get() + length);
            if self.body.is_end_stream() {
                self.progress.done.set(true);
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn fail(&self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.progress.fault.set(Some(fault));
        Poll::Ready(Some(Err(fault)))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut self.0 {
            None => Poll::Ready(None),
            Some(streaming) => streaming.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|streaming| streaming.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |streaming| streaming.body.size_hint())
    }
}
