//! What is contradictory or without effect in the load itself: blocks, order, zones, syncs.
//!
//! Called by `checks` for each job. Looks at what the options made together, and at who gave them.

use super::super::diagnostic::{push_once, Diagnostic};
use super::super::spec::{Amount, Distribution, LoadSpec, RandomGenerator};
use super::Judged;
use crate::units::Bytes;

pub(super) fn check(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    blocks(job, out);
    sequencer(job, out);
    chance(job, out);
    zones(job, out);
    syncs(job, out);
    let load = &job.draft.load;
    let in_percent = |amount: Option<Amount>| matches!(amount, Some(Amount::Percent(_)));
    let any_percent = in_percent(load.offset) || in_percent(load.offset_increment);
    if load.offset_align != Bytes(0) && !any_percent {
        job.no_effect("offset_align", "no offset is given in percent", out);
    }
    if load.fill_device && !load.rw.writes() {
        let message = format!("`fill_device` fills with writes, and `rw={}`", load.rw.name());
        job.refuse("fill_device", "rw", &message, "write `rw=write`", out);
    }
}

fn blocks(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let load = &job.draft.load;
    job.exclude("bs", "bsrange", out);
    // A split for some of the directions leaves the others to `bs`.
    let splits = load.bssplit.iter().filter(|(_, shares)| !shares.is_empty()).count();
    if splits == 0 || splits == 3 {
        job.exclude("bs", "bssplit", out);
        job.exclude("bsrange", "bssplit", out);
    }
    let ranges = load.bs.iter().filter(|(_, bs)| bs.min != bs.max).count();
    if load.bs_unaligned && ranges == 0 {
        job.no_effect("bs_unaligned", "no `bsrange` is given", out);
    }
}

fn sequencer(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let load = &job.draft.load;
    if load.seq_nr == 0 {
        let why = match load.rw.is_random() {
            true => format!("no number stands behind `rw={}`", load.rw.name()),
            false => sequential(load),
        };
        job.no_effect("rw_sequencer", &why, out);
    }
}

fn sequential(load: &LoadSpec) -> String {
    format!("`rw={}` is sequential", load.rw.name())
}

/// What chance is asked for where nothing is left to it.
fn chance(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let load = &job.draft.load;
    if load.rw.is_random() {
        let by_law = load.random_distribution.iter().any(|(_, law)| *law != Distribution::Random);
        if by_law && load.random_generator == RandomGenerator::Lfsr {
            job.no_effect("random_generator", "blocks repeat by `random_distribution`", out);
        }
        return;
    }
    let laws = &load.random_distribution;
    for (name, active) in [
        ("random_distribution", laws.iter().any(|(_, law)| *law != Distribution::Random)),
        ("percentage_random", load.percentage_random.iter().any(|(_, percent)| *percent != 100)),
        ("norandommap", load.norandommap),
        ("random_generator", load.random_generator != RandomGenerator::Tausworthe),
        ("blockalign", load.blockalign.iter().any(|(_, align)| align.is_some())),
    ] {
        if active {
            job.no_effect(name, &sequential(load), out);
        }
    }
}

fn zones(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let zones = &job.draft.zones;
    let none = Bytes(0);
    if !zones.zbd {
        without_zbd(job, out);
    }
    if zones.zbd {
        return with_zbd(job, out);
    }
    if !zones.strided {
        let given =
            [("zonesize", zones.size), ("zonerange", zones.range), ("zoneskip", zones.skip)];
        for (name, _) in given.into_iter().filter(|(_, bytes)| *bytes != none) {
            if job.said("zonemode").is_some() {
                job.no_effect(name, "`zonemode=none`", out);
            } else {
                let message = format!("`{name}` needs `zonemode=strided`");
                let error = Diagnostic::error(message).at(job.place(name));
                push_once(out, error.help("write `zonemode=strided` beside it"));
            }
        }
        return;
    }
    if zones.size == none {
        let error = Diagnostic::error("`zonemode=strided` needs `zonesize`");
        let help = "`zonesize=1m`: so much is transferred in a zone before the next one";
        push_once(out, error.at(job.place("zonemode")).help(help));
        return;
    }
    if zones.range != none && zones.range < zones.size {
        let message = format!(
            "`zonerange` is {} bytes, less than the {} bytes of `zonesize`",
            zones.range.0, zones.size.0
        );
        job.refuse("zonerange", "zonesize", &message, "a zone holds what is done in it", out);
    }
    let block = job.draft.block_min();
    if zones.size < block {
        let message = format!(
            "`zonesize` is {} bytes, less than one block of {} bytes",
            zones.size.0, block.0
        );
        push_once(out, Diagnostic::error(message).at(job.place("zonesize")));
    }
}

/// What only zones of a device have.
const OF_ZBD: [&str; 6] = [
    "max_open_zones",
    "job_max_open_zones",
    "ignore_zone_limits",
    "zone_reset_threshold",
    "zone_reset_frequency",
    "read_beyond_wp",
];

fn without_zbd(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    for name in OF_ZBD.into_iter().filter(|name| job.said(name).is_some()) {
        if job.said("zonemode").is_some() {
            job.no_effect(name, "zonemode is not zbd", out);
            continue;
        }
        let message = format!("`{name}` needs `zonemode=zbd`");
        let error = Diagnostic::error(message).at(job.place(name));
        push_once(out, error.help("write `zonemode=zbd` beside it"));
    }
}

fn with_zbd(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let (zones, load) = (&job.draft.zones, &job.draft.load);
    if zones.range != Bytes(0) {
        job.no_effect("zonerange", "with `zonemode=zbd` zones are as the device has them", out);
    }
    let refused = [
        (load.rw.is_trimwrite(), "rw", "a trim empties a whole zone, and no block of it"),
        (load.seq_add != 0, "rw", "zones are written without holes"),
        (load.fill_device, "fill_device", "a zone that is full is reset"),
        (load.bs_unaligned, "bs_unaligned", "zones are written in whole blocks of the device"),
    ];
    for (_, name, why) in refused.into_iter().filter(|(is_refused, ..)| *is_refused) {
        let message = format!("`{name}` with `zonemode=zbd`: {why}");
        job.refuse(name, "zonemode", &message, "leave one of them out", out);
    }
    if load.rw.is_random() && zones.skip != Bytes(0) {
        job.no_effect("zoneskip", "random loads leave no zones out", out);
    }
    let (above, often) = (zones.of_zbd.reset_threshold, zones.of_zbd.reset_frequency);
    if above > 0.0 && often == 0.0 {
        let error = Diagnostic::error("`zone_reset_threshold` without `zone_reset_frequency`");
        let error = error.at(job.place("zone_reset_threshold"));
        push_once(out, error.help("`zone_reset_frequency=0.01`: a reset after each 100 writes"));
    }
    let writes = load.rw.writes();
    if !writes {
        let why = format!("`rw={}` never writes", load.rw.name());
        for name in &OF_ZBD[..5] {
            let is_said = job.said(name).is_some();
            if is_said {
                job.no_effect(name, &why, out);
            }
        }
    }
}

/// Syncs of what is never written.
fn syncs(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let load = &job.draft.load;
    if load.rw.writes() {
        return;
    }
    let why = format!("`rw={}` never writes", load.rw.name());
    let trims = load.rw.trims();
    for (name, active) in [
        ("fsync", load.fsync > 0),
        ("fdatasync", load.fdatasync > 0),
        ("sync_file_range", load.sync_file_range.is_some()),
        ("write_barrier", load.write_barrier > 0),
        ("end_fsync", load.end_fsync && !trims),
        ("fsync_on_close", job.draft.target.fsync_on_close && !trims),
    ] {
        if active {
            job.no_effect(name, &why, out);
        }
    }
}
