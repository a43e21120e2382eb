//! Messages as they appear on standard error, line and column included.

use super::*;
use insta::assert_snapshot;

#[test]
fn unknown_option() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\niodeth=4\n")), @"");
}

#[test]
fn unknown_option_in_toml() {
    assert_snapshot!(told(&toml("[[job]]\nname = \"a\"\nsize = \"1m\"\niodeth = 4\n")), @"");
}

#[test]
fn unknown_engine() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\nioengine=psycn\n")), @"");
}

#[test]
fn engine_that_cannot_be_used() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\nioengine=broken\n")), @"");
}

#[test]
fn duplicate_key() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\nrw=read\nreadwrite=write\n")), @"");
}

#[test]
fn duplicate_key_in_toml() {
    assert_snapshot!(told(&toml("[[job]]\nname = \"a\"\nbs = 1\nbs = 2\n")), @"");
}

#[test]
fn values_of_the_wrong_kind() {
    let text = "[a]\nsize=1m\nbs=4x\niodepth=4.5\nnumjobs=0\nrwmixread=130 ; percent\n";
    assert_snapshot!(told(&ini(text)), @"");
}

#[test]
fn one_of_several_values() {
    let text = "[[job]]\nname = \"a\"\nsize = \"1m\"\nbs = [\"4KiB\", \"8q\"]\n";
    assert_snapshot!(told(&toml(text)), @"");
}

#[test]
fn reversed_range() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\nbsrange=64k-4k\n")), @"");
}

#[test]
fn broken_header() {
    assert_snapshot!(told(&ini("[a\nsize=1m\nbs=4x\n[b]\nsize=1m\n")), @"");
}

#[test]
fn broken_header_in_toml() {
    assert_snapshot!(told(&toml("[[job]\nname = \"a\"\n")), @"");
}

#[test]
fn no_jobs() {
    assert_snapshot!(told(&ini("[global]\nsize=1m\n")), @"");
}

#[test]
fn two_jobs_of_one_name() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\n[b]\nsize=1m\n[a]\nsize=2m\n")), @"");
}

#[test]
fn one_way_with_a_mix() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\nrw=randread\nrwmixread=70\n")), @"");
    let inherited = "[global]\nrwmixread=70\n[a]\nsize=1m\nrw=randread\n";
    assert_snapshot!(told(&ini(inherited)), @"");
}

#[test]
fn known_but_not_there_yet() {
    assert_snapshot!(told(&ini("[a]\nsize=1m\nverify=crc32c\nbuffered=1\n")), @"");
}

#[test]
fn the_surprise_of_kib() {
    assert_snapshot!(told(&ini("[a]\nsize=1MiB\n")), @"");
}

#[test]
fn option_of_another_engine() {
    let text = "[a]\nioengine=null\nsize=1m\nlatency=1us\n[b]\nsize=1m\nlatency=1us\n";
    assert_snapshot!(told(&ini(text)), @"");
}

#[test]
fn null_needs_a_size() {
    assert_snapshot!(told(&ini("[a]\nioengine=null\nrw=randread\n")), @"");
}

#[test]
fn the_command_line() {
    let source = ini("[writer]\nsize=1m\n");
    let overrides = Overrides {
        engine: Some("psinc".to_owned()),
        ..sets(&["iodepth=4.5", "writr:bs=4k", "bs"])
    };
    assert_snapshot!(rendered(resolved(&source, &overrides), &source), @"");
}
