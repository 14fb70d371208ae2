//! For service tests: the real servers that sinks write to, and a network between that can be made to fail.
//!
//! [`server`] starts and kills NATS, PostgreSQL, a DynamoDB and a ClickHouse; [`proxy`] stands between a client and
//! one of them. `.ci/services` installs the servers and says where they are by `SIGC_SERVICES`; a test without it says
//! so and fails, so that nothing passes for want of a server.

pub mod proxy;
pub mod server;

pub use proxy::{Fault, Proxy};
pub use server::Server;
