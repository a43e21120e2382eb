//! Regions of files and devices, by fio's rules; and what cannot be, in words. No file is touched:
//! targets are made up, so that each case says what is there.
//! Only built for tests.

use super::super::discover::BlockDevice;
use super::*;
use std::path::Path;

const K: u64 = 1024;

fn target(kind: Kind, size: u64) -> Target {
    Target { kind, ..Target::opaque(Path::new("x"), size) }
}

fn wishes() -> Wishes {
    Wishes {
        size: None,
        filesize: None,
        offset: None,
        increment: None,
        clone: 0,
        offset_align: 0,
        io_size: None,
        fill: false,
        unit: 4 * K,
        block: 4 * K,
    }
}

fn bytes(k: u64) -> Option<Amount> {
    Some(Amount::Bytes(k * K))
}

fn percent(percent: u8) -> Option<Amount> {
    Some(Amount::Percent(percent))
}

/// (offset, len, file_len) of each file, and the amount; all in KiB, 0 = no file_len.
type Expected<'a> = (&'a [(u64, u64, u64)], u64);

fn assert_plan(what: &str, targets: &[Target], wishes: Wishes, expected: Expected<'_>) {
    let plan = plan(targets, &wishes, |bound| bound - 1).expect(what);
    let files: Vec<_> =
        plan.files.iter().map(|f| (f.offset / K, f.len / K, f.file_len.unwrap_or(0) / K)).collect();
    assert_eq!((&files[..], plan.amount / K), expected, "{what}");
}

#[test]
fn regions_of_files_to_be_made_follow_fio() {
    let none = target(Kind::Missing, 0);
    let three = [none.clone(), none.clone(), none.clone()];
    let one = std::slice::from_ref(&none);
    let w = wishes;
    let size = |k| Wishes { size: bytes(k), ..w() };
    assert_plan("one file", one, size(50), (&[(0, 48, 48)], 48));
    assert_plan("split", &three, size(50), (&[(0, 16, 16); 3], 48));
    let case = Wishes { offset: bytes(8), ..size(16) };
    assert_plan("offset", one, case, (&[(8, 16, 24)], 16));
    let filesize = Some((16 * K, 16 * K));
    let of = |size| Wishes { filesize, size, ..w() };
    assert_plan("filesize alone", &three[1..], of(None), (&[(0, 16, 16); 2], 32));
    assert_plan("less than filesize", &three, of(bytes(32)), (&[(0, 16, 16); 3], 32));
    assert_plan("more than filesize", one, of(bytes(64)), (&[(0, 16, 16)], 16));
    assert_plan("percent of filesize", one, of(percent(50)), (&[(0, 8, 16)], 8));
    let case = Wishes { offset: bytes(8), ..of(bytes(16)) };
    assert_plan("filesize and offset", one, case, (&[(8, 8, 16)], 8));
    let case = Wishes { offset: percent(50), ..of(None) };
    assert_plan("filesize and offset in percent", one, case, (&[(8, 8, 16)], 8));
    let case = Wishes { filesize: Some((6 * K, 23 * K)), ..w() };
    assert_plan("a range of filesize", one, case, (&[(0, 20, 20)], 20));
}

#[test]
fn regions_of_files_that_are_there_follow_fio() {
    let two = [target(Kind::Regular, 64 * K), target(Kind::Regular, 32 * K)];
    let one = &two[..1];
    let w = wishes;
    assert_plan("whole", one, w(), (&[(0, 64, 64)], 64));
    assert_plan("two", &two, w(), (&[(0, 64, 64), (0, 32, 32)], 96));
    let size = |size| Wishes { size, ..w() };
    assert_plan("part", one, size(percent(50)), (&[(0, 32, 32)], 32));
    assert_plan("part of each", &two, size(percent(50)), (&[(0, 32, 32), (0, 16, 16)], 48));
    assert_plan("grows", one, size(bytes(96)), (&[(0, 96, 96)], 96));
    let from = |offset, size| Wishes { offset, size, ..w() };
    assert_plan("rest", one, from(bytes(16), None), (&[(16, 48, 64)], 48));
    let case = from(percent(25), percent(50));
    assert_plan("offset and size in percent", one, case, (&[(16, 32, 48)], 32));
    let case = from(bytes(80), bytes(16));
    assert_plan("behind the end", one, case, (&[(80, 16, 96)], 16));
    let issue = |io_size| Wishes { io_size, ..size(bytes(32)) };
    assert_plan("io_size", one, issue(bytes(500)), (&[(0, 32, 32)], 500));
    assert_plan("io_size in percent", one, issue(percent(50)), (&[(0, 32, 32)], 16));
}

#[test]
fn regions_of_devices() {
    let device = target(Kind::Block, 64 * K);
    let zero = target(Kind::Char, 0);
    let opaque = target(Kind::Opaque, 0);
    let w = wishes;
    let one = std::slice::from_ref;
    assert_plan("whole", one(&device), w(), (&[(0, 64, 0)], 64));
    assert_plan("part", one(&device), Wishes { size: percent(25), ..w() }, (&[(0, 16, 0)], 16));
    assert_plan(
        "offset",
        one(&device),
        Wishes { offset: percent(50), ..w() },
        (&[(32, 32, 0)], 32),
    );
    assert_plan(
        "character device",
        one(&zero),
        Wishes { size: bytes(48), ..w() },
        (&[(0, 48, 0)], 48),
    );
    assert_plan("no path", one(&opaque), Wishes { size: bytes(48), ..w() }, (&[(0, 48, 0)], 48));
}

#[test]
fn a_size_above_filesize_is_told() {
    let wishes = Wishes { size: bytes(64), filesize: Some((16 * K, 16 * K)), ..wishes() };
    let plan = plan(&[target(Kind::Missing, 0)], &wishes, |_| 0).expect("a plan");
    assert_eq!(
        plan.notes,
        ["size=65536 is more than the files hold by filesize: 16384 bytes are used"]
    );
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let (none, file, device) =
        (target(Kind::Missing, 0), target(Kind::Regular, 64 * K), target(Kind::Block, 64 * K));
    let w = wishes;
    let cases = [
        (none.clone(), w(), "size is needed: x does not exist"),
        (target(Kind::Regular, 0), w(), "size is needed: x is empty"),
        (target(Kind::Char, 0), w(), "size is needed: x has no size of its own"),
        (target(Kind::Opaque, 0), w(), "size is needed: x has no size of its own"),
        (none.clone(), Wishes { size: percent(50), ..w() }, "size is needed: x does not exist"),
        (
            none.clone(),
            Wishes { size: bytes(16), offset: percent(50), ..w() },
            "x: offset=50% is a part of nothing",
        ),
        (target(Kind::Directory, 0), w(), "x: is a directory"),
        (
            device.clone(),
            Wishes { size: bytes(128), ..w() },
            "x: 131072 bytes from offset 0 on are asked for, but the device holds 65536 bytes",
        ),
        (
            device.clone(),
            Wishes { size: bytes(64), offset: bytes(16), ..w() },
            "65536 bytes from offset 16384 on",
        ),
        (
            device.clone(),
            Wishes { offset: bytes(64), ..w() },
            "x: offset 65536 is at or beyond its end (65536 bytes)",
        ),
        (
            device.clone(),
            Wishes { size: bytes(4), offset: bytes(640), ..w() },
            "x: offset 655360 is at or beyond its end",
        ),
        (
            device,
            Wishes { size: percent(90), offset: percent(25), ..w() },
            "x: size=90% is more than what is left of it behind the offset",
        ),
        (file, Wishes { offset: bytes(64), ..w() }, "x: offset 65536 is at or beyond its end"),
        (
            none.clone(),
            Wishes { size: bytes(3), ..w() },
            "x: its part of 3072 bytes is smaller than one block of 4096 bytes",
        ),
        (
            none,
            Wishes { size: Some(Amount::Bytes(1 << 63)), ..w() },
            "x: offset plus size is beyond 2^63 bytes",
        ),
    ];
    for (target, wishes, expected) in cases {
        let error = plan(&[target], &wishes, |_| 0).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error:?} should say {expected:?}");
    }
}

#[test]
fn offsets_in_percent_are_rounded_up_and_move_with_each_clone() {
    let file = target(Kind::Regular, 1024 * K);
    let at = |wishes: Wishes| {
        plan(std::slice::from_ref(&file), &wishes, |_| 0).expect("a plan").files[0].offset
    };
    let w = wishes;
    // As fio 3.33 places them.
    assert_eq!(at(Wishes { offset: percent(33), ..w() }), 0x55000);
    let aligned = |offset_align| Wishes { offset: percent(33), offset_align, ..w() };
    assert_eq!(at(aligned(64 * K)), 0x60000);
    assert_eq!(at(aligned(3000)), 0x54f60);
    let odd = Some(Amount::Bytes(10_000));
    assert_eq!(at(Wishes { offset: odd, offset_align: 64 * K, ..w() }), 10_000);
    let step = |offset, increment, clone| at(Wishes { offset, increment, clone, ..w() });
    assert_eq!(step(None, percent(10), 0), 0);
    assert_eq!(step(None, percent(10), 2), 0x34000);
    assert_eq!(step(bytes(4), Some(Amount::Bytes(100_000)), 2), 0x31d40);
    assert_eq!(step(percent(10), Some(Amount::Bytes(100_000)), 1), 0x33000);
    let case = Wishes { offset: percent(33), size: percent(67), ..w() };
    assert_plan("both in percent", std::slice::from_ref(&file), case, (&[(340, 684, 1024)], 684));
}

#[test]
fn zones_are_multiples_of_the_device_s() {
    let mut zoned = target(Kind::Block, 1024 * K);
    zoned.device = Some(BlockDevice {
        number: (1, 2),
        name: None,
        disk: None,
        is_partition: false,
        rotational: None,
        zone_bytes: Some(128 * K),
        discard_bytes: None,
    });
    let zones = |n| Some(Amount::Zones(n));
    let one = [zoned];
    let case = Wishes { offset: zones(1), size: zones(2), ..wishes() };
    assert_plan("zones", &one, case, (&[(128, 256, 0)], 256));
    let case = Wishes { increment: zones(2), clone: 2, size: zones(1), ..wishes() };
    assert_plan("increment", &one, case, (&[(512, 128, 0)], 128));
    let case = Wishes { io_size: zones(10), ..wishes() };
    assert_plan("io_size", &one, case, (&[(0, 1024, 0)], 1280));
    for field in [
        Wishes { size: zones(2), ..wishes() },
        Wishes { offset: zones(2), ..wishes() },
        Wishes { increment: zones(2), ..wishes() },
        Wishes { io_size: zones(2), ..wishes() },
    ] {
        let error = plan(&[target(Kind::Block, 1024 * K)], &field, |_| 0).expect_err("no zones");
        assert!(error.to_string().starts_with("x: 2z is zones are counted"), "{error}");
    }
}

#[test]
fn filling_has_no_end_for_files_and_the_device_s_for_devices() {
    let fill = Wishes { fill: true, ..wishes() };
    let of = |target, wishes: Wishes| plan(&[target], &wishes, |_| 0).expect("a plan");
    let file = of(target(Kind::Missing, 0), fill);
    assert!(file.unbounded && file.amount > 1 << 55);
    assert_eq!(file.files[0].file_len, None);
    let longer = of(target(Kind::Regular, 64 * K), Wishes { offset: bytes(8), ..fill });
    assert_eq!((longer.unbounded, longer.files[0].offset), (true, 8 * K));
    let limited = of(target(Kind::Missing, 0), Wishes { io_size: bytes(64), ..fill });
    assert_eq!((limited.unbounded, limited.amount), (false, 64 * K));
    let sized = of(target(Kind::Missing, 0), Wishes { size: bytes(64), ..fill });
    assert_eq!((sized.unbounded, sized.amount), (false, 64 * K));
    let device = of(target(Kind::Block, 64 * K), fill);
    assert_eq!((device.unbounded, device.amount), (false, 64 * K));
}
