//! What must hold of every definition in the library.

use crate::args::{Draw, accepts};
use crate::run;
use sigc_catalog::{Args, Catalog, Feature, Kind, Known, ParamKind, Spec, Value};
use sigc_plan::lookback::{Structure, Until};
use sigc_plan::{Graph, Node, ValueId};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn every_step_is_described() {
    let catalog = Catalog::new().with(sigc_library::steps());
    assert_eq!(catalog.steps().count(), sigc_library::steps().count());
    assert_eq!(catalog.capabilities(), ["middlefreq", "shared"]);
    for step in catalog.steps() {
        let info = step.info();
        let name = info.name;
        let (kind, word) = name.split_once('.').expect("names have two parts");
        let prefix = match step.kind() {
            Kind::Features => "features",
            Kind::Strategy => "strategies",
            _ => "transforms",
        };
        assert!(kind == prefix && is_word(word), "`{name}` is not a step's name");
        let summary = info.summary;
        assert!(!summary.is_empty() && !summary.ends_with('.') && !summary.contains('\n'), "`{name}`: {summary:?}");
        assert!(info.doc.contains("**Nulls.**"), "`{name}` does not say what it does with nulls");
        assert!(info.doc.contains("**First "), "`{name}` does not say when it begins");
        for spec in info.specs() {
            assert!(is_word(spec.name), "`{name}`: parameter `{}`", spec.name);
            assert!(!spec.doc.is_empty() && !spec.doc.ends_with('.'), "`{name}`: docs of `{}`", spec.name);
            if let Some(value) = spec.default.value() {
                assert!(accepts(spec, &value), "`{name}`: the default of `{}` is outside its range", spec.name);
            }
        }
    }
}

#[test]
fn every_feature_names_what_it_reads_and_makes() {
    for f in run::composed() {
        let name = f.info.name;
        let roles: HashSet<&str> = f.roles.iter().map(|r| r.name).collect();
        let outputs: HashSet<&str> = f.outputs.iter().map(|o| o.name).collect();
        assert!(roles.len() == f.roles.len() && !roles.is_empty(), "`{name}`: roles");
        assert!(outputs.len() == f.outputs.len() && !outputs.is_empty(), "`{name}`: outputs");
        assert!(roles.iter().chain(&outputs).all(|n| is_word(n)), "`{name}`: names of roles and outputs");
        assert!(f.outputs.len() > 1 || f.outputs[0].name == "value", "`{name}`: a lone output is `value`");
        if f.outputs.len() > 1 {
            for output in f.outputs {
                assert!(f.info.doc.contains(&format!("`{}`", output.name)), "`{name}`: docs of `{}`", output.name);
            }
        }
    }
}

#[test]
fn the_lookback_stated_is_the_one_derived() {
    for f in run::composed() {
        let mut draw = Draw::for_name(f.info.name);
        for _ in 0..40 {
            let args = draw.args(f);
            let (graph, outputs) = run::build_alone(f, &args);
            let nodes: Vec<Node> = graph.nodes().copied().collect();
            let frames = [run::source(run::hour())];
            let structure = Structure { frames: &frames, nodes: &nodes, models: &[], tolerance: run::TOLERANCE };
            let derived: Vec<i64> = outputs.iter().map(|&v| structure.lookback(v, Until::FirstValue)).collect();
            let stated: Vec<i64> = (f.lookback)(&args).into_iter().map(i64::from).collect();
            assert_eq!(stated, derived, "`{}` with {args:?}", f.info.name);
            let types: Vec<_> = outputs.iter().map(|&v| graph.type_of(v)).collect();
            assert!(types.iter().zip(f.outputs).all(|(t, o)| *t == o.r#type), "`{}`: types", f.info.name);
        }
    }
}

#[test]
fn no_op_is_there_in_vain() {
    for f in run::composed() {
        let mut draw = Draw::for_name(f.info.name);
        for _ in 0..20 {
            let args = draw.args(f);
            let (graph, outputs) = run::build_alone(f, &args);
            let nodes: Vec<&Node> = graph.nodes().collect();
            let mut used = vec![false; nodes.len()];
            outputs.iter().for_each(|v| used[v.index()] = true);
            for i in (0..nodes.len()).rev() {
                if used[i] {
                    nodes[i].op.operands().for_each(|x| used[x.index()] = true);
                }
            }
            // A role that the arguments do not need may stay unread.
            let idle = (f.roles.len()..nodes.len()).find(|&i| !used[i]);
            assert_eq!(idle.map(|i| nodes[i]), None, "`{}` with {args:?}", f.info.name);
        }
    }
}

/// What the outputs compute, as one number: equal for equal compositions.
fn meaning(graph: &Graph, outputs: &[ValueId]) -> Vec<u64> {
    let mut of: Vec<u64> = Vec::new();
    for node in graph.nodes() {
        let mut h = DefaultHasher::new();
        node.op.map_operands(|_| ValueId::new(0)).hash(&mut h);
        node.op.operands().for_each(|x| of[x.index()].hash(&mut h));
        of.push(h.finish());
    }
    outputs.iter().map(|v| of[v.index()]).collect()
}

/// Values that a parameter must tell apart; `None` leaves it out.
fn alternatives(spec: &Spec, draw: &mut Draw) -> Vec<Option<Value>> {
    match spec.kind {
        ParamKind::Choice(words) => words.iter().map(|w| Some(Value::Text((*w).into()))).collect(),
        ParamKind::Bool => vec![Some(Value::Bool(true)), Some(Value::Bool(false))],
        _ => {
            let mut values = vec![draw.value(spec), draw.value(spec)];
            values.extend(spec.nullable.then_some(Some(Value::Null)));
            values.dedup();
            values
        }
    }
}

fn with(f: &Feature, args: &Args, spec: &Spec, value: Option<Value>) -> Option<Args> {
    let mut changed = Args::new();
    args.iter().filter(|(name, _)| *name != spec.name).for_each(|(name, v)| changed.insert(name, v.clone()));
    if let Some(value) = value {
        changed.insert(spec.name, value);
    }
    (f.check)(&changed, Known::default()).is_empty().then_some(changed)
}

#[test]
fn every_parameter_changes_the_plan() {
    for f in run::composed() {
        for spec in f.info.specs() {
            let mut draw = Draw::for_name(spec.name);
            // For a choice: pairs of words seen to differ. Others: one pair suffices.
            let mut told_apart = HashSet::new();
            let words = if let ParamKind::Choice(words) = spec.kind { words.len() } else { 2 };
            for _ in 0..200 {
                let base = draw.args(f);
                let values = alternatives(spec, &mut draw);
                let plans: Vec<Option<Vec<u64>>> = values
                    .into_iter()
                    .map(|value| {
                        let (graph, outputs) = run::build_alone(f, &with(f, &base, spec, value)?);
                        Some(meaning(&graph, &outputs))
                    })
                    .collect();
                for i in 0..plans.len().min(words) {
                    for j in 0..i {
                        if plans[i].as_ref().zip(plans[j].as_ref()).is_some_and(|(a, b)| a != b) {
                            told_apart.insert((i, j));
                        }
                    }
                }
            }
            let pairs = words * (words - 1) / 2;
            assert_eq!(told_apart.len(), pairs, "`{}`: values of `{}` that change nothing", f.info.name, spec.name);
        }
    }
}

#[test]
fn arguments_that_contradict_each_other_are_named() {
    let cases = [
        ("features.sum", vec![("window", Value::Int(3)), ("min_count", Value::Int(4))], "min_count"),
        ("features.zscore", vec![("window", Value::Int(2)), ("ddof", Value::Int(2))], "ddof"),
        ("features.std", vec![("window", Value::Int(2)), ("ddof", Value::Int(5))], "ddof"),
        ("features.macd", vec![("fast", Value::Int(26)), ("slow", Value::Int(26)), ("signal", Value::Int(9))], "fast"),
        (
            "strategies.threshold",
            vec![("enter", Value::Number(1.0)), ("exit", Value::Number(2.0)), ("max_hold", Value::Int(5))],
            "exit",
        ),
        (
            "strategies.threshold",
            vec![("enter", Value::Number(1.0)), ("short_exit", Value::Number(0.0)), ("max_hold", Value::Int(5))],
            "short_exit",
        ),
        (
            "strategies.threshold",
            vec![("enter", Value::Number(1.0)), ("short_enter", Value::Number(1.0)), ("max_hold", Value::Int(5))],
            "short_enter",
        ),
        (
            "strategies.threshold",
            vec![
                ("enter", Value::Number(1.0)),
                ("short_enter", Value::Number(0.0)),
                ("short_exit", Value::Number(1.0)),
                ("max_hold", Value::Int(5)),
            ],
            "short_exit",
        ),
        (
            "features.level",
            vec![
                ("window", Value::Int(3)),
                ("kind", Value::Text("position".into())),
                ("include_current", Value::Bool(true)),
                ("output", Value::Text("price".into())),
            ],
            "output",
        ),
    ];
    for (name, values, at) in cases {
        let f = run::feature(name).expect("the library has it");
        let mut args = Args::new();
        values.into_iter().for_each(|(k, v)| args.insert(k, v));
        let problems = (f.check)(&args, Known::default());
        assert_eq!(problems.iter().map(|p| p.param).collect::<Vec<_>>(), [at], "`{name}`");
        assert!(problems.iter().all(|p| p.help.is_some() && !p.message.ends_with('.')), "`{name}`: {problems:?}");
    }
}
