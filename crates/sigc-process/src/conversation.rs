//! Messages: one JSON object a line, a request and its answer at a time.

use crate::error::shown;
use crate::running::{Heard, Running};
use crate::{MAX_LINE, ProcessError, Program};
use serde_json::{Map, Value, json};
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

/// The version of the protocol: a child that answers another one is not talked to.
pub const PROTOCOL: u64 = 1;

/// At the end, the child's last answer is waited for; then it is told to end, and has this long before it is killed.
const TERMINATE_LIMIT: Duration = Duration::from_secs(1);

/// A message of a child.
pub type Message = Map<String, Value>;

/// What a child says of itself when it is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Its version, if it names one.
    pub version: Option<String>,
}

/// A child that is ready for requests.
pub struct Conversation {
    running: Running,
    next_id: u64,
    timeout: Duration,
    /// Set once the child was killed for what it did.
    dead: bool,
    ready: Ready,
}

impl Conversation {
    /// Starts the program, greets it with `hello` (and the protocol's version) and waits until it is ready.
    ///
    /// # Errors
    /// If it cannot be started, does not answer by `until`, or with anything else than that it is ready.
    pub fn start(program: &Program, mut hello: Message, timeout: Duration) -> Result<Conversation, ProcessError> {
        let running = Running::start(program)?;
        let ready = Ready { version: None };
        let mut own = Conversation { running, next_id: 1, timeout, dead: false, ready };
        let mut greeting = Message::new();
        greeting.insert("type".into(), "hello".into());
        greeting.insert("protocol".into(), PROTOCOL.into());
        greeting.append(&mut hello);
        let until = Instant::now() + timeout;
        let answer = own.exchange(line(&Value::Object(greeting)), "the greeting", until)?;
        match answer.get("type").and_then(Value::as_str) {
            Some("ready") => {}
            Some("error") => return Err(own.refused(&answer, true)),
            _ => return Err(own.broken(format!("`ready` was expected, and came {}", kind(&answer)))),
        }
        if answer.get("protocol").and_then(Value::as_u64) != Some(PROTOCOL) {
            let spoken = answer.get("protocol").map_or("none".into(), |p| shown(&p.to_string()));
            return Err(own.broken(format!("it speaks version {spoken} of the protocol, and this program {PROTOCOL}")));
        }
        own.ready.version = match answer.get("version") {
            None | Some(Value::Null) => None,
            Some(Value::String(version)) => Some(version.clone()),
            Some(other) => return Err(own.broken(format!("`version` is a text, not {}", shown(&other.to_string())))),
        };
        Ok(own)
    }

    /// What it said of itself.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// False once the child was killed for what it did, or is gone.
    pub fn is_alive(&self) -> bool {
        !self.dead
    }

    /// Asks, and gives the answer of type `wanted`. `body` appends further fields to the object, each beginning with a
    /// comma.
    ///
    /// # Errors
    /// [`ProcessError::Refused`] leaves the child as it is; after every other error it is dead.
    pub fn ask(
        &mut self,
        what: &'static str,
        wanted: &str,
        body: impl FnOnce(&mut Vec<u8>),
        until: Instant,
    ) -> Result<Message, ProcessError> {
        let id = self.next_id;
        self.next_id += 1;
        let mut request = format!("{{\"type\":\"{what}\",\"id\":{id}").into_bytes();
        body(&mut request);
        request.extend_from_slice(b"}\n");
        let answer = self.exchange(request, what, until)?;
        if answer.get("id").and_then(Value::as_u64) != Some(id) {
            let found = answer.get("id").map_or("no id".into(), |id| format!("the id {}", shown(&id.to_string())));
            return Err(self.broken(format!("the request {id} was answered with {found}")));
        }
        match answer.get("type").and_then(Value::as_str) {
            Some(kind) if kind == wanted => Ok(answer),
            Some("error") => Err(self.refused(&answer, false)),
            _ => Err(self.broken(format!("`{wanted}` was expected, and came {}", kind(&answer)))),
        }
    }

    /// The child broke the rules: it is killed. Gives the error that says so.
    pub fn broken(&mut self, how: String) -> ProcessError {
        self.kill();
        ProcessError::Protocol(how)
    }

    /// Tells the child to end and waits for it: first by a message and the end of its input, then by a signal, then it
    /// is killed.
    ///
    /// # Errors
    /// If it had to be killed, or ended with another status than 0.
    pub fn close(mut self) -> Result<(), ProcessError> {
        if self.dead {
            return Ok(());
        }
        self.running.send(line(&json!({"type": "close"})));
        self.running.no_more();
        let ended = self.running.wait_until(Instant::now() + self.timeout).or_else(|| {
            self.running.terminate();
            self.running.wait_until(Instant::now() + TERMINATE_LIMIT)?;
            None
        });
        match ended {
            Some(how) if how == "exit status 0" => {
                self.kill();
                Ok(())
            }
            Some(_) => Err(self.running.why_closed()),
            None => {
                self.kill();
                Err(ProcessError::Deadline { what: "`close`", ms: self.timeout.as_millis() })
            }
        }
    }

    fn kill(&mut self) {
        self.dead = true;
        self.running.kill();
    }

    /// One line there, one line back.
    fn exchange(&mut self, request: Vec<u8>, what: &'static str, until: Instant) -> Result<Message, ProcessError> {
        let begun = Instant::now();
        let result = self.heard(request, until);
        match result {
            Ok(Heard::Line(text)) => self.read(&text),
            Ok(Heard::TooLong) => Err(self.broken(format!("a line is longer than {MAX_LINE} bytes"))),
            Ok(Heard::Closed) => {
                self.dead = true;
                Err(self.running.why_closed())
            }
            Err(Some(how)) => Err(self.broken(how)),
            Err(None) => {
                self.kill();
                Err(ProcessError::Deadline { what, ms: until.saturating_duration_since(begun).as_millis() })
            }
        }
    }

    /// What it says to a request; the error is a breach of the rules, or nothing if the time is over.
    fn heard(&mut self, request: Vec<u8>, until: Instant) -> Result<Heard, Option<String>> {
        let Some(lines) = &self.running.lines else { return Ok(Heard::Closed) };
        match lines.try_recv() {
            Ok(Heard::Line(text)) => {
                let text = shown(&String::from_utf8_lossy(&text));
                return Err(Some(format!("it sent `{text}` without being asked")));
            }
            Ok(other) => return Ok(other),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(Heard::Closed),
        }
        if !self.running.send(request) {
            // It answers, and does not read: its input is full of earlier requests, or closed.
            return Err(Some("it does not read its input".into()));
        }
        match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(heard) => Ok(heard),
            Err(RecvTimeoutError::Timeout) => Err(None),
            Err(RecvTimeoutError::Disconnected) => Ok(Heard::Closed),
        }
    }

    fn read(&mut self, text: &[u8]) -> Result<Message, ProcessError> {
        match serde_json::from_slice::<Value>(text) {
            Ok(Value::Object(message)) => Ok(message),
            Ok(_) => {
                let text = shown(&String::from_utf8_lossy(text));
                Err(self.broken(format!("a message is a JSON object, not `{text}`")))
            }
            Err(_) => {
                let text = String::from_utf8_lossy(text);
                let hint = if ["NaN", "Infinity", "nan", "inf"].iter().any(|word| text.contains(word)) {
                    "; JSON has no NaN and no Infinity, `null` says that there is no number"
                } else {
                    "; other output goes to standard error"
                };
                Err(self.broken(format!("`{}` is not JSON{hint}", shown(&text))))
            }
        }
    }

    /// The child's own refusal. After a greeting it ends the conversation.
    fn refused(&mut self, answer: &Message, greeting: bool) -> ProcessError {
        let message = answer.get("message").and_then(Value::as_str).unwrap_or("(it gave no `message`)");
        let retry = answer.get("retry").and_then(Value::as_bool).unwrap_or(true);
        if greeting {
            self.kill();
        }
        ProcessError::Refused { message: shown(message), retry }
    }
}

fn kind(message: &Message) -> String {
    match message.get("type").and_then(Value::as_str) {
        Some(kind) => format!("`{}`", shown(kind)),
        None => "a message without `type`".into(),
    }
}

fn line(message: &Value) -> Vec<u8> {
    let mut line = message.to_string().into_bytes();
    line.push(b'\n');
    line
}
