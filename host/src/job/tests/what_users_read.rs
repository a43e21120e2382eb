//! Messages as they appear on standard error, line and column included.
//!
//! One for each way to write a bad job: what is asserted here is what a user reads. Values and
//! contradictions that differ in words only are in the tables of the parent module.

use super::*;
use insta::assert_snapshot;

#[test]
fn unknown_option() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\niodeth=4\n")), @r#"
    error: unknown option `iodeth`
     --> job.fio:3:1
      |
    3 | iodeth=4
      | ^^^^^^
      |
      = help: did you mean `iodepth`?
    "#);
}

#[test]
fn unknown_option_in_toml() {
    assert_snapshot!(told(&toml("[[job]]\nname = \"a\"\nsize = \"1m\"\niodeth = 4\n")), @r#"
    error: unknown option `iodeth`
     --> job.toml:4:1
      |
    4 | iodeth = 4
      | ^^^^^^
      |
      = help: did you mean `iodepth`?
    "#);
}

#[test]
fn unknown_engine() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\nioengine=psycn\n")), @r#"
    error: no engine is called `psycn`
     --> job.fio:3:10
      |
    3 | ioengine=psycn
      |          ^^^^^
      |
      = help: did you mean `psync`?
      = help: `iodyno engines` lists what is there
    "#);
}

#[test]
fn engine_that_cannot_be_used() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\nioengine=broken\n")), @r#"
    error: engine `broken`: /opt/broken.so is not an ELF file
     --> job.fio:3:10
      |
    3 | ioengine=broken
      |          ^^^^^^
    "#);
}

#[test]
fn duplicate_key() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\nrw=read\nreadwrite=write\n")), @r#"
    error: `readwrite` is given twice in one section: `rw` is the same option
     --> job.fio:4:1
      |
    3 | rw=read
      | -- the first
    4 | readwrite=write
      | ^^^^^^^^^ the second
      |
      = help: keep one of them
    "#);
}

#[test]
fn duplicate_key_in_toml() {
    assert_snapshot!(told(&toml("[[job]]\nname = \"a\"\nbs = 1\nbs = 2\n")), @r#"
    error: duplicate key
     --> job.toml:4:1
      |
    4 | bs = 2
      | ^^
    "#);
}

#[test]
fn values_of_the_wrong_kind() {
    let text = "[a]\nsize=1m\nbs=4x\niodepth=4.5\nnumjobs=0\nrwmixread=130 ; percent\n";
    assert_snapshot!(told(&ini(text)), @r#"
    error: bs: `4x` has an unknown unit `x` (known: k, m, g, t, p, with or without B or iB)
     --> job.fio:3:4
      |
    3 | bs=4x
      |    ^^

    error: iodepth: `4.5` is not a whole number
     --> job.fio:4:9
      |
    4 | iodepth=4.5
      |         ^^^

    error: numjobs: `0` is out of range (1 to 4096)
     --> job.fio:5:9
      |
    5 | numjobs=0
      |         ^

    error: rwmixread: `130` is out of range (0 to 100)
     --> job.fio:6:11
      |
    6 | rwmixread=130 ; percent
      |           ^^^
    "#);
}

#[test]
fn one_of_several_values() {
    let text = "[[job]]\nname = \"a\"\nsize = \"1m\"\nbs = [\"4KiB\", \"8q\"]\n";
    assert_snapshot!(told(&toml(text)), @r#"
    error: bs: `8q` has an unknown unit `q` (known: k, m, g, t, p, with or without B or iB)
     --> job.toml:4:15
      |
    4 | bs = ["4KiB", "8q"]
      |               ^^^^
    "#);
}

#[test]
fn reversed_range() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\nbsrange=64k-4k\n")), @r#"
    error: bsrange: `64k-4k` is a reversed range
     --> job.fio:3:9
      |
    3 | bsrange=64k-4k
      |         ^^^^^^
      |
      = help: write `4k-64k`
    "#);
}

#[test]
fn broken_header() {
    assert_snapshot!(told(&ini("[a\nsize=1m\nbs=4x\n[b]\nsize=1m\n")), @r#"
    error: section header without a closing `]`
     --> job.fio:1:1
      |
    1 | [a
      | ^^
      |
      = help: write `[name]`
    "#);
}

#[test]
fn broken_header_in_toml() {
    assert_snapshot!(told(&toml("[[job]\nname = \"a\"\n")), @r#"
    error: unclosed array table, expected `]`
     --> job.toml:1:7
      |
    1 | [[job]
      |       ^
    "#);
}

#[test]
fn no_jobs() {
    assert_snapshot!(told(&ini("[global]\nsize=1m\n")), @r#"
    error: no jobs in job.fio
     |
     = help: a job is a section `[name]` in fio's format, `[[job]]` in TOML
    "#);
}

#[test]
fn two_jobs_of_one_name() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\n[b]\nsize=1m\n[a]\nsize=2m\n")), @r#"
    error: two jobs are called `a`
     --> job.fio:5:2
      |
    1 | [a]
      |  - the first
    ...
    5 | [a]
      |  ^ the second
      |
      = help: give each job a name of its own; `numjobs` makes clones
    "#);
}

#[test]
fn one_way_with_a_mix() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\nrw=randread\nrwmixread=70\n")), @r#"
    error: `rwmixread` has no effect with `rw=randread`
     --> job.fio:4:1
      |
    3 | rw=randread
      | -- the job goes one way
    4 | rwmixread=70
      | ^^^^^^^^^
      |
      = help: a mixed load is `rw=rw` or `rw=randrw`
    "#);
    let inherited = "[global]\nrwmixread=70\n[a]\nsize=1m\nrw=randread\n";
    assert_snapshot!(told(&ini(inherited)), @r#"
    warning: `rwmixread` has no effect with `rw=randread`
     --> job.fio:2:1
      |
    2 | rwmixread=70
      | ^^^^^^^^^
    ...
    5 | rw=randread
      | -- the job goes one way
      |
      = help: a mixed load is `rw=rw` or `rw=randrw`
    "#);
}

#[test]
fn known_but_not_there_yet() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\nverifysort=1\n")), @r#"
    error: option `verifysort` is known to fio, but not there yet in this version of iodyno
     --> job.fio:3:1
      |
    3 | verifysort=1
      | ^^^^^^^^^^
      |
      = help: leave it out: what was written is always read back in the order of its offsets
    "#);
}

#[test]
fn the_surprise_of_kib() {
    assert_snapshot!(told(&ini("[a]\nsize=1MiB\n")), @r#"
    warning: size: `MiB` is 1000000 in fio's reading of job files (kb_base=1024)
     --> job.fio:2:6
      |
    2 | size=1MiB
      |      ^^^^
      |
      = help: a number without a unit, or a TOML job file, says it plainly
    "#);
}

#[test]
fn option_of_another_engine() {
    let text = "[a]\nioengine=null\nsize=1m\nlatency=1us\n[b]\nsize=1m\nlatency=1us\n";
    assert_snapshot!(told(&ini(text)), @r#"
    error: engine psync has no option `latency`
     --> job.fio:7:1
      |
    7 | latency=1us
      | ^^^^^^^
      |
      = note: job b uses engine psync
      = help: write `null.latency`: it applies only while engine null is chosen
    "#);
}

#[test]
fn null_needs_a_size() {
    assert_snapshot!(told(&ini("[a]\nioengine=null\nrw=randread\n")), @r#"
    error: job a needs `size`: engine null has no target that could tell it
     --> job.fio:1:2
      |
    1 | [a]
      |  ^
      |
      = help: write `size=1g`
    "#);
}

#[test]
fn the_command_line() {
    let source = ini("[writer]\nsize=1m\n");
    let overrides = Overrides {
        engine: Some("psinc".to_owned()),
        ..sets(&["iodepth=4.5", "writr:bs=4k", "bs"])
    };
    assert_snapshot!(rendered(resolved(&source, &overrides), &source), @r#"
    error: no job is called `writr`
     --> command line:1:7
      |
    1 | --set writr:bs=4k
      |       ^^^^^
      |
      = help: did you mean `writer`?

    error: `--set` without a value
     --> command line:1:7
      |
    1 | --set bs
      |       ^^
      |
      = help: write `--set KEY=VALUE` or `--set JOB:KEY=VALUE`

    error: no engine is called `psinc`
     --> command line:1:10
      |
    1 | --engine psinc
      |          ^^^^^
      |
      = help: did you mean `psync`?
      = help: `iodyno engines` lists what is there

    error: iodepth: `4.5` is not a whole number
     --> command line:1:15
      |
    1 | --set iodepth=4.5
      |               ^^^
    "#);
}
