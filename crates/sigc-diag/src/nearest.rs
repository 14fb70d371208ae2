//! "Did you mean": the known word nearest to an unknown one.

/// The candidate at the smallest edit distance, if it is near enough to be a plausible slip.
///
/// Transpositions count as one edit; the limit is a third of the longer word, at least 1 (2 from five letters on).
/// Ties go to the first candidate, so the answer does not depend on a hash order.
///
/// Only the first few thousand candidates are looked at: a suggestion is not worth seconds.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.into_iter().take(MAX_CANDIDATES) {
        let longest = word.chars().count().max(candidate.chars().count());
        let limit = (longest / 3).max(if longest >= 5 { 2 } else { 1 });
        let d = distance(&lower, &candidate.to_lowercase());
        if d <= limit && best.is_none_or(|(b, _)| d < b) {
            best = Some((d, candidate));
        }
    }
    best.map(|(_, c)| c)
}

const MAX_CANDIDATES: usize = 2_000;

/// Optimal string alignment distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = last;
        last = row;
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["open", "high", "low", "close", "volume"];
        assert_eq!(nearest("colse", known), Some("close"));
        assert_eq!(nearest("vol", known), None);
        assert_eq!(nearest("volum", known), Some("volume"));
        assert_eq!(nearest("rsi", known), None);
        assert_eq!(nearest("hihg", known), Some("high"));
    }
}
