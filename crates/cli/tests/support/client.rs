//! A client with one connection, which notices when that breaks.

use serde_json::Value as Json;
use std::{
    io::{BufRead as _, BufReader, Read as _, Result, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// What must come soon, or the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection.
pub(crate) struct Client(BufReader<TcpStream>);

/// A whole reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Json,
}

impl Reply {
    /// The body of a reply with this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Json {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a request; false if the connection broke.
    pub(crate) fn send(&mut self, method: &str, path: &str, token: &str, media: &str, body: &str) -> bool {
        let authorization =
            if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: insula.test\r\n{authorization}content-type: {media}\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes()).is_ok()
    }

    /// The next reply; `None` if the connection broke before it was whole.
    pub(crate) fn receive(&mut self) -> Option<Reply> {
        let status = self.line()?.split(' ').nth(1)?.parse().ok()?;
        let mut length = 0;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':')?;
            assert!(!name.eq_ignore_ascii_case("transfer-encoding"), "replies here have a length");
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).ok()?;
        Some(Reply { status, body: serde_json::from_slice(&body).unwrap_or(Json::Null) })
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(read) => (read > 0 && line.ends_with('\n')).then(|| line.trim_end().to_owned()),
            Err(error) => {
                let waited =
                    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
                assert!(!waited, "no reply comes");
                None
            }
        }
    }

    /// A request and its reply; `None` if the connection broke.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        media: &str,
        body: &str,
    ) -> Option<Reply> {
        if self.send(method, path, token, media, body) { self.receive() } else { None }
    }

    /// A request with a JSON body; `None` if the connection broke.
    pub(crate) fn try_post(&mut self, path: &str, token: &str, body: &Json) -> Option<Reply> {
        self.ask("POST", path, token, "application/json", &body.to_string())
    }

    pub(crate) fn post(&mut self, path: &str, token: &str, body: &Json) -> Reply {
        self.try_post(path, token, body).expect("a reply comes")
    }

    /// A `GET`; `None` if the connection broke.
    pub(crate) fn get_if_whole(&mut self, path: &str, token: &str) -> Option<Reply> {
        self.ask("GET", path, token, "application/json", "")
    }

    /// What is read at last: a database that is too busy is asked again.
    pub(crate) fn read(&mut self, path: &str, token: &str) -> Reply {
        loop {
            let reply = self.get(path, token);
            if reply.status != 503 {
                return reply;
            }
        }
    }

    pub(crate) fn get(&mut self, path: &str, token: &str) -> Reply {
        self.get_if_whole(path, token).expect("a reply comes")
    }
}
