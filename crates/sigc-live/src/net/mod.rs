//! The network: one connection, one request, one clock per venue.
//!
//! * [`clock`] is the venue's time, measured and never stepping back.
//! * [`gate`] lets requests through as the venue's limit allows, for the whole process.
//! * [`http`] is the client that all requests share, [`rest`] a venue's REST interface over it.
//! * [`clickhouse`] asks a table for the bars of many symbols.
//! * [`archive`] fetches bulk files, checks their sums and reads their bars.
//! * [`link`] is one connection for streams, from the first attempt to its end.
//! * [`observe`] is told of every request.
//!
//! Nothing here tries again: whoever calls owns the one retry loop. Nothing here outlives its future: dropping it ends
//! the work. Every wait on the network has a limit, named where it stands.

pub mod archive;
pub mod clickhouse;
pub mod clock;
pub mod gate;
pub mod http;
pub mod link;
pub mod observe;
pub mod rest;

use std::sync::Once;

/// Chooses the cryptography of TLS for the process. Called by everything here that opens a connection; calling it in
/// `main` as well keeps a library with another default from choosing first.
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that the process has chosen already, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}
