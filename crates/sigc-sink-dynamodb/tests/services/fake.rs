//! An endpoint that answers as it is told: errors that no emulation gives on request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct State {
    next: Option<(u16, &'static str)>,
    puts: usize,
}

/// Runs until the test ends.
pub struct Fake {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Fake {
    pub fn start() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let fake = Fake { address: listener.local_addr().expect("an address"), state: Arc::default() };
        let state = Arc::clone(&fake.state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || serve(client, &state));
            }
        });
        fake
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The next put is answered by this error.
    pub fn answer_next(&self, error: (u16, &'static str)) {
        self.state.lock().expect("whole").next = Some(error);
    }

    /// Puts that came.
    pub fn puts(&self) -> usize {
        self.state.lock().expect("whole").puts
    }
}

const TABLE: &str = r#"{"Table":{"TableName":"signals","TableStatus":"ACTIVE",
"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"}],
"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]}}"#;

fn serve(client: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut out = client.try_clone().ok()?;
    let mut input = BufReader::new(client);
    loop {
        let (mut length, mut is_put) = (0, false);
        loop {
            let mut line = String::new();
            if input.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(n) = line.strip_prefix("content-length:") {
                length = n.trim().parse().ok()?;
            }
            is_put |= line.starts_with("x-amz-target:") && line.ends_with(".putitem");
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body).ok()?;
        let mut state = state.lock().ok()?;
        let error = if is_put { state.next.take() } else { None };
        state.puts += usize::from(is_put);
        drop(state);
        let (status, text) = match error {
            Some((status, code)) => {
                (status, format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"as told"}}"#))
            }
            None if is_put => (200, "{}".to_owned()),
            None => (200, TABLE.to_owned()),
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        out.write_all(head.as_bytes()).and_then(|()| out.write_all(text.as_bytes())).ok()?;
    }
}
