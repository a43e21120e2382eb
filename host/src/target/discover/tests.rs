//! Looking at what every machine has, at loop devices where root may, and at a made-up /sys.
//! Only built for tests.
//! Must leave no device behind.

use super::super::testbed::LoopDevice;
use super::*;

fn kind(path: &str) -> Kind {
    discover(Path::new(path)).expect("it can be looked at").kind
}

#[test]
fn kinds() {
    assert_eq!(kind("/dev/null"), Kind::Char);
    assert_eq!(kind("/"), Kind::Directory);
    assert_eq!(kind("/there-is-no-such-file"), Kind::Missing);
    assert_eq!(kind("there-is-no-such-file"), Kind::Missing);
    let here = tempfile::tempdir().expect("a directory");
    let fifo = here.path().join("fifo");
    let mode = Mode::RUSR | Mode::WUSR;
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, mode, 0).expect("a fifo");
    assert_eq!(discover(&fifo).expect("a fifo").kind, Kind::Pipe);
}

#[test]
fn a_regular_file_has_its_size_also_through_a_link() {
    let here = tempfile::tempdir().expect("a directory");
    let (file, link) = (here.path().join("file"), here.path().join("link"));
    fs::write(&file, [0; 5000]).expect("a file");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    let (file, link) = (discover(&file).expect("a file"), discover(&link).expect("a link"));
    assert_eq!((file.kind, file.size), (Kind::Regular, 5000));
    assert_eq!((link.kind, link.size, link.identity), (Kind::Regular, 5000, file.identity));
    assert!(file.block_size.is_power_of_two() && file.block_size <= 65_536);
}

#[test]
fn a_missing_directory_is_told() {
    let here = tempfile::tempdir().expect("a directory");
    fs::write(here.path().join("file"), "").expect("a file");
    let error = |path| discover(&here.path().join(path)).expect_err(path).to_string();
    assert!(error("none/file").contains("none does not exist (create it or set directory=)"));
    assert!(error("file/file").contains("file is not a directory"));
}

#[test]
fn a_mistyped_device_does_not_become_a_file() {
    let error = discover(Path::new("/dev/nvme77n7")).expect_err("no such device").to_string();
    assert!(error.starts_with("/dev/nvme77n7: there is no such device"), "{error}");
    // Nor by way of links.
    let here = tempfile::tempdir().expect("a directory");
    let link = |to: &str, from: &str| {
        std::os::unix::fs::symlink(to, here.path().join(from)).expect("a link");
        discover(&here.path().join(from))
    };
    let error = link("/dev/nvme77n7", "one").expect_err("no such device").to_string();
    assert!(error.contains("one: there is no such device"), "{error}");
    let error = link("one", "two").expect_err("no such device").to_string();
    assert!(error.contains("two: there is no such device"), "{error}");
    assert_eq!(link("none", "three").expect("a file to be made").kind, Kind::Missing);
    assert!(link("four", "four").is_err(), "a link to itself");
    let error = link("none/such", "five").expect_err("no directory").to_string();
    assert!(error.contains("none does not exist"), "{error}");
}

#[test]
fn a_block_device_has_its_size_from_the_kernel() {
    let Some(device) = LoopDevice::new(3 << 20) else { return };
    let target = discover(&device.path).expect("a loop device");
    assert_eq!((target.kind, target.size), (Kind::Block, 3 << 20));
    assert_eq!(target.block_size, 512);
    let place = target.device.expect("a place");
    assert_eq!(place.name, place.disk);
    assert!(!place.is_partition);
    let sys = sys_directory(Path::new("/sys"), place.number);
    assert_eq!(read_number(&sys.join("size")), Some((3 << 20) / SYS_SECTOR_BYTES));
}

#[test]
fn a_partition_knows_its_disk() {
    let sys = tempfile::tempdir().expect("a directory");
    let disk = sys.path().join("devices/sda");
    fs::create_dir_all(disk.join("sda1")).expect("directories");
    fs::create_dir_all(disk.join("queue")).expect("directories");
    fs::create_dir_all(sys.path().join("dev/block")).expect("directories");
    fs::write(disk.join("sda1/partition"), "1\n").expect("a file");
    fs::write(disk.join("queue/rotational"), "1\n").expect("a file");
    fs::write(disk.join("queue/logical_block_size"), "4096\n").expect("a file");
    for (number, place) in [("8:0", "sda"), ("8:1", "sda/sda1")] {
        let link = sys.path().join("dev/block").join(number);
        std::os::unix::fs::symlink(sys.path().join("devices").join(place), link).expect("a link");
    }
    let partition = describe(sys.path(), (8, 1));
    assert_eq!(partition.name.as_deref(), Some("sda1"));
    assert_eq!(partition.disk.as_deref(), Some("sda"));
    assert!(partition.is_partition);
    assert_eq!(partition.rotational, Some(true));
    assert_eq!(sys_block_bytes(&sys_directory(sys.path(), (8, 1))), 4096);
    let whole = describe(sys.path(), (8, 0));
    assert_eq!((whole.is_partition, whole.disk.as_deref()), (false, Some("sda")));
    let unknown = describe(sys.path(), (9, 9));
    assert_eq!((unknown.name, unknown.rotational), (None, None));
}

#[test]
fn a_character_device_that_leads_to_no_disk_has_no_size() {
    let null = discover(Path::new("/dev/null")).expect("a device");
    assert_eq!((null.size, null.device), (0, None));
}

#[test]
fn a_dash_is_no_target_and_a_file_of_that_name_is() {
    let error = discover(Path::new("-")).expect_err("no name").to_string();
    assert!(error.starts_with("filename=-: a run has no standard input"), "{error}");
    assert_eq!(kind("./-"), Kind::Missing);
}

#[test]
fn only_zoned_devices_have_zones() {
    let sys = tempfile::tempdir().expect("a directory");
    let disk = sys.path().join("devices/sda");
    fs::create_dir_all(disk.join("queue")).expect("directories");
    fs::create_dir_all(sys.path().join("dev/block")).expect("directories");
    std::os::unix::fs::symlink(&disk, sys.path().join("dev/block/8:0")).expect("a link");
    let cases = [("none", "8192", None), ("host-managed", "8192", Some(4 << 20)), ("x", "0", None)];
    for (model, chunk, expected) in cases {
        fs::write(disk.join("queue/zoned"), format!("{model}\n")).expect("a file");
        fs::write(disk.join("queue/chunk_sectors"), format!("{chunk}\n")).expect("a file");
        assert_eq!(describe(sys.path(), (8, 0)).zone_bytes, expected, "{model} {chunk}");
    }
}

#[test]
fn directories_of_made_names_may_be_missing_and_are_made() {
    let here = tempfile::tempdir().expect("a directory");
    let path = here.path().join("a/b/file");
    let target = discover_below(here.path(), &path).expect("it will be made");
    assert_eq!((target.kind, &target.path), (Kind::Missing, &path));
    assert_eq!(directory_there(&path), here.path());
    make_directories(&path).expect("made");
    make_directories(&path).expect("there");
    assert!(here.path().join("a/b").is_dir());
    let none = here.path().join("none");
    let error = discover_below(&none, &none.join("x/file")).expect_err("no root").to_string();
    assert!(error.contains("none does not exist"), "{error}");
}
