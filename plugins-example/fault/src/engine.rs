//! The engine: passes everything on, and does to the chosen requests what `inject` says.
//!
//! Runs on the worker's thread, but for `terminate`, which rings the bell and wakes the inner
//! engine. A request that suffers is decided about once: if the inner engine is busy, the decision
//! is kept for the next offer. What takes two transfers (a swap) or memory in between (a power
//! cut) is done at once, request by request.

use crate::bell::Bell;
use crate::choose::Chooser;
use crate::journal::{Deed, Journal};
use crate::power::Power;
use crate::rng::Rng;
use crate::settings::{Class, Law, Settings, OPTIONS};
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{
    CapsFn, DetailsFn, FileFn, FreeFn, OpenFn, PlainFn, ReapFn, RequestFn,
};
use iodyno_engine_api::host::Level;
use iodyno_engine_api::stack::{Ask, Buffer, Data, Finished, Inner, Outcome, Passed, Sent, Slot};
use iodyno_engine_api::{Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Request, Unit};
use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::CStr;
use std::fmt::{self, Write};

/// What a request has before it.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    Pass,
    Delay(u64),
    Stall,
    Fail,
    /// Bytes that arrive; the rest is said not to.
    Short(u64),
    /// Bit numbers.
    Flip(Vec<u64>),
    Drop,
    Redirect(u64),
    /// Bytes that arrive; the rest is said to.
    Tear(u64),
    Swap,
}

/// What is left to do when the inner engine is done with it.
#[derive(Debug)]
pub(crate) enum After {
    Nothing,
    Late(u64),
    Torn(u64),
    Flip(Vec<u64>),
    /// It was sent with data of our own.
    Owned(Unit),
}

/// A write that waits for another one to change places with.
#[derive(Debug)]
struct First {
    ask: Ask,
    data: Vec<u8>,
    deed: Deed,
}

/// An instance.
pub(crate) struct Fault {
    pub(crate) inner: Inner,
    pub(crate) host: Host,
    pub(crate) settings: Settings,
    pub(crate) align: usize,
    pub(crate) chooser: Chooser,
    pub(crate) rng: Rng,
    pub(crate) journal: Journal,
    pub(crate) power: Power,
    pub(crate) bell: Bell,
    /// The inner engine's request for each of the host's, by its address.
    pub(crate) units: HashMap<usize, Slot>,
    /// Decided, and still to be taken.
    pub(crate) fates: HashMap<Slot, Fate>,
    pub(crate) after: HashMap<Slot, After>,
    /// Whose errors are ours.
    pub(crate) injured: HashSet<Slot>,
    pub(crate) ready: VecDeque<(Unit, Outcome)>,
    pub(crate) late: Vec<(u64, Unit, Outcome)>,
    pub(crate) stalled: Vec<(Slot, Ask, Unit)>,
    pub(crate) ended: Vec<Finished>,
    first: Option<First>,
}

impl Engine for Fault {
    const NAME: &'static CStr = c"fault";
    const HELP: &'static CStr = c"over another engine: delays, fails and damages chosen requests";
    const FLAGS: u64 = 0;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const GET_CAPS: Option<CapsFn<Self>> = Some(|fault, caps: &mut Caps<'_>| {
        fault.inner.report(caps);
        Ok(())
    });
    const OPEN_FILE: Option<OpenFn<Self>> = Some(|fault, file| fault.inner.open_file(file));
    const CLOSE_FILE: Option<FileFn<Self>> = Some(Self::close_file);
    const GET_FILE_SIZE: Option<FileFn<Self>> = Some(Self::get_file_size);
    const IO_INIT: Option<RequestFn<Self>> = Some(Self::io_init);
    const IO_FREE: Option<FreeFn<Self>> = Some(Self::io_free);
    const START: Option<PlainFn<Self>> = Some(|fault| fault.inner.start());
    const COMMIT: Option<PlainFn<Self>> = Some(|fault| fault.inner.commit());
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);
    const TERMINATE: bool = true;
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        let settings = Settings::read(job)?;
        let clone = job.job_index();
        let name = job.name().to_string_lossy().into_owned();
        let journal = Journal::open(settings.log.as_deref(), name, clone)?;
        let inner = Inner::open(&host, job, "inner")?;
        if inner.flags() & (IOE_F_NOIO | IOE_F_PER_FILE) != 0 && settings.class != Class::None {
            let words = format!(
                "inject={}: engine {} moves no data to a place, so nothing can befall it",
                settings.class.word(),
                inner.name().to_string_lossy()
            );
            return Err(Error::new(libc::EINVAL, words));
        }
        let (bell, terminator) = (Bell::default(), inner.terminator());
        let rings = bell.clone();
        host.on_terminate(move || {
            rings.ring();
            terminator.terminate();
        })?;
        Ok(Fault {
            inner,
            host,
            align: job.align().max(1) as usize,
            chooser: Chooser::new(&settings, clone),
            // What befalls is drawn apart from whom it befalls.
            rng: Rng::new(settings.seed ^ 0x6661_7465, clone),
            journal,
            power: Power::new(&settings, clone),
            settings,
            bell,
            units: HashMap::new(),
            fates: HashMap::new(),
            after: HashMap::new(),
            injured: HashSet::new(),
            ready: VecDeque::new(),
            late: Vec::new(),
            stalled: Vec::new(),
            ended: Vec::new(),
            first: None,
        })
    }

    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let Some(slot) = self.units.get(&(io.as_ptr() as usize)).copied() else {
            self.host.set_error(libc::EINVAL, "queue() of a unit that io_init() was not told of");
            return io.refuse(libc::EINVAL);
        };
        self.injured.remove(&slot);
        if self.settings.class == Class::Powercut {
            return self.queue_cached(slot, io);
        }
        let fate = match self.fates.remove(&slot) {
            Some(fate) => fate,
            None => self.decide(&io),
        };
        self.carry_out(slot, fate, io)
    }
}

/// Turns the bits of these numbers over, as far as there are such.
pub(crate) fn flip(bytes: &mut [u8], bits: &[u64]) {
    for bit in bits {
        if let Some(byte) = bytes.get_mut((bit / 8) as usize) {
            *byte ^= 1 << (bit % 8);
        }
    }
}

impl Fault {
    fn get_file_size(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        if self.inner.get_file_size(file)? || file.size() != 0 || file.kind() != IOE_KIND_REGULAR {
            return Ok(());
        }
        // The inner engine leaves it to the host, which cannot know and asks here.
        let path = file.name().to_string_lossy().into_owned();
        if let Ok(facts) = std::fs::metadata(path) {
            let block_size = file.block_size().max(1);
            file.set_size(facts.len(), block_size);
        }
        Ok(())
    }

    fn close_file(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        if let Some(slot) = self.units.values().next().copied() {
            self.write_all(slot).map_err(|errno| {
                Error::new(errno, "a write that was held back cannot be written")
            })?;
        }
        self.inner.close_file(file)
    }

    fn io_init(&mut self, io: &Request) -> Result<(), Error> {
        let slot = self.inner.slot()?;
        self.units.insert(io.as_ptr() as usize, slot);
        Ok(())
    }

    fn io_free(&mut self, io: &Request) {
        let slot = self.units.remove(&(io.as_ptr() as usize));
        // Nothing can be written any more once the requests are gone.
        if let Some(Err(errno)) = slot.map(|slot| self.write_all(slot)) {
            let why = std::io::Error::from_raw_os_error(errno);
            self.host.log(Level::Error, &format!("writes that were held back are lost: {why}"));
        }
        self.inner.free_slots();
    }

    fn errdetails(&mut self, io: &Failed<'_>, out: &mut dyn Write) -> fmt::Result {
        let Some(slot) = self.units.get(&(io.as_ptr() as usize)).copied() else { return Ok(()) };
        if self.injured.contains(&slot) {
            let class = self.settings.class.word();
            let why = std::io::Error::from_raw_os_error(io.error());
            return write!(out, "{why}: injected (inject={class})");
        }
        match self.inner.errdetails(slot) {
            Some(words) => out.write_str(&words),
            None => write!(out, "{}", std::io::Error::from_raw_os_error(io.error())),
        }
    }

    /// What befalls a request that is offered for the first time.
    fn decide(&mut self, io: &Request) -> Fate {
        let Some(targets) = self.possible(io) else { return Fate::Pass };
        if !self.chooser.chooses(&self.settings, io) {
            return Fate::Pass;
        }
        let settings = &self.settings;
        match settings.class {
            Class::None | Class::Powercut => Fate::Pass,
            Class::Delay => Fate::Delay(delay(settings, &mut self.rng)),
            Class::Stall => Fate::Stall,
            Class::Fail => Fate::Fail,
            Class::Drop => Fate::Drop,
            Class::Swap => Fate::Swap,
            Class::Redirect => Fate::Redirect(targets),
            Class::Short | Class::Tear => {
                let sectors = match settings.sectors {
                    0 => 1 + self.rng.below(targets),
                    sectors => sectors,
                };
                let bytes = sectors * settings.sector;
                if settings.class == Class::Tear {
                    Fate::Tear(bytes)
                } else {
                    Fate::Short(bytes)
                }
            }
            Class::Flip => {
                let bits = io.len() * 8;
                let mut chosen = Vec::new();
                while (chosen.len() as u64) < settings.flip_bits {
                    let bit = match settings.flip_at {
                        Some(at) => at + chosen.len() as u64,
                        None => self.rng.below(bits),
                    };
                    if !chosen.contains(&bit) {
                        chosen.push(bit);
                    }
                }
                Fate::Flip(chosen)
            }
        }
    }

    /// Whether the class can befall it; for a redirection where to, for a tear how many sectors can
    /// arrive at most.
    fn possible(&self, io: &Request) -> Option<u64> {
        let Settings { class, sector, sectors, flip_bits, flip_at, distance, .. } = self.settings;
        let (offset, len) = (io.offset(), io.len());
        match class {
            Class::Short | Class::Tear => {
                let most = len.saturating_sub(1) / sector;
                (most > 0 && sectors <= most).then_some(most)
            }
            Class::Flip => {
                let bits = len.saturating_mul(8);
                let end = flip_at.unwrap_or(0).saturating_add(flip_bits);
                (end <= bits).then_some(0)
            }
            Class::Redirect => {
                let distance = if distance == 0 { len } else { distance };
                let end = offset.checked_add(distance)?.checked_add(len)?;
                let size = io.file().map_or(0, |file| file.size());
                match size == 0 || end <= size {
                    true => Some(offset + distance),
                    false => offset.checked_sub(distance),
                }
            }
            _ => Some(0),
        }
    }

    fn carry_out<'a>(&mut self, slot: Slot, fate: Fate, io: Io<'a>) -> Answer<'a> {
        let (ask, len) = (Ask::of(&io), io.len());
        let deed = Deed::to(self.settings.class.word(), &io);
        match &fate {
            Fate::Pass => self.pass(slot, ask, io, After::Nothing, fate, None),
            Fate::Delay(ns) => {
                let (more, due) = (format!(",\"ns\":{ns}"), self.host.now_ns().saturating_add(*ns));
                self.pass(slot, ask, io, After::Late(due), fate, Some((deed, more)))
            }
            Fate::Short(bytes) => {
                let more = format!(",\"arrived\":{bytes}");
                let ask = Ask { len: *bytes, ..ask };
                self.pass(slot, ask, io, After::Nothing, fate, Some((deed, more)))
            }
            Fate::Tear(bytes) => {
                let more = format!(",\"arrived\":{bytes}");
                let (ask, after) = (Ask { len: *bytes, ..ask }, After::Torn(*bytes));
                self.pass(slot, ask, io, after, fate, Some((deed, more)))
            }
            Fate::Redirect(to) => {
                let more = format!(",\"to\":{to}");
                let ask = Ask { offset: *to, ..ask };
                self.pass(slot, ask, io, After::Nothing, fate, Some((deed, more)))
            }
            Fate::Flip(bits) => {
                let more = format!(",\"bits\":{bits:?}");
                match ask.op {
                    IOE_OP_READ => {
                        let after = After::Flip(bits.clone());
                        self.pass(slot, ask, io, after, fate, Some((deed, more)))
                    }
                    _ => {
                        let mut copy = Buffer::of(io.buf(), self.align);
                        flip(&mut copy, bits);
                        self.send_own(slot, copy, io, fate, (deed, more))
                    }
                }
            }
            Fate::Drop => {
                self.journal.write(&deed, "");
                io.finish(Ok(len))
            }
            Fate::Fail => {
                self.journal.write(&deed, &format!(",\"errno\":{}", self.settings.errno));
                self.injured.insert(slot);
                io.finish(Err(self.settings.errno))
            }
            Fate::Stall => {
                self.journal.write(&deed, "");
                let (unit, answer) = io.keep();
                self.stalled.push((slot, ask, unit));
                answer
            }
            Fate::Swap => self.swap(slot, ask, io, deed),
        }
    }

    /// Passes it on with its own data.
    pub(crate) fn pass<'a>(
        &mut self,
        slot: Slot,
        ask: Ask,
        io: Io<'a>,
        after: After,
        fate: Fate,
        told: Option<(Deed, String)>,
    ) -> Answer<'a> {
        match self.inner.pass(slot, ask, io) {
            Passed::Busy(answer) => {
                self.fates.insert(slot, fate);
                answer
            }
            Passed::Refused(answer) => answer,
            Passed::Queued(answer) => {
                self.tell(told);
                if !matches!(after, After::Nothing) {
                    self.after.insert(slot, after);
                }
                answer
            }
            Passed::Done(mut io, outcome) => {
                self.tell(told);
                io.set_vendor_status(outcome.vendor_status);
                match (after, outcome.result) {
                    (After::Late(due), _) => {
                        let (unit, answer) = io.keep();
                        self.late.push((due, unit, outcome));
                        answer
                    }
                    (After::Torn(bytes), Ok(done)) if done == bytes => {
                        let len = io.len();
                        io.finish(Ok(len))
                    }
                    (After::Flip(bits), Ok(_)) => {
                        flip(io.buf_mut(), &bits);
                        io.finish(outcome.result)
                    }
                    (_, result) => io.finish(result),
                }
            }
        }
    }

    /// Passes it on with other data.
    fn send_own<'a>(
        &mut self,
        slot: Slot,
        data: Buffer,
        mut io: Io<'a>,
        fate: Fate,
        told: (Deed, String),
    ) -> Answer<'a> {
        match self.inner.send(slot, Ask::of(&io), Data::Own(data)) {
            Sent::Busy(_) => {
                self.fates.insert(slot, fate);
                io.busy()
            }
            Sent::Refused(errno, _) => io.refuse(errno),
            Sent::Queued => {
                self.tell(Some(told));
                let (unit, answer) = io.keep();
                self.after.insert(slot, After::Owned(unit));
                answer
            }
            Sent::Done(outcome, _) => {
                self.tell(Some(told));
                io.set_vendor_status(outcome.vendor_status);
                io.finish(outcome.result)
            }
        }
    }

    fn tell(&mut self, told: Option<(Deed, String)>) {
        if let Some((deed, more)) = told {
            self.journal.write(&deed, &more);
        }
    }

    /// Writes it where it belongs and remembers it, or lets it change places with the one that is
    /// remembered.
    fn swap<'a>(&mut self, slot: Slot, ask: Ask, mut io: Io<'a>, deed: Deed) -> Answer<'a> {
        let fits = |first: &First| {
            first.ask.len == ask.len
                && first.ask.file == ask.file
                && first.ask.offset.abs_diff(ask.offset) >= ask.len
        };
        let own = io.buf().to_vec();
        let outcome = match self.first.take_if(|first| fits(first)) {
            None => {
                let outcome = self.write(slot, ask, &own);
                self.first = Some(First { ask, data: own, deed });
                outcome
            }
            Some(first) => {
                let there = self.write(slot, Ask { offset: first.ask.offset, ..ask }, &own);
                let here = match there.result {
                    Ok(_) => self.write(slot, ask, &first.data),
                    Err(_) => there,
                };
                self.journal.write(&first.deed, &format!(",\"to\":{}", ask.offset));
                here
            }
        };
        io.set_vendor_status(outcome.vendor_status);
        io.finish(outcome.result)
    }

    /// Writes bytes of ours and waits for it.
    pub(crate) fn write(&mut self, slot: Slot, ask: Ask, bytes: &[u8]) -> Outcome {
        let data = Data::Own(Buffer::of(bytes, self.align));
        self.inner.run(slot, ask, data, &mut self.ended).0
    }
}

/// Nanoseconds that a request comes later.
fn delay(settings: &Settings, rng: &mut Rng) -> u64 {
    let Settings { delay_ns, delay_max_ns, .. } = *settings;
    match settings.delay_law {
        Law::Fixed => delay_ns,
        Law::Uniform => delay_ns + rng.below((delay_max_ns - delay_ns).saturating_add(1)),
        Law::Exponential => ((-(1.0 - rng.unit()).ln() * delay_ns as f64) as u64).min(delay_max_ns),
    }
}
