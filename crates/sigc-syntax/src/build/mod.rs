//! Parser events to the tree.
//!
//! Takes a text without syntax errors. Keeps its own stack, so nesting cannot overflow the program's; resolves aliases
//! and merge keys under a budget of nodes and bytes; gives scalars their YAML 1.2 meaning.

mod map;

use crate::mend::Mended;
use crate::recover::Sound;
use crate::report::Reporter;
use crate::schema;
use crate::{Limits, Node, Scalar, ScalarStyle, Typed, Value};
use granit_parser::{Event, Options, Parser, ScalarStyle as Style, StructureStyle, Tag, options};
use map::Pending;
use sigc_diag::{Diag, E0105, E0106, E0107, E0115, E0116, E0118, Span, W0101};
use std::collections::HashMap;

/// Options for every run of the parser over a text.
pub(crate) fn parser_options(limits: &Limits) -> Options {
    let mut options = options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: limits.max_depth,
        block_nesting_limit: limits.max_depth,
    };
    options.set_emit_comments(false);
    options
}

/// Builds the document's root; a hole if there is none or a limit was passed.
pub(crate) fn build(mended: &Mended, sound: &Sound, limits: &Limits, report: &mut Reporter) -> Node {
    let build = Build {
        mended,
        sound,
        limits,
        report,
        stack: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        spent: Weight::default(),
        expanded: 0,
        anchored: 0,
        skipping: 0,
    };
    build.run()
}

/// What a subtree costs.
#[derive(Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    bytes: usize,
    /// Levels of nesting, 1 for a scalar.
    height: usize,
}

/// A map or list whose end has not been seen.
struct Open {
    items: Items,
    start: usize,
    anchor: usize,
    /// Its tag was refused.
    refused: bool,
    weight: Weight,
    /// Original place of the content so far.
    span: Option<Span>,
}

enum Items {
    Seq(Vec<Node>),
    Map(Pending),
}

/// A limit was passed and reported.
struct Stop;

struct Build<'a, 'd> {
    mended: &'a Mended<'a>,
    sound: &'a Sound<'a>,
    limits: &'a Limits,
    report: &'a mut Reporter<'d>,
    stack: Vec<Open>,
    anchors: HashMap<usize, (Node, Weight)>,
    root: Option<Node>,
    spent: Weight,
    /// Nodes that came through aliases.
    expanded: usize,
    /// Nodes copied for anchors.
    anchored: usize,
    /// Levels below a place that is nested too deep.
    skipping: usize,
}

impl Build<'_, '_> {
    fn run(mut self) -> Node {
        let whole = Span::new(0, self.mended.original(self.mended.text.len()));
        let parser = Parser::new_from_str_with_options(&self.sound.text, parser_options(self.limits));
        let mut documents = 0;
        for event in parser {
            // The text was parsed before, so an error cannot come; the tree so far would be cut off.
            let Ok((event, span)) = event else { return Node::hole(whole) };
            let range = span.byte_range().unwrap_or(0..0);
            if let Event::DocumentStart(..) = event {
                documents += 1;
                if documents == 2 {
                    self.second_document(range.start);
                    break;
                }
            }
            let tag_at = span.tag_span().and_then(|s| s.byte_range());
            let tag_at = tag_at.map_or_else(|| self.span(range.start, range.end), |t| self.span(t.start, t.end));
            if self.event(event, range, tag_at).is_err() {
                return Node::hole(whole);
            }
        }
        let root = self.root.take().unwrap_or(Node { span: whole, value: empty_scalar() });
        let nothing = root.as_scalar().is_some_and(|s| s.typed == Typed::Null && s.text.is_empty());
        if !nothing {
            return root;
        }
        if self.sound.bad.is_empty() {
            let start = if self.mended.text.starts_with('\u{feff}') { 3 } else { 0 };
            self.report.push(
                Diag::new(&E0116, Span::new(start, start), "the file holds no pipeline")
                    .help("a pipeline has at least the keys `name`, `signal_generation` and `pipeline`"),
            );
        }
        Node::hole(whole)
    }

    fn span(&self, start: usize, end: usize) -> Span {
        self.mended.span(start, end)
    }

    fn second_document(&mut self, at: usize) {
        let len = if self.sound.text[at..].starts_with("---") { 3 } else { 0 };
        self.report.push(
            Diag::new(&E0116, self.span(at, at + len), "a second document starts here")
                .help("put each pipeline into a file of its own"),
        );
    }

    fn event(&mut self, event: Event, range: std::ops::Range<usize>, tag_at: Span) -> Result<(), Stop> {
        if self.skipping > 0 {
            match event {
                Event::MappingStart(..) | Event::SequenceStart(..) => self.skipping += 1,
                Event::MappingEnd | Event::SequenceEnd => self.skipping -= 1,
                _ => {}
            }
            return Ok(());
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(&text, style, tag.as_deref(), range, tag_at);
                let bytes = node.as_scalar().map_or(0, |s| s.text.len());
                self.spend(Weight { nodes: 1, bytes, height: 1 }, node.span, false)?;
                self.deliver(node, Weight { nodes: 1, bytes, height: 1 }, anchor)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.open(Items::Map(Pending::default()), style, anchor, tag.as_deref(), "map", range.start, tag_at)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.open(Items::Seq(Vec::new()), style, anchor, tag.as_deref(), "seq", range.start, tag_at)
            }
            Event::MappingEnd | Event::SequenceEnd => self.close(range.end),
            Event::Alias(id) => self.alias(id, self.span(range.start, range.end)),
            Event::UnresolvedAlias(name) => {
                let span = self.span(range.start, range.end);
                if !self.sound.lost_anchors.contains(name.as_ref()) {
                    self.report.push(
                        Diag::new(&E0118, span, format!("no anchor `&{name}` stands before this alias")).help(
                            "define it with `&name` before its first use; a text that begins with `*` needs quotes",
                        ),
                    );
                }
                self.spend(Weight { nodes: 1, bytes: 0, height: 1 }, span, false)?;
                self.deliver(Node::hole(span), Weight { nodes: 1, bytes: 0, height: 1 }, 0)
            }
            _ => Ok(()),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one event")]
    fn open(
        &mut self,
        items: Items,
        style: StructureStyle,
        anchor: usize,
        tag: Option<&Tag>,
        kind: &str,
        start: usize,
        tag_at: Span,
    ) -> Result<(), Stop> {
        let here = self.span(start, start);
        self.spend(Weight { nodes: 1, bytes: 0, height: 1 }, here, false)?;
        if self.stack.len() >= self.limits.max_depth {
            self.report.push(too_deep(here, self.limits));
            self.skipping = 1;
            return self.deliver(Node::hole(here), Weight { nodes: 1, bytes: 0, height: 1 }, anchor);
        }
        let refused = tag.is_some_and(|t| !t.is_yaml_core_schema_tag(kind));
        if refused {
            self.refuse(tag_at, &format!("a {}", if kind == "map" { "map" } else { "list" }));
        }
        let span = (style == StructureStyle::Flow).then_some(here);
        let weight = Weight { nodes: 1, bytes: 0, height: 1 };
        self.stack.push(Open { items, start, anchor, refused, weight, span });
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Stop> {
        let Some(open) = self.stack.pop() else { return Ok(()) };
        // A block collection's end is wherever the next token stands; a flow collection's is its bracket.
        let flow = matches!(self.sound.text.as_bytes().get(open.start), Some(b'[' | b'{'));
        let bracket = end > 0 && matches!(self.sound.text.as_bytes().get(end - 1), Some(b']' | b'}'));
        let start = self.span(open.start, open.start);
        let mut span = open.span.unwrap_or(start).to(start);
        if flow && bracket {
            span = span.to(self.span(end, end));
        }
        let value = match open.items {
            _ if open.refused => Value::Hole,
            Items::Seq(items) => Value::Seq(items),
            Items::Map(pending) => Value::Map(pending.finish()),
        };
        self.deliver(Node { span, value }, open.weight, open.anchor)
    }

    /// Hands a finished node to its anchor and its parent.
    fn deliver(&mut self, node: Node, weight: Weight, anchor: usize) -> Result<(), Stop> {
        if anchor > 0 {
            self.anchored += weight.nodes;
            if self.anchored > self.limits.max_nodes {
                self.report.push(over_budget(node.span, self.limits));
                return Err(Stop);
            }
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.weight.nodes += weight.nodes;
        open.weight.bytes += weight.bytes;
        open.weight.height = open.weight.height.max(weight.height + 1);
        open.span = Some(open.span.map_or(node.span, |s| s.to(node.span)));
        match &mut open.items {
            Items::Seq(items) => items.push(node),
            Items::Map(pending) => pending.take(node, self.report),
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, at: Span) -> Result<(), Stop> {
        let Some((node, weight)) = self.anchors.get(&id) else {
            self.report.push(
                Diag::new(&E0118, at, "this alias stands inside the value it refers to")
                    .help("an alias can only repeat a value that has ended before it"),
            );
            return self.deliver(Node::hole(at), Weight { nodes: 1, bytes: 0, height: 1 }, 0);
        };
        let (node, weight) = (node.clone(), *weight);
        if self.stack.len() + weight.height > self.limits.max_depth + 1 {
            self.report.push(too_deep(at, self.limits));
            return self.deliver(Node::hole(at), Weight { nodes: 1, bytes: 0, height: 1 }, 0);
        }
        self.spend(weight, at, true)?;
        // The parent covers the alias as it is written, not the definition elsewhere.
        let covered = self.stack.last().map(|open| open.span.map_or(at, |s| s.to(at)));
        self.deliver(node, weight, 0)?;
        if let Some(open) = self.stack.last_mut() {
            open.span = covered;
        }
        Ok(())
    }

    fn spend(&mut self, weight: Weight, at: Span, alias: bool) -> Result<(), Stop> {
        self.spent.nodes += weight.nodes;
        self.spent.bytes += weight.bytes;
        if alias {
            self.expanded += weight.nodes;
        }
        // Text may be repeated through aliases too, up to a few times the size of a file.
        let fits =
            self.spent.nodes <= self.limits.max_nodes && self.spent.bytes <= self.limits.max_bytes.saturating_mul(4);
        if fits {
            return Ok(());
        }
        let without_aliases = self.spent.nodes - self.expanded;
        self.report.push(if alias || without_aliases <= self.limits.max_nodes {
            over_budget(at, self.limits)
        } else {
            Diag::new(&E0105, at, format!("the file holds more than {} values", self.limits.max_nodes))
                .help("split the pipeline, or load long lists from elsewhere")
        });
        Err(Stop)
    }

    fn refuse(&mut self, at: Span, kind: &str) {
        self.report.push(Diag::new(&E0115, at, format!("this tag is not known, or does not fit {kind}")).help(
            "leave the tag out; only `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!seq` and `!!map` are known",
        ));
    }

    fn scalar(
        &mut self,
        text: &str,
        style: Style,
        tag: Option<&Tag>,
        range: std::ops::Range<usize>,
        tag_at: Span,
    ) -> Node {
        let source = &self.sound.text;
        let style = match style {
            Style::SingleQuoted => ScalarStyle::SingleQuoted,
            Style::DoubleQuoted => ScalarStyle::DoubleQuoted,
            Style::Literal => ScalarStyle::Literal,
            Style::Folded => ScalarStyle::Folded,
            _ => ScalarStyle::Plain,
        };
        if style == ScalarStyle::Plain && range.is_empty() && tag.is_none() {
            // The parser puts a missing value in front of its colon or dash.
            let behind = range.start + usize::from(source.as_bytes().get(range.start) == Some(&b':'));
            if let Some((from, to)) = self.sound.hole(range.start) {
                return Node::hole(self.span(from, to));
            }
            return Node { span: self.span(behind, behind), value: empty_scalar() };
        }
        let text = if range.is_empty() && style == ScalarStyle::Plain { "" } else { text };
        let end = range.start + source.get(range.clone()).map_or(0, |s| s.trim_ascii_end().len());
        let span = self.span(range.start, end);
        let plain = style == ScalarStyle::Plain;
        let typed = match tag {
            None if plain => {
                let key = matches!(self.stack.last(), Some(Open { items: Items::Map(Pending { key: None, .. }), .. }));
                if !key && let Some(old) = schema::old_spelling(text) {
                    let message = format!("YAML 1.1 reads `{text}` {}, YAML 1.2 {}", old.old, old.new);
                    self.report.push(Diag::new(&W0101, span, message).here("taken as text").help(old.advice));
                }
                schema::resolve(text)
            }
            None => Typed::Str,
            Some(tag) => match tagged(tag, text) {
                Some(typed) => typed,
                None => {
                    self.refuse(tag_at, &format!("`{}`", crate::words::shorten(text)));
                    return Node::hole(span);
                }
            },
        };
        Node { span, value: Value::Scalar(Scalar { text: text.to_owned(), style, typed }) }
    }
}

fn empty_scalar() -> Value {
    Value::Scalar(Scalar { text: String::new(), style: ScalarStyle::Plain, typed: Typed::Null })
}

/// A scalar's meaning under a core tag; `None` if the tag is another or the text does not fit.
fn tagged(tag: &Tag, text: &str) -> Option<Typed> {
    let plain = schema::resolve(text);
    match (tag.core_suffix()?, plain) {
        ("str", _) => Some(Typed::Str),
        ("float", Typed::Int(n)) => Some(Typed::Float(n as f64)),
        ("int", Typed::Int(_)) | ("float", Typed::Float(_)) | ("bool", Typed::Bool(_)) | ("null", Typed::Null) => {
            Some(plain)
        }
        _ => None,
    }
}

fn too_deep(at: Span, limits: &Limits) -> Diag {
    Diag::new(&E0106, at, format!("values are nested deeper than {} levels", limits.max_depth))
        .help("a pipeline needs no more than ten levels")
}

fn over_budget(at: Span, limits: &Limits) -> Diag {
    Diag::new(&E0107, at, format!("aliases expand the file past {} values", limits.max_nodes))
        .help("use fewer aliases, or aliases to smaller values")
}
