//! Laying out real files: on the temporary directory's file system, on a small tmpfs and on a loop
//! device where root may. Only built for tests.
//! Must leave no file and no mount behind.

use super::super::discover::discover;
use super::super::error::ErrorClass;
use super::super::testbed::{skip, LoopDevice};
use super::*;
use std::fs;
use std::path::Path;

static GO: AtomicBool = AtomicBool::new(false);

fn options(purpose: Purpose) -> LayoutOptions<'static> {
    LayoutOptions { purpose, seed: 1, fsync: true, stop: &GO }
}

fn lay(path: &Path, len: u64, purpose: Purpose) -> Result<LaidOut, TargetError> {
    let target = discover(path).expect("it can be looked at");
    lay_out(&target, len, &options(purpose), &mut |_, _| {})
}

#[test]
fn a_missing_file_gets_real_blocks() {
    let here = tempfile::tempdir().expect("a directory");
    let path = here.path().join("file");
    let len = 2 * CHUNK_BYTES as u64 + 100;
    let done = lay(&path, len, Purpose::Fill).expect("a layout");
    assert_eq!(done, LaidOut { created: true, added: len, ..LaidOut::default() });
    let data = fs::read(&path).expect("a file");
    assert_eq!(data.len() as u64, len);
    assert!(fs::metadata(&path).expect("a file").blocks() * 512 >= len);
    let mut seen = [0u32; 256];
    data.iter().for_each(|&byte| seen[usize::from(byte)] += 1);
    let mean = len as u32 / 256;
    assert!(seen.iter().all(|n| n.abs_diff(mean) < mean / 10), "bytes are not random");
    assert_ne!(data[..CHUNK_BYTES], data[CHUNK_BYTES..2 * CHUNK_BYTES]);
}

#[test]
fn what_is_there_stays_and_is_continued() {
    let here = tempfile::tempdir().expect("a directory");
    for purpose in [Purpose::Fill, Purpose::Reserve(Room::Native)] {
        let path = here.path().join(if purpose == Purpose::Fill { "Fill" } else { "Reserve" });
        fs::write(&path, b"precious").expect("a file");
        let done = lay(&path, 5000, purpose).expect("a layout");
        assert!(!done.created);
        assert_eq!(&fs::read(&path).expect("a file")[..8], b"precious");
        assert_eq!(lay(&path, 3, purpose).expect("a layout"), LaidOut::default());
        assert!(fs::metadata(&path).expect("a file").len() >= done.added);
    }
    assert_eq!(fs::metadata(here.path().join("Fill")).expect("a file").len(), 5000);
}

#[test]
fn a_writer_gets_a_file_with_room_where_the_file_system_can() {
    let here = tempfile::tempdir().expect("a directory");
    let path = here.path().join("file");
    let done = lay(&path, 100_000, Purpose::Reserve(Room::Native)).expect("a layout");
    assert!(done.created && !done.stopped);
    let file = fs::metadata(&path).expect("a file");
    assert_eq!(file.len(), done.added);
    assert!(done.added == 0 || file.blocks() * 512 >= 100_000);
}

#[test]
fn only_files_are_laid_out() {
    assert_eq!(lay(Path::new("/dev/null"), 4096, Purpose::Fill).expect("fine"), LaidOut::default());
    let Some(device) = LoopDevice::new(1 << 20) else { return };
    assert_eq!(lay(&device.path, 4 << 20, Purpose::Fill).expect("fine"), LaidOut::default());
    assert_eq!(discover(&device.path).expect("a device").size, 1 << 20);
}

#[test]
fn it_stops_when_told_and_goes_on_the_next_time() {
    let here = tempfile::tempdir().expect("a directory");
    let path = here.path().join("file");
    let stop = AtomicBool::new(false);
    let len = 3 * CHUNK_BYTES as u64;
    let target = discover(&path).expect("it can be looked at");
    let stopping = LayoutOptions { stop: &stop, ..options(Purpose::Fill) };
    let mut heard = Vec::new();
    let done = lay_out(&target, len, &stopping, &mut |bytes, total| {
        heard.push((bytes, total));
        stop.store(bytes > 0, Ordering::Relaxed);
    });
    let one = CHUNK_BYTES as u64;
    assert_eq!(
        done.expect("stopped"),
        LaidOut { created: true, added: one, stopped: true, unreserved: None }
    );
    assert_eq!(heard, [(0, len), (one, len)]);
    let again = lay(&path, len, Purpose::Fill).expect("a layout");
    assert_eq!(again, LaidOut { added: 2 * one, ..LaidOut::default() });
    let whole = here.path().join("whole");
    lay(&whole, len, Purpose::Fill).expect("a layout");
    assert!(fs::read(path).expect("a file") == fs::read(whole).expect("a file"));
}

#[test]
fn a_full_file_system_is_told_and_left_as_it_was() {
    let Some(small) = SmallTmpfs::new() else { return };
    let (old, new) = (small.0.path().join("old"), small.0.path().join("new"));
    fs::write(&old, b"precious").expect("a file");
    for path in [&old, &new] {
        let error = lay(path, 64 << 20, Purpose::Fill).expect_err("it is full");
        assert_eq!(error.class(), ErrorClass::Io);
        assert!(error.to_string().contains("no space left after"), "{error}");
    }
    assert_eq!(fs::read(&old).expect("a file"), b"precious");
    assert!(!new.exists());
    let done = lay(&new, 64 << 20, Purpose::Reserve(Room::Native)).expect("the run may go on");
    assert_eq!((done.created, done.added), (true, 0));
    assert!(done.unreserved.expect("words").contains("no room for 67108864 bytes"));
}

/// A tmpfs of 4 MiB.
struct SmallTmpfs(tempfile::TempDir);

impl SmallTmpfs {
    fn new() -> Option<SmallTmpfs> {
        if !rustix::process::geteuid().is_root() {
            return skip("needs root to mount a tmpfs");
        }
        let point = tempfile::tempdir().expect("a directory");
        let path = point.path().display().to_string();
        let args = ["-t", "tmpfs", "-o", "size=4m", "none", &path];
        super::super::testbed::run("mount", &args).map(|()| SmallTmpfs(point))
    }
}

impl Drop for SmallTmpfs {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn room_is_set_aside_as_asked() {
    // Mode, length and blocks, where the file system can set room aside at all.
    let cases = [
        (Room::None, 0, false),
        (Room::Native, 100_000, true),
        (Room::Posix, 100_000, true),
        (Room::Keep, 0, true),
        (Room::Truncate, 100_000, false),
    ];
    let here = tempfile::tempdir().expect("a directory");
    let probe = File::create(here.path().join("probe")).expect("a file");
    if !allocate(&probe, FallocateFlags::empty(), 0, 4096).expect("an answer") {
        return skip("the temporary directory's file system sets no room aside")
            .unwrap_or_default();
    }
    for (room, len, has_blocks) in cases {
        let path = here.path().join(format!("{room:?}"));
        lay(&path, 100_000, Purpose::Reserve(room)).expect("a layout");
        let file = fs::metadata(&path).expect("a file");
        assert_eq!(file.len(), len, "{room:?}");
        assert_eq!(file.blocks() * 512 >= 100_000, has_blocks, "{room:?}");
    }
}

#[test]
fn posix_room_is_written_where_it_cannot_be_set_aside() {
    let here = tempfile::tempdir().expect("a directory");
    let path = here.path().join("file");
    fs::write(&path, b"precious").expect("a file");
    let file = File::options().write(true).open(&path).expect("a file");
    assert_eq!(touch_blocks(&file, 8, 100_000).expect("written"), 99_992);
    let there = fs::metadata(&path).expect("a file");
    assert_eq!(there.len(), 100_000);
    assert!(there.blocks() * 512 >= 98_304);
    assert_eq!(&fs::read(&path).expect("a file")[..8], b"precious");
}
