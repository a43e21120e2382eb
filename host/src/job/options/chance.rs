//! Options that say which request comes next: mix, chance, files in turn.
//!
//! Part of the option table. Laws and their parameters are judged when they are read; what they are
//! worth for the load at hand is told by `checks`.

use super::super::shapes;
use super::super::spec::RandomGenerator;
use super::super::value::Value;
use super::{per_dir, quoted, some_dirs, Category, JobOption, Kind, OPTION};
use crate::ddir::Ddir;

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "rwmixread",
        category: Category::Chance,
        kind: Kind::Count { min: 0, max: 100 },
        default: "50",
        help: "Percent of a mixed load's requests that read",
        doc: "Only for rw and randrw. Of `rwmixread` and `rwmixwrite` the later one wins; in one \
              section they have to add up to 100.",
        good: &["70", "0", "100"],
        bad: &["", "130", "-1", "50%", "0.5"],
        apply: |draft, value| {
            draft.mix_percent.0 = percent(value);
            draft.load.rwmixread = percent(value);
        },
        show: |job| job.load.rw.is_mixed().then(|| job.load.rwmixread.to_string()),
        ..OPTION
    },
    JobOption {
        name: "rwmixwrite",
        category: Category::Chance,
        kind: Kind::Count { min: 0, max: 100 },
        unset: "100 - `rwmixread`",
        help: "Percent of a mixed load's requests that write",
        doc: "See `rwmixread`.",
        good: &["30"],
        bad: &["", "101", "-1"],
        apply: |draft, value| {
            draft.mix_percent.1 = percent(value);
            draft.load.rwmixread = 100 - percent(value);
        },
        ..OPTION
    },
    JobOption {
        name: "percentage_random",
        category: Category::Chance,
        kind: Kind::CountPerDir { min: 0, max: 100 },
        default: "100",
        help: "Percent of a random load's requests whose offset is random",
        doc: "Per direction, as `bs`. The other requests follow the one before; 0 is a sequential \
              load. No effect where `rw` is sequential, and a warning says so.",
        good: &["70", "0", "100,50"],
        bad: &["", "101", "-1", "50%"],
        apply: |draft, value| {
            let given = value.per_dir();
            for ddir in Ddir::DATA {
                if let Some(percent) = given[ddir].and_then(|percent| u8::try_from(percent).ok()) {
                    draft.load.percentage_random[ddir] = percent;
                }
            }
        },
        show: |job| Some(per_dir(job.load.percentage_random, |percent| percent.to_string())),
        ..OPTION
    },
    JobOption {
        name: "random_distribution",
        category: Category::Chance,
        kind: Kind::Distribution,
        default: "random",
        help: "Law by which random offsets fall",
        doc: "random: everywhere alike. `zipf:THETA`, THETA above 0 and not 1; `pareto:H`, H \
              between 0 and 1; `normal:DEVIATION`, in percent of the region, above 0 and at most \
              100. A second number, 0 to 1, is where in the region the law has its middle \
              (`zipf:1.2:0.25`); without it zipf and pareto spread their frequent blocks over the \
              region, and normal has its middle at 0.5. `zoned:60/10:40/90`: 60 percent of the \
              accesses to the first 10 percent of the region, 40 to the next 90; both sides add up \
              to 100. `zoned_abs:60/20g:40/100g`: the same with sizes in bytes; what is behind the \
              last zone is never touched, a zone that reaches beyond the region is cut there, and \
              one that begins beyond it is an error. All but random let blocks repeat. Per \
              direction as `bs`; up to 256 zones.",
        fio: "zipf, pareto and normal need their number; a deviation of 0 is an error; \
              laws are exact, where fio draws near to them; a law with a middle is not spread over \
              the region, and normal never is.",
        good: &["zipf:1.2", "random", "pareto:0.9", "normal:10:0.25", "zoned:60/10:40/90"],
        bad: &[
            "",
            "zipf",
            "zipf:0",
            "zipf:1",
            "zipf:-1",
            "zipf:nan",
            "zipf:1.2:2",
            "pareto:1",
            "pareto:0",
            "normal:0",
            "normal:101",
            "normal:5:-0.1",
            "zoned:60/10:30/90",
            "zoned:60/10:40/80",
            "zoned:60/0:40/100",
            "zoned_abs:100/0",
            "zoned",
            "uniform",
            "random:1",
        ],
        apply: |draft, value| {
            let Value::Distribution(given) = value else { unreachable!("a distribution") };
            for ddir in Ddir::DATA {
                if let Some(distribution) = &given[ddir] {
                    draft.load.random_distribution[ddir].clone_from(distribution);
                }
            }
        },
        show: |job| {
            some_dirs(&job.load.random_distribution, |law| {
                Some(quoted(&shapes::show_distribution(law, super::bytes)))
            })
        },
        ..OPTION
    },
    JobOption {
        name: "random_generator",
        category: Category::Chance,
        kind: Kind::Choice(&[
            ("tausworthe", "fio's default"),
            ("lfsr", "each block once, also with `norandommap`"),
            ("tausworthe64", "the same as tausworthe here"),
        ]),
        default: "tausworthe",
        help: "Whether random blocks may repeat, in fio's words",
        doc: "Names of fio's generators. What they decide here is only whether each block comes \
              once before any comes again: with lfsr it does in any case, with the others unless \
              `norandommap` is set.",
        fio: "the sequences are not fio's, whatever the generator.",
        good: &["lfsr", "tausworthe", "tausworthe64"],
        bad: &["", "mt19937"],
        apply: |draft, value| {
            draft.load.random_generator = match value.text() {
                "lfsr" => RandomGenerator::Lfsr,
                "tausworthe64" => RandomGenerator::Tausworthe64,
                _ => RandomGenerator::Tausworthe,
            };
        },
        show: |job| {
            Some(quoted(match job.load.random_generator {
                RandomGenerator::Tausworthe => "tausworthe",
                RandomGenerator::Lfsr => "lfsr",
                RandomGenerator::Tausworthe64 => "tausworthe64",
            }))
        },
        ..OPTION
    },
    JobOption {
        name: "norandommap",
        category: Category::Chance,
        kind: Kind::Flag,
        default: "0",
        help: "Random blocks may repeat before all were touched",
        doc: "By default a random load touches each block once before it starts over, which costs \
              a bit of memory for each block.",
        good: &["1", "0"],
        bad: &["yes", "2"],
        apply: |draft, value| draft.load.norandommap = value.bool(),
        show: |job| Some(job.load.norandommap.to_string()),
        ..OPTION
    },
    JobOption {
        name: "randrepeat",
        aliases: &["allrandrepeat"],
        category: Category::Chance,
        kind: Kind::Bool,
        default: "1",
        help: "Draw the same random sequence in each run",
        doc: "With 0 each run draws its own; the report then holds the seed. A `randseed` that is \
              given is used in any case.",
        good: &["1", "0"],
        bad: &["yes", "2", ""],
        apply: |draft, value| draft.load.randrepeat = value.bool(),
        show: |job| Some(job.load.randrepeat.to_string()),
        ..OPTION
    },
    JobOption {
        name: "randseed",
        category: Category::Chance,
        kind: Kind::Count { min: 0, max: u64::MAX },
        default: "0x89",
        help: "Seed of everything that is drawn at random",
        doc: "Clones derive their own seeds from it. Equal seeds and equal options give equal \
              sequences of requests.",
        fio: "the sequences are not fio's.",
        good: &["42", "0x89"],
        bad: &["", "-1", "seed"],
        apply: |draft, value| draft.load.randseed = value.count(),
        show: |job| job.load.randrepeat.then(|| job.load.randseed.to_string()),
        ..OPTION
    },
    JobOption {
        name: "file_service_type",
        category: Category::Chance,
        kind: Kind::FileChoice,
        default: "roundrobin",
        help: "Which file of the job comes next",
        doc:
            "roundrobin: in turn; random: any; sequential: one to its end, then the next. A number \
              behind it is how many requests go to a file before the next is chosen \
              (`random:8`). `zipf:THETA`, `pareto:H` and `normal:DEVIATION` (or gauss) draw the \
              file by that law, see `random_distribution`.",
        fio: "zipf, pareto and normal need their number; the first file is the most frequent, of \
              normal the middle one.",
        good: &["roundrobin", "random:8", "sequential", "zipf:1.2", "pareto:0.9", "gauss:10"],
        bad: &["", "zipf", "zipf:1", "pareto:1.5", "normal:0", "random:0", "random:x", "lifo"],
        apply: |draft, value| {
            let Value::FileChoice(choice, every) = *value else { unreachable!("a choice") };
            draft.load.file_service = choice;
            draft.load.file_service_every = every;
        },
        show: |job| {
            let load = &job.load;
            Some(quoted(&shapes::show_file_choice(load.file_service, load.file_service_every)))
        },
        ..OPTION
    },
];

fn percent(value: &Value) -> u8 {
    u8::try_from(value.count()).unwrap_or_else(|_| unreachable!("at most 100"))
}
