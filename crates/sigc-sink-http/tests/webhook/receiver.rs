//! A receiver: takes requests, answers as it is told, and keeps each key once if it is asked to.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Got {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Got {
    pub fn key(&self) -> &str {
        self.headers.get("idempotency-key").map_or("", String::as_str)
    }
}

/// What a request is answered with instead of 200.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status with its headers and body.
    Status(u16, String, String),
    /// The request is taken, and the connection closed without an answer.
    Lost,
    /// The request is taken and never answered.
    Silent,
}

#[derive(Default)]
struct Inner {
    got: Vec<Got>,
    /// What a reader sees: the first body of each key.
    stored: Vec<(String, String)>,
    replies: VecDeque<Reply>,
    held: Vec<TcpStream>,
}

pub struct Receiver {
    pub address: String,
    inner: Arc<Mutex<Inner>>,
}

impl Receiver {
    pub fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let inner = Arc::new(Mutex::new(Inner::default()));
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(client, &shared));
            }
        });
        Receiver { address, inner }
    }

    /// The next requests are answered so.
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        self.inner.lock().expect("no panic").replies.extend(replies);
    }

    /// Every request that came.
    pub fn got(&self) -> Vec<Got> {
        self.inner.lock().expect("no panic").got.clone()
    }

    /// What a reader sees.
    pub fn stored(&self) -> Vec<(String, String)> {
        self.inner.lock().expect("no panic").stored.clone()
    }
}

fn serve(client: TcpStream, shared: &Mutex<Inner>) {
    client.set_nodelay(true).ok();
    let mut reader = BufReader::new(client.try_clone().expect("a second handle"));
    let mut writer = client;
    while let Some(got) = read(&mut reader) {
        let reply = {
            let mut inner = shared.lock().expect("no panic");
            inner.got.push(got.clone());
            let reply = inner.replies.pop_front();
            let takes = match &reply {
                None | Some(Reply::Lost | Reply::Silent) => true,
                Some(Reply::Status(status, ..)) => (200..300).contains(status),
            };
            if takes && got.method == "POST" && !inner.stored.iter().any(|(key, _)| key == got.key()) {
                inner.stored.push((got.key().to_owned(), got.body));
            }
            reply
        };
        let (status, headers, body) = match reply {
            None => (200, String::new(), "{}".to_owned()),
            Some(Reply::Status(status, headers, body)) => (status, headers, body),
            Some(Reply::Lost) => return,
            Some(Reply::Silent) => {
                shared.lock().expect("no panic").held.push(writer);
                return;
            }
        };
        let body = if got.method == "HEAD" { String::new() } else { body };
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len());
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Got> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ")?;
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Got { method, path, headers, body: String::from_utf8(body).ok()? })
}
