//! Tasks around the machines: sockets, requests, sinks, metrics, shutdown.
//!
//! [`run()`](run::run) is the way in: it takes a [`RunSpec`](spec::RunSpec) and gives a [`Summary`](run::Summary).
//!
//! * [`net`] speaks to venues: connections, requests, archives, limits, clocks.
//! * `source` carries out what a data step's feed orders, `source_table` where the bars stand in a table; `compute` owns the conductor on a thread of its own; `store`
//!   and [`deliver`] are the journal's and the sinks' threads; [`run`](mod@run) starts and ends them all.
//! * [`observe`] has logs, metrics and the status page, [`watch`] feeds them.
//!
//! Every task has an owner that awaits it, every queue a bound, every wait on the network a limit.

mod compute;
pub mod deadline;
pub mod deliver;
pub mod net;
pub mod observe;
pub mod pace;
pub mod run;
mod source;
mod source_table;
pub mod spec;
mod store;
pub mod watch;
