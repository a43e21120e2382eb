//! Copies what a plugin shows into the host's own memory: structs as far as both sides know them,
//! texts up to a bound.
//!
//! Called by `negotiate`, `ops` and `describe`, which then judge plain copies. Reads nothing beyond
//! a struct's own `struct_size` and writes nothing of the plugin's. A pointer that leads nowhere
//! cannot be seen from here; it crashes the probe, which is what the probe is for.

use super::refusal::Refusal;
use iodyno_engine_api::abi::{
    ioe_choice, ioe_identify_1, ioe_iomem_1, ioe_layout, ioe_ops, ioe_option, ioe_plugin,
    ioe_zbd_1, ioe_zone, IOE_MAGIC,
};
use iodyno_engine_api::v1_0;
use std::ffi::c_char;
use std::mem::{align_of, offset_of, size_of, MaybeUninit};

/// No struct of any version comes near this; a larger claim is garbage.
const STRUCT_BYTES_MAX: u32 = 64 * 1024;
/// Longest text that is read: help lines are shorter by far.
pub(super) const TEXT_BYTES_MAX: usize = 4096;

/// A struct of the ABI that a plugin owns and the host copies.
///
/// # Safety
/// `T` is `repr(C)`, all zeroes is a value of it, and a `u32` stands at `SIZE_AT`.
pub(super) unsafe trait Table: Sized {
    /// Its name in the header.
    const NAME: &'static str;
    /// Offset of `struct_size`.
    const SIZE_AT: usize;
    /// `sizeof` in version 1.0, which every plugin of this major has at least.
    const SIZE_1_0: u32;
}

// SAFETY: repr(C); integers, pointers and Option<fn> only; struct_size is a u32 at that offset.
unsafe impl Table for ioe_plugin {
    const NAME: &'static str = "ioe_plugin";
    const SIZE_AT: usize = offset_of!(ioe_plugin, struct_size);
    const SIZE_1_0: u32 = v1_0::PLUGIN;
}
// SAFETY: as above.
unsafe impl Table for ioe_layout {
    const NAME: &'static str = "ioe_layout";
    const SIZE_AT: usize = offset_of!(ioe_layout, struct_size);
    const SIZE_1_0: u32 = v1_0::LAYOUT;
}
// SAFETY: as above.
unsafe impl Table for ioe_ops {
    const NAME: &'static str = "ioe_ops";
    const SIZE_AT: usize = offset_of!(ioe_ops, struct_size);
    const SIZE_1_0: u32 = v1_0::OPS;
}
// SAFETY: as above.
unsafe impl Table for ioe_option {
    const NAME: &'static str = "ioe_option";
    const SIZE_AT: usize = offset_of!(ioe_option, struct_size);
    const SIZE_1_0: u32 = v1_0::OPTION;
}
// SAFETY: as above.
unsafe impl Table for ioe_choice {
    const NAME: &'static str = "ioe_choice";
    const SIZE_AT: usize = offset_of!(ioe_choice, struct_size);
    const SIZE_1_0: u32 = v1_0::CHOICE;
}
// SAFETY: as above.
unsafe impl Table for ioe_iomem_1 {
    const NAME: &'static str = "ioe_iomem_1";
    const SIZE_AT: usize = offset_of!(ioe_iomem_1, struct_size);
    const SIZE_1_0: u32 = v1_0::IOMEM_1;
}
// SAFETY: as above.
unsafe impl Table for ioe_identify_1 {
    const NAME: &'static str = "ioe_identify_1";
    const SIZE_AT: usize = offset_of!(ioe_identify_1, struct_size);
    const SIZE_1_0: u32 = v1_0::IDENTIFY_1;
}
// SAFETY: as above.
unsafe impl Table for ioe_zbd_1 {
    const NAME: &'static str = "ioe_zbd_1";
    const SIZE_AT: usize = offset_of!(ioe_zbd_1, struct_size);
    const SIZE_1_0: u32 = v1_0::ZBD_1;
}
// SAFETY: as above.
unsafe impl Table for ioe_zone {
    const NAME: &'static str = "ioe_zone";
    const SIZE_AT: usize = offset_of!(ioe_zone, struct_size);
    const SIZE_1_0: u32 = v1_0::ZONE;
}

/// Copies a plugin's struct, as much of it as both sides know, into a zeroed one of the host's.
/// `whose` says in messages where the pointer stood.
///
/// # Safety
/// `from` is null or leads to a struct of the plugin's that is as large as it says.
pub(super) unsafe fn copy<T: Table>(from: *const T, whose: &str) -> Result<T, Refusal> {
    check_pointer(from, align_of::<u32>(), T::NAME, whose)?;
    // SAFETY: not null and aligned for a u32 (checked above); the caller vouches for the struct,
    // and every version of it has struct_size at this offset.
    let claimed = unsafe { from.cast::<u8>().add(T::SIZE_AT).cast::<u32>().read_unaligned() };
    if !(T::SIZE_1_0..=STRUCT_BYTES_MAX).contains(&claimed) {
        return Err(Refusal::StructSize {
            name: T::NAME,
            whose: whose.to_owned(),
            found: claimed,
            least: T::SIZE_1_0,
        });
    }
    // Behind the plugin's end stay zeroes: the behaviour from before those fields existed.
    let shared = size_of::<T>().min(claimed as usize);
    let mut own = MaybeUninit::<T>::zeroed();
    // SAFETY: `shared` bytes are readable by the struct's own word (the minimum taken above) and
    // writable, since they are no more than size_of::<T>(); the two never overlap.
    unsafe { std::ptr::copy_nonoverlapping(from.cast::<u8>(), own.as_mut_ptr().cast(), shared) };
    // SAFETY: Table promises that zeroes are a value; the rest are the plugin's integers, pointers
    // and nullable functions, for which every bit pattern is one.
    Ok(unsafe { own.assume_init() })
}

/// Copies an array of pointers.
///
/// # Safety
/// `from` is null or leads to `count` readable pointers.
pub(super) unsafe fn pointers<T: Table>(
    from: *const *const T,
    count: u32,
    count_max: u32,
    whose: &str,
) -> Result<Vec<*const T>, Refusal> {
    if count > count_max {
        let name = T::NAME;
        return Err(Refusal::TooMany { name, whose: whose.to_owned(), count, count_max });
    }
    if count == 0 {
        return Ok(Vec::new());
    }
    check_pointer(from, align_of::<*const T>(), T::NAME, whose)?;
    // SAFETY: not null, aligned (both checked above), and count is bounded; the caller vouches that
    // so many pointers stand there.
    Ok(unsafe { std::slice::from_raw_parts(from, count as usize) }.to_vec())
}

/// Whether the struct begins with our magic: the one thing that is read before anything is
/// believed.
///
/// # Safety
/// `from` leads to at least eight readable bytes, or is null.
pub(super) unsafe fn check_magic(from: *const ioe_plugin) -> Result<(), Refusal> {
    check_pointer(from, align_of::<u64>(), ioe_plugin::NAME, "the entry function")?;
    // SAFETY: not null and aligned (checked above); the caller vouches for eight bytes.
    let found = unsafe { from.cast::<u64>().read() };
    if found == IOE_MAGIC {
        Ok(())
    } else {
        Err(Refusal::Magic { found })
    }
}

/// Copies a text: none where the pointer is null. Control characters become blanks, so that no text
/// of a plugin's can move a terminal's cursor.
///
/// # Safety
/// `from` is null or leads to a text that ends in a zero byte, or to [`TEXT_BYTES_MAX`] bytes.
pub(super) unsafe fn text(from: *const c_char, what: &str) -> Result<Option<String>, Refusal> {
    if from.is_null() {
        return Ok(None);
    }
    // SAFETY: not null; reads up to the zero byte or the bound, as the caller vouches.
    let bytes = unsafe { bytes_until_zero(from, TEXT_BYTES_MAX) };
    let Some(bytes) = bytes else {
        return Err(Refusal::TextTooLong { what: what.to_owned(), bytes_max: TEXT_BYTES_MAX });
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(tame(&text))),
        Err(_) => Err(Refusal::TextNotUtf8 { what: what.to_owned() }),
    }
}

/// The bytes before the first zero, or none where none of the first `bytes_max` is zero.
///
/// # Safety
/// `from` leads to a zero byte within `bytes_max` readable bytes, or to so many readable bytes.
pub(super) unsafe fn bytes_until_zero(from: *const c_char, bytes_max: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for n in 0..bytes_max {
        // SAFETY: no zero byte came before n and n is below the bound, so the caller vouches for
        // it.
        let byte = unsafe { from.cast::<u8>().add(n).read() };
        if byte == 0 {
            return Some(bytes);
        }
        bytes.push(byte);
    }
    None
}

/// Text without control characters.
#[must_use]
pub(super) fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

fn check_pointer<T>(from: *const T, align: usize, name: &str, whose: &str) -> Result<(), Refusal> {
    let (name, whose) = (name.to_owned(), whose.to_owned());
    if from.is_null() {
        return Err(Refusal::NullPointer { name, whose });
    }
    if !from.addr().is_multiple_of(align) {
        return Err(Refusal::Misaligned { name, whose });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> ioe_layout {
        ioe_layout::OWN
    }

    #[test]
    fn a_smaller_struct_is_refused_and_a_larger_one_is_cut() {
        let mut table = layout();
        table.struct_size = 23;
        // SAFETY: a struct of this test, as large as it says or larger.
        let error = unsafe { copy(&table, "test") }.unwrap_err().to_string();
        assert!(error.contains("ioe_layout") && error.contains("23"), "{error}");

        #[repr(C)]
        struct Grown {
            known: ioe_layout,
            new: [u32; 4],
        }
        let mut grown = Grown { known: layout(), new: [7; 4] };
        grown.known.struct_size = size_of::<Grown>() as u32;
        // SAFETY: as large as it says.
        let copied = unsafe { copy(&grown.known, "test") }.unwrap();
        assert_eq!(copied.ops_get_extension, layout().ops_get_extension);
        assert_eq!(grown.new, [7; 4]);
        table.struct_size = u32::MAX;
        // SAFETY: refused before more than struct_size is read.
        assert!(unsafe { copy(&table, "test") }.is_err());
    }

    /// What a host of a later minor would know: 1.0's struct and fields behind it.
    #[repr(C)]
    struct Later<T> {
        of_1_0: T,
        new: [u64; 2],
    }

    // SAFETY: a struct of the ABI with integers behind it, and its struct_size where it was.
    unsafe impl<T: Table> Table for Later<T> {
        const NAME: &'static str = T::NAME;
        const SIZE_AT: usize = T::SIZE_AT;
        const SIZE_1_0: u32 = T::SIZE_1_0;
    }

    /// A plugin's struct of `bytes` with ones after its end, as a host reads it that knows more.
    fn read_by_a_later_host<T: Table>(bytes: u32) -> Result<Later<T>, Refusal> {
        let mut memory = [u64::MAX; 64];
        let at = memory.as_mut_ptr();
        assert!(bytes as usize <= size_of_val(&memory));
        // SAFETY: within the array (asserted; no struct of 1.0 is larger).
        unsafe {
            at.cast::<u8>().write_bytes(0, bytes as usize);
            if bytes as usize > size_of::<T>() {
                at.byte_add(size_of::<T>()).write(7);
            }
            at.byte_add(T::SIZE_AT).cast::<u32>().write(bytes);
            copy(at.cast_const().cast(), "test")
        }
    }

    fn old_structs_end_in_zeroes<T: Table>() {
        assert_eq!(read_by_a_later_host::<T>(T::SIZE_1_0).unwrap().new, [0, 0], "{}", T::NAME);
        // Nothing is judged by the reader's own size: 1.0 is what a struct must have.
        let shorter = read_by_a_later_host::<T>(T::SIZE_1_0 - 1).err().unwrap().to_string();
        let words =
            format!("{}.struct_size is {}, at least {}", T::NAME, T::SIZE_1_0 - 1, T::SIZE_1_0);
        assert!(shorter.contains(&words), "{shorter}");
        // A minor in between: its one new field is read, the one that it lacks is zero.
        let between = read_by_a_later_host::<T>(size_of::<T>() as u32 + 8).unwrap();
        assert_eq!((between.new, size_of_val(&between.of_1_0)), ([7, 0], size_of::<T>()));
    }

    #[test]
    fn a_later_host_reads_structs_of_1_0() {
        old_structs_end_in_zeroes::<ioe_plugin>();
        old_structs_end_in_zeroes::<ioe_layout>();
        old_structs_end_in_zeroes::<ioe_ops>();
        old_structs_end_in_zeroes::<ioe_option>();
        old_structs_end_in_zeroes::<ioe_choice>();
        old_structs_end_in_zeroes::<ioe_iomem_1>();
        old_structs_end_in_zeroes::<ioe_identify_1>();
    }

    #[test]
    fn pointers_are_checked() {
        let bytes = [0_u64; 4];
        let odd = bytes.as_ptr().cast::<ioe_plugin>().wrapping_byte_add(1);
        // SAFETY: null and odd pointers are refused before a byte is read.
        unsafe {
            assert!(matches!(
                copy::<ioe_ops>(std::ptr::null(), "x"),
                Err(Refusal::NullPointer { .. })
            ));
            assert!(matches!(check_magic(odd), Err(Refusal::Misaligned { .. })));
            assert!(matches!(
                pointers::<ioe_ops>(std::ptr::null(), 1, 8, "x"),
                Err(Refusal::NullPointer { .. })
            ));
            assert!(pointers::<ioe_ops>(std::ptr::null(), 0, 8, "x").unwrap().is_empty());
            assert!(matches!(
                pointers::<ioe_ops>(std::ptr::null(), 9, 8, "x"),
                Err(Refusal::TooMany { .. })
            ));
        }
        // SAFETY: 32 readable, aligned bytes.
        let magic = unsafe { check_magic(bytes.as_ptr().cast()) };
        assert!(matches!(magic, Err(Refusal::Magic { found: 0 })));
    }

    #[test]
    fn texts_are_bounded_tamed_and_utf8() {
        let long = vec![b'a'; TEXT_BYTES_MAX];
        // SAFETY: each leads to a zero byte or to TEXT_BYTES_MAX bytes.
        unsafe {
            assert_eq!(text(std::ptr::null(), "x").unwrap(), None);
            assert_eq!(
                text(c"two\n words\x1b[2J".as_ptr(), "x").unwrap().unwrap(),
                "two  words [2J"
            );
            assert!(matches!(text(c"\xff".as_ptr(), "x"), Err(Refusal::TextNotUtf8 { .. })));
            let error = text(long.as_ptr().cast(), "x").unwrap_err();
            assert!(matches!(error, Refusal::TextTooLong { .. }));
        }
    }
}
