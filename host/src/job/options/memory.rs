//! Options that say where the buffers lie.
//!
//! Part of the option table. Whether the machine has the pages is asked of the environment, by
//! `checks`.

use super::super::shapes;
use super::super::spec::MemoryKind;
use super::super::value::{Value, SIZE_MAX};
use super::{bytes, quoted, Category, JobOption, Kind, OPTION};
use crate::units::Bytes;

/// `hugepage-size` where it is not given.
const HUGE_PAGE: Bytes = Bytes(2 << 20);

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "mem",
        aliases: &["iomem"],
        category: Category::Memory,
        kind: Kind::Memory,
        default: "malloc",
        help: "Where the buffers of the requests come from",
        doc:
            "malloc: anonymous memory; mmap: a mapping, of a file with `mmap:FILE`; shm: System V \
              shared memory; mmaphuge and shmhuge: the same in huge pages, which have to be set \
              aside (/proc/sys/vm/nr_hugepages). `mmaphuge:FILE` lies on a hugetlbfs.",
        good: &["mmap", "malloc", "shm", "shmhuge", "mmaphuge", "mmap:/dev/shm/x"],
        bad: &["", "heap", "malloc:/x", "mmap:", "mmapshared"],
        later: |text| text.split(':').next() == Some("mmapshared"),
        apply: |draft, value| {
            let Value::Memory(memory) = value else { unreachable!("the option is memory") };
            draft.content.mem.clone_from(memory);
        },
        show: |job| Some(quoted(&shapes::show_memory(&job.content.mem))),
        ..OPTION
    },
    JobOption {
        name: "mem_align",
        aliases: &["iomem_align"],
        category: Category::Memory,
        kind: Kind::Bytes { min: 0, max: 1 << 30 },
        default: "0",
        help: "Address of each buffer is a multiple of this",
        doc: "A power of two; 0 is a page. An engine or a target that needs more gets more.",
        fio: "concerns each buffer, where fio aligns the first and steps by `bs`.",
        good: &["64k", "0"],
        bad: &["", "-1", "2g"],
        apply: |draft, value| draft.content.mem_align = value.bytes(),
        show: |job| Some(bytes(job.content.mem_align)),
        ..OPTION
    },
    JobOption {
        name: "hugepage-size",
        category: Category::Memory,
        kind: Kind::Bytes { min: 4096, max: 1 << 40 },
        default: "2m",
        help: "Size of a huge page",
        doc: "One of those that the machine has; for `mem=mmaphuge` and `mem=shmhuge`.",
        good: &["1g", "2m"],
        bad: &["", "0", "-1", "huge"],
        apply: |draft, value| draft.content.hugepage_size = value.bytes(),
        show: |job| {
            let content = &job.content;
            let huge = matches!(content.mem, MemoryKind::MmapHuge(_) | MemoryKind::ShmHuge);
            (huge || content.hugepage_size != HUGE_PAGE).then(|| bytes(content.hugepage_size))
        },
        ..OPTION
    },
    JobOption {
        name: "lockmem",
        category: Category::Memory,
        kind: Kind::Bytes { min: 0, max: SIZE_MAX },
        default: "0",
        help: "So much memory is taken away from everybody else",
        doc: "Each clone locks it for the time of its run, as if the machine had less. 0 is none.",
        good: &["1g", "0"],
        bad: &["", "-1", "all"],
        apply: |draft, value| draft.content.lockmem = value.bytes(),
        show: |job| Some(bytes(job.content.lockmem)),
        ..OPTION
    },
];
