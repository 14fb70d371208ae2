//! The second walk: what every step reads.

use super::Resolver;
use crate::read::{self, known_keys, list};
use crate::shape::StepDecl;
use crate::typed::{ColId, What};
use sigc_catalog::{Feature, Kind, Known, Shape, Step};
use sigc_diag::{Diag, Diags, E0109, E0210, E0221, E0222, E0225, E0304, Span, Spanned};
use sigc_market::Field;
use sigc_plan::{FrameId, Type};
use sigc_syntax::Map;

impl Resolver<'_> {
    pub(super) fn resolve_step(&mut self, i: usize, decl: &StepDecl, step: Option<Step>, diags: &mut Diags) {
        match step {
            Some(Step::Feature(def) | Step::Strategy(def)) => self.resolve_feature(i, decl, def, diags),
            Some(Step::Transform(t)) if t.shape == Shape::Align => self.resolve_align(i, decl, diags),
            Some(Step::Model(def)) => self.resolve_model(i, decl, def, diags),
            None if decl.kind.value == Kind::Event => self.resolve_event(i, decl, diags),
            _ => {}
        }
    }

    fn resolve_feature(&mut self, i: usize, decl: &StepDecl, def: &'static Feature, diags: &mut Diags) {
        let name = def.info.name;
        if let Some(args) = &self.typed.steps[i].args {
            let universe = self.input_frame(decl).map_or(0, |f| self.typed.universe(f).len());
            let known = Known { n_symbols: Some(universe).filter(|&n| n > 0) };
            for problem in (def.check)(args, known) {
                let at = decl.params.iter().find(|p| p.name.value == problem.param);
                let at = at.map_or(decl.using.as_ref().map_or(decl.span, |u| u.span), |p| p.value.span);
                let mut diag = Diag::new(&E0210, at, problem.message);
                diag.help = problem.help;
                diags.push(diag);
            }
        }
        let Some(inputs) = self.inputs_map(decl, name, &feature_inputs_help(def), diags) else {
            self.typed.steps[i].what = None;
            return;
        };
        let (written, span) = inputs;
        let roles: Vec<&str> = def.roles.iter().map(|r| r.name).collect();
        let mut known = vec!["frame"];
        known.extend(&roles);
        if def.roles.iter().any(|r| r.takes_column) && !known.contains(&"column") {
            known.push("column");
        }
        let map = known_keys(&written, &known, &format!("`inputs` of `{name}`"), diags);
        let strangers = map.keys().any(|k| !known.contains(&k.value.as_str()));
        let frame = match map.get("frame") {
            Some(e) => match read::text(&e.value, "a frame", diags) {
                Some(t) => self.frame_named(&t.value, t.span, diags).map(|f| Spanned::new(f, t.span)),
                None => None,
            },
            None => None,
        };
        let mut reads: Vec<Spanned<ColId>> = Vec::new();
        let mut missing: Vec<&str> = Vec::new();
        let mut sound = map.get("frame").is_none() || frame.is_some();
        for role in def.roles {
            let written = map.get(role.name).or_else(|| map.get("column").filter(|_| role.takes_column));
            if let Some(e) = written {
                let column = read::text(&e.value, "a column", diags).and_then(|t| self.column_ref(&t, diags));
                match column {
                    Some(c) => reads.push(c),
                    None => sound = false,
                }
            } else if let Some(f) = &frame {
                if role.name == "column" {
                    missing.push(role.name);
                } else {
                    match self.column_of(f.value, role.name, f.span, diags) {
                        Some(c) => reads.push(Spanned::new(c, f.span)),
                        None => sound = false,
                    }
                }
            } else if sound {
                missing.push(role.name);
            }
        }
        // A key that is not known may have meant what is missing.
        sound &= missing.is_empty();
        if !missing.is_empty() && !strangers {
            let message = match missing.as_slice() {
                ["column"] => format!("`{name}` reads one column, and `inputs` names none"),
                _ => format!("`{name}` also reads {}", list(&missing)),
            };
            diags.push(
                Diag::new(&E0221, span, message)
                    .here(format!("no {} here", list(&missing)))
                    .help(feature_inputs_help(def)),
            );
        }
        self.check_one_frame(&reads, name, diags, &mut sound);
        let step = &mut self.typed.steps[i];
        step.frame_at = frame.as_ref().map(|f| f.span);
        step.reads_frames.extend(frame.map(|f| f.value));
        step.reads = reads;
        if !sound || step.args.is_none() {
            step.what = None;
        }
    }

    /// All columns of one step are of one frame.
    fn check_one_frame(&self, reads: &[Spanned<ColId>], step: &str, diags: &mut Diags, sound: &mut bool) {
        let Some((first, rest)) = reads.split_first() else { return };
        let frame = self.typed.column(first.value).frame;
        for other in rest {
            let of = self.typed.column(other.value).frame;
            if of != frame {
                let (a, b) = (&self.typed.frame(frame).name, &self.typed.frame(of).name);
                diags.push(
                    Diag::new(&E0225, other.span, format!("`{step}` reads columns of two frames, `{a}` and `{b}`"))
                        .here(format!("of `{b}`"))
                        .label(first.span, format!("of `{a}`"))
                        .help("join them first with `transforms.align`"),
                );
                *sound = false;
            }
        }
    }

    /// The map under `inputs`, or a report. Cloned, since what is read is added to `self` on the way.
    pub(super) fn inputs_map(&self, decl: &StepDecl, name: &str, help: &str, diags: &mut Diags) -> Option<(Map, Span)> {
        match &decl.inputs {
            Some(node) => Some((read::map(node, "`inputs`", diags)?.clone(), node.span)),
            None => {
                let at = decl.using.as_ref().map_or(decl.span, |u| u.span);
                diags.push(Diag::new(&E0109, at, format!("`{name}` needs `inputs`")).here("reads nothing").help(help));
                None
            }
        }
    }

    fn resolve_align(&mut self, i: usize, decl: &StepDecl, diags: &mut Diags) {
        let name = self.typed.steps[i].using.value.clone();
        let help = "write `inputs: {frame: ohlcv_15m, columns: [ohlcv_1d.close]}`";
        let Some((map, span)) = self.inputs_map(decl, &name, help, diags) else { return };
        let map = known_keys(&map, &["frame", "columns"], &format!("`inputs` of `{name}`"), diags);
        let what = format!("`inputs` of `{name}`");
        let frame = read::required(&map, "frame", span, &what, help, diags)
            .and_then(|n| read::text(n, "a frame", diags))
            .and_then(|t| Some(Spanned::new(self.frame_named(&t.value, t.span, diags)?, t.span)));
        let columns = read::required(&map, "columns", span, &what, help, diags)
            .and_then(|n| read::seq(n, "`inputs.columns`", diags).map(|s| (s, n.span)));
        let (Some(frame), Some((columns, columns_span))) = (frame, columns) else { return };
        let mut reads = Vec::new();
        for node in columns {
            let Some(column) = read::text(node, "a column", diags).and_then(|t| self.column_ref(&t, diags)) else {
                continue;
            };
            let of = self.typed.column(column.value).frame;
            if of == frame.value {
                let own = &self.typed.frame(of).name;
                diags.push(
                    Diag::new(&E0225, column.span, format!("this column is in `{own}` already"))
                        .here("nothing to join")
                        .help("align joins columns of another frame; use the column as it is"),
                );
                continue;
            }
            self.check_universe(frame.value, of, column.span, diags);
            reads.push(column);
        }
        let made = self.typed.steps[i].makes.len();
        if reads.len() == columns.len() && made > 0 && made != columns.len() {
            let message = format!("{} columns are joined, and {made} names are given", columns.len());
            let help = "name each joined column once, in the same order";
            diags.push(Diag::new(&E0222, columns_span, message).here("does not fit the outputs").help(help));
            return;
        }
        let whole = reads.len() == columns.len() && made == columns.len();
        let types: Vec<Type> = reads.iter().map(|r| self.typed.column(r.value).r#type).collect();
        let makes = self.typed.steps[i].makes.clone();
        for (id, t) in makes.iter().zip(types) {
            self.typed.columns[id.0].r#type = t;
        }
        let step = &mut self.typed.steps[i];
        step.frame_at = Some(frame.span);
        step.reads_frames.push(frame.value);
        step.reads = reads;
        if whole {
            step.what = Some(What::Align);
        }
    }

    /// A joined frame must have every symbol of the driver.
    pub(super) fn check_universe(&self, driver: FrameId, joined: FrameId, at: Span, diags: &mut Diags) {
        let have = self.typed.universe(joined);
        let missing: Vec<&str> =
            self.typed.universe(driver).iter().filter(|s| !have.contains(s)).map(|s| s.as_str()).collect();
        if !missing.is_empty() && !have.is_empty() {
            let (d, j) = (&self.typed.frame(driver).name, &self.typed.frame(joined).name);
            let message = format!("`{j}` has no bars of {}, which `{d}` has", list(&missing));
            diags.push(
                Diag::new(&E0304, at, message)
                    .here(format!("of `{j}`"))
                    .help(format!("add the symbols to the universe of `{j}`, or take them out of that of `{d}`")),
            );
        }
    }
}

fn feature_inputs_help(def: &Feature) -> String {
    match def.roles {
        [role] if role.name == "column" => "write `inputs: {column: ohlcv.close}`".into(),
        roles => {
            let field = |name: &str| Field::from_name(name).is_some();
            let column = |name| if field(name) { name } else { "close" };
            let names: Vec<String> = roles.iter().map(|r| format!("{}: ohlcv.{}", r.name, column(r.name))).collect();
            let each = format!("`inputs: {{{}}}`", names.join(", "));
            if roles.iter().all(|r| field(r.name)) {
                format!("write `inputs: {{frame: ohlcv}}` or name each: {each}")
            } else {
                format!("name each, such as {each}")
            }
        }
    }
}
