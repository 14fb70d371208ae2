//! Child processes in any language that speak JSON lines.
//!
//! A [`Program`] is started into a [`Conversation`]: one JSON object a line, ours on the child's standard input, its
//! own on its standard output. [`Conversation::start`] greets the child and waits until it is ready,
//! [`Conversation::ask`] sends a request and waits for its answer, [`Conversation::close`] ends it in good order.
//! [`Keeper`] starts a program again after it failed, with growing waits. `docs/process.md` describes the messages.
//!
//! **What must stay true.** Nothing waits longer than its deadline, whatever the child does. A child that broke the
//! rules is killed with its whole process group before the error is returned: no answer is ever taken for that of
//! another request. No child, thread or file descriptor outlives its conversation, but for a grandchild that has left
//! the group. There is no shell: the program and its arguments are handed to the system as they are.
//!
//! | module | holds |
//! | --- | --- |
//! | `program` | what to start: arguments, environment |
//! | `running` | the child, its threads, its end |
//! | `lines` | lines of bounded length |
//! | `conversation` | messages: greeting, requests, answers |
//! | `keeper` | starting again |
//! | `error` | what can go wrong |

mod conversation;
mod error;
mod keeper;
mod lines;
mod program;
mod running;

pub use conversation::{Conversation, Message, PROTOCOL, Ready};
pub use error::ProcessError;
pub use keeper::Keeper;
pub use program::Program;

/// A line from a child is at most so long: room for 100 000 numbers.
pub const MAX_LINE: usize = 4 << 20;
