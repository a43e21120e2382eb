//! Looks at a plugin's bytes before one instruction of it runs.
//!
//! Called by `find` and `load` with the bytes that were hashed. The loader itself answers badly or
//! not at all: a truncated file is a SIGBUS inside it, a foreign architecture is "No such file or
//! directory", an executable stack silently becomes the host's. Must not open or load anything.

use iodyno_engine_api::abi::{IOE_ABI_MAJOR, IOE_ENTRY_SYMBOL};
use object::elf;
use object::read::elf::{Dyn, FileHeader, GnuHashTable, HashTable, ProgramHeader, Sym};
use object::Endianness;

#[cfg(target_pointer_width = "64")]
type Header = elf::FileHeader64<Endianness>;
#[cfg(target_pointer_width = "32")]
type Header = elf::FileHeader32<Endianness>;
type Segment = <Header as FileHeader>::ProgramHeader;
type Symbol = <Header as FileHeader>::Sym;

/// Symbols that an engine of fio's exports.
const FIO_SYMBOLS: [&str; 2] = ["ioengine", "get_ioengine"];
/// Our entry symbol without its major.
const ENTRY_PREFIX: &str = "ioe_plugin_entry_v";

/// What the file says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// GNU build id, lower-case hex.
    pub build_id: Option<String>,
}

/// Why a file cannot be a plugin here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// No ELF magic.
    #[error("is {0}, not a shared object (no ELF header)")]
    NotElf(&'static str),
    /// Wrong class.
    #[error(
        "is compiled for {found} bits, this iodyno is a {wanted}-bit program; rebuild the plugin"
    )]
    Class {
        /// Of the file.
        found: u32,
        /// Of the host.
        wanted: u32,
    },
    /// Wrong byte order.
    #[error("is compiled for the other byte order ({found}); rebuild the plugin for this machine")]
    ByteOrder {
        /// Of the file.
        found: &'static str,
    },
    /// Wrong architecture.
    #[error("is compiled for {found}, this machine is {wanted}; rebuild the plugin for it")]
    Machine {
        /// Of the file.
        found: String,
        /// Of the host.
        wanted: String,
    },
    /// A program, an object file, a core dump.
    #[error("is {0}, not a shared object")]
    Kind(&'static str),
    /// The file is shorter than its headers say.
    #[error(
        "is truncated: {what} ends at byte {needed}, the file at {len} (copy or build it again)"
    )]
    Truncated {
        /// "segment 2" and so on.
        what: String,
        /// End according to the headers.
        needed: u64,
        /// Bytes there are.
        len: u64,
    },
    /// The headers contradict themselves.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// It asks for an executable stack.
    #[error(
        "wants an executable stack, which would make the stack of the whole process executable; \
         link it with -z noexecstack"
    )]
    ExecutableStack,
    /// It has text relocations.
    #[error("has text relocations, which make its code writable; compile it with -fPIC")]
    TextRelocations,
    /// A pinned plugin that finds its libraries beside itself.
    #[error(
        "is pinned and uses $ORIGIN in {0}: it is loaded from a sealed copy, which lies nowhere; \
         link it without, or drop the pin"
    )]
    Origin(&'static str),
    /// An engine of fio's.
    #[error("this is an engine for fio; rebuild it against iodyno_engine.h")]
    FioEngine,
    /// Our entry, of another major.
    #[error(
        "is built for engine ABI major {found}, this iodyno speaks {IOE_ABI_MAJOR}; rebuild it \
         against this iodyno_engine.h"
    )]
    EntryMajor {
        /// As in the symbol's name.
        found: String,
    },
    /// No entry.
    #[error(
        "is a shared object, but no plugin: it does not export {IOE_ENTRY_SYMBOL} (is the function \
         missing, static, or hidden by -fvisibility without IOE_EXPORT?)"
    )]
    NoEntry,
}

/// Judges the bytes of a file.
///
/// # Errors
/// The first thing that makes it unfit.
pub fn examine(bytes: &[u8], pinned: bool) -> Result<Facts, Unfit> {
    check_ident(bytes)?;
    let header = Header::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    check_header(header, endian)?;
    let elf = Elf { bytes, endian, segments: segments(header, endian, bytes)? };
    elf.check_extents()?;
    check_sections_end(header, endian, bytes)?;
    elf.check_stack()?;
    let dynamic = elf.dynamic()?;
    dynamic.check(pinned)?;
    check_exports(&dynamic.exports()?)?;
    Ok(Facts { build_id: elf.build_id() })
}

/// Names of the symbols that others can find, in the file's order.
///
/// # Errors
/// As [`examine`], where the file is not whole.
pub fn exports(bytes: &[u8]) -> Result<Vec<String>, Unfit> {
    check_ident(bytes)?;
    let header = Header::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    check_header(header, endian)?;
    let elf = Elf { bytes, endian, segments: segments(header, endian, bytes)? };
    let shown = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    Ok(elf.dynamic()?.exports()?.into_iter().map(shown).collect())
}

fn damaged(error: object::Error) -> Unfit {
    Unfit::Damaged(error.to_string())
}

fn check_ident(bytes: &[u8]) -> Result<(), Unfit> {
    if bytes.len() < 4 || bytes[..4] != elf::ELFMAG {
        return Err(Unfit::NotElf(what_is_it(bytes)));
    }
    let needed = size_of::<Header>() as u64;
    let len = bytes.len() as u64;
    if len < needed {
        return Err(Unfit::Truncated { what: "the ELF header".to_owned(), needed, len });
    }
    let found = match bytes[4] {
        1 => 32,
        2 => 64,
        other => return Err(Unfit::Damaged(format!("ELF class {other} does not exist"))),
    };
    if found != usize::BITS {
        return Err(Unfit::Class { found, wanted: usize::BITS });
    }
    let found = match bytes[5] {
        1 => "little-endian",
        2 => "big-endian",
        other => return Err(Unfit::Damaged(format!("byte order {other} does not exist"))),
    };
    let own = if cfg!(target_endian = "little") { "little-endian" } else { "big-endian" };
    if found != own {
        return Err(Unfit::ByteOrder { found });
    }
    Ok(())
}

fn what_is_it(bytes: &[u8]) -> &'static str {
    let beginning = &bytes[..bytes.len().min(512)];
    if bytes.is_empty() {
        "an empty file"
    } else if bytes.starts_with(b"!<arch>") {
        "a static library"
    } else if bytes.starts_with(b"#!") {
        "a script"
    } else if beginning.iter().all(|&b| b >= 0x20 || matches!(b, b'\n' | b'\r' | b'\t' | 0x0c)) {
        "a text file"
    } else {
        "something else"
    }
}

fn check_header(header: &Header, endian: Endianness) -> Result<(), Unfit> {
    let machine = header.e_machine(endian);
    if machine != own_machine() {
        return Err(Unfit::Machine {
            found: machine_name(machine),
            wanted: machine_name(own_machine()),
        });
    }
    match header.e_type(endian) {
        elf::ET_DYN => Ok(()),
        elf::ET_EXEC => Err(Unfit::Kind("a program")),
        elf::ET_REL => Err(Unfit::Kind("an object file (link it with -shared)")),
        elf::ET_CORE => Err(Unfit::Kind("a core dump")),
        other => Err(Unfit::Damaged(format!("ELF type {} does not exist", other.0))),
    }
}

fn own_machine() -> elf::Machine {
    if cfg!(target_arch = "x86_64") {
        elf::EM_X86_64
    } else if cfg!(target_arch = "aarch64") {
        elf::EM_AARCH64
    } else if cfg!(target_arch = "riscv64") {
        elf::EM_RISCV
    } else if cfg!(target_arch = "powerpc64") {
        elf::EM_PPC64
    } else if cfg!(target_arch = "s390x") {
        elf::EM_S390
    } else if cfg!(target_arch = "loongarch64") {
        elf::EM_LOONGARCH
    } else if cfg!(target_arch = "arm") {
        elf::EM_ARM
    } else {
        elf::EM_386
    }
}

fn machine_name(machine: elf::Machine) -> String {
    let name = match machine {
        elf::EM_386 => "i386",
        elf::EM_X86_64 => "x86-64",
        elf::EM_AARCH64 => "aarch64",
        elf::EM_ARM => "arm",
        elf::EM_RISCV => "risc-v",
        elf::EM_PPC64 => "powerpc64",
        elf::EM_PPC => "powerpc",
        elf::EM_S390 => "s390",
        elf::EM_MIPS => "mips",
        elf::EM_LOONGARCH => "loongarch",
        elf::EM_SPARCV9 => "sparc64",
        other => return format!("machine number {}", other.0),
    };
    name.to_owned()
}

fn segments<'a>(
    header: &Header,
    endian: Endianness,
    bytes: &'a [u8],
) -> Result<&'a [Segment], Unfit> {
    let count = u64::from(header.e_phnum(endian));
    let needed = header.e_phoff(endian).saturating_add(count * size_of::<Segment>() as u64);
    let len = bytes.len() as u64;
    if needed > len {
        return Err(Unfit::Truncated { what: "the table of segments".to_owned(), needed, len });
    }
    header.program_headers(endian, bytes).map_err(damaged)
}

/// The loader does not read sections, but they stand at the end of the file, and where they are cut
/// off, something was.
fn check_sections_end(header: &Header, endian: Endianness, bytes: &[u8]) -> Result<(), Unfit> {
    let begin = header.e_shoff(endian);
    let size = u64::from(header.e_shentsize(endian)) * u64::from(header.e_shnum(endian));
    let needed = begin.saturating_add(size);
    let len = bytes.len() as u64;
    if begin != 0 && needed > len {
        return Err(Unfit::Truncated { what: "the table of sections".to_owned(), needed, len });
    }
    Ok(())
}

/// A file whose header is right.
struct Elf<'a> {
    bytes: &'a [u8],
    endian: Endianness,
    segments: &'a [Segment],
}

impl<'a> Elf<'a> {
    /// Everything that the loader will map lies inside the file.
    fn check_extents(&self) -> Result<(), Unfit> {
        let len = self.bytes.len() as u64;
        let mut loads = 0;
        for (n, segment) in self.segments.iter().enumerate() {
            let in_file: u64 = segment.p_filesz(self.endian);
            let kind = segment.p_type(self.endian);
            if in_file == 0 {
                continue;
            }
            let needed = segment.p_offset(self.endian).saturating_add(in_file);
            if needed > len {
                return Err(Unfit::Truncated { what: format!("segment {n}"), needed, len });
            }
            if kind == elf::PT_LOAD {
                loads += 1;
                if in_file > segment.p_memsz(self.endian) {
                    let text = format!("segment {n} is larger in the file than in memory");
                    return Err(Unfit::Damaged(text));
                }
            }
        }
        if loads == 0 {
            return Err(Unfit::Damaged("there is no segment to load".to_owned()));
        }
        Ok(())
    }

    /// Without a word about the stack, the loader assumes the architecture's old default, which is
    /// an executable one except on aarch64 and risc-v.
    fn check_stack(&self) -> Result<(), Unfit> {
        let silent_is_safe = cfg!(any(target_arch = "aarch64", target_arch = "riscv64"));
        let stack = self.segments.iter().find(|s| s.p_type(self.endian) == elf::PT_GNU_STACK);
        let safe = stack.map_or(silent_is_safe, |s| s.p_flags(self.endian).0 & elf::PF_X.0 == 0);
        if safe {
            Ok(())
        } else {
            Err(Unfit::ExecutableStack)
        }
    }

    fn dynamic(&self) -> Result<Dynamic<'a, '_>, Unfit> {
        for segment in self.segments {
            if let Some(entries) = segment.dynamic(self.endian, self.bytes).map_err(damaged)? {
                return Ok(Dynamic { elf: self, entries });
            }
        }
        Err(Unfit::Damaged("it has no dynamic segment".to_owned()))
    }

    /// The file's bytes from a virtual address to the end of its segment.
    fn at(&self, address: u64) -> Option<&'a [u8]> {
        self.segments.iter().filter(|s| s.p_type(self.endian) == elf::PT_LOAD).find_map(|segment| {
            let data = segment.data(self.endian, self.bytes).ok()?;
            let into = address.checked_sub(segment.p_vaddr(self.endian))?;
            data.get(usize::try_from(into).ok()?..).filter(|rest| !rest.is_empty())
        })
    }

    fn build_id(&self) -> Option<String> {
        for segment in self.segments {
            let Ok(Some(mut notes)) = segment.notes(self.endian, self.bytes) else { continue };
            while let Ok(Some(note)) = notes.next() {
                let is_gnu = note.name() == elf::ELF_NOTE_GNU;
                if is_gnu && note.n_type(self.endian) == elf::NT_GNU_BUILD_ID {
                    return Some(super::pin::hex(note.desc()));
                }
            }
        }
        None
    }
}

/// The dynamic segment: what the loader works from.
struct Dynamic<'a, 'e> {
    elf: &'e Elf<'a>,
    entries: &'a [<Header as FileHeader>::Dyn],
}

impl<'a> Dynamic<'a, '_> {
    fn values(&self, tag: elf::DynamicTag) -> impl Iterator<Item = u64> + '_ {
        let endian = self.elf.endian;
        self.entries
            .iter()
            .take_while(move |d| d.d_tag(endian) != elf::DT_NULL)
            .filter(move |d| d.d_tag(endian) == tag)
            .map(move |d| d.d_val(endian))
    }

    fn value(&self, tag: elf::DynamicTag) -> Option<u64> {
        self.values(tag).next()
    }

    fn has_flag(&self, tag: elf::DynamicTag, flag: u64) -> bool {
        self.value(tag).unwrap_or(0) & flag != 0
    }

    fn check(&self, pinned: bool) -> Result<(), Unfit> {
        if self.has_flag(elf::DT_FLAGS_1, elf::DF_1_PIE.0) {
            return Err(Unfit::Kind("a program (position-independent executable)"));
        }
        let in_flags = self.has_flag(elf::DT_FLAGS, elf::DF_TEXTREL.0);
        if in_flags || self.value(elf::DT_TEXTREL).is_some() {
            return Err(Unfit::TextRelocations);
        }
        if pinned {
            let tags = [
                (elf::DT_RUNPATH, "its RUNPATH"),
                (elf::DT_RPATH, "its RPATH"),
                (elf::DT_NEEDED, "the name of a library that it needs"),
            ];
            for (tag, place) in tags {
                for offset in self.values(tag) {
                    let text = self.string(offset)?;
                    if contains(text, b"$ORIGIN") || contains(text, b"${ORIGIN}") {
                        return Err(Unfit::Origin(place));
                    }
                }
            }
        }
        Ok(())
    }

    fn strings(&self) -> Result<&'a [u8], Unfit> {
        let strings = self.value(elf::DT_STRTAB).and_then(|at| self.elf.at(at));
        strings.ok_or_else(|| Unfit::Damaged("its table of names is missing".to_owned()))
    }

    fn string(&self, offset: u64) -> Result<&'a [u8], Unfit> {
        let outside = || Unfit::Damaged("a name lies outside the table of names".to_owned());
        let offset = usize::try_from(offset).map_err(|_| outside())?;
        let rest = self.strings()?.get(offset..).ok_or_else(outside)?;
        let end = rest.iter().position(|&b| b == 0).ok_or_else(outside)?;
        Ok(&rest[..end])
    }

    /// Names of the symbols that others can find.
    fn exports(&self) -> Result<Vec<&'a [u8]>, Unfit> {
        let missing = || Unfit::Damaged("its table of symbols is missing".to_owned());
        let table =
            self.value(elf::DT_SYMTAB).and_then(|at| self.elf.at(at)).ok_or_else(missing)?;
        let count = self.symbol_count()?.min(table.len() / size_of::<Symbol>());
        let (symbols, _) = object::pod::slice_from_bytes::<Symbol>(table, count)
            .map_err(|()| Unfit::Damaged("its table of symbols is cut off".to_owned()))?;
        let endian = self.elf.endian;
        let mut names = Vec::new();
        for symbol in symbols {
            let binding = symbol.st_bind();
            let public = binding == elf::STB_GLOBAL || binding == elf::STB_WEAK;
            if public && symbol.st_shndx(endian) != elf::SHN_UNDEF {
                names.push(self.string(symbol.st_name(endian).into())?);
            }
        }
        Ok(names)
    }

    fn symbol_count(&self) -> Result<usize, Unfit> {
        let endian = self.elf.endian;
        if let Some(data) = self.value(elf::DT_GNU_HASH).and_then(|at| self.elf.at(at)) {
            let table = GnuHashTable::<Header>::parse(endian, data).map_err(damaged)?;
            return Ok(table.symbol_table_length(endian).unwrap_or(0) as usize);
        }
        if let Some(data) = self.value(elf::DT_HASH).and_then(|at| self.elf.at(at)) {
            let table = HashTable::<Header>::parse(endian, data).map_err(damaged)?;
            return Ok(table.symbol_table_length() as usize);
        }
        Err(Unfit::Damaged("it has no hash table of symbols".to_owned()))
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn check_exports(names: &[&[u8]]) -> Result<(), Unfit> {
    let exports = |name: &str| names.contains(&name.as_bytes());
    if exports(IOE_ENTRY_SYMBOL) {
        return Ok(());
    }
    let other_major = names.iter().find_map(|name| {
        let major = std::str::from_utf8(name).ok()?.strip_prefix(ENTRY_PREFIX)?;
        (!major.is_empty() && major.bytes().all(|b| b.is_ascii_digit())).then(|| major.to_owned())
    });
    if let Some(found) = other_major {
        return Err(Unfit::EntryMajor { found });
    }
    if FIO_SYMBOLS.into_iter().any(exports) {
        return Err(Unfit::FioEngine);
    }
    Err(Unfit::NoEntry)
}

#[cfg(test)]
mod tests {
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
            assert_eq!(&check_exports(names), want);
        }
    }
}
