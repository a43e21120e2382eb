//! Files that are none, and files that lie.

use super::*;

#[test]
fn what_is_no_elf_is_named() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "an empty file"),
        (b"hello\n", "a text file"),
        (b"#!/bin/sh\n", "a script"),
        (b"!<arch>\n\x01", "a static library"),
        (b"\0\x01\x02", "something else"),
    ];
    for (bytes, want) in cases {
        assert_eq!(examine(bytes, false), Err(Unfit::NotElf(want)));
    }
}

#[test]
fn headers_are_read_carefully() {
    let mut bytes = b"\x7fELF".to_vec();
    assert!(matches!(examine(&bytes, false), Err(Unfit::Truncated { .. })));
    bytes.resize(64, 0);
    assert!(matches!(examine(&bytes, false), Err(Unfit::Damaged(_))));
    bytes[4] = 1;
    assert!(matches!(examine(&bytes, false), Err(Unfit::Class { found: 32, .. })));
    bytes[4] = 2;
    bytes[5] = 2;
    assert!(matches!(examine(&bytes, false), Err(Unfit::ByteOrder { .. })));
}

#[test]
fn our_own_program_is_a_program() {
    let bytes = std::fs::read("/proc/self/exe").unwrap();
    let error = examine(&bytes, false).unwrap_err();
    assert!(matches!(error, Unfit::Kind(_)), "{error}");
}

#[test]
fn any_prefix_and_any_flipped_byte_is_answered() {
    let whole = std::fs::read("/proc/self/exe").unwrap();
    for len in (0..4096).step_by(61) {
        examine(&whole[..len], false).unwrap_err();
    }
    let mut head = whole[..whole.len().min(16 * 1024)].to_vec();
    for at in 0..1024 {
        let kept = head[at];
        head[at] ^= 0xff;
        examine(&head, true).unwrap_err();
        head[at] = kept;
    }
}

#[test]
fn exports_decide() {
    const OURS: &[u8] = IOE_ENTRY_SYMBOL.as_bytes();
    type Names = &'static [&'static [u8]];
    let cases: &[(Names, Result<(), Unfit>)] = &[
        (&[b"x", OURS], Ok(())),
        (&[b"ioengine", OURS], Ok(())),
        (&[b"ioengine"], Err(Unfit::FioEngine)),
        (&[b"get_ioengine"], Err(Unfit::FioEngine)),
        (&[b"ioe_plugin_entry_v7"], Err(Unfit::EntryMajor { found: "7".to_owned() })),
        (&[b"ioe_plugin_entry_vx"], Err(Unfit::NoEntry)),
        (&[], Err(Unfit::NoEntry)),
    ];
    for (names, want) in cases {
        let mut exports = Exports::default();
        names.iter().for_each(|name| exports.add(name));
        assert_eq!(&check_exports(exports), want);
    }
}

/// A small plugin, made to be of this machine; offsets as its linker chose them.
struct Small(Vec<u8>);

const PROGRAM_HEADERS: usize = 64;
const DYNAMIC: usize = 0x228;
const HASH: usize = 0x180;
const SYMBOLS: usize = 0x1a8;

impl Small {
    fn new() -> Small {
        let mut small =
            Small(include_bytes!("../../../../fuzz/corpus/preflight/gnu-hash.elf").to_vec());
        small.set(18, &own_machine().0.to_le_bytes());
        small
    }

    fn set(&mut self, at: usize, bytes: &[u8]) -> &mut Small {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// A field of eight bytes of a program header.
    fn segment(&mut self, n: usize, field: usize, value: u64) -> &mut Small {
        self.set(PROGRAM_HEADERS + n * 56 + field, &value.to_le_bytes())
    }

    /// The value of an entry of the dynamic segment.
    fn dynamic(&mut self, n: usize, value: u64) -> &mut Small {
        self.set(DYNAMIC + n * 16 + 8, &value.to_le_bytes())
    }

    /// Appends what the first segment then holds beside what it held: an address.
    fn grow(&mut self, bytes: &[u8]) -> u64 {
        let end = self.0.len();
        self.0.extend_from_slice(bytes);
        let len = self.0.len() as u64;
        // The second segment goes out of its way.
        self.segment(0, FILE_SIZE, len).segment(0, MEMORY_SIZE, len);
        let beyond = (len & !0xfff) + 0x1000 + DYNAMIC as u64;
        self.segment(1, ADDRESS, beyond).segment(2, ADDRESS, beyond);
        end as u64
    }
}

const OFFSET: usize = 8;
const ADDRESS: usize = 16;
const FILE_SIZE: usize = 32;
const MEMORY_SIZE: usize = 40;
const ALIGN: usize = 48;

#[test]
fn a_small_plugin_is_fit() {
    for pinned in [false, true] {
        let facts = examine(&Small::new().0, pinned).unwrap();
        assert_eq!(facts.build_id.map(|id| id.len()), Some(40));
    }
    let mut grown = Small::new();
    grown.grow(&[0; 10_000]);
    examine(&grown.0, true).unwrap();
}

type Tamper = fn(&mut Small) -> &mut Small;

/// Bytes to tamper with, and words of what is said of them.
const LIES: &[(&str, Tamper, &str)] = &[
    ("p_offset + p_filesz wraps", |f| f.segment(0, OFFSET, u64::MAX), "truncated: segment 0"),
    ("p_filesz of everything", |f| f.segment(3, FILE_SIZE, u64::MAX), "truncated: segment 3"),
    ("more in the file", |f| f.segment(1, MEMORY_SIZE, 8), "larger in the file"),
    ("p_vaddr + p_memsz wraps", |f| f.segment(1, ADDRESS, u64::MAX - 0xdd7), "beyond all memory"),
    ("p_memsz of everything", |f| f.segment(1, MEMORY_SIZE, 1 << 63), "beyond all memory"),
    ("overlapping", |f| f.segment(0, MEMORY_SIZE, 0x1229), "before the one in front"),
    ("in the wrong order", |f| f.segment(0, ADDRESS, 0x4000), "before the one in front"),
    ("no power of two", |f| f.segment(0, ALIGN, 0x1001), "not aligned"),
    ("apart", |f| f.segment(1, ALIGN, 0x10_000), "not aligned"),
    ("e_phentsize 0", |f| f.set(54, &[0, 0]), "damaged"),
    ("e_phentsize 57", |f| f.set(54, &[57, 0]), "damaged"),
    ("e_phoff odd and far", |f| f.set(32, &u64::MAX.to_le_bytes()), "truncated: the table"),
    ("e_phnum 0", |f| f.set(56, &[0, 0]), "no segment"),
    ("e_phnum 65534", |f| f.set(56, &[0xfe, 0xff]), "truncated: the table"),
    ("e_shoff far", |f| f.set(40, &(1u64 << 63).to_le_bytes()), "table of sections"),
    ("e_shentsize, e_shnum", |f| f.set(58, &[0xff; 4]), "table of sections"),
    ("no stack", |f| f.set(PROGRAM_HEADERS + 4 * 56, &[9, 0, 0, 0]), "executable stack"),
    ("another stack", |f| f.set(PROGRAM_HEADERS + 3 * 56, b"\x51\xe5\x74\x64\x07"), "stack"),
    ("two dynamic segments", |f| f.set(PROGRAM_HEADERS + 3 * 56, &[2]), "two dynamic"),
    ("no dynamic segment", |f| f.set(PROGRAM_HEADERS + 2 * 56, &[9]), "no dynamic"),
    ("another one is loaded", |f| f.segment(2, ADDRESS, 0x1238), "is not loaded"),
    ("it is nowhere", |f| f.segment(2, ADDRESS, 0x9000), "is not loaded"),
    ("hash table outside", |f| f.dynamic(0, 0x9000), "no hash table"),
    ("hash table at the end", |f| f.dynamic(0, 0x220), "damaged"),
    ("names outside", |f| f.dynamic(1, u64::MAX), "table of names is missing"),
    ("names at the end", |f| f.dynamic(1, 0x227), "outside the table of names"),
    ("symbols outside", |f| f.dynamic(2, 0x1000), "table of symbols is missing"),
    ("symbols at the end", |f| f.dynamic(2, 0x220), "does not export"),
    ("billions of buckets", |f| f.set(HASH, &[0xff; 4]), "damaged"),
    ("billions of blooms", |f| f.set(HASH + 8, &[0xff; 4]), "damaged"),
    ("billions of symbols", |f| f.set(HASH + 24, &[0xff, 0xff, 0xff, 0xff]), "does not export"),
    ("a name far away", |f| f.set(SYMBOLS + 24, &[0xff; 4]), "outside the table of names"),
];

#[test]
fn lies_are_seen_through() {
    for (what, tamper, want) in LIES {
        let mut file = Small::new();
        tamper(&mut file);
        let error = examine(&file.0, true).expect_err(what).to_string();
        assert!(error.contains(want), "{what}: {error}");
    }
}

#[test]
fn as_many_segments_as_the_file_holds_are_too_many() {
    let mut file = Small::new();
    let at = file.0.len() as u64;
    // All of them cover the whole file.
    for _ in 0..60_000 {
        let copy = file.0[PROGRAM_HEADERS + 3 * 56..][..56].to_vec();
        file.0.extend_from_slice(&copy);
    }
    file.set(32, &at.to_le_bytes()).set(56, &60_000u16.to_le_bytes());
    let error = examine(&file.0, false).unwrap_err().to_string();
    assert!(error.contains("60000 segments"), "{error}");
}

#[test]
fn notes_without_end_are_not_read_to_their_end() {
    let mut file = Small::new();
    let at = file.0.len() as u64;
    let notes = [&[4, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, b'G', b'N', b'U', 0][..]; 100_000].concat();
    file.0.extend_from_slice(&notes);
    file.segment(3, OFFSET, at).segment(3, FILE_SIZE, notes.len() as u64);
    assert_eq!(examine(&file.0, false), Ok(Facts { build_id: None }));
}

#[test]
fn a_build_id_of_a_megabyte_is_none() {
    let mut file = Small::new();
    let at = file.0.len() as u64;
    let mut note = [4, 0, 0, 0, 0, 0, 16, 0, 3, 0, 0, 0, b'G', b'N', b'U', 0].to_vec();
    note.resize(16 + (1 << 20), 7);
    file.0.extend_from_slice(&note);
    file.segment(3, OFFSET, at).segment(3, FILE_SIZE, note.len() as u64);
    assert_eq!(examine(&file.0, false), Ok(Facts { build_id: None }));
}

/// A hash table of the older kind, symbols that all have the one endless name: looked for its end,
/// this would take a day.
#[test]
fn an_endless_name_shared_by_all_symbols() {
    const COUNT: u32 = 100_000;
    let mut file = Small::new();
    let names = file.grow(&vec![b'x'; 4 << 20]);
    let symbol = [0, 0, 0, 0, 0x10, 0, 7, 0].into_iter().chain([0; 16]).collect::<Vec<u8>>();
    let symbols = file.grow(&symbol.repeat(COUNT as usize));
    let mut hash = [1, COUNT, 0].map(u32::to_le_bytes).concat();
    hash.resize(hash.len() + 4 * COUNT as usize, 0);
    let hash = file.grow(&hash);
    file.set(DYNAMIC, &4u64.to_le_bytes());
    file.dynamic(0, hash).dynamic(1, names).dynamic(2, symbols);
    let begin = std::time::Instant::now();
    assert_eq!(examine(&file.0, true), Err(Unfit::NoEntry));
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}

/// Each of many libraries has the same long name.
#[test]
fn endless_lists_of_libraries() {
    let entries = |count: usize| [1u64, 0].map(u64::to_le_bytes).concat().repeat(count);
    for (count, words) in [(4_000, "endless"), (5_000, "more than 4096 entries")] {
        let mut file = Small::new();
        let list = [&file.0[DYNAMIC..DYNAMIC + 8 * 16], &entries(count)].concat();
        let at = file.grow(&[&list[..], &[0; 16]].concat());
        let names = file.grow(&vec![b'x'; 1 << 20]);
        let at_usize = usize::try_from(at).unwrap();
        file.set(at_usize + 16 + 8, &names.to_le_bytes());
        file.segment(2, OFFSET, at).segment(2, ADDRESS, at);
        file.segment(2, FILE_SIZE, list.len() as u64 + 16);
        let error = examine(&file.0, true).unwrap_err().to_string();
        assert!(error.contains(words), "{count}: {error}");
    }
}

#[test]
fn a_long_name_is_no_entry_and_no_message() {
    let mut file = Small::new();
    let name = format!("ioe_plugin_entry_v{}\0", "1".repeat(100_000));
    let names = file.grow(name.as_bytes());
    file.dynamic(1, names).set(SYMBOLS + 24, &[0; 4]);
    assert_eq!(examine(&file.0, false), Err(Unfit::NoEntry));
    let shown = exports(&file.0).unwrap();
    assert!(shown.iter().all(|name| name.len() < 200 && name.ends_with("11...")), "{shown:?}");
}
