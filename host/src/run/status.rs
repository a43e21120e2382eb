//! How the run stands, from the last two looks at the pages: for the live view. Called by
//! `control` at each tick. Looks at nothing itself: what it tells is in the tracks that
//! [`super::track`] keeps, so a status costs the workers nothing.

use super::control::Control;
use super::events::{Rate, Status};
use super::page::LiveSnapshot;
use super::track::Track;
use crate::ddir::Ddir;
use crate::job::spec::{JobSpec, Rw, TimeSpec};
use crate::stats::live::WorkerState;
use crate::units::Nanos;
use std::collections::BTreeMap;

/// The status of a stage.
pub(super) fn status(control: &Control<'_>, stage: u32, now_ns: u64, stuck: Vec<String>) -> Status {
    let ids: Vec<u32> = control.plan.stage(stage).map(|worker| worker.id).collect();
    let tracks: Vec<&Track> = ids.iter().map(|&id| &control.tracks[id as usize]).collect();
    let letters =
        control.plan.workers.iter().map(|worker| {
            letter(&control.tracks[worker.id as usize], control.job(worker.id).load.rw)
        });
    let running = tracks.iter().filter(|track| track.tid != 0 && !track.ended);
    let eta = stage_left(control, stage, |id| remaining(control, id, now_ns));
    let eta = eta.map(|eta| Nanos(eta.0.saturating_add(later_stages_ns(control, stage))));
    let elapsed = Nanos(control.started.elapsed().as_nanos() as u64);
    Status {
        elapsed,
        running: running.clone().count(),
        open_files: running.map(|track| track.live.open_files).fold(0, u64::saturating_add),
        letters: letters.collect(),
        done: eta.map(|eta| elapsed.0 as f64 / elapsed.0.saturating_add(eta.0).max(1) as f64),
        eta,
        rates: rates(&tracks),
        stuck,
    }
}

/// What remains of a stage whose workers need so long each once they have begun: who waits for
/// another job comes after it. None where any of them cannot tell.
fn stage_left(
    control: &Control<'_>,
    stage: u32,
    alone: impl Fn(u32) -> Option<Nanos>,
) -> Option<Nanos> {
    let mut of_jobs: BTreeMap<u32, u64> = BTreeMap::new();
    for worker in control.plan.stage(stage).filter(|it| !control.left_out[it.wave as usize]) {
        let begun = control.begun[worker.wave as usize];
        let after = control.plan.waves[worker.wave as usize].after.filter(|_| !begun);
        let lead_ns = after.and_then(|job| of_jobs.get(&job)).copied().unwrap_or(0);
        let left_ns = alone(worker.id)?.0.saturating_add(lead_ns);
        let of_job = of_jobs.entry(worker.job).or_default();
        *of_job = left_ns.max(*of_job);
    }
    Some(Nanos(of_jobs.into_values().max().unwrap_or(0)))
}

/// What the stages after this one will take, as far as their jobs say it.
fn later_stages_ns(control: &Control<'_>, stage: u32) -> u64 {
    let planned = |id: u32| {
        let time = control.job(id).time;
        Some(Nanos(time.runtime.map_or(0, |runtime| planned_ns(&time, runtime))))
    };
    let longest = |later| stage_left(control, later, planned).map_or(0, |left| left.0);
    (stage + 1..control.plan.stages).map(longest).fold(0, u64::saturating_add)
}

/// From the common start to the end; the longest of the delays that clones may draw.
fn planned_ns(time: &TimeSpec, runtime: Nanos) -> u64 {
    let phases_ns = runtime.0.saturating_add(time.ramp_time.0);
    phases_ns.saturating_add(time.startdelay.1 .0)
}

/// fio's letter of a worker.
fn letter(track: &Track, rw: Rw) -> char {
    if track.ended {
        return if track.failed { 'X' } else { '_' };
    }
    match WorkerState::from_u64(track.live.state) {
        WorkerState::Planned => 'P',
        WorkerState::Setup => 'C',
        WorkerState::Ready => 'I',
        WorkerState::Ramp => '/',
        WorkerState::Drain => 'F',
        WorkerState::Verify => 'V',
        WorkerState::Teardown => 'f',
        WorkerState::Done => '_',
        WorkerState::Failed => 'X',
        WorkerState::Measure => match rw {
            Rw::Read => 'R',
            Rw::RandRead => 'r',
            Rw::Write => 'W',
            Rw::RandWrite => 'w',
            Rw::Rw => 'M',
            Rw::RandRw => 'm',
            Rw::Trim | Rw::TrimWrite => 'D',
            Rw::RandTrim | Rw::RandTrimWrite => 'd',
        },
    }
}

/// What remains of a worker of this stage; none where it cannot be told yet.
fn remaining(control: &Control<'_>, id: u32, now_ns: u64) -> Option<Nanos> {
    let track = &control.tracks[id as usize];
    if track.ended {
        return Some(Nanos(0));
    }
    if WorkerState::from_u64(track.live.state) == WorkerState::Verify {
        return read_back_left(&track.live, now_ns);
    }
    let job = control.job(id);
    let by_time = time_left(job, &track.live, now_ns);
    let by_amount = if job.time.time_based { None } else { amount_left(&track.live, now_ns) };
    match (by_time, by_amount) {
        (Some(time), Some(amount)) => Some(time.min(amount)),
        (time, amount) => time.or(amount),
    }
}

fn time_left(job: &JobSpec, live: &LiveSnapshot, now_ns: u64) -> Option<Nanos> {
    let runtime = job.time.runtime?;
    Some(match live.ramp_begin_ns {
        0 => Nanos(planned_ns(&job.time, runtime)),
        begin_ns => {
            let total_ns = runtime.0.saturating_add(job.time.ramp_time.0);
            Nanos(total_ns.saturating_sub(now_ns.saturating_sub(begin_ns)))
        }
    })
}

fn amount_left(live: &LiveSnapshot, now_ns: u64) -> Option<Nanos> {
    let done = live.measure.dirs.iter().map(|dir| dir.bytes).fold(0, u64::saturating_add);
    let begin_ns = live.measure.begin_ns;
    if live.goal_bytes == 0 || done == 0 || begin_ns == 0 {
        return None;
    }
    let left = live.goal_bytes.saturating_sub(done) as f64;
    let gone_ns = now_ns.saturating_sub(begin_ns) as f64;
    Some(Nanos((gone_ns * left / done as f64) as u64))
}

/// What remains of reading back what was written: no time limit ends it.
fn read_back_left(live: &LiveSnapshot, now_ns: u64) -> Option<Nanos> {
    let verify = &live.verify;
    if verify.bytes == 0 || verify.begin_ns == 0 {
        return None;
    }
    let left = verify.goal_bytes.saturating_sub(verify.bytes) as f64;
    let now_ns = now_ns.saturating_sub(verify.begin_ns);
    let gone_ns = live.measure.read_back_ns.saturating_add(now_ns) as f64;
    Some(Nanos((gone_ns * left / verify.bytes as f64) as u64))
}

/// Rates between the last two ticks, by direction.
fn rates(tracks: &[&Track]) -> Vec<Rate> {
    let mut rates = Vec::new();
    for ddir in Ddir::DATA {
        let mut rate = Rate { ddir, bytes_per_s: 0.0, iops: 0.0 };
        let mut used = false;
        for track in tracks {
            let (now, before) = (track.live.done(ddir), track.done_before[ddir as usize]);
            used |= now.0 > 0;
            let from_ns = track.previous_ns.max(track.live.measure.begin_ns);
            let seconds = track.looked_ns.saturating_sub(from_ns) as f64 / 1e9;
            if seconds > 0.0 && !track.ended {
                rate.bytes_per_s += now.1.saturating_sub(before.1) as f64 / seconds;
                rate.iops += now.0.saturating_sub(before.0) as f64 / seconds;
            }
        }
        if used {
            rates.push(rate);
        }
    }
    rates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::page::VerifyProgress;

    #[test]
    fn reading_back_has_its_own_eta() {
        let mut live = LiveSnapshot::default();
        assert_eq!(read_back_left(&live, 5), None);
        live.verify = VerifyProgress { begin_ns: 1, goal_bytes: 100, bytes: 25, ios: 5, wrong: 0 };
        assert_eq!(read_back_left(&live, 1 + Nanos::SECOND.0), Some(Nanos(3 * Nanos::SECOND.0)));
        // An earlier loop's phase took a second as well.
        live.measure.read_back_ns = Nanos::SECOND.0;
        assert_eq!(read_back_left(&live, 1 + Nanos::SECOND.0), Some(Nanos(6 * Nanos::SECOND.0)));
        assert_eq!(live.done(Ddir::Read), (5, 25));
        assert_eq!(live.done(Ddir::Write), (0, 0));
    }
}
