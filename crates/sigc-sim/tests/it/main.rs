//! A simulated exchange as its clients see it: over sockets, with clients that share no code with it.

mod bulk;
mod captures;
mod faults;
mod lifecycle;
mod rest;
mod streams;
mod support;
