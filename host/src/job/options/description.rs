//! Options that name and describe a job.
//!
//! Part of the option table. `kb_base` is here because it says how the section itself is read:
//! `entries` looks at it before any value is parsed.

use super::{quoted, Category, JobOption, Kind, Scope, OPTION};

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "name",
        category: Category::Description,
        scope: Scope::Name,
        unset: "required: the section's header in fio's format, `name` in TOML",
        help: "Name of the job, unique in the run",
        doc: "In fio's format the header of the section is the name: `[writer]`. In TOML every \
              `[[job]]` has a `name`. Files that the job makes are called after it, and \
              `--set NAME:KEY=VALUE` speaks to it.",
        good: &["writer"],
        show: |job| Some(quoted(&job.name)),
        ..OPTION
    },
    JobOption {
        name: "description",
        category: Category::Description,
        kind: Kind::Text,
        unset: "no description",
        help: "Text about the job, repeated in the report",
        doc: "Has no effect on the run. In fio's format a `;` or `#` ends it.",
        good: &["nightly check of the new firmware"],
        apply: |draft, value| draft.description = Some(value.text().to_owned()),
        show: |job| job.description.as_deref().map(quoted),
        ..OPTION
    },
    JobOption {
        name: "kb_base",
        category: Category::Description,
        scope: Scope::Reading,
        kind: Kind::Choice(&[
            ("1024", "k, kB and Ki are 1024, KiB is 1000: fio's default"),
            ("1000", "k, kB and Ki are 1000, KiB is 1024"),
        ]),
        default: "1024",
        help: "What `k` means in fio's format: 1024 or 1000",
        doc: "Concerns the values of its own section, and of the sections that inherit it, in \
              fio's format only: in TOML and in `--set` the unit states it (KiB = 1024, kB = 1000, \
              a bare k = 1024). With 1024, `1KiB` is 1000 bytes, as in fio, and a warning says so.",
        good: &["1000", "1024"],
        bad: &["512", "", "1k"],
        ..OPTION
    },
];
