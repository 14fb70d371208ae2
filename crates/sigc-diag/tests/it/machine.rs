//! The formats that programs read.

use super::{file, missing_blank, no_file, unused};
use serde_json::{Value, json};
use sigc_diag::emit::{Checked, Format, Style, render};
use sigc_diag::{Diag, E0102, SourceFile, W0201};

/// The test file with `diags`, and an empty file without findings.
fn rendered(format: Format, diags: &[Diag]) -> String {
    let (file, empty) = (file(), SourceFile::new("/d/ü.yaml", ""));
    let files = [Checked { file: &file, diags }, Checked { file: &empty, diags: &[] }];
    render(format, &files, &Style::default())
}

fn parsed(format: Format, diags: &[Diag]) -> Value {
    serde_json::from_str(&rendered(format, diags)).expect("JSON is written")
}

#[test]
fn format_names_read_back() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    let unknown = "xml".parse::<Format>().expect_err("there is no such format");
    assert_eq!(unknown.to_string(), "`xml` is not one of the formats human, json, sarif, github, junit");
}

#[test]
fn json_has_line_column_and_offset_of_every_place() {
    let place = |start: [usize; 3], end: [usize; 3]| {
        let point = |p: [usize; 3]| json!({"line": p[0], "column": p[1], "offset": p[2]});
        json!({"start": point(start), "end": point(end)})
    };
    let gap = place([2, 3, 12], [2, 3, 12]);
    let fix = json!({
        "title": "put a blank after the colon", "span": gap, "replacement": " ", "applicability": "safe"
    });
    let expected = json!({
        "version": 1,
        "files": ["a b.yaml", "/d/ü.yaml"],
        "diagnostics": [
            {
                "code": "E0102",
                "severity": "error",
                "message": "no blank after `b:`, so <it> is 100% text",
                "file": "a b.yaml",
                "span": gap,
                "labels": [
                    {"span": gap, "text": "a blank belongs here"},
                    {"span": place([1, 1, 0], [1, 5, 5]), "text": "as here"},
                ],
                "help": "YAML needs \"colon blank\"",
                "fix": fix,
                "fixes": [fix],
            },
            {
                "code": "E0501",
                "severity": "error",
                "message": "there is no such file",
                "file": "a b.yaml",
                "span": place([1, 1, 0], [1, 1, 0]),
                "labels": [],
                "help": null,
                "fix": null,
                "fixes": [],
            },
        ],
        "summary": {"errors": 2, "warnings": 0, "notes": 0},
    });
    assert_eq!(parsed(Format::Json, &[missing_blank(), no_file()]), expected);
}

#[test]
fn sarif_follows_the_standard() {
    let here = json!({"uri": "a%20b.yaml"});
    let gap = json!({
        "startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 3, "byteOffset": 12, "byteLength": 0
    });
    let rule = |code: &sigc_diag::Code, words: &str, level: &str| {
        json!({
            "id": code.id,
            "name": code.name,
            "shortDescription": {"text": words},
            "help": {"text": code.page, "markdown": code.page},
            "defaultConfiguration": {"level": level},
        })
    };
    let expected = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "sigc",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": [
                    rule(&W0201, "unused grid", "warning"),
                    rule(&E0102, "missing blank after colon", "error"),
                ],
            }},
            "artifacts": [{"location": here}, {"location": {"uri": "file:///d/%C3%BC.yaml"}}],
            "results": [
                {
                    "ruleId": "W0201",
                    "ruleIndex": 0,
                    "level": "warning",
                    "message": {"text": "unused"},
                    "locations": [{"physicalLocation": {
                        "artifactLocation": here,
                        "region": {
                            "startLine": 1, "startColumn": 7, "endLine": 2, "endColumn": 4,
                            "byteOffset": 7, "byteLength": 6,
                        },
                    }}],
                },
                {
                    "ruleId": "E0102",
                    "ruleIndex": 1,
                    "level": "error",
                    "message": {"text":
                        "no blank after `b:`, so <it> is 100% text\nhelp: YAML needs \"colon blank\""},
                    "locations": [{
                        "physicalLocation": {"artifactLocation": here, "region": gap},
                        "message": {"text": "a blank belongs here"},
                    }],
                    "relatedLocations": [{
                        "id": 1,
                        "physicalLocation": {
                            "artifactLocation": here,
                            "region": {
                                "startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 5,
                                "byteOffset": 0, "byteLength": 5,
                            },
                        },
                        "message": {"text": "as here"},
                    }],
                    "fixes": [{
                        "description": {"text": "put a blank after the colon"},
                        "artifactChanges": [{
                            "artifactLocation": here,
                            "replacements": [{"deletedRegion": gap, "insertedContent": {"text": " "}}],
                        }],
                    }],
                },
            ],
            "columnKind": "unicodeCodePoints",
        }],
    });
    assert_eq!(parsed(Format::Sarif, &[unused(), missing_blank()]), expected);
}

#[test]
fn sarif_of_a_finding_without_places_names_the_file_only() {
    let log = parsed(Format::Sarif, &[no_file(), no_file()]);
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        run["results"][1]["locations"],
        json!([{"physicalLocation": {"artifactLocation": {"uri": "a%20b.yaml"}}}])
    );
}

#[test]
fn sarif_names_are_uri_references() {
    for (name, uri) in [
        ("./x/y.yaml", "x/y.yaml"),
        ("x:y#1?.yaml", "x%3Ay%231%3F.yaml"),
        ("C:\\p q\\y.yaml", "file:///C:/p%20q/y.yaml"),
        ("..\\y.yaml", "../y.yaml"),
    ] {
        let file = SourceFile::new(name, "");
        let checked = Checked { file: &file, diags: &[] };
        let text = render(Format::Sarif, &[checked], &Style::default());
        let log: Value = serde_json::from_str(&text).expect("JSON is written");
        assert_eq!(log["runs"][0]["artifacts"][0]["location"]["uri"], uri);
    }
}

#[test]
fn github_commands_are_one_escaped_line_each() {
    let expected = "\
::warning file=a b.yaml,line=1,endLine=2,title=W0201 unused-grid::unused
::error file=a b.yaml,line=2,col=3,endLine=2,endColumn=3,title=E0102 missing-blank-after-colon::\
no blank after `b:`, so <it> is 100%25 text%0Ahelp: YAML needs \"colon blank\"
::error file=a b.yaml,title=E0501 file-not-found::there is no such file
";
    let diags = [unused(), missing_blank(), no_file()];
    assert_eq!(rendered(Format::Github, &diags), expected);
    assert_eq!(rendered(Format::Github, &[]), "");

    let odd = SourceFile::new("a,b:c%\r.yaml", "");
    let checked = Checked { file: &odd, diags: &[no_file()] };
    let line = render(Format::Github, &[checked], &Style::default());
    assert!(line.starts_with("::error file=a%2Cb%3Ac%25%0D.yaml,title="), "{line}");
}

#[test]
fn junit_has_a_suite_for_each_file() {
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="sigc check" tests="3" failures="1" errors="0">
  <testsuite name="a b.yaml" tests="2" failures="1" errors="0" skipped="0">
    <testcase name="W0201 unused-grid 1:7" classname="a b.yaml">
      <system-out>a b.yaml:1:7: warning W0201: unused</system-out>
    </testcase>
    <testcase name="E0102 missing-blank-after-colon 2:3" classname="a b.yaml">
      <failure type="E0102" message="no blank after `b:`, so &lt;it&gt; is 100% text">a b.yaml:2:3: error E0102: no blank after `b:`, so &lt;it&gt; is 100% text
a b.yaml:2:3: a blank belongs here
a b.yaml:1:1: as here
help: YAML needs &quot;colon blank&quot;</failure>
    </testcase>
  </testsuite>
  <testsuite name="/d/ü.yaml" tests="1" failures="0" errors="0" skipped="0">
    <testcase name="check" classname="/d/ü.yaml"/>
  </testsuite>
</testsuites>
"#;
    assert_eq!(rendered(Format::Junit, &[unused(), missing_blank()]), expected);
}
