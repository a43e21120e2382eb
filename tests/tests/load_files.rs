//! Files as a job asks for them: their names, how they are made, filled, opened and read ahead, and
//! what of a target the load works on. Seen from outside, by what is there after a run.
//!
//! Each misuse is told before anything is made.

use iodyno_tests::device::{run, LoopDevice};
use iodyno_tests::{require, Document, Outcome, Scene};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Length and bytes that have blocks.
fn stat(path: impl AsRef<Path>) -> (u64, u64) {
    let found = fs::metadata(path).expect("the run made it");
    (found.len(), found.blocks() * 512)
}

/// Names of what lies in the scene's directory `place`, sorted.
fn list(scene: &Scene, place: &str) -> Vec<String> {
    let entries = fs::read_dir(scene.at(place)).expect("a directory").flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A job of engine psync in the scene's directory `data`.
fn job(scene: &Scene, lines: &str) -> String {
    let data = scene.at("data");
    let _there = fs::create_dir(&data);
    let has = |key: &str| lines.lines().any(|line| line.starts_with(key));
    let unless = |given: bool, line: String| if given { String::new() } else { line };
    let elsewhere = has("directory=") || has("opendir=") || has("filename=-");
    let place = unless(elsewhere, format!("directory={data}\n"));
    let bs = unless(has("bs=") || has("bsrange="), "bs=4k\n".to_owned());
    format!("[j]\nioengine=psync\n{bs}{place}{lines}\n")
}

fn runs(scene: &Scene, lines: &str) -> Document {
    scene.run_json(&job(scene, lines)).clean()
}

fn notes(document: &Document) -> String {
    document.at("/iodyno").to_string()
}

/// Status 2, with the words, and nothing made.
#[track_caller]
fn refused(scene: &Scene, lines: &str, words: &[&str]) -> Outcome {
    let outcome = scene.run_json(&job(scene, lines)).expect(2).says(words);
    assert!(list(scene, "data").iter().all(|name| name == "there"), "nothing is made: {lines}");
    outcome
}

/// A formatted ext4 on a loop device, mounted as long as it lives.
struct Mounted {
    point: tempfile::TempDir,
    _device: LoopDevice,
}

impl Mounted {
    fn new(bytes: u64) -> Mounted {
        let device = LoopDevice::new(bytes);
        run("mkfs.ext4", &["-q", "-F", "-m", "0", device.name()]).expect("formatted");
        let point = tempfile::tempdir().expect("a directory");
        let path = point.path().to_str().expect("UTF-8");
        run("mount", &[device.name(), path]).expect("mounted");
        Mounted { point, _device: device }
    }

    fn at(&self, name: &str) -> String {
        self.point.path().join(name).display().to_string()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = run("umount", &[self.point.path().to_str().expect("UTF-8")]);
    }
}

#[test]
fn names_follow_their_format() {
    let cases = [
        ("nrfiles=2\nnumjobs=2", vec!["j.0.0", "j.0.1", "j.1.0", "j.1.1"]),
        ("nrfiles=2\nfilename_format=f.$filenum\nnumjobs=2", vec!["f.0", "f.1"]),
        ("filename_format=$jobnum-of-$jobname\nnumjobs=2", vec!["0-of-j", "1-of-j"]),
        ("filename_format=f\\:$jobnum\nunique_filename=0", vec!["f\\:0"]),
        ("filename=a\\:b:c", vec!["a:b", "c"]),
    ];
    for (lines, expected) in cases {
        let scene = Scene::new();
        runs(&scene, &format!("rw=write\nsize=64k\n{lines}"));
        assert_eq!(list(&scene, "data"), expected, "{lines}");
    }
}

#[test]
fn directories_in_a_format_are_made_and_clones_are_spread_over_directories() {
    let scene = Scene::new();
    runs(&scene, "rw=write\nsize=64k\nfilename_format=a$jobnum/b/$filenum\nnumjobs=2");
    assert_eq!(list(&scene, "data"), ["a0", "a1"]);
    assert_eq!(stat(scene.at("data/a1/b/0")).0, 65_536);
    let (one, two) = (scene.at("one"), scene.at("two"));
    fs::create_dir(&one).and_then(|()| fs::create_dir(&two)).expect("directories");
    runs(&scene, &format!("rw=write\nsize=64k\nnumjobs=3\ndirectory={one}:{two}"));
    assert_eq!(list(&scene, "one"), ["j.0.0", "j.2.0"]);
    assert_eq!(list(&scene, "two"), ["j.1.0"]);
}

#[test]
fn opendir_reads_every_file_below() {
    let scene = Scene::new();
    fs::create_dir_all(scene.at("tree/deep")).expect("directories");
    for (name, len) in [("tree/b", 8192), ("tree/a", 4096), ("tree/deep/c", 16_384)] {
        scene.zeros(name, len);
    }
    std::os::unix::fs::symlink(scene.at("tree/b"), scene.at("tree/link")).expect("a link");
    let document = runs(&scene, &format!("rw=read\nopendir={}", scene.at("tree")));
    assert_eq!(document.bytes(0, "read"), 4096 + 8192 + 16_384);
    fs::create_dir(scene.at("empty")).expect("a directory");
    let empty = scene.at("empty");
    refused(&scene, &format!("rw=read\nopendir={empty}"), &["opendir=", "no file is below it"]);
    let none = scene.at("none");
    refused(&scene, &format!("rw=read\nopendir={none}"), &["none: No such file or directory"]);
}

#[test]
fn what_cannot_be_is_told_before_anything_is_made() {
    let scene = Scene::new();
    let cases: [(&str, &[&str]); 12] = [
        ("size=64k\nfilename_format=$jobnam", &["filename_format", "$jobnam"]),
        ("size=64k\nnrfiles=3\nfilename_format=x", &["without $filenum they would all be one"]),
        ("size=64k\nfilename=-", &["filename=-", "./-"]),
        ("size=64k\nallow_file_create=0", &["j.0.0: it does not exist", "allow_file_create=0"]),
        ("size=64k\ncreate_on_open=1", &["j.0.0: it does not exist", "create_on_open=1"]),
        ("size=64k\npre_read=1\ndirect=1", &["pre_read"]),
        ("size=64k\npre_read=1\nfilename=/dev/zero", &["/dev/zero", "it has no cache"]),
        ("rw=randwrite\nfill_device=1", &["fill_device=1 with rw=randwrite", "sequential"]),
        ("size=2z", &["2z is zones are counted on zoned block devices only"]),
        ("size=64k\noffset=1z", &["1z is zones"]),
        ("size=64k\noffset_increment=1z", &["1z is zones"]),
        ("size=64k\noffset_increment=10%", &["offset_increment=10% is a part of nothing"]),
    ];
    for (lines, words) in cases {
        refused(&scene, lines, words);
    }
}

#[test]
fn direct_is_refused_where_it_will_not_work() {
    let scene = Scene::new();
    let words = ["/proc/self/stat: direct=1: its file system does not take O_DIRECT"];
    refused(&scene, "size=4k\nfilename=/proc/self/stat\ndirect=1", &words);
}

#[test]
fn direct_on_a_file_system_without_it_is_told_before_a_file_is_made() {
    require!(private_mounts);
    let scene = Scene::new();
    fs::create_dir(scene.at("ram")).expect("a directory");
    let text = format!(
        "[j]\nioengine=psync\nrw=write\nsize=64k\ndirect=1\ndirectory={}\n",
        scene.at("ram")
    );
    let file = scene.file("job.fio", text);
    let mount = format!("mount -t ramfs none {}", scene.at("ram"));
    let args = ["run", &file, "--output-format", "json"];
    scene
        .iodyno_after(&["unshare", "--mount"], &mount, args)
        .run()
        .expect(2)
        .says(&["ram/j.0.0: direct=1: its file system does not take O_DIRECT", "set direct=0"]);
}

#[test]
fn direct_keeps_to_the_device_s_blocks() {
    require!(loop_device);
    let scene = Scene::new();
    let device = LoopDevice::new(1 << 20);
    let base = format!("filename={}\ndirect=1", device.name());
    for (lines, words) in [
        ("bs=1000", ["bs of 1000 bytes: direct=1 wants multiples of 512 bytes"]),
        ("offset=100", ["an offset of 100 bytes: direct=1 wants multiples of 512 bytes"]),
        ("bsrange=4k-6000\nbs_unaligned=1", ["direct=1 wants multiples of 512 bytes"]),
    ] {
        refused(&scene, &format!("{base}\n{lines}"), &words);
    }
    assert_eq!(runs(&scene, &base).bytes(0, "read"), 1 << 20);
}

#[test]
fn room_is_set_aside_as_fallocate_says() {
    require!(loop_device);
    let place = Mounted::new(64 << 20);
    let scene = Scene::new();
    const MIB: u64 = 1 << 20;
    // Length and allocated bytes after one block of a mebibyte was written; as fio 3.33 leaves it.
    let cases = [
        ("none", 4096, 4096),
        ("native", MIB, MIB),
        ("posix", MIB, MIB),
        ("keep", 4096, MIB),
        ("truncate", MIB, 4096),
    ];
    for (mode, len, blocks) in cases {
        let name = place.at(mode);
        runs(&scene, &format!("rw=write\nsize=1m\nio_size=4k\nfallocate={mode}\nfilename={name}"));
        assert_eq!(stat(&name), (len, blocks), "fallocate={mode}");
    }
    let name = place.at("overwritten");
    runs(&scene, &format!("rw=write\nsize=1m\nio_size=4k\noverwrite=1\nfilename={name}"));
    assert_eq!(stat(&name), (MIB, MIB));
    let data = fs::read(&name).expect("a file");
    assert!(data[8192..].iter().any(|&byte| byte != 0), "filled, not only allocated");
}

#[test]
fn posix_writes_where_the_file_system_sets_nothing_aside() {
    require!(private_mounts);
    let scene = Scene::new();
    fs::create_dir(scene.at("ram")).expect("a directory");
    for (mode, len) in [("posix", 1 << 20), ("native", 4096)] {
        let text = format!(
            "[j]\nioengine=psync\nrw=write\nsize=1m\nio_size=4k\nfallocate={mode}\nfilename={}\n",
            scene.at("ram/file")
        );
        let file = scene.file("job.fio", text);
        // The mount is gone with its name space: look before that.
        let script = format!(
            "mount -t ramfs none {ram}; \"$0\" \"$@\" >/dev/null && stat -c %s {ram}/file >{seen}; \
             set -- --version",
            ram = scene.at("ram"),
            seen = scene.at("seen"),
        );
        let args = ["run", &file, "--output-format", "json"];
        scene.iodyno_after(&["unshare", "--mount"], &script, args).run().expect(0);
        let seen = fs::read_to_string(scene.at("seen")).expect("the script wrote it");
        assert_eq!(seen.trim().parse(), Ok(len), "fallocate={mode}");
    }
}

#[test]
fn files_may_be_made_side_by_side_and_alone() {
    let scene = Scene::new();
    for lines in ["create_serialize=0", "create_fsync=0", "create_serialize=0\nfilename=shared"] {
        let document = runs(&scene, &format!("rw=read\nsize=1m\nnumjobs=4\nunlink=1\n{lines}"));
        assert_eq!((0..document.jobs()).map(|j| document.bytes(j, "read")).sum::<u64>(), 4 << 20);
        assert_eq!(list(&scene, "data"), Vec::<String>::new());
    }
    let document = runs(&scene, "rw=read\nsize=1m\nnrfiles=2\ncreate_only=1");
    assert_eq!(document.all_ios(), 0);
    assert!(notes(&document).contains("create_only: 2 files of 1048576 bytes laid out"));
    assert_eq!(stat(scene.at("data/j.0.0")).0, 512 << 10);
    // A load that has its files already.
    let document =
        runs(&scene, "rw=read\nsize=1m\nnrfiles=2\nallow_file_create=0\ncreate_on_open=1");
    assert_eq!(document.bytes(0, "read"), 1 << 20);
}

#[test]
fn create_on_open_makes_nothing_before_the_open() {
    let scene = Scene::new();
    let lines = "rw=write\nsize=1m\nio_size=4k\nfilename=x";
    runs(&scene, &format!("{lines}\ncreate_on_open=1"));
    assert_eq!(stat(scene.at("data/x")).0, 4096, "no room was set aside");
}

#[test]
fn filling_ends_where_the_space_ends() {
    require!(loop_device);
    let place = Mounted::new(16 << 20);
    let scene = Scene::new();
    let name = place.at("full");
    let lines = format!("rw=write\nbs=64k\nfill_device=1\nfilename={name}");
    let document = scene.run_json(&job(&scene, &lines)).clean();
    assert!(document.bytes(0, "write") > 8 << 20);
    assert_eq!(stat(&name).0, document.bytes(0, "write"));
    let sized = place.at("sized");
    fs::remove_file(&name).expect("removed");
    runs(&scene, &format!("rw=write\nfill_device=1\nsize=1m\nfilename={sized}"));
    assert_eq!(stat(&sized).0, 1 << 20);
    let device = LoopDevice::new(2 << 20);
    let lines = format!("rw=write\nbs=64k\nfill_device=1\nfilename={}", device.name());
    assert_eq!(runs(&scene, &lines).bytes(0, "write"), 2 << 20);
}

#[test]
fn pre_read_brings_the_file_into_the_cache_and_keeps_it_there() {
    require!(loop_device);
    let place = Mounted::new(64 << 20);
    let scene = Scene::new();
    let name = place.at("file");
    fs::write(&name, vec![7; 8 << 20]).expect("a file");
    let file = fs::File::open(&name).expect("a file");
    file.sync_all().expect("on the device");
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("not in memory");
    drop(file);
    let lines = format!("rw=read\nfilename={name}\npre_read=1");
    let before = sectors_read(&place);
    assert_eq!(runs(&scene, &lines).bytes(0, "read"), 8 << 20);
    let after = sectors_read(&place);
    assert!((after - before) * 512 >= 8 << 20, "it was read from the device");
    // Now it is in memory and stays there: invalidate=1 is the default, and off.
    runs(&scene, &lines);
    assert_eq!(sectors_read(&place), after);
    runs(&scene, &format!("rw=read\nfilename={name}"));
    assert!((sectors_read(&place) - after) * 512 >= 8 << 20, "without it the cache is dropped");
}

/// Sectors read from the device below so far.
fn sectors_read(place: &Mounted) -> u64 {
    let device = place._device.path().file_name().expect("a name").to_string_lossy().into_owned();
    let text = fs::read_to_string(format!("/sys/block/{device}/stat")).expect("a device");
    text.split_whitespace().nth(2).expect("a field").parse().expect("a number")
}

#[test]
fn sync_opens_so_that_each_write_is_durable() {
    let scene = Scene::new();
    // O_SYNC and O_DSYNC as the kernel shows them for an open descriptor.
    for (word, flags) in
        [("none", 0), ("sync", 0o4_010_000), ("dsync", 0o10_000), ("1", 0o4_010_000)]
    {
        let lines = format!(
            "rw=write\nsize=4k\nsync={word}\nfilename=x\ntime_based\nruntime=20s\nrate_iops=20"
        );
        let file = scene.file("job.fio", job(&scene, &lines));
        let running = scene.iodyno(["run", &file, "--output-format", "json"]).start();
        let wanted = scene.at("data/x");
        let seen = iodyno_tests::process::eventually(
            "the file is open for writing",
            std::time::Duration::from_secs(20),
            || running.wait_for_cells(1).iter().find_map(|cell| flags_of(cell.pid, &wanted)),
        );
        iodyno_tests::process::signal(running.pid(), rustix::process::Signal::INT);
        running.wait();
        assert_eq!(seen & 0o4_010_000, flags, "sync={word}");
    }
}

/// Flags of the process's descriptor of that file.
fn flags_of(pid: u32, wanted: &str) -> Option<u32> {
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        if fs::read_link(entry.path()).is_ok_and(|target| target == Path::new(wanted)) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{name}")).ok()?;
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
            return u32::from_str_radix(flags.trim(), 8).ok();
        }
    }
    None
}

#[test]
fn clones_move_on_by_offset_increment() {
    let begins = |lines: &str| -> Vec<u64> {
        let scene = Scene::new();
        runs(&scene, &format!("rw=write\nio_size=4k\nfallocate=truncate\n{lines}"));
        let files = list(&scene, "data").into_iter();
        let begin = |name| {
            let data = fs::read(scene.at(&format!("data/{name}"))).expect("a file");
            // A block may begin with a zero or two of its own.
            data.iter().position(|&byte| byte != 0).expect("something was written") as u64 / 16 * 16
        };
        files.map(begin).collect()
    };
    let increment = "size=64k\nnumjobs=3\noffset_increment=100k";
    assert_eq!(begins(increment), [0, 102_400, 204_800]);
    let filesize = "filesize=1m\nnumjobs=3\noffset=33%\noffset_increment=10%";
    // 346030, 450887 and 555744 bytes, rounded up to blocks; then to what offset_align says.
    assert_eq!(begins(filesize), [348_160, 454_656, 557_056]);
    let aligned = format!("{filesize}\noffset_align=64k");
    assert_eq!(begins(&aligned), [393_216, 458_752, 589_824]);
    let plain = "filesize=1m\noffset=10000\noffset_align=64k";
    assert_eq!(begins(plain), [10_000]);
}

#[test]
fn a_range_of_filesize_is_drawn_from_by_the_seed() {
    let sizes = |seed: u32| -> Vec<u64> {
        let scene = Scene::new();
        runs(&scene, &format!("rw=write\nfilesize=16k-1m\nnrfiles=8\nrandseed={seed}"));
        list(&scene, "data").iter().map(|name| stat(scene.at(&format!("data/{name}"))).0).collect()
    };
    let first = sizes(1);
    assert!(first.iter().all(|size| (16 << 10..=1 << 20).contains(size) && size % 4096 == 0));
    assert!(first.iter().collect::<BTreeSet<_>>().len() > 4, "{first:?}");
    assert_eq!(first, sizes(1));
    assert_ne!(first, sizes(2));
}
