//! What runs beside the program: servers behind a network that can fail, and a receiver of webhooks.

use sigc_testbed::server::{Kind, services};
use sigc_testbed::{Proxy, Server};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// A service of one kind of sink.
pub struct Service {
    /// The sink's short name.
    pub kind: &'static str,
    /// The network between the program and it.
    pub proxy: Proxy,
    running: Mutex<Running>,
}

enum Running {
    Server(Kind, Server),
    Receiver(Receiver),
}

impl Service {
    /// A real server, or the nearest there is.
    pub fn server(kind: &'static str, server: Kind, folder: &Path, seed: u64) -> Service {
        let running = Server::start(server, folder);
        let proxy = Proxy::start(&running.address(), seed).expect("a port");
        Service { kind, proxy, running: Mutex::new(Running::Server(server, running)) }
    }

    /// A receiver of webhooks.
    pub fn receiver(folder: &Path, seed: u64) -> Service {
        let running = Receiver::start(folder);
        let proxy = Proxy::start(&running.address(), seed).expect("a port");
        Service { kind: "webhook", proxy, running: Mutex::new(Running::Receiver(running)) }
    }

    /// What its reader asks: the server itself, past the bad network.
    pub fn reader(&self) -> String {
        match &*self.running() {
            Running::Server(_, server) => server.address(),
            Running::Receiver(receiver) => receiver.database.display().to_string(),
        }
    }

    /// Kills it as a crash would, and starts it again; false if it would forget its rows (moto's tables live in memory).
    pub fn bounce(&self) -> bool {
        match &mut *self.running() {
            Running::Server(Kind::DynamoDb, _) => return false,
            Running::Server(_, server) => {
                server.kill();
                server.up();
            }
            Running::Receiver(receiver) => {
                receiver.kill();
                receiver.up();
            }
        }
        true
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().expect("no panic")
    }
}

/// `receiver.py`, and the database it keeps its rows in.
struct Receiver {
    port: u16,
    database: PathBuf,
    child: Option<Child>,
}

impl Receiver {
    fn start(folder: &Path) -> Receiver {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let mut receiver = Receiver { port, database: folder.join("webhook.sqlite"), child: None };
        receiver.up();
        receiver
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn up(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/delivery/receiver.py");
        let mut command = Command::new(python());
        command.arg(script).arg(self.port.to_string()).arg(&self.database).stdin(Stdio::null());
        self.child = Some(command.spawn().expect("python starts"));
        let there = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            TcpStream::connect(self.address()).is_ok()
        });
        assert!(there, "the receiver does not listen");
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The Python of the services, which has their clients.
pub fn python() -> PathBuf {
    services().join("venv/bin/python")
}
