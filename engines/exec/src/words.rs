//! Splits `arguments` into words: at blanks, as fio does; and quotes hold a word together, which
//! fio's do not.
//!
//! Called by `options`. Expands nothing: no shell is involved.

/// The words of a text.
///
/// # Errors
/// A quote without an end, in words.
pub(crate) fn split(text: &str) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => all.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    match quote {
        None => Ok(all),
        Some(quote) => Err(format!("arguments={text}: a {quote} opens and does not close")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_separate_and_quotes_join() {
        for (text, words) in [
            ("", &[][..]),
            ("  ", &[]),
            ("a", &["a"]),
            (" -n  5\t-x ", &["-n", "5", "-x"]),
            ("-c 'echo it; sleep 1'", &["-c", "echo it; sleep 1"]),
            ("\"\" 'a\"b' c\"d e\"f", &["", "a\"b", "cd ef"]),
        ] {
            assert_eq!(
                split(text).as_deref(),
                Ok(&words.iter().map(|w| w.to_string()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
        assert!(split("a 'b").is_err_and(|why| why.contains("a ' opens and does not close")));
    }
}
