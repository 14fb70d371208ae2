//! What an error means for the rows.

use sigc_runtime::SinkError;
use std::error::Error as _;
use tokio_postgres::Error;

/// What is known when something fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The sink, as messages name it.
    pub sink: &'a str,
    /// The server, without user and password.
    pub server: &'a str,
    /// Rows may have reached the server.
    pub sent: bool,
}

impl Place<'_> {
    /// The attempt took too long.
    pub fn timed_out(&self, ms: u32) -> SinkError {
        self.unavailable(format!("`{}` did not answer within {ms} ms", self.server), self.sent)
    }

    /// The server cannot be used now.
    pub fn unavailable(&self, reason: String, unknown: bool) -> SinkError {
        SinkError::Unavailable { sink: self.sink.to_owned(), reason, unknown }
    }

    /// The server refuses.
    pub fn denied(&self, reason: String, help: impl Into<String>) -> SinkError {
        SinkError::Denied { sink: self.sink.to_owned(), reason, help: help.into() }
    }

    /// The table does not fit.
    pub fn unfit(&self, reason: String, help: impl Into<String>) -> SinkError {
        SinkError::Unfit { sink: self.sink.to_owned(), reason, help: help.into() }
    }

    /// An error of the client or the server.
    pub fn failed(&self, error: &Error) -> SinkError {
        let Some(db) = error.as_db_error() else { return self.no_answer(error) };
        let code = db.code().code();
        // The detail may show a row's values and is left out.
        let said = format!("`{}` says: {} (SQLSTATE {code})", self.server, db.message());
        match meaning(code) {
            // The server rolled the statement back; only an end of the connection leaves the commit in doubt.
            Meaning::Later { in_doubt } => self.unavailable(said, in_doubt && self.sent),
            Meaning::Denied(help) => self.denied(said, help),
            Meaning::Unfit(help) => self.unfit(said, help),
        }
    }

    fn no_answer(&self, error: &Error) -> SinkError {
        let mut cause = error.source().map(ToString::to_string).unwrap_or_default();
        if cause.is_empty() {
            cause = error.to_string();
        }
        let what = error.to_string();
        if what.contains("TLS") {
            let help = "make the server's certificate one that this machine trusts (`ca: PATH` names who signed it) and \
                        that is made out to the host of `url`; `tls: disable` does without TLS";
            // A connection that breaks off is no refusal of a certificate.
            let broke = error.source().and_then(|e| e.downcast_ref::<std::io::Error>()).is_some_and(|e| {
                e.kind() != std::io::ErrorKind::InvalidData && e.kind() != std::io::ErrorKind::InvalidInput
            });
            if !broke {
                return self.denied(format!("no TLS with `{}`: {cause}", self.server), help);
            }
        }
        if what.contains("authentication") || what.contains("configuration") {
            let help = "set `user` and `password`, or check what `url` says";
            return self.denied(format!("cannot log in to `{}`: {cause}", self.server), help);
        }
        self.unavailable(format!("no connection to `{}`: {cause}", self.server), self.sent)
    }
}

/// What a SQLSTATE means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Another attempt may work.
    Later {
        /// The connection ended with it.
        in_doubt: bool,
    },
    /// It will be refused again.
    Denied(&'static str),
    /// The table changed.
    Unfit(&'static str),
}

const CHANGED: &str = "the table is not what it was when the sink was opened, or has rules of its own; `sigc check \
                       --online` says what does not fit";

/// The table of SQLSTATE classes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn meaning(code: &str) -> Meaning {
    let class = code.get(..2).unwrap_or_default();
    match (class, code) {
        // 3D000 while a server is being set up is a wrong name far more often.
        (_, "3D000") => Meaning::Denied("make the database, or name another one in `url`"),
        (_, "3F000") => Meaning::Unfit("make the schema (`CREATE SCHEMA`), or name another one in `table`"),
        (_, "42501") => Meaning::Denied("grant the user INSERT and SELECT on the table, and USAGE on its schema"),
        (_, "25006") => Meaning::Later { in_doubt: false }, // read-only: a standby, until it is promoted
        ("28", _) => Meaning::Denied("check `user` and `password`, and what the server's pg_hba.conf allows"),
        ("0A" | "42" | "21", _) => Meaning::Unfit(CHANGED),
        ("22" | "23" | "44" | "P0", _) => Meaning::Denied(
            "the server refuses these rows; look at the table's constraints, triggers and column types, then start the \
             run again",
        ),
        // 57P01 to 57P05: shut down, crashed, starting up, database dropped, idle too long.
        (_, "57P01" | "57P02" | "57P03" | "57P05") | ("08", _) => Meaning::Later { in_doubt: true },
        (_, "57P04") => Meaning::Denied("the database was dropped; make it again, or name another one in `url`"),
        // 25P03: the transaction was given up on by the server after the rows were sent.
        // 40, 53, 55, 57014, 58, XX and whatever else there may be.
        _ => Meaning::Later { in_doubt: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_are_told_apart() {
        for code in ["40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "58030", "25006", "XX000", "25P03"]
        {
            assert_eq!(meaning(code), Meaning::Later { in_doubt: false }, "{code}");
        }
        for code in ["08006", "08003", "57P01", "57P02", "57P03"] {
            assert_eq!(meaning(code), Meaning::Later { in_doubt: true }, "{code}");
        }
        for code in ["28P01", "28000", "42501", "3D000", "22003", "22001", "23502", "23514", "23505", "P0001"] {
            assert!(matches!(meaning(code), Meaning::Denied(_)), "{code}");
        }
        for code in ["42P01", "42703", "42P10", "42804", "3F000"] {
            assert!(matches!(meaning(code), Meaning::Unfit(_)), "{code}");
        }
        assert_eq!(meaning(""), Meaning::Later { in_doubt: false });
    }
}
