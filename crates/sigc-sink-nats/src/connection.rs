//! One connection, with a runtime of its own.
//!
//! The client would connect again by itself, and for ever. A connection that broke is let go of with its runtime
//! instead, so nothing of it goes on in the background, and what was under way is known to be in doubt.

use crate::address::Servers;
use crate::failure::Place;
use async_nats::jetstream::context::{Context, ContextBuilder};
use async_nats::{Client, Event, ServerError};
use sigc_catalog::Args;
use sigc_runtime::SinkError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long the client waits until it connects again by itself: longer than it lives.
const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// What the server said or did that no request is answered with.
#[derive(Debug, Clone)]
enum Trouble {
    /// This user may not do something.
    Forbidden(String),
    /// The connection broke.
    Gone,
}

/// A connection.
pub(crate) struct Connection {
    /// `None` while it is dropped.
    runtime: Option<Runtime>,
    pub client: Client,
    pub context: Context,
    trouble: watch::Receiver<Option<Trouble>>,
}

impl Connection {
    /// Connects, until `until` at the latest, which is `limit` after the beginning of the attempt.
    pub fn open(
        servers: &Servers,
        args: &Args,
        place: &Place,
        limit: Duration,
        until: Instant,
    ) -> Result<Connection, SinkError> {
        let (heard, trouble) = watch::channel(None);
        let connected = Arc::new(AtomicBool::new(false));
        let was_connected = Arc::clone(&connected);
        let again = move |_| if was_connected.load(Ordering::Relaxed) { NEVER } else { Duration::ZERO };
        let options =
            servers.options(args, place, limit)?.reconnect_delay_callback(again).event_callback(move |event| {
                let said = match event {
                    Event::ServerError(ServerError::AuthorizationViolation) => {
                        Some(Trouble::Forbidden("authorization violation".into()))
                    }
                    Event::ServerError(ServerError::Other(said))
                        if said.to_lowercase().contains("permissions violation") =>
                    {
                        Some(Trouble::Forbidden(said))
                    }
                    Event::Disconnected | Event::Closed => Some(Trouble::Gone),
                    _ => None,
                };
                if let Some(said) = said {
                    // The first one is the cause.
                    heard.send_if_modified(|now| now.is_none() && now.replace(said).is_none());
                }
                async {}
            });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sigc-nats")
            .enable_all()
            .build()
            .map_err(|e| place.unavailable(format!("the system has no thread for it: {e}"), false))?;
        let answer = runtime.block_on(async { tokio::time::timeout_at(until, options.connect(&servers.all)).await });
        let client = match answer {
            Ok(Ok(client)) => {
                connected.store(true, Ordering::Relaxed);
                client
            }
            failed => {
                // An attempt to connect that hangs keeps nobody.
                runtime.shutdown_background();
                return Err(match failed {
                    Ok(Err(e)) => place.no_connection(&e),
                    _ => place.silent(limit, false),
                });
            }
        };
        let context = {
            let _inside = runtime.enter();
            // The end of the attempt comes first.
            ContextBuilder::new().timeout(limit * 2).ack_timeout(limit * 2).build(client.clone())
        };
        Ok(Connection { runtime: Some(runtime), client, context, trouble })
    }

    /// True until something happened to it.
    pub fn is_whole(&self) -> bool {
        self.trouble.borrow().is_none()
    }

    /// Does some work, until `until` at the latest; `sent` tells then whether rows may have been stored.
    pub fn run<T>(
        &self,
        place: &Place,
        limit: Duration,
        until: Instant,
        sent: impl Fn() -> bool,
        work: impl Future<Output = Result<T, SinkError>>,
    ) -> Result<T, SinkError> {
        let Some(runtime) = &self.runtime else { unreachable!("taken by drop only") };
        let mut trouble = self.trouble.clone();
        runtime.block_on(async {
            let happened = async {
                match trouble.wait_for(Option::is_some).await.map(|t| (*t).clone()) {
                    Ok(Some(Trouble::Forbidden(said))) => place.forbidden(&said),
                    _ => place.unavailable(format!("the connection to `{}` broke", place.server), sent()),
                }
            };
            tokio::select! {
                biased;
                done = work => done,
                error = happened => Err(error),
                () = tokio::time::sleep_until(until) => Err(place.silent(limit, sent())),
            }
        })
    }

    /// Says goodbye, for at most `limit`.
    pub fn close(mut self, limit: Duration) {
        if let Some(runtime) = self.runtime.take() {
            runtime.block_on(async { tokio::time::timeout(limit, self.client.drain()).await.ok() });
            runtime.shutdown_background();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waits for nobody: a sink may be dropped while an attempt hangs.
            runtime.shutdown_background();
        }
    }
}
