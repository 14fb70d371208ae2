//! From the text of a file to its tree: limits, slips, recovery, building.

use crate::mend::Mended;
use crate::recover::{self, Piece};
use crate::report::Reporter;
use crate::traps::{self, Trap};
use crate::{Node, Tree, build, words};
use granit_parser::ErrorKind;
use sigc_diag::{Diag, Diags, E0101, E0105, E0119, Span};

/// What a file may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text; 1 MiB by default.
    pub max_bytes: usize,
    /// Levels of nesting; 64 by default.
    pub max_depth: usize,
    /// Values after the expansion of aliases; 200,000 by default.
    pub max_nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_bytes: 1 << 20, max_depth: 64, max_nodes: 200_000 }
    }
}

/// Parses a pipeline file; reports every mistake it finds and goes on.
pub fn parse(text: &str, diags: &mut Diags) -> Tree {
    parse_with(text, &Limits::default(), diags)
}

/// Parses bytes that should be UTF-8; `None`, with E0119 at the first bad byte, if they are not.
pub fn parse_bytes(bytes: &[u8], diags: &mut Diags) -> Option<(String, Tree)> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some((text.to_owned(), parse(text, diags))),
        Err(error) => {
            let at = error.valid_up_to();
            let bad = error.error_len().unwrap_or(bytes.len() - at);
            diags.push(
                Diag::new(
                    &E0119,
                    Span::new(at, at + bad),
                    format!("byte {at} (0x{:02x}) is not valid UTF-8", bytes[at]),
                )
                .help("save the file as UTF-8"),
            );
            None
        }
    }
}

/// [`parse`] with other limits.
pub fn parse_with(text: &str, limits: &Limits, diags: &mut Diags) -> Tree {
    let mut report = Reporter::new(diags);
    let whole = Span::new(0, text.len());
    if text.len() > limits.max_bytes {
        let message = format!("the file has {} bytes, more than {}", text.len(), limits.max_bytes);
        report.push(Diag::new(&E0105, Span::new(0, 0), message).help("split the pipeline into several files"));
        return Tree { root: Node::hole(whole) };
    }
    let mended = mend(text, limits, &mut report);
    let sound = recover::recover(&mended.text, limits, |fault| {
        if report.wants(&E0101) || fault.kind == ErrorKind::RecursionLimitExceeded {
            report.push(words::diag(&fault, &mended, limits));
        }
    });
    let root = match sound {
        Some(sound) => build::build(&mended, &sound, limits, &mut report),
        None => Node::hole(whole),
    };
    Tree { root }
}

/// Reports slips and gives the text without them.
///
/// A mend that turns a good piece of the file into a bad one was none, and is dropped.
fn mend<'a>(text: &'a str, limits: &Limits, report: &mut Reporter) -> Mended<'a> {
    let mut traps = traps::find(text);
    if traps.is_empty() {
        return Mended::new(text, []);
    }
    let mut mended = Mended::new(text, inserts(&traps));
    let mut doubtful = vec![false; traps.len()];
    if recover::check(&mended.text, limits).is_some() {
        let verdicts = judge(text, &mended, &traps, limits);
        let mut verdict = verdicts.iter();
        traps.retain(|_| verdict.next() != Some(&Verdict::NoSlip));
        doubtful = verdicts.into_iter().filter(|v| *v != Verdict::NoSlip).map(|v| v == Verdict::Doubtful).collect();
        mended = Mended::new(text, inserts(&traps));
    }
    for (trap, doubtful) in traps.iter().zip(doubtful) {
        if report.wants(trap.code()) {
            report.push(trap.diag(text, !doubtful));
        }
    }
    mended
}

fn inserts(traps: &[Trap]) -> Vec<crate::mend::Insert> {
    let mut all: Vec<_> = traps.iter().flat_map(Trap::inserts).collect();
    all.sort_by_key(|i| i.at);
    all
}

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    /// The piece parses with the mend.
    Good,
    /// It does not parse either way.
    Doubtful,
    /// It only parses without.
    NoSlip,
}

/// Looks at each piece of the file with a slip, with and without its mends: at the whole of a top key, and if that is
/// bad for another reason, at the list item.
fn judge(text: &str, mended: &Mended, traps: &[Trap], limits: &Limits) -> Vec<Verdict> {
    let pieces = recover::pieces(&mended.text);
    let mut verdicts = Vec::with_capacity(traps.len());
    let mut tops = Memory::default();
    let mut leaves = Memory::default();
    let look = |(start, end): (usize, usize)| {
        let before = &text[mended.original(start)..mended.original(end)];
        match recover::check(&mended.text[start..end], limits) {
            None => Verdict::Good,
            Some(_) if recover::check(before, limits).is_none() => Verdict::NoSlip,
            Some(_) => Verdict::Doubtful,
        }
    };
    for trap in traps {
        let holds = |p: &Piece| mended.original(p.end) <= trap.start;
        let top = &pieces[pieces.partition_point(holds).min(pieces.len() - 1)];
        let mut verdict = tops.get((top.start, top.end), look);
        if verdict == Verdict::Doubtful {
            let item = top.items.get(top.items.partition_point(holds));
            let item = item.filter(|i| mended.original(i.start) <= trap.start);
            if let Some(item) = item {
                verdict = leaves.get((item.start, item.end), look);
            }
        }
        verdicts.push(verdict);
    }
    verdicts
}

/// The verdict on the range that was asked for last; slips come in the order of the text.
#[derive(Default)]
struct Memory(Option<((usize, usize), Verdict)>);

impl Memory {
    fn get(&mut self, range: (usize, usize), look: impl Fn((usize, usize)) -> Verdict) -> Verdict {
        match self.0 {
            Some((last, verdict)) if last == range => verdict,
            _ => self.0.insert((range, look(range))).1,
        }
    }
}
