//! An engine with a thread of its own that panics at the worst moments: what the thread holds must
//! outlive the instance, and the host must be told the truth about who owns the unit. Also the
//! interrupt of `terminate`, which comes from another thread. Driven through the raw table.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::*;
use iodyno_engine_api::testing::{file, request, TestHost, TestInstance, TestJob};
use iodyno_engine_api::vtable::Table;
use iodyno_engine_api::*;
use std::ffi::{c_void, CStr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// What a test shares with the instance, which it finds by the address in option `shared`.
#[derive(Default)]
struct Shared {
    go: AtomicBool,
    dropped: AtomicBool,
    filled: AtomicU64,
    ended: AtomicBool,
}

/// Gives each unit to its thread, which fills the buffer once it may, and back.
struct Threaded {
    host: Host,
    shared: Arc<Shared>,
    give: Option<Sender<Unit>>,
    take: Receiver<Unit>,
    thread: Option<JoinHandle<()>>,
    panic_in: String,
}

/// The engine's thread. It reads the file of every unit, several of which are alive at once.
fn work(shared: &Shared, units: &Receiver<Unit>, back: &Sender<Unit>) {
    while let Ok(mut unit) = units.recv() {
        while !shared.go.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let byte = unit.file().map_or(0, |file| file.index() as u8 + file.size() as u8);
        unit.buf_mut().fill(byte);
        unit.set_vendor_status(3);
        shared.filled.fetch_add(1, Ordering::Release);
        if let Err(lost) = back.send(unit) {
            let _ = lost.0.into_raw(); // nobody is there to hand it back any more
        }
    }
    shared.ended.store(true, Ordering::Release);
}

impl Threaded {
    fn getevents(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        assert!(self.panic_in != "getevents", "bang in getevents");
        while reaped.count() < wait.min && !self.host.take_interrupt() {
            if let Ok(unit) = self.take.recv_timeout(Duration::from_millis(1)) {
                reaped.push_all(unit);
            }
        }
        Ok(())
    }
    fn cancel(&mut self, request: &Request) -> Result<Cancel, Error> {
        // The unit is on the thread; what may be asked of it here is what nobody writes.
        match request.op() == IOE_OP_READ && request.len() == 64 {
            true => Ok(Cancel::Pending),
            false => Ok(Cancel::Done),
        }
    }
}

impl Drop for Threaded {
    fn drop(&mut self) {
        self.give = None;
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.shared.dropped.store(true, Ordering::Release);
    }
}

impl Engine for Threaded {
    const NAME: &'static CStr = c"threaded";
    const HELP: &'static CStr = c"works on a thread of its own";
    const FLAGS: u64 = IOE_F_DISKLESS;
    const OPTIONS: &'static [&'static ioe_option] = &[
        &Opt::uint(c"shared", c"address").build(),
        &Opt::text(c"panic_in", c"a callback").build(),
    ];
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);
    const CANCEL: Option<CancelFn<Self>> = Some(Self::cancel);
    const TERMINATE: bool = true;

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        let address = job.uint("shared")?.unwrap_or_default() as usize as *const Shared;
        // SAFETY: the tests give the address of an Arc's content that they hold for ever.
        let shared = unsafe {
            Arc::increment_strong_count(address);
            Arc::from_raw(address)
        };
        let ((give, units), (back, take)) = (channel(), channel());
        let own = Arc::clone(&shared);
        let thread = std::thread::spawn(move || work(&own, &units, &back));
        let panic_in =
            job.text("panic_in")?.map(|t| t.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Threaded { host, shared, give: Some(give), take, thread: Some(thread), panic_in })
    }

    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        assert!(self.panic_in != "queue-before", "bang before keep");
        let (unit, answer) = io.keep();
        if let Some(give) = &self.give {
            give.send(unit).unwrap();
        }
        assert!(self.panic_in != "queue-after", "bang after keep");
        answer
    }
}

fn job(shared: &Arc<Shared>, panic_in: &str) -> TestJob {
    let v = ioe_value_v { u: Arc::as_ptr(shared) as usize as u64 };
    TestJob::new(Table::<Threaded>::OPS, 4).set("shared", v).set_text("panic_in", panic_in)
}

fn until(what: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if what() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("not within ten seconds");
}

#[test]
fn units_of_one_file_are_worked_on_elsewhere() {
    let (host, shared) = (TestHost::new(), Arc::new(Shared::default()));
    let job = job(&shared, "");
    let i = host.open(Table::<Threaded>::OPS, &job).unwrap();
    let mut target = file(-1, IOE_KIND_NONE);
    (target.index, target.size) = (5, 2);
    let mut bufs = [[0; 64]; 3];
    let mut ios: Vec<_> =
        bufs.iter_mut().map(|buf| request(IOE_OP_READ, &mut *target, 0, buf)).collect();
    for io in &mut ios {
        assert_eq!(i.queue(io), IOE_Q_QUEUED);
    }
    // SAFETY: a request of this instance's, in flight.
    assert_eq!(unsafe { i.ops.cancel.unwrap()(i.inst, &mut *ios[1]) }, IOE_CANCEL_PENDING);
    shared.go.store(true, Ordering::Release);
    assert_eq!(i.getevents(3, 3, -1).unwrap().len(), 3);
    assert!(ios.iter().all(|io| (io.vendor_status, io.resid, io.error) == (3, 0, 0)));
    assert_eq!(bufs, [[7; 64]; 3]);
    drop(i);
    assert!(shared.dropped.load(Ordering::Acquire) && shared.ended.load(Ordering::Acquire));
}

#[test]
fn a_panic_leaks_the_instance_and_its_thread_works_on() {
    // (where, what queue() answers, units that the thread goes on to fill)
    for (panic_in, answer, filled) in [
        ("queue-before", -libc::EIO, 0),
        ("queue-after", IOE_Q_QUEUED, 1),
        ("getevents", IOE_Q_QUEUED, 1),
    ] {
        let (host, shared) = (TestHost::new(), Arc::new(Shared::default()));
        let job = job(&shared, panic_in);
        let i = host.open(Table::<Threaded>::OPS, &job).unwrap();
        let mut target = file(-1, IOE_KIND_NONE);
        target.index = 9;
        let mut buf = [0; 64];
        let mut io = request(IOE_OP_READ, &mut *target, 0, &mut buf);
        assert_eq!(i.queue(&mut io), answer, "{panic_in}");
        for _ in 0..2 {
            assert_eq!(i.getevents(1, 1, -1), Err(-libc::EIO), "{panic_in}");
        }
        let mut other = request(IOE_OP_READ, &mut *target, 0, &mut []);
        assert_eq!(i.queue(&mut other), -libc::EIO, "{panic_in}: refused, not taken");
        assert_eq!(host.lines().len(), 1, "the panic is told once");
        assert!(host.lines()[0].1.contains("engine threaded: panic in"), "{:?}", host.lines());
        drop(i); // cleanup
        shared.go.store(true, Ordering::Release);
        until(|| shared.filled.load(Ordering::Acquire) == filled);
        assert!(!shared.dropped.load(Ordering::Acquire), "{panic_in}: leaked, not dropped");
        assert!(!shared.ended.load(Ordering::Acquire), "{panic_in}: the thread lives on");
        assert_eq!(buf, [9 * filled as u8; 64], "{panic_in}");
    }
}

/// `terminate` as the host calls it: from another thread, while the job's may wait.
fn terminate_after(i: &TestInstance<'_>, delay: Duration) -> JoinHandle<()> {
    let (terminate, inst) = (i.ops.terminate.unwrap(), i.inst as usize);
    std::thread::spawn(move || {
        std::thread::sleep(delay);
        // SAFETY: the tests join this thread before the instance ends.
        unsafe { terminate(inst as *mut c_void) }
    })
}

#[test]
fn an_interrupt_ends_one_wait_and_later_ones_are_whole() {
    // Before the wait begins, and in the middle of it.
    for delay in [0, 30] {
        let (host, shared) = (TestHost::new(), Arc::new(Shared::default()));
        let job = job(&shared, "");
        let i = host.open(Table::<Threaded>::OPS, &job).unwrap();
        let mut buf = [0; 64];
        let mut io = request(IOE_OP_READ, std::ptr::null_mut(), 0, &mut buf);
        assert_eq!(i.queue(&mut io), IOE_Q_QUEUED);
        let caller = terminate_after(&i, Duration::from_millis(delay));
        assert!(i.getevents(1, 1, -1).unwrap().is_empty(), "interrupted");
        caller.join().unwrap();
        let own = Arc::clone(&shared);
        let later = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            own.go.store(true, Ordering::Release);
        });
        assert_eq!(i.getevents(1, 1, -1).unwrap().len(), 1, "a whole wait");
        later.join().unwrap();
    }
}

/// Answers in the request's error what the interrupt and the sticky form say.
struct Asks(Host);

impl Engine for Asks {
    const NAME: &'static CStr = c"asks";
    const HELP: &'static CStr = c"asks the host whether it was interrupted";
    const FLAGS: u64 = IOE_F_SYNC | IOE_F_DISKLESS;
    const TERMINATE: bool = true;
    fn init(host: Host, _: &Job) -> Result<Self, Error> {
        Ok(Asks(host))
    }
    fn queue<'a>(&mut self, mut io: Io<'a>) -> Answer<'a> {
        let (taken, ever) = (self.0.take_interrupt(), self.0.terminated());
        io.set_vendor_status(u32::from(taken) << 1 | u32::from(ever));
        io.finish_all()
    }
}

#[test]
fn an_interrupt_is_cleared_by_taking_and_termination_is_not() {
    let ops = Table::<Asks>::OPS;
    let (host, job) = (TestHost::new(), TestJob::new(ops, 1));
    let i = host.open(ops, &job).unwrap();
    let mut io = request(IOE_OP_FSYNC, std::ptr::null_mut(), 0, &mut []);
    let mut ask = |calls: u32| {
        // SAFETY: the instance lives; terminate may come from any thread.
        (0..calls).for_each(|_| unsafe { ops.terminate.unwrap()(i.inst) });
        assert_eq!(i.queue(&mut io), IOE_Q_COMPLETED);
        io.vendor_status
    };
    assert_eq!([ask(0), ask(1), ask(0), ask(2), ask(0)], [0, 3, 1, 3, 1]);
}

/// Answers how many bytes of buffer it sees.
struct Sees;

impl Engine for Sees {
    const NAME: &'static CStr = c"sees";
    const HELP: &'static CStr = c"answers how much buffer it sees";
    const FLAGS: u64 = IOE_F_SYNC | IOE_F_DISKLESS;
    fn init(_: Host, _: &Job) -> Result<Self, Error> {
        Ok(Sees)
    }
    fn queue<'a>(&mut self, mut io: Io<'a>) -> Answer<'a> {
        assert_eq!(io.buf().len(), io.buf_mut().len());
        let seen = io.buf().len() as u32;
        io.set_vendor_status(seen);
        io.finish_all()
    }
}

#[test]
fn operations_without_data_have_no_buffer() {
    let ops = Table::<Sees>::OPS;
    let (host, job) = (TestHost::new(), TestJob::new(ops, 1));
    let i = host.open(ops, &job).unwrap();
    for (op, seen) in [
        (IOE_OP_READ, 16),
        (IOE_OP_WRITE, 16),
        (IOE_OP_ENGINE + 1, 16),
        (IOE_OP_TRIM, 0),
        (IOE_OP_FSYNC, 0),
        (IOE_OP_WRITE_ZEROES, 0),
        (IOE_OP_ENGINE - 1, 0),
    ] {
        let mut buf = [0; 16];
        let mut io = request(op, std::ptr::null_mut(), 0, &mut buf);
        assert_eq!((i.queue(&mut io), io.vendor_status), (IOE_Q_COMPLETED, seen), "op {op}");
    }
}
