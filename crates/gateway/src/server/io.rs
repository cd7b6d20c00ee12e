//! Sockets as hyper wants them, with what the gateway has to know of them.

use super::timer::Silence;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use insula_kernel::Span;
use std::{
    cell::{Cell, RefCell},
    io::{Error, ErrorKind, IoSlice, Result},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Sleep, sleep},
};

/// How long what a client still sends is read and thrown away before its connection is closed.
const LINGER: Duration = Duration::from_secs(2);

/// What is written in pieces that are no more than this together is put into one: a copy so short costs less than the
/// system call for many pieces does beyond the one for a single piece.
const GATHERED: usize = 4 << 10;

/// Writes these pieces, or the first of them.
fn poll_write_all(
    mut stream: Pin<&mut TokioIo<TcpStream>>,
    context: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<Result<usize>> {
    thread_local! {
        static TOGETHER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    if let [single] = slices {
        return stream.poll_write(context, single);
    }
    if slices.iter().map(|slice| slice.len()).sum::<usize>() > GATHERED {
        return stream.poll_write_vectored(context, slices);
    }
    TOGETHER.with_borrow_mut(|together| {
        together.clear();
        slices.iter().for_each(|slice| together.extend_from_slice(slice));
        stream.as_mut().poll_write(context, together)
    })
}

/// A connection from a client. Ends when the client takes nothing for too long.
///
/// A socket that is closed with something unread in it takes back what was written to it: the client would see its
/// connection break instead of the reply that tells it why (RFC 9112, section 9.6). So the end is said first, and
/// then what is still coming in is read for a while.
///
/// It can be sent to other threads, though it never is: hyper asks for that where a connection may change its protocol.
pub(crate) struct ClientIo {
    stream: TokioIo<TcpStream>,
    silence: Silence,
    /// Whether something may still be coming in.
    unread: Arc<AtomicBool>,
    linger: Option<Pin<Box<Sleep>>>,
}

impl ClientIo {
    pub(crate) fn new(stream: TcpStream, idle: Span, unread: Arc<AtomicBool>) -> Self {
        Self { stream: TokioIo::new(stream), silence: Silence::new(idle), unread, linger: None }
    }

    /// Reads what still comes in, until the client has seen the end or has had its time.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let stream = self.stream.inner();
        let mut waste = [0; 4_096];
        loop {
            match stream.poll_read_ready(context) {
                Poll::Ready(Ok(())) => match stream.try_read(&mut waste) {
                    Ok(0) => return Poll::Ready(Ok(())),
                    Ok(_) => self.unread.store(true, Relaxed),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(_) => return Poll::Ready(Ok(())),
                },
                Poll::Ready(Err(_)) => return Poll::Ready(Ok(())),
                Poll::Pending if !self.unread.load(Relaxed) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        let linger = self.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        linger.as_mut().poll(context).map(Ok)
    }

    fn watched(&mut self, context: &mut Context<'_>, written: Poll<Result<usize>>) -> Poll<Result<usize>> {
        if written.is_ready() {
            self.silence.broken();
        } else if self.silence.poll_lasted(context) {
            return Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the client takes nothing")));
        }
        written
    }
}

impl Read for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.linger.is_none()
            && let Err(error) = ready!(Pin::new(&mut self.stream).poll_shutdown(context))
        {
            return Poll::Ready(Err(error));
        }
        self.poll_linger(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = poll_write_all(Pin::new(&mut self.stream), context, slices);
        self.watched(context, written)
    }
}

/// A connection to an upstream. Counts the bytes that went out: whether there were any decides who pays.
pub(crate) struct UpstreamIo {
    stream: TokioIo<TcpStream>,
    written: Rc<Cell<u64>>,
}

impl UpstreamIo {
    pub(crate) fn new(stream: TcpStream, written: Rc<Cell<u64>>) -> Self {
        Self { stream: TokioIo::new(stream), written }
    }

    fn counted(&self, written: Poll<Result<usize>>) -> Poll<Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.written.set(self.written.get() + *bytes as u64);
        }
        written
    }
}

impl Read for UpstreamIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for UpstreamIo {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.counted(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = poll_write_all(Pin::new(&mut self.stream), context, slices);
        self.counted(written)
    }
}
