//! The YAML 1.2 core schema for plain scalars, and the spellings that only YAML 1.1 gives a meaning.
//!
//! One departure: `012` stays text. YAML 1.1 reads 10 (octal) and YAML 1.2 reads 12, so a reader cannot know which was
//! meant; [`old_spelling`] says so.

use crate::Typed;

/// The meaning of a plain scalar.
pub(crate) fn resolve(text: &str) -> Typed {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Typed::Null,
        "true" | "True" | "TRUE" => return Typed::Bool(true),
        "false" | "False" | "FALSE" => return Typed::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Typed::Float(f64::NAN),
        _ => {}
    }
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return radix_int(digits, radix).unwrap_or(Typed::Str);
        }
    }
    let (sign, body) = match text.as_bytes()[0] {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if matches!(body, ".inf" | ".Inf" | ".INF") {
        return Typed::Float(sign * f64::INFINITY);
    }
    if !body.is_empty() && body.bytes().all(|b| b.is_ascii_digit()) {
        if body.len() > 1 && body.starts_with('0') {
            return Typed::Str;
        }
        return text.parse().map(Typed::Int).or_else(|_| text.parse().map(Typed::Float)).unwrap_or(Typed::Str);
    }
    if is_float(body) { text.parse().map(Typed::Float).unwrap_or(Typed::Str) } else { Typed::Str }
}

/// `0o..` and `0x..`; beyond 64 bits the nearest float.
fn radix_int(digits: &str, radix: u32) -> Option<Typed> {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    Some(match i64::from_str_radix(digits, radix) {
        Ok(n) => Typed::Int(n),
        Err(_) => {
            let digit = |c: char| f64::from(c.to_digit(radix).unwrap_or(0));
            Typed::Float(digits.chars().fold(0.0, |sum, c| sum * f64::from(radix) + digit(c)))
        }
    })
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, the core schema's float without its sign.
fn is_float(body: &str) -> bool {
    let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(body);
    let mut rest = &body[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let n = digits(fraction);
        if whole + n == 0 {
            return false;
        }
        rest = &fraction[n..];
    } else if whole == 0 {
        return false;
    }
    match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
    }
}

/// A spelling whose meaning changed between YAML 1.1 and 1.2: what YAML 1.1 reads, and what to write instead.
pub(crate) struct OldSpelling {
    /// How YAML 1.1 reads it.
    pub old: String,
    /// How YAML 1.2 reads it.
    pub new: String,
    /// What to write.
    pub advice: String,
}

/// Whether a plain scalar that stays text here means something else to YAML 1.1.
pub(crate) fn old_spelling(text: &str) -> Option<OldSpelling> {
    let as_text = || "as the text it is".to_owned();
    for (words, value) in [(["yes", "Yes", "YES"], true), (["on", "On", "ON"], true)]
        .into_iter()
        .chain([(["no", "No", "NO"], false), (["off", "Off", "OFF"], false)])
    {
        if words.contains(&text) {
            let advice = format!("write `{value}` if that is meant, or \"{text}\" in quotes for the text");
            return Some(OldSpelling { old: format!("as {value}"), new: as_text(), advice });
        }
    }
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = &text[..text.len() - body.len()];
    if !body.starts_with(|c: char| c.is_ascii_digit()) || body.len() > 40 {
        return None;
    }
    let quoted = format!("\"{text}\" in quotes for the text");
    if body.len() > 1 && body.starts_with('0') && body.bytes().all(|b| b.is_ascii_digit()) {
        let decimal = body.trim_start_matches('0');
        let decimal = if decimal.is_empty() { "0" } else { decimal };
        let old = if body.bytes().all(|b| b < b'8') { "as an octal number" } else { "as text" };
        let advice = format!("write `{sign}{decimal}` for the number, `0o{decimal}` for an octal one, or {quoted}");
        return Some(OldSpelling {
            old: old.into(),
            new: format!("as {sign}{decimal}; sigc takes neither and keeps text"),
            advice,
        });
    }
    if body.contains('_')
        && body.bytes().all(|b| b.is_ascii_digit() || b == b'_' || b == b'.')
        && body.matches('.').count() < 2
    {
        let plain: String = text.chars().filter(|&c| c != '_').collect();
        return Some(OldSpelling {
            old: format!("as the number {plain}"),
            new: as_text(),
            advice: format!("write `{plain}` for the number, or {quoted}"),
        });
    }
    if let Some(bits) = body.strip_prefix("0b")
        && !bits.is_empty()
        && bits.bytes().all(|b| matches!(b, b'0' | b'1' | b'_'))
    {
        return Some(OldSpelling {
            old: "as a binary number".into(),
            new: as_text(),
            advice: format!("write the number in decimal, or {quoted}"),
        });
    }
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let below_60 = |s: &str| digits(s) && (s.len() == 1 || s.len() == 2 && s.as_bytes()[0] < b'6');
    if let Some((first, rest)) = body.split_once(':')
        && digits(first)
        && rest.split(':').all(below_60)
    {
        return Some(OldSpelling {
            old: "as a number in base 60".into(),
            new: as_text(),
            advice: format!("write {quoted}, or a plain number"),
        });
    }
    None
}
