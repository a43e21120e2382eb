//! Disks of a made-up sysfs: what is found under a device, and what is told of it.
//! Only built for tests.
//! Must need no disk of the machine.

use super::*;
use std::os::unix::fs::symlink;

/// What the queue of sda says.
const QUEUE: [(&str, &str); 12] = [
    ("logical_block_size", "512"),
    ("physical_block_size", "4096"),
    ("rotational", "1"),
    ("zoned", "none"),
    ("chunk_sectors", "8192"),
    ("discard_max_bytes", "0"),
    ("discard_granularity", "0"),
    ("write_zeroes_max_bytes", "33553920"),
    ("fua", "1"),
    ("write_cache", "write back"),
    ("scheduler", "none [mq-deadline] bfq"),
    ("io_poll", "0"),
];

/// A sysfs with the SCSI disk sda (8:0, partition sda1 8:1, node 21:0), nvme0n1 (259:0, node
/// 244:0), loop0 (7:0), vda (252:0) and dm-0 (253:0) over sda1 and nvme0n1.
fn sysfs() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    let at = |path: &str| root.path().join(path);
    let file = |path: &str, text: &[u8]| {
        fs::create_dir_all(at(path).parent().expect("a directory")).expect("made");
        fs::write(at(path), text).expect("written");
    };
    let link = |to: &str, from: &str| {
        fs::create_dir_all(at(from).parent().expect("a directory")).expect("made");
        symlink(at(to), at(from)).expect("linked");
    };
    let (sda, nvme) = ("devices/host0/0:0:0:0/block/sda", "devices/nvme0/nvme0n1");
    file(&format!("{sda}/sda1/partition"), b"1\n");
    file(&format!("{sda}/dev"), b"8:0\n");
    file(&format!("{sda}/size"), b"131072\n");
    file("devices/host0/0:0:0:0/vendor", b"Linux   \n");
    file("devices/host0/0:0:0:0/model", b"scsi_debug      \n");
    file("devices/host0/0:0:0:0/rev", b"0191\n");
    file("devices/host0/0:0:0:0/vpd_pg80", b"\0\x80\0\x042000junk");
    file("devices/host0/0:0:0:0/wwid", b"naa.33333330000007d0\n");
    for (name, value) in QUEUE {
        file(&format!("{sda}/queue/{name}"), format!("{value}\n").as_bytes());
    }
    file(&format!("{nvme}/dev"), b"259:0\n");
    file(&format!("{nvme}/size"), b"2048\n");
    file(&format!("{nvme}/wwid"), b"nvme.1b36\n");
    file(&format!("{nvme}/queue/zoned"), b"host-managed\n");
    file(&format!("{nvme}/queue/chunk_sectors"), b"8192\n");
    file(&format!("{nvme}/queue/discard_max_bytes"), b"huge\n");
    file("devices/nvme0/model", b"QEMU NVMe Ctrl      \n");
    file("devices/nvme0/serial", b"lab\x070                \n");
    file("devices/nvme0/firmware_rev", b"7.2.22  \n");
    file("devices/nvme0/ng0n1/dev", b"244:0\n");
    file("devices/virtual/block/loop0/loop/backing_file", b"/tmp/a file\n");
    file("devices/virtual/block/dm-0/dm/name", b"data\n");
    file("devices/virtio0/vendor", b"0x1af4\n");
    file("devices/virtio0/block/vda/serial", b"disk-7");
    link("devices/host0/0:0:0:0", &format!("{sda}/device"));
    link("devices/nvme0", &format!("{nvme}/device"));
    link("devices/virtio0", "devices/virtio0/block/vda/device");
    link(&format!("{sda}/sda1"), "devices/virtual/block/dm-0/slaves/sda1");
    link(nvme, "devices/virtual/block/dm-0/slaves/nvme0n1");
    for (place, number) in [
        (sda, "8:0"),
        (&format!("{sda}/sda1"), "8:1"),
        (nvme, "259:0"),
        ("devices/virtual/block/loop0", "7:0"),
        ("devices/virtual/block/dm-0", "253:0"),
        ("devices/virtio0/block/vda", "252:0"),
    ] {
        link(place, &format!("dev/block/{number}"));
        let name = place.rsplit('/').next().expect("a name");
        link(place, &format!("block/{name}"));
        link(place, &format!("class/block/{name}"));
    }
    file("devices/host0/0:0:0:0/scsi_generic/sg0/dev", b"21:0\n");
    link("devices/host0/0:0:0:0", "devices/host0/0:0:0:0/scsi_generic/sg0/device");
    link("devices/host0/0:0:0:0/scsi_generic/sg0", "dev/char/21:0");
    link("devices/nvme0/ng0n1", "dev/char/244:0");
    root
}

/// The disks of these devices, each the block device `/dev/x`.
fn found(numbers: &[Number]) -> Vec<DiskFacts> {
    let root = sysfs();
    let mut disks = Vec::new();
    for &number in numbers {
        add(root.path(), number, Way::Block, Path::new("/dev/x"), &mut disks);
    }
    disks
}

fn names(numbers: &[Number]) -> Vec<String> {
    found(numbers).into_iter().map(|disk| disk.name).collect()
}

#[test]
fn a_device_is_shown_as_its_disks() {
    assert_eq!(names(&[(8, 0)]), ["sda"]);
    assert_eq!(names(&[(8, 1)]), ["sda"]);
    assert_eq!(names(&[(8, 1), (8, 0), (259, 0)]), ["sda", "nvme0n1"]);
    assert_eq!(names(&[(253, 0)]), ["dm-0", "nvme0n1", "sda"]);
    assert_eq!(names(&[(0, 42)]), [""; 0]);
}

#[test]
fn a_scsi_disk_tells_what_its_page_and_its_queue_say() {
    let text = |text: &str| Some(text.to_owned());
    let expected = DiskFacts {
        name: "sda".to_owned(),
        targets: vec!["/dev/x".to_owned()],
        vendor: text("Linux"),
        model: text("scsi_debug"),
        serial: text("2000"),
        firmware: text("0191"),
        wwid: text("naa.33333330000007d0"),
        size_bytes: Some(64 << 20),
        logical_block_size: Some(512),
        physical_block_size: Some(4096),
        rotational: Some(true),
        zoned: text("none"),
        discard_max_bytes: Some(0),
        discard_granularity: Some(0),
        write_zeroes_max_bytes: Some(33_553_920),
        fua: Some(true),
        write_cache: text("write back"),
        scheduler: text("mq-deadline"),
        io_poll: Some(false),
        ..DiskFacts::default()
    };
    assert_eq!(found(&[(8, 1)]), [expected]);
}

#[test]
fn what_is_not_said_is_absent_and_what_is_odd_does_no_harm() {
    let [nvme, vda, looped] = &found(&[(259, 0), (252, 0), (7, 0)])[..] else { panic!("three") };
    assert_eq!(nvme.model.as_deref(), Some("QEMU NVMe Ctrl"));
    assert_eq!(nvme.serial.as_deref(), Some("lab?0"));
    assert_eq!(nvme.firmware.as_deref(), Some("7.2.22"));
    assert_eq!(nvme.wwid.as_deref(), Some("nvme.1b36"));
    assert_eq!(nvme.zone_bytes, Some(4 << 20));
    assert_eq!((nvme.discard_max_bytes, nvme.rotational, &nvme.vendor), (None, None, &None));
    assert_eq!((vda.serial.as_deref(), &vda.vendor), (Some("disk-7"), &None));
    assert_eq!(looped.backing_file.as_deref(), Some("/tmp/a file"));
    let shown = serde_json::to_value(looped).expect("plain data");
    let expected =
        serde_json::json!({"name": "loop0", "targets": ["/dev/x"], "backing_file": "/tmp/a file"});
    assert_eq!(shown, expected);
}

#[test]
fn what_a_disk_is_made_of_is_told_and_is_no_target() {
    let [both, nvme, sda] = &found(&[(253, 0)])[..] else { panic!("three") };
    assert_eq!(both.slaves, ["nvme0n1", "sda"]);
    assert_eq!((both.dm_name.as_deref(), &both.model), (Some("data"), &None));
    assert_eq!((both.targets.len(), nvme.targets.len(), sda.targets.len()), (1, 0, 0));
}

#[test]
fn files_are_counted_and_nodes_named() {
    let root = sysfs();
    let mut disks = Vec::new();
    for (number, way, path) in [
        ((8, 0), Way::Passthrough, "/dev/sg0"),
        ((8, 1), Way::File, "/mnt/a"),
        ((8, 1), Way::File, "/mnt/b"),
        ((8, 1), Way::Block, "/dev/sda1"),
    ] {
        add(root.path(), number, way, Path::new(path), &mut disks);
    }
    let [disk] = &disks[..] else { panic!("one disk") };
    assert_eq!((disk.files, &disk.targets[..]), (2, &["/dev/sg0".into(), "/dev/sda1".into()][..]));
}

#[test]
fn a_watched_disk_is_watched_down_to_the_ground() {
    let mut disks = found(&[(253, 0), (252, 0)]);
    set_watched(&mut disks, "vda", false);
    set_watched(&mut disks, "dm-0", true);
    let watched: Vec<bool> = disks.iter().map(|disk| disk.is_watched).collect();
    assert_eq!(watched, [true, true, true, false]);
}

#[test]
fn a_character_device_may_lead_to_a_disk() {
    let root = sysfs();
    // A tape has a node of the same kind and no blocks.
    fs::create_dir_all(root.path().join("dev/char/21:4/device")).expect("directories");
    let cases =
        [((21, 0), Some((8, 0))), ((21, 4), None), ((1, 3), None), ((244, 0), Some((259, 0)))];
    for (number, expected) in cases {
        assert_eq!(disk_behind(root.path(), number), expected, "{number:?}");
    }
}

#[test]
fn a_path_that_is_not_there_yet_lies_on_its_directory() {
    let sys = Path::new("/sys");
    let directory = tempfile::tempdir().expect("a directory");
    let here = behind(sys, directory.path());
    assert!(matches!(here, Some((_, Way::File))));
    assert_eq!(behind(sys, &directory.path().join("not/there/yet")), here);
    assert_eq!(behind(sys, Path::new("not-there-yet")), behind(sys, Path::new(".")));
    assert_eq!(behind(sys, Path::new("/dev/null")), None);
}

#[test]
fn this_hosts_disks_have_sizes_or_there_are_none() {
    let directory = tempfile::tempdir().expect("a directory");
    for disk in under([(directory.path(), true), (Path::new("/dev/null"), true)]) {
        assert!(disk.size_bytes.is_some() && !disk.name.is_empty() && disk.is_watched, "{disk:?}");
        assert!(disk.targets.is_empty(), "{disk:?}");
    }
}
