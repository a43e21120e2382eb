//! Looks at a plugin's bytes before one instruction of it runs.
//!
//! Called by `find` and `load` with the bytes that were hashed. The loader itself answers badly or
//! not at all: a truncated file is a SIGBUS inside it, a foreign architecture is "No such file or
//! directory", an executable stack silently becomes the host's. Must not open or load anything.

mod dynamic;
#[cfg(test)]
mod tests;

use dynamic::{Dynamic, Exports};
use iodyno_engine_api::abi::{IOE_ABI_MAJOR, IOE_ENTRY_SYMBOL};
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};
use object::Endianness;

#[cfg(target_pointer_width = "64")]
type Header = elf::FileHeader64<Endianness>;
#[cfg(target_pointer_width = "32")]
type Header = elf::FileHeader32<Endianness>;
type Segment = <Header as FileHeader>::ProgramHeader;

/// Linkers make about a dozen.
const SEGMENTS_MAX: usize = 512;
/// The upper half of the addresses is the kernel's.
const ADDRESS_MAX: u64 = usize::MAX as u64 / 2;
/// Of a longer name the beginning is shown.
const NAME_BYTES_MAX: usize = 128;
/// Notes that are looked at for a build id.
const NOTES_MAX: u32 = 4096;
/// The longest that a linker can be told to write is far shorter.
const BUILD_ID_BYTES_MAX: usize = 64;

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
    let elf = whole(bytes)?;
    elf.check_stack()?;
    let dynamic = elf.dynamic()?;
    dynamic.check(pinned)?;
    check_exports(dynamic.exports()?)?;
    Ok(Facts { build_id: elf.build_id() })
}

/// Names of the symbols that others can find, in the file's order; of a long one its beginning.
///
/// # Errors
/// As [`examine`], where the file is not whole.
pub fn exports(bytes: &[u8]) -> Result<Vec<String>, Unfit> {
    let elf = whole(bytes)?;
    let mut names = Vec::new();
    elf.dynamic()?.each_export(NAME_BYTES_MAX, |name, whole| {
        let end = if whole { "" } else { "..." };
        names.push(format!("{}{end}", String::from_utf8_lossy(name)));
    })?;
    Ok(names)
}

/// Of this machine, and all there.
fn whole(bytes: &[u8]) -> Result<Elf<'_>, Unfit> {
    check_ident(bytes)?;
    let header = Header::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    check_header(header, endian)?;
    let elf = Elf { bytes, endian, segments: segments(header, endian, bytes)? };
    elf.check_extents()?;
    check_sections_end(header, endian, bytes)?;
    Ok(elf)
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
    let segments = header.program_headers(endian, bytes).map_err(damaged)?;
    if segments.len() > SEGMENTS_MAX {
        let text = format!("it has {} segments, more than {SEGMENTS_MAX}", segments.len());
        return Err(Unfit::Damaged(text));
    }
    Ok(segments)
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
    fn of_kind(&self, kind: elf::ProgramType) -> impl Iterator<Item = (usize, &'a Segment)> + '_ {
        let all = self.segments.iter().enumerate();
        all.filter(move |(_, segment)| segment.p_type(self.endian) == kind)
    }

    /// Everything that the loader will map lies inside the file, and each place of the memory comes
    /// from one place of the file: else this file would be inspected and another one loaded.
    fn check_extents(&self) -> Result<(), Unfit> {
        let len = self.bytes.len() as u64;
        for (n, segment) in self.segments.iter().enumerate() {
            let in_file: u64 = segment.p_filesz(self.endian);
            let needed = segment.p_offset(self.endian).saturating_add(in_file);
            if in_file != 0 && needed > len {
                return Err(Unfit::Truncated { what: format!("segment {n}"), needed, len });
            }
        }
        let mut end_before = None;
        for (n, segment) in self.of_kind(elf::PT_LOAD) {
            let wrong = |words: &str| Unfit::Damaged(format!("segment {n} {words}"));
            let (address, size) = (segment.p_vaddr(self.endian), segment.p_memsz(self.endian));
            if segment.p_filesz(self.endian) > size {
                return Err(wrong("is larger in the file than in memory"));
            }
            let end = address.checked_add(size).filter(|end| *end <= ADDRESS_MAX);
            let end = end.ok_or_else(|| wrong("ends beyond all memory"))?;
            if end_before.is_some_and(|before| address < before) {
                return Err(wrong("begins before the one in front of it ends"));
            }
            let align = segment.p_align(self.endian).max(1);
            let apart = address.wrapping_sub(segment.p_offset(self.endian));
            if !align.is_power_of_two() || apart & (align - 1) != 0 {
                return Err(wrong("is not aligned as it says"));
            }
            end_before = Some(end);
        }
        match end_before {
            Some(_) => Ok(()),
            None => Err(Unfit::Damaged("there is no segment to load".to_owned())),
        }
    }

    /// Without a word about the stack, the loader assumes the architecture's old default, which is
    /// an executable one except on aarch64 and risc-v. Of several words it heeds one.
    fn check_stack(&self) -> Result<(), Unfit> {
        let silent_is_safe = cfg!(any(target_arch = "aarch64", target_arch = "riscv64"));
        let mut safe = None;
        for (_, stack) in self.of_kind(elf::PT_GNU_STACK) {
            let executable = stack.p_flags(self.endian).0 & elf::PF_X.0 != 0;
            safe = Some(safe.unwrap_or(true) && !executable);
        }
        if safe.unwrap_or(silent_is_safe) {
            Ok(())
        } else {
            Err(Unfit::ExecutableStack)
        }
    }

    /// The loader finds it by its address, so that is where it has to be.
    fn dynamic(&self) -> Result<Dynamic<'a, '_>, Unfit> {
        let wrong = |words: &str| Err(Unfit::Damaged(words.to_owned()));
        let mut all = self.of_kind(elf::PT_DYNAMIC);
        let Some((_, segment)) = all.next() else { return wrong("it has no dynamic segment") };
        if all.next().is_some() {
            return wrong("it has two dynamic segments");
        }
        let data = segment.data(self.endian, self.bytes).unwrap_or_default();
        let mapped = self.at(segment.p_vaddr(self.endian)).unwrap_or_default();
        if mapped.as_ptr() != data.as_ptr() || mapped.len() < data.len() {
            return wrong("its dynamic segment is not loaded");
        }
        match segment.dynamic(self.endian, self.bytes).map_err(damaged)? {
            Some(entries) => Dynamic::new(self, entries),
            None => wrong("it has no dynamic segment"),
        }
    }

    /// The file's bytes from a virtual address to the end of its segment.
    fn at(&self, address: u64) -> Option<&'a [u8]> {
        self.of_kind(elf::PT_LOAD).find_map(|(_, segment)| {
            let data = segment.data(self.endian, self.bytes).ok()?;
            let into = address.checked_sub(segment.p_vaddr(self.endian))?;
            data.get(usize::try_from(into).ok()?..).filter(|rest| !rest.is_empty())
        })
    }

    /// It is a fact for reports, so what is none is not worth a refusal.
    fn build_id(&self) -> Option<String> {
        let mut notes_left = NOTES_MAX;
        for segment in self.segments {
            let Ok(Some(mut notes)) = segment.notes(self.endian, self.bytes) else { continue };
            while let Ok(Some(note)) = notes.next() {
                let is_gnu = note.name() == elf::ELF_NOTE_GNU;
                if is_gnu && note.n_type(self.endian) == elf::NT_GNU_BUILD_ID {
                    let id = note.desc();
                    let plausible = (1..=BUILD_ID_BYTES_MAX).contains(&id.len());
                    return plausible.then(|| super::pin::hex(id));
                }
                notes_left -= 1;
                if notes_left == 0 {
                    return None;
                }
            }
        }
        None
    }
}

fn check_exports(exports: Exports) -> Result<(), Unfit> {
    match exports {
        Exports { entry: true, .. } => Ok(()),
        Exports { other_major: Some(found), .. } => Err(Unfit::EntryMajor { found }),
        Exports { of_fio: true, .. } => Err(Unfit::FioEngine),
        _ => Err(Unfit::NoEntry),
    }
}
