//! The addresses of the servers, and who writes.
//!
//! A user, password or token in an address is taken out of it: the client would repeat it in its logs.

use crate::failure::Place;
use async_nats::{ConnectOptions, ServerAddr};
use sigc_catalog::Args;
use sigc_connectors::sinks::address;
use sigc_connectors::sinks::nats::step::{CA, CREDENTIALS, NKEY, PASSWORD, TLS, TOKEN, USER};
use sigc_runtime::SinkError;
use std::time::Duration;

/// The servers of a cluster, without users and passwords.
pub(crate) struct Servers {
    /// Their addresses.
    pub all: Vec<ServerAddr>,
    /// The user or token, and the password, of the first address that has one.
    login: Option<(String, Option<String>)>,
}

impl Servers {
    /// Reads addresses, separated by commas.
    pub fn read(url: &str, place: &Place) -> Result<Servers, SinkError> {
        let mut servers = Servers { all: Vec::new(), login: None };
        for one in url.split(',') {
            // The client's reason could repeat a password.
            let full = one.trim().parse::<ServerAddr>().ok().filter(|a| ["nats", "tls"].contains(&a.scheme()));
            let full = full.filter(|a| !a.host().is_empty());
            let login = full.as_ref().and_then(|a| {
                Some((unescaped(a.username()?)?, a.password().map_or(Some(None), |p| unescaped(p).map(Some))?))
            });
            let bare = full.and_then(|a| {
                // A host with colons is one of IPv6.
                let host = if a.host().contains(':') { format!("[{}]", a.host()) } else { a.host().to_owned() };
                format!("{}://{host}:{}", a.scheme(), a.port()).parse().ok()
            });
            let Some(bare) = bare else {
                let help = "write `nats://HOST:4222`, several with commas between";
                return Err(place.denied("`url` cannot be read".to_owned(), help));
            };
            servers.all.push(bare);
            servers.login = servers.login.or(login);
        }
        Ok(servers)
    }

    /// True if every server is this machine, so that nothing can be read on the way.
    fn are_local(&self) -> bool {
        self.all.iter().all(|a| address::is_local(a.host()))
    }

    /// How to connect, within `limit`.
    pub fn options(&self, args: &Args, place: &Place, limit: Duration) -> Result<ConnectOptions, SinkError> {
        let mut options = ConnectOptions::new()
            .name("sigc")
            // A server that hangs leaves time for the next one; the last ends with the attempt.
            .connection_timeout(limit * 6 / 5 / u32::try_from(self.all.len()).unwrap_or(u32::MAX))
            // Those that were asked for, and no others: a certificate is made out to them.
            .ignore_discovered_servers();
        options = match &self.login {
            Some((user, Some(password))) => options.user_and_password(user.clone(), password.clone()),
            Some((token, None)) => options.token(token.clone()),
            None => options,
        };
        if let (Some(user), Some(password)) = (args.get(&USER), args.get(&PASSWORD)) {
            options = options.user_and_password(user, password);
        }
        if let Some(token) = args.get(&TOKEN) {
            options = options.token(token);
        }
        if let Some(seed) = args.get(&NKEY) {
            options = options.nkey(seed.trim().to_owned());
        }
        if let Some(text) = args.get(&CREDENTIALS) {
            // The reason could repeat a part of the file.
            options = options.credentials(&text).map_err(|_| {
                let help = "write `${file.PATH}` of a `.creds` file";
                place.denied("`credentials` is no credentials file".to_owned(), help)
            })?;
        }
        if let Some(ca) = args.get(&CA) {
            options = options.add_root_certificates(ca.into());
        }
        Ok(options.require_tls(match args.get(&TLS).as_deref() {
            Some("disable") => false,
            Some(_) => true,
            None => !self.are_local(),
        }))
    }
}

/// A part of an address without its `%` escapes; `None` if they are not UTF-8.
fn unescaped(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { sink: "nats `S`".into(), server: "a:4222".into() }
    }

    #[test]
    fn users_are_taken_out_of_addresses() {
        let read = |url: &str| {
            let servers = Servers::read(url, &place()).expect("addresses");
            let all: Vec<String> = servers.all.iter().map(|a| a.as_url_str().to_owned()).collect();
            (all.join(" "), servers.login)
        };
        let some = |user: &str, password: Option<&str>| Some((user.to_owned(), password.map(str::to_owned)));
        assert_eq!(read("nats://a:1, tls://b"), ("nats://a:1 tls://b:4222".into(), None));
        assert_eq!(read("nats://u:p%40ss%25@a:1"), ("nats://a:1".into(), some("u", Some("p@ss%"))));
        assert_eq!(read("nats://a:1,nats://t0ken@b:2"), ("nats://a:1 nats://b:2".into(), some("t0ken", None)));
        assert_eq!(read("nats://[::1]:4223").0, "nats://[::1]:4223");
        for bad in ["", "http://hunter2@a", "nats://", "nats://u:hunter2@a:99999", "ws://hunter2@a:1", "nats://a:1,,"] {
            let error = Servers::read(bad, &place()).err().expect(bad);
            assert!(error.code() == "E0541" && !error.to_string().contains("hunter2"), "{bad}: {error}");
        }
    }

    #[test]
    fn other_machines_are_told_from_this_one() {
        let local = |url: &str| Servers::read(url, &place()).expect("addresses").are_local();
        assert!(local("nats://127.0.0.1:1,nats://localhost:2,nats://[::1]:3"));
        assert!(!local("nats://127.0.0.1:1,nats://10.0.0.1:2"));
    }
}
