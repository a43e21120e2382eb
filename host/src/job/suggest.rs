//! "did you mean": the known word that is nearest to a mistyped one.
//!
//! Called wherever a name is looked up. Answers only where the guess is a good one.

/// Words that are as near as this are worth proposing.
const SIMILARITY_MIN: f64 = 0.8;

/// A help text that proposes up to two words, nearest first.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let lower = word.to_ascii_lowercase();
    let mut near: Vec<(f64, &str)> = known
        .into_iter()
        .map(|candidate| (similarity(&lower, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.dedup_by_key(|(_, candidate)| *candidate);
    match near[..] {
        [] => None,
        [(best, first), (second_best, second), ..] if best - second_best < 0.02 => {
            Some(format!("did you mean `{first}` or `{second}`?"))
        }
        [(_, first), ..] => Some(format!("did you mean `{first}`?")),
    }
}

/// 1 = equal but for case. Words of a length that no typing error explains are not similar.
fn similarity(lower: &str, candidate: &str) -> f64 {
    let candidate = candidate.to_ascii_lowercase();
    let (length, other) = (lower.chars().count(), candidate.chars().count());
    let edits_max = 1 + length.max(other) / 4;
    // Each character too many is an edit, and a long word takes long to compare.
    if length.abs_diff(other) > edits_max {
        return 0.0;
    }
    let edits = strsim::damerau_levenshtein(lower, &candidate);
    if edits > edits_max {
        return 0.0;
    }
    if lower.len() > 2 && edits == 1 {
        return 0.95;
    }
    strsim::jaro_winkler(lower, &candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_proposed() {
        let known = ["iodepth", "bs", "bsrange", "rwmixread", "rwmixwrite", "size", "psync"];
        for (word, expected) in [
            ("iodeth", Some("did you mean `iodepth`?")),
            ("iodpeth", Some("did you mean `iodepth`?")),
            ("IODEPTH", Some("did you mean `iodepth`?")),
            ("psycn", Some("did you mean `psync`?")),
            ("sizes", Some("did you mean `size`?")),
            ("rwmixreads", Some("did you mean `rwmixread`?")),
            ("colour", None),
            ("xy", None),
            ("", None),
        ] {
            assert_eq!(did_you_mean(word, known).as_deref(), expected, "{word}");
        }
    }
}
