//! The completion ring of a context, as the kernel maps it into the process.
//!
//! Asked by `engine` whether there is anything to fetch, and, with `userspace_reap`, what: without
//! a system call. One thread of the process reads, the kernel writes. Where the memory does not
//! look as Linux has had it since 2.6, there is no [`Ring`], and system calls do it all.

use crate::context::{Context, Event};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// `struct aio_ring` up to its events.
#[repr(C)]
struct Head {
    id: u32,
    count: u32,
    head: AtomicU32,
    tail: AtomicU32,
    magic: u32,
    compat_features: u32,
    incompat_features: u32,
    header_length: u32,
}

const MAGIC: u32 = 0xa10a_10a1;

/// A ring that looks right.
pub(crate) struct Ring {
    head: NonNull<Head>,
    count: u32,
}

impl Ring {
    /// The ring of a context, which must outlive it; `None` where it looks unfamiliar.
    pub(crate) fn of(context: &Context) -> Option<Ring> {
        let head = NonNull::new(context.id() as *mut Head)?;
        // SAFETY: the id of a context is the address of its ring: so it is on Linux, whose own
        // library reads there what is read here.
        let known = unsafe { head.as_ref() };
        let familiar = known.magic == MAGIC
            && known.incompat_features == 0
            && known.header_length as usize == size_of::<Head>()
            && known.count > 0;
        familiar.then_some(Ring { head, count: known.count })
    }

    #[inline]
    fn shared(&self) -> &Head {
        // SAFETY: of() has read it, and the mapping stays until the context is destroyed, which
        // whoever has this ring outlives. What changes in it is atomic.
        unsafe { self.head.as_ref() }
    }

    /// How many requests have ended whose events were not fetched.
    #[inline]
    pub(crate) fn ready(&self) -> usize {
        let shared = self.shared();
        let (head, tail) =
            (shared.head.load(Ordering::Relaxed), shared.tail.load(Ordering::Acquire));
        let ready = if tail >= head { tail - head } else { tail + self.count - head };
        ready as usize
    }

    /// Takes up to `events.len()` events; how many.
    #[inline]
    pub(crate) fn take(&mut self, events: &mut [Event]) -> usize {
        let shared = self.shared();
        let mut head = shared.head.load(Ordering::Relaxed);
        let tail = shared.tail.load(Ordering::Acquire);
        if head == tail || head >= self.count || tail >= self.count {
            return 0;
        }
        let mut taken = 0;
        for event in events {
            if head == tail {
                break;
            }
            // SAFETY: below `count`, the number of events behind the head of the ring; between
            // head and tail the kernel has written and, by the fence above, is seen to have.
            *event = unsafe { self.head.add(1).cast::<Event>().add(head as usize).read() };
            head = if head + 1 == self.count { 0 } else { head + 1 };
            taken += 1;
        }
        shared.head.store(head, Ordering::Release);
        taken
    }
}
