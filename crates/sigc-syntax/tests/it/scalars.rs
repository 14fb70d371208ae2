//! The YAML 1.2 core schema. Expected values: YAML 1.2.2, section 10.3.2, except `012`, which stays text on purpose.

use crate::support::{found, read, shaped};

#[test]
fn core_schema() {
    let table = [
        ("null", "null"),
        ("Null", "null"),
        ("NULL", "null"),
        ("~", "null"),
        ("", "null"),
        ("nULL", "\"nULL\""),
        ("true", "true"),
        ("True", "true"),
        ("FALSE", "false"),
        ("tRUE", "\"tRUE\""),
        ("0", "0"),
        ("-0", "0"),
        ("+12", "12"),
        ("-19", "-19"),
        ("0o14", "12"),
        ("0x1F", "31"),
        ("0xg", "\"0xg\""),
        ("0o8", "\"0o8\""),
        ("-0x1", "\"-0x1\""),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", "9.223372036854776e18"),
        (".5", "0.5"),
        ("5.", "5.0"),
        ("-.5e-3", "-0.0005"),
        ("1e3", "1000.0"),
        ("1e-9", "1e-9"),
        ("+12.50E+2", "1250.0"),
        ("1e", "\"1e\""),
        (".", "\".\""),
        ("1.2.3", "\"1.2.3\""),
        (".e1", "\".e1\""),
        (".inf", "inf"),
        ("-.Inf", "-inf"),
        ("+.INF", "inf"),
        (".nan", "NaN"),
        (".NaN", "NaN"),
        ("-.nan", "\"-.nan\""),
        ("nan", "\"nan\""),
        ("inf", "\"inf\""),
        ("\"1\"", "\"1\""),
        ("'true'", "\"true\""),
        ("BTCUSDT", "\"BTCUSDT\""),
        ("15m", "\"15m\""),
        ("1000PEPE", "\"1000PEPE\""),
        ("2024-01-02", "\"2024-01-02\""),
    ];
    for (text, expected) in table {
        let file = format!("a: {text}\n");
        // `{:?}` of a float prints the shortest digits, so the large one is compared as a number.
        let expected = expected.replace("9.223372036854776e18", &format!("{:?}", 9.223372036854776e18));
        assert_eq!(shaped(&file), format!("{{a: {expected}}}"), "{text}");
        assert_eq!(found(&file), [""; 0], "{text}");
    }
}

#[test]
fn old_spellings_are_text_with_a_warning() {
    let olds =
        ["yes", "No", "ON", "off", "012", "-07", "08", "00", "1_000", "1_0.5", "12:30", "1:2:03", "0b101", "190:20:30"];
    for text in olds {
        assert_eq!(found(&format!("a: {text}\n")), [format!("W0101 {text}")], "{text}");
        assert_eq!(shaped(&format!("a: {text}\n")), format!("{{a: {text:?}}}"));
        assert_eq!(found(&format!("a: '{text}'\n")), [""; 0], "quoted {text}");
        assert_eq!(found(&format!("{text}: 1\n")), [""; 0], "key {text}");
    }
    for text in ["y", "n", "1:60", "12:345", "a_1", "2024-01-02", "0", "yesterday"] {
        assert_eq!(found(&format!("a: {text}\n")), [""; 0], "{text}");
    }
}

#[test]
fn the_warning_says_what_each_version_reads() {
    let diag = &read("a: 012\n").1[0];
    assert_eq!(
        diag.message,
        "YAML 1.1 reads `012` as an octal number, YAML 1.2 as 12; sigc takes neither and keeps text"
    );
    assert_eq!(
        diag.help.as_deref(),
        Some("write `12` for the number, `0o12` for an octal one, or \"012\" in quotes for the text")
    );
    let diag = &read("a: yes\n").1[0];
    assert_eq!(diag.message, "YAML 1.1 reads `yes` as true, YAML 1.2 as the text it is");
}
