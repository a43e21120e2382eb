//! The option table of mmap, and its reading. `thp` is fio's; the others are this engine's own.
//!
//! `engine` asks here, in `init`, how an instance is to map and to copy. No system calls: types,
//! ranges and choices were judged by the host.

use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::{choice, Error, Job, Opt};
use std::ffi::CStr;

const KERNEL: u64 = 0;
const MEMCPY: u64 = 1;
const GUARDED: u64 = 2;

/// Fast and safe where there is code for this machine, else safe.
const DEFAULT: (u64, &CStr) =
    if cfg!(target_arch = "x86_64") { (GUARDED, c"guarded") } else { (KERNEL, c"kernel") };

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[
    &Opt::boolean(c"thp", c"ask for transparent huge pages (MADV_HUGEPAGE)").default(c"0").build(),
    &Opt::choice(
        c"advice",
        c"what the kernel is told of the order of reads, and so how far it reads ahead",
        &[
            &choice(c"normal", libc::MADV_NORMAL as u64, c"nothing: some pages around each fault"),
            &choice(c"random", libc::MADV_RANDOM as u64, c"the page that is asked for alone"),
            &choice(c"sequential", libc::MADV_SEQUENTIAL as u64, c"far ahead"),
        ],
    )
    .default(c"normal")
    .build(),
    &Opt::choice(
        c"copy",
        c"who copies between buffer and mapping",
        &[
            #[cfg(target_arch = "x86_64")]
            &choice(c"guarded", GUARDED, c"the engine: what cannot be read is an error"),
            &choice(c"kernel", KERNEL, c"process_vm_readv: what cannot be read is an error"),
            &choice(c"memcpy", MEMCPY, c"the engine, as in fio: what cannot be read is a crash"),
        ],
    )
    .default(DEFAULT.1)
    .build(),
    &Opt::size(c"window", c"how much of a file is mapped at a time, in one piece")
        .default(c"1g")
        .range(64 << 10, 1 << 40)
        .step(1)
        .build(),
    &Opt::uint(c"windows", c"how many pieces stay mapped, of all files of an instance")
        .default(c"64")
        .range(1, 4096)
        .step(1)
        .build(),
];

/// Who copies, as `copy=` says it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CopyBy {
    /// The engine, guarded by a handler.
    #[cfg(target_arch = "x86_64")]
    Guarded,
    /// The kernel.
    Kernel,
    /// The engine, with nobody to catch a fault.
    Memcpy,
}

/// How an instance maps and copies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wishes {
    /// MADV_HUGEPAGE for each window.
    pub(crate) thp: bool,
    /// `MADV_*` about the order.
    pub(crate) advice: i32,
    /// Who copies.
    pub(crate) copy: CopyBy,
    /// Bytes of a window, a power of two.
    pub(crate) window: u64,
    /// Windows at a time, a power of two.
    pub(crate) windows: usize,
}

/// Reads the job's options.
pub(crate) fn read(job: &Job) -> Result<Wishes, Error> {
    let uint = |name, default| job.uint(name).map(|given| given.unwrap_or(default));
    Ok(Wishes {
        thp: job.boolean("thp")?.unwrap_or(false),
        advice: uint("advice", libc::MADV_NORMAL as u64)? as i32,
        copy: match uint("copy", DEFAULT.0)? {
            #[cfg(target_arch = "x86_64")]
            GUARDED => CopyBy::Guarded,
            MEMCPY => CopyBy::Memcpy,
            _ => CopyBy::Kernel,
        },
        window: uint("window", 1 << 30)?.next_power_of_two(),
        windows: uint("windows", 64)?.next_power_of_two() as usize,
    })
}
