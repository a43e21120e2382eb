//! The mappings of this process, read from `/proc/self/maps` in a way that a signal handler may:
//! no allocation, no lock, a static buffer.
//!
//! Called by [`super::crash`] alone. Lines that are too long are left out; where there is no /proc,
//! there are no mappings.

use std::cell::UnsafeCell;

/// What the kernel appends to the path of a file that has no name any more.
pub(super) const DELETED: &[u8] = b" (deleted)";

/// A line: a path of at most 4096 bytes and what stands before it.
const BUFFER_BYTES: usize = 8192;

struct Buffer(UnsafeCell<[u8; BUFFER_BYTES]>);
// SAFETY: `Maps::open`'s contract lets one thread have it.
unsafe impl Sync for Buffer {}

static BUFFER: Buffer = Buffer(UnsafeCell::new([0; BUFFER_BYTES]));

/// One mapping.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Map<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where the file begins that it is a part of; its own start where there is none.
    pub(super) base: usize,
    pub(super) readable: bool,
    pub(super) executable: bool,
    /// Private memory of no file: a stack, the heap.
    pub(super) is_memory: bool,
    /// Of the file, or a name in brackets, or empty.
    pub(super) path: &'a [u8],
}

impl Map<'_> {
    fn is_file(&self) -> bool {
        self.path.first() == Some(&b'/')
    }

    /// Whether it has this address.
    pub(super) fn holds(&self, address: usize) -> bool {
        (self.start..self.end).contains(&address)
    }
}

/// The list, line by line.
pub(super) struct Maps {
    fd: i32,
    buffer: &'static mut [u8; BUFFER_BYTES],
    /// Bytes of the buffer that are used up, and that are filled.
    used: usize,
    filled: usize,
    /// Where the file begins that was met last.
    base: usize,
}

impl Maps {
    /// # Safety
    /// To be called once in a process: the buffer is a static one.
    pub(super) unsafe fn open() -> Option<Maps> {
        // SAFETY: a path with a terminator.
        let fd =
            unsafe { libc::open(c"/proc/self/maps".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        // SAFETY: nobody else has it (contract).
        let buffer = unsafe { &mut *BUFFER.0.get() };
        (fd >= 0).then_some(Maps { fd, buffer, used: 0, filled: 0, base: 0 })
    }

    /// Shows each mapping.
    pub(super) fn each(mut self, mut see: impl FnMut(&Map<'_>)) {
        while let Some((begin, end)) = self.next_line() {
            if let Some(map) = parse(&self.buffer[begin..end], self.base) {
                if map.is_file() {
                    self.base = map.base;
                }
                see(&map);
            }
        }
    }

    /// Where the next whole line lies in the buffer.
    fn next_line(&mut self) -> Option<(usize, usize)> {
        loop {
            let rest = &self.buffer[self.used..self.filled];
            if let Some(len) = rest.iter().position(|&byte| byte == b'\n') {
                let begin = self.used;
                self.used += len + 1;
                return Some((begin, begin + len));
            }
            if rest.len() == BUFFER_BYTES {
                self.filled = 0;
            } else {
                self.buffer.copy_within(self.used..self.filled, 0);
                self.filled -= self.used;
            }
            self.used = 0;
            let room = &mut self.buffer[self.filled..];
            // SAFETY: our own descriptor, and room for as many bytes as are asked for.
            let got = unsafe { libc::read(self.fd, room.as_mut_ptr().cast(), room.len()) };
            self.filled += usize::try_from(got).ok().filter(|&got| got > 0)?;
        }
    }
}

impl Drop for Maps {
    fn drop(&mut self) {
        // SAFETY: opened by `open`, closed here alone.
        unsafe { libc::close(self.fd) };
    }
}

/// `start-end perms offset dev inode   path`; `base` is that of the file that was met last.
fn parse(line: &[u8], base: usize) -> Option<Map<'_>> {
    let mut rest = line;
    let mut field = || {
        let len = rest.iter().position(|&byte| byte == b' ').unwrap_or(rest.len());
        let (field, more) = rest.split_at(len);
        rest = more.strip_prefix(b" ").unwrap_or(more);
        field
    };
    let (range, perms, offset) = (field(), field(), field());
    let (_device, inode) = (field(), field());
    let dash = range.iter().position(|&byte| byte == b'-')?;
    let (start, end) = (hex(&range[..dash])?, hex(&range[dash + 1..])?);
    let offset = hex(offset)?;
    let path = rest.trim_ascii_start();
    let is_file = path.first() == Some(&b'/');
    let base = match (is_file, offset) {
        (true, 0) | (false, _) => start,
        // Further segments of a file follow its first one, at distances of the loader's choice.
        (true, _) if base != 0 => base,
        (true, _) => start.wrapping_sub(offset),
    };
    Some(Map {
        start,
        end,
        base,
        readable: perms.first() == Some(&b'r'),
        executable: perms.get(2) == Some(&b'x'),
        is_memory: inode == b"0" && perms.get(3) == Some(&b'p'),
        path,
    })
}

fn hex(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0usize, |number, &digit| {
        Some(number << 4 | (digit as char).to_digit(16)? as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_begins_where_its_first_segment_does() {
        type Case<'a> = (&'a [u8], usize, bool, bool, &'a [u8]);
        let lines: [Case<'_>; 6] = [
            (
                b"7f10000-7f11000 r--p 00000000 fe:01 77                 /l/a.so",
                0x7f1_0000,
                false,
                false,
                b"/l/a.so",
            ),
            (
                b"7f11000-7f13000 r-xp 00001000 fe:01 77                 /l/a.so",
                0x7f1_0000,
                true,
                false,
                b"/l/a.so",
            ),
            (
                b"7f14000-7f15000 rw-p 00002000 fe:01 77      /l/a b.so (deleted)",
                0x7f1_0000,
                false,
                false,
                b"/l/a b.so (deleted)",
            ),
            (b"7f15000-7f16000 rw-p 00000000 00:00 0 ", 0x7f1_5000, false, true, b""),
            (
                b"7f20000-7f21000 r-xp 00000000 fe:01 78                 /l/c.so",
                0x7f2_0000,
                true,
                false,
                b"/l/c.so",
            ),
            (
                b"7ff0000-7ff9000 rw-p 00000000 00:00 0                  [stack]",
                0x7ff_0000,
                false,
                true,
                b"[stack]",
            ),
        ];
        let mut before = 0;
        for (line, base, executable, is_memory, path) in lines {
            let map = parse(line, before).unwrap();
            assert_eq!((map.base, map.executable), (base, executable));
            assert_eq!((map.is_memory, map.path, map.readable), (is_memory, path, true));
            before = if map.is_file() { map.base } else { before };
        }
        for line in [&b""[..], b"nonsense", b"12-", b"-12 r--p 0 0 0", b"zz-12 r--p 0 0 0 /x"] {
            assert_eq!(parse(line, 0), None);
        }
    }

    #[test]
    fn this_process_is_found() {
        // SAFETY: the only test that opens it, and no handler is installed in this process.
        let maps = unsafe { Maps::open() }.unwrap();
        let (here, local) = (this_process_is_found as fn() as usize, 1u64);
        let stack = std::ptr::from_ref(&local) as usize;
        let (mut found, mut count) = (0, 0);
        maps.each(|map| {
            count += 1;
            if map.holds(here) {
                assert!(map.executable && map.path.starts_with(b"/"), "{map:?}");
                found += 1;
            }
            if map.holds(stack) {
                assert!(map.is_memory && map.readable, "{map:?}");
                found += 1;
            }
        });
        assert!(found == 2 && count > 10, "{found} of {count}");
    }
}
