//! A client that sends exactly what it is told, and reads one reply at a time.

use super::within;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: BufReader<TcpStream>,
    head: bool,
}

/// A reply.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the whole body came.
    pub(crate) whole: bool,
}

impl Reply {
    /// The one value of a header field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values =
            self.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let first = values.next();
        assert_eq!(values.next(), None, "{name} comes once");
        first
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The status and the code of a problem, whose form is checked.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.field("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"].as_str(), self.field("x-request-id"));
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), head: false }
    }

    /// Sends these bytes.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.get_mut().write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends a request with a `Host` (unless one is among the fields) and a length (if there is a body).
    pub(crate) async fn request(&mut self, method: &str, target: &str, fields: &[&str], body: &str) {
        let mut text = format!("{method} {target} HTTP/1.1\r\n");
        if !fields.iter().any(|field| field.to_ascii_lowercase().starts_with("host:")) {
            text += "Host: 127.0.0.1\r\n";
        }
        for field in fields {
            text += field;
            text += "\r\n";
        }
        if !body.is_empty() {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        self.head = method == "HEAD";
        self.send(format!("{text}\r\n{body}")).await;
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match within(self.stream.read_line(&mut line)).await {
            Ok(read) if read > 0 => Some(line.trim_end().to_owned()),
            _ => None,
        }
    }

    /// The head of the next reply; `None` if the connection ends before it.
    pub(crate) async fn try_head(&mut self) -> Option<Reply> {
        let status = self.line().await?;
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut fields = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Some(Reply { status, fields, body: Vec::new(), whole: false });
            }
            let (name, value) = line.split_once(':').unwrap();
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    pub(crate) async fn head(&mut self) -> Reply {
        self.try_head().await.expect("a reply comes")
    }

    /// The next chunk; `None` if the connection breaks, empty at the end.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(&self.line().await?, 16).unwrap();
        let mut data = vec![0; size + 2];
        within(self.stream.read_exact(&mut data)).await.ok()?;
        data.truncate(size);
        Some(data)
    }

    /// The next reply with its body, as far as it comes.
    pub(crate) async fn reply(&mut self) -> Reply {
        let mut reply = self.head().await;
        if self.head || matches!(reply.status, 204 | 304) {
            reply.whole = true;
        } else if let Some(length) = reply.field("content-length") {
            let length: usize = length.parse().unwrap();
            while reply.body.len() < length {
                let mut part = vec![0; length - reply.body.len()];
                match within(self.stream.read(&mut part)).await {
                    Ok(read) if read > 0 => reply.body.extend_from_slice(&part[..read]),
                    _ => return reply,
                }
            }
            reply.whole = true;
        } else if reply.field("transfer-encoding") == Some("chunked") {
            loop {
                match self.chunk().await {
                    None => return reply,
                    Some(chunk) if chunk.is_empty() => break,
                    Some(chunk) => reply.body.extend(chunk),
                }
            }
            reply.whole = true;
        } else {
            reply.whole = within(self.stream.read_to_end(&mut reply.body)).await.is_ok();
        }
        reply
    }

    /// Whether the gateway closes the connection, with nothing more on it.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        let _ = within(self.stream.read_to_end(&mut rest)).await;
        rest.is_empty()
    }
}
