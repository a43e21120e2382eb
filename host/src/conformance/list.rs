//! All checks, in the order in which they run: what others rest on comes first. Called by `child`,
//! which looks one up, and by `cli`, which chooses; the tables themselves stand in `checks`. Must
//! not know what a check does.

use super::check::{Check, Level};
use super::checks;

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Check> {
    checks::GROUPS.iter().flat_map(|group| group.iter())
}

/// The check of that name.
pub fn by_id(id: &str) -> Option<&'static Check> {
    all().find(|check| check.id == id)
}

/// Those up to a level whose id a filter lets pass.
pub fn chosen(level: Level, filter: impl Fn(&str) -> bool) -> Vec<&'static Check> {
    all().filter(|check| check.level <= level && filter(check.id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::check::DEADLINE;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_rest_on_earlier_ones() {
        let mut seen = BTreeSet::new();
        for check in all() {
            let (subject, point) = check.id.split_once('.').expect("subject.point");
            let plain = |word: &str| {
                word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                    && !word.is_empty()
            };
            assert!(plain(subject) && plain(point), "{}", check.id);
            for base in check.rests_on {
                assert!(seen.contains(base), "{} rests on {base}, which comes later", check.id);
            }
            assert!(seen.insert(check.id), "{} is there twice", check.id);
            assert!(check.rule.ends_with('.') && check.rule.len() > 20, "{}", check.id);
            assert!(check.deadline <= DEADLINE * 3, "{}", check.id);
        }
        assert!(seen.len() >= 45, "{} checks", seen.len());
    }

    #[test]
    fn levels_only_rise_within_what_a_check_rests_on() {
        for check in all() {
            for base in check.rests_on {
                assert!(by_id(base).unwrap().level <= check.level, "{} on {base}", check.id);
            }
        }
    }
}
