//! Whole runs in this process, against the simulated exchange over real sockets.

mod cycles;
mod stall;
mod world;
