//! The HTTP side of a run: `/metrics`, `/healthz`, `/readyz`, `/status`.
//!
//! The server has a thread and a runtime of its own: it answers although the loops that it speaks of hang, and no
//! answer takes time from a bar. Everything it starts lives in that runtime and ends with it. There is no
//! authentication: an address beyond the machine itself is for networks where everybody may read this.

mod answer;
mod gate;

pub use gate::{LIFE, MOST_CONNECTIONS, MOST_READ};

use super::log::LogCounts;
use super::metrics::Metrics;
use super::redact::Redactor;
use super::status::Status;
use gate::Gate;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Where a run answers unless told otherwise.
pub const DEFAULT_BIND: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9464));

/// What is answered from.
#[derive(Debug, Clone)]
pub struct Exposed {
    /// For `/metrics`.
    pub metrics: Metrics,
    /// For everything else.
    pub status: Arc<Status>,
    /// Applied to every answer in JSON.
    pub redactor: Redactor,
    /// Of the log, if there is one.
    pub log: Option<LogCounts>,
}

/// Why there is no server. The run goes on without one if the caller so decides.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("the address {addr} for metrics and health cannot be used: {source}")]
    Bind {
        /// Which.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system gives no thread or no events.
    #[error("the server for metrics and health cannot start: {0}")]
    Start(#[source] io::Error),
}

/// A running server. Dropping it ends it at once.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    /// Takes the limit for answers under way.
    stop: Option<oneshot::Sender<Duration>>,
    /// Closes when the thread ends.
    ended: oneshot::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds `addr` and begins to answer; port 0 for any that is free.
    ///
    /// # Errors
    /// The address cannot be had, or the system gives no thread.
    pub fn start(addr: SocketAddr, exposed: Exposed) -> Result<Server, ServeError> {
        Server::start_with_life(addr, exposed, LIFE)
    }

    /// [`Server::start`] with another limit for a connection than [`LIFE`].
    ///
    /// # Errors
    /// As there.
    pub fn start_with_life(addr: SocketAddr, exposed: Exposed, life: Duration) -> Result<Server, ServeError> {
        let bind = |source| ServeError::Bind { addr, source };
        let listener = TcpListener::bind(addr).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let addr = listener.local_addr().map_err(bind)?;
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let (report, started) = mpsc::sync_channel(1);
        let run = move || {
            let _end = end; // dropped when the thread ends, also by a panic
            serve(listener, exposed, life, stopped, &report);
        };
        let thread =
            std::thread::Builder::new().name("sigc-observe".to_owned()).spawn(run).map_err(ServeError::Start)?;
        let server = Server { addr, stop: Some(stop), ended, thread: Some(thread) };
        match started.recv() {
            Ok(Ok(())) => Ok(server),
            Ok(Err(error)) => Err(ServeError::Start(error)),
            Err(_) => Err(ServeError::Start(io::Error::other("its thread ended"))),
        }
    }

    /// Where it answers.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no more connections, finishes answers under way for at most `limit`, and ends.
    pub async fn stop(mut self, limit: Duration) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(limit);
        }
        // Nothing is sent: the channel closes with the thread, so that joining it in `drop` does not wait.
        let _ = (&mut self.ended).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(Duration::ZERO);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The whole life of the server's thread.
fn serve(
    listener: TcpListener,
    exposed: Exposed,
    life: Duration,
    stopped: oneshot::Receiver<Duration>,
    report: &mpsc::SyncSender<io::Result<()>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = report.send(Err(error));
            return;
        }
    };
    runtime.block_on(async move {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                let _ = report.send(Err(error));
                return;
            }
        };
        let _ = report.send(Ok(()));
        let (quiet, asked) = oneshot::channel::<()>();
        let serving = axum::serve(Gate::new(listener, life), answer::router(exposed))
            .with_graceful_shutdown(async move {
                let _ = asked.await;
            })
            .into_future();
        tokio::pin!(serving);
        tokio::select! {
            _ = &mut serving => {}
            limit = stopped => {
                let _ = quiet.send(());
                let _ = tokio::time::timeout(limit.unwrap_or_default(), serving).await;
            }
        }
    });
    // Connections that did not end in time are tasks of this runtime, and are dropped with it.
    drop(runtime);
}
