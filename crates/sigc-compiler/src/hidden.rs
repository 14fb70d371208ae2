//! Secrets that stand in the file after all: found, so that nothing shows them.
//!
//! A password written into a pipeline is an error (E0233), and its text must not appear in what is printed about the
//! file: not in a message, not in the lines shown around another finding, not in a printed stage. What is a secret is
//! decided by the key alone, so that a misspelt step or key hides its value as well: every name that is a secret's in
//! some step of the catalog, and names that are near one. Addresses with a password in them are secrets, too.

use crate::Compiled;
use sigc_catalog::{Catalog, ParamKind};
use sigc_diag::{Diag, Span, nearest};
use sigc_syntax::{Interpolation, Node, Scalar, ScalarStyle, Tree, Typed, Value, interpolation};
use std::collections::BTreeSet;

/// What stands in place of a secret.
const IN_PLACE: &str = "[hidden]";

/// The secrets of one file.
#[derive(Debug, Default)]
pub struct Hidden {
    spans: Vec<Span>,
    texts: BTreeSet<String>,
}

impl Hidden {
    /// Finds the secrets of a tree, and those of lines that could not be read into it.
    pub fn find(tree: &Tree, text: &str, catalog: &Catalog) -> Hidden {
        let names: BTreeSet<&str> = catalog
            .steps()
            .flat_map(|step| step.info().specs().filter(|s| s.kind == ParamKind::Secret).map(|s| s.name))
            .collect();
        let mut hidden = Hidden::default();
        hidden.walk(&tree.root, &names);
        hidden.lines(text, &names);
        hidden
    }

    /// Where they stand.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    fn walk(&mut self, node: &Node, names: &BTreeSet<&str>) {
        match &node.value {
            Value::Map(map) => {
                for entry in &map.entries {
                    if is_secret(&entry.key.value, names) {
                        self.take(&entry.value);
                    } else {
                        self.walk(&entry.value, names);
                    }
                }
            }
            Value::Seq(items) => items.iter().for_each(|item| self.walk(item, names)),
            Value::Scalar(scalar) if has_password(&scalar.text) => self.take(node),
            Value::Scalar(_) | Value::Hole => {}
        }
    }

    /// Everything below a node is secret, but for what names its place outside the file.
    fn take(&mut self, node: &Node) {
        match &node.value {
            Value::Map(map) => map.entries.iter().for_each(|e| self.take(&e.value)),
            Value::Seq(items) => items.iter().for_each(|item| self.take(item)),
            Value::Scalar(scalar) if !is_outside(&scalar.text) && !scalar.text.is_empty() => {
                self.spans.push(node.span);
                self.texts.insert(scalar.text.clone());
            }
            Value::Scalar(_) | Value::Hole => {}
        }
    }

    /// Lines with a secret's key, whatever became of them: a value in open quotes is no node of the tree.
    fn lines(&mut self, text: &str, names: &BTreeSet<&str>) {
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            for (at, _) in line.match_indices(':') {
                let before = line[..at].trim_end().trim_end_matches(['"', '\'']);
                let key = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
                let value = line[at + 1..].trim_end();
                let lead = value.len() - value.trim_start().len();
                let value = value.trim_start();
                if !is_secret(key, names) || value.is_empty() || is_outside(value.trim_matches(['"', '\'', '}', ' '])) {
                    continue;
                }
                // In braces the value ends with its comma; a secret that holds one is a node of the tree.
                let value = if line[..at].contains('{') { value.split([',']).next().unwrap_or(value) } else { value };
                let value = value.trim_end_matches('}');
                if value.contains("${env.") || value.contains("${file.") || value.starts_with(['|', '>', '*', '&']) {
                    continue;
                }
                let from = start + at + 1 + lead;
                self.spans.push(Span::new(from, from + value.len()));
                self.texts.insert(value.trim_matches(['"', '\'']).to_owned());
            }
            start += line.len();
        }
    }

    /// Takes the secrets out of findings: also those of which a message quotes a part.
    pub fn clean(&self, diags: &mut [Diag]) {
        if self.texts.is_empty() {
            return;
        }
        for diag in diags {
            diag.message = self.without(&diag.message);
            diag.help = diag.help.take().map(|h| self.without(&h));
            for label in &mut diag.labels {
                label.text = self.without(&label.text);
            }
            for fix in &mut diag.fixes {
                fix.title = self.without(&fix.title);
            }
        }
    }

    fn without(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for secret in self.texts.iter().rev().filter(|s| s.len() >= 3) {
            out = out.replace(secret.as_str(), IN_PLACE);
        }
        // Long texts are cut where they are quoted.
        let quoted: Vec<&str> = out.split('`').skip(1).step_by(2).collect();
        let cut = |q: &&str| {
            let part = q.trim_end_matches("...").trim_end_matches('…');
            part.len() >= 8 && self.texts.iter().any(|s| s.contains(part))
        };
        let parts: Vec<String> = quoted.into_iter().filter(cut).map(|q| format!("`{q}`")).collect();
        parts.iter().fold(out, |out, part| out.replace(part.as_str(), &format!("`{IN_PLACE}`")))
    }

    /// Takes the secrets out of the stages that print values as they were written.
    pub fn clean_stages(&self, compiled: &mut Compiled) {
        if self.texts.is_empty() {
            return;
        }
        self.clean_node(&mut compiled.tree.root);
        if let Some(expanded) = &mut compiled.expanded {
            let steps = expanded.steps.iter_mut().flat_map(|s| s.params.iter_mut());
            let sinks = expanded.signal.sinks.iter_mut().flat_map(|s| s.params.iter_mut());
            steps.chain(sinks).for_each(|p| self.clean_node(&mut p.value));
        }
    }

    fn clean_node(&self, node: &mut Node) {
        match &mut node.value {
            Value::Map(map) => map.entries.iter_mut().for_each(|e| self.clean_node(&mut e.value)),
            Value::Seq(items) => items.iter_mut().for_each(|item| self.clean_node(item)),
            Value::Scalar(scalar) if self.texts.contains(&scalar.text) => {
                *scalar = Scalar { text: IN_PLACE.into(), style: ScalarStyle::DoubleQuoted, typed: Typed::Str };
            }
            Value::Scalar(_) | Value::Hole => {}
        }
    }
}

fn is_secret(key: &str, names: &BTreeSet<&str>) -> bool {
    // Short names are near everything.
    names.contains(key) || (key.len() >= 6 && nearest(key, names.iter().copied().filter(|n| n.len() >= 6)).is_some())
}

fn is_outside(text: &str) -> bool {
    matches!(interpolation(text, Span::default()), Ok(Some(Interpolation::Env(_) | Interpolation::File(_))))
}

/// True for an address with a password: `scheme://user:password@host`.
pub(crate) fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let login = authority.rsplit_once('@').map(|(login, _)| login);
    login.and_then(|l| l.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
}
