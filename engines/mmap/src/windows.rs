//! Windows onto files: which parts of them are mapped, and where.
//!
//! Asked once per request by `engine`. A window is a part of a file that begins at a multiple of
//! the window's size and reaches far enough over its end that no request has to be cut. Each part
//! has one place where it may be kept, as in a cache of one way: finding it takes no search, and
//! while all parts of all files have room none is ever mapped twice. Holds no lock, allocates
//! once.

use crate::options::Wishes;
use iodyno_engine_support::errno::{last, Errno};
use std::ptr::null_mut;

/// A file as windows need to know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Number of the file within the job.
    pub(crate) file: u32,
    /// The place of its first window among all of them.
    pub(crate) first: usize,
    /// A descriptor that may be mapped.
    pub(crate) fd: i32,
    /// Whether stores are allowed.
    pub(crate) writable: bool,
    /// Bytes of the file.
    pub(crate) size: u64,
}

/// A mapped part of a file.
#[derive(Debug)]
struct Window {
    file: u32,
    number: u64,
    start: *mut u8,
    len: usize,
    seen: u64, // the highest page of it that was found to lie inside the file
}

/// A piece of a file, mapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    /// Its first byte.
    pub(crate) start: *mut u8,
    /// Its bytes.
    pub(crate) len: usize,
    slot: usize,
    last: u64, // the page of the window that its last byte is in
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: the mapping that map() made, of that length; pointers into it live no longer
        // than one request, and windows are dropped between two.
        unsafe { libc::munmap(self.start.cast(), self.len) };
    }
}

/// All windows of an instance.
#[derive(Debug)]
pub(crate) struct Windows {
    slots: Box<[Option<Window>]>, // a power of two of them
    shift: u32,
    overlap: u64,
    page: u64,
    page_shift: u32,
    wishes: Wishes,
}

impl Windows {
    /// None mapped yet. `max_bs` is the largest request, `page` a page's bytes.
    pub(crate) fn new(wishes: Wishes, max_bs: u64, page: u64) -> Windows {
        Windows {
            slots: (0..wishes.windows).map(|_| None).collect(),
            shift: wishes.window.trailing_zeros(),
            overlap: max_bs.next_multiple_of(page),
            page,
            page_shift: page.trailing_zeros(),
            wishes,
        }
    }

    /// How many windows a file of this size has.
    pub(crate) fn count(&self, size: u64) -> usize {
        (size >> self.shift) as usize + 1
    }

    /// A byte of a file, and what can be used from there on: at least one byte, `len` at most, none
    /// of them beyond `place.size`. `offset` lies within that, `len` is not 0.
    #[inline]
    pub(crate) fn find(&mut self, place: &Place, offset: u64, len: u64) -> Result<Piece, Errno> {
        let number = offset >> self.shift;
        let inside = offset - (number << self.shift);
        let len = len.min(place.size - offset).min((1 << self.shift) + self.overlap - inside);
        let slot = (place.first + number as usize) & (self.slots.len() - 1);
        let found = match &self.slots[slot] {
            Some(w) if w.file == place.file && w.number == number => Some((w.start, w.len)),
            _ => None,
        };
        let start = match found {
            Some((start, mapped)) if inside + len <= mapped as u64 => start,
            _ => self.map(slot, place, number)?,
        };
        // SAFETY: a window reaches from its beginning to its size and the overlap, or to the end
        // of the file's last page; `len` was cut to both.
        let start = unsafe { start.add(inside as usize) };
        Ok(Piece { start, len: len as usize, slot, last: (inside + len - 1) >> self.page_shift })
    }

    /// A byte of the piece's window, in a page behind all of the piece's which was inside the file
    /// when it was last looked at: the piece has to be the last one that was found.
    #[inline]
    pub(crate) fn witness(&self, piece: &Piece) -> Option<*const u8> {
        let window = self.slots[piece.slot].as_ref().filter(|w| piece.last < w.seen)?;
        // SAFETY: a page that a piece of this window had a byte in, and so in the mapping.
        Some(unsafe { window.start.add((window.seen << self.page_shift) as usize) })
    }

    /// The file's size was looked at: all of the piece is inside it, or not. If the piece's witness
    /// was asked before, it is not there any more, or cannot be read.
    pub(crate) fn judge(&mut self, piece: &Piece, inside: bool) {
        if let Some(window) = &mut self.slots[piece.slot] {
            window.seen = if inside { piece.last } else { 0 };
        }
    }

    /// The window that holds a whole file, if there is such a one and it is mapped.
    pub(crate) fn whole(&self, place: &Place) -> Option<(*mut u8, usize)> {
        let slot = self.slots[place.first & (self.slots.len() - 1)].as_ref()?;
        let is_it = slot.file == place.file && slot.number == 0 && slot.len as u64 >= place.size;
        is_it.then_some((slot.start, slot.len))
    }

    /// A range of a file, if it is mapped in one piece.
    pub(crate) fn mapped(&self, place: &Place, offset: u64, len: u64) -> Option<(*mut u8, usize)> {
        let number = offset >> self.shift;
        let slot = (place.first + number as usize) & (self.slots.len() - 1);
        let window = self.slots[slot].as_ref()?;
        let inside = offset - (number << self.shift);
        let is_it = window.file == place.file
            && window.number == number
            && inside.checked_add(len).is_some_and(|end| end <= window.len as u64);
        // SAFETY: the range was just found to lie within the mapping.
        is_it.then(|| (unsafe { window.start.add(inside as usize) }, len as usize))
    }

    /// Forgets a file: what is opened next under its number may be another one.
    pub(crate) fn forget(&mut self, file: u32) {
        self.slots.iter_mut().filter(|w| w.as_ref().is_some_and(|w| w.file == file)).for_each(
            |slot| {
                *slot = None;
            },
        );
    }

    /// Maps a window into its place, whose former window goes. Out of address space, all go.
    #[cold]
    fn map(&mut self, slot: usize, place: &Place, number: u64) -> Result<*mut u8, Errno> {
        self.slots[slot] = None;
        let begin = number << self.shift;
        let rest = (place.size - begin).next_multiple_of(self.page);
        let len = rest.min((1 << self.shift) + self.overlap) as usize;
        let window = match map(place, begin, len) {
            Err(libc::ENOMEM) => {
                self.slots.fill_with(|| None);
                map(place, begin, len)?
            }
            other => other?,
        };
        let thp = self.wishes.thp.then_some(libc::MADV_HUGEPAGE);
        let order = (self.wishes.advice != libc::MADV_NORMAL).then_some(self.wishes.advice);
        for advice in thp.into_iter().chain(order) {
            // SAFETY: a mapping that was just made, of that length; no advice changes what it
            // holds.
            if unsafe { libc::madvise(window.cast(), len, advice) } != 0 {
                let errno = last();
                // SAFETY: as in Window::drop(), whose owner there is none of yet.
                unsafe { libc::munmap(window.cast(), len) };
                return Err(errno);
            }
        }
        self.slots[slot] = Some(Window { file: place.file, number, start: window, len, seen: 0 });
        Ok(window)
    }
}

fn map(place: &Place, begin: u64, len: usize) -> Result<*mut u8, Errno> {
    let protection = libc::PROT_READ | if place.writable { libc::PROT_WRITE } else { 0 };
    let begin = libc::off_t::try_from(begin).map_err(|_| libc::EINVAL)?;
    // SAFETY: a new mapping at an address of the kernel's choice.
    match unsafe { libc::mmap(null_mut(), len, protection, libc::MAP_SHARED, place.fd, begin) } {
        libc::MAP_FAILED => Err(last()),
        start => Ok(start.cast()),
    }
}
