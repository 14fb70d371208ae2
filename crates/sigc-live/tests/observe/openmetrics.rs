//! A small reader of OpenMetrics text, written from the format's description and not from the library.

use std::collections::{BTreeMap, BTreeSet};

/// A metric with its samples.
#[derive(Debug, Default)]
pub struct Family {
    pub help: String,
    pub kind: String,
    pub unit: String,
    pub samples: Vec<Sample>,
}

#[derive(Debug)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// Reads a whole text and checks what the format demands.
pub fn read(text: &str) -> BTreeMap<String, Family> {
    let body = text.strip_suffix("# EOF\n").expect("it ends with EOF");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (key, name, value) = (words.next(), words.next().expect("a name"), words.next().unwrap_or(""));
            if current != name {
                assert!(!families.contains_key(name), "{name} comes twice");
                name.clone_into(&mut current);
            }
            let family = families.entry(name.to_owned()).or_default();
            let field = match key {
                Some("HELP") => &mut family.help,
                Some("TYPE") => &mut family.kind,
                Some("UNIT") => &mut family.unit,
                _ => panic!("{line}"),
            };
            assert!(field.is_empty() && !value.is_empty() && family.samples.is_empty(), "{line}");
            value.clone_into(field);
        } else {
            let sample = sample(line);
            let family = families.get_mut(&current).expect("a family");
            let suffix = sample.name.strip_prefix(&current).expect("a sample of its family");
            let allowed: &[&str] = match family.kind.as_str() {
                "counter" => &["_total"],
                "gauge" => &[""],
                "histogram" => &["_bucket", "_sum", "_count"],
                "info" => &["_info"],
                other => panic!("type {other}"),
            };
            assert!(allowed.contains(&suffix), "{line}");
            family.samples.push(sample);
        }
    }
    families.iter().for_each(|(name, family)| check(name, family));
    families
}

fn check(name: &str, family: &Family) {
    assert!(!family.help.is_empty() && !family.kind.is_empty(), "{name} has no help or type");
    assert!(family.unit.is_empty() || name.ends_with(&format!("_{}", family.unit)), "{name} lacks its unit");
    let ids: BTreeSet<_> = family.samples.iter().map(|s| (&s.name, &s.labels)).collect();
    assert_eq!(ids.len(), family.samples.len(), "{name} has a series twice");
    if family.kind != "histogram" {
        return;
    }
    // Per series, buckets grow and the last one is the count.
    let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    for s in family.samples.iter().filter(|s| s.name.ends_with("_bucket")) {
        let mut labels = s.labels.clone();
        let le = labels.remove("le").expect("a bound");
        let le = if le == "+Inf" { f64::INFINITY } else { le.parse().expect("a bound") };
        series.entry(labels).or_default().push((le, s.value));
    }
    for (labels, buckets) in series {
        assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{name}{labels:?}");
        let count = family.samples.iter().find(|s| s.name.ends_with("_count") && s.labels == labels).expect("a count");
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, count.value)));
    }
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).expect("a value");
    let (name, mut rest) = line.split_at(end);
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (key, value) = rest.split_once("=\"").expect("a label");
            let mut text = String::new();
            let mut chars = value.char_indices();
            let end = loop {
                match chars.next().expect("an end") {
                    (at, '"') => break at + 1,
                    (_, '\\') => match chars.next().expect("an escape").1 {
                        'n' => text.push('\n'),
                        c @ ('\\' | '"') => text.push(c),
                        c => panic!("\\{c} in {line}"),
                    },
                    (_, c) => text.push(c),
                }
            };
            assert!(labels.insert(key.to_owned(), text).is_none(), "{line}");
            rest = value[end..].strip_prefix(',').unwrap_or(&value[end..]);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').expect("a space").parse().expect("a number");
    Sample { name: name.to_owned(), labels, value }
}
