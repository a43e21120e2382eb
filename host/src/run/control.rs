//! The control process: starts cells, lets the stages begin, watches, and gathers what was measured.
//!
//! Never loads a plugin (but for `isolation = none`, where the user asked for it), and outlives
//! whatever happens in a cell. Views see its events; reports are made from its [`RunResult`].

use super::events::Event;
use super::page::Pages;
use super::plan::Plan;
use super::process::{CellHandle, CellNews, Death};
use super::protocol::{CellPlan, ToCell, ToControl};
use super::result::{EngineFault, ErrorKind, RunError, RunResult};
use super::track::Track;
use super::worker::place;
use super::{gather, status};
use crate::catalogue::PluginInfo;
use crate::job::spec::{Isolation, JobSpec, RunSpec};
use crate::plugin::handle::Callback;
use crate::run::watch::STUCK_NOTE;
use crate::sys::clock::mono_ns;
use crate::sys::diskstats::DiskWatch;
use crate::units::Nanos;
use crossbeam::channel::{self, Receiver, RecvTimeoutError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between two looks at the pages.
const TICK: Duration = Duration::from_millis(500);

/// How long an ending run may take to hear of its cells' ends.
const FAREWELL: Duration = Duration::from_secs(10);

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
        if control.interrupted {
            break;
        }
        control.run_stage(stage)?;
    }
    control.dismiss_cells();
    Ok(control.result())
}

pub(super) struct Control<'a> {
    pub(super) request: RunRequest,
    pub(super) plan: Plan,
    pub(super) pages: Pages,
    pub(super) tracks: Vec<Track>,
    pub(super) errors: Vec<RunError>,
    pub(super) disks: DiskWatch,
    pub(super) started: Instant,
    pub(super) interrupted: bool,
    cells: Vec<Option<CellHandle>>,
    news_sender: channel::Sender<(u32, CellNews)>,
    news: Receiver<(u32, CellNews)>,
    signals: Receiver<i32>,
    show: &'a mut dyn FnMut(&Event),
}

/// How the present stage stands.
struct StageState {
    /// Cells that have not said Ready.
    preparing: Vec<u32>,
    /// Cells that have not said StageDone.
    running: Vec<u32>,
    gone: bool,
    next_tick: Instant,
}

impl<'a> Control<'a> {
    fn new(request: RunRequest, show: &'a mut dyn FnMut(&Event)) -> std::io::Result<Self> {
        let plan = Plan::new(&request.spec);
        let pages = Pages::create(plan.workers.len() as u32)?;
        let (news_sender, news) = channel::unbounded();
        let paths = gather::target_paths(&request.spec, &plan);
        Ok(Control {
            tracks: plan.workers.iter().map(|_| Track::default()).collect(),
            cells: (0..plan.cells).map(|_| None).collect(),
            errors: Vec::new(),
            disks: DiskWatch::start(paths.iter().map(PathBuf::as_path)),
            started: Instant::now(),
            interrupted: false,
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

    fn run_stage(&mut self, stage: u32) -> std::io::Result<()> {
        let mut cells: Vec<u32> = self.plan.stage(stage).map(|worker| worker.cell).collect();
        cells.dedup();
        for &cell in &cells {
            self.start_cell(cell)?;
            self.tell(cell, &ToCell::Start { stage });
        }
        let workers = self.plan.stage(stage).count();
        (self.show)(&Event::Starting { workers });
        let mut state = StageState {
            preparing: cells.clone(),
            running: cells,
            gone: false,
            next_tick: Instant::now() + self.tick(),
        };
        while !state.running.is_empty() {
            let wait = state.next_tick.saturating_duration_since(Instant::now());
            channel::select! {
                recv(self.news) -> news => if let Ok((cell, news)) = news {
                    self.hear(cell, news, &mut state);
                },
                recv(self.signals) -> signal => if let Ok(signal) = signal {
                    self.interrupt(signal, &state);
                },
                default(wait) => {
                    self.look(stage, &mut state);
                    state.next_tick = Instant::now() + self.tick();
                }
            }
            if state.preparing.is_empty() && !state.gone {
                state.gone = true;
                state.running.clone().into_iter().for_each(|cell| self.tell(cell, &ToCell::Go));
            }
        }
        self.look(stage, &mut state);
        Ok(())
    }

    /// Looks often enough for the shortest `engine_timeout`.
    fn tick(&self) -> Duration {
        let timeouts = self.request.spec.jobs.iter().filter_map(|job| job.engine.timeout);
        match timeouts.min() {
            Some(timeout) => TICK.min(timeout.duration() / 4).max(Duration::from_millis(10)),
            None => TICK,
        }
    }

    fn start_cell(&mut self, cell: u32) -> std::io::Result<()> {
        if self.cells[cell as usize].is_some() {
            return Ok(());
        }
        let memory = self.pages.memory();
        let news = self.news_sender.clone();
        let mut handle = match self.request.spec.isolation {
            Isolation::None => CellHandle::in_process(cell, memory, news)?,
            Isolation::Run | Isolation::Job => CellHandle::spawn(cell, memory, news)?,
        };
        handle.send(&ToCell::Plan(Box::new(CellPlan {
            jobs: self.request.spec.jobs.clone(),
            plugins: self.request.plugins.clone(),
            workers: self.plan.cell(cell).copied().collect(),
        })));
        self.cells[cell as usize] = Some(handle);
        Ok(())
    }

    fn tell(&mut self, cell: u32, message: &ToCell) {
        if let Some(handle) = &mut self.cells[cell as usize] {
            handle.send(message);
        }
    }

    fn hear(&mut self, cell: u32, news: CellNews, state: &mut StageState) {
        match news {
            CellNews::Says(message) => self.hear_message(cell, message, state),
            CellNews::Printed(line) => {
                self.note(format!("printed by an engine or its libraries: {line}"));
            }
            CellNews::Gone(death) => {
                state.preparing.retain(|&other| other != cell);
                state.running.retain(|&other| other != cell);
                self.bury(cell, death);
            }
        }
    }

    fn hear_message(&mut self, cell: u32, message: ToControl, state: &mut StageState) {
        match message {
            ToControl::Ready => state.preparing.retain(|&other| other != cell),
            ToControl::StageDone => state.running.retain(|&other| other != cell),
            ToControl::Layout { job, files, total_bytes, done_bytes } => {
                (self.show)(&Event::Layout { job, files, total_bytes, done_bytes });
            }
            ToControl::Note(text) => self.note(text),
            ToControl::Began { worker, tid, start_ms } => self.track(worker, |track| {
                track.tid = tid;
                track.start_ms = start_ms;
                track.began_ns = mono_ns();
            }),
            ToControl::Identity { worker, facts } => {
                self.track(worker, |track| track.identity = facts);
            }
            ToControl::Error { worker, error } => self.fail(worker, error),
            ToControl::Ended { worker } => self.track(worker, |track| track.end(mono_ns())),
        }
    }

    fn track(&mut self, worker: u32, change: impl FnOnce(&mut Track)) {
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
    fn fail(&mut self, worker: u32, mut error: RunError) {
        if error.kind == ErrorKind::Engine && (worker as usize) < self.tracks.len() {
            let facts = gather::fault_facts(&self.request, self.job(worker));
            let known = error.engine.take().map(|fault| *fault).unwrap_or_default();
            error.engine = Some(Box::new(EngineFault {
                callback: known.callback,
                in_flight: known.in_flight,
                signal: known.signal,
                ..facts
            }));
        }
        let errno = error.errno.unwrap_or(libc::EIO);
        self.track(worker, |track| {
            track.failed = true;
            if track.error == 0 {
                track.error = errno;
            }
        });
        (self.show)(&Event::Error(error.to_string()));
        self.errors.push(error);
    }

    /// A cell is gone. In order: all its workers are through. Else those that were not are told of,
    /// with what they were doing: once for all clones of a job that were doing the same.
    fn bury(&mut self, cell: u32, death: Option<Death>) {
        self.cells[cell as usize] = None;
        let left: Vec<u32> = self
            .plan
            .cell(cell)
            .map(|worker| worker.id)
            .filter(|&id| !self.tracks[id as usize].ended)
            .collect();
        let began: Vec<u32> =
            left.iter().copied().filter(|&id| self.tracks[id as usize].tid != 0).collect();
        let death = match death {
            Some(death) => death,
            None if left.is_empty() || self.interrupted => return,
            None => Death { signal: None, how: "ended by itself with status 0".to_owned() },
        };
        let told =
            if began.is_empty() { left.first().copied().into_iter().collect() } else { began };
        let mut cases = BTreeMap::<_, Vec<u32>>::new();
        for id in told {
            let crumb = self.last_callback(id).map(|callback| callback as u64);
            cases.entry((self.plan.workers[id as usize].job, crumb)).or_default().push(id);
        }
        for ids in cases.into_values() {
            let error = self.obituary(&ids, &death);
            for &id in &ids {
                self.track(id, Track::fail);
            }
            self.fail(ids[0], error);
        }
        let now_ns = mono_ns();
        left.into_iter().for_each(|id| self.tracks[id as usize].end(now_ns));
    }

    fn last_callback(&self, worker: u32) -> Option<Callback> {
        Callback::from_crumb(self.pages.live(worker).unwrap_or_default().callback)
    }

    fn in_flight(&self, worker: u32, callback: Option<Callback>) -> u64 {
        let in_flight = self.pages.live(worker).unwrap_or_default().in_flight;
        let at_queue = callback == Some(Callback::Queue) && in_flight == 0;
        if at_queue {
            1
        } else {
            in_flight
        }
    }

    /// Of clones of one job that were in the same callback.
    fn obituary(&self, ids: &[u32], death: &Death) -> RunError {
        let worker = ids[0];
        let callback = self.last_callback(worker);
        let in_flight: u64 = ids.iter().map(|&id| self.in_flight(id, callback)).sum();
        let doing = match callback {
            Some(callback) => {
                format!("while {} of engine {} ran", callback.name(), self.job(worker).engine.name)
            }
            None => "while no engine callback of this job ran".to_owned(),
        };
        let clones = match ids.len() {
            1 => String::new(),
            clones => format!(" (in {clones} clones)"),
        };
        let job = self.job(worker);
        let mut error = RunError::engine(
            &job.name,
            format!(
                "{}: the cell {} {doing}{clones}; {in_flight} requests were in flight; what had \
                 finished is counted (isolation=job keeps a crash from other jobs)",
                place(job),
                death.how
            ),
        );
        error.engine = Some(Box::new(EngineFault {
            callback: callback.map(|callback| callback.name().to_owned()),
            in_flight,
            signal: death.signal.clone(),
            ..EngineFault::default()
        }));
        error
    }

    /// SIGINT or SIGTERM: drain. The second one: now.
    fn interrupt(&mut self, signal: i32, state: &StageState) {
        let name = super::process::signal_name(signal);
        if self.interrupted {
            self.note(format!("{name} again: what is in flight is given up"));
            self.cells.iter().flatten().for_each(CellHandle::kill);
            return;
        }
        self.interrupted = true;
        self.note(format!("{name}: draining, the report follows"));
        state.running.clone().into_iter().for_each(|cell| self.tell(cell, &ToCell::Stop));
    }

    /// A tick: windows, stuck callbacks, the live view.
    fn look(&mut self, stage: u32, state: &mut StageState) {
        let now_ns = mono_ns();
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
            } else if let Some(words) = still.beyond(STUCK_NOTE) {
                stuck.push(format!("{}: {words}", job.name));
            }
        }
        for (id, words, callback) in faults {
            self.give_up(id, &words, callback);
        }
        self.note_stuck(&stuck);
        let status = status::status(self, stage, now_ns, stuck);
        if state.gone {
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

    /// `engine_timeout` is over: the worker is left behind in its engine.
    fn give_up(&mut self, worker: u32, words: &str, callback: Option<Callback>) {
        let live = self.pages.live(worker).unwrap_or_default();
        let job = self.job(worker);
        let mut error = RunError::engine(
            &job.name,
            format!(
                "{}: engine {}: {words} (engine_timeout); the job is given up",
                place(job),
                job.engine.name
            ),
        );
        error.errno = Some(libc::ETIMEDOUT);
        error.engine = Some(Box::new(EngineFault {
            callback: callback.map(|callback| callback.name().to_owned()),
            in_flight: live.in_flight,
            ..EngineFault::default()
        }));
        let cell = self.plan.workers[worker as usize].cell;
        self.fail(worker, error);
        self.track(worker, |track| track.end(mono_ns()));
        self.tell(cell, &ToCell::Abandon { worker });
    }

    /// The run is over: cells go home, or are sent.
    fn dismiss_cells(&mut self) {
        self.cells.iter().flatten().for_each(CellHandle::dismiss);
        let deadline = Instant::now() + FAREWELL;
        while self.cells.iter().any(Option::is_some) {
            let wait = deadline.saturating_duration_since(Instant::now());
            match self.news.recv_timeout(wait) {
                Ok((cell, CellNews::Gone(death))) => self.bury(cell, death),
                Ok((_, CellNews::Says(ToControl::Error { worker, error }))) => {
                    self.fail(worker, error);
                }
                Ok((_, CellNews::Says(ToControl::Note(text)) | CellNews::Printed(text))) => {
                    self.note(text);
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    self.cells.iter().flatten().for_each(CellHandle::kill);
                    return;
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
        let result = gather::result(&mut self);
        (self.show)(&Event::Finished);
        result
    }
}

/// SIGINT and SIGTERM as messages.
fn watch_signals() -> std::io::Result<Receiver<i32>> {
    let (sender, receiver) = channel::unbounded();
    let mut signals = signal_hook::iterator::Signals::new([
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGTERM,
    ])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if sender.send(signal).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}
