//! Who may connect, for how long, and how much they may say.
//!
//! A connection carries one request, which is small: it ends after [`LIFE`] whatever the other side does, and when it
//! said more than [`MOST_READ`]. At most [`MOST_CONNECTIONS`] are open; others wait in the system's queue.

use axum::serve::Listener;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// From the accepted connection to the last byte of the answer.
pub const LIFE: Duration = Duration::from_secs(10);
/// A scrape, a probe and a person at a time, many times over.
pub const MOST_CONNECTIONS: usize = 32;
/// Bytes of a request, headers included.
pub const MOST_READ: usize = 16 << 10;

/// Accepting failed, as it does where no file can be opened; the cause takes time to go.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// A listener that counts its connections.
pub(super) struct Gate {
    listener: TcpListener,
    free: Arc<Semaphore>,
    life: Duration,
}

impl Gate {
    pub(super) fn new(listener: TcpListener, life: Duration) -> Gate {
        Gate { listener, free: Arc::new(Semaphore::new(MOST_CONNECTIONS)), life }
    }
}

impl Listener for Gate {
    type Io = Guarded;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guarded, SocketAddr) {
        loop {
            let permit = self.free.clone().acquire_owned().await.ok();
            match self.listener.accept().await {
                Ok((stream, addr)) => {
                    let end = Box::pin(sleep(self.life));
                    return (Guarded { stream, end, left: MOST_READ, _permit: permit }, addr);
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection with an end.
pub(super) struct Guarded {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    left: usize,
    /// Given back with the connection.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Guarded {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(cx) {
            Poll::Ready(()) => Err(ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("the request is too large")));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.left = self.left.saturating_sub(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
