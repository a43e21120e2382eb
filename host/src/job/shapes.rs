//! Values with a grammar of their own: `rw`, `bssplit`, `random_distribution`,
//! `file_service_type`, `sync_file_range`, `mem`.
//!
//! Called by `value`, and by the option table to show them. Each is one text in both formats.

use super::number::Measure;
use super::spec::{BlockShare, Distribution, FileChoice, MemoryKind, Rw, SyncFileRange};
use super::value::{bounded, choice, quantity, split, Fault, Reading, Value, SIZE_MAX};
use crate::units::Bytes;
use std::path::PathBuf;

/// Most block sizes of a direction, as in fio.
const SHARES_MAX: usize = 64;
/// Most zones of a distribution, as in fio.
const ZONES_MAX: usize = 256;
/// Most requests to one place or one file before the next.
const NUMBER_MAX: u64 = u32::MAX as u64;

/// The words of `rw`, each with its help.
pub(crate) const RW: &[(&str, &str)] = &[
    ("read", "sequential reads"),
    ("write", "sequential writes"),
    ("randread", "random reads"),
    ("randwrite", "random writes"),
    ("rw", "sequential reads and writes, mixed"),
    ("readwrite", "the same as rw"),
    ("randrw", "random reads and writes, mixed"),
    ("trim", "sequential trims"),
    ("randtrim", "random trims"),
    ("trimwrite", "each block trimmed, then written"),
    ("randtrimwrite", "random blocks, each trimmed, then written"),
];

/// The words of `rw`, for a sentence.
pub(crate) fn rw_words() -> String {
    RW.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}

/// `read`, `randread:8`, `read:-8k`.
pub(crate) fn rw(text: &str, reading: &mut Reading<'_>) -> Result<Value, Fault> {
    let (word, number) = match text.split_once(':') {
        Some((word, number)) => (word.trim_end(), Some(number.trim())),
        None => (text, None),
    };
    let rw = match choice(word, RW)?.as_str() {
        "write" => Rw::Write,
        "randread" => Rw::RandRead,
        "randwrite" => Rw::RandWrite,
        "rw" | "readwrite" => Rw::Rw,
        "randrw" => Rw::RandRw,
        "trim" => Rw::Trim,
        "randtrim" => Rw::RandTrim,
        "trimwrite" => Rw::TrimWrite,
        "randtrimwrite" => Rw::RandTrimWrite,
        _ => Rw::Read,
    };
    let Some(number) = number else { return Ok(Value::Rw(rw, None)) };
    if rw.is_random() {
        let requests = bounded(number, Measure::Count, 1, NUMBER_MAX, reading)?;
        return Ok(Value::Rw(rw, Some(requests.cast_signed())));
    }
    let bytes = quantity(number, Measure::Bytes, reading)?;
    match i64::try_from(bytes) {
        Ok(bytes) if bytes != i64::MIN => Ok(Value::Rw(rw, Some(bytes))),
        _ => Err(Fault::new(format!("`{number}` is out of range (at most {SIZE_MAX} either way)"))),
    }
}

/// `4k/60:8k/:64k/10`: what has no percentage shares the rest.
pub(crate) fn split_of_blocks(
    text: &str,
    max: u64,
    reading: &mut Reading<'_>,
) -> Result<Vec<BlockShare>, Fault> {
    let mut sizes = Vec::new();
    let mut percents = Vec::new();
    for part in split(text, |c| c == ':') {
        let (size, percent) = share(part);
        sizes.push(bounded(size, Measure::Bytes, 1, max, reading)?);
        percents.push(percent.map(|percent| whole_percent(percent, reading)).transpose()?);
    }
    if sizes.len() > SHARES_MAX {
        return Err(Fault::new(format!("has {} block sizes, more than {SHARES_MAX}", sizes.len())));
    }
    let percents = shared(text, &percents, "percentages")?;
    let shares = sizes.into_iter().zip(percents);
    Ok(shares.map(|(bs, percent)| BlockShare { bs: Bytes(bs), percent }).collect())
}

/// `4k/60`; in `4k/` and `4k` the percentage is left out.
fn share(part: &str) -> (&str, Option<&str>) {
    let at = split(part, |c| c == '/')[0].len();
    match part.get(at..).and_then(|rest| rest.trim_start().strip_prefix('/')) {
        Some(percent) if !percent.trim().is_empty() => (part[..at].trim(), Some(percent.trim())),
        _ => (part[..at].trim(), None),
    }
}

fn whole_percent(text: &str, reading: &mut Reading<'_>) -> Result<u8, Fault> {
    let text = text.strip_suffix('%').unwrap_or(text);
    let percent = bounded(text, Measure::Count, 1, 100, reading)?;
    u8::try_from(percent).map_err(|_| Fault::new(format!("`{text}` is no percentage")))
}

/// Fills in what was left out, the first ones one more where it does not divide: 100 in all.
fn shared(text: &str, given: &[Option<u8>], what: &str) -> Result<Vec<u8>, Fault> {
    let sum: usize = given.iter().flatten().map(|percent| usize::from(*percent)).sum();
    let missing = given.iter().filter(|percent| percent.is_none()).count();
    let too_little = missing == 0 && sum != 100;
    if sum > 100 || too_little {
        let message = format!("`{text}` has {what} that add up to {sum}, not to 100");
        let help = (what == "percentages")
            .then(|| "a percentage that is left out (`4k/`) shares what is left".to_owned());
        return Err(Fault { help, ..Fault::new(message) });
    }
    if missing > 100 - sum {
        let left = 100 - sum;
        let message = format!("`{text}` leaves {left} percent for {missing} without a percentage");
        return Err(Fault::new(message).help("give each of them at least 1"));
    }
    let mut place = 0;
    let filled = given.iter().map(|percent| match percent {
        Some(percent) => usize::from(*percent),
        None => {
            place += 1;
            let left = 100 - sum;
            left / missing + usize::from(place <= left % missing)
        }
    });
    Ok(filled.map(|percent| u8::try_from(percent).unwrap_or(100)).collect())
}

/// In the syntax that [`split_of_blocks`] reads.
pub(crate) fn show_split(shares: &[BlockShare], bytes: impl Fn(Bytes) -> String) -> String {
    let one = |share: &BlockShare| {
        let size = bytes(share.bs);
        format!("{}/{}", size.trim_matches('"'), share.percent)
    };
    shares.iter().map(one).collect::<Vec<_>>().join(":")
}

/// `zipf:1.2`, `zoned:60/10:40/90` and the like, for one direction.
pub(crate) fn distribution(text: &str, reading: &mut Reading<'_>) -> Result<Distribution, Fault> {
    let (word, rest) = match text.split_once(':') {
        Some((word, rest)) => (word.trim_end(), Some(rest)),
        None => (text, None),
    };
    match word {
        "random" if rest.is_none() => Ok(Distribution::Random),
        "random" => Err(Fault::new(format!("`{text}`: random takes no number"))),
        "zipf" => {
            let (theta, center) = law(text, rest, "zipf:1.2", zipf_theta)?;
            Ok(Distribution::Zipf { theta, center })
        }
        "pareto" => {
            let (h, center) = law(text, rest, "pareto:0.9", pareto_h)?;
            Ok(Distribution::Pareto { h, center })
        }
        "normal" | "gauss" => {
            let (deviation, center) = law(text, rest, "normal:10", normal_deviation)?;
            Ok(Distribution::Normal { deviation, center })
        }
        "zoned" => zones(text, rest, |size| whole_percent(size, reading)).and_then(|zones| {
            let sizes: Vec<Option<u8>> = zones.iter().map(|(_, size)| Some(*size)).collect();
            shared(text, &sizes, "sizes")?;
            Ok(Distribution::Zoned(zones))
        }),
        "zoned_abs" => {
            zones(text, rest, |size| bounded(size, Measure::Bytes, 1, SIZE_MAX, reading).map(Bytes))
                .map(Distribution::ZonedAbs)
        }
        _ => {
            let message =
                format!("`{word}` is none of random, zipf, pareto, normal, zoned, zoned_abs");
            Err(Fault::new(message))
        }
    }
}

/// A law's number, and where its middle lies.
fn law(
    text: &str,
    rest: Option<&str>,
    example: &str,
    number: fn(&str) -> Result<f64, Fault>,
) -> Result<(f64, Option<f64>), Fault> {
    let Some(rest) = rest else {
        return Err(Fault::new(format!("`{text}` lacks its number")).help(format!("`{example}`")));
    };
    let (first, center) = match rest.split_once(':') {
        Some((first, center)) => (first, Some(center)),
        None => (rest, None),
    };
    let center = center.map(|center| match float(center)? {
        value if (0.0..=1.0).contains(&value) => Ok(value),
        _ => {
            Err(Fault::new(format!("`{}` is out of range for the center (0 to 1)", center.trim())))
        }
    });
    Ok((number(first)?, center.transpose()?))
}

fn float(text: &str) -> Result<f64, Fault> {
    let text = text.trim();
    let found = text.parse::<f64>().ok().filter(|value| value.is_finite());
    found.ok_or_else(|| Fault::new(format!("`{text}` is not a number")))
}

fn zipf_theta(text: &str) -> Result<f64, Fault> {
    match float(text)? {
        theta if theta <= 0.0 => Err(out_of_range(text, "the theta of zipf (above 0)")),
        1.0 => {
            let message =
                format!("`{}` is the one theta that zipf is not defined for", text.trim());
            Err(Fault::new(message).help("0.99 and 1.01 come near"))
        }
        theta => Ok(theta),
    }
}

fn pareto_h(text: &str) -> Result<f64, Fault> {
    match float(text)? {
        h if h > 0.0 && h < 1.0 => Ok(h),
        _ => Err(out_of_range(text, "the h of pareto (above 0, below 1)")),
    }
}

fn normal_deviation(text: &str) -> Result<f64, Fault> {
    match float(text)? {
        deviation if deviation > 0.0 && deviation <= 100.0 => Ok(deviation),
        _ => Err(out_of_range(text, "the deviation of normal (percent, above 0, at most 100)")),
    }
}

fn out_of_range(text: &str, what: &str) -> Fault {
    Fault::new(format!("`{}` is out of range for {what}", text.trim()))
}

/// `60/10:30/20:10/70`: the share of the accesses, then the size of the zone.
fn zones<T>(
    text: &str,
    rest: Option<&str>,
    mut size: impl FnMut(&str) -> Result<T, Fault>,
) -> Result<Vec<(u8, T)>, Fault> {
    let rest = rest.filter(|rest| !rest.trim().is_empty()).ok_or_else(|| {
        Fault::new(format!("`{text}` lacks its zones")).help("`zoned:60/10:40/90`")
    })?;
    let (mut accesses, mut sizes) = (Vec::new(), Vec::new());
    for part in split(rest, |c| c == ':') {
        let Some((access, bytes)) = part.split_once('/') else {
            return Err(Fault::new(format!("`{part}` is not ACCESS/SIZE")));
        };
        accesses.push(match access.trim() {
            "" => None,
            access => Some(percent_of_accesses(access)?),
        });
        sizes.push(size(bytes.trim())?);
    }
    if sizes.len() > ZONES_MAX {
        return Err(Fault::new(format!("has {} zones, more than {ZONES_MAX}", sizes.len())));
    }
    Ok(shared(text, &accesses, "accesses")?.into_iter().zip(sizes).collect())
}

/// 0 is a zone that is left alone.
fn percent_of_accesses(text: &str) -> Result<u8, Fault> {
    let found = text.strip_suffix('%').unwrap_or(text).parse::<u8>().ok();
    found
        .filter(|percent| *percent <= 100)
        .ok_or_else(|| Fault::new(format!("`{text}` is not a whole percentage from 0 to 100")))
}

/// In the syntax that [`distribution`] reads.
pub(crate) fn show_distribution(
    distribution: &Distribution,
    bytes: impl Fn(Bytes) -> String,
) -> String {
    let law = |name: &str, number: f64, center: Option<f64>| match center {
        Some(center) => format!("{name}:{number}:{center}"),
        None => format!("{name}:{number}"),
    };
    match distribution {
        Distribution::Random => "random".to_owned(),
        Distribution::Zipf { theta, center } => law("zipf", *theta, *center),
        Distribution::Pareto { h, center } => law("pareto", *h, *center),
        Distribution::Normal { deviation, center } => law("normal", *deviation, *center),
        Distribution::Zoned(zones) => {
            let zones = zones.iter().map(|(access, size)| format!(":{access}/{size}"));
            format!("zoned{}", zones.collect::<String>())
        }
        Distribution::ZonedAbs(zones) => {
            let zone = |(access, size): &(u8, Bytes)| {
                format!(":{access}/{}", bytes(*size).trim_matches('"'))
            };
            format!("zoned_abs{}", zones.iter().map(zone).collect::<String>())
        }
    }
}

/// `random:8`, `zipf:1.2`.
pub(crate) fn file_choice(text: &str, reading: &mut Reading<'_>) -> Result<Value, Fault> {
    let (word, number) = match text.split_once(':') {
        Some((word, number)) => (word.trim_end(), Some(number.trim())),
        None => (text, None),
    };
    let kept = |choice: FileChoice, reading: &mut Reading<'_>| {
        let every = number.map(|number| bounded(number, Measure::Count, 1, NUMBER_MAX, reading));
        let every = u32::try_from(every.transpose()?.unwrap_or(0)).unwrap_or(u32::MAX);
        Ok(Value::FileChoice(choice, every))
    };
    let drawn = |example: &str, read: fn(&str) -> Result<f64, Fault>| match number {
        Some(number) => read(number),
        None => Err(Fault::new(format!("`{text}` lacks its number")).help(format!("`{example}`"))),
    };
    let choice = match word {
        "roundrobin" => return kept(FileChoice::RoundRobin, reading),
        "random" => return kept(FileChoice::Random, reading),
        "sequential" => return kept(FileChoice::Sequential, reading),
        "zipf" => FileChoice::Zipf(drawn("zipf:1.2", zipf_theta)?),
        "pareto" => FileChoice::Pareto(drawn("pareto:0.9", pareto_h)?),
        "normal" | "gauss" => FileChoice::Gauss(drawn("normal:10", normal_deviation)?),
        _ => {
            let message =
                format!("`{word}` is none of roundrobin, random, sequential, zipf, pareto, normal");
            return Err(Fault::new(message));
        }
    };
    Ok(Value::FileChoice(choice, 0))
}

/// In the syntax that [`file_choice`] reads.
pub(crate) fn show_file_choice(choice: FileChoice, every: u32) -> String {
    let kept = |word: &str| match every {
        0 => word.to_owned(),
        every => format!("{word}:{every}"),
    };
    match choice {
        FileChoice::RoundRobin => kept("roundrobin"),
        FileChoice::Random => kept("random"),
        FileChoice::Sequential => kept("sequential"),
        FileChoice::Zipf(theta) => format!("zipf:{theta}"),
        FileChoice::Pareto(h) => format!("pareto:{h}"),
        FileChoice::Gauss(deviation) => format!("normal:{deviation}"),
    }
}

/// `wait_before,write:8`.
pub(crate) fn sync_file_range(text: &str, reading: &mut Reading<'_>) -> Result<Value, Fault> {
    let Some((flags, number)) = text.split_once(':') else {
        let message = format!("`{}` lacks its number of writes", text.trim());
        return Err(Fault::new(message).help("`write:32`: after every 32 writes"));
    };
    let mut found = SyncFileRange { wait_before: false, write: false, wait_after: false, every: 0 };
    for flag in flags.split(',').map(str::trim) {
        match flag {
            "wait_before" => found.wait_before = true,
            "write" => found.write = true,
            "wait_after" => found.wait_after = true,
            _ => {
                let message = format!("`{flag}` is none of wait_before, write, wait_after");
                return Err(Fault::new(message));
            }
        }
    }
    let every = bounded(number.trim(), Measure::Count, 0, NUMBER_MAX, reading)?;
    found.every = u32::try_from(every).unwrap_or(u32::MAX);
    Ok(Value::SyncFileRange((every != 0).then_some(found)))
}

/// In the syntax that [`sync_file_range`] reads.
pub(crate) fn show_sync_file_range(range: SyncFileRange) -> String {
    let flags = [
        ("wait_before", range.wait_before),
        ("write", range.write),
        ("wait_after", range.wait_after),
    ];
    let words: Vec<&str> = flags.iter().filter(|(_, on)| *on).map(|(word, _)| *word).collect();
    format!("{}:{}", words.join(","), range.every)
}

/// `malloc`, `mmap:/dev/shm/x`.
pub(crate) fn memory(text: &str) -> Result<MemoryKind, Fault> {
    let (word, file) = match text.split_once(':') {
        Some((word, file)) => (word.trim_end(), Some(file.trim())),
        None => (text, None),
    };
    if file.is_some_and(|file| file.is_empty() || file.contains('\0')) {
        return Err(Fault::new(format!("`{text}` lacks the name of the file")));
    }
    let path = file.map(PathBuf::from);
    match (word, &path) {
        ("mmap", _) => Ok(MemoryKind::Mmap(path)),
        ("mmaphuge", _) => Ok(MemoryKind::MmapHuge(path)),
        ("malloc", None) => Ok(MemoryKind::Malloc),
        ("shm", None) => Ok(MemoryKind::Shm),
        ("shmhuge", None) => Ok(MemoryKind::ShmHuge),
        ("malloc" | "shm" | "shmhuge", Some(_)) => {
            Err(Fault::new(format!("`{word}` takes no file")).help("`mmap` and `mmaphuge` do"))
        }
        _ => Err(Fault::new(format!("`{word}` is none of malloc, mmap, shm, mmaphuge, shmhuge"))),
    }
}

/// In the syntax that [`memory`] reads.
pub(crate) fn show_memory(memory: &MemoryKind) -> String {
    match memory {
        MemoryKind::Malloc => "malloc".to_owned(),
        MemoryKind::Shm => "shm".to_owned(),
        MemoryKind::ShmHuge => "shmhuge".to_owned(),
        MemoryKind::Mmap(None) => "mmap".to_owned(),
        MemoryKind::MmapHuge(None) => "mmaphuge".to_owned(),
        MemoryKind::Mmap(Some(file)) => format!("mmap:{}", file.display()),
        MemoryKind::MmapHuge(Some(file)) => format!("mmaphuge:{}", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::number::Dialect;
    use super::*;

    fn read<T>(read: impl FnOnce(&mut Reading<'_>) -> Result<T, Fault>) -> Result<T, String> {
        let dialect = Dialect::Fio { kb_base: 1024 };
        let mut reading = Reading { dialect, remarks: &mut Vec::new() };
        read(&mut reading).map_err(|fault| fault.message)
    }

    fn percents(text: &str) -> Option<Vec<u8>> {
        let shares = read(|reading| split_of_blocks(text, 1 << 30, reading)).ok()?;
        Some(shares.iter().map(|share| share.percent).collect())
    }

    #[test]
    fn shares_add_up_to_a_hundred() {
        for (text, expected) in [
            ("4k/100", Some(vec![100])),
            ("4k", Some(vec![100])),
            ("4k/:8k/:16k/", Some(vec![34, 33, 33])),
            ("4k/50:1k/:32k/", Some(vec![50, 25, 25])),
            ("4k / 60 : 8k / 40", Some(vec![60, 40])),
            ("(4*1024)/60:8k/40%", Some(vec![60, 40])),
            ("(8k/2)/60:8k/40", Some(vec![60, 40])),
            ("4k/98:8k/:16k/", Some(vec![98, 1, 1])),
            ("4k/99:8k/:16k/", None),
            ("4k/60:8k/39", None),
            ("4k/60:8k/41", None),
            ("4k/60/40", None),
            ("4k/60:", None),
            ("4k/-1:8k/101", None),
            ("4k/33.3:8k/66.7", None),
            ("é/50:8k/50", None),
        ] {
            assert_eq!(percents(text), expected, "{text}");
        }
        let many = |n: usize| vec!["4k/"; n].join(":");
        assert!(percents(&many(64)).is_some() && percents(&many(65)).is_none());
    }

    #[test]
    fn what_is_shown_reads_back() {
        let number = |bytes: Bytes| bytes.0.to_string();
        for text in [
            "random",
            "zipf:1.2",
            "zipf:0.5:0",
            "pareto:0.9:1",
            "normal:12.5:0.25",
            "zoned:60/10:0/50:40/40",
            "zoned_abs:60/4096:40/8192",
        ] {
            let law = read(|reading| distribution(text, reading)).expect(text);
            assert_eq!(show_distribution(&law, number), text);
        }
        for text in ["roundrobin", "random:8", "sequential:2", "zipf:1.2", "pareto:0.5"] {
            let value = read(|reading| file_choice(text, reading)).expect(text);
            let Value::FileChoice(choice, every) = value else { panic!("{text}") };
            assert_eq!(show_file_choice(choice, every), text);
        }
        for text in ["write:8", "wait_before,write,wait_after:1"] {
            let value = read(|reading| sync_file_range(text, reading)).expect(text);
            let Value::SyncFileRange(Some(range)) = value else { panic!("{text}") };
            assert_eq!(show_sync_file_range(range), text);
        }
        for text in ["malloc", "mmap", "mmap:/a:b", "shm", "mmaphuge", "mmaphuge:/x", "shmhuge"] {
            assert_eq!(show_memory(&memory(text).expect(text)), text);
        }
        let shares = read(|reading| split_of_blocks("4k/60:8k/40", 1 << 30, reading));
        assert_eq!(show_split(&shares.expect("a split"), number), "4096/60:8192/40");
    }
}
