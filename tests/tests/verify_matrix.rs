//! The damage matrix: each class of damage by each method of `verify`, with each size of pool, over
//! synchronous and asynchronous engines, as docs/verify-format.md has it.
//!
//! The engine fault plants a hundred wrong blocks in each run and writes down where. What the run
//! tells must be those places, no other ones, each by its name. `scripts/test verify` prints the
//! table. IODYNO_VERIFY_MATRIX=part takes one engine and one pool for each class and method.

use iodyno_tests::verify::{announce, quick_dir, side_by_side};
use iodyno_tests::{needs, Scene};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What methods have in common, as the columns of the table in docs/verify-format.md.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Digest,
    Header,
    Meta,
    Pattern,
    /// A pattern with `%o`.
    Place,
    Null,
}

/// What a method sees of a damage.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sees {
    /// Under this name.
    Named(&'static str),
    /// That something is wrong, not what.
    Found,
    Nothing,
}

use Kind::{Digest, Header, Meta, Null, Pattern, Place};
use Sees::{Found, Named, Nothing};

/// Name, kind and lines of each method.
const METHODS: [(&str, Kind, &str); 19] = [
    ("md5", Digest, "verify=md5"),
    ("crc64", Digest, "verify=crc64"),
    ("crc32", Digest, "verify=crc32"),
    ("crc32c", Digest, "verify=crc32c"),
    ("crc16", Digest, "verify=crc16"),
    ("crc7", Digest, "verify=crc7"),
    ("xxhash", Digest, "verify=xxhash"),
    ("sha1", Digest, "verify=sha1"),
    ("sha256", Digest, "verify=sha256"),
    ("sha512", Digest, "verify=sha512"),
    ("sha3-224", Digest, "verify=sha3-224"),
    ("sha3-256", Digest, "verify=sha3-256"),
    ("sha3-384", Digest, "verify=sha3-384"),
    ("sha3-512", Digest, "verify=sha3-512"),
    ("pattern_hdr", Header, "verify=pattern_hdr\nverify_pattern=0xa1b2c3"),
    ("meta", Meta, "verify=meta"),
    // Of a length that divides no sector, so that it tells shifted data.
    ("pattern", Pattern, "verify=pattern\nverify_pattern=0xa1b2c3"),
    ("pattern %o", Place, "verify=pattern\nverify_pattern=0xa1b2c3%o"),
    ("null", Null, "verify=null"),
];

/// Sizes of the pool.
const POOLS: [u32; 4] = [0, 1, 2, 4];

/// What is on the target before the damage.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// There is none.
    Nothing,
    /// Data without stamps.
    Foreign,
    /// What another run of the same job wrote.
    OtherRun,
    /// What another job of the run wrote.
    OtherJob,
    /// What the job itself wrote, in a first pass.
    Itself,
}

/// A class of damage.
struct Damage {
    name: &'static str,
    before: Before,
    /// Where stamps stand.
    place: u32,
    /// Lines of the job.
    lines: &'static str,
    /// What is seen at the places of the requests that suffered,
    here: fn(Kind) -> Sees,
    /// and at those that the log calls `to`, where these suffer as well.
    there: Option<fn(Kind) -> Sees>,
}

const PLAIN: Damage = Damage {
    name: "",
    before: Before::Nothing,
    place: 0,
    lines: "",
    here: |_| Nothing,
    there: None,
};

/// A bit is seen by whatever compares bytes.
fn bit(kind: Kind) -> Sees {
    match kind {
        Meta | Null => Nothing,
        _ => Named("bit flips"),
    }
}

/// What only a stamp tells.
fn by_stamp(kind: Kind, name: &'static str) -> Sees {
    match kind {
        Digest | Header | Meta => Named(name),
        Pattern | Place | Null => Nothing,
    }
}

/// What a stamp names, and a pattern sees.
fn by_bytes(kind: Kind, name: &'static str) -> Sees {
    match kind {
        Pattern | Place => Found,
        _ => by_stamp(kind, name),
    }
}

/// What tells places apart sees.
fn by_place(kind: Kind, name: &'static str) -> Sees {
    match kind {
        Place => Found,
        _ => by_stamp(kind, name),
    }
}

const DAMAGES: [Damage; 16] = [
    Damage {
        name: "bit in the stamp",
        lines: "inject=flip\nflip_at=163",
        here: |kind| if kind == Meta { Named("bit flips") } else { bit(kind) },
        ..PLAIN
    },
    Damage { name: "bit in the digest", lines: "inject=flip\nflip_at=645", here: bit, ..PLAIN },
    Damage { name: "bit in the payload", lines: "inject=flip\nflip_at=16005", here: bit, ..PLAIN },
    Damage {
        name: "bits, while reading",
        lines: "inject=flip\ninject_on=read\nflip_at=29998\nflip_bits=5",
        here: bit,
        ..PLAIN
    },
    Damage {
        name: "lost, over an own write",
        before: Before::Itself,
        lines: "inject=drop",
        here: |kind| by_stamp(kind, "stale"),
        ..PLAIN
    },
    Damage {
        name: "lost, over another run's",
        before: Before::OtherRun,
        lines: "inject=drop",
        here: |kind| by_stamp(kind, "stale"),
        ..PLAIN
    },
    Damage {
        name: "lost, over another job's",
        before: Before::OtherJob,
        lines: "inject=drop",
        here: |kind| by_stamp(kind, "other writer"),
        ..PLAIN
    },
    Damage {
        name: "lost, the first write",
        lines: "inject=drop",
        here: |kind| by_bytes(kind, "zeros"),
        ..PLAIN
    },
    Damage {
        name: "lost, over foreign data",
        before: Before::Foreign,
        lines: "inject=drop",
        here: |kind| by_bytes(kind, "foreign"),
        ..PLAIN
    },
    Damage {
        name: "written to another place",
        before: Before::OtherRun,
        // Half a target farther would be outside of it: it goes half a target back, to what was
        // written long before.
        lines: "inject=redirect\nrw=write\ndistance=512k\nplaces=512k-1m\nat_most=50",
        here: |kind| by_stamp(kind, "stale"),
        there: Some(|kind| by_place(kind, "misdirected")),
        ..PLAIN
    },
    Damage {
        name: "two writes swapped",
        lines: "inject=swap\nat_most=50",
        here: |kind| by_place(kind, "misdirected"),
        there: Some(|kind| by_place(kind, "misdirected")),
        ..PLAIN
    },
    Damage {
        name: "read from another place",
        lines: "inject=redirect\ninject_on=read",
        here: |kind| by_place(kind, "misdirected"),
        ..PLAIN
    },
    Damage {
        name: "torn, the first write",
        lines: "inject=tear\nsectors=3",
        here: bytes_torn,
        ..PLAIN
    },
    Damage {
        name: "torn, the stamp arrived",
        before: Before::OtherRun,
        lines: "inject=tear\nsectors=3",
        // Behind the stamp a pattern is the same in both writes.
        here: |kind| if kind == Digest { Named("torn") } else { Nothing },
        ..PLAIN
    },
    Damage {
        name: "torn, the stamp did not",
        before: Before::OtherRun,
        place: 2048,
        lines: "inject=tear\nsectors=3",
        here: |kind| match kind {
            Header => Named("stale"),
            _ => by_stamp(kind, "torn"),
        },
        ..PLAIN
    },
    Damage {
        name: "shifted",
        lines: "inject=redirect\ninject_on=read\ndistance=512",
        here: |kind| by_bytes(kind, "shifted"),
        ..PLAIN
    },
];

fn bytes_torn(kind: Kind) -> Sees {
    match kind {
        Meta | Null => Nothing,
        _ => Named("torn"),
    }
}

/// One run of the matrix.
#[derive(Clone, Copy)]
struct Case {
    damage: usize,
    method: usize,
    pool: u32,
    inner: &'static str,
}

impl Case {
    fn context(&self) -> String {
        let Case { damage, method, pool, inner } = *self;
        let (method, _, _) = METHODS[method];
        format!("{}, verify={method}, verify_async={pool}, {inner}", DAMAGES[damage].name)
    }
}

/// Targets that another run wrote, by method and place of the stamps.
struct Written(TempDir);

impl Written {
    fn path(&self, method: usize, place: u32) -> PathBuf {
        self.0.path().join(format!("{method}-{place}"))
    }

    fn write() -> Written {
        let written = Written(quick_dir());
        for (method, (_, _, lines)) in METHODS.iter().enumerate() {
            for place in [0, 2048] {
                let stamps =
                    if stamps(method) { format!("verify_offset={place}\n") } else { String::new() };
                let path = written.path(method, place);
                let job = format!(
                    "[a]\nioengine=psync\nfilename={}\nrw=write\nbs=4k\nsize=1m\n{lines}\n{stamps}\
                     do_verify=0\nverify_state_save=0\n",
                    path.display()
                );
                Scene::new().run_json(&job).expect(0);
            }
        }
        written
    }
}

fn stamps(method: usize) -> bool {
    !matches!(METHODS[method].1, Pattern | Place | Null)
}

/// The job: 256 blocks, written through fault.
fn job(case: &Case, path: &Path) -> String {
    let damage = &DAMAGES[case.damage];
    let (_, _, method) = METHODS[case.method];
    let (path, Case { pool, inner, .. }) = (path.display(), case);
    let place = match damage.place {
        0 => String::new(),
        _ if !stamps(case.method) => String::new(),
        place => format!("verify_offset={place}\n"),
    };
    let common = format!("filename={path}\nbs=4k\nsize=1m\n{method}\n{place}verify_state_save=0\n");
    let mut text = String::new();
    if damage.before == Before::OtherJob {
        text = format!("[before]\nioengine=psync\nrw=write\ndo_verify=0\n{common}[a]\nstonewall\n");
    } else {
        text.push_str("[a]\n");
    }
    let mut lines = damage.lines.to_owned();
    let skipped = if damage.before == Before::Itself { 256 + 20 } else { 20 };
    lines.push_str(&format!("\nevery_nth=2\nskip_first={skipped}\n"));
    for (key, line) in [("\nrw=", "rw=randwrite\n"), ("\nat_most=", "at_most=100\n")] {
        if !damage.lines.contains(key) {
            lines.push_str(line);
        }
    }
    if damage.before == Before::Itself {
        lines.push_str("io_size=2m\n");
    }
    text.push_str(&format!(
        "ioengine=fault\ninner={inner}\niodepth=8\nverify_async={pool}\nlog=log\n{common}{lines}"
    ));
    text
}

/// Where what is to be seen: the places that fault wrote down.
fn planted(scene: &Scene, case: &Case) -> Result<BTreeMap<u64, Sees>, String> {
    let damage = &DAMAGES[case.damage];
    let (_, kind, _) = METHODS[case.method];
    let log = std::fs::read_to_string(scene.at("log")).map_err(|why| format!("the log: {why}"))?;
    let mut places = BTreeMap::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).map_err(|why| format!("{line}: {why}"))?;
        let at = |key: &str| line[key].as_u64().ok_or_else(|| format!("no {key} in {line}"));
        places.insert(at("offset")?, (damage.here)(kind));
        if let Some(there) = damage.there {
            places.insert(at("to")?, there(kind));
        }
    }
    match places.len() {
        100 => Ok(places),
        other => Err(format!("{other} places are damaged, not 100")),
    }
}

/// Runs a case; tells what was not as it must be.
fn run(case: &Case, written: &Written) -> Result<(), String> {
    let damage = &DAMAGES[case.damage];
    let dir = quick_dir();
    let target = &*dir.path().join("target");
    match damage.before {
        Before::OtherRun => {
            let from = written.path(case.method, damage.place);
            std::fs::copy(from, target).map_err(|why| why.to_string())?;
        }
        Before::Foreign => {
            std::fs::write(target, vec![0x5a; 1 << 20]).map_err(|why| why.to_string())?;
        }
        Before::Nothing | Before::OtherJob | Before::Itself => {}
    }
    let scene = Scene::new();
    let outcome = scene.run_json(&job(case, target));
    if ![0, 3].contains(&outcome.status) {
        return Err(outcome.to_string());
    }
    let mut wanted = planted(&scene, case)?;
    wanted.retain(|_, sees| *sees != Nothing);
    let document = outcome.document();
    let verify = format!("/jobs/{}/verify", document.job("a"));
    let list = document.at(&format!("{verify}/miscompares")).as_array().cloned();
    let wrong = document.number(&format!("{verify}/wrong"));
    if wrong != wanted.len() as u64 {
        return Err(format!("{wrong} blocks are wrong, not {}", wanted.len()));
    }
    if outcome.status != if wanted.is_empty() { 0 } else { 3 } {
        return Err(format!("status {}", outcome.status));
    }
    for one in list.unwrap_or_default() {
        let offset = one["offset"].as_u64().unwrap_or(u64::MAX);
        match wanted.remove(&offset) {
            Some(Named(name)) if one["class"] != name => return Err(format!("not {name}: {one}")),
            Some(_) => {}
            None => return Err(format!("nothing is planted there: {one}")),
        }
    }
    match wanted.first_key_value() {
        Some((offset, _)) => Err(format!("what is planted at {offset} is not found")),
        None => Ok(()),
    }
}

fn inners() -> Vec<&'static str> {
    let mut all = vec!["psync", "libaio"];
    match needs::io_uring() {
        Ok(()) => all.push("io_uring"),
        Err(why) => needs::skip_for("io_uring", &why),
    }
    all
}

/// All of them, or one for each class and method.
fn cases(part: bool) -> Vec<Case> {
    let inners = inners();
    let mut all = Vec::new();
    for damage in 0..DAMAGES.len() {
        for method in 0..METHODS.len() {
            let pools = POOLS.iter().enumerate();
            let ways = pools.flat_map(|(p, pool)| inners.iter().map(move |inner| (p, pool, inner)));
            let ways = ways.enumerate().filter(|(way, _)| {
                !part || *way == (damage * 7 + method) % (POOLS.len() * inners.len())
            });
            all.extend(ways.map(|(_, (_, &pool, &inner))| Case { damage, method, pool, inner }));
        }
    }
    all
}

/// A word for what a method sees of a damage.
fn word(damage: &Damage, kind: Kind) -> &'static str {
    match ((damage.here)(kind), damage.there.map(|there| there(kind))) {
        (Nothing, None | Some(Nothing)) => "no",
        (Named(_), None | Some(Named(_))) => "named",
        (Nothing, Some(_)) | (_, Some(Nothing)) => "half",
        _ => "found",
    }
}

#[test]
fn each_damage_is_found_and_named_as_the_table_says() {
    let part = std::env::var("IODYNO_VERIFY_MATRIX").is_ok_and(|words| words == "part");
    let cases = cases(part);
    let written = Written::write();
    let failed = side_by_side(&cases, |case| run(case, &written));
    let failed: Vec<(Case, String)> =
        failed.into_iter().map(|(at, why)| (cases[at], why)).collect();
    let mut rows = Vec::new();
    for (d, damage) in DAMAGES.iter().enumerate() {
        for (m, (method, kind, _)) in METHODS.iter().enumerate() {
            let of_cell = |case: &Case| case.damage == d && case.method == m;
            let has_failed = failed.iter().any(|(case, _)| of_cell(case));
            let word = if has_failed { "FAILED" } else { word(damage, *kind) };
            rows.push(format!("damage\t{}\t{method}\t{word}", damage.name));
        }
    }
    rows.push(format!(
        "runs\t{}\t{}\t{}",
        cases.len(),
        failed.len(),
        if part { "part" } else { "all" }
    ));
    announce(&rows);
    let words: String =
        failed.iter().take(5).map(|(case, why)| format!("{}: {why}\n", case.context())).collect();
    assert!(failed.is_empty(), "{} of {} runs failed:\n{words}", failed.len(), cases.len());
}
