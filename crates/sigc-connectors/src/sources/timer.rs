//! `data.timer`: rows on the clock, to which other frames are joined.
//!
//! A frame of a venue has a row where the venue has a bar. A timer's frame has one row per interval, whatever the
//! venues do; it holds nothing until `transforms.align` joins columns to it. A row is there as soon as its time is
//! over: live by the clock, with recorded bars over the time that the other sources' bars cover.

use sigc_catalog::{DataStep, INTERVAL, Info, LABEL, UNIVERSE};

/// The step's name.
pub const TIMER: &str = "data.timer";

pub(super) static STEP: DataStep = DataStep {
    info: Info {
        name: TIMER,
        capability: "shared",
        summary: "rows on the clock, one per interval and symbol",
        doc: "A frame without bars: every interval has its row, and `transforms.align` joins columns of other frames \
              to it, each as of the row's close. Recorded bars need no file for it: its rows cover the time of the \
              other sources' bars.",
        params: &[&UNIVERSE, &INTERVAL, &LABEL],
    },
    fields: &[],
    intervals: &[],
    respell: |_| None,
    request: None,
    check: |_| Vec::new(),
};
