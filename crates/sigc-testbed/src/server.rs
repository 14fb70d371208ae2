//! The servers, each a child process on a free port with its data in a folder of the test.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it listens: a loaded machine is slow.
const START: Duration = Duration::from_secs(90);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `nats-server` with JetStream: real.
    Nats,
    /// PostgreSQL: real.
    Postgres,
    /// DynamoDB's protocol, by moto: its tables live in memory and end with it.
    DynamoDb,
    /// ClickHouse's engine behind an HTTP layer of ours (`../shared/services`).
    ClickHouse,
}

/// A server that runs until it is stopped or dropped.
pub struct Server {
    kind: Kind,
    port: u16,
    folder: PathBuf,
    arguments: Vec<String>,
    child: Option<Child>,
}

/// The folder of `.ci/services`.
///
/// # Panics
/// If the tests were not started by it: a test that needs a server must not pass without.
pub fn services() -> PathBuf {
    let folder = std::env::var_os("SIGC_SERVICES").map(PathBuf::from);
    folder.expect("SIGC_SERVICES is not set: start service tests by `.ci/services cargo test ...`")
}

impl Server {
    /// Starts a server whose data are below `folder`, and waits until it listens.
    ///
    /// # Panics
    /// If it does not start: the message has what it said.
    pub fn start(kind: Kind, folder: &Path) -> Server {
        Server::start_with(kind, folder, &[])
    }

    /// As [`Server::start`], with more arguments for the server: users, certificates.
    ///
    /// # Panics
    /// As [`Server::start`].
    pub fn start_with(kind: Kind, folder: &Path, arguments: &[&str]) -> Server {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let arguments = arguments.iter().map(|a| (*a).to_owned()).collect();
        let mut server = Server { kind, port, folder: folder.join(format!("{kind:?}")), arguments, child: None };
        std::fs::create_dir_all(&server.folder).expect("the folder of the server");
        if kind == Kind::Postgres {
            server.init_postgres();
        }
        server.up();
        server
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Kills the server at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // PostgreSQL has many processes, each in a group of its own.
            let pid = child.id();
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            let group = format!("-{pid}");
            let all = [group.as_str()].into_iter().chain(children.split_whitespace());
            Command::new("kill").args(["-9", "--"]).args(all).stderr(Stdio::null()).status().ok();
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Starts a server that was killed, on the same port with the same data.
    ///
    /// # Panics
    /// As [`Server::start`].
    pub fn up(&mut self) {
        assert!(self.child.is_none(), "the server runs already");
        let log = self.folder.join("server.log");
        let begun = Instant::now();
        self.child = Some(self.spawn(&log));
        while !self.listens() {
            let ended = self.child.as_mut().and_then(|c| c.try_wait().ok()).flatten();
            if begun.elapsed() > START {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                panic!("{:?} does not listen ({ended:?}):\n{said}", self.kind);
            }
            std::thread::sleep(Duration::from_millis(50));
            if ended.is_some() {
                // What the killed one held, its port or memory, may be free only now.
                std::thread::sleep(Duration::from_millis(500));
                self.child = Some(self.spawn(&log));
            }
        }
    }

    fn spawn(&self, log: &Path) -> Child {
        let out = std::fs::File::create(log).expect("the log of the server");
        let mut command = self.command();
        command.args(&self.arguments);
        command.stdout(out.try_clone().expect("a second handle")).stderr(out).stdin(Stdio::null()).process_group(0);
        command.spawn().unwrap_or_else(|e| panic!("{:?} does not start: {e}", self.kind))
    }

    fn listens(&self) -> bool {
        if TcpStream::connect(self.address()).is_err() {
            return false;
        }
        if self.kind != Kind::Postgres {
            return true;
        }
        // It listens before it takes connections.
        let mut ready = Command::new(postgres("pg_isready"));
        ready.args(["-q", "-h", "127.0.0.1", "-p"]).arg(self.port.to_string());
        ready.status().is_ok_and(|s| s.success())
    }

    fn command(&self) -> Command {
        let (bin, port) = (services().join("venv/bin"), self.port.to_string());
        match self.kind {
            Kind::Nats => {
                let mut c = Command::new(bin.join("nats-server"));
                c.args(["-a", "127.0.0.1", "-p", &port, "-js", "-sd"]).arg(self.folder.join("data"));
                c
            }
            Kind::DynamoDb => {
                let mut c = Command::new(bin.join("moto_server"));
                c.args(["-H", "127.0.0.1", "-p", &port]);
                c
            }
            Kind::ClickHouse => {
                let mut c = Command::new(bin.join("python"));
                c.arg(shim()).args(["--port", &port, "--path"]).arg(self.folder.join("data"));
                c
            }
            Kind::Postgres => {
                let mut c = as_postgres(&postgres("postgres"));
                c.arg("-D").arg(self.folder.join("data")).args(["-h", "127.0.0.1", "-p", &port, "-k", ""]);
                c
            }
        }
    }

    fn init_postgres(&self) {
        if is_root() {
            // Temporary folders are closed to other users.
            if let Some(parent) = self.folder.parent() {
                Command::new("chmod").arg("a+x").arg(parent).status().ok();
            }
            let owned = Command::new("chown").arg("postgres").arg(&self.folder).status();
            assert!(owned.is_ok_and(|s| s.success()), "the folder cannot be given to the user postgres");
        }
        let mut init = as_postgres(&postgres("initdb"));
        init.arg("-D").arg(self.folder.join("data")).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        let out = init.output().expect("initdb runs");
        assert!(out.status.success(), "initdb: {}", String::from_utf8_lossy(&out.stderr));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program of PostgreSQL: they are not always on the path.
fn postgres(program: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|v| v.path().join("bin").join(program)).filter(|p| p.exists()).max();
    newest.unwrap_or_else(|| PathBuf::from(program))
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]).arg(program);
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"))
}

/// The HTTP layer in front of ClickHouse's engine.
fn shim() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the project");
    root.join("../shared/services/clickhouse_http_shim.py")
}
