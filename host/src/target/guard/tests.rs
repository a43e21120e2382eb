//! The guard against a made-up /proc and /sys, and against real loop devices where root may.

use super::super::discover::{describe, discover};
use super::super::testbed::{run, LoopDevice};
use super::*;
use std::os::unix::fs::symlink;
use std::process::Command;
use tempfile::TempDir;

/// A machine with the disk sda (8:0), its partitions sda1 and sda2, the disk sdb (8:16), and an
/// empty dm-0 (253:0).
struct Machine {
    root: TempDir,
}

impl Machine {
    fn new() -> Machine {
        let machine = Machine { root: tempfile::tempdir().expect("a directory") };
        machine.write("proc/self/mountinfo", "");
        let places = [
            ("8:0", "sda", ""),
            ("8:1", "sda", "sda1"),
            ("8:2", "sda", "sda2"),
            ("8:16", "sdb", ""),
            ("253:0", "dm-0", ""),
        ];
        for (number, disk, part) in places {
            let place = format!("sys/devices/{disk}/{part}");
            machine.write(&format!("{place}/dev"), number);
            if !part.is_empty() {
                machine.write(&format!("{place}/partition"), "1");
            }
            machine.link(&place, &format!("sys/dev/block/{number}"));
        }
        for disk in ["sda", "sdb", "dm-0"] {
            machine.link(&format!("sys/devices/{disk}"), &format!("sys/block/{disk}"));
        }
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
        fs::write(path, text).expect("a file");
    }

    fn link(&self, to: &str, from: &str) {
        let from = self.path(from);
        fs::create_dir_all(from.parent().expect("a directory")).expect("directories");
        symlink(self.path(to), from).expect("a link");
    }

    fn roots(&self) -> Roots {
        Roots { proc: self.path("proc"), sys: self.path("sys") }
    }

    /// What the guard says about writing to a device; "" = may be written to.
    fn verdict(&self, name: &str, number: (u32, u32)) -> String {
        let device = describe(&self.path("sys"), number);
        let path = self.path("dev").join(name);
        let base = Target::opaque(&path, 0);
        let target = Target { kind: Kind::Block, device: Some(device), ..base };
        match check_write_in(&self.roots(), &target) {
            Ok(()) => String::new(),
            Err(TargetError::InUse { users, .. }) => {
                users.join("; ").replace(&format!("{}/", self.path("dev").display()), "/dev/")
            }
            Err(other) => panic!("unexpected: {other}"),
        }
    }
}

#[test]
fn what_nobody_uses_may_be_written() {
    let machine = Machine::new();
    for (name, number) in [("sda", (8, 0)), ("sda1", (8, 1)), ("sdb", (8, 16))] {
        assert_eq!(machine.verdict(name, number), "");
    }
}

#[test]
fn a_mount_protects_partition_and_disk_but_no_sibling() {
    let machine = Machine::new();
    let line = "36 35 8:1 / /mnt/my\\040data rw,relatime shared:1 - ext4 /dev/sda1 rw\n";
    machine.write("proc/self/mountinfo", line);
    assert_eq!(machine.verdict("sda1", (8, 1)), "/dev/sda1 is mounted on /mnt/my data");
    assert_eq!(machine.verdict("sda", (8, 0)), "/dev/sda1 is mounted on /mnt/my data");
    assert_eq!(machine.verdict("sda2", (8, 2)), "");
    assert_eq!(machine.verdict("sdb", (8, 16)), "");
}

#[test]
fn a_mount_protects_the_other_way_to_its_disk() {
    let machine = Machine::new();
    let line = "36 35 8:1 / /mnt rw,relatime shared:1 - ext4 /dev/sda1 rw\n";
    machine.write("proc/self/mountinfo", line);
    for (number, expected) in [((8, 0), "/dev/sda1 is mounted on /mnt"), ((8, 16), "")] {
        let device = Some(describe(&machine.path("sys"), number));
        let target =
            Target { kind: Kind::Char, device, ..Target::opaque(Path::new("/dev/sg0"), 0) };
        let said = check_write_in(&machine.roots(), &target).err().map(|error| error.to_string());
        assert_eq!(said.is_some(), !expected.is_empty(), "{said:?}");
        if let Some(said) = said {
            assert!(said.starts_with("/dev/sg0: refusing to write"), "{said}");
            assert!(said.contains(expected), "{said}");
        }
    }
}

#[test]
fn a_mounted_disk_protects_its_partitions() {
    let machine = Machine::new();
    machine.write("proc/self/mountinfo", "36 35 8:0 / /mnt rw - ext4 /dev/sda rw\n");
    assert_eq!(machine.verdict("sda2", (8, 2)), "/dev/sda is mounted on /mnt");
}

#[test]
fn a_mount_in_another_namespace_counts_once() {
    let machine = Machine::new();
    let own = "1 0 8:16 / / rw - ext4 /dev/sdb rw\n";
    let other = "7 6 8:16 / / rw - ext4 /dev/sdb rw\n9 8 8:2 / /inner rw - xfs /dev/sda2 rw\n";
    machine.write("proc/self/mountinfo", own);
    for (pid, namespace, table) in
        [("1", "mnt:[1]", own), ("41", "mnt:[2]", other), ("42", "mnt:[2]", other)]
    {
        machine.write(&format!("proc/{pid}/mountinfo"), table);
        let ns = machine.path(&format!("proc/{pid}/ns"));
        fs::create_dir_all(&ns).expect("a directory");
        symlink(namespace, ns.join("mnt")).expect("a link");
    }
    assert_eq!(machine.verdict("sda", (8, 0)), "/dev/sda2 is mounted on /inner for process 41");
    assert_eq!(machine.verdict("sdb", (8, 16)), "/dev/sdb is mounted on /");
}

#[test]
fn holders_protect_in_both_directions() {
    let machine = Machine::new();
    machine.write("sys/devices/sda/sda2/holders/dm-0", "");
    machine.write("sys/devices/dm-0/dm/name", "vg-data\n");
    machine.write("sys/devices/sdb/holders/md7", "");
    let held = "/dev/sda2 is held by /dev/dm-0 (vg-data)";
    assert_eq!(machine.verdict("sda2", (8, 2)), held);
    assert_eq!(machine.verdict("sda", (8, 0)), held);
    assert_eq!(machine.verdict("sda1", (8, 1)), "");
    assert_eq!(machine.verdict("sdb", (8, 16)), "/dev/sdb is held by /dev/md7");
}

#[test]
fn swap_and_loop_files_are_protected() {
    let machine = Machine::new();
    for (name, used) in [("swap file", true), ("image", true), ("other", false)] {
        let path = machine.path(name);
        fs::write(&path, [0; 512]).expect("a file");
        let swap = machine.path("swap\\040file").display().to_string();
        machine.write(
            "proc/swaps",
            &format!("Filename Type Size Used Priority\n{swap} file 4 0 -2\n"),
        );
        let image = machine.path("image").display().to_string();
        machine.write("sys/block/loop3/loop/backing_file", &format!("{image}\n"));
        let verdict = check_write_in(&machine.roots(), &discover(&path).expect("a file"));
        assert_eq!(verdict.is_err(), used, "{name}: {verdict:?}");
    }
}

#[test]
fn many_users_are_counted() {
    let machine = Machine::new();
    let lines: Vec<String> =
        (0..7).map(|n| format!("1 0 8:16 / /mnt/{n} rw - ext4 /dev/sdb rw\n")).collect();
    machine.write("proc/self/mountinfo", &lines.concat());
    let verdict = machine.verdict("sdb", (8, 16));
    assert!(verdict.ends_with("/mnt/3; 3 more"), "{verdict}");
}

#[test]
fn tables_are_unescaped() {
    let cases = [
        ("plain", "plain"),
        ("a\\040b\\011c\\012d\\134e", "a b\tc\nd\\e"),
        ("end\\04", "end\\04"),
        ("\\999", "\\999"),
    ];
    for (text, expected) in cases {
        assert_eq!(unescape(text), PathBuf::from(expected));
    }
    assert!(parse_mount("").is_none());
    assert!(parse_mount("1 2 x:y / / rw - a b c").is_none());
    assert!(parse_mount("1 2 3:4 / - a").is_none());
}

#[test]
fn a_real_device_is_free_until_somebody_uses_it() {
    let Some(device) = LoopDevice::new(16 << 20) else { return };
    let target = discover(&device.path).expect("a loop device");
    assert!(check_write(&target).is_ok());
    let backing = discover(device.backing.path()).expect("a file");
    let said = check_write(&backing).expect_err("it is behind a loop device").to_string();
    assert!(said.contains(&format!("it is behind {}", device.path.display())), "{said}");

    let flags = OFlags::RDONLY | OFlags::EXCL | OFlags::CLOEXEC;
    let holder = rustix::fs::open(&device.path, flags, Mode::empty()).expect("an open");
    let said = check_write(&target).expect_err("it is held").to_string();
    assert!(said.contains("the kernel says that somebody holds it exclusively"), "{said}");
    drop(holder);

    let path = device.path.display().to_string();
    let Some(second) = loop_over(&path) else { return };
    let said = check_write(&target).expect_err("it is behind another").to_string();
    let _ = Command::new("losetup").args(["-d", &second]).status();
    assert!(said.contains(&format!("{path} is behind {second}")), "{said}");
}

fn loop_over(path: &str) -> Option<String> {
    let out = Command::new("losetup").args(["-f", "--show", path]).output().expect("losetup ran");
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_string())
}

#[test]
fn a_real_mount_is_found_in_any_namespace() {
    let Some(device) = LoopDevice::new(16 << 20) else { return };
    let path = device.path.display().to_string();
    if run("mkfs.ext4", &["-q", "-F", &path]).is_none() {
        return;
    }
    let point = tempfile::tempdir().expect("a directory");
    // A mount that only that child sees; the pipe keeps it alive for as long as we want.
    let script = format!("mount {path} {} && echo ready && read line", point.path().display());
    let child = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", &script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        super::super::testbed::skip::<()>("no unshare");
        return;
    };
    let mut ready = [0; 6];
    let out = child.stdout.as_mut().expect("a pipe");
    let is_ready = std::io::Read::read_exact(out, &mut ready).is_ok();
    let verdict = discover(&device.path).map(|target| check_write(&target));
    drop(child.stdin.take());
    child.wait().expect("the child ends");
    if !is_ready {
        super::super::testbed::skip::<()>("no private mount");
        return;
    }
    let said = verdict.expect("a device").expect_err("it is mounted").to_string();
    let expected = format!("{path} is mounted on {} for process", point.path().display());
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn an_active_swap_device_is_found() {
    let Some(device) = LoopDevice::new(16 << 20) else { return };
    let path = device.path.display().to_string();
    if run("mkswap", &[&path]).is_none() || run("swapon", &[&path]).is_none() {
        return;
    }
    let verdict = discover(&device.path).map(|target| check_write(&target));
    let _ = Command::new("swapoff").arg(&path).status();
    let said = verdict.expect("a device").expect_err("it is swap").to_string();
    assert!(said.contains(&format!("{path} is swap space")), "{said}");
}
