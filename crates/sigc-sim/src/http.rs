//! As much of HTTP/1.1 as the venues' clients use: request heads, short bodies, keep-alive.
//!
//! It is written out here because a simulated venue must be able to do what a server library prevents: leave a
//! connection half open, drop it without a word, take a socket over for frames that are no WebSocket frames.

use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest head; a URL of 1024 streams fits.
const LONGEST_HEAD: usize = 64 * 1024;
/// Longest body: one injected fault.
const LONGEST_BODY: usize = 1024 * 1024;

/// A request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub method: String,
    /// Decoded, without the query.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header; names are not case-sensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The value of a query parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// True if the client asks for a WebSocket.
    pub fn wants_socket(&self) -> bool {
        self.header("upgrade").is_some_and(|v| v.eq_ignore_ascii_case("websocket"))
    }

    fn parse(head: &str) -> Option<Request> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if !version.starts_with("HTTP/1.") {
            return None;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pair = |text: &str| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            (decode(name), decode(value))
        };
        let mut headers = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Some(Request {
            method: method.to_owned(),
            path: decode(path),
            query: query.split('&').filter(|p| !p.is_empty()).map(pair).collect(),
            headers,
            body: Vec::new(),
        })
    }
}

/// Percent-decodes; what is no escape stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut i) = (Vec::with_capacity(bytes.len()), 0);
    while i < bytes.len() {
        let escape = bytes.get(i + 1..i + 3).filter(|_| bytes[i] == b'%');
        let byte = escape.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        out.push(byte.unwrap_or(if bytes[i] == b'+' { b' ' } else { bytes[i] }));
        i += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads the next request; `None` when the client has closed. `rest` holds what came beyond it.
///
/// Dropped while waiting, it loses nothing that matters: the connection is given up with it.
pub(crate) async fn read_request(stream: &mut TcpStream, rest: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let broken = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let head_end = loop {
        if let Some(i) = rest.windows(4).position(|w| w == b"\r\n\r\n") {
            break i;
        }
        if rest.len() > LONGEST_HEAD {
            return Err(broken("the head is too long"));
        }
        if stream.read_buf(rest).await? == 0 {
            return if rest.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    };
    let head = std::str::from_utf8(&rest[..head_end]).map_err(|_| broken("the head is no text"))?;
    let mut request = Request::parse(head).ok_or_else(|| broken("not an HTTP request"))?;
    rest.drain(..head_end + 4);
    let length = match request.header("content-length") {
        Some(text) => text.parse::<usize>().map_err(|_| broken("the length is no number"))?,
        None => 0,
    };
    if length > LONGEST_BODY {
        return Err(broken("the body is too long"));
    }
    while rest.len() < length {
        if stream.read_buf(rest).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    request.body = rest.drain(..length).collect();
    Ok(Some(request))
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub status: u16,
    kind: &'static str,
    headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Response {
    fn new(status: u16, kind: &'static str, body: impl Into<Vec<u8>>) -> Response {
        Response { status, kind, headers: Vec::new(), body: body.into() }
    }

    /// A JSON text.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response::new(status, "application/json;charset=UTF-8", body)
    }

    /// Plain text.
    pub fn text(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response::new(status, "text/plain", body)
    }

    /// An XML document.
    pub fn xml(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response::new(status, "application/xml", body)
    }

    /// An archive.
    pub fn bytes(body: impl Into<Vec<u8>>) -> Response {
        Response::new(200, "application/zip", body)
    }

    /// The same with one more header.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Response {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Writes it out; a `HEAD` request gets no body.
    pub async fn write(&self, stream: &mut TcpStream, with_body: bool, keep: bool) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let mut line = |name: &str, value: &str| head.extend([name, ": ", value, "\r\n"]);
        line("Content-Type", self.kind);
        line("Content-Length", &self.body.len().to_string());
        line("Connection", if keep { "keep-alive" } else { "close" });
        for (name, value) in &self.headers {
            line(name, value);
        }
        let mut out = head.into_bytes();
        out.extend_from_slice(b"\r\n");
        if with_body {
            out.extend_from_slice(&self.body);
        }
        stream.write_all(&out).await
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        418 => "I'm a teapot",
        429 => "Too Many Requests",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_taken_apart() {
        let head = "GET /fapi/v1/klines?symbol=BTC%55SDT&limit=2&x HTTP/1.1\r\nHost: a:1\r\nUpgrade: WebSocket\r\n";
        let request = Request::parse(head).expect("a request");
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/fapi/v1/klines"));
        assert_eq!(
            (request.param("symbol"), request.param("x"), request.param("y")),
            (Some("BTCUSDT"), Some(""), None)
        );
        assert_eq!(request.header("HOST"), Some("a:1"));
        assert!(request.wants_socket());
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for head in ["", "GET /", "GET / SPDY/3", "GET / HTTP/1.1\r\nno colon"] {
            assert!(Request::parse(head).is_none(), "{head:?}");
        }
        assert_eq!(decode("a%2Fb%zz%4"), "a/b%zz%4");
    }
}
