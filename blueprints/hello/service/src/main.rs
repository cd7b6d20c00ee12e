//! The service behind the hello blueprint. Insula stands in front of it, so it has no accounts, keys or limits:
//! it reads whose request it serves from the header `X-Org-Id`, which only Insula can set.

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Frame, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    env, io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{net::TcpListener, sync::mpsc, time};

/// What a reply can be: all at once, line by line, or the body of the request as it comes in.
type Reply = Either<Full<Bytes>, Either<Lines, Incoming>>;

const DEFAULT_ADDRESS: &str = "127.0.0.1:7101";
const LINES: usize = 5;
const BETWEEN_LINES: Duration = Duration::from_millis(200);

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = address();
    let listener = TcpListener::bind(&address).await?;
    eprintln!("hello-service listens on http://{address}");
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            // A client that goes away in the middle is no concern of this service.
            let _ = connection.await;
        });
    }
}

/// `INSULA_LISTEN` is a whole address, `PORT` a port of this machine.
fn address() -> String {
    env::var("INSULA_LISTEN")
        .or_else(|_| env::var("PORT").map(|port| format!("127.0.0.1:{port}")))
        .unwrap_or_else(|_| DEFAULT_ADDRESS.to_owned())
}

async fn answer(request: Request<Incoming>) -> Result<Response<Reply>, Infallible> {
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/hello") => {
            let organization = request.headers().get("x-org-id").and_then(|value| value.to_str().ok());
            json(StatusCode::OK, &format!("{{\"hello\":{}}}\n", quoted(organization.unwrap_or("nobody"))))
        }
        (&Method::GET | &Method::HEAD, "/stream") => {
            reply("text/plain; charset=utf-8", Either::Right(Either::Left(Lines::start())))
        }
        (&Method::POST, "/echo") => {
            let kind = request.headers().get(CONTENT_TYPE).cloned();
            let mut echo =
                reply("application/octet-stream", Either::Right(Either::Right(request.into_body())));
            if let Some(kind) = kind {
                echo.headers_mut().insert(CONTENT_TYPE, kind);
            }
            echo
        }
        (&Method::GET | &Method::HEAD, "/healthz") => json(StatusCode::OK, "{\"status\":\"ok\"}\n"),
        _ => json(StatusCode::NOT_FOUND, "{\"error\":\"not found\"}\n"),
    })
}

fn json(status: StatusCode, text: &str) -> Response<Reply> {
    let mut response =
        reply("application/json", Either::Left(Full::new(Bytes::copy_from_slice(text.as_bytes()))));
    *response.status_mut() = status;
    response
}

fn reply(kind: &'static str, body: Reply) -> Response<Reply> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

/// A text as JSON. Header values hold no control characters but the tab.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\t', "\\t"))
}

/// A body whose lines are sent as they are made.
struct Lines(mpsc::Receiver<Bytes>);

impl Lines {
    fn start() -> Self {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            for number in 1..=LINES {
                if number > 1 {
                    time::sleep(BETWEEN_LINES).await;
                }
                // The receiver is gone once the client is.
                if sender.send(Bytes::from(format!("line {number} of {LINES}\n"))).await.is_err() {
                    return;
                }
            }
        });
        Self(receiver)
    }
}

impl Body for Lines {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}
