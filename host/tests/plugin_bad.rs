//! Plugins that must not be used: each is refused in words, with the right status, by the built
//! program.
//!
//! The files are made by these tests; nothing here needs an engine of the project.

mod plugin;

use plugin::{assert_refused, json, set_mode, show, Workshop};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

#[test]
fn a_good_one_is_described() {
    let shop = Workshop::new();
    let path = shop.plugin("good.so", &[]);
    let facts = json(&path, &[]);
    assert_eq!(facts["name"], "faulty");
    assert_eq!(facts["id"], "org.example.faulty");
    assert_eq!(facts["abi"], "1.0");
    assert_eq!(facts["flags"], serde_json::json!(["synchronous"]));
    assert_eq!(facts["callbacks"], serde_json::json!(["queue"]));
    assert_eq!(facts["options"][0]["choices"][1]["name"], "slow");
    assert_eq!(facts["options"][1]["range"], serde_json::json!([0, 10]));
    assert_eq!(facts["path"], path.to_str().unwrap());
    assert_eq!(facts["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(facts["trust"], "trusted");
    assert_eq!(facts["warnings"], serde_json::json!([]));
    let page = show(&path, &[]);
    assert!(page.stdout.contains("mode=CHOICE  default fast"), "{}", page.stdout);
}

#[test]
fn what_is_no_plugin_file() {
    let shop = Workshop::new();
    assert_refused(shop.dir().join("missing.so"), &[], 2, &["missing.so: no such file"]);
    assert_refused("", &[], 2, &["empty"]);
    assert_refused("external:", &[], 2, &["empty"]);
    assert_refused(format!("/{}", "x".repeat(5000)), &[], 2, &["at most 4095"]);
    assert_refused(shop.dir(), &[], 5, &["is a directory, not a plugin"]);
    assert_refused(shop.file("t.so", b"just text\n"), &[], 5, &["is a text file"]);
    assert_refused(shop.file("e.so", b""), &[], 5, &["is an empty file"]);
    assert_refused(shop.file("s.so", b"#!/bin/sh\n"), &[], 5, &["is a script"]);
    assert_refused(shop.file("h.so", b"\x7fELF"), &[], 5, &["truncated", "the ELF header"]);
    symlink("loop.so", shop.dir().join("loop.so")).unwrap();
    assert_refused(shop.dir().join("loop.so"), &[], 5, &["loop.so", "symbolic links"]);
    let fifo = shop.dir().join("fifo.so");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    assert_refused(fifo, &[], 5, &["is a named pipe"]);
    assert_refused(env!("CARGO_BIN_EXE_iodyno"), &[], 5, &["is a program"]);
}

#[test]
fn damaged_and_foreign_files() {
    let shop = Workshop::new();
    let whole = fs::read(shop.plugin("whole.so", &[])).unwrap();
    for (n, len) in [64, 100, 600, whole.len() / 2, whole.len() - 1].into_iter().enumerate() {
        let path = shop.file(&format!("cut{n}.so"), &whole[..len]);
        assert_refused(path, &[], 5, &["is truncated", "ends at byte"]);
    }
    let patched = |name: &str, at: usize, bytes: &[u8]| {
        let mut copy = whole.clone();
        copy[at..at + bytes.len()].copy_from_slice(bytes);
        shop.file(name, &copy)
    };
    // e_machine is at 18, e_type at 16, class and byte order at 4 and 5.
    let foreign = if cfg!(target_arch = "aarch64") { 62_u16 } else { 183 };
    let path = patched("machine.so", 18, &foreign.to_le_bytes());
    assert_refused(path, &[], 5, &["is compiled for", "rebuild the plugin for it"]);
    assert_refused(patched("type.so", 16, &[1, 0]), &[], 5, &["object file", "-shared"]);
    assert_refused(patched("class.so", 4, &[1]), &[], 5, &["is compiled for 32 bits"]);
    assert_refused(patched("order.so", 5, &[2]), &[], 5, &["other byte order (big-endian)"]);
}

#[test]
fn what_linking_did_wrong() {
    let shop = Workshop::new();
    let path = shop.plugin("stack.so", &["-Wl,-z,execstack"]);
    assert_refused(path, &[], 5, &["executable stack", "noexecstack"]);
    if cfg!(target_arch = "x86_64") {
        // Elsewhere the linker refuses to make such a file at all.
        let args = ["-fno-pic", "-mcmodel=large", "-Wl,-z,notext"];
        assert_refused(shop.plugin("text.so", &args), &[], 5, &["text relocations", "-fPIC"]);
    }
    let path = shop.plugin("empty.so", &["-DEMPTY"]);
    assert_refused(path, &[], 5, &["does not export ioe_plugin_entry_v1"]);
    let path =
        shop.plugin("hidden.so", &["-DIOE_EXPORT=", "-fvisibility=hidden", "-include", "stddef.h"]);
    let said = show(&path, &[]);
    // The header defines IOE_EXPORT itself, so hiding everything must not hide the entry.
    assert_eq!(said.status, 0, "{}", said.stderr);
    let path = shop.plugin("fio.so", &["-DFIO"]);
    let words = "this is an engine for fio; rebuild it against iodyno_engine.h";
    assert_refused(path, &[], 5, &[words]);
    let path = shop.plugin("v2.so", &["-DENTRY=ioe_plugin_entry_v2"]);
    assert_refused(path, &[], 5, &["engine ABI major 2, this iodyno speaks 1"]);
    let path = shop.plugin("unresolved.so", &["-DCONSTRUCTOR=nowhere_to_be_found()"]);
    assert_refused(path, &[], 5, &["cannot be loaded", "undefined symbol: nowhere_to_be_found"]);
    let path = shop.plugin("sysv.so", &["-Wl,--hash-style=sysv"]);
    assert_eq!(json(&path, &[])["name"], "faulty");
}

#[test]
fn what_does_not_fit_this_host() {
    let shop = Workshop::new();
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("magic", &["-DMAGIC=7"], &["IOE_MAGIC", "0x7"]),
        ("size", &["-DSIZE=40"], &["ioe_plugin.struct_size is 40, at least 96"]),
        ("major", &["-DMAJOR=2"], &["speaks engine ABI 2.0, this iodyno speaks 1.x"]),
        ("minor", &["-DNEED_MINOR=7"], &["needs engine ABI 1.7, this iodyno offers 1.0"]),
        ("layout", &["-DIN_ENTRY=layout.ops_get_extension-=8"], &["ioe_ops.get_extension"]),
        ("pointers", &["-DIN_ENTRY=layout.ptr=4"], &["the size of a pointer is 4, here it is 8"]),
        ("nolayout", &["-DIN_ENTRY=plugin.layout=0"], &["ioe_layout is NULL"]),
        ("noid", &["-DIN_ENTRY=plugin.id=0"], &["its id is ``"]),
        ("latin", &["-DIN_ENTRY=plugin.version=\"\\xff\""], &["ioe_plugin.version: not UTF-8"]),
        ("none", &["-DIN_ENTRY=plugin.n_engines=0"], &["carries no engine"]),
        ("many", &["-DIN_ENTRY=plugin.n_engines=-1"], &["4294967295 times ioe_ops"]),
        (
            "says-no",
            &["-DIN_ENTRY=strncpy(err,\"needs a newer kernel\",errcap);return 0"],
            &["refuses this iodyno: needs a newer kernel"],
        ),
        ("null", &["-DIN_ENTRY=return 0"], &["answered NULL and gave no reason"]),
    ];
    for (name, args, words) in cases {
        let path = shop.plugin(&format!("{name}.so"), args);
        assert_refused(path, &[], 5, words);
    }
}

#[test]
fn engines_that_break_the_contract() {
    let shop = Workshop::new();
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("queue", &["-DQUEUE=0"], &["engine faulty: no queue handler"]),
        (
            "getevents",
            &["-DFLAGS=0"],
            &["engine faulty: no getevents handler", "can say IOE_F_SYNC and needs queue alone"],
        ),
        ("flags", &["-DFLAGS=IOE_F_SYNC|1ull<<50"], &["flags 0x4000000000000 are unknown"]),
        ("name", &["-DNAME=\"Bad Name\"", "-DID=\"a.b\""], &["`Bad Name` is no engine name"]),
        ("type", &["-DOPTION_TYPE=99"], &["option `odd`: type 99 is unknown"]),
        ("range", &["-DBAD_DEFAULT=\"11\""], &["option `delay`: default `11`: outside its range"]),
        ("kind", &["-DBAD_DEFAULT=\"x\""], &["option `delay`: default `x`: no whole number"]),
        (
            "twice",
            &["-DTWO", "-DSECOND=\"faulty\""],
            &["engine faulty: the plugin has two of that"],
        ),
    ];
    for (name, args, words) in cases {
        let path = shop.plugin(&format!("{name}.so"), args);
        assert_refused(path, &[], 5, words);
    }
}

#[test]
fn constructors_and_entries_that_end_the_process() {
    let shop = Workshop::new();
    let cases: &[(&str, &str, &[&str])] = &[
        ("crash", "-DCONSTRUCTOR=raise(SIGSEGV)", &["crashed while being loaded", "SIGSEGV"]),
        ("abort", "-DIN_ENTRY=abort()", &["crashed in its entry function", "SIGABRT"]),
        ("wild", "-DIN_ENTRY=plugin.id=(void*)8", &["crashed while its tables were read: SIGSEGV"]),
        (
            "exit",
            "-DCONSTRUCTOR=_exit(0)",
            &["ended the process while being loaded", "exit status 0", "without a report"],
        ),
        ("quit", "-DIN_ENTRY=exit(3)", &["in its entry function", "exit status 3"]),
        ("words", "-DIN_ENTRY=puts(\"so long\");exit(0)", &["it printed: so long"]),
        // It closes our pipe and everything else, and leaves.
        ("close", "-DCONSTRUCTOR=close_range(0,~0u,0);_exit(0)", &["without a report"]),
    ];
    for (name, arg, words) in cases {
        let path = shop.plugin(&format!("{name}.so"), &[arg, "-D_GNU_SOURCE"]);
        assert_refused(path, &[], 5, words);
    }
}

#[test]
fn a_constructor_that_hangs() {
    let shop = Workshop::new();
    let path = shop.plugin("hang.so", &["-DCONSTRUCTOR=signal(SIGTERM,SIG_IGN);for(;;)pause()"]);
    assert_refused(path, &[], 5, &["hung while being loaded", "no answer within 5 s"]);
}

#[test]
fn a_panic_in_the_entry() {
    let shop = Workshop::new();
    let source = shop.file(
        "panics.rs",
        br#"
        #[no_mangle]
        pub extern "C" fn ioe_plugin_entry_v1(_: usize, _: usize, _: usize) -> usize {
            panic!("out of coffee")
        }
        "#,
    );
    let path = shop.dir().join("panics.so");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--crate-type=cdylib", "--edition=2021", "-o"])
        .arg(&path)
        .arg(source)
        .output()
        .expect("rustc, which building iodyno needs as well");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    set_mode(&path, 0o755);
    assert_refused(path, &[], 5, &["crashed in its entry function: SIGABRT", "out of coffee"]);
}

#[test]
fn prints_are_caught_and_told() {
    let shop = Workshop::new();
    let print = "-DCONSTRUCTOR=printf(\"buy now\");fprintf(stderr,\" and here\")";
    let path = shop.plugin("prints.so", &[print]);
    let facts = json(&path, &[]);
    let warning = facts["warnings"][0].as_str().unwrap();
    assert!(warning.contains("buy now") && warning.contains("and here"), "{warning}");
}

#[test]
fn a_plugin_that_starts_processes_delays_nobody() {
    let shop = Workshop::new();
    let path = shop.plugin("forks.so", &["-DCONSTRUCTOR=if(!fork()){sleep(60);_exit(0);}"]);
    let begun = std::time::Instant::now();
    assert_eq!(json(&path, &[])["name"], "faulty");
    assert!(begun.elapsed().as_secs() < 30);
}

#[test]
fn a_file_that_changes_while_it_is_probed() {
    let shop = Workshop::new();
    let path = shop.dir().join("changes.so");
    let touch = format!("-DCONSTRUCTOR=chmod(\"{}\",0700)", path.display());
    shop.plugin("changes.so", &[&touch]);
    assert_refused(path, &[], 5, &["the file has changed since it was probed"]);
}
