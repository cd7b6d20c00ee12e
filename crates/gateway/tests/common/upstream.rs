//! An upstream that echoes, tells what it saw, or misbehaves as it is asked to.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore},
};

/// The upstream.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
}

/// What it has seen, and what it waits for.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicUsize,
    pub(crate) requests: AtomicUsize,
    /// A request of the kind that hangs has come.
    pub(crate) hanging: Notify,
    /// A hanging request may go on.
    pub(crate) go_on: Notify,
    /// The other end of a connection went away in the middle.
    pub(crate) gone: Notify,
    /// Parts of streams that may be sent.
    pub(crate) parts: Parts,
}

pub(crate) struct Parts(pub(crate) Semaphore);

impl Default for Parts {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

struct Head {
    method: String,
    target: String,
    fields: Vec<(String, String)>,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, SeqCst);
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let _ = serve(BufReader::new(stream), &shared).await;
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.requests.load(SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(SeqCst)
    }
}

async fn serve(mut stream: BufReader<TcpStream>, seen: &Seen) -> Option<()> {
    stream.get_ref().set_nodelay(true).ok()?;
    loop {
        let head = head(&mut stream).await?;
        seen.requests.fetch_add(1, SeqCst);
        let path = head.target.split('?').next()?.to_owned();
        match path.as_str() {
            "/echo" => echo(&mut stream, &head).await?,
            "/act/silence" => return quiet(&mut stream, seen).await,
            "/act/reset" => return None,
            "/act/garbage" => {
                send(&mut stream, "what?\r\n\r\n").await?;
                return None;
            }
            "/act/switch" => send(&mut stream, "HTTP/1.1 101 Switching Protocols\r\n\r\n").await?,
            "/act/truncate" => {
                send(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789").await?;
                return None;
            }
            "/act/truncate-chunked" => {
                send(&mut stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n")
                    .await?;
                return None;
            }
            "/act/stall" => {
                send(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789").await?;
                return quiet(&mut stream, seen).await;
            }
            "/act/stream" => {
                send(&mut stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
                loop {
                    seen.parts.0.acquire().await.ok()?.forget();
                    if send(&mut stream, "5\r\nhello\r\n").await.is_none() {
                        seen.gone.notify_one();
                        return None;
                    }
                }
            }
            "/act/both" => {
                let framing = "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n";
                send(&mut stream, &format!("HTTP/1.1 200 OK\r\n{framing}\r\n5\r\nhello\r\n0\r\n\r\n"))
                    .await?;
            }
            "/act/empty" => send(&mut stream, "HTTP/1.1 204 No Content\r\n\r\n").await?,
            "/act/once" => {
                // Closes after the reply without saying so: the next request meets a closed connection.
                send(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nonce").await?;
                return None;
            }
            "/act/hops" => {
                let fields = "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nServer: secret/1\r\n\
                              X-Powered-By: secret\r\nX-Org-Id: org_wrong\r\nX-Quota-Remaining: 7\r\n\
                              X-Request-Id: wrong\r\nRateLimit: \"x\";r=1\r\nX-Own: kept\r\n";
                send(&mut stream, &format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n")).await?;
            }
            "/hang" => {
                seen.hanging.notify_one();
                seen.go_on.notified().await;
                send(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").await?;
            }
            "/answer" => {
                let body = body(&mut stream, &head).await?;
                answer(&mut stream, &body).await?;
            }
            _ => {
                let body = body(&mut stream, &head).await?;
                tell(&mut stream, &head, &body).await?;
            }
        }
    }
}

/// Waits for the other end to go away.
async fn quiet(stream: &mut BufReader<TcpStream>, seen: &Seen) -> Option<()> {
    seen.hanging.notify_one();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    seen.gone.notify_one();
    None
}

async fn send(stream: &mut BufReader<TcpStream>, text: &str) -> Option<()> {
    stream.get_mut().write_all(text.as_bytes()).await.ok()
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

async fn head(stream: &mut BufReader<TcpStream>) -> Option<Head> {
    let first = line(stream).await?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut fields = Vec::new();
    loop {
        let line = line(stream).await?;
        if line.is_empty() {
            return Some(Head { method, target, fields });
        }
        let (name, value) = line.split_once(':')?;
        fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

impl Head {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

async fn chunk(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let size = usize::from_str_radix(&line(stream).await?, 16).ok()?;
    let mut data = vec![0; size + 2];
    stream.read_exact(&mut data).await.ok()?;
    data.truncate(size);
    Some(data)
}

async fn body(stream: &mut BufReader<TcpStream>, head: &Head) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if head.field("transfer-encoding") == Some("chunked") {
        loop {
            let chunk = chunk(stream).await?;
            if chunk.is_empty() {
                return Some(body);
            }
            body.extend(chunk);
        }
    }
    let length = head.field("content-length").map_or(Some(0), |length| length.parse().ok())?;
    body.resize(length, 0);
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}

/// Sends back each part of the body as it comes in.
async fn echo(stream: &mut BufReader<TcpStream>, head: &Head) -> Option<()> {
    if head.field("transfer-encoding") != Some("chunked") {
        let body = body(stream, head).await?;
        send(stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len())).await?;
        return stream.get_mut().write_all(&body).await.ok();
    }
    send(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
    loop {
        let chunk = chunk(stream).await?;
        let text = String::from_utf8(chunk).ok()?;
        send(stream, &format!("{:x}\r\n{text}\r\n", text.len())).await?;
        if text.is_empty() {
            return Some(());
        }
    }
}

/// Answers what the body of the request says: `{"status", "fields": {}, "body"}`.
async fn answer(stream: &mut BufReader<TcpStream>, wanted: &[u8]) -> Option<()> {
    let wanted: serde_json::Value = serde_json::from_slice(wanted).ok()?;
    let status = wanted["status"].as_u64().unwrap_or(200);
    let mut reply = format!("HTTP/1.1 {status} As Asked\r\n");
    for (name, value) in wanted["fields"].as_object().into_iter().flatten() {
        reply += &format!("{name}: {}\r\n", value.as_str()?);
    }
    let body = match &wanted["body"] {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    send(stream, &format!("{reply}Content-Length: {}\r\n\r\n{body}", body.len())).await
}

/// Tells what came, as JSON.
async fn tell(stream: &mut BufReader<TcpStream>, head: &Head, body: &[u8]) -> Option<()> {
    let text = serde_json::json!({
        "method": head.method,
        "target": head.target,
        "fields": head.fields,
        "body": String::from_utf8_lossy(body),
    })
    .to_string();
    let length = text.len();
    let text = if head.method == "HEAD" { String::new() } else { text };
    let reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{text}"
    );
    send(stream, &reply).await
}
