//! `clickhouse`: rows of a run in a table of a ClickHouse server. What is pure of it: the step, whether a table fits,
//! how rows are encoded. The driver is in `sigc-sink-http`.

pub mod rows;
pub mod step;
pub mod table;
