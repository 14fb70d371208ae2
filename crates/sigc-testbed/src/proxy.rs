//! A TCP proxy whose connections can be refused, cut or held up.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What goes wrong with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Connections are closed as soon as they are made, and those that are open now.
    Refuse,
    /// Bytes are taken and go nowhere: requests and answers hang.
    Hang,
    /// Bytes to the server are held back, and delivered once another fault is set, also those of clients that are gone.
    Late,
    /// The connection is cut after so many bytes to the server from now on: in the middle of a request.
    CutRequest(u64),
    /// The connection is cut after so many bytes from the server from now on: the request was done, its answer is lost.
    CutAnswer(u64),
    /// Each connection is cut after a random number of bytes below this, in either direction, by the proxy's seed.
    CutRandomly(u64),
}

struct State {
    fault: Mutex<(Fault, u64)>,
    stop: AtomicBool,
    connections: AtomicU64,
    cuts: AtomicU64,
    random: Mutex<u64>,
}

impl State {
    /// The fault, and how often it was set: bytes are counted from then on.
    fn fault(&self) -> (Fault, u64) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn below(&self, n: u64) -> u64 {
        let mut x = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        // xorshift64
        *x ^= *x << 13;
        *x ^= *x >> 7;
        *x ^= *x << 17;
        *x % n.max(1)
    }
}

/// A proxy in front of a server; it ends when dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

impl Proxy {
    /// Listens on a free port of this machine and passes everything on to `target` (`127.0.0.1:4222`).
    ///
    /// # Errors
    /// If no port can be had.
    pub fn start(target: &str, seed: u64) -> io::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            fault: Mutex::new((Fault::None, 0)),
            stop: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            random: Mutex::new(seed | 1),
        });
        let (target, shared) = (target.to_owned(), Arc::clone(&state));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                if shared.fault().0 == Fault::Refuse {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&target) else { continue };
                shared.connections.fetch_add(1, Ordering::Relaxed);
                carry(&client, &server, true, &shared);
                carry(&server, &client, false, &shared);
            }
        });
        Ok(Proxy { address, state })
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on this goes wrong.
    pub fn set(&self, fault: Fault) {
        let mut now = self.state.fault.lock().unwrap_or_else(PoisonError::into_inner);
        *now = (fault, now.1 + 1);
    }

    /// Connections that were carried so far.
    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// Connections that were cut so far.
    pub fn cuts(&self) -> u64 {
        self.state.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        self.set(Fault::Refuse);
        // Wakes the listener.
        TcpStream::connect(self.address).ok();
    }
}

/// Carries bytes one way on a thread of its own until either side ends or the fault cuts them.
fn carry(from: &TcpStream, to: &TcpStream, to_server: bool, state: &Arc<State>) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
    let state = Arc::clone(state);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        // Looks at the fault at least so often, also when nothing is sent.
        from.set_read_timeout(Some(Duration::from_millis(20))).ok();
        let (mut counted, mut since) = (0_u64, state.fault().1);
        let mut limit = None;
        let mut held = Vec::new();
        loop {
            let read = from.read(&mut buffer);
            // Looked at behind the read: what came after the fault was set suffers it.
            let (fault, number) = state.fault();
            if number != since || limit.is_none() {
                (counted, since) = (0, number);
                limit = Some(match fault {
                    Fault::CutRequest(n) if to_server => n,
                    Fault::CutAnswer(n) if !to_server => n,
                    Fault::CutRandomly(n) => state.below(n),
                    _ => u64::MAX,
                });
            }
            if state.stop.load(Ordering::Relaxed) || fault == Fault::Refuse {
                break;
            }
            let late = fault == Fault::Late;
            if !late && !held.is_empty() && to.write_all(&std::mem::take(&mut held)).is_err() {
                break;
            }
            let n = match read {
                // The client is gone, and its bytes are on their way.
                Ok(0) | Err(_) if late && !held.is_empty() => {
                    thread::sleep(Duration::from_millis(20));
                    continue;
                }
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => continue,
                Err(_) => break,
            };
            if fault == Fault::Hang {
                continue;
            }
            if late {
                match to_server {
                    true => held.extend_from_slice(&buffer[..n]),
                    // Nobody may be there to hear it.
                    false => to.write_all(&buffer[..n]).unwrap_or_default(),
                }
                continue;
            }
            let room = usize::try_from(limit.unwrap_or(u64::MAX) - counted).unwrap_or(usize::MAX);
            let passed = n.min(room);
            if to.write_all(&buffer[..passed]).is_err() {
                break;
            }
            counted += passed as u64;
            if passed < n || Some(counted) == limit {
                state.cuts.fetch_add(1, Ordering::Relaxed);
                break;
            }
        }
        from.shutdown(Shutdown::Both).ok();
        to.shutdown(Shutdown::Both).ok();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers every byte with itself.
    fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut buffer = [0; 64];
                    while let Ok(n @ 1..) = client.read(&mut buffer) {
                        client.write_all(&buffer[..n]).ok();
                    }
                });
            }
        });
        address
    }

    /// How much of a message comes back.
    fn back(proxy: &Proxy, bytes: usize) -> usize {
        let mut client = TcpStream::connect(proxy.address()).expect("the proxy listens");
        client.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        client.write_all(&vec![7; bytes]).ok();
        let mut got = 0;
        let mut buffer = [0; 64];
        while let Ok(n @ 1..) = client.read(&mut buffer) {
            got += n;
            if got == bytes {
                break;
            }
        }
        got
    }

    #[test]
    fn faults_do_what_they_say() {
        let proxy = Proxy::start(&echo(), 3).expect("a port");
        assert_eq!(back(&proxy, 50), 50);
        proxy.set(Fault::CutRequest(20));
        assert!(back(&proxy, 50) <= 20);
        proxy.set(Fault::CutAnswer(10));
        assert_eq!(back(&proxy, 50), 10);
        proxy.set(Fault::Hang);
        assert_eq!(back(&proxy, 50), 0);
        proxy.set(Fault::Refuse);
        assert_eq!(back(&proxy, 50), 0);
        proxy.set(Fault::Late);
        assert_eq!(back(&proxy, 50), 0);
        proxy.set(Fault::None);
        assert_eq!(back(&proxy, 50), 50);
        assert!(proxy.cuts() >= 2);
    }
}
