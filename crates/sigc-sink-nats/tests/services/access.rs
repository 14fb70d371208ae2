//! Users, tokens, keys, permissions, TLS.

use crate::world::{World, args, probe, rows, text, try_open};
use sigc_catalog::Value;
use sigc_runtime::SinkError;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Opening and looking are refused; no message has the secret.
fn denied(at: &str, more: &[(&'static str, Value)], part: &str) -> String {
    let args = args(at, more);
    let error = try_open(&args).err().expect(part);
    assert!(matches!(error, SinkError::Denied { .. }) && error.to_string().contains(part), "{part}: {error:?}");
    assert_eq!(probe(&args).expect_err(part).code(), "E0541");
    let all = format!("{error} {} {error:?}", error.help());
    assert!(!all.contains("hunter2") && !all.contains("s3cret"), "{all}");
    error.to_string()
}

#[test]
fn users_and_passwords() {
    let world =
        World::start_with(&["--user", "u", "--pass", "s3cret"], |o| o.user_and_password("u".into(), "s3cret".into()));
    world.stream();
    let at = world.address();
    let said = format!("nats `S`: `{at}` does not let this user in");
    for more in [
        vec![],
        vec![("user", text("u")), ("password", text("hunter2"))],
        vec![("url", text(&format!("nats://u:hunter2@{at}")))],
        vec![("token", text("hunter2"))],
    ] {
        assert_eq!(denied(&at, &more, "does not let this user in"), said);
    }
    for more in [
        vec![("user", text("u")), ("password", text("s3cret"))],
        vec![("url", text(&format!("nats://u:s3cret@{at}")))],
        vec![("url", text(&format!("nats://u:hunter2@{at}"))), ("user", text("u")), ("password", text("s3cret"))],
    ] {
        try_open(&args(&at, &more)).expect("let in").sink.write(&rows(0, 2)).expect("stored");
    }
    world.has(0, 2);
}

/// Accounts: of the one who makes streams, of a user who may do the least that is needed, of some who may do less, of a
/// key, and one without JetStream.
const CONFIG: &str = r#"
accounts {
  A {
    jetstream: enabled
    users: [
      {user: admin, password: s3cret}
      {user: least, password: s3cret, permissions: {
        publish: ["signals.>", "$JS.API.STREAM.INFO.S", "$JS.API.STREAM.MSG.GET.S"], subscribe: "_INBOX.>"}}
      {user: reader, password: s3cret, permissions: {
        publish: ["$JS.API.STREAM.INFO.S", "$JS.API.STREAM.MSG.GET.S"], subscribe: "_INBOX.>"}}
      {user: blind, password: s3cret, permissions: {publish: "signals.>", subscribe: "_INBOX.>"}}
      {user: deaf, password: s3cret, permissions: {publish: ">", subscribe: {deny: ">"}}}
      {nkey: UALDXRRGCJ6ZHC6V7AFP2C7JOJ4LMUOAAAS3PYJSZYF7IPSJVOJLDWK2}
    ]
  }
  B {users: [{user: plain, password: s3cret}]}
}
"#;

#[test]
fn permissions_and_accounts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nats.conf");
    std::fs::write(&path, CONFIG).expect("written");
    let world = World::start_with(&["-c", path.to_str().expect("a path")], |o| {
        o.user_and_password("admin".into(), "s3cret".into())
    });
    world.stream();
    let at = world.address();
    let user = |name: &str| [("user", text(name)), ("password", text("s3cret"))];
    let mut sink = try_open(&args(&at, &user("least"))).expect("may write").sink;
    sink.write(&rows(0, 2)).expect("stored");
    assert!(probe(&args(&at, &user("least"))).is_ok());
    // Said at once, and not when the attempt's time is over.
    let begun = Instant::now();
    denied(&at, &user("reader"), "Permissions Violation for Publish to \"signals.demo.bars.score.%\"");
    denied(&at, &user("blind"), "Permissions Violation for Publish to \"$JS.API.STREAM.INFO.S\"");
    denied(&at, &user("deaf"), "Permissions Violation for Subscription");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());

    let plain = try_open(&args(&at, &user("plain"))).err().expect("no JetStream");
    assert!(
        matches!(plain, SinkError::Unfit { .. }) && plain.help().contains("JetStream"),
        "{plain:?} {}",
        plain.help()
    );

    // A pair of keys made for this test.
    let nkey = [("nkey", text("SUAEKQDWQ5P53F3DEZPCTNGKQN3E3OBUXKLQMEOY32ROHTEOCRTJYP5EBA\n"))];
    try_open(&args(&at, &nkey)).expect("let in").sink.write(&rows(2, 3)).expect("stored");
    denied(&at, &[("nkey", text("hunter2"))], "does not let this user in");
    denied(&at, &[("credentials", text("hunter2"))], "`credentials` is no credentials file");
    world.has(0, 3);
}

#[test]
fn tokens() {
    let world = World::start_with(&["--auth", "s3cret"], |o| o.token("s3cret".into()));
    world.stream();
    let at = world.address();
    denied(&at, &[("token", text("hunter2"))], "does not let this user in");
    for more in [("token", text("s3cret")), ("url", text(&format!("nats://s3cret@{at}")))] {
        try_open(&args(&at, &[more])).expect("let in").sink.write(&rows(0, 2)).expect("stored");
    }
    world.has(0, 2);
}

/// A server whose users come with a file each: `keys/ABOUT.md`.
#[test]
fn credentials() {
    const CREDENTIALS: &str = include_str!("keys/user.creds");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services/keys/accounts.conf");
    let world =
        World::start_with(&["-c", path.to_str().expect("a path")], |o| o.credentials(CREDENTIALS).expect("fits"));
    world.stream();
    let at = world.address();
    let mut sink = try_open(&args(&at, &[("credentials", text(CREDENTIALS))])).expect("let in").sink;
    sink.write(&rows(0, 2)).expect("stored");
    world.has(0, 2);
    // The key of another user.
    let seed = CREDENTIALS.lines().find(|l| l.starts_with("SU")).expect("a seed");
    let other = CREDENTIALS.replace(seed, "SUAEKQDWQ5P53F3DEZPCTNGKQN3E3OBUXKLQMEOY32ROHTEOCRTJYP5EBA");
    let error = try_open(&args(&at, &[("credentials", text(&other))])).err().expect("refused");
    assert!(matches!(error, SinkError::Denied { .. }) && !format!("{error:?}").contains("SUAEK"), "{error:?}");
    denied(&at, &[], "does not let this user in");
}

/// Runs `openssl` in a folder.
fn openssl(folder: &Path, arguments: &str) {
    let out = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().expect("openssl runs");
    assert!(out.status.success(), "{arguments}: {}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn certificates() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
    std::fs::write(at("san"), "subjectAltName=IP:127.0.0.1").expect("written");
    for name in ["ca", "other"] {
        openssl(
            folder.path(),
            &format!("req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.pem -subj /CN={name} -days 2"),
        );
    }
    openssl(folder.path(), "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=server");
    openssl(
        folder.path(),
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.pem",
    );
    // TLS or not, as the client wishes, so that the test's own reader needs no certificate.
    std::fs::write(
        at("nats.conf"),
        format!("tls {{cert_file: '{}', key_file: '{}'}}\nallow_non_tls: true\n", at("server.pem"), at("server.key")),
    )
    .expect("written");
    let world = World::start_with(&["-c", &at("nats.conf")], |o| o);
    world.stream();
    let server = world.address();
    let verify = [("tls", text("verify")), ("ca", text(&at("ca.pem")))];
    try_open(&args(&server, &verify)).expect("verified").sink.write(&rows(0, 2)).expect("stored");
    assert!(probe(&args(&server, &verify)).is_ok());
    world.has(0, 2);
    for ca in [Some("other.pem"), None, Some("missing.pem")] {
        let mut more = vec![("tls", text("verify"))];
        more.extend(ca.map(|ca| ("ca", text(&at(ca)))));
        let error = denied(&server, &more, "no connection");
        let part = if ca == Some("missing.pem") { "No such file" } else { "invalid peer certificate" };
        assert!(error.contains(part), "{error}");
    }
    // The name does not fit.
    let local = server.replace("127.0.0.1", "localhost");
    let error = denied(&local, &verify, "no connection");
    assert!(error.contains("invalid peer certificate"), "{error}");
    // A scheme asks for it as well.
    let error = denied(&server, &[("url", text(&format!("tls://{server}")))], "no connection");
    assert!(error.contains("invalid peer certificate"), "{error}");

    // A server that speaks no TLS gets neither password nor rows.
    let plain = World::start();
    plain.stream();
    let error = try_open(&args(&plain.address(), &verify)).err().expect("no TLS");
    assert!(matches!(error, SinkError::Denied { .. } | SinkError::Unavailable { .. }), "{error:?}");
}
