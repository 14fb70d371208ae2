//! `webhook`: rows of a run, sent to an address by HTTP. What is pure of it; the driver is in `sigc-sink-http`.

pub mod step;
