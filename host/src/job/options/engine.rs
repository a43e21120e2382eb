//! Options that choose the engine and say how it is treated.
//!
//! Part of the option table. The engines' own options are not here: they come with the plugin.
//! `resolve` looks the engine up before the other options are applied.

use super::super::spec::Isolation;
use super::{nanos, quoted, Category, JobOption, Kind, Scope, OPTION};
use crate::units::Nanos;

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "ioengine",
        category: Category::Engine,
        kind: Kind::Text,
        default: "psync",
        help: "Engine that does the I/O: a name or a plugin's path",
        doc: "A name is looked up in the engine directories (`iodyno engines` lists what is \
              there). A path with a slash, also in fio's spelling `external:PATH`, loads that \
              file. `PLUGIN-ID:NAME` is unambiguous where two plugins offer one name. The engine's \
              own options (`iodyno engines show NAME`) are written as they are, or as `NAME.key`: \
              then they apply only while that engine is chosen.",
        good: &["psync", "./libmy_engine.so", "external:/opt/e.so"],
        apply: |draft, value| draft.engine_asked = value.text().to_owned(),
        show: |job| Some(quoted(&job.engine.asked)),
        ..OPTION
    },
    JobOption {
        name: "engine_sha256",
        category: Category::Engine,
        kind: Kind::Sha256,
        unset: "any content is loaded that passes the trust rules",
        help: "Load the plugin only if its content has this SHA-256",
        doc: "The bytes are read once, hashed, and loaded from a sealed copy: what was checked is \
              what runs. 64 hex digits, as `sha256sum` and `iodyno engines show` print them.",
        good: &["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
        bad: &["", "abc", "g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
        apply: |draft, value| draft.engine_pin = Some(value.text().to_owned()),
        show: |job| job.engine.pin.as_deref().map(quoted),
        ..OPTION
    },
    JobOption {
        name: "engine_timeout",
        category: Category::Engine,
        kind: Kind::Time,
        unset: "no limit: a callback that takes 30 s is only noted",
        help: "A callback of the engine that takes longer is a fault",
        doc: "Also a fault: requests are in flight and the engine hands none of them back for so \
              long; or the plugin cannot be loaded and set up within that time. A slow device is \
              no fault by itself, an fsync may take minutes, so there is no limit by default; 0 is \
              no limit either. A bare number is seconds.",
        good: &["30", "500ms"],
        bad: &["", "-1", "soon"],
        apply: |draft, value| {
            draft.engine_timeout = Some(value.time()).filter(|time| *time != Nanos(0));
        },
        show: |job| job.engine.timeout.map(nanos),
        ..OPTION
    },
    JobOption {
        name: "isolation",
        category: Category::Engine,
        scope: Scope::Global,
        kind: Kind::Choice(&[
            ("run", "one process for the engines of all jobs"),
            ("job", "a process for each job: a crash costs one job"),
            ("none", "no process of its own, for debuggers and profilers"),
        ]),
        default: "run",
        help: "Which jobs share a process",
        doc: "In `[global]` only. Engines run in processes of their own, so that one that crashes \
              takes no measurement with it. `none` gives that up, for debuggers and profilers.",
        good: &["run", "job", "none"],
        bad: &["", "process"],
        apply: |draft, value| {
            draft.isolation = match value.text() {
                "job" => Isolation::Job,
                "none" => Isolation::None,
                _ => Isolation::Run,
            };
        },
        ..OPTION
    },
];
