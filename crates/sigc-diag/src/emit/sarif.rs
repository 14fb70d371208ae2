//! SARIF 2.1.0: one run, a rule for each code that occurs, a result for each diagnostic.
//!
//! Columns count Unicode code points, offsets bytes. Section numbers below are those of the OASIS standard.

use super::place::Place;
use super::{Checked, pretty};
use crate::{Code, Diag, Fix, Label, Severity, SourceFile, Span};
use serde::Serialize;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    artifacts: Vec<Artifact>,
    results: Vec<ResultEntry<'a>>,
    column_kind: &'static str,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    name: &'static str,
    short_description: Text<String>,
    help: Help,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Help {
    text: &'static str,
    markdown: &'static str,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Text<T> {
    text: T,
}

#[derive(Serialize)]
struct Artifact {
    location: Uri,
}

#[derive(Serialize)]
struct Uri {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultEntry<'a> {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Text<String>,
    locations: [Location<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<FixEntry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    physical_location: Physical,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text<&'a str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Uri,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

/// Of a region without extent, start and end are equal: an insertion point (3.30.2).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
    byte_offset: usize,
    byte_length: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FixEntry<'a> {
    description: Text<&'a str>,
    artifact_changes: [Change<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change<'a> {
    artifact_location: Uri,
    replacements: [Replacement<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement<'a> {
    deleted_region: Region,
    inserted_content: Text<&'a str>,
}

pub(super) fn render(files: &[Checked<'_>]) -> String {
    let mut codes: Vec<&'static Code> = Vec::new();
    let mut results = Vec::new();
    for &Checked { file, diags } in files {
        for diag in diags {
            let known = codes.iter().position(|c| *c == diag.code);
            let rule = known.unwrap_or_else(|| {
                codes.push(diag.code);
                codes.len() - 1
            });
            results.push(result(file, diag, rule));
        }
    }
    let driver =
        Driver { name: "sigc", version: env!("CARGO_PKG_VERSION"), rules: codes.into_iter().map(rule).collect() };
    let artifact = |c: &Checked<'_>| Artifact { location: uri(c.file) };
    pretty(&Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool { driver },
            artifacts: files.iter().map(artifact).collect(),
            results,
            column_kind: "unicodeCodePoints",
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn rule(code: &'static Code) -> Rule {
    Rule {
        id: code.id,
        name: code.name,
        short_description: Text { text: code.name.replace('-', " ") },
        help: Help { text: code.page, markdown: code.page },
        default_configuration: Configuration { level: level(code.severity) },
    }
}

fn result<'a>(file: &SourceFile, diag: &'a Diag, rule_index: usize) -> ResultEntry<'a> {
    // What to do belongs to this finding, and a result has no other place for it.
    let message = match &diag.help {
        Some(help) => format!("{}\nhelp: {help}", diag.message),
        None => diag.message.clone(),
    };
    let primary = match diag.labels.first() {
        Some(label) => location(file, label, None),
        None => Location {
            id: None,
            physical_location: Physical { artifact_location: uri(file), region: None },
            message: None,
        },
    };
    let related = diag.labels.iter().enumerate().skip(1);
    ResultEntry {
        rule_id: diag.code.id,
        rule_index,
        level: level(diag.severity()),
        message: Text { text: message },
        locations: [primary],
        related_locations: related.map(|(i, l)| location(file, l, Some(i))).collect(),
        fixes: diag.fixes.iter().map(|f| fix(file, f)).collect(),
    }
}

fn location<'a>(file: &SourceFile, label: &'a Label, id: Option<usize>) -> Location<'a> {
    Location {
        id,
        physical_location: Physical { artifact_location: uri(file), region: Some(region(file, label.span)) },
        message: (!label.text.is_empty()).then_some(Text { text: &label.text }),
    }
}

fn region(file: &SourceFile, span: Span) -> Region {
    let Place { start, end } = Place::of(file, span);
    Region {
        start_line: start.line,
        start_column: start.column,
        end_line: end.line,
        end_column: end.column,
        byte_offset: start.offset,
        byte_length: end.offset - start.offset,
    }
}

fn fix<'a>(file: &SourceFile, fix: &'a Fix) -> FixEntry<'a> {
    FixEntry {
        description: Text { text: &fix.title },
        artifact_changes: [Change {
            artifact_location: uri(file),
            replacements: [Replacement {
                deleted_region: region(file, fix.span),
                inserted_content: Text { text: &fix.replacement },
            }],
        }],
    }
}

/// The file's name as a URI reference (3.4.3): relative names stay relative, absolute ones get a scheme.
fn uri(file: &SourceFile) -> Uri {
    let name = file.name().replace('\\', "/");
    let name = name.strip_prefix("./").unwrap_or(&name);
    let bytes = name.as_bytes();
    let drive = bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && &bytes[1..3] == b":/";
    let (mut uri, path) = if drive {
        (format!("file:///{}", &name[..2]), &name[2..])
    } else if name.starts_with('/') {
        ("file://".to_string(), name)
    } else {
        (String::new(), name)
    };
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    Uri { uri }
}
