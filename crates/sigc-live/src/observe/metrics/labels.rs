//! The values that labels can have, where they do not come from the pipeline.

use sigc_runtime::live::entry::{OddityKind, Origin, RowFate};

/// A label with a fixed list of values.
pub(super) trait Label: Copy {
    /// Its name.
    const NAME: &'static str;
    /// Its values, in the order of [`Label::index`].
    const VALUES: &'static [&'static str];
    /// The place in [`Label::VALUES`].
    fn index(self) -> usize;
}

/// An enum whose variants are the values of a label.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident = $label:literal { $($(#[$vdoc:meta])* $variant:ident = $value:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl Label for $name {
            const NAME: &'static str = $label;
            const VALUES: &'static [&'static str] = &[$($value),+];
            fn index(self) -> usize { self as usize }
        }
    };
}

label! {
    /// Why a connection ended.
    LinkEnd = "reason" {
        /// It could not be made: name, network, handshake.
        NotMade = "not_made",
        /// The venue closed it, as it does once a day or for a message it does not like.
        Closed = "closed",
        /// It broke.
        Broken = "broken",
        /// Nothing came for too long.
        Silent = "silent",
        /// Another one had taken over.
        Replaced = "replaced",
        /// The run ends.
        Stopped = "stopped",
    }
}

label! {
    /// What was asked for.
    RequestKind = "kind" {
        /// Bars.
        Klines = "klines",
        /// An archive file.
        Archive = "archive",
        /// The venue's clock.
        Time = "time",
        /// The list of symbols.
        Instruments = "instruments",
        /// Rows of a table.
        Query = "query",
    }
}

label! {
    /// How a request ended.
    Outcome = "outcome" {
        /// With an answer.
        Answered = "answered",
        /// The venue wants a pause.
        Limited = "limited",
        /// The venue will not answer that.
        Refused = "refused",
        /// The venue failed.
        Server = "server_error",
        /// There was no answer in time.
        TimedOut = "timed_out",
        /// The connection broke.
        Broken = "broken",
        /// The answer is not what the venue documents.
        Unreadable = "unreadable",
    }
}

/// Why a bar is missing.
#[derive(Debug, Clone, Copy)]
pub(super) enum GapKind {
    Absent,
    Unrepaired,
}

impl Label for GapKind {
    const NAME: &'static str = "kind";
    const VALUES: &'static [&'static str] = &["absent", "unrepaired"];

    fn index(self) -> usize {
        self as usize
    }
}

impl Label for Origin {
    const NAME: &'static str = "origin";
    const VALUES: &'static [&'static str] = &["stream", "rest", "archive", "poll"];

    fn index(self) -> usize {
        match self {
            Origin::Stream => 0,
            Origin::Rest => 1,
            Origin::Archive => 2,
            Origin::Poll => 3,
        }
    }
}

impl Label for OddityKind {
    const NAME: &'static str = "kind";
    const VALUES: &'static [&'static str] = &["duplicate", "revised", "late"];

    fn index(self) -> usize {
        match self {
            OddityKind::Duplicate => 0,
            OddityKind::Revised => 1,
            OddityKind::Late => 2,
        }
    }
}

impl Label for &RowFate {
    const NAME: &'static str = "fate";
    const VALUES: &'static [&'static str] = &["emitted", "warmup", "quiet", "null_input", "model_failed", "skipped"];

    fn index(self) -> usize {
        match self {
            RowFate::Emitted { .. } => 0,
            RowFate::Warmup => 1,
            RowFate::Quiet => 2,
            RowFate::NullInput => 3,
            RowFate::ModelFailed => 4,
            RowFate::Skipped => 5,
        }
    }
}
