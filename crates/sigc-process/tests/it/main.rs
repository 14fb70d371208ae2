//! Conversations with children that keep to the protocol, and with all kinds of others. The children are written in
//! Python; each says in a line what it does.

use sigc_process::{Conversation, Keeper, Message, ProcessError, Program};
use std::time::{Duration, Instant};

/// Long enough for a Python to start on a busy machine.
const START: Duration = Duration::from_secs(20);
/// A deadline that is meant to pass.
const SHORT: Duration = Duration::from_millis(150);

/// What every child begins with: `say` sends a message, `hear` reads one.
const PRELUDE: &str = "
import json, os, signal, subprocess, sys, time
def say(m): sys.stdout.write((m if isinstance(m, str) else json.dumps(m)) + '\\n'); sys.stdout.flush()
def hear():
    line = sys.stdin.readline()
    if not line: sys.exit(0)
    m = json.loads(line)
    if m['type'] == 'close': sys.exit(0)
    return m
def ready(): hear(); say({'type': 'ready', 'protocol': 1, 'version': 'v1'})
";
/// A child that answers every request with its id and its process number.
const ECHO: &str = "
ready()
while True:
    m = hear()
    say({'type': 'pong', 'id': m['id'], 'pid': os.getpid(), 'x': m.get('x')})
";

fn program(script: &str) -> Program {
    let command = ["python3", "-c", &format!("{PRELUDE}{script}")].map(str::to_owned).to_vec();
    Program { name: "test".into(), command, env: Vec::new() }
}

fn start(script: &str) -> Result<Conversation, ProcessError> {
    Conversation::start(&program(script), Message::new(), START)
}

fn started(script: &str) -> Conversation {
    start(script).unwrap_or_else(|e| panic!("{e}"))
}

fn ping(c: &mut Conversation, limit: Duration) -> Result<Message, ProcessError> {
    c.ask("ping", "pong", |out| out.extend_from_slice(b",\"x\":0.1"), Instant::now() + limit)
}

/// Asks a child that first keeps to the protocol and then does `what`; gives the error, and that it came at once.
fn fault(what: &str, limit: Duration) -> ProcessError {
    let mut c = started(&format!("ready()\nm = hear()\n{what}\n"));
    let begun = Instant::now();
    let error = ping(&mut c, limit).expect_err(what);
    assert!(begun.elapsed() < limit + Duration::from_secs(5), "{what}: {:?}", begun.elapsed());
    error
}

#[cfg(target_os = "linux")]
fn lives(pid: u64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn requests_are_answered_one_by_one() {
    let mut c = started(ECHO);
    assert_eq!(c.ready().version.as_deref(), Some("v1"));
    for id in 1..=50 {
        let answer = ping(&mut c, START).expect("an answer");
        assert_eq!((answer["id"].as_u64(), answer["x"].as_f64()), (Some(id), Some(0.1)));
    }
    c.close().expect("it ends when it is told to");
}

#[test]
fn whoever_breaks_the_rules_is_killed_with_a_reason() {
    let long = format!("sys.stdout.write('x' * {}); sys.stdout.flush(); time.sleep(60)", sigc_process::MAX_LINE + 1);
    let cases: &[(&str, &str)] = &[
        ("say('no json'); time.sleep(60)", "`no json` is not JSON"),
        ("say({'type': 'pong', 'id': m['id'], 'x': float('nan')}); time.sleep(60)", "no NaN and no Infinity"),
        ("say({'type': 'pong', 'id': m['id'], 'x': float('-inf')}); time.sleep(60)", "no NaN and no Infinity"),
        ("say({'type': 'pong', 'id': 1e400}); time.sleep(60)", "is not JSON"),
        ("say('{\"type\":\"pong\",\"id\":1e400}'); time.sleep(60)", "is not JSON"),
        ("say('[1]'); time.sleep(60)", "a message is a JSON object"),
        ("say({'type': 'pong', 'id': m['id'] + 1}); time.sleep(60)", "was answered with the id 2"),
        ("say({'type': 'pong'}); time.sleep(60)", "was answered with no id"),
        ("say({'type': 'ping', 'id': m['id']}); time.sleep(60)", "`pong` was expected, and came `ping`"),
        ("say({'id': m['id']}); time.sleep(60)", "a message without `type`"),
        ("sys.stdout.buffer.write(b'\\xff\\xfe\\n'); sys.stdout.flush(); time.sleep(60)", "is not JSON"),
        ("say('\\x1b[31mred'); time.sleep(60)", "` [31mred` is not JSON"),
        (&long, "a line is longer than"),
    ];
    for (what, wanted) in cases {
        let error = fault(what, START);
        assert!(matches!(error, ProcessError::Protocol(_)), "{what}: {error:?}");
        assert!(error.to_string().contains(wanted) || error.to_string().contains("[31mred"), "{what}: {error}");
    }
}

#[test]
fn a_line_too_many_is_not_taken_for_the_next_answer() {
    let mut c = started("ready()\nm = hear()\nfor i in (1, 2): say({'type': 'pong', 'id': i})\ntime.sleep(60)\n");
    ping(&mut c, START).expect("the first answer");
    // The surplus line is on its way; asked at once or later, it never counts as an answer.
    std::thread::sleep(Duration::from_millis(50));
    let error = ping(&mut c, START).expect_err("the second answer came before its request");
    assert!(error.to_string().contains("without being asked"), "{error}");
    assert!(!c.is_alive());
}

#[test]
fn the_end_of_a_child_is_told_with_its_last_words() {
    let error = fault("sys.stderr.write('first\\nno such table\\n'); sys.exit(3)", START);
    let ProcessError::Ended { how, last_words } = &error else { panic!("{error:?}") };
    assert_eq!((how.as_str(), last_words.as_str()), ("exit status 3", "no such table"));
    let error = fault("os.kill(os.getpid(), signal.SIGSEGV); time.sleep(60)", START);
    assert!(matches!(&error, ProcessError::Ended { how, .. } if how == "signal 11"), "{error:?}");
    // It lives, and its output is closed.
    let error = fault("os.close(1); time.sleep(60)", START);
    assert!(matches!(error, ProcessError::Closed { .. }), "{error:?}");
}

#[test]
fn deadlines_hold_whatever_the_child_does() {
    let stubborn = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(60)";
    let half = "sys.stdout.write('{\"type\":'); sys.stdout.flush(); time.sleep(60)";
    for what in ["time.sleep(60)", stubborn, half, "os.close(0); time.sleep(60)"] {
        let error = fault(what, SHORT);
        assert!(matches!(error, ProcessError::Deadline { .. }), "{what}: {error:?}");
    }
    // It reads nothing, and the request is larger than a pipe.
    let mut c = started("ready()\ntime.sleep(60)\n");
    let large = |out: &mut Vec<u8>| {
        out.extend_from_slice(b",\"x\":\"");
        out.resize(out.len() + (8 << 20), b'x');
        out.push(b'"');
    };
    let begun = Instant::now();
    let error = c.ask("ping", "pong", large, begun + SHORT).expect_err("nobody reads it");
    assert!(matches!(error, ProcessError::Deadline { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn closing_ends_those_that_do_not_want_to() {
    let begun = Instant::now();
    let deaf = "ready()\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(60)\n";
    let slow = Conversation::start(&program(deaf), Message::new(), START).expect("ready");
    drop(slow);
    assert!(begun.elapsed() < START, "dropping kills at once");
    let error = started("ready()\nsys.stdin.readline()\nsys.exit(4)\n").close().expect_err("status 4");
    assert!(matches!(&error, ProcessError::Ended { how, .. } if how == "exit status 4"), "{error:?}");
    // Its last line came with its end: nothing is wrong with that.
    started("ready()\nsys.stdin.readline()\nsay({'type': 'closed'})\n").close().expect("it ended in order");
}

#[test]
fn greetings_that_go_wrong() {
    let starting = |script: &str| match Conversation::start(&program(script), Message::new(), START) {
        Err(error) => error,
        Ok(_) => panic!("{script} is not ready"),
    };
    let error = starting("hear()\nsay({'type': 'ready', 'protocol': 2})\ntime.sleep(60)");
    assert!(error.to_string().contains("version 2 of the protocol"), "{error}");
    let error = starting("hear()\nsay({'type': 'ready'})\ntime.sleep(60)");
    assert!(error.to_string().contains("version none of the protocol"), "{error}");
    let error = starting("hear()\nsay({'type': 'error', 'retry': False, 'message': 'no disk'})\ntime.sleep(60)");
    assert!(matches!(&error, ProcessError::Refused { message, retry: false } if message == "no disk"), "{error:?}");
    let error = starting("raise SystemExit('no module named torch')");
    assert!(error.to_string().contains("said `no module named torch`"), "{error}");
    let late = Conversation::start(&program("time.sleep(60)"), Message::new(), SHORT);
    assert!(matches!(late, Err(ProcessError::Deadline { .. })));
    let none = Program { name: "t".into(), command: vec!["no-such-program-here".into()], env: Vec::new() };
    let none = Conversation::start(&none, Message::new(), START);
    assert!(matches!(none, Err(ProcessError::NotFound { .. })));
    let folder = Program { name: "t".into(), command: vec!["/".into()], env: Vec::new() };
    assert!(matches!(Conversation::start(&folder, Message::new(), START), Err(ProcessError::NotStarted { .. })));
}

#[test]
fn a_refusal_leaves_the_child_alive() {
    let mut c = started(
        "ready()\nwhile True:\n  m = hear()\n  say({'type': 'error', 'id': m['id'], 'retry': m['id'] == 1, 'message': 'full\\x07'})\n",
    );
    let error = ping(&mut c, START).expect_err("refused");
    assert!(matches!(&error, ProcessError::Refused { message, retry: true } if message == "full"), "{error:?}");
    let error = ping(&mut c, START).expect_err("refused again, by the same child");
    assert!(matches!(error, ProcessError::Refused { retry: false, .. }), "{error:?}");
    assert!(c.is_alive());
}

/// The environment is what `program.rs` lists, and what was asked for; arguments reach the program as they are.
#[test]
fn the_environment_is_clean_and_no_shell_reads_arguments() {
    let script = "hear()\nsay({'type': 'ready', 'protocol': 1})\nm = hear()\n\
                  say({'type': 'pong', 'id': m['id'], 'env': sorted(os.environ), 'args': sys.argv[1:]})\nhear()\n";
    let mut program = program(script);
    program.command.extend(["$HOME; rm -rf x".into(), "`id`".into(), "a b".into()]);
    // Cargo sets this one for every test.
    program.env = vec!["CARGO_MANIFEST_DIR".into()];
    let mut c = Conversation::start(&program, Message::new(), START).expect("ready");
    let answer = ping(&mut c, START).expect("an answer");
    assert_eq!(answer["args"], serde_json::json!(["$HOME; rm -rf x", "`id`", "a b"]));
    let names: Vec<&str> = answer["env"].as_array().expect("a list").iter().filter_map(|v| v.as_str()).collect();
    assert!(names.contains(&"PATH") && names.contains(&"CARGO_MANIFEST_DIR"), "{names:?}");
    assert!(!names.contains(&"CARGO_PKG_NAME"), "{names:?}");
    program.env = vec!["SIGC_TEST_NO_SUCH_VARIABLE".into()];
    let error = Conversation::start(&program, Message::new(), START).err().expect("not set");
    assert!(error.to_string().contains("SIGC_TEST_NO_SUCH_VARIABLE"), "{error}");
}

/// What a child has started ends with it, also if the child itself is killed.
#[cfg(target_os = "linux")]
#[test]
fn the_whole_group_is_killed() {
    let script = "ready()\nm = hear()\np = subprocess.Popen(['sleep', '60'])\n\
                  say({'type': 'pong', 'id': m['id'], 'pid': p.pid})\nhear()\ntime.sleep(60)\n";
    let mut c = started(script);
    let pid = ping(&mut c, START).expect("an answer")["pid"].as_u64().expect("a number");
    assert!(lives(pid));
    assert!(matches!(ping(&mut c, SHORT), Err(ProcessError::Deadline { .. })));
    let until = Instant::now() + Duration::from_secs(5);
    while lives(pid) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!lives(pid), "the grandchild has its parent's group");
}

/// A grandchild that has left the group keeps the pipes open; nothing waits for it.
#[test]
fn a_grandchild_that_left_the_group_holds_nobody_up() {
    let script = "ready()\nm = hear()\n\
                  p = subprocess.Popen(['sleep', '5'], start_new_session=True)\nsys.exit(0)\n";
    let mut c = started(script);
    let begun = Instant::now();
    assert!(matches!(ping(&mut c, SHORT), Err(ProcessError::Deadline { .. })), "its output is open still");
    drop(c);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

/// A hundred starts and ends, orderly and not, leave no descriptor, no thread and no zombie.
#[cfg(target_os = "linux")]
#[test]
fn a_hundred_starts_and_stops_leave_nothing() {
    use std::os::unix::process::CommandExt;
    // Other tests run beside this one and have children, too: this one needs a process of its own.
    if std::env::var_os("SIGC_TEST_ALONE").is_none() {
        let own = std::env::current_exe().expect("this program");
        let status = std::process::Command::new(own)
            .args(["--exact", "a_hundred_starts_and_stops_leave_nothing", "--nocapture"])
            .env("SIGC_TEST_ALONE", "1")
            .process_group(0)
            .status();
        assert!(status.expect("it starts").success());
        return;
    }
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).expect("Linux").count();
    let children = || {
        let me = std::process::id();
        std::fs::read_to_string(format!("/proc/self/task/{me}/children")).unwrap_or_default()
    };
    let shell = |script: &str| Program {
        name: "sh".into(),
        command: vec!["/bin/sh".into(), "-c".into(), script.into()],
        env: Vec::new(),
    };
    let ready = r#"read x; echo '{"type":"ready","protocol":1}'; "#;
    let mut before = None;
    for i in 0..100 {
        match i % 4 {
            0 => Conversation::start(&shell(&format!("{ready} read x; exit 0")), Message::new(), START)
                .and_then(Conversation::close)
                .expect("in order"),
            1 => drop(Conversation::start(&shell(&format!("{ready} sleep 60")), Message::new(), START).expect("ready")),
            2 => {
                let c = Conversation::start(&shell(&format!("{ready} read x; exit 7")), Message::new(), START);
                ping(&mut c.expect("ready"), START).expect_err("it ends");
            }
            _ => assert!(Conversation::start(&shell("echo nonsense"), Message::new(), START).is_err()),
        }
        // The first rounds open what stays open anyway.
        if i == 7 {
            before = Some((count("fd"), count("task")));
        }
    }
    assert_eq!(before, Some((count("fd"), count("task"))));
    assert_eq!(children(), "", "no child is left, not even a dead one");
}

#[test]
fn a_keeper_starts_again_and_answers_go_on() {
    let script =
        "ready()\nwhile True:\n  m = hear()\n  if m['id'] == 3: sys.exit(1)\n  say({'type': 'pong', 'id': m['id']})\n";
    let mut keeper =
        Keeper::start(program(script), Message::new(), START, Some("v1".into())).unwrap_or_else(|e| panic!("{e}"));
    let mut outcomes = Vec::new();
    for _ in 0..7 {
        let result = keeper.get(START).and_then(|up| ping(up, START));
        keeper.went(&result);
        outcomes.push(result.is_ok());
    }
    assert_eq!(outcomes, [true, true, false, true, true, false, true]);
    assert_eq!(keeper.restarts(), 2);
    keeper.close().expect("it ends in order");
    let wrong = Keeper::start(program(ECHO), Message::new(), START, Some("v2".into()));
    assert!(matches!(wrong, Err(ProcessError::Version { found, wanted }) if found == "v1" && wanted == "v2"));
}

/// A child that needs long to start does not hold up whoever asks: they learn that it is being started.
#[test]
fn a_keeper_waits_no_longer_than_it_may() {
    let marker = tempfile::NamedTempFile::new().expect("a scratch file");
    let path = marker.path().display().to_string();
    // The first time it is quick and ends with the first request; then it is never ready.
    let script = format!(
        "n = os.path.getsize({path:?})\nopen({path:?}, 'a').write('x')\nif n: time.sleep(60)\nready()\nhear()\nsys.exit(1)\n"
    );
    let mut keeper = Keeper::start(program(&script), Message::new(), START, None).unwrap_or_else(|e| panic!("{e}"));
    let result = keeper.get(START).and_then(|up| ping(up, START));
    assert!(matches!(&result, Err(ProcessError::Ended { .. })));
    keeper.went(&result);
    let begun = Instant::now();
    let error = keeper.get(SHORT).err().expect("it is being started");
    assert!(matches!(&error, ProcessError::Restarting(why) if why.contains("exit status 1")), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    keeper.close().expect("nothing runs");
}
