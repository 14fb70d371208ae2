//! The network layer against servers on loopback.

mod archive;
mod gate;
mod link;
mod peer;
mod rest;
mod web;

use sigc_live::pace::Pace;
use sigc_market::{Interval, Symbol};
use sigc_runtime::venue::Venue;

fn venue(name: &str) -> &'static dyn Venue {
    sigc_connectors::venue(name).expect("tests name venues that exist")
}

fn interval(text: &str) -> Interval {
    Interval::parse(text).expect("tests name intervals that exist")
}

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).expect("tests name symbols that can exist")
}

/// Fast, so that limits on I/O are at their floor of 400 ms.
fn fast() -> Pace {
    Pace::new(200.0)
}
