//! Model steps: which columns, in which order, against what the checkpoint says of itself.

use super::Resolver;
use crate::read::{self, known_keys, list};
use crate::shape::StepDecl;
use crate::typed::{ColId, What};
use sigc_catalog::{Args, Kind, ModelFacts, ModelProblem, ModelStep, WINDOW_SIZE};
use sigc_diag::{
    Diag, Diags, E0109, E0210, E0222, E0225, E0232, E0402, E0407, E0408, E0409, E0410, E0412, Span, Spanned, W0401,
};
use sigc_plan::FrameId;

impl Resolver<'_> {
    pub(super) fn resolve_model(&mut self, i: usize, decl: &StepDecl, def: &'static ModelStep, diags: &mut Diags) {
        let name = def.info.name;
        let using = decl.using.as_ref().map_or(decl.span, |u| u.span);
        let args = self.typed.steps[i].args.clone();
        let param_span = |param: &str| {
            let inline = decl.inputs.as_ref().and_then(|n| n.as_map()).and_then(|m| m.get(param)).map(|e| e.value.span);
            decl.params.iter().find(|p| p.name.value == param).map(|p| p.value.span).or(inline).unwrap_or(using)
        };
        let mut args_fit = true;
        if let Some(args) = &args {
            for problem in (def.check)(args) {
                args_fit = false;
                let mut diag = Diag::new(&E0210, param_span(problem.param), problem.message);
                diag.help = problem.help;
                diags.push(diag);
            }
        }
        let made = self.typed.steps[i].makes.clone();
        if made.len() > 1 {
            let at = decl.outputs.as_ref().map_or(using, |n| n.span);
            let message = format!("`{name}` makes one column, and {} are named", made.len());
            diags.push(Diag::new(&E0222, at, message).here("does not fit").help("name one column, the prediction"));
        }
        self.check_output_col(decl, &made, diags);

        let facts = args.as_ref().filter(|_| args_fit).and_then(|a| self.inspect(def, a, &param_span, diags));
        let named = args.as_ref().and_then(|a| (def.inputs_from)(a));
        let help = "write `inputs: {frame: ohlcv}` for all its feature columns, or list them: `inputs: {columns: [ohlcv.rsi_14]}`";
        let Some((map, span)) = self.inputs_map(decl, name, help, diags) else { return };
        let mut known = vec!["frame", "columns"];
        known.extend(def.info.specs().map(|s| s.name));
        let map = known_keys(&map, &known, &format!("`inputs` of `{name}`"), diags);
        let frame = match map.get("frame") {
            Some(e) => {
                let frame = read::text(&e.value, "a frame", diags)
                    .and_then(|t| Some(Spanned::new(self.frame_named(&t.value, t.span, diags)?, t.span)));
                if frame.is_none() {
                    return;
                }
                frame
            }
            None => None,
        };
        let reads = match (map.get("columns"), named, &frame) {
            (Some(columns), _, _) => {
                let Some(reads) = self.listed_columns(&columns.value, frame.as_ref(), diags) else { return };
                self.check_order(&reads, facts.as_ref(), name, columns.value.span, diags);
                reads
            }
            (None, Some(names), Some(frame)) => {
                let mut reads = Vec::new();
                for n in &names {
                    // The names are keys of a map parameter.
                    let mut keys = decl.params.iter().filter_map(|p| p.value.as_map()).flat_map(|m| m.keys());
                    let at = keys.find(|k| k.value == *n).map_or(using, |k| k.span);
                    let Some(id) = self.column_of(frame.value, n, at, diags) else { return };
                    reads.push(Spanned::new(id, at));
                }
                reads
            }
            (None, None, Some(frame)) => {
                let Some(reads) = self.feature_columns(frame, facts.as_ref(), name, diags) else { return };
                reads
            }
            (None, _, None) => {
                diags.push(
                    Diag::new(&E0109, span, format!("`{name}` needs `inputs.frame` or `inputs.columns`")).help(help),
                );
                return;
            }
        };
        let Some(first) = reads.first() else { return };
        let of = self.typed.column(first.value).frame;
        if let Some(&declared) = made.first()
            && self.typed.column(declared).frame != of
        {
            // Its columns say which frame it stands in; the first reference had only hinted at one.
            let name = self.typed.column(declared).name.clone();
            self.column_ids.entry(of).or_default().insert(name, declared);
            self.typed.columns[declared.0].frame = of;
        }
        for r in &reads {
            let c = self.typed.column(r.value);
            if c.frame != of {
                let (a, b) = (&self.typed.frame(of).name, &self.typed.frame(c.frame).name);
                diags.push(
                    Diag::new(&E0225, r.span, format!("`{name}` reads columns of two frames, `{a}` and `{b}`"))
                        .here(format!("of `{b}`"))
                        .help("join them first with `transforms.align`"),
                );
                return;
            }
        }
        self.check_symbols(of, facts.as_ref(), param_span("checkpoint_dir"), diags);
        let input_names = reads.iter().map(|r| self.typed.column(r.value).name.clone()).collect();
        let step = &mut self.typed.steps[i];
        step.frame_at = frame.as_ref().map(|f| f.span);
        step.reads_frames.extend(frame.map(|f| f.value));
        step.reads = reads;
        let Some(args) = args else { return };
        let window = args.get(&WINDOW_SIZE);
        if let Some(trained) = facts.as_ref().and_then(|f| f.window)
            && trained != window
        {
            let message = format!("the model was trained on {trained} rows, and `window_size` is {window}");
            diags.push(
                Diag::new(&E0408, param_span("window_size"), message)
                    .here(format!("the checkpoint says {trained}"))
                    .help(format!("write `window_size: {trained}`"))
                    .fix(
                        param_span("window_size"),
                        trained.to_string(),
                        format!("write {trained}"),
                        sigc_diag::Applicability::Guess,
                    ),
            );
        }
        step.what = Some(What::Model { def, input_names, window, facts });
    }

    /// `output_col` must be a column the step makes.
    fn check_output_col(&self, decl: &StepDecl, made: &[ColId], diags: &mut Diags) {
        let Some(param) = decl.params.iter().find(|p| p.name.value == "output_col") else { return };
        let Some(wanted) = param.value.as_str() else { return };
        let names: Vec<&str> = made.iter().map(|&c| self.typed.column(c).name.as_str()).collect();
        if names.is_empty() || names.contains(&wanted) {
            return;
        }
        let mut diag = Diag::new(&E0402, param.value.span, format!("this step does not make the column `{wanted}`"))
            .here("`output_col` names it")
            .help(format!("it makes {}: write one of them, or add `{wanted}` to `outputs.columns`", list(&names)));
        if let Some(&first) = made.first() {
            diag = diag.label(self.typed.column(first).span, "made here");
        }
        diags.push(diag);
    }

    /// What the checkpoint says of itself; `None` if it is not there or no use.
    fn inspect(
        &self,
        def: &ModelStep,
        args: &Args,
        param_span: &dyn Fn(&str) -> Span,
        diags: &mut Diags,
    ) -> Option<ModelFacts> {
        match (def.inspect)(args, self.host) {
            Ok(facts) => Some(facts),
            Err(ModelProblem::Missing { path, param }) => {
                diags.push(
                    Diag::new(&W0401, param_span(param), format!("there is no checkpoint at `{path}`"))
                        .here("not there")
                        .help("`check` and `plan` go on without it and cannot compare its features; `backfill` and `run` need it"),
                );
                None
            }
            Err(ModelProblem::Bad { param, message }) => {
                let help = "write the checkpoint again, or name another one";
                diags.push(Diag::new(&E0409, param_span(param), message).here("cannot be used").help(help));
                None
            }
            Err(ModelProblem::Dtype { param, message }) => {
                diags.push(
                    Diag::new(&E0412, param_span(param), message)
                        .here("of another type")
                        .help("save the weights as 32-bit floats"),
                );
                None
            }
        }
    }

    /// `inputs.columns`: names of the frame or `frame.column`, with `*` for any run of characters.
    fn listed_columns(
        &self,
        node: &sigc_syntax::Node,
        frame: Option<&Spanned<FrameId>>,
        diags: &mut Diags,
    ) -> Option<Vec<Spanned<ColId>>> {
        let items = read::seq(node, "`inputs.columns`", diags)?;
        let mut reads: Vec<Spanned<ColId>> = Vec::new();
        let mut sound = true;
        for item in items {
            let Some(text) = read::text(item, "a column", diags) else {
                sound = false;
                continue;
            };
            if text.value.contains('*') {
                let found = self.pattern(&text, frame, diags);
                sound &= !found.is_empty();
                reads.extend(
                    found.into_iter().filter(|c| !reads.iter().any(|r| r.value == c.value)).collect::<Vec<_>>(),
                );
                continue;
            }
            let in_frame = frame.and_then(|f| self.column_in(f.value, &text.value));
            let found = match in_frame {
                Some(id) => Some(Spanned::new(id, text.span)),
                None if frame.is_some() && !text.value.contains('.') => frame
                    .and_then(|f| self.column_of(f.value, &text.value, text.span, diags))
                    .map(|id| Spanned::new(id, text.span)),
                None => self.column_ref(&text, diags),
            };
            match found {
                Some(c) if reads.iter().any(|r| r.value == c.value) => {
                    diags.push(
                        Diag::new(&E0210, c.span, format!("the column `{}` is listed twice", text.value))
                            .here("again here"),
                    );
                    sound = false;
                }
                Some(c) => reads.push(c),
                None => sound = false,
            }
        }
        if items.is_empty() {
            let help = "list the columns that the model reads, or give `inputs.frame` for all features of a frame";
            diags.push(Diag::new(&E0222, node.span, "`inputs.columns` is empty").here("no columns").help(help));
            return None;
        }
        sound.then_some(reads)
    }

    /// The columns a pattern matches, in the order they are made.
    fn pattern(
        &self,
        text: &Spanned<String>,
        frame: Option<&Spanned<FrameId>>,
        diags: &mut Diags,
    ) -> Vec<Spanned<ColId>> {
        let (frame, pattern) = match frame {
            Some(f) => (f.value, text.value.as_str()),
            None => {
                let Some((name, rest)) = text.value.split_once('.') else {
                    diags.push(
                        Diag::new(&E0232, text.span, format!("`{}` does not say of which frame", text.value))
                            .help("write `frame.pattern*`, or give `inputs.frame`"),
                    );
                    return Vec::new();
                };
                let at = text.span.part(0, name.len());
                let Some(f) = self.frame_named(name, at, diags) else { return Vec::new() };
                (f, rest)
            }
        };
        let found: Vec<Spanned<ColId>> = (0..self.typed.columns.len())
            .map(ColId)
            .filter(|&c| self.typed.column(c).frame == frame && matches(pattern, &self.typed.column(c).name))
            .map(|c| Spanned::new(c, text.span))
            .collect();
        if found.is_empty() && !self.may_have(frame, |name| matches(pattern, name)) {
            let known: Vec<&str> =
                self.typed.columns.iter().filter(|c| c.frame == frame).map(|c| c.name.as_str()).collect();
            let message = format!("no column of `{}` matches `{pattern}`", self.typed.frame(frame).name);
            diags.push(
                Diag::new(&E0232, text.span, message)
                    .here("matches nothing")
                    .help(format!("columns here: {}", list(&known))),
            );
        }
        found
    }

    /// All feature columns of a frame: in the checkpoint's order if it names them, else as they are made.
    fn feature_columns(
        &self,
        frame: &Spanned<FrameId>,
        facts: Option<&ModelFacts>,
        step: &str,
        diags: &mut Diags,
    ) -> Option<Vec<Spanned<ColId>>> {
        let is_feature = |c: &ColId| {
            let column = self.typed.column(*c);
            // What models, strategies and events make is read where it is named: a further one changes no model's inputs.
            let kind = self.typed.steps[column.step].kind;
            column.frame == frame.value && column.field.is_none() && matches!(kind, Kind::Features | Kind::Transform)
        };
        let all: Vec<ColId> = (0..self.typed.columns.len()).map(ColId).filter(is_feature).collect();
        let names: Vec<&str> = all.iter().map(|&c| self.typed.column(c).name.as_str()).collect();
        let open = self.may_have(frame.value, |_| true);
        if let Some(trained) = facts.and_then(|f| f.features.as_ref()) {
            let missing: Vec<&str> =
                trained.iter().map(String::as_str).filter(|t| self.column_in(frame.value, t).is_none()).collect();
            if !missing.is_empty() {
                if !open {
                    diags.push(features_differ(step, frame.span, trained, &names));
                }
                return None;
            }
            return Some(
                trained
                    .iter()
                    .filter_map(|t| self.column_in(frame.value, t))
                    .map(|c| Spanned::new(c, frame.span))
                    .collect(),
            );
        }
        if all.is_empty() {
            if !open {
                let message =
                    format!("`{}` has no feature columns for `{step}` to read", self.typed.frame(frame.value).name);
                diags.push(
                    Diag::new(&E0232, frame.span, message)
                        .here("no features here")
                        .help("add `features` steps on this frame, or list bar columns under `inputs.columns`"),
                );
            }
            return None;
        }
        Some(all.into_iter().map(|c| Spanned::new(c, frame.span)).collect())
    }

    /// A list that was written out must be the checkpoint's, in its order.
    fn check_order(
        &self,
        reads: &[Spanned<ColId>],
        facts: Option<&ModelFacts>,
        step: &str,
        at: Span,
        diags: &mut Diags,
    ) {
        let Some(trained) = facts.and_then(|f| f.features.as_ref()) else { return };
        let given: Vec<&str> = reads.iter().map(|r| self.typed.column(r.value).name.as_str()).collect();
        if given != *trained {
            diags.push(features_differ(step, at, trained, &given));
        }
    }

    /// A model that scales per symbol must know every symbol.
    fn check_symbols(&self, frame: FrameId, facts: Option<&ModelFacts>, at: Span, diags: &mut Diags) {
        let Some(known) = facts.and_then(|f| f.symbols.as_ref()) else { return };
        let missing: Vec<&str> =
            self.typed.universe(frame).iter().map(|s| s.as_str()).filter(|s| !known.iter().any(|k| k == s)).collect();
        if !missing.is_empty() {
            diags.push(
                Diag::new(&E0410, at, format!("the checkpoint has no scaler for {}", list(&missing)))
                    .here(format!("it knows {}", list(known)))
                    .help("take the symbols out of the universe, or train the model with them"),
            );
        }
    }
}

fn features_differ(step: &str, at: Span, trained: &[String], given: &[&str]) -> Diag {
    let missing: Vec<&String> = trained.iter().filter(|t| !given.contains(&t.as_str())).collect();
    let message = if missing.is_empty() {
        let place = trained.iter().zip(given).position(|(a, b)| a != b).unwrap_or(trained.len().min(given.len()));
        format!("the columns of `{step}` are not those the model was trained on: they part at position {}", place + 1)
    } else {
        format!("the model was trained on {}, which `{step}` does not get", list(&missing))
    };
    Diag::new(&E0407, at, message)
        .here(format!("given: {}", given.join(", ")))
        .help(format!("trained on, in this order: {}", trained.join(", ")))
}

/// `*` stands for any run of characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(i) => rest = &rest[i + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, name, is) in [
            ("rsi*", "rsi14", true),
            ("rsi*", "xrsi", false),
            ("*rocp", "ma5rocp", true),
            ("ma*rocp", "ma5rocp", true),
            ("ma*rocp", "marocp", true),
            ("ma*rocp", "ma5roc", false),
            ("*", "anything", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, name), is, "{pattern} {name}");
        }
    }
}
