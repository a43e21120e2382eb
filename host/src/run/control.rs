//! The control process: starts cells, lets the stages begin, watches, gathers what was measured.
//!
//! Never loads a plugin (but for `isolation = none`, where the user asked for it), and outlives
//! whatever happens in a cell. Views see its events; reports are made from its [`RunResult`].

use super::events::Event;
use super::minimum::Minimum;
use super::page::Pages;
use super::plan::{Plan, PlannedWorker};
use super::process::{CellHandle, CellNews};
use super::protocol::{CellPlan, ToCell, ToControl};
use super::result::{DiskFacts, EngineFault, ErrorKind, RunError, RunResult};
use super::slim::Slimming;
use super::steady::{self, SteadyUnit};
use super::track::Track;
use super::waves::StageState;
use super::{gather, status};
use crate::catalogue::PluginInfo;
use crate::job::spec::{Isolation, JobSpec, RunSpec};
use crate::plugin::kept;
use crate::run::watch::STUCK_NOTE;
use crate::sys::clock::{mono_ns, wall_ms, Look};
use crate::sys::diskstats::DiskWatch;
use crate::sys::inherit;
use crate::sys::spawn::signal_name;
use crate::sys::steal::CpuTimes;
use crate::units::Nanos;
use crate::workload::mix_seed;
use crossbeam::channel::{self, Receiver};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between two looks at the pages.
const TICK: Duration = Duration::from_millis(500);

/// What to run.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The jobs.
    pub spec: RunSpec,
    /// The plugins that they need, as probed.
    pub plugins: Vec<PluginInfo>,
    /// Fingerprint of the effective job.
    pub fingerprint: String,
    /// What the reader of the figures should know already.
    pub notes: Vec<String>,
}

/// Runs it. Errors are of the tester itself: what goes wrong with a job is in the result.
pub fn run(request: RunRequest, show: &mut dyn FnMut(&Event)) -> std::io::Result<RunResult> {
    let mut control = Control::new(request, show)?;
    for stage in 0..control.plan.stages {
        if control.interrupted.is_some() {
            break;
        }
        if let Some(because) = control.over.take() {
            control.leave_out_from(stage, &because);
            break;
        }
        control.run_stage(stage);
    }
    control.dismiss_all();
    Ok(control.result())
}

pub(super) struct Control<'a> {
    pub(super) request: RunRequest,
    pub(super) plan: Plan,
    pub(super) pages: Pages,
    pub(super) tracks: Vec<Track>,
    pub(super) errors: Vec<RunError>,
    /// What the disks under the targets are.
    pub(super) devices: Vec<DiskFacts>,
    /// What they do while workers run.
    pub(super) disks: DiskWatch,
    pub(super) started: Instant,
    /// The CPUs that the run may use, and what they had done at its begin.
    pub(super) cpu_times: Option<(Vec<u32>, CpuTimes)>,
    /// When the user wanted an end.
    pub(super) interrupted: Option<Instant>,
    /// The user did not want to wait for the drain: cells that are killed now did no wrong.
    pub(super) given_up: bool,
    /// The present stage.
    pub(super) stage: u32,
    /// By wave: its workers were to be set up.
    pub(super) begun: Vec<bool>,
    /// By wave: its workers never will be.
    pub(super) left_out: Vec<bool>,
    /// Some job ends others.
    pub(super) exits: bool,
    /// Some job ends when no other one does I/O.
    pub(super) companions: bool,
    /// When what only the set-up needed is given back.
    slimming: Slimming,
    /// Why no further stage begins, in words after a job's name.
    pub(super) over: Option<String>,
    /// Lower bounds to be judged.
    pub(super) minima: Vec<Minimum>,
    /// Steady states to be judged.
    pub(super) steady: Vec<SteadyUnit>,
    pub(super) cells: Vec<Option<CellHandle>>,
    /// Cells that were started so far. A cell of the plan may be started again after a crash: each
    /// start has a number of its own, so that nothing is heard of one that was buried.
    births: u32,
    /// Which cell each start was of.
    born: BTreeMap<u32, u32>,
    /// In every stamp of the run.
    run_id: u64,
    clocks: Look,
    news_sender: channel::Sender<(u32, CellNews)>,
    news: Receiver<(u32, CellNews)>,
    signals: Receiver<i32>,
    show: &'a mut dyn FnMut(&Event),
}

impl<'a> Control<'a> {
    fn new(request: RunRequest, show: &'a mut dyn FnMut(&Event)) -> std::io::Result<Self> {
        let plan = Plan::new(&request.spec);
        let workers = plan.workers.len();
        let pages = Pages::create(workers as u32, plan.cells).map_err(|error| {
            let words = "make the shared page for the counters of";
            let hint = "look at the limits on file size and memory: ulimit -a";
            std::io::Error::other(format!("{words} {workers} workers: {error} ({hint})"))
        })?;
        let (news_sender, news) = channel::unbounded();
        let devices = gather::devices(&request.spec, &plan);
        let jobs = &request.spec.jobs;
        let bounds = |worker: &PlannedWorker| Minimum::new(worker.id, &jobs[worker.job as usize]);
        Ok(Control {
            tracks: plan.workers.iter().map(|_| Track::default()).collect(),
            cells: (0..plan.cells).map(|_| None).collect(),
            errors: Vec::new(),
            disks: DiskWatch::new(&devices),
            devices,
            started: Instant::now(),
            cpu_times: gather::cpu_times(jobs),
            interrupted: None,
            given_up: false,
            stage: 0,
            begun: vec![false; plan.waves.len()],
            left_out: vec![false; plan.waves.len()],
            companions: jobs.iter().any(|job| job.engine.ends_with_io),
            exits: jobs.iter().any(|job| job.process.exitall || job.process.exitall_on_error),
            slimming: Slimming::new(request.spec.isolation != Isolation::None),
            over: None,
            minima: plan.workers.iter().filter_map(bounds).collect(),
            steady: steady::units(&request.spec, &plan),
            births: 0,
            born: BTreeMap::new(),
            run_id: mix_seed(wall_ms(), mono_ns() ^ u64::from(std::process::id()) << 32),
            clocks: Look::now(),
            signals: watch_signals()?,
            request,
            plan,
            pages,
            news_sender,
            news,
            show,
        })
    }

    pub(super) fn job(&self, worker: u32) -> &JobSpec {
        &self.request.spec.jobs[self.plan.workers[worker as usize].job as usize]
    }

    fn run_stage(&mut self, stage: u32) {
        self.stage = stage;
        let workers = self.plan.stage(stage).count();
        (self.show)(&Event::Starting { workers });
        let waves = (0..).zip(&self.plan.waves).filter(|(_, wave)| wave.stage == stage);
        let tick = self.tick();
        let mut state = StageState::new(waves.map(|(number, _)| number), Instant::now() + tick);
        loop {
            self.exit_others(&mut state);
            self.end_companions();
            self.move_waves(&mut state);
            if state.is_over() {
                break;
            }
            let wait = self.until_next(&state);
            channel::select! {
                recv(self.news) -> news => if let Ok((birth, news)) = news {
                    self.hear(birth, news, &mut state);
                },
                recv(self.signals) -> signal => if let Ok(signal) = signal {
                    self.interrupt(signal, &state);
                },
                default(wait) => {
                    self.slimming.look();
                    if Instant::now() >= state.next_tick {
                        self.look(stage, &mut state);
                        state.next_tick = Instant::now() + tick;
                    }
                }
            }
        }
        self.look(stage, &mut state);
        self.disks.pause();
        self.save_states(stage);
        self.dismiss_after(stage);
    }

    /// Judges what is due, and tells how long nothing else is.
    fn until_next(&mut self, state: &StageState) -> Duration {
        let wait = state.next_tick.saturating_duration_since(Instant::now());
        let wait = self.slimming.at_most(wait);
        if self.interrupted.is_some() || (self.minima.is_empty() && self.steady.is_empty()) {
            return wait;
        }
        let due = [self.judge_minima(), self.judge_steady()];
        match due.into_iter().flatten().min() {
            Some(due_ns) => wait.min(Duration::from_nanos(due_ns.saturating_sub(mono_ns()))),
            None => wait,
        }
    }

    /// Cells without workers in later stages go home: their descriptors may be needed.
    fn dismiss_after(&mut self, stage: u32) {
        for cell in 0..self.plan.cells {
            let last = self.plan.cell(cell).map(|worker| worker.stage).max();
            if let (Some(handle), true) = (&mut self.cells[cell as usize], last <= Some(stage)) {
                handle.dismiss();
            }
        }
    }

    /// Looks often enough for the shortest `engine_timeout`.
    fn tick(&self) -> Duration {
        let timeouts = self.request.spec.jobs.iter().filter_map(|job| job.engine.timeout);
        match timeouts.min() {
            Some(timeout) => TICK.min(timeout.duration() / 4).max(Duration::from_millis(10)),
            None => TICK,
        }
    }

    pub(super) fn start_cell(&mut self, cell: u32) -> std::io::Result<()> {
        if self.cells[cell as usize].is_some() {
            return Ok(());
        }
        self.births += 1;
        let birth = self.births;
        self.born.insert(birth, cell);
        self.pages.forget_crash(cell)?;
        let memory = self.pages.memory();
        let news = self.news_sender.clone();
        let mut handle = match self.request.spec.isolation {
            Isolation::None => CellHandle::in_process(birth, memory, news)?,
            Isolation::Run | Isolation::Job => CellHandle::spawn(birth, memory, news)?,
        };
        handle.send(&ToCell::Plan(Box::new(CellPlan {
            cell,
            run: self.run_id,
            clocks: self.clocks,
            checked: kept::checked(),
            jobs: self.request.spec.jobs.clone(),
            workers: self.plan.cell(cell).copied().collect(),
            flow_workers: self.flow_workers(),
        })));
        self.cells[cell as usize] = Some(handle);
        Ok(())
    }

    fn flow_workers(&self) -> Vec<PlannedWorker> {
        let flows = |worker: &&PlannedWorker| self.job(worker.id).pace.flow.is_some();
        self.plan.workers.iter().filter(flows).copied().collect()
    }

    pub(super) fn tell(&mut self, cell: u32, message: &ToCell) {
        if let Some(handle) = &mut self.cells[cell as usize] {
            handle.send(message);
        }
    }

    fn hear(&mut self, birth: u32, news: CellNews, state: &mut StageState) {
        let Some(&cell) = self.born.get(&birth) else { return };
        let handle = &self.cells[cell as usize];
        if handle.as_ref().is_none_or(|handle| handle.birth != birth) {
            return;
        }
        match news {
            CellNews::Says(message) => self.hear_message(cell, message, state),
            CellNews::Printed(line) => {
                self.note(format!("printed by an engine or its libraries: {line}"));
            }
            CellNews::Gone(death) => {
                state.retain_cells(|other| other != cell);
                self.bury(cell, death);
            }
        }
    }

    fn hear_message(&mut self, cell: u32, message: ToControl, state: &mut StageState) {
        match message {
            ToControl::Ready { wave } => {
                self.meet(wave);
                state.ready(cell, wave);
            }
            ToControl::WaveDone { wave } => state.done(cell, wave),
            ToControl::Layout { job, files, total_bytes, done_bytes } => {
                (self.show)(&Event::Layout { job, files, total_bytes, done_bytes });
            }
            ToControl::Note(text) => self.note(text),
            ToControl::Loading(path) => self.set_loading(cell, Some(path)),
            ToControl::Loaded => self.set_loading(cell, None),
            ToControl::Identity { worker, facts } => {
                self.track(worker, |track| track.identity = facts);
            }
            ToControl::Verdict { worker, verdict } => {
                self.track(worker, |track| track.verify = Some(*verdict));
            }
            ToControl::Ledger { worker, fd, about_at, about_len } => {
                self.keep_ledger(cell, worker, fd, (about_at, about_len));
            }
            ToControl::Error { worker, error } => self.fail(worker, error),
            ToControl::Ended { worker } => self.track(worker, |track| track.end(mono_ns())),
        }
    }

    /// Learns which threads the workers of a wave are.
    fn meet(&mut self, wave: u32) {
        for worker in self.plan.wave(wave) {
            if let Ok(begin) = self.pages.begin(worker.id) {
                self.tracks[worker.id as usize].meet(begin);
            }
        }
    }

    fn set_loading(&mut self, cell: u32, plugin: Option<PathBuf>) {
        if let Some(handle) = &mut self.cells[cell as usize] {
            handle.loading = plugin.map(|path| (path, Instant::now()));
        }
    }

    pub(super) fn track(&mut self, worker: u32, change: impl FnOnce(&mut Track)) {
        if let Some(track) = self.tracks.get_mut(worker as usize) {
            change(track);
        }
    }

    pub(super) fn note(&mut self, text: String) {
        if !self.request.notes.contains(&text) {
            (self.show)(&Event::Note(text.clone()));
            self.request.notes.push(text);
        }
    }

    /// Records what went wrong with a worker.
    pub(super) fn fail(&mut self, worker: u32, mut error: RunError) {
        if error.kind == ErrorKind::Engine && (worker as usize) < self.tracks.len() {
            let facts = gather::fault_facts(&self.request, self.job(worker));
            let known = error.engine.take().map(|fault| *fault).unwrap_or_default();
            let EngineFault { name, id, version, path, sha256, .. } = facts;
            let who = EngineFault { name, id, version, path, sha256, ..known };
            error.engine = Some(Box::new(who));
        }
        let errno = error.errno.unwrap_or(libc::EIO);
        self.track(worker, |track| {
            track.failed = true;
            if track.error == 0 {
                track.error = errno;
            }
        });
        self.record(error);
    }

    /// Tells of something that went wrong.
    pub(super) fn record(&mut self, error: RunError) {
        (self.show)(&Event::Error(error.to_string()));
        self.errors.push(error);
    }

    /// SIGINT or SIGTERM: drain. The second one: now.
    fn interrupt(&mut self, signal: i32, state: &StageState) {
        let name = signal_name(signal);
        if self.interrupted.is_some() {
            self.note(format!("{name} again: what is in flight is given up"));
            self.given_up = true;
            self.cells.iter_mut().flatten().for_each(|cell| cell.kill(None));
            return;
        }
        self.interrupted = Some(Instant::now());
        self.note(format!("{name}: draining, the report follows"));
        state.cells().into_iter().for_each(|cell| self.tell(cell, &ToCell::Stop));
    }

    /// A tick: windows, disks, stuck callbacks, the live view.
    fn look(&mut self, stage: u32, state: &mut StageState) {
        let now_ns = mono_ns();
        self.disks.look();
        let mut stuck = Vec::new();
        let mut faults = Vec::new();
        let workers: Vec<u32> = self.plan.stage(stage).map(|worker| worker.id).collect();
        for &id in &workers {
            let Ok(live) = self.pages.live(id) else { continue };
            let still = self.tracks[id as usize].look(live, now_ns);
            if self.tracks[id as usize].ended {
                continue;
            }
            let job = self.job(id);
            if let Some(words) = job.engine.timeout.and_then(|limit| still.beyond(limit)) {
                faults.push((id, words, still.callback.map(|(callback, _)| callback)));
            } else if let Some(words) = still.beyond(STUCK_NOTE).filter(|_| !job.engine.no_io) {
                stuck.push(format!("{}: {words}", job.name));
            }
        }
        for (id, words, callback) in faults {
            self.give_up(id, &words, callback);
        }
        stuck.extend(self.look_at_cells());
        state.retain_cells(|cell| self.cells[cell as usize].is_some());
        self.note_stuck(&stuck);
        let status = status::status(self, stage, now_ns, stuck);
        if state.has_begun() {
            (self.show)(&Event::Tick(status));
        }
    }

    fn note_stuck(&mut self, stuck: &[String]) {
        for words in stuck {
            // One note a job and callback, not one a tick: without the seconds.
            let text = words.split(" for ").next().unwrap_or(words);
            self.note(format!("{text} for more than {} s", STUCK_NOTE.0 / Nanos::SECOND.0));
        }
    }

    /// The run is over: cells go home, or are sent.
    fn dismiss_all(&mut self) {
        self.cells.iter_mut().flatten().for_each(CellHandle::dismiss);
        let mut nothing = StageState::new(std::iter::empty(), Instant::now());
        while self.cells.iter().any(Option::is_some) {
            channel::select! {
                recv(self.news) -> news => if let Ok((birth, news)) = news {
                    self.hear(birth, news, &mut nothing);
                },
                recv(self.signals) -> signal => if let Ok(signal) = signal {
                    self.interrupt(signal, &nothing);
                },
                default(self.tick()) => {
                    let stuck = self.look_at_cells();
                    self.note_stuck(&stuck);
                }
            }
        }
    }

    fn result(mut self) -> RunResult {
        if !self.pages.is_intact() {
            self.errors.push(RunError {
                kind: ErrorKind::Engine,
                job: None,
                errno: None,
                message: "an engine wrote over the shared page's header: the figures cannot be \
                          trusted"
                    .to_owned(),
                engine: None,
            });
        }
        for path in kept::rewritten() {
            self.record(RunError {
                kind: ErrorKind::Engine,
                job: None,
                errno: None,
                message: format!(
                    "{}: was written to while it was in use: what ran is not what was checked, \
                     and the figures cannot be trusted (pin it, or replace the file as a whole)",
                    path.display()
                ),
                engine: None,
            });
        }
        let result = gather::result(&mut self);
        (self.show)(&Event::Finished);
        result
    }
}

/// SIGINT, SIGTERM and SIGHUP (the terminal is gone) as messages.
fn watch_signals() -> std::io::Result<Receiver<i32>> {
    let (sender, receiver) = channel::unbounded();
    let mut wanted = vec![signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];
    if !inherit::is_ignored(signal_hook::consts::SIGHUP) {
        wanted.push(signal_hook::consts::SIGHUP);
    }
    let mut signals = signal_hook::iterator::Signals::new(wanted)?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if sender.send(signal).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}
