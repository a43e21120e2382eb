//! The next minor of the ABI, before there is one: made from the live header by appending a field
//! or callback to each struct that is likely to grow.
//!
//! Engines of 1.0 in a host of that minor; engines of that minor in today's host, which loads them
//! or says why not. What breaks a rule is refused in words that name struct, field, flag.

use iodyno_tests::{abi, programs, require, Scene};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Words that `docs/abi.md` has, too.
const FLAGS_WORDS: &str = "engine grown: flags 0x20000000000 are unknown to this iodyno and must \
    not be ignored; use a newer one";
const TYPE_WORDS: &str =
    "engine grown: option `speed`: type 12 is unknown to this iodyno; use a newer one";

/// The engine of the next minor with these definitions.
fn grown(scene: &Scene, definitions: &[&str]) -> String {
    let plugin = scene.at("grown.so");
    abi::grown_plugin(Path::new(&plugin), definitions);
    plugin
}

#[test]
fn abi_a_host_of_the_next_minor_runs_engines_of_1_0_and_of_its_own() {
    require!(c_compiler);
    let scene = Scene::new();
    let drive = |plugin: &str, name: &str| {
        let file = scene.at(name);
        abi::succeed(Command::new(abi::grown_host()).args([plugin, &file]))
    };
    for (name, plugin) in abi::frozen_engines() {
        assert_eq!(drive(plugin, name), format!("{name} 1.0 ok\n"));
    }
    let next = abi::minor() + 1;
    for need_minor in [0, next] {
        let plugin = grown(&scene, &[&format!("-DNEED_MINOR={need_minor}")]);
        assert_eq!(drive(&plugin, "grown"), format!("grown 1.{next} ok\n"));
    }
}

#[test]
fn abi_an_engine_of_the_next_minor_that_needs_no_more_runs_here() {
    require!(c_compiler);
    let scene = Scene::new();
    // Bits 30 and 31 are for hosts that know them; this one may ignore them.
    let plugin = grown(&scene, &["-DFLAGS=0x40000000", "-DCAPS_FLAGS=0x80000000u"]);
    let shown = scene.iodyno(["engines", "show", &plugin, "--json"]).run().expect(0);
    let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(shown["abi"], format!("1.{}", abi::minor() + 1));
    assert_eq!(shown["need_minor"], 0);
    assert!(shown["flags"].to_string().contains("unknown 0x40000000"), "{shown:#}");
    // Callbacks and options are those that this host knows.
    assert_eq!(shown["callbacks"].to_string(), r#"["init","cleanup","get_caps","queue"]"#);
    let target = scene.at("target");
    let job = format!(
        "[global]\nioengine={plugin}\nfilename={target}\nsize=1m\nspeed=fast\n\
         buffer_pattern=\"xyz\"\n[fill]\nrw=write\n[use]\nstonewall\nrw=randrw\n"
    );
    let document = scene.run_json(&job).clean();
    assert_eq!(document.ios(document.job("fill"), "write"), 256);
    let used = document.job("use");
    assert_eq!(document.ios(used, "read") + document.ios(used, "write"), 256);
    let block: Vec<u8> = b"xyz".iter().copied().cycle().take(4096).collect();
    let data = std::fs::read(&target).expect("the job wrote its file");
    assert!(data.len() == 1 << 20 && data.chunks(4096).all(|chunk| chunk == block));
}

#[test]
fn abi_what_does_not_fit_is_refused_by_name() {
    require!(c_compiler);
    let scene = Scene::new();
    let layout = "was compiled with another layout of the ABI: ";
    let cases: [(&str, &[&str]); 13] = [
        ("PLUGIN_SIZE=88", &["ioe_plugin.struct_size is 88, at least 96 is expected"]),
        ("OPS_SIZE=176", &["engines[0]: ioe_ops.struct_size is 176, at least 184"]),
        ("OPTION_SIZE=80", &["options[0]: ioe_option.struct_size is 80, at least 88"]),
        ("CHOICE_SIZE=24", &["choices[0]: ioe_choice.struct_size is 24, at least 32"]),
        ("LAYOUT_SIZE=20", &["ioe_layout.struct_size is 20, at least 24"]),
        ("FLAGS=0x20000000000", &[FLAGS_WORDS]),
        ("OPTION_TYPE=12", &[TYPE_WORDS]),
        ("LAYOUT_EDIT=ptr=4", &[layout, "the size of a pointer is 4, here it is 8"]),
        ("LAYOUT_EDIT=io_engine_data=80", &["the offset of ioe_io.engine_data is 80"]),
        ("LAYOUT_EDIT=io_size=88", &[layout, "the size of ioe_io is 88, 1.0 has 96"]),
        ("LAYOUT_EDIT=job_n_opts=52", &["the offset of ioe_job.n_opts is 52, here it is 56"]),
        ("LAYOUT_EDIT=ops_get_extension=168", &["the offset of ioe_ops.get_extension is 168"]),
        ("LAYOUT_EDIT=endian=0x0201", &["the byte order mark is 513, here it is 258"]),
    ];
    let page = programs::repo().join("docs/abi.md");
    let page = std::fs::read_to_string(page).expect("the page about the ABI");
    assert!(page.contains(FLAGS_WORDS) && page.contains(TYPE_WORDS), "docs/abi.md says it so");
    for (definition, words) in cases {
        let plugin = grown(&scene, &[&format!("-D{definition}")]);
        let shown = scene.iodyno(["engines", "show", &plugin]).run().expect(5);
        shown.says(&[&[plugin.as_str()], words].concat());
    }
}

#[test]
fn abi_an_instance_may_not_announce_what_must_not_be_ignored() {
    require!(c_compiler);
    let scene = Scene::new();
    let plugin = grown(&scene, &["-DCAPS_FLAGS=0x20000000000"]);
    let job = format!("[a]\nioengine={plugin}\nsize=1m\nrw=write\n");
    let words = ["get_caps", "sets flags that this iodyno does not know: 0x20000000000"];
    scene.run_json(&job).expect(5).says(&words).document();
}

#[test]
fn abi_a_minor_that_this_host_has_not_is_refused_with_both_numbers() {
    require!(c_compiler);
    let scene = Scene::new();
    let (now, next) = (abi::minor(), abi::minor() + 1);
    let offer = if now == 0 { "1.0".to_owned() } else { format!("1.0 to 1.{now}") };
    let words =
        format!("needs engine ABI 1.{next}, this iodyno offers {offer}; use a newer iodyno");
    let plugin = grown(&scene, &[&format!("-DNEED_MINOR={next}")]);
    scene.iodyno(["engines", "show", &plugin]).run().expect(5).says(&[&plugin, &words]);
    // The same through a run, whose report says it as well.
    let job = format!("[a]\nioengine={plugin}\nsize=1m\n");
    let outcome = scene.run_json(&job).expect(5).says(&[&words]);
    assert!(outcome.document().errors().contains(&words), "{outcome}");
}
