//! The options of the load, the files, the content and the memory: what they mean, in both formats,
//! and what is told where they contradict one another.
//!
//! Single values have their tests with their grammar and in the option table.

use super::super::spec::{
    BlockShare, DedupeMode, Distribution, Fallocate, FileChoice, MemoryKind, PatternPart,
    Sequencer, Strided, SyncFileRange, SyncMode,
};
use super::*;
use std::path::PathBuf;

fn share(bs: u64, percent: u8) -> BlockShare {
    BlockShare { bs: Bytes(bs), percent }
}

#[test]
fn what_is_not_given_is_as_in_fio() {
    let JobSpec { load, target, content, .. } = job(&ini("[a]\nsize=1m\n"));
    assert_eq!((load.seq_add, load.seq_nr, load.rw_sequencer), (0, 0, Sequencer::Sequential));
    assert!(load.bssplit.iter().all(|(_, shares)| shares.is_empty()));
    assert!(load.percentage_random.iter().all(|(_, percent)| *percent == 100));
    assert!(load.random_distribution.iter().all(|(_, law)| *law == Distribution::Random));
    assert_eq!((load.strided, load.offset_increment, load.sync_file_range), (None, None, None));
    assert_eq!((load.file_service, load.file_service_every), (FileChoice::RoundRobin, 0));
    assert!(target.create_serialize && target.create_fsync && target.allow_file_create);
    assert!(target.unique_filename && !target.create_only && !target.overwrite && !target.pre_read);
    assert_eq!((target.fallocate, target.sync), (Fallocate::Native, SyncMode::None));
    assert!(content.scramble_buffers && !content.refill_buffers && !content.zero_buffers);
    assert_eq!((content.compress_percentage, content.compress_chunk), (0, Bytes(512)));
    assert_eq!((content.dedupe_mode, content.dedupe_working_set_percentage.into()), {
        (DedupeMode::Repeat, 5u32)
    });
    assert_eq!((&content.mem, content.hugepage_size), (&MemoryKind::Malloc, Bytes(2 << 20)));
}

/// Both formats, one meaning, and the meaning.
#[test]
fn values_of_both_formats() {
    let ini = ini("[a]\nsize=1g\nrw=randrw:8\nrw_sequencer=identical\n\
                   bssplit=4k/50:1k/:2k/,8k/40:16k/60\nba=512,\noffset=10%\noffset_align=1m\n\
                   offset_increment=25%\npercentage_random=70,80\n\
                   random_distribution=zipf:1.2:0.25,zoned:60/10:40/90\n\
                   zonemode=strided\nzonesize=1m\nzoneskip=7m\nfile_service_type=random:8\n\
                   fdatasync=4\nsync_file_range=wait_before,write:8\nwrite_barrier=3\nsync=dsync\n\
                   buffered=0\nfilename_format=x.$filenum\nnrfiles=4\nopenfiles=2\nfallocate=1\n\
                   buffer_pattern=\"ab\"-12'f g'\nmem=mmap:/dev/shm/x\niomem_align=64k\n\
                   lockmem=1m\nfill_fs=1\nunlink_each_loop=1\npre_read=0\n");
    let toml = toml(
        "[[job]]\nname = 'a'\nsize = '1GiB'\nrw = 'randrw:8'\nrw_sequencer = 'identical'\n\
         bssplit = ['4k/50:1KiB/:2k/', '8k/40:16k/60']\nblockalign = [512, '']\noffset = '10%'\n\
         offset_align = '1MiB'\noffset_increment = '25%'\npercentage_random = [70, 80]\n\
         random_distribution = ['zipf:1.2:0.25', 'zoned:60/10:40/90']\n\
         zonemode = 'strided'\nzonesize = '1MiB'\nzoneskip = '7MiB'\n\
         file_service_type = 'random:8'\nfdatasync = 4\n\
         sync_file_range = ['wait_before', 'write:8']\nwrite_barrier = 3\nsync = 'dsync'\n\
         buffered = false\nfilename_format = 'x.$filenum'\nnrfiles = 4\nopenfiles = 2\n\
         fallocate = 'posix'\nbuffer_pattern = '''0x6162-12'f g' '''\nmem = 'mmap:/dev/shm/x'\n\
         mem_align = '64KiB'\nlockmem = '1MiB'\nfill_device = true\nunlink_each_loop = true\n",
    );
    let (a, b) = (job(&ini), job(&toml));
    assert_eq!(a.load, b.load);
    assert_eq!(a.target, b.target);
    assert_eq!(a.content, b.content);
    assert_eq!((a.load.seq_nr, a.load.rw_sequencer), (8, Sequencer::Identical));
    assert_eq!(a.load.bssplit.read, [share(4096, 50), share(1024, 25), share(2048, 25)]);
    assert_eq!(a.load.bssplit.trim, [share(8192, 40), share(16384, 60)]);
    assert_eq!((a.load.bs.read.min, a.load.bs.read.max), (Bytes(1024), Bytes(4096)));
    assert_eq!((a.load.blockalign.read, a.load.blockalign.write), (Some(Bytes(512)), None));
    let zipf = Distribution::Zipf { theta: 1.2, center: Some(0.25) };
    assert_eq!(a.load.random_distribution.read, zipf);
    assert_eq!(a.load.random_distribution.write, Distribution::Zoned(vec![(60, 10), (40, 90)]));
    let zones = Strided { size: Bytes(1 << 20), range: Bytes(1 << 20), skip: Bytes(7 << 20) };
    assert_eq!(a.load.strided, Some(zones));
    assert_eq!((a.load.file_service, a.load.file_service_every), (FileChoice::Random, 8));
    let range = SyncFileRange { wait_before: true, write: true, wait_after: false, every: 8 };
    assert_eq!(a.load.sync_file_range, Some(range));
    assert!(a.target.direct && a.target.unlink_each_loop && a.load.fill_device);
    let pattern = [
        PatternPart::Bytes(vec![0x61, 0x62, 0xf4, 0xff, 0xff, 0xff]),
        PatternPart::File(PathBuf::from("f g")),
    ];
    assert_eq!(a.content.buffer_pattern, pattern);
}

#[test]
fn the_number_behind_rw() {
    for (rw, expected) in [
        ("read", (0, 0)),
        ("read:8k", (8192, 0)),
        ("read:-8k", (-8192, 0)),
        ("rw:0", (0, 0)),
        ("randread:1", (0, 1)),
        ("randtrimwrite:16", (0, 16)),
    ] {
        let load = job(&ini(&format!("[a]\nsize=1m\nrw={rw}\n"))).load;
        assert_eq!((load.seq_add, load.seq_nr), expected, "{rw}");
    }
    let inherited = ini("[global]\nrw=randread:8\nsize=1m\n[a]\nrw=randread\n");
    assert_eq!(job(&inherited).load.seq_nr, 0);
}

#[test]
fn the_later_one_wins_from_section_to_section() {
    let text = "[global]\nsize=1m\nbssplit=4k/50:8k/50\ndirect=1\nzero_buffers\nfilename=x\n\
                [a]\nbs=,2k\nbuffered=1\nbuffer_pattern=12\nopendir=d\n[b]\nbuffered=0\n";
    let all = jobs(&ini(text), &Overrides::default());
    assert_eq!(all[0].load.bssplit.read, [share(4096, 50), share(8192, 50)]);
    assert_eq!((all[0].load.bssplit.write.len(), all[0].load.bs.write.max), (0, Bytes(2048)));
    assert!(!all[0].target.direct && all[1].target.direct);
    assert!(!all[0].content.zero_buffers && all[1].content.zero_buffers);
    assert_eq!((all[0].target.filename.len(), all[0].target.opendir.len()), (0, 1));
    assert_eq!((all[1].target.filename.len(), all[1].target.opendir.len()), (1, 0));
}

/// Each case: the section's options, the words.
const OF_THE_LOAD: &[(&str, &str)] = &[
    (
        "bssplit=4k/60:8k/30",
        "error: bssplit: `4k/60:8k/30` has percentages that add up to 90, not to 100",
    ),
    (
        "bssplit=4k/60:8k/50",
        "error: bssplit: `4k/60:8k/50` has percentages that add up to 110, not to 100",
    ),
    (
        "bssplit=4k/99:8k/:1k/",
        "error: bssplit: `4k/99:8k/:1k/` leaves 1 percent for 2 without \
         a percentage",
    ),
    ("bs=4k\nbssplit=4k/60:8k/40", "error: `bs` and `bssplit` in one section"),
    ("bssplit=4k/60:8k/40\nbs=4k", "error: `bs` and `bssplit` in one section"),
    ("bsrange=1k-4k\nbssplit=4k/60:8k/40", "error: `bsrange` and `bssplit` in one section"),
    (
        "rw=randread\nrandom_distribution=zipf:0",
        "error: random_distribution: `0` is out of range for the theta of zipf (above 0)",
    ),
    (
        "rw=randread\nrandom_distribution=zipf:1.0",
        "error: random_distribution: `1.0` is the one theta that zipf is not defined for",
    ),
    (
        "rw=randread\nrandom_distribution=pareto:1",
        "error: random_distribution: `1` is out of range for the h of pareto (above 0, below \
             1)",
    ),
    (
        "rw=randread\nrandom_distribution=normal:0",
        "error: random_distribution: `0` is out of range for the deviation of normal \
             (percent, above 0, at most 100)",
    ),
    (
        "rw=randread\nrandom_distribution=zipf:1.2:1.5",
        "error: random_distribution: `1.5` is out of range for the center (0 to 1)",
    ),
    (
        "rw=randread\nrandom_distribution=zoned:60/10:30/90",
        "error: random_distribution: `zoned:60/10:30/90` has accesses that add up to 90, not \
             to 100",
    ),
    (
        "rw=randread\nrandom_distribution=zoned:60/10:40/80",
        "error: random_distribution: `zoned:60/10:40/80` has sizes that add up to 90, not to \
             100",
    ),
    (
        "random_distribution=zipf:1.2",
        "warning: `random_distribution` has no effect: `rw=read` \
         is sequential",
    ),
    (
        "percentage_random=50",
        "warning: `percentage_random` has no effect: `rw=read` is \
         sequential",
    ),
    ("norandommap", "warning: `norandommap` has no effect: `rw=read` is sequential"),
    ("blockalign=512", "warning: `blockalign` has no effect: `rw=read` is sequential"),
    (
        "random_generator=lfsr",
        "warning: `random_generator` has no effect: `rw=read` is \
         sequential",
    ),
    (
        "rw=randread\npercentage_random=101",
        "error: percentage_random: `101` is out of range (0 \
         to 100)",
    ),
    (
        "rw=randread\nrw_sequencer=identical",
        "warning: `rw_sequencer` has no effect: no number \
         stands behind `rw=randread`",
    ),
    (
        "rw=read:8k\nrw_sequencer=sequential",
        "warning: `rw_sequencer` has no effect: `rw=read` \
         is sequential",
    ),
    ("rw=randread:0", "error: rw: `0` is out of range (1 to 4294967295)"),
    (
        "rw=randread:5000000000",
        "error: rw: `5000000000` is out of range (1 to \
         4294967295)",
    ),
    (
        "rw=read:9999999p",
        "error: rw: `9999999p` is out of range (at most 9223372036854775807 \
         either way)",
    ),
    ("bs_unaligned", "warning: `bs_unaligned` has no effect: no `bsrange` is given"),
    (
        "offset_align=1m",
        "warning: `offset_align` has no effect: no offset is given in \
         percent",
    ),
    ("zonesize=64k", "error: `zonesize` needs `zonemode=strided`"),
    ("zonemode=none\nzoneskip=64k", "warning: `zoneskip` has no effect: `zonemode=none`"),
    ("zonemode=strided", "error: `zonemode=strided` needs `zonesize`"),
    (
        "zonemode=strided\nzonesize=64k\nzonerange=4k",
        "error: `zonerange` is 4096 bytes, less \
         than the 65536 bytes of `zonesize`",
    ),
    (
        "zonemode=strided\nzonesize=1k",
        "error: `zonesize` is 1024 bytes, less than one block of \
         4096 bytes",
    ),
    (
        "zonemode=zbd\nzone_reset_threshold=0.5\nrw=write",
        "error: `zone_reset_threshold` without `zone_reset_frequency`",
    ),
    ("fsync=1", "warning: `fsync` has no effect: `rw=read` never writes"),
    ("fdatasync=1", "warning: `fdatasync` has no effect: `rw=read` never writes"),
    ("write_barrier=1", "warning: `write_barrier` has no effect: `rw=read` never writes"),
    (
        "sync_file_range=write:1",
        "warning: `sync_file_range` has no effect: `rw=read` never \
         writes",
    ),
    ("rw=trim\nfsync=1", "warning: `fsync` has no effect: `rw=trim` never writes"),
    ("fill_device=1", "error: `fill_device` fills with writes, and `rw=read`"),
    (
        "ioengine=null\noffset_increment=4z",
        "error: offset_increment: 4z of what? engine null \
         has no target with a size",
    ),
];

const OF_FILES_CONTENT_AND_MEMORY: &[(&str, &str)] = &[
    ("direct=1\nbuffered=1", "error: `direct=1` and `buffered=1` contradict one another"),
    ("openfiles=3\nnrfiles=2", "error: `openfiles` is 3, more than the 2 of the job's files"),
    ("openfiles=3\nfilename=a:b", "error: `openfiles` is 3, more than the 2 of the job's files"),
    ("filename=x\nopendir=d", "error: `filename` and `opendir` in one section"),
    (
        "filename=x\nfilename_format=y",
        "warning: `filename_format` has no effect: `filename` says \
         what the files are called",
    ),
    (
        "filename=x\nunique_filename=0",
        "warning: `unique_filename` has no effect: `filename` \
         says what the files are called",
    ),
    (
        "opendir=x\nnrfiles=2",
        "warning: `nrfiles` has no effect: `opendir` takes all files that \
         are there",
    ),
    (
        "filename_format=$clientuid",
        "error: filename_format: `$clientuid` is known to fio, but \
         not there yet in this version of iodyno",
    ),
    ("overwrite=1", "warning: `overwrite` has no effect: `rw=read` never writes"),
    (
        "create_only=1\ncreate_on_open=1",
        "error: `create_only` lays files out before the start, \
         `create_on_open` never does",
    ),
    (
        "create_only=1\nallow_file_create=0",
        "error: `create_only` makes files, and \
         `allow_file_create=0` forbids it",
    ),
    (
        "ioengine=null\ncreate_only=1",
        "error: `create_only` has nothing to do: engine null has \
         no files",
    ),
    (
        "direct=1\npre_read=1",
        "error: `pre_read` brings files into the page cache, which `direct=1` goes around",
    ),
    (
        "io_submit_mode=offload\nnrfiles=3\nopenfiles=2",
        "error: `openfiles`: io_submit_mode=offload keeps all files open",
    ),
    (
        "unlink_each_loop=1\nio_submit_mode=offload",
        "error: `unlink_each_loop`: io_submit_mode=offload keeps all files open",
    ),
    (
        "create_on_open=1\nrw=write\nio_submit_mode=offload",
        "error: `create_on_open`: io_submit_mode=offload keeps all files open",
    ),
    (
        "pre_read=1\ninvalidate=1",
        "warning: `invalidate` has no effect: it would drop what \
         `pre_read` has read",
    ),
    (
        "zero_buffers\nbuffer_pattern=12",
        "error: `zero_buffers` and `buffer_pattern` in one \
         section",
    ),
    (
        "zero_buffers\ndedupe_percentage=5",
        "error: `zero_buffers` and `dedupe_percentage` \
         contradict one another",
    ),
    (
        "buffer_pattern=12\ndedupe_percentage=5",
        "error: `buffer_pattern` and `dedupe_percentage` contradict one another",
    ),
    (
        "zero_buffers\nrefill_buffers",
        "warning: `refill_buffers` has no effect: with \
         `zero_buffers` all data is the same",
    ),
    (
        "buffer_compress_chunk=4k",
        "warning: `buffer_compress_chunk` has no effect: \
         `buffer_compress_percentage` is not set",
    ),
    (
        "dedupe_mode=working_set",
        "warning: `dedupe_mode` has no effect: `dedupe_percentage` is \
         not set",
    ),
    (
        "dedupe_percentage=5\ndedupe_working_set_percentage=10",
        "warning: `dedupe_working_set_percentage` has no effect: `dedupe_mode` is repeat",
    ),
    ("mem_align=3000", "error: `mem_align` is 3000 bytes, which is no power of two"),
    (
        "hugepage-size=1g",
        "warning: `hugepage-size` has no effect: `mem` is neither mmaphuge nor \
         shmhuge",
    ),
    ("mem=mmaphuge", "error: `mem`: no huge pages of 2097152 bytes are set aside here"),
    (
        "mem=shmhuge\nhugepage-size=64k",
        "error: `hugepage-size`: this machine has no pages of \
         65536 bytes",
    ),
];

#[test]
fn what_contradicts_itself() {
    for (options, expected) in OF_THE_LOAD.iter().chain(OF_FILES_CONTENT_AND_MEMORY) {
        let text = format!("[a]\nsize=1m\n{options}\n");
        assert_eq!(messages(&ini(&text), &Overrides::default()), [*expected], "{options}");
    }
    let enough = ini("[a]\nsize=1m\nmem=shmhuge\nhugepage-size=1g\n");
    assert_eq!(messages(&enough, &Overrides::default()), Vec::<String>::new());
}

/// A split for one direction leaves the others to `bs`.
#[test]
fn a_split_of_one_direction_goes_with_bs() {
    let text = ini("[a]\nsize=1m\nrw=rw\nbs=8k\nbssplit=1k/50:2k/50,\n");
    assert_eq!(messages(&text, &Overrides::default()), Vec::<String>::new());
    let load = job(&text).load;
    assert_eq!((load.bssplit.read.len(), load.bssplit.write.len()), (2, 0));
    assert_eq!((load.bs.read.max, load.bs.write.max), (Bytes(2048), Bytes(8192)));
}
