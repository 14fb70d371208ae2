//! Which row wins among equal extremes: a parameter of `argmax` and `argmin`.

use sigc_catalog::{Args, Param};
use sigc_plan::Ties;

pub(super) const TIES: Param<String> =
    Param::choice("ties", "which row wins among equal values: the oldest or the newest", &["first", "last"])
        .default("first");

pub(super) fn ties(args: &Args) -> Ties {
    if args.get(&TIES) == "last" { Ties::Last } else { Ties::First }
}
