//! Where the buffers lie: kinds of memory, alignment, huge pages, and memory that is locked away.
//!
//! The engine is `tests/plugins/memory.c`, which writes down the addresses of its buffers and the
//! maps of its process.

use iodyno_tests::{needs, plugins, require, Scene};
use std::path::Path;

const DEPTH: usize = 8;

/// What an engine saw of its memory.
struct Seen {
    /// Addresses of the buffers.
    buffers: Vec<u64>,
    smaps: String,
    status: String,
}

/// A mapping of /proc/PID/smaps.
#[derive(Debug)]
struct Mapping {
    range: std::ops::Range<u64>,
    name: String,
    page_kib: u64,
    /// Bytes that are there.
    resident: u64,
}

/// Text of a job with the engine, `lines` and a depth of 8; RECORD is where the engine writes.
fn job(scene: &Scene, lines: &str) -> String {
    let (engine, record) = (plugins::built("memory"), scene.at("record"));
    format!(
        "[global]\nioengine={engine}\nrecord={record}\nsize=1m\nbs=64k\niodepth={DEPTH}\nrw=read\n\
         [a]\n{lines}\n"
    )
}

fn run(lines: &str) -> Seen {
    let scene = Scene::new();
    scene.run_json(&job(&scene, lines)).clean();
    let text = |ending: &str| {
        let path = scene.at(&format!("record{ending}"));
        std::fs::read_to_string(path).expect("the engine wrote it")
    };
    let buffers: Vec<u64> =
        text("").lines().map(|line| line.parse().expect("an address")).collect();
    assert_eq!(buffers.len(), DEPTH, "{lines}: a buffer for each request");
    Seen { buffers, smaps: text(".smaps"), status: text(".status") }
}

impl Seen {
    /// The mapping that the first buffer lies in; all others must lie there, too.
    fn mapping(&self) -> Mapping {
        let mappings = mappings(&self.smaps);
        let found = mappings.into_iter().find(|mapping| mapping.range.contains(&self.buffers[0]));
        let mapping = found.expect("buffers are mapped");
        assert!(self.buffers.iter().all(|buffer| mapping.range.contains(buffer)));
        mapping
    }

    /// A figure of /proc/PID/status in bytes.
    fn status_bytes(&self, key: &str) -> u64 {
        let line = self.status.lines().find(|line| line.starts_with(key)).expect("a figure");
        kib(line) * 1024
    }
}

fn kib(line: &str) -> u64 {
    let word = line.split_whitespace().nth(1).expect("a figure in kB");
    word.parse().expect("a number")
}

fn mappings(smaps: &str) -> Vec<Mapping> {
    let mut found: Vec<Mapping> = Vec::new();
    for line in smaps.lines() {
        let first = line.split(' ').next().unwrap_or_default();
        let ends = first.split_once('-').and_then(|(from, to)| {
            Some((u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?))
        });
        match (ends, found.last_mut()) {
            (Some((from, to)), _) => {
                let name = line.split_whitespace().skip(5).collect::<Vec<_>>().join(" ");
                found.push(Mapping { range: from..to, name, page_kib: 0, resident: 0 });
            }
            (None, Some(mapping)) => match first {
                "KernelPageSize:" => mapping.page_kib = kib(line),
                "Rss:" | "Shared_Hugetlb:" | "Private_Hugetlb:" => {
                    mapping.resident += kib(line) * 1024;
                }
                _ => {}
            },
            _ => {}
        }
    }
    found
}

#[test]
fn each_kind_of_memory_is_what_it_says() {
    require!(c_compiler);
    let files = Scene::new();
    let file = files.at("buffers");
    let cases = [
        ("mem=malloc".to_owned(), ""),
        ("mem=mmap".to_owned(), ""),
        ("iomem=shm".to_owned(), "/SYSV"),
        (format!("mem=mmap:{file}"), file.as_str()),
    ];
    for (lines, name) in &cases {
        for rw in ["read", "write"] {
            let seen = run(&format!("{lines}\nrw={rw}"));
            let mapping = seen.mapping();
            // A segment or file is deleted while it is used: nothing of it can stay behind.
            let (begins, ends) =
                (mapping.name.starts_with(name), mapping.name.ends_with("(deleted)"));
            assert!(begins && ends != name.is_empty(), "{lines}: {mapping:?}");
            assert!(
                mapping.resident >= 8 * 65536,
                "{lines} {rw}: pages are there before the start"
            );
            assert!(!Path::new(&file).exists(), "{lines}");
        }
    }
}

#[test]
fn every_buffer_is_aligned_as_asked() {
    require!(c_compiler);
    let aligned = |lines: &str, align: u64| {
        let seen = run(lines);
        let off: Vec<_> = seen.buffers.iter().filter(|buffer| *buffer % align != 0).collect();
        assert!(off.is_empty(), "{lines}: {off:x?}");
        seen.buffers
    };
    aligned("", 4096);
    aligned("bs=512", 4096);
    for mem in ["malloc", "mmap", "shm"] {
        aligned(&format!("mem={mem}\nmem_align=64k\nbs=5k"), 65536);
        aligned(&format!("mem={mem}\nmem_align=2m\nbs=4k"), 2 << 20);
    }
    // And no more than that.
    let buffers = aligned("mem_align=512\nbs=1536", 512);
    assert!(buffers.iter().any(|buffer| buffer % 4096 != 0), "{buffers:x?}");
    let buffers = aligned("iomem_align=1\nbs=1000", 1);
    assert!(buffers.windows(2).all(|pair| pair[1] - pair[0] == 1000), "{buffers:x?}");
}

#[test]
fn alignments_that_are_none_are_refused() {
    let scene = Scene::new();
    let job = "[a]\nioengine=null\nsize=1m\nmem_align=3000\n";
    scene.run_json(job).expect(2).says(&["mem_align", "power of two"]);
}

#[test]
fn a_file_that_is_there_is_not_taken_for_memory() {
    let scene = Scene::new();
    let precious = scene.file("precious", "data");
    let job = format!("[a]\nioengine=null\nsize=1m\nmem=mmap:{precious}\n");
    scene.run_json(&job).expect(2).says(&["precious", "would overwrite it"]);
    assert_eq!(std::fs::read(precious).expect("it is there"), b"data");
    let nowhere = scene.at("missing/file");
    let job = format!("[a]\nioengine=null\nsize=1m\nmem=mmap:{nowhere}\n");
    scene.run_json(&job).expect(2).says(&["missing/file", "directory does not exist"]);
}

#[test]
fn clones_share_the_name_of_a_file_and_nothing_else() {
    let scene = Scene::new();
    let file = scene.at("buffers");
    let job = format!("[a]\nioengine=null\nsize=1m\nnumjobs=8\nmem=mmap:{file}\n");
    scene.run_json(&job).clean();
    assert!(!Path::new(&file).exists());
}

#[test]
fn huge_pages_that_are_not_there_are_an_error_before_the_start() {
    let scene = Scene::new();
    for mem in ["mmaphuge", "shmhuge"] {
        // 16 TiB.
        let job = format!("[a]\nioengine=null\nsize=1g\nbs=1g\niodepth=16384\nmem={mem}\n");
        let outcome = scene.run_json(&job).expect(2);
        assert!(outcome.stderr.contains("huge pages"), "{outcome}");
        let told = ["nr_hugepages", "this kernel has", "hugetlb_shm_group"];
        assert!(told.iter().any(|words| outcome.stderr.contains(words)), "what to do: {outcome}");
    }
}

/// Huge pages set aside while it lives.
struct HugePages {
    before: u64,
}

const NR_HUGEPAGES: &str = "/proc/sys/vm/nr_hugepages";

fn number_in(path: &str) -> Result<u64, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    text.trim().parse().map_err(|error| format!("{path}: {error}"))
}

impl HugePages {
    fn set_aside(count: u64) -> Result<HugePages, String> {
        let before = number_in(NR_HUGEPAGES)?;
        let set = |n: u64| std::fs::write(NR_HUGEPAGES, n.to_string());
        set(before + count).map_err(|error| format!("{NR_HUGEPAGES}: {error}"))?;
        let pages = HugePages { before };
        match number_in(NR_HUGEPAGES)? {
            now if now == before + count => Ok(pages),
            now => Err(format!("only {} of {count} huge pages could be set aside", now - before)),
        }
    }
}

impl Drop for HugePages {
    fn drop(&mut self) {
        let _restored = std::fs::write(NR_HUGEPAGES, self.before.to_string());
    }
}

#[test]
fn huge_pages_are_huge() {
    require!(c_compiler);
    require!(root);
    let _pages = match HugePages::set_aside(8) {
        Ok(pages) => pages,
        Err(reason) => return needs::skip_for("huge_pages", &reason),
    };
    for (mem, name) in [("mmaphuge", "/anon_hugepage"), ("shmhuge", "/SYSV")] {
        let seen = run(&format!("mem={mem}"));
        let mapping = seen.mapping();
        assert!(mapping.page_kib >= 2048, "{mem}: {mapping:?}");
        assert!(mapping.name.starts_with(name), "{mem}: {mapping:?}");
        assert!(mapping.resident >= 8 * 65536, "{mem}: {mapping:?}");
    }
    let scene = Scene::new();
    let small = scene.at("small");
    let text = format!("[a]\nioengine=null\nsize=1m\nmem=mmaphuge:{small}\n");
    scene.run_json(&text).expect(2).says(&["mount -t hugetlbfs"]);
    require!(private_mounts);
    let text = job(&scene, "mem=mmaphuge:/mnt/buffers");
    let file = scene.file("job.fio", text);
    let wrapper = ["unshare", "--mount"];
    let mount = "mount -t hugetlbfs none /mnt";
    let args = ["run", &file, "--output-format", "json"];
    scene.iodyno_after(&wrapper, mount, args).run().clean();
    let smaps = std::fs::read_to_string(scene.at("record.smaps")).expect("the engine wrote it");
    let found = mappings(&smaps).into_iter().find(|map| map.name.starts_with("/mnt/buffers"));
    assert!(found.expect("the file is mapped").page_kib >= 2048);
}

#[test]
fn lockmem_takes_memory_away() {
    require!(c_compiler);
    let seen = run("lockmem=4m");
    assert_eq!(seen.status_bytes("VmLck:"), 4 << 20);
    assert_eq!(run("").status_bytes("VmLck:"), 0);
}

#[test]
fn lockmem_beyond_what_there_is_or_may_be_is_told() {
    let scene = Scene::new();
    let job = "[a]\nioengine=null\nsize=1m\nlockmem=100t\n";
    scene.run_json(job).expect(2).says(&["lockmem=", "more than the machine has left"]);
    let job = scene.file("limit.fio", "[a]\nioengine=null\nsize=1m\nlockmem=1m\n");
    // Root may lock as much as it likes, unless that right is taken from it.
    let wrapper: &[&str] =
        if needs::root().is_ok() { &["setpriv", "--bounding-set=-ipc_lock"] } else { &[] };
    let outcome = scene.iodyno_after(wrapper, "ulimit -l 64", ["run", &job]).run();
    outcome.expect(2).says(&["lockmem=1048576", "ulimit -l", "65536 bytes"]);
}
