//! How a log line looks: RFC 3339 time in UTC, level, module, message, fields, and the id of the run.
//!
//! A line for programs is one JSON object: `run`, `timestamp`, `level`, `fields` with `message` among them, `target`,
//! and `spans` where there are any. A line for people has the same in words. Either is one line: what a venue sent
//! cannot begin another. Secrets are taken out here, before a line is cut to its longest length.

use super::files::LONGEST_LINE;
use crate::observe::redact::Redactor;
use serde_json::json;
use std::fmt;
use std::sync::Arc;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::registry::LookupSpan;

/// For whom lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// People.
    #[default]
    Human,
    /// Programs: a JSON object per line.
    Json,
}

/// What every line of a run shares.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) format: Format,
    pub(super) run: Arc<str>,
    pub(super) redactor: Redactor,
}

/// A formatter of tracing-subscriber whose lines get the run id, lose secrets, and end within their longest length.
pub(super) struct Shaped<F> {
    pub(super) inner: F,
    pub(super) shape: Shape,
}

impl<S, N, F> FormatEvent<S, N> for Shaped<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut text = String::with_capacity(256);
        self.inner.format_event(ctx, Writer::new(&mut text), event)?;
        let (level, target) = (event.metadata().level().as_str(), event.metadata().target());
        writer.write_str(&self.shape.finish(&text, level, target))
    }
}

impl Shape {
    /// A whole line, with its end, from what a formatter wrote.
    fn finish(&self, text: &str, level: &str, target: &str) -> String {
        let text = self.redactor.apply(text.trim_end_matches('\n'));
        let room = LONGEST_LINE - self.run.len().min(512) - 512;
        if text.len() > room {
            // Escaping can double what is kept.
            let kept = &text[..text.floor_char_boundary(room / 4)];
            return self.line(level, target, kept, Some(text.len()));
        }
        match self.format {
            Format::Json => match text.strip_prefix('{') {
                Some(rest) => format!("{{\"run\":{},{rest}\n", json!(&*self.run)),
                None => self.line(level, target, &text, None),
            },
            Format::Human => format!("{} run={}\n", text.replace('\n', "\\n").replace('\r', "\\r"), self.run),
        }
    }

    /// A line that no formatter wrote.
    pub(super) fn line(&self, level: &str, target: &str, message: &str, cut_from: Option<usize>) -> String {
        let mut time = String::new();
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        match self.format {
            Format::Json => {
                let mut fields = json!({ "message": message });
                if let Some(bytes) = cut_from {
                    fields["cut_from_bytes"] = json!(bytes);
                }
                let run = &*self.run;
                let line = json!({"run": run, "timestamp": time, "level": level, "fields": fields, "target": target});
                format!("{line}\n")
            }
            Format::Human => {
                let message = message.replace('\n', "\\n").replace('\r', "\\r");
                let cut = cut_from.map(|bytes| format!(" cut_from_bytes={bytes}")).unwrap_or_default();
                format!("{time} {level:>5} {target}: {message}{cut} run={}\n", self.run)
            }
        }
    }
}
