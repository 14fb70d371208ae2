//! Applying fixes to the text.

use crate::{Applicability, Diag, Fix};

/// The text with all [`Applicability::Safe`] fixes applied, and how many there were.
///
/// Of fixes that overlap, or insert at the same place, the one that begins first is applied; a second check finds
/// what is left. Fixes that do not fit the text or would not change it are passed over.
pub fn apply_fixes(text: &str, diags: &[Diag]) -> (String, usize) {
    let mut fixes: Vec<&Fix> = diags
        .iter()
        .flat_map(|d| &d.fixes)
        .filter(|f| f.applicability == Applicability::Safe)
        .filter(|f| text.get(f.span.range()).is_some_and(|old| old != f.replacement))
        .collect();
    fixes.sort_by_key(|f| f.span);

    let mut fixed = String::with_capacity(text.len());
    let mut copied = 0;
    let mut last = None;
    let mut applied = 0;
    for fix in fixes {
        let range = fix.span.range();
        if range.start < copied || last == Some(fix.span) {
            continue;
        }
        fixed.push_str(&text[copied..range.start]);
        fixed.push_str(&fix.replacement);
        copied = range.end;
        last = Some(fix.span);
        applied += 1;
    }
    fixed.push_str(&text[copied..]);
    (fixed, applied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{E0102, Span};

    fn diag(fixes: &[(usize, usize, &str)]) -> Diag {
        let at = Span::new(0, 0);
        fixes.iter().fold(Diag::new(&E0102, at, "m"), |d, &(from, to, new)| {
            d.fix(Span::new(from, to), new, "t", Applicability::Safe)
        })
    }

    #[test]
    fn several_fixes_apply_in_one_go_whatever_their_order() {
        let diags = [diag(&[(7, 7, " ")]), diag(&[(2, 2, " ")])];
        assert_eq!(apply_fixes("a:1\nbb:2\n", &diags), ("a: 1\nbb: 2\n".into(), 2));
    }

    #[test]
    fn of_overlapping_fixes_the_first_wins() {
        let diags = [diag(&[(0, 3, "x")]), diag(&[(2, 4, "y")]), diag(&[(3, 4, "z")])];
        assert_eq!(apply_fixes("abcd", &diags), ("xz".into(), 2));
        let twice = [diag(&[(1, 1, " ")]), diag(&[(1, 1, " ")])];
        assert_eq!(apply_fixes("ab", &twice), ("a b".into(), 1));
    }

    #[test]
    fn guesses_misfits_and_changes_of_nothing_are_passed_over() {
        let guess = Diag::new(&E0102, Span::new(0, 0), "m").fix(Span::new(0, 1), "x", "t", Applicability::Guess);
        // `é` is two bytes: 1..2 ends inside it.
        let diags = [guess, diag(&[(1, 2, "x"), (3, 9, "x"), (0, 1, "a")])];
        assert_eq!(apply_fixes("aé", &diags), ("aé".into(), 0));
    }
}
