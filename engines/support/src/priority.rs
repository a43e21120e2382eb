//! Priorities of single requests: the options cmdprio_percentage, cmdprio_class, cmdprio and
//! cmdprio_bssplit.
//!
//! Read once at init by engines whose requests carry a priority each; asked for each read and write
//! of a job that has any.
//! Which requests get the priority is chance, the same in every run. Sets nothing in the kernel.

use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::{Error, Job, Opt};

/// Their rows, for `Engine::OPTIONS`.
pub const PERCENTAGE: &ioe_option =
    &Opt::text(c"cmdprio_percentage", c"percent of requests with a priority: all, or READ,WRITE")
        .build();
/// As [`PERCENTAGE`].
pub const CLASS: &ioe_option =
    &Opt::text(c"cmdprio_class", c"class of that priority, 0 to 3, as in ionice; default 1")
        .build();
/// As [`PERCENTAGE`].
pub const LEVEL: &ioe_option =
    &Opt::text(c"cmdprio", c"level of that priority, 0 (highest) to 7; default 0").build();
/// As [`PERCENTAGE`].
pub const BSSPLIT: &ioe_option =
    &Opt::text(c"cmdprio_bssplit", c"by size: BS/PERCENT[/CLASS/LEVEL]:..., all, or READ,WRITE")
        .build();

/// `IOPRIO_CLASS_SHIFT`.
const CLASS_SHIFT: u32 = 13;
const CLASS_HIGHEST: u64 = 1;

/// One rule: requests of this size get this priority so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    /// Bytes; none: every size.
    len: Option<u64>,
    percent: u64,
    ioprio: u16,
}

/// The rules of an instance.
#[derive(Debug)]
pub struct Priority {
    reads: Vec<Rule>,
    writes: Vec<Rule>,
    state: u64,
}

fn refused(name: &str, what: impl std::fmt::Display) -> Error {
    Error::new(libc::EINVAL, format!("{name}: {what}"))
}

/// A value for reads and one for writes.
type Both<T> = (T, T);

fn both(job: &Job, name: &str) -> Result<Option<Both<String>>, Error> {
    let Some(text) = job.text(name)? else { return Ok(None) };
    let text = text.to_str().map_err(|_| refused(name, "is not UTF-8"))?.trim();
    let mut parts = text.split(',').map(|part| part.trim().to_owned());
    match (parts.next(), parts.next(), parts.next()) {
        (Some(all), None, _) => Ok(Some((all.clone(), all))),
        (Some(reads), Some(writes), None) => Ok(Some((reads, writes))),
        _ => Err(refused(name, format!("\"{text}\": one value, or two: READ,WRITE"))),
    }
}

fn number(name: &str, text: &str, max: u64) -> Result<u64, Error> {
    match text.trim().parse::<u64>() {
        Ok(n) if n <= max => Ok(n),
        _ => Err(refused(name, format!("\"{text}\" is no whole number from 0 to {max}"))),
    }
}

fn numbers(job: &Job, name: &str, max: u64, default: u64) -> Result<Both<u64>, Error> {
    match both(job, name)? {
        None => Ok((default, default)),
        Some((reads, writes)) => Ok((number(name, &reads, max)?, number(name, &writes, max)?)),
    }
}

fn ioprio(class: u64, level: u64) -> u16 {
    (class << CLASS_SHIFT | level) as u16 // at most 3 and 7, by number()
}

/// Bytes, with a suffix of 1024s.
fn bytes(name: &str, text: &str) -> Result<u64, Error> {
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match &lower[digits.len()..] {
        "" | "b" => Some(0),
        "k" | "kb" | "kib" => Some(10),
        "m" | "mb" | "mib" => Some(20),
        "g" | "gb" | "gib" => Some(30),
        _ => None,
    };
    let size = shift.and_then(|shift| digits.parse::<u64>().ok()?.checked_mul(1 << shift));
    size.ok_or_else(|| refused(name, format!("\"{text}\" is no size, such as 4k")))
}

/// `BS/PERCENT[/CLASS/LEVEL]:...`
fn split(text: &str, class: u64, level: u64) -> Result<Vec<Rule>, Error> {
    const NAME: &str = "cmdprio_bssplit";
    let rule = |entry: &str| {
        let fields: Vec<&str> = entry.split('/').collect();
        let (len, percent, class, level) = match fields[..] {
            [len, percent] => (len, percent, class, level),
            [len, percent, class, level] => {
                (len, percent, number(NAME, class, 3)?, number(NAME, level, 7)?)
            }
            _ => return Err(refused(NAME, format!("\"{entry}\": BS/PERCENT[/CLASS/LEVEL]"))),
        };
        let percent = number(NAME, percent, 100)?;
        Ok(Rule { len: Some(bytes(NAME, len)?), percent, ioprio: ioprio(class, level) })
    };
    text.split(':').filter(|entry| !entry.trim().is_empty()).map(rule).collect()
}

impl Priority {
    /// The rules that the job asks for; none where it asks for none.
    pub fn read(job: &Job) -> Result<Option<Priority>, Error> {
        let class = numbers(job, "cmdprio_class", 3, CLASS_HIGHEST)?;
        let level = numbers(job, "cmdprio", 7, 0)?;
        let percent = numbers(job, "cmdprio_percentage", 100, 0)?;
        let by_size = both(job, "cmdprio_bssplit")?;
        let (reads, writes) = match by_size {
            Some(_) if percent != (0, 0) => {
                let why = "cannot go with cmdprio_percentage: each says how often";
                return Err(refused("cmdprio_bssplit", why));
            }
            Some((reads, writes)) => {
                (split(&reads, class.0, level.0)?, split(&writes, class.1, level.1)?)
            }
            None => {
                let rule = |percent, class, level| {
                    let ioprio = ioprio(class, level);
                    if percent > 0 {
                        vec![Rule { len: None, percent, ioprio }]
                    } else {
                        vec![]
                    }
                };
                (rule(percent.0, class.0, level.0), rule(percent.1, class.1, level.1))
            }
        };
        if reads.is_empty() && writes.is_empty() {
            // A class or level alone has nothing to act on.
            let given = |name| Ok::<bool, Error>(job.text(name)?.is_some());
            if given("cmdprio_class")? || given("cmdprio")? {
                let why = "needs cmdprio_percentage or cmdprio_bssplit, which say how often";
                return Err(refused("cmdprio_class and cmdprio", why));
            }
            return Ok(None);
        }
        let seed = 0x9e37_79b9_7f4a_7c15 ^ u64::from(job.job_index());
        Ok(Some(Priority { reads, writes, state: seed }))
    }

    /// The priority of a request, where it is to have one of its own.
    pub fn draw(&mut self, is_read: bool, len: u64) -> Option<u16> {
        let rules = if is_read { &self.reads } else { &self.writes };
        let rule = rules.iter().find(|rule| rule.len.is_none_or(|of| of == len))?;
        // xorshift64: never 0 from a seed that is not.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let chance = (u128::from(self.state) * 100) >> 64;
        (chance < u128::from(rule.percent)).then_some(rule.ioprio)
    }

    /// Whether any of them is of the realtime class, which takes a privilege.
    pub fn has_realtime(&self) -> bool {
        let realtime = |rule: &Rule| rule.ioprio >> CLASS_SHIFT == 1;
        self.reads.iter().chain(&self.writes).any(realtime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_read_or_refused() {
        let plain = |len, percent, ioprio| Rule { len: Some(len), percent, ioprio };
        assert_eq!(
            split("4k/10:64K/20", 1, 2).unwrap(),
            [plain(4096, 10, 1 << 13 | 2), plain(65536, 20, 1 << 13 | 2)]
        );
        assert_eq!(split("512/100/3/7", 1, 0).unwrap(), [plain(512, 100, 3 << 13 | 7)]);
        for bad in
            ["4k", "4k/101", "4k/10/1", "x/10", "4k/10/4/0", "4k/10/1/8", "4k/-1", "99999999999g/1"]
        {
            assert!(split(bad, 1, 0).is_err(), "{bad}");
        }
    }

    #[test]
    fn so_many_percent_get_it() {
        for (percent, low, high) in [(1, 50, 150), (50, 4800, 5200), (100, 10_000, 10_000)] {
            let rule = Rule { len: None, percent, ioprio: 7 };
            let mut p = Priority { reads: vec![rule], writes: vec![], state: 1 };
            let hits = (0..10_000).filter(|_| p.draw(true, 4096).is_some()).count();
            assert!((low..=high).contains(&hits), "{percent} %: {hits}");
            assert_eq!(p.draw(false, 4096), None);
        }
    }
}
