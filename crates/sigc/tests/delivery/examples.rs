//! The example of each sink, as it stands: asked by `check --online`, run, and read.

use crate::exchange::{http, ok};
use crate::service::python;
use crate::world::{World, read};
use std::path::Path;
use std::process::{Command, Stdio};

/// What an example wants from its surroundings.
struct Example {
    name: &'static str,
    kind: &'static str,
    /// Its table or stream.
    table: &'static str,
    env: Vec<(&'static str, String)>,
    /// How fast, until when, and how many rows there must be at least.
    run: (&'static str, &'static str, usize),
}

/// Twenty minutes of three symbols.
const MINUTES: (&str, &str, usize) = ("600", "2026-01-05T00:20:00Z", 3 * 15);
/// Three hours of quarters, two symbols.
const QUARTERS: (&str, &str, usize) = ("3000", "2026-01-05T03:00:00Z", 2 * 9);

#[test]
fn the_examples_of_the_sinks_run() {
    let world = World::start("none");
    let at = |kind: &str| world.service(kind).proxy.address();
    http("POST", &at("clickhouse"), "/", "CREATE DATABASE signals");
    make_dynamodb_table(&at("dynamodb"));
    let (user, password) = ("postgres".to_owned(), "not-asked-for".to_owned());
    let examples = [
        Example {
            name: "clickhouse_sink",
            kind: "clickhouse",
            table: "signals.predictions",
            env: vec![
                ("CLICKHOUSE_URL", format!("http://{}", at("clickhouse"))),
                ("CLICKHOUSE_USER", "default".into()),
                ("CLICKHOUSE_PASSWORD", password.clone()),
            ],
            run: QUARTERS,
        },
        Example {
            name: "dynamodb",
            kind: "dynamodb",
            table: "signals",
            env: vec![
                ("AWS_ENDPOINT_URL", format!("http://{}", at("dynamodb"))),
                ("AWS_ACCESS_KEY_ID", "example".into()),
                ("AWS_SECRET_ACCESS_KEY", "example".into()),
            ],
            run: MINUTES,
        },
        Example {
            name: "nats",
            kind: "nats",
            table: "SIGNALS",
            env: vec![("NATS_URL", format!("nats://{}", at("nats")))],
            run: MINUTES,
        },
        Example {
            name: "postgres",
            kind: "postgres",
            table: "signals",
            env: vec![
                ("POSTGRES_URL", format!("postgres://{}/postgres", at("postgres"))),
                ("POSTGRES_USER", user),
                ("POSTGRES_PASSWORD", password),
            ],
            run: MINUTES,
        },
        Example {
            name: "webhook",
            kind: "webhook",
            table: "",
            env: vec![
                ("WEBHOOK_URL", format!("http://{}/rows", at("webhook"))),
                ("WEBHOOK_AUTH", "Bearer example".into()),
                ("WEBHOOK_KEY", "a key that is shared".into()),
            ],
            run: QUARTERS,
        },
    ];
    for Example { name, kind, table, env, run: (speed, until, least) } in examples {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../examples/{name}.yaml"));
        let text = std::fs::read_to_string(path).expect("the example");
        // The server of the test asks for no credentials, and a file of them could not be made up.
        let text = text.replace("        credentials: ${env.NATS_CREDENTIALS}\n", "");
        std::fs::write(folder.path().join("p.yaml"), text).expect("the folder is ours");
        let sigc = |args: &[&str]| {
            let mut command = crate::exchange::sigc(folder.path());
            let out = command.args(args).envs(env.iter().cloned()).stdin(Stdio::null()).output().expect("it starts");
            let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
            assert!(out.status.success(), "{name} {args:?}:\n{said}");
            said
        };
        // The venue may be out of reach of a test; the sink is there.
        let mut check = crate::exchange::sigc(folder.path());
        let out = check.args(["check", "--online", "p.yaml"]).envs(env.iter().cloned()).output().expect("it starts");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(
            ["will be made", "will make it", " fits", "answers"].iter().any(|s| said.contains(s)),
            "{name}: {said}"
        );
        sigc(&["run", "p.yaml", "--simulate", "--to-real-sinks", "--speed", speed, "--until", until]);
        let rows = read(kind, &world.service(kind).reader(), table);
        assert!(rows.len() >= least, "{name}: {} rows", rows.len());
        println!("{name}: {} rows", rows.len());
    }
    ok(world.path(), &["check", "pipeline.yaml"]);
}

/// As the sink's page says, with the time to live that the example writes.
fn make_dynamodb_table(address: &str) {
    let script = format!(
        "import boto3\n\
         c = boto3.client('dynamodb', endpoint_url='http://{address}', region_name='eu-central-1', \
         aws_access_key_id='x', aws_secret_access_key='x')\n\
         c.create_table(TableName='signals', BillingMode='PAY_PER_REQUEST', \
         AttributeDefinitions=[dict(AttributeName='pk', AttributeType='S'), dict(AttributeName='sk', AttributeType='N')], \
         KeySchema=[dict(AttributeName='pk', KeyType='HASH'), dict(AttributeName='sk', KeyType='RANGE')])\n\
         c.update_time_to_live(TableName='signals', \
         TimeToLiveSpecification=dict(Enabled=True, AttributeName='expires_at'))\n"
    );
    let made = Command::new(python()).args(["-c", &script]).status().expect("python starts");
    assert!(made.success());
}
