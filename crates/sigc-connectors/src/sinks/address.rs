//! Addresses of services: what a pipeline file must not say in them, and what a message may repeat.

use sigc_catalog::{ArgProblem, Args, DEDUP_KEY};

/// The choices of a step's `tls`.
pub const TLS: &[&str] = &["verify", "disable"];

/// The fault of an address that is written into a pipeline file: another scheme, or a password that everybody who reads
/// the file sees. What comes from the environment or a file is looked at when the sink is opened.
pub(crate) fn check(param: &'static str, text: &str, schemes: &[&str], example: &str) -> Option<ArgProblem> {
    if text.starts_with("${") {
        return None;
    }
    for one in text.split(',') {
        let Some((scheme, rest)) = one.trim().split_once("://") else { return Some(no_address(param, example)) };
        if !schemes.contains(&scheme) || rest.is_empty() {
            return Some(no_address(param, example));
        }
        let userinfo = authority(rest).rsplit_once('@').map(|(user, _)| user);
        if userinfo.is_some_and(|u| u.contains(':')) {
            return Some(ArgProblem {
                param,
                message: format!("`{param}` has a password in it, and a pipeline file is no place for one"),
                help: Some("write `password: ${env.NAME}`, or the whole address as `${env.NAME}`".into()),
            });
        }
    }
    None
}

fn no_address(param: &'static str, example: &str) -> ArgProblem {
    ArgProblem {
        param,
        message: format!("`{param}` is no address of such a service"),
        help: Some(format!("write it like `{example}`, or as `${{env.NAME}}`")),
    }
}

/// The fault of a `dedup_key` that leaves out half of what makes a row unique.
pub(crate) fn check_key(args: &Args) -> Option<ArgProblem> {
    let key = args.get(&DEDUP_KEY.optional())?;
    let whole = ["ts", "symbol"].iter().all(|k| key.iter().any(|c| c == k));
    (!whole).then(|| ArgProblem {
        param: DEDUP_KEY.name(),
        message: "`dedup_key` without both `ts` and `symbol` would drop rows that are not the same".into(),
        help: Some("write `dedup_key: [ts, symbol]`, or leave it out".into()),
    })
}

/// What stands between the scheme and the path.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

/// `host:port` of an address, without user, password, path and options.
pub fn shown(url: &str) -> String {
    let one = |one: &str| {
        let rest = one.trim().split_once("://").map_or(one.trim(), |(_, rest)| rest);
        // A password may hold a `/`: what follows the last `@` is the host.
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        authority(rest).to_owned()
    };
    url.split(',').map(one).collect::<Vec<_>>().join(",")
}

/// True for a host that is this machine: nothing that is sent to it can be read on the way.
pub fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_without_repeating_secrets() {
        let check = |text: &str| check("url", text, &["nats", "tls"], "nats://HOST:4222").map(|p| p.message);
        assert_eq!(check("nats://a:4222, tls://b:4222"), None);
        assert_eq!(check("nats://user@a:4222"), None);
        assert_eq!(check("${env.X}"), None);
        for bad in ["a:4222", "http://a:4222", "nats://", ""] {
            assert_eq!(check(bad).as_deref(), Some("`url` is no address of such a service"), "{bad}");
        }
        let message = check("nats://user:hunter2@a:4222").expect("refused");
        assert!(message.contains("password") && !message.contains("hunter2"), "{message}");
    }

    #[test]
    fn what_is_shown_has_no_user() {
        for (url, wanted) in [
            ("postgres://u:p@db:5432/x?sslmode=require", "db:5432"),
            ("postgres://u:p/a@s@db/x", "db"),
            ("nats://t@a:1,nats://b:2", "a:1,b:2"),
            ("db:5432", "db:5432"),
        ] {
            assert_eq!(shown(url), wanted);
        }
    }

    #[test]
    fn local_hosts_are_told_from_others() {
        for host in ["localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]", "/var/run/postgresql"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["db", "10.0.0.1", "localhost.example.com", "0.0.0.0", ""] {
            assert!(!is_local(host), "{host}");
        }
    }
}
