//! What can go wrong, and the script that says when.
//!
//! A script is a JSON array. An entry names a fault, when it holds, and whom it strikes:
//!
//! ```json
//! [{"at": "+10m", "fault": {"kind": "drop_tcp"}},
//!  {"every": "6h", "for": "30s", "fault": {"kind": "late_close", "ms": 24000}, "symbols": ["BTCUSDT"]},
//!  {"from": "+1h", "to": "+2h", "venue": "futures", "fault": {"kind": "http", "status": 503}}]
//! ```
//!
//! A fault **happens** (`drop_tcp`, `freeze`, `close`, `server_shutdown`) at the instants `at`, `every` and `from`
//! name, or it **holds** from there for `for`, a minute unless it is said, or until `to`. Without any time it always
//! holds. `times` ends it after that many frames or answers. A fault that concerns a closing frame looks at the bar's
//! close time.
//!
//! What a fault does to the truth: `gap`, `zero_bar` and `delist` change it, everywhere and at once. All others leave it
//! as it is and disturb how it is told: `revise` tells other values some time after the first ones, which stay the truth.
//! Throttled sinks are no fault of a venue and are not here.

use crate::moment::{Moment, Span};
use crate::venue::Venue;
use serde::{Deserialize, Serialize};
use sigc_market::{Interval, Symbol};

/// One kind of trouble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Connections end at once, without a closing handshake.
    DropTcp,
    /// Connections stay open and fall silent both ways (half open); the venue forgets them after `ms`, if given.
    Freeze {
        /// Venue time until the venue drops its end.
        #[serde(default)]
        ms: Option<Span>,
    },
    /// Connections are closed properly, with this code.
    Close {
        /// Such as 1000, 1001, 1008.
        code: u16,
        /// The text beside the code.
        #[serde(default)]
        reason: String,
    },
    /// The stream tells `serverShutdown` and closes `after_ms` later.
    ServerShutdown {
        /// From the announcement to the close.
        #[serde(default = "ten_minutes")]
        after_ms: Span,
    },
    /// No connection is accepted: the port refuses. Strikes all venues, which share it.
    Refuse,
    /// Closing frames come this much later; frames of the next bar come before them.
    LateClose {
        /// Beyond the usual lag.
        ms: Span,
    },
    /// Closing frames do not come.
    NeverClose,
    /// Closing frames come again.
    Dup {
        /// How many more.
        #[serde(default = "one")]
        copies: u32,
        /// Between two of them.
        #[serde(default = "one_ms")]
        after_ms: Span,
    },
    /// The closing frame comes after that of the next bar.
    Reorder,
    /// Bars that open in the range exist nowhere.
    Gap {
        /// First instant without bars.
        from: Moment,
        /// First instant with bars again.
        to: Moment,
    },
    /// Bars that open in the range have no trades: all prices are the close before them.
    ZeroBar {
        /// First instant without trades.
        from: Moment,
        /// First instant with trades again.
        to: Moment,
    },
    /// The bars that open at `t` are told with another close later: a second closing frame, another REST row.
    Revise {
        /// Open time.
        t: Moment,
        /// The new close is `close * (1 + delta)`, high and low widened to hold it.
        delta: f64,
        /// From the close to the revision.
        #[serde(default = "five_seconds")]
        after_ms: Span,
        /// Only bars of this interval.
        #[serde(default)]
        interval: Option<Interval>,
    },
    /// REST shows the state of that long ago.
    StaleRest {
        /// How old.
        ms: Span,
    },
    /// REST and bulk requests are answered like this.
    Http {
        /// Such as 429, 418, 500, 503.
        status: u16,
        /// Anything, JSON or not.
        #[serde(default)]
        body: String,
        /// Seconds for the `Retry-After` header.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Frames are broken: cut JSON, no JSON, compressed bytes, bytes that are no UTF-8, in turn.
    Malformed {
        /// Which share of the frames.
        #[serde(default = "all")]
        share: f64,
    },
    /// Frames have fields, and streams have messages, that no documentation knows.
    UnknownFields,
    /// Streams fall silent after their acknowledgement; the connection lives.
    Mute,
    /// The symbols stop trading at `t` and are listed as settling.
    Delist {
        /// First instant without bars.
        t: Moment,
    },
    /// The venue's clock is ahead by `ms`. When it ends the clock stands still, it never runs back.
    Skew {
        /// How far ahead.
        ms: Span,
    },
    /// The daily archive of `day`, and the monthly one it is in, are not there.
    MissingZip {
        /// `2026-01-04`.
        day: String,
    },
    /// Checksum files do not fit their archives.
    BadChecksum,
    /// Futures archives are in microseconds too.
    UsTimestamps,
    /// Futures archives have no header line.
    NoHeader,
    /// Subscriptions are refused with an error.
    AckRefuse,
}

impl Fault {
    /// True for a fault that happens at an instant; the others hold for a time.
    pub fn is_blow(&self) -> bool {
        matches!(self, Fault::DropTcp | Fault::Freeze { .. } | Fault::Close { .. } | Fault::ServerShutdown { .. })
    }

    /// The length of time it speaks of, which cannot be negative.
    fn length(&self) -> Option<Span> {
        match self {
            Fault::Freeze { ms } => *ms,
            Fault::LateClose { ms } | Fault::StaleRest { ms } => Some(*ms),
            Fault::ServerShutdown { after_ms } | Fault::Dup { after_ms, .. } | Fault::Revise { after_ms, .. } => {
                Some(*after_ms)
            }
            _ => None,
        }
    }

    /// True if it changes the bars themselves.
    pub fn changes_truth(&self) -> bool {
        matches!(self, Fault::Gap { .. } | Fault::ZeroBar { .. } | Fault::Delist { .. })
    }
}

/// A closing frame is repeated at most so often.
const MOST_COPIES: u32 = 100;

fn one() -> u32 {
    1
}

fn one_ms() -> Span {
    Span(1)
}

fn all() -> f64 {
    1.0
}

fn five_seconds() -> Span {
    Span(5_000)
}

fn ten_minutes() -> Span {
    Span(600_000)
}

/// A fault, when, and for whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Once, at this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// Again and again, counted from `from` or the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// The first instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// The first instant it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Moment>,
    /// How long it holds after `at` and each `every`; a minute if absent.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Span>,
    /// How many frames or answers it strikes before it is spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Only these symbols; a connection is struck if it carries one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbols: Option<Vec<Symbol>>,
    /// Only this venue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub venue: Option<Venue>,
    /// What goes wrong.
    pub fault: Fault,
}

impl From<Fault> for Entry {
    /// The fault, always and for all.
    fn from(fault: Fault) -> Entry {
        Entry {
            at: None,
            every: None,
            from: None,
            to: None,
            lasting: None,
            times: None,
            symbols: None,
            venue: None,
            fault,
        }
    }
}

impl Entry {
    /// The same for these symbols only.
    pub fn of(mut self, symbols: impl IntoIterator<Item = Symbol>) -> Entry {
        self.symbols = Some(symbols.into_iter().collect());
        self
    }

    /// The same at this venue only.
    pub fn on(mut self, venue: Venue) -> Entry {
        self.venue = Some(venue);
        self
    }

    /// The same at this instant only.
    pub fn at(mut self, at: impl Into<Moment>) -> Entry {
        self.at = Some(at.into());
        self
    }

    /// The same from one instant to another.
    pub fn within(mut self, from: impl Into<Moment>, to: impl Into<Moment>) -> Entry {
        (self.from, self.to) = (Some(from.into()), Some(to.into()));
        self
    }

    /// The same, lasting this long.
    pub fn lasting(mut self, ms: i64) -> Entry {
        self.lasting = Some(Span(ms));
        self
    }

    /// The same for so many frames or answers only.
    pub fn times(mut self, times: u32) -> Entry {
        self.times = Some(times);
        self
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.at.is_some() && (self.every.is_some() || self.from.is_some() || self.to.is_some()) {
            return Err("`at` excludes `every`, `from` and `to`");
        }
        if self.every.is_some_and(|span| span.0 < 1) || self.lasting.is_some_and(|span| span.0 < 1) {
            return Err("`every` and `for` must be longer than nothing");
        }
        if self.fault.length().is_some_and(|ms| ms.0 < 0) {
            return Err("a length of time is not negative");
        }
        match self.fault {
            Fault::Dup { copies, .. } if copies > MOST_COPIES => Err("`copies` is at most 100"),
            Fault::Http { status, .. } if !(100..=599).contains(&status) => Err("an HTTP status is 100 to 599"),
            Fault::Close { code, .. } if !(1000..=4999).contains(&code) => Err("a close code is 1000 to 4999"),
            Fault::Revise { delta, .. } if !(delta.is_finite() && delta > -1.0) => Err("`delta` must be above -1"),
            Fault::Malformed { share } if !(0.0..=1.0).contains(&share) => Err("`share` must be within 0 and 1"),
            _ => Ok(()),
        }
    }
}

/// All entries of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Script(pub Vec<Entry>);

impl Script {
    /// Reads a script.
    pub fn from_json(text: &str) -> Result<Script, String> {
        let script: Script = serde_json::from_str(text).map_err(|e| e.to_string())?;
        script.check().map(|()| script)
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        for (i, entry) in self.0.iter().enumerate() {
            entry.check().map_err(|what| format!("{i}: {what}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_round_trips_through_json() {
        let text = r#"[{"at":"+10m","fault":{"kind":"drop_tcp"}},
            {"every":"6h","for":"30s","fault":{"kind":"late_close","ms":24000},"symbols":["BTCUSDT"]},
            {"from":"+1h","to":"+2h","venue":"futures","fault":{"kind":"http","status":503}},
            {"fault":{"kind":"gap","from":"+1h","to":"+2h"}},
            {"times":3,"fault":{"kind":"malformed"}},
            {"fault":{"kind":"revise","t":60000,"delta":0.01}}]"#;
        let script = Script::from_json(text).expect("a script");
        assert_eq!(script.0.len(), 6);
        let again = serde_json::to_string(&script).expect("serializes");
        assert_eq!(Script::from_json(&again), Ok(script));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        for (text, part) in [
            (r#"[{"at":1,"every":5,"fault":{"kind":"refuse"}}]"#, "0: `at` excludes"),
            (r#"[{"fault":{"kind":"refuse"}},{"fault":{"kind":"http","status":99}}]"#, "1: an HTTP status"),
            (r#"[{"fault":{"kind":"throttle_sink"}}]"#, "throttle_sink"),
            (r#"[{"fault":{"kind":"close","code":5}}]"#, "close code"),
            (r#"[{"fault":{"kind":"late_close","ms":-1}}]"#, "not negative"),
            (r#"[{"fault":{"kind":"dup","copies":101}}]"#, "at most 100"),
            (r#"[{"when":1,"fault":{"kind":"refuse"}}]"#, "when"),
        ] {
            let error = Script::from_json(text).expect_err(text);
            assert!(error.contains(part), "{error}");
        }
    }
}
