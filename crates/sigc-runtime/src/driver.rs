//! How a sink is opened: what its step says, and the functions that connect.
//!
//! A sink is one folder: its step (pure facts, in the catalog) and its [`Driver`]. A program lists the drivers it was
//! built with; adding a sink is its folder and one line there.

use crate::{RecordSchema, Sink, SinkError};
use sigc_catalog::{Args, SinkStep};
use std::path::Path;

/// What a sink is opened with.
pub struct Opening<'a> {
    /// The step's arguments; what they took from the environment or from files is looked up.
    pub args: &'a Args,
    /// What its records are.
    pub schema: &'a RecordSchema,
    /// The folder that files go to instead: the rows of a simulation stay apart.
    pub apart: Option<&'a Path>,
    /// Child processes may be started.
    pub may_spawn: bool,
}

/// A sink that is open.
pub struct Opened {
    /// The sink.
    pub sink: Box<dyn Sink>,
    /// What a person may want to know: a torn line that was cut off.
    pub notes: Vec<String>,
}

impl Opened {
    /// A sink with nothing to say.
    pub fn plain(sink: impl Sink + 'static) -> Opened {
        Opened { sink: Box::new(sink), notes: Vec::new() }
    }
}

/// A sink's functions. They block; each attempt ends within the step's `timeout_ms`.
#[derive(Debug)]
pub struct Driver {
    /// The step it is for.
    pub step: &'static SinkStep,
    /// Opens the sink, and makes sure of its table, stream or file; fails on whatever would keep rows from being stored, before the first row.
    pub open: fn(&Opening<'_>) -> Result<Opened, SinkError>,
    /// Looks whether [`Driver::open`] would work and rows would fit, and changes nothing: one line for each thing it
    /// looked at. For `sigc check --online`.
    pub probe: fn(&Opening<'_>) -> Result<Vec<String>, SinkError>,
}
