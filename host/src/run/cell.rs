//! A cell: the process (or, with `isolation = none`, the thread) in which plugins are loaded and
//! workers run.
//!
//! Does what the control process says, wave by wave, raises each worker's signal when its time has
//! come, and never decides about the run. Ends when the control process is gone.

use super::delay;
use super::gate::Gate;
use super::hands::Hands;
use super::outbox::{log_line, wake, Outbox};
use super::page;
use super::plan::PlannedWorker;
use super::plugins::Plugins;
use super::protocol::{CellPlan, Receiver, Sender, ToCell, ToControl};
use super::result::{ErrorKind, RunError};
use super::targets::LayoutDesk;
use super::worker::{self, Context};
use crate::io::flow::Partner;
use crate::io::signal::Signal;
use crate::job::spec::JobSpec;
use crate::plugin::handle::Terminator;
use crate::plugin::host_table;
use crate::plugin::kept;
use crate::stats::live::WorkerPage;
use crate::sys::clock::{mono_ns, SystemClock};
use crate::sys::shm::SharedMemory;
use crate::sys::{crash, footprint};
use crossbeam::channel::{self, RecvTimeoutError, TryRecvError};
use crossbeam::utils::CachePadded;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::time::Duration;

/// How long after its end a worker may go on waiting for what is in flight before it is woken.
const PATIENCE_NS: u64 = 1_000_000_000;

/// Stack of a worker's thread, as large as C libraries expect; pages that are never touched cost
/// nothing.
const STACK_BYTES: usize = 8 << 20;

/// Exit status of a cell that cannot talk to the control process any more.
pub const MUTE: u8 = 113;

/// What reaches the cell's main loop.
#[derive(Debug)]
pub(super) enum CellEvent {
    /// The control process says something.
    Told(ToCell),
    /// The control process is gone.
    Alone,
    /// The control process cannot be told anything.
    Mute,
    /// A worker has made its instance; how to wake it.
    Made(u32, Terminator),
    /// A worker waits for the start.
    Ready(u32),
    /// A worker is through.
    Ended {
        /// The worker.
        worker: u32,
        /// Its instance was not cleaned up.
        left_behind: bool,
    },
}

/// A moment at which a worker's signal is raised; the order is that of the moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Alarm {
    at_ns: u64,
    worker: u32,
    raise: u32,
}

struct Cell {
    plan: CellPlan,
    memory: SharedMemory,
    /// The cell's workers, by wave.
    of_waves: BTreeMap<u32, Vec<PlannedWorker>>,
    /// Waves that were not started.
    waves_left: BTreeSet<u32>,
    /// All of the run, shared with the workers.
    jobs: Vec<Arc<JobSpec>>,
    /// The first of the cell's own workers, and the pages from its on: one mapping, of which a
    /// process has but so many.
    own_pages: (u32, &'static [WorkerPage]),
    /// Of the partners of flows that run in other cells, each mapped once.
    pages: BTreeMap<u32, &'static WorkerPage>,
    plugins: Plugins,
    events: channel::Sender<CellEvent>,
    outbox: Outbox,
    clock: SystemClock,
    layout: Arc<LayoutDesk>,
    /// Those that were started, but for what is over and done with.
    waves: BTreeMap<u32, Wave>,
    /// Their workers.
    seats: BTreeMap<u32, Seat>,
    alarms: BinaryHeap<Reverse<Alarm>>,
    /// Messages that go out with the next ones, or as soon as nothing else is to be done.
    unsent: Vec<ToControl>,
    /// The process is the cell's own.
    own_process: bool,
    /// What only the set-up needed was given back, or is not this process's to give.
    is_slim: bool,
    /// An instance was not cleaned up: its engine may still run.
    left_behind: bool,
    hands: Hands,
}

/// Workers that start together.
#[derive(Default)]
struct Wave {
    gate: Arc<Gate>,
    /// Neither ready nor through.
    preparing: BTreeSet<u32>,
    /// Not through.
    running: BTreeSet<u32>,
    ready_told: bool,
    done_told: bool,
}

/// What reaches one worker.
struct Seat {
    wave: u32,
    signal: Arc<CachePadded<Signal>>,
    /// Several where threads of their own submit its requests.
    terminators: Vec<Terminator>,
    /// Its `startdelay`.
    delay_ns: u64,
}

/// Serves the control process at the other end of `stream` until it goes away. Where the cell is a
/// process of its own, crashes are recorded.
///
/// # Errors
/// It is there and cannot be talked to: an engine closed the socket. The process can only end.
pub fn serve(stream: UnixStream, memory: SharedMemory, own_process: bool) -> std::io::Result<()> {
    let (events, inbox) = channel::unbounded();
    let sender = Sender::new(stream.try_clone()?);
    let outbox = Outbox::new(sender, events.clone());
    let farewell = stream.try_clone()?;
    let mut receiver = Receiver::new(stream);
    let Some(ToCell::Plan(mut plan)) = receiver.receive() else { return Ok(()) };
    let _watched = match own_process {
        true => Some(crash::watch(page::map_crash(&memory, plan.cell)?)?),
        false => None,
    };
    let reader = events.clone();
    std::thread::spawn(move || {
        while let Some(message) = receiver.receive() {
            if reader.send(CellEvent::Told(message)).is_err() {
                return;
            }
        }
        let _nobody = reader.send(CellEvent::Alone);
    });
    let log = outbox.clone();
    host_table::set_log_sink(move |line| log_line(&log, &line));
    kept::believe(std::mem::take(&mut plan.checked));
    let ids = plan.workers.iter().map(|worker| worker.id);
    let (first, last) = ids.fold((u32::MAX, 0), |(low, high), id| (low.min(id), high.max(id)));
    let own_pages = (first, page::map_workers(&memory, first, last.saturating_sub(first) + 1)?);
    let mut of_waves: BTreeMap<u32, Vec<PlannedWorker>> = BTreeMap::new();
    plan.workers.iter().for_each(|it| of_waves.entry(it.wave).or_default().push(*it));
    let mut cell = Cell {
        waves_left: of_waves.keys().copied().collect(),
        of_waves,
        clock: SystemClock::since(plan.clocks),
        jobs: std::mem::take(&mut plan.jobs).into_iter().map(Arc::new).collect(),
        plan: *plan,
        memory,
        own_pages,
        pages: BTreeMap::new(),
        plugins: Plugins::default(),
        events,
        outbox,
        layout: Arc::new(LayoutDesk::default()),
        waves: BTreeMap::new(),
        seats: BTreeMap::new(),
        alarms: BinaryHeap::new(),
        unsent: Vec::new(),
        own_process,
        is_slim: !own_process,
        left_behind: false,
        hands: Hands::default(),
    };
    cell.run(&inbox)?;
    cell.teardown();
    // The sink of the log holds the stream for ever, and a thread of the control process would wait
    // for its end for ever.
    let _gone = farewell.shutdown(std::net::Shutdown::Both);
    Ok(())
}

impl Cell {
    fn run(&mut self, inbox: &channel::Receiver<CellEvent>) -> std::io::Result<()> {
        loop {
            let event = match inbox.try_recv() {
                Ok(event) => Ok(event),
                Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) => {
                    // Whoever ends with a thousand others is told of with them.
                    self.outbox.send_all(&std::mem::take(&mut self.unsent));
                    match self.next_alarm_in() {
                        Some(wait) => inbox.recv_timeout(wait),
                        None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                    }
                }
            };
            match event {
                Ok(CellEvent::Told(message)) => self.obey(message),
                Ok(CellEvent::Made(worker, terminator)) => self.arm(worker, terminator),
                Ok(CellEvent::Ready(worker)) => {
                    self.wave_of(worker, |wave| wave.preparing.remove(&worker));
                }
                Ok(CellEvent::Ended { worker, left_behind }) => {
                    self.left_behind |= left_behind;
                    self.unsent.push(ToControl::Ended { worker });
                    self.forget(worker);
                }
                Err(RecvTimeoutError::Timeout) => self.ring_alarms(),
                Ok(CellEvent::Alone) | Err(RecvTimeoutError::Disconnected) => {
                    self.outbox.send_all(&std::mem::take(&mut self.unsent));
                    return Ok(());
                }
                Ok(CellEvent::Mute) => return Err(std::io::ErrorKind::NotConnected.into()),
            }
            self.tell_progress();
        }
    }

    fn obey(&mut self, message: ToCell) {
        match message {
            ToCell::Plan(_) => {}
            ToCell::Start { wave } => self.start_wave(wave),
            ToCell::Go { wave } => self.go(wave),
            ToCell::End { workers } => self.end(&workers),
            ToCell::Stop => self.stop(),
            ToCell::Abandon { worker } => self.abandon(worker),
        }
    }

    /// Does something with a worker's wave.
    fn wave_of<T>(&mut self, worker: u32, change: impl FnOnce(&mut Wave) -> T) -> Option<T> {
        let wave = self.seats.get(&worker)?.wave;
        self.waves.get_mut(&wave).map(change)
    }

    fn start_wave(&mut self, number: u32) {
        self.waves.retain(|_, wave| !wave.done_told);
        self.seats.retain(|_, seat| self.waves.contains_key(&seat.wave));
        self.waves_left.remove(&number);
        let workers = self.of_waves.get(&number).cloned().unwrap_or_default();
        let all: BTreeSet<u32> = workers.iter().map(|worker| worker.id).collect();
        let gate = Arc::new(Gate::default());
        let wave = Wave {
            gate: Arc::clone(&gate),
            preparing: all.clone(),
            running: all,
            ..Wave::default()
        };
        self.waves.insert(number, wave);
        for planned in workers {
            let job = &self.jobs[planned.job as usize];
            let signal = Arc::new(CachePadded::new(Signal::default()));
            let seat = Seat {
                wave: number,
                signal: Arc::clone(&signal),
                terminators: Vec::new(),
                delay_ns: delay::draw(job, &planned),
            };
            let delay_ns = seat.delay_ns;
            self.seats.insert(planned.id, seat);
            if let Err(error) = self.start_worker(planned, signal, Arc::clone(&gate), delay_ns) {
                self.outbox.error(planned.id, error);
                self.unsent.push(ToControl::Ended { worker: planned.id });
                self.forget(planned.id);
            }
        }
    }

    fn start_worker(
        &mut self,
        planned: PlannedWorker,
        signal: Arc<CachePadded<Signal>>,
        gate: Arc<Gate>,
        delay_ns: u64,
    ) -> Result<(), RunError> {
        let job = Arc::clone(&self.jobs[planned.job as usize]);
        let engine_error = |message: String| RunError::engine(&job.name, message);
        let engine = self.plugins.engine(&job.engine, &self.outbox).map_err(engine_error)?;
        let inner = self.plugins.below(&job.engine, &self.outbox).map_err(engine_error)?;
        let page = self
            .page_of(planned.id)
            .map_err(|error| engine_error(format!("map the shared page: {error}")))?;
        let partners = self
            .partners(&planned)
            .map_err(|error| engine_error(format!("map the pages of a flow: {error}")))?;
        let context = Box::new(Context {
            planned,
            run: self.plan.run,
            pool: self.hands.for_job(&job, &self.outbox),
            job: Arc::clone(&job),
            engine,
            inner,
            page,
            partners,
            signal,
            gate,
            delay_ns,
            clock: self.clock.clone(),
            layout: Arc::clone(&self.layout),
            outbox: self.outbox.clone(),
            events: self.events.clone(),
            stays: self.own_process && self.waves_left.is_empty(),
        });
        std::thread::Builder::new()
            .name(job.name.chars().take(15).collect())
            .stack_size(STACK_BYTES)
            .spawn(move || worker::run(context))
            .map(drop)
            .map_err(|error| RunError {
                kind: ErrorKind::Usage,
                job: Some(job.name.clone()),
                errno: error.raw_os_error(),
                message: format!("start a thread: {error} (lower numjobs)"),
                engine: None,
            })
    }

    fn page_of(&mut self, worker: u32) -> std::io::Result<&'static WorkerPage> {
        let (first, own) = self.own_pages;
        if let Some(page) = worker.checked_sub(first).and_then(|index| own.get(index as usize)) {
            return Ok(page);
        }
        if let Some(page) = self.pages.get(&worker) {
            return Ok(page);
        }
        Ok(self.pages.entry(worker).or_insert(&page::map_workers(&self.memory, worker, 1)?[0]))
    }

    /// The other workers of a worker's flow, in whatever cell they run.
    fn partners(&mut self, planned: &PlannedWorker) -> std::io::Result<Vec<Partner<'static>>> {
        let flow_of = |worker: &PlannedWorker| self.jobs[worker.job as usize].pace.flow;
        let Some(own) = flow_of(planned) else { return Ok(Vec::new()) };
        let others = self.plan.flow_workers.iter();
        let weights: Vec<(u32, u32)> = others
            .filter(|other| other.stage == planned.stage && other.id != planned.id)
            .filter_map(|other| flow_of(other).map(|flow| (other.id, flow)))
            .filter(|(_, flow)| flow.id == own.id)
            .map(|(id, flow)| (id, flow.weight))
            .collect();
        let partner = |(id, weight)| Ok(Partner { page: self.page_of(id)?, weight });
        weights.into_iter().map(partner).collect()
    }

    /// Everybody of a wave begins, each after its delay.
    fn go(&mut self, number: u32) {
        let Some(wave) = self.waves.get(&number) else { return };
        // Once, while nobody measures yet.
        if !std::mem::replace(&mut self.is_slim, true) {
            footprint::give_back();
        }
        let now_ns = mono_ns();
        for planned in self.of_waves.get(&number).into_iter().flatten() {
            let Some(seat) = self.seats.get(&planned.id) else { continue };
            let time = &self.jobs[planned.job as usize].time;
            let begin_ns = now_ns.saturating_add(seat.delay_ns).saturating_add(time.ramp_time.0);
            let mut alarm = |at_ns, raise| {
                self.alarms.push(Reverse(Alarm { at_ns, worker: planned.id, raise }));
            };
            if time.ramp_time.0 == 0 {
                seat.signal.raise(Signal::MEASURE);
            } else {
                alarm(begin_ns, Signal::MEASURE);
            }
            if let Some(runtime) = time.runtime {
                let end_ns = begin_ns.saturating_add(runtime.0);
                alarm(end_ns, Signal::STOP);
                if !self.jobs[planned.job as usize].verifies() {
                    alarm(end_ns.saturating_add(PATIENCE_NS), Signal::ABORT);
                }
            }
        }
        wave.gate.open(Some(now_ns));
    }

    /// These workers end as if their time were over.
    fn end(&mut self, workers: &[u32]) {
        let patience_ns = mono_ns() + PATIENCE_NS;
        for &worker in workers {
            self.raise(worker, Signal::STOP);
            // What a verifying job has begun it finishes: a wake would not hurry it.
            if !self.verifies(worker) {
                let alarm = Alarm { at_ns: patience_ns, worker, raise: Signal::ABORT };
                self.alarms.push(Reverse(alarm));
            }
        }
    }

    fn verifies(&self, worker: u32) -> bool {
        let by_id = self.plan.workers.binary_search_by_key(&worker, |planned| planned.id);
        let planned = by_id.ok().map(|index| &self.plan.workers[index]);
        planned.is_some_and(|planned| self.jobs[planned.job as usize].verifies())
    }

    /// The user wants an end: drain, and wake whoever waits.
    fn stop(&mut self) {
        host_table::request_stop();
        self.layout.stop.store(true, Relaxed);
        self.seats.values().for_each(|seat| seat.signal.raise(Signal::ABORT));
        self.waves.values().for_each(|wave| wave.gate.open(None));
        let all = self.seats.values().flat_map(|seat| &seat.terminators);
        all.for_each(|terminator| wake(terminator, &self.outbox));
    }

    fn raise(&self, worker: u32, to: u32) {
        let Some(seat) = self.seats.get(&worker) else { return };
        seat.signal.raise(to);
        if to == Signal::ABORT {
            seat.terminators.iter().for_each(|terminator| wake(terminator, &self.outbox));
        }
    }

    /// A worker can be woken from now on; at once, where the end was told before.
    fn arm(&mut self, worker: u32, terminator: Terminator) {
        let Some(seat) = self.seats.get_mut(&worker) else { return };
        if seat.signal.get() >= Signal::ABORT {
            wake(&terminator, &self.outbox);
        }
        seat.terminators.push(terminator);
    }

    /// A worker is stuck in its engine: should it ever come back, it is to do nothing more.
    fn abandon(&mut self, worker: u32) {
        if let Some(seat) = self.seats.get(&worker) {
            seat.signal.raise(Signal::ABORT);
        }
        self.left_behind = true;
        self.forget(worker);
    }

    /// Until the next alarm of a worker that runs; those of others are forgotten.
    fn next_alarm_in(&mut self) -> Option<Duration> {
        loop {
            let Reverse(alarm) = *self.alarms.peek()?;
            let runs = self.wave_of(alarm.worker, |wave| wave.running.contains(&alarm.worker));
            if runs == Some(true) {
                return Some(Duration::from_nanos(alarm.at_ns.saturating_sub(mono_ns())));
            }
            self.alarms.pop();
        }
    }

    fn ring_alarms(&mut self) {
        let now_ns = mono_ns();
        while self.alarms.peek().is_some_and(|Reverse(alarm)| alarm.at_ns <= now_ns) {
            let Some(Reverse(alarm)) = self.alarms.pop() else { return };
            let runs = self.wave_of(alarm.worker, |wave| wave.running.contains(&alarm.worker));
            if runs == Some(true) {
                self.raise(alarm.worker, alarm.raise);
            }
        }
    }

    fn forget(&mut self, worker: u32) {
        self.wave_of(worker, |wave| {
            wave.preparing.remove(&worker);
            wave.running.remove(&worker);
        });
        if let Some(seat) = self.seats.get_mut(&worker) {
            seat.terminators.clear();
        }
    }

    fn tell_progress(&mut self) {
        for (&number, wave) in &mut self.waves {
            if wave.preparing.is_empty() && !wave.ready_told {
                wave.ready_told = true;
                self.unsent.push(ToControl::Ready { wave: number });
            }
            if wave.running.is_empty() && !wave.done_told {
                wave.done_told = true;
                self.unsent.push(ToControl::WaveDone { wave: number });
            }
        }
    }

    /// The last word to the plugins, unless an instance is still there.
    fn teardown(&self) {
        if self.waves.values().all(|wave| wave.running.is_empty()) && !self.left_behind {
            for plugin in self.plugins.all() {
                plugin.teardown();
            }
        }
    }
}
