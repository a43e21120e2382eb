//! `${VARIABLE}`, `$pagesize`, `$ncpus` and `$mb_memory` in values.
//!
//! Called by both parsers. Asks the [`Environment`] that it is given and never the system.

/// Answers what an environment variable holds.
pub type Getenv = Box<dyn Fn(&str) -> Option<String>>;

/// What a job may ask about the machine; filled by the caller.
pub struct Environment {
    /// An environment variable.
    pub getenv: Getenv,
    /// `$pagesize`, bytes.
    pub page_size: u64,
    /// `$ncpus`: CPUs that are online.
    pub cpus: u32,
    /// `$mb_memory`: MiB of memory.
    pub memory_mb: u64,
    /// Ids of the CPUs that a job may run on, ascending.
    pub cpu_ids: Vec<u32>,
    /// Memory nodes by their number, each with its CPUs, ascending.
    pub nodes: Vec<(u32, Vec<u32>)>,
    /// Sizes of huge pages in bytes, ascending, each with the number that is set aside.
    pub huge_pages: Vec<(u64, u64)>,
}

/// A text with everything put in.
pub(crate) struct Expanded {
    /// The text.
    pub(crate) text: String,
    /// Variables that are not set; nothing stands in their place.
    pub(crate) unset: Vec<String>,
}

/// Puts variables and keywords in. `8*$mb_memory` becomes arithmetic, as in fio.
pub(crate) fn expand(text: &str, env: &Environment) -> Expanded {
    let mut unset = Vec::new();
    let text = variables(text, env, &mut unset);
    let mut out = text.clone();
    for (word, value) in [
        ("$pagesize", env.page_size),
        ("$ncpus", u64::from(env.cpus)),
        ("$mb_memory", env.memory_mb),
    ] {
        out = out.replace(word, &value.to_string());
    }
    if out != text && is_sum(&out) {
        out = format!("({out})");
    }
    Expanded { text: out, unset }
}

fn variables(text: &str, env: &Environment, unset: &mut Vec<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        match (env.getenv)(name) {
            Some(value) => out.push_str(&value),
            None => unset.push(name.to_owned()),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// `2*4096`: fio calculates where a keyword stands in a product or sum.
fn is_sum(text: &str) -> bool {
    let calculates = text.contains(['*', '/', '+']);
    calculates && text.chars().all(|c| c.is_ascii_digit() || "*/+-() ".contains(c))
}

#[cfg(any(test, fuzzing))]
pub(crate) fn test_environment() -> Environment {
    Environment {
        getenv: Box::new(|name| match name {
            "SIZE" => Some("64k".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }),
        page_size: 4096,
        cpus: 4,
        memory_mb: 1000,
        cpu_ids: vec![0, 1, 2, 3],
        nodes: vec![(0, vec![0, 1]), (1, vec![2, 3, 8]), (2, vec![9])],
        huge_pages: vec![(2 << 20, 0), (1 << 30, 4)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_in() {
        for (text, expected) in [
            ("4k", "4k"),
            ("${SIZE}", "64k"),
            ("a${SIZE}b${EMPTY}c", "a64kbc"),
            ("$pagesize", "4096"),
            ("$ncpus", "4"),
            ("8*$mb_memory", "(8*1000)"),
            ("($ncpus*2)k", "(4*2)k"),
            ("0-$ncpus", "0-4"),
            ("${SIZE", "${SIZE"),
            ("$", "$"),
            ("/dev/$x", "/dev/$x"),
        ] {
            assert_eq!(expand(text, &test_environment()).text, expected, "{text}");
        }
    }

    #[test]
    fn an_unset_variable_is_named() {
        let expanded = expand("x${NOPE}y", &test_environment());
        assert_eq!((expanded.text.as_str(), expanded.unset), ("xy", vec!["NOPE".to_owned()]));
    }
}
