//! The dynamic segment: what the loader works from, and which of our names are exported.
//!
//! Called by `preflight` on a file whose segments are right. Takes no count on trust: what a file
//! claims is bounded by what it holds, and no byte is looked at over and over.

use super::{damaged, Elf, Header, Unfit};
use iodyno_engine_api::abi::IOE_ENTRY_SYMBOL;
use object::elf;
use object::read::elf::{Dyn, FileHeader, GnuHashTable, HashTable, Sym};

type Entry = <Header as FileHeader>::Dyn;
type Symbol = <Header as FileHeader>::Sym;

/// Symbols that an engine of fio's exports.
const FIO_SYMBOLS: [&str; 2] = ["ioengine", "get_ioengine"];
/// Our entry symbol without its major.
const ENTRY_PREFIX: &str = "ioe_plugin_entry_v";
/// A longer name of a symbol is none that is looked for.
const SYMBOL_BYTES_MAX: usize = 64;
/// Entries up to the end mark; linkers write about thirty, and one for each library.
const ENTRIES_MAX: usize = 4096;
/// A search path or the name of a library.
const PATH_BYTES_MAX: usize = 1 << 16;

/// See the module.
pub(super) struct Dynamic<'a, 'e> {
    elf: &'e Elf<'a>,
    /// Up to the end mark.
    entries: &'a [Entry],
}

/// Which of the names that are looked for others can find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Exports {
    /// Our entry.
    pub entry: bool,
    /// The major of an entry of ours that is of another one.
    pub other_major: Option<String>,
    /// An engine of fio's.
    pub of_fio: bool,
}

impl Exports {
    /// Looks at one more name.
    pub(super) fn add(&mut self, name: &[u8]) {
        let Ok(name) = std::str::from_utf8(name) else { return };
        if name == IOE_ENTRY_SYMBOL {
            self.entry = true;
        } else if FIO_SYMBOLS.contains(&name) {
            self.of_fio = true;
        } else if let (None, Some(major)) = (&self.other_major, name.strip_prefix(ENTRY_PREFIX)) {
            let number = !major.is_empty() && major.bytes().all(|b| b.is_ascii_digit());
            self.other_major = number.then(|| major.to_owned());
        }
    }
}

impl<'a, 'e> Dynamic<'a, 'e> {
    pub(super) fn new(elf: &'e Elf<'a>, entries: &'a [Entry]) -> Result<Self, Unfit> {
        let end = entries.iter().take(ENTRIES_MAX + 1);
        let end = end.take_while(|entry| entry.d_tag(elf.endian) != elf::DT_NULL).count();
        if end > ENTRIES_MAX {
            let text = format!("its dynamic segment has more than {ENTRIES_MAX} entries");
            return Err(Unfit::Damaged(text));
        }
        Ok(Dynamic { elf, entries: &entries[..end] })
    }

    fn values(&self, tag: elf::DynamicTag) -> impl Iterator<Item = u64> + '_ {
        let endian = self.elf.endian;
        self.entries.iter().filter(move |d| d.d_tag(endian) == tag).map(move |d| d.d_val(endian))
    }

    /// Of several the loader takes the last.
    fn value(&self, tag: elf::DynamicTag) -> Option<u64> {
        self.values(tag).last()
    }

    fn has_flag(&self, tag: elf::DynamicTag, flag: u64) -> bool {
        self.values(tag).any(|flags| flags & flag != 0)
    }

    pub(super) fn check(&self, pinned: bool) -> Result<(), Unfit> {
        if self.has_flag(elf::DT_FLAGS_1, elf::DF_1_PIE.0) {
            return Err(Unfit::Kind("a program (position-independent executable)"));
        }
        let in_flags = self.has_flag(elf::DT_FLAGS, elf::DF_TEXTREL.0);
        if in_flags || self.value(elf::DT_TEXTREL).is_some() {
            return Err(Unfit::TextRelocations);
        }
        if pinned {
            self.check_origin()?;
        }
        Ok(())
    }

    fn check_origin(&self) -> Result<(), Unfit> {
        let tags = [
            (elf::DT_RUNPATH, "its RUNPATH"),
            (elf::DT_RPATH, "its RPATH"),
            (elf::DT_NEEDED, "the name of a library that it needs"),
        ];
        let too_long = || Unfit::Damaged("the name of a library or its path is endless".to_owned());
        for (tag, place) in tags {
            for offset in self.values(tag) {
                let (text, whole) = name(self.names()?, offset, PATH_BYTES_MAX)?;
                if !whole {
                    return Err(too_long());
                }
                if contains(text, b"$ORIGIN") || contains(text, b"${ORIGIN}") {
                    return Err(Unfit::Origin(place));
                }
            }
        }
        Ok(())
    }

    /// The table of names, to the end of its segment.
    fn names(&self) -> Result<&'a [u8], Unfit> {
        let names = self.value(elf::DT_STRTAB).and_then(|at| self.elf.at(at));
        names.ok_or_else(|| Unfit::Damaged("its table of names is missing".to_owned()))
    }

    /// What others can find here, of what is looked for.
    pub(super) fn exports(&self) -> Result<Exports, Unfit> {
        let mut exports = Exports::default();
        self.each_export(SYMBOL_BYTES_MAX, |name, whole| {
            if whole {
                exports.add(name);
            }
        })?;
        Ok(exports)
    }

    /// Hands out what others can find here, name by name: its beginning, and whether that is all.
    pub(super) fn each_export(
        &self,
        bytes_max: usize,
        mut take: impl FnMut(&'a [u8], bool),
    ) -> Result<(), Unfit> {
        let missing = || Unfit::Damaged("its table of symbols is missing".to_owned());
        let table =
            self.value(elf::DT_SYMTAB).and_then(|at| self.elf.at(at)).ok_or_else(missing)?;
        let count = self.symbol_count()?.min(table.len() / size_of::<Symbol>());
        let (symbols, _) = object::pod::slice_from_bytes::<Symbol>(table, count)
            .map_err(|()| Unfit::Damaged("its table of symbols is cut off".to_owned()))?;
        let names = self.names()?;
        let endian = self.elf.endian;
        for symbol in symbols {
            let binding = symbol.st_bind();
            let public = binding == elf::STB_GLOBAL || binding == elf::STB_WEAK;
            if public && symbol.st_shndx(endian) != elf::SHN_UNDEF {
                let (name, whole) = name(names, symbol.st_name(endian).into(), bytes_max)?;
                take(name, whole);
            }
        }
        Ok(())
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

/// A name in the table, and whether it is all there: of one longer than `bytes_max` so much. All
/// symbols may share the longest one, so it is not searched for its end.
fn name(names: &[u8], offset: u64, bytes_max: usize) -> Result<(&[u8], bool), Unfit> {
    let outside = || Unfit::Damaged("a name lies outside the table of names".to_owned());
    let offset = usize::try_from(offset).map_err(|_| outside())?;
    let rest = names.get(offset..).ok_or_else(outside)?;
    let beginning = &rest[..rest.len().min(bytes_max + 1)];
    match beginning.iter().position(|&b| b == 0) {
        Some(end) => Ok((&beginning[..end], true)),
        None if beginning.len() > bytes_max => Ok((&beginning[..bytes_max], false)),
        None => Err(outside()),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
