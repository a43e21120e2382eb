//! Misuse of the options of verification: what would verify nothing, or call right data wrong, is
//! an error with its line and column; what merely does nothing is a warning.
//!
//! Cases are written as in `misuse`: lines joined by `/`, and all that is said about them.

use super::misuse::check;

#[test]
fn engines_and_loads_that_give_nothing_back() {
    check(&[
        (
            "[a]/size=1m/ioengine=null/rw=write/verify=md5",
            &["error 5:1 `verify`: engine null moves no data"],
        ),
        ("[a]/size=1m/rw=trim/verify=md5", &["error 4:1 `rw=trim` only trims"]),
        ("[a]/size=1m/rw=trimwrite/verify=md5", &[]),
        ("[a]/size=1m/rw=randrw/norandommap/verify=crc32c", &[]),
    ]);
}

#[test]
fn intervals_and_stamps() {
    let write = "[a]/size=1m/rw=write";
    let case = |rest: &str| format!("{write}/{rest}");
    let long = case(&format!("verify=md5/verify_pattern=0x{}", "ab".repeat(4097)));
    check(&[
        (
            "[a]/size=1m/rw=write/bs=8k/verify=md5/verify_interval=3k",
            &["error 6:1 3072 bytes do not divide all block sizes (8192)"],
        ),
        (
            "[a]/size=1m/rw=rw/bs=4k,6k/verify=md5",
            &["error 4:1 4096 bytes, which `verify_interval` is by default, do not divide"],
        ),
        ("[a]/size=1m/rw=rw/bs=4k,6k/verify=md5/verify_interval=2k", &[]),
        ("[a]/size=1m/rw=write/bs=4k,8k/verify=md5", &[]),
        (
            "[a]/size=1m/rw=randwrite/bsrange=4k-6k/bs_unaligned/verify=md5",
            &["error 5:1 `bs_unaligned` draws sizes that no `verify_interval` divides"],
        ),
        (
            "[a]/size=1m/rw=write/bs=512/verify=sha512/verify_offset=400",
            &["error 6:1 the stamp of verify=sha512, 144 bytes from 400 on, does not fit"],
        ),
        ("[a]/size=1m/rw=write/bs=512/verify=sha512/verify_offset=368", &[]),
        (
            "[a]/size=1m/rw=write/bs=128/verify=sha512",
            &["error 4:1 stamps each interval with 144 bytes"],
        ),
        ("[a]/size=1m/rw=write:1k/verify=md5", &["error 3:1 `rw`: steps of 1024 bytes"]),
        (
            "[a]/size=1m/rw=randwrite/blockalign=512/verify=md5",
            &["error 4:1 `blockalign`: steps of 512 bytes"],
        ),
        ("[a]/size=1m/rw=randwrite/blockalign=512/verify=md5/verify_interval=512", &[]),
        ("[a]/size=1m/rw=write/verify=pattern", &["error 4:1 needs `verify_pattern`"]),
        ("[a]/size=1m/rw=write/verify=pattern/verify_pattern=%o", &[]),
        ("[a]/size=1m/rw=write/verify=md5/verify_pattern=0xff%o\"ab\"-12", &[]),
        (
            "[a]/size=1m/rw=write/verify=pattern/verify_pattern=%o/verify_offset=8",
            &["warning 6:1 `verify_offset` has no effect: `verify=pattern` has no stamp"],
        ),
        (&long, &["error 5:1 `verify_pattern` is 4097 bytes long"]),
    ]);
}

#[test]
fn what_is_written_is_said_by_verify() {
    check(&[
        (
            "[a]/size=1m/rw=write/verify=md5/dedupe_percentage=50",
            &["error 5:1 `dedupe_percentage` asks for blocks that are alike"],
        ),
        ("[a]/size=1m/rw=write/verify=md5/zero_buffers", &["error 5:1 `zero_buffers`"]),
        ("[a]/size=1m/rw=write/verify=md5/buffer_pattern=0xff", &["error 5:1 `buffer_pattern`"]),
        ("[a]/size=1m/rw=write/verify=md5/refill_buffers", &["warning 5:1 is filled anew"]),
        ("[a]/size=1m/rw=write/verify=md5/scramble_buffers=0", &["warning 5:1 is filled anew"]),
        ("[a]/size=1m/rw=write/verify=md5/buffer_compress_percentage=50", &[]),
        ("[a]/size=1m/verify=md5/zero_buffers", &[]),
    ]);
}

#[test]
fn wishes_to_verify_that_would_verify_nothing() {
    check(&[
        (
            "[a]/size=1m/rw=write/verify=md5/do_verify=0/verify_backlog=8",
            &["error 6:1 `verify_backlog` asks to verify, and with `do_verify=0`"],
        ),
        (
            "[a]/size=1m/rw=write/verify=md5/do_verify=0/verify_state_load=1",
            &["error 6:1 `verify_state_load` asks to verify"],
        ),
        ("[a]/size=1m/rw=write/verify=md5/do_verify=0", &[]),
        ("[a]/size=1m/verify=md5/do_verify=0", &["warning 3:1 `verify` has no effect"]),
        (
            "[a]/size=1m/verify=md5/verify_only",
            &["error 4:1 `verify_only` reads what a job writes"],
        ),
        (
            "[a]/size=1m/rw=write/verify=md5/verify_only/time_based/runtime=5",
            &["error 5:1 `verify_only` draws the job's writes again"],
        ),
        (
            "[a]/size=1m/rw=write/verify=md5/verify_fatal=1/continue_on_error=all",
            &["error 5:1 `verify_fatal` ends the job at the first miscompare"],
        ),
        (
            "[a]/size=1m/rw=write/verify=md5/verify_policy=fsynced",
            &["warning 5:1 the job flushes nothing"],
        ),
        ("[a]/size=1m/rw=write/verify=md5/verify_policy=fsynced/end_fsync=1", &[]),
        ("[a]/size=1m/rw=write/verify=md5/verify_policy=fsynced/verify_state_load=1", &[]),
        ("[a]/size=1m/verify=md5/verify_policy=fsynced/verify_state_load=1", &[]),
        (
            "[a]/size=1m/rw=write/verify=md5/verify_only/time_based/runtime=5/verify_state_load=1",
            &[],
        ),
        ("[a]/size=1m/rw=write/verify=md5/time_based/runtime=5/loops=3", &[]),
    ]);
}

#[test]
fn options_without_the_one_they_serve() {
    check(&[
        (
            "[a]/size=1m/rw=write/verify_async=2/verify_state_save=1/verify_only",
            &["warning 6:1 `verify_only`", "warning 4:1 `verify_async` has no effect without"],
        ),
        ("[global]/size=1m/verify_async=2/verify=md5/[a]/rw=write/verify=none", &[]),
        (
            "[a]/size=1m/rw=write/verify=md5/verify_backlog_batch=8",
            &["warning 5:1 has no effect without `verify_backlog`"],
        ),
        (
            "[a]/size=1m/rw=write/verify=md5/verify_backlog=4/verify_backlog_batch=8",
            &["warning 6:1 `verify_backlog_batch` is cut from 8 to 4"],
        ),
        (
            "[a]/size=1m/rw=write/verify=md5/verify_async_cpus=1",
            &["warning 5:1 has no effect without `verify_async`"],
        ),
        (
            "[a]/size=1m/rw=write/verify=md5/verify_async=1/verify_async_cpus=9",
            &["error 6:1 verify_async_cpus: CPU 9 is not there"],
        ),
        ("[a]/size=1m/verify=md5/trim_percentage=10", &["warning 4:1 `rw=read` never writes"]),
        ("[a]/size=1m/verify=md5/verify_backlog=10", &["warning 4:1 `rw=read` never writes"]),
        (
            "[a]/size=1m/rw=write/verify=md5/trim_backlog=4",
            &["warning 5:1 has no effect without `trim_percentage`"],
        ),
        (
            "[a]/size=1m/rw=write/verify=md5/verify_run=00000000deadbeef",
            &["warning 5:1 `verify_run` has no effect"],
        ),
        ("[a]/size=1m/verify=md5/verify_run=00000000deadbeef", &[]),
        ("[a]/size=1m/verify_run=deadbeef", &["error 3:12 `deadbeef` is no run's id"]),
    ]);
}

#[test]
fn two_writers_on_one_target() {
    check(&[
        (
            "[global]/size=1m/rw=write/filename=x/[a]/verify=md5/[b]",
            &["error 6:1 job a verifies a part of x that job b writes to at the same time"],
        ),
        (
            "[global]/size=1m/filename=x/[a]/rw=trim/[b]/verify=md5",
            &["error 7:1 job b verifies a part of x that job a writes to"],
        ),
        ("[global]/size=1m/rw=write/filename=x/[a]/verify=md5/[b]/offset=1m", &[]),
        ("[global]/size=1m/rw=write/filename=x/[a]/verify=md5/[b]/stonewall", &[]),
        ("[global]/size=1m/rw=write/filename=x/[a]/verify=md5/[b]/wait_for=a", &[]),
        ("[global]/size=1m/rw=write/filename=x/[a]/verify=md5/[b]/rw=read", &[]),
        ("[global]/size=1m/rw=write/[a]/verify=md5/[b]", &[]),
        ("[global]/size=50%/rw=write/filename=x/[a]/verify=md5/[b]/offset=50%", &[]),
        (
            "[global]/size=51%/rw=write/filename=x/[a]/verify=md5/[b]/offset=50%",
            &["error 6:1 job a verifies a part of x"],
        ),
        ("[global]/size=1m/rw=write/filename=x/verify=md5/do_verify=0/[a]/[b]", &[]),
        ("[global]/size=1m/rw=write/filename=x/verify=md5/verify_only/[a]/[b]", &[]),
        ("[global]/size=1m/rw=write/filename=x/verify=md5/verify_state_load=1/[a]/[b]", &[]),
        (
            "[a]/size=1m/rw=write/filename=x/verify=md5/numjobs=2",
            &["error 5:1 the 2 clones of job a write to the same part of x"],
        ),
        ("[a]/size=1m/rw=write/filename=x/verify=md5/numjobs=2/offset_increment=1m", &[]),
        (
            "[a]/size=2m/rw=write/filename=x/verify=md5/numjobs=2/offset_increment=1m",
            &["error 5:1 the 2 clones of job a"],
        ),
        ("[a]/size=1m/rw=write/verify=md5/numjobs=2", &[]),
        (
            "[a]/size=1m/rw=write/filename_format=d.$filenum/verify=md5/numjobs=2",
            &["error 5:1 the same part of d.0"],
        ),
        ("[a]/size=1m/rw=write/filename=x/directory=d:e/verify=md5/numjobs=2", &[]),
        ("[a]/size=1m/filename=x/verify=md5/numjobs=2", &[]),
    ]);
}
