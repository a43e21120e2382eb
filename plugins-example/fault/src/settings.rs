//! The options of the engine, and what they say, in one struct.
//!
//! Called by `engine` in `init`. What contradicts itself is refused here, in words, before any
//! request.

use crate::errno;
use iodyno_engine_api::abi::{ioe_choice, ioe_option};
use iodyno_engine_api::{choice, Error, Job, Opt};
use std::path::PathBuf;

/// What is done to the chosen requests; the values of option `inject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    None = 0,
    Delay,
    Stall,
    Fail,
    Short,
    Flip,
    Drop,
    Redirect,
    Tear,
    Swap,
    Powercut,
}

/// Sides of a load; bits of option `inject_on`.
pub(crate) const READ: u64 = 1;
pub(crate) const WRITE: u64 = 2;
pub(crate) const TRIM: u64 = 4;
pub(crate) const FLUSH: u64 = 8;

impl Class {
    pub(crate) const ALL: [Class; 11] = [
        Class::None,
        Class::Delay,
        Class::Stall,
        Class::Fail,
        Class::Short,
        Class::Flip,
        Class::Drop,
        Class::Redirect,
        Class::Tear,
        Class::Swap,
        Class::Powercut,
    ];

    /// As in a job file, and in the log.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Class::None => "none",
            Class::Delay => "delay",
            Class::Stall => "stall",
            Class::Fail => "fail",
            Class::Short => "short",
            Class::Flip => "flip",
            Class::Drop => "drop",
            Class::Redirect => "redirect",
            Class::Tear => "tear",
            Class::Swap => "swap",
            Class::Powercut => "powercut",
        }
    }

    /// Sides that it can befall, and those that it does where nothing else is said.
    fn sides(self) -> (u64, u64) {
        match self {
            Class::None | Class::Delay | Class::Stall | Class::Fail => {
                (READ | WRITE | TRIM | FLUSH, READ | WRITE | TRIM | FLUSH)
            }
            Class::Short => (READ | WRITE, READ | WRITE),
            Class::Flip | Class::Redirect => (READ | WRITE, WRITE),
            Class::Drop => (WRITE | TRIM | FLUSH, WRITE),
            Class::Tear | Class::Swap | Class::Powercut => (WRITE, WRITE),
        }
    }
}

/// How long a delay is, beside its shortest time; the values of option `delay_law`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    Fixed = 0,
    Uniform,
    Exponential,
}

const CLASSES: &[&ioe_choice] = &[
    &choice(c"none", Class::None as u64, c"passes everything on"),
    &choice(c"delay", Class::Delay as u64, c"the answer comes later"),
    &choice(c"stall", Class::Stall as u64, c"no answer until the run ends; needs `at_most`"),
    &choice(c"fail", Class::Fail as u64, c"ends with `error`, nothing is done"),
    &choice(c"short", Class::Short as u64, c"transfers only the first part, and says so"),
    &choice(c"flip", Class::Flip as u64, c"flips bits of the data"),
    &choice(c"drop", Class::Drop as u64, c"says done, does nothing"),
    &choice(c"redirect", Class::Redirect as u64, c"goes to another offset"),
    &choice(c"tear", Class::Tear as u64, c"only the first sectors of a write arrive"),
    &choice(c"swap", Class::Swap as u64, c"two writes of one length exchange their places"),
    &choice(c"powercut", Class::Powercut as u64, c"unflushed writes are held back; some are lost"),
];
const SIDES: &[&ioe_choice] = &[
    &choice(c"read", READ, c"reads"),
    &choice(c"write", WRITE, c"writes, and zeroes without data"),
    &choice(c"trim", TRIM, c"trims"),
    &choice(c"flush", FLUSH, c"fsync, fdatasync, sync_file_range"),
];
const LAWS: &[&ioe_choice] = &[
    &choice(c"fixed", Law::Fixed as u64, c"`delay`, always"),
    &choice(c"uniform", Law::Uniform as u64, c"from `delay` to `delay_max`"),
    &choice(c"exponential", Law::Exponential as u64, c"`delay` on average, `delay_max` at most"),
];

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[
    &Opt::engine(c"inner", c"the engine that does the I/O").default(c"psync").build(),
    &Opt::choice(c"inject", c"what befalls the chosen requests", CLASSES).default(c"none").build(),
    &Opt::flagset(
        c"inject_on",
        c"requests to choose from; by default writes, for delay, stall, \
        fail, short all that can",
        SIDES,
    )
    .group(c"choice")
    .build(),
    &Opt::uint(c"every_nth", c"of the requests that can be chosen, each n-th")
        .default(c"1")
        .range(1, i64::MAX)
        .group(c"choice")
        .build(),
    &Opt::float(c"percentage", c"of those, so many of a hundred, at random")
        .default(c"100")
        .range(0, 100)
        .group(c"choice")
        .build(),
    &Opt::text(c"places", c"only requests that touch these bytes: 4k, 64k-128k, ...")
        .group(c"choice")
        .build(),
    &Opt::uint(c"skip_first", c"so many requests that could be chosen are left alone at first")
        .default(c"0")
        .group(c"choice")
        .build(),
    &Opt::uint(c"at_most", c"so many injections, then no more; 0 = without limit")
        .default(c"0")
        .group(c"choice")
        .build(),
    &Opt::uint(c"seed", c"of everything random; a clone of the job adds its number")
        .default(c"1")
        .group(c"choice")
        .build(),
    &Opt::time_ns(c"delay", c"how much later").default(c"1ms").group(c"class").build(),
    &Opt::time_ns(c"delay_max", c"at most so much later; uniform and exponential need it")
        .group(c"class")
        .build(),
    &Opt::choice(c"delay_law", c"how delays differ", LAWS)
        .default(c"fixed")
        .group(c"class")
        .build(),
    &Opt::text(c"error", c"name or number; by default EIO, after a power cut ENODEV")
        .group(c"class")
        .build(),
    &Opt::uint(c"flip_bits", c"so many bits of each chosen request")
        .default(c"1")
        .range(1, 65536)
        .group(c"class")
        .build(),
    &Opt::uint(c"flip_at", c"the first of them, counted from the request's first bit; else random")
        .group(c"class")
        .build(),
    &Opt::size(c"distance", c"how much farther a redirected request goes; 0 = its own length")
        .default(c"0")
        .group(c"class")
        .build(),
    &Opt::size(c"sector", c"unit of tear and short")
        .default(c"512")
        .range(1, 1 << 30)
        .group(c"class")
        .build(),
    &Opt::uint(c"sectors", c"so many arrive, tear and short; 0 = random")
        .default(c"0")
        .group(c"class")
        .build(),
    &Opt::uint(c"cut_after", c"the power goes after so many writes; 0 = it does not")
        .default(c"0")
        .group(c"power cut")
        .build(),
    &Opt::time_ns(c"cut_time", c"it goes so long after the first request; 0 = it does not")
        .default(c"0")
        .group(c"power cut")
        .build(),
    &Opt::float(c"cut_keep", c"of the writes held back, so many of a hundred survive, at random")
        .default(c"50")
        .range(0, 100)
        .group(c"power cut")
        .build(),
    &Opt::boolean(c"power_returns", c"after the cut requests are done again, not refused")
        .default(c"0")
        .group(c"power cut")
        .build(),
    &Opt::size(c"held_max", c"the oldest are written when more are held back")
        .default(c"64m")
        .group(c"power cut")
        .build(),
    &Opt::path(c"log", c"what was done, a line of JSON each").build(),
];

/// What the options say.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) class: Class,
    pub(crate) sides: u64,
    pub(crate) every_nth: u64,
    pub(crate) percentage: f64,
    pub(crate) places: Vec<(u64, u64)>,
    pub(crate) skip_first: u64,
    pub(crate) at_most: u64,
    pub(crate) seed: u64,
    pub(crate) delay_ns: u64,
    pub(crate) delay_max_ns: u64,
    pub(crate) delay_law: Law,
    pub(crate) errno: i32,
    pub(crate) flip_bits: u64,
    pub(crate) flip_at: Option<u64>,
    pub(crate) distance: u64,
    pub(crate) sector: u64,
    pub(crate) sectors: u64,
    pub(crate) cut_after: u64,
    pub(crate) cut_time_ns: u64,
    pub(crate) cut_keep: f64,
    pub(crate) power_returns: bool,
    pub(crate) held_max: u64,
    pub(crate) log: Option<PathBuf>,
}

fn wrong(words: impl Into<String>) -> Error {
    Error::new(libc::EINVAL, words)
}

impl Settings {
    pub(crate) fn read(job: &Job) -> Result<Settings, Error> {
        let number = |name: &str| Ok::<u64, Error>(job.uint(name)?.unwrap_or(0));
        let text = |name: &str| {
            let text = job.text(name)?.map(|text| text.to_string_lossy().into_owned());
            Ok::<_, Error>(text.filter(|text| !text.is_empty()))
        };
        let class =
            Class::ALL.into_iter().find(|class| *class as u64 == number("inject").unwrap_or(0));
        let class = class.unwrap_or(Class::None);
        let law = match number("delay_law")? {
            1 => Law::Uniform,
            2 => Law::Exponential,
            _ => Law::Fixed,
        };
        let errno = match text("error")? {
            Some(name) => errno::by_name(&name).ok_or_else(|| {
                wrong(format!(
                    "error={name}: no error is called so (EIO, ENOSPC, ..., or a number)"
                ))
            })?,
            None if class == Class::Powercut => libc::ENODEV,
            None => libc::EIO,
        };
        let places = text("places")?.map_or(Ok(Vec::new()), |text| places(&text))?;
        let settings = Settings {
            class,
            sides: sides(class, job.uint("inject_on")?.filter(|sides| *sides != 0))?,
            every_nth: number("every_nth")?.max(1),
            percentage: job.float("percentage")?.unwrap_or(100.0),
            places,
            skip_first: number("skip_first")?,
            at_most: number("at_most")?,
            seed: number("seed")?,
            delay_ns: number("delay")?,
            delay_max_ns: number("delay_max")?,
            delay_law: law,
            errno,
            flip_bits: number("flip_bits")?.max(1),
            flip_at: job.uint("flip_at")?,
            distance: number("distance")?,
            sector: number("sector")?.max(1),
            sectors: number("sectors")?,
            cut_after: number("cut_after")?,
            cut_time_ns: number("cut_time")?,
            cut_keep: job.float("cut_keep")?.unwrap_or(50.0),
            power_returns: job.boolean("power_returns")?.unwrap_or(false),
            held_max: number("held_max")?,
            log: text("log")?.map(PathBuf::from),
        };
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), Error> {
        let cut = self.cut_after > 0 || self.cut_time_ns > 0;
        if cut && self.class != Class::Powercut {
            return Err(wrong("cut_after, cut_time: they belong to inject=powercut"));
        }
        if self.power_returns && !cut {
            return Err(wrong("power_returns: say cut_after or cut_time, or the power never goes"));
        }
        if self.class == Class::Stall && self.at_most == 0 {
            let words = "inject=stall: say at_most, or soon every request stalls and nothing moves";
            return Err(wrong(words));
        }
        if self.delay_law != Law::Fixed && self.delay_max_ns < self.delay_ns {
            return Err(wrong("delay_max is below delay; uniform and exponential need both"));
        }
        Ok(())
    }
}

fn sides(class: Class, asked: Option<u64>) -> Result<u64, Error> {
    let (can, usual) = class.sides();
    let asked = asked.unwrap_or(usual);
    if asked & !can == 0 {
        return Ok(asked);
    }
    let names = [(READ, "reads"), (WRITE, "writes"), (TRIM, "trims"), (FLUSH, "flushes")];
    let names = names.iter().filter(|(bit, _)| can & bit != 0).map(|(_, name)| *name);
    let can: Vec<&str> = names.collect();
    Err(wrong(format!("inject={} befalls {} alone: see inject_on", class.word(), can.join(", "))))
}

/// "4k,64k-128k": bytes or ranges without their ends.
fn places(text: &str) -> Result<Vec<(u64, u64)>, Error> {
    let bad = |part: &str| {
        wrong(format!(
            "places: `{part}` is neither a place (4k) nor a range (64k-128k; k, m, g, t)"
        ))
    };
    let one = |part: &str| {
        let range = match part.split_once('-') {
            Some((from, to)) => (size(from), size(to)),
            None => (size(part), size(part).and_then(|at| at.checked_add(1))),
        };
        match range {
            (Some(from), Some(to)) if from < to => Ok((from, to)),
            _ => Err(bad(part)),
        }
    };
    text.split(',').map(|part| one(part.trim())).collect()
}

/// A number with k, m, g, t (or KiB and so on): powers of 1024.
fn size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" | "b" => 0,
        "k" | "ki" | "kib" => 10,
        "m" | "mi" | "mib" => 20,
        "g" | "gi" | "gib" => 30,
        "t" | "ti" | "tib" => 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn places_are_read_or_refused() {
        let good: [(&str, &[(u64, u64)]); 3] = [
            ("4k", &[(4096, 4097)]),
            ("0-1m, 8MiB-9m", &[(0, 1 << 20), (8 << 20, 9 << 20)]),
            ("512,1g", &[(512, 513), (1 << 30, (1 << 30) + 1)]),
        ];
        for (text, want) in good {
            assert_eq!(places(text).unwrap(), want, "{text}");
        }
        for bad in ["", "x", "4k-4k", "8k-4k", "4kb", "-1", "99999999999999999999", "16777216t"] {
            assert!(places(bad).unwrap_err().text().contains("places: "), "{bad}");
        }
    }

    #[test]
    fn a_class_befalls_what_it_can() {
        assert_eq!(sides(Class::Tear, None).unwrap(), WRITE);
        assert_eq!(sides(Class::Flip, Some(READ)).unwrap(), READ);
        let error = sides(Class::Tear, Some(READ)).unwrap_err();
        assert!(error.text().contains("inject=tear befalls writes alone"), "{error}");
    }
}
