//! Values that name parts of the machine: CPU masks, memory policies.
//!
//! Called by `value` and by the option table, which prints them again. Whether the CPUs and nodes
//! are there is for the checks to say.

use super::lists::numbers_of;
use super::number::Measure;
use super::spec::NumaPolicy;
use super::value::{quantity, Fault, Reading};

/// Words that a memory policy begins with.
const MODES: [&str; 5] = ["default", "prefer", "bind", "interleave", "local"];

/// The CPUs whose bits are set.
pub(crate) fn mask(text: &str, reading: &mut Reading<'_>) -> Result<Vec<u32>, Fault> {
    let value = quantity(text, Measure::Count, reading)?;
    let mask = u64::try_from(value).map_err(|_| {
        Fault::new(format!("`{text}` is not a mask of up to 64 CPUs"))
            .help("more CPUs: `cpus_allowed`")
    })?;
    if mask == 0 {
        return Err(Fault::new(format!("`{text}` leaves no CPU")));
    }
    Ok((0..64).filter(|bit| mask >> bit & 1 == 1).collect())
}

/// `MODE[:NODES]`; an empty list is `all`.
pub(crate) fn policy(text: &str) -> Result<NumaPolicy, Fault> {
    let (mode, nodes) = match text.split_once(':') {
        Some((mode, nodes)) => (mode.trim(), Some(nodes.trim())),
        None => (text, None),
    };
    match (mode, nodes) {
        ("default", None) => Ok(NumaPolicy::Default),
        ("local", None) => Ok(NumaPolicy::Local),
        ("default" | "local", Some(_)) => Err(Fault::new(format!("`{mode}` takes no nodes"))),
        ("prefer" | "bind" | "interleave", None | Some("")) => {
            Err(Fault::new(format!("`{mode}` lacks its nodes")).help(format!("write `{mode}:0`")))
        }
        ("prefer", Some(node)) => match numbers_of(node, "node")?.as_deref() {
            Some([node]) => Ok(NumaPolicy::Prefer(*node)),
            _ => Err(Fault::new(format!("`prefer` takes one node, not `{node}`"))),
        },
        ("bind", Some(nodes)) => {
            Ok(NumaPolicy::Bind(numbers_of(nodes, "node")?.unwrap_or_default()))
        }
        ("interleave", Some(nodes)) => {
            Ok(NumaPolicy::Interleave(numbers_of(nodes, "node")?.unwrap_or_default()))
        }
        _ => Err(Fault::new(format!("`{mode}` is none of {}", MODES.join(", ")))),
    }
}

/// As `numa_mem_policy` takes it.
pub(crate) fn shown(policy: &NumaPolicy) -> String {
    let list = |nodes: &[u32]| {
        let nodes: Vec<String> = nodes.iter().map(u32::to_string).collect();
        if nodes.is_empty() {
            "all".to_owned()
        } else {
            nodes.join(",")
        }
    };
    match policy {
        NumaPolicy::Default => "default".to_owned(),
        NumaPolicy::Local => "local".to_owned(),
        NumaPolicy::Prefer(node) => format!("prefer:{node}"),
        NumaPolicy::Bind(nodes) => format!("bind:{}", list(nodes)),
        NumaPolicy::Interleave(nodes) => format!("interleave:{}", list(nodes)),
    }
}

/// Nodes that a policy names; empty where it names none.
pub(crate) fn nodes(policy: &NumaPolicy) -> &[u32] {
    match policy {
        NumaPolicy::Default | NumaPolicy::Local => &[],
        NumaPolicy::Prefer(node) => std::slice::from_ref(node),
        NumaPolicy::Bind(nodes) | NumaPolicy::Interleave(nodes) => nodes,
    }
}

/// A policy with `all` put into numbers.
pub(crate) fn filled(policy: NumaPolicy, all: &[u32]) -> NumaPolicy {
    let fill = |nodes: Vec<u32>| if nodes.is_empty() { all.to_vec() } else { nodes };
    match policy {
        NumaPolicy::Bind(nodes) => NumaPolicy::Bind(fill(nodes)),
        NumaPolicy::Interleave(nodes) => NumaPolicy::Interleave(fill(nodes)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::number::Dialect;

    #[test]
    fn masks() {
        let mut remarks = Vec::new();
        let mut reading = Reading { dialect: Dialect::Stated, remarks: &mut remarks };
        for (text, cpus) in [("1", vec![0]), ("34", vec![1, 5]), ("0x5", vec![0, 2])] {
            assert_eq!(mask(text, &mut reading), Ok(cpus), "{text}");
        }
        assert_eq!(mask("0xffffffffffffffff", &mut reading).unwrap().len(), 64);
        for text in ["0", "-1", "0x1ffffffffffffffff", "0-3"] {
            assert!(mask(text, &mut reading).is_err(), "{text}");
        }
    }

    #[test]
    fn policies() {
        for (text, expected) in [
            ("default", NumaPolicy::Default),
            ("local", NumaPolicy::Local),
            ("prefer:1", NumaPolicy::Prefer(1)),
            ("bind:0-2,5", NumaPolicy::Bind(vec![0, 1, 2, 5])),
            ("interleave:all", NumaPolicy::Interleave(vec![])),
        ] {
            let found = policy(text).unwrap();
            assert_eq!(found, expected, "{text}");
            assert_eq!(policy(&shown(&found)).unwrap(), found, "{text}");
        }
        for text in ["", "bind", "bind:", "prefer:0,1", "prefer:all", "local:0", "bind:x", "near"] {
            assert!(policy(text).is_err(), "{text}");
        }
        let all = filled(NumaPolicy::Interleave(vec![]), &[0, 1]);
        assert_eq!(nodes(&all), [0, 1]);
    }
}
