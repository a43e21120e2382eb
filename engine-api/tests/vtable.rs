//! An engine exported by the macro, driven through its raw table as a host drives it: life cycle,
//! ownership, panics, absent callbacks, hosts of other sizes and versions. Uses nothing of the
//! host: what holds here must hold for any host that keeps to the header.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::*;
use iodyno_engine_api::host::Memory;
use iodyno_engine_api::testing::{file, request, TestHost, TestJob};
use iodyno_engine_api::*;
use std::ffi::{c_void, CStr};
use std::fmt;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

/// Has every callback; panics in the one that the option `panic_in` names.
struct Full {
    host: Host,
    memory: Memory,
    panic_in: String,
    kept: Vec<Unit>,
    woken: Arc<AtomicU32>,
}

static WOKEN: AtomicU32 = AtomicU32::new(0);
static EXTENSION: u32 = 7;

impl Full {
    fn at(&self, callback: &str) -> Result<(), Error> {
        if self.panic_in == callback {
            panic!("bang in {callback}");
        }
        match self.panic_in.strip_prefix("err:") {
            Some(c) if c == callback => {
                Err(Error::new(libc::ENODEV, format!("no {callback} today")))
            }
            _ => Ok(()),
        }
    }
    fn caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_max_depth(3);
        self.at("get_caps")
    }
    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        file.set_fd(41);
        self.at("open_file")
            .map(|()| if file.index() == 0 { Opened::ByEngine } else { Opened::ByHost })
    }
    fn close_file(&mut self, _file: &mut File<'_>) -> Result<(), Error> {
        self.at("close_file")
    }
    fn size(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        file.set_size(1 << 30, 4096);
        self.at("get_file_size")
    }
    fn io_init(&mut self, _io: &Request) -> Result<(), Error> {
        self.at("io_init")
    }
    fn io_free(&mut self, _io: &Request) {
        let _ = self.at("io_free");
    }
    fn start(&mut self) -> Result<(), Error> {
        self.at("start")
    }
    fn prep(&mut self, _io: &Request) -> Result<(), Error> {
        self.at("prep")
    }
    fn commit(&mut self) -> Result<(), Error> {
        self.at("commit")
    }
    fn getevents(&mut self, wait: Wait, reaped: &mut Reaped<'_>) -> Result<(), Error> {
        while reaped.room() > 0 && reaped.count() < wait.max {
            let Some(mut unit) = self.kept.pop() else { break };
            unit.buf_mut().fill(9);
            let done = unit.len() / 2;
            reaped.push(unit, Ok(done));
        }
        self.at("getevents")
    }
    fn cancel(&mut self, request: &Request) -> Result<Cancel, Error> {
        self.at("cancel")?;
        Ok(match self.kept.iter().position(|u| u.is(request)) {
            Some(at) => Cancel::Canceled(self.kept.remove(at)),
            None => Cancel::Done,
        })
    }
    fn details(&mut self, failed: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        let _ = self.at("errdetails");
        write!(out, "status {:#x} errno {}", failed.vendor_status(), failed.error())
    }
}

impl Engine for Full {
    const NAME: &'static CStr = c"full";
    const HELP: &'static CStr = c"has every callback";
    const FLAGS: u64 = IOE_F_RAW;
    const OPTIONS: &'static [&'static ioe_option] = &[
        &Opt::uint(c"count", c"a number").default(c"4").range(1, 8).build(),
        &Opt::text(c"panic_in", c"a callback").alias(c"p").build(),
        &Opt::int(c"shift", c"signed").build(),
        &Opt::float(c"factor", c"a double").build(),
        &Opt::boolean(c"flag", c"yes or no").build(),
    ];
    const IO_PRIVATE_SIZE: u32 = 128;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const CLOSE_FILE: Option<FileFn<Self>> = Some(Self::close_file);
    const GET_FILE_SIZE: Option<FileFn<Self>> = Some(Self::size);
    const IO_INIT: Option<RequestFn<Self>> = Some(Self::io_init);
    const IO_FREE: Option<FreeFn<Self>> = Some(Self::io_free);
    const START: Option<PlainFn<Self>> = Some(Self::start);
    const PREP: Option<RequestFn<Self>> = Some(Self::prep);
    const COMMIT: Option<PlainFn<Self>> = Some(Self::commit);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);
    const CANCEL: Option<CancelFn<Self>> = Some(Self::cancel);
    const TERMINATE: bool = true;
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::details);
    const EXTENSION: Option<ExtensionFn> = Some(|id| match id.to_bytes() {
        b"test.seven/1" => (&raw const EXTENSION).cast(),
        b"test.panic/1" => panic!("bang in get_extension"),
        _ => null(),
    });

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        let panic_in =
            job.text("panic_in")?.map(|t| t.to_string_lossy().into_owned()).unwrap_or_default();
        let memory = host.alloc(4096, 64).ok_or(Error::from_errno(libc::ENOMEM))?;
        let woken = Arc::new(AtomicU32::new(0));
        let (wake, wants_panic) = (Arc::clone(&woken), panic_in == "terminate");
        host.on_terminate(move || {
            assert!(!wants_panic, "bang in terminate");
            wake.fetch_add(1, Ordering::Relaxed);
            WOKEN.fetch_add(1, Ordering::Relaxed);
        })?;
        let full = Full { host, memory, panic_in, kept: Vec::new(), woken };
        full.at("init")?;
        assert_eq!(job.uint("count")?.unwrap_or(4), 4);
        assert!(
            job.uint("panic_in").is_err() || job.text("panic_in")?.is_none(),
            "type is checked"
        );
        assert!(job.uint("nonsense").is_err());
        assert_eq!((job.int("shift")?, job.float("factor")?), (None, None));
        assert_eq!((job.boolean("flag")?, job.iodepth()), (None, 4));
        Ok(full)
    }

    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let _ = self.at("queue");
        match io.op() {
            IOE_OP_READ if self.kept.len() < 3 => {
                let (unit, answer) = io.keep();
                self.kept.push(unit);
                answer
            }
            IOE_OP_READ => io.busy(),
            IOE_OP_WRITE => {
                let mut io = io;
                let done = io.len() - 1;
                io.set_vendor_status(0x51);
                io.finish(Ok(done))
            }
            IOE_OP_TRIM => io.finish(Err(libc::EOPNOTSUPP)),
            IOE_OP_FSYNC => io.finish_all(),
            _ => {
                self.host.set_error(libc::ENXIO, "not that one");
                io.refuse(libc::ENXIO)
            }
        }
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        self.host.log(host::Level::Debug, "dropped");
        assert_eq!(self.memory.len(), 4096);
        let _ = self.woken.load(Ordering::Relaxed);
        assert!(self.panic_in != "cleanup", "bang in cleanup");
    }
}

/// Has what an engine must have.
struct Bare;

impl Engine for Bare {
    const NAME: &'static CStr = c"bare-1_0";
    const HELP: &'static CStr = c"has no callback that it need not have";
    const FLAGS: u64 = IOE_F_SYNC;
    fn init(_: Host, _: &Job) -> Result<Self, Error> {
        Ok(Bare)
    }
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        io.finish(Ok(0))
    }
}

static SET_UP: AtomicU32 = AtomicU32::new(0);

fn prepare(host: &Host) -> Result<(), Error> {
    match SET_UP.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(()),
        1 => Err(Error::new(libc::EBUSY, "set up before")),
        _ => panic!("bang in setup at {}", host.now_ns()),
    }
}

fn finish() {
    panic!("bang in teardown");
}

export_plugin! {
    id: "org.iodyno.test", vendor: "test", version: env!("CARGO_PKG_VERSION"), license: "MIT",
    url: "", engines: [Full, Bare], setup: prepare, teardown: finish,
}

fn plugin(host: &TestHost) -> &'static ioe_plugin {
    // SAFETY: a whole host table; the plugin is a static.
    unsafe { &*ioe_plugin_entry_v1(host.table(), null_mut(), 0) }
}

fn ops(number: usize) -> &'static ioe_ops {
    let plugin = plugin(&TestHost::new());
    assert!(number < plugin.n_engines as usize);
    // SAFETY: the plugin has n_engines tables, all of them constants.
    unsafe { &**plugin.engines.add(number) }
}

fn job(panic_in: &str) -> TestJob {
    TestJob::new(ops(0), 4).set_text("panic_in", panic_in)
}

#[test]
fn the_entry_describes_the_plugin_and_is_repeatable() {
    let host = TestHost::new();
    let p = plugin(&host);
    assert!(std::ptr::eq(p, plugin(&host)));
    assert_eq!((p.magic, p.struct_size), (IOE_MAGIC, 96));
    assert_eq!((p.abi_major, p.abi_minor, p.need_minor), (1, 0, 0));
    // SAFETY: the plugin's strings and tables are constants.
    unsafe {
        assert_eq!(CStr::from_ptr(p.id), c"org.iodyno.test");
        assert_eq!(CStr::from_ptr(p.version).to_str(), Ok(env!("CARGO_PKG_VERSION")));
        assert_eq!(*p.layout, ioe_layout::OWN);
    }
}

#[cfg(feature = "layout-check")]
#[test]
fn the_layout_symbol_gives_a_compatible_layout() {
    assert_eq!(layout::check_layout(iodyno_layout_v1_0()), Ok(()));
}

#[test]
fn a_wrong_host_is_refused_in_words_within_errcap() {
    let cases: [(u16, u32, &str); 4] = [
        (2, 88, "the host offers 2.0"),
        (0, 88, "the host offers 0.0"),
        (1, 80, "80 bytes where 1.0 has 88"),
        (1, 4, "4 bytes"),
    ];
    for (major, size, words) in cases {
        let mut table = std::mem::ManuallyDrop::new(TestHost::new());
        // SAFETY: a copy of plain data; the original is not used.
        let mut raw: ioe_host = unsafe { std::ptr::read(table.table()) };
        (raw.abi_major, raw.struct_size) = (major, size);
        for cap in [0, 1, 16, 200] {
            let mut err = [b'#'; 256];
            // SAFETY: `err` has room for more than cap.
            let p = unsafe { ioe_plugin_entry_v1(&raw, err.as_mut_ptr().cast(), cap) };
            assert!(p.is_null());
            assert!(err[cap..].iter().all(|b| *b == b'#'), "wrote beyond {cap}");
            if cap == 200 {
                let text = CStr::from_bytes_until_nul(&err).unwrap().to_str().unwrap();
                assert!(text.contains(words), "{text}");
            }
        }
        // SAFETY: dropped once.
        unsafe { std::mem::ManuallyDrop::drop(&mut table) };
    }
    // SAFETY: null is a case that the entry knows.
    assert!(unsafe { ioe_plugin_entry_v1(null(), null_mut(), 0) }.is_null());
}

#[test]
fn what_an_engine_lacks_is_null() {
    let (full, bare) = (ops(0), ops(1));
    macro_rules! check {
        ($($optional:ident)*) => {$(
            assert!(full.$optional.is_some(), stringify!($optional));
            assert!(bare.$optional.is_none(), stringify!($optional));
        )*};
    }
    check!(get_caps open_file close_file get_file_size io_init io_free start prep commit getevents);
    check!(cancel terminate errdetails get_extension);
    assert!(bare.init.is_some() && bare.cleanup.is_some() && bare.queue.is_some());
    assert_eq!((bare.n_options, full.n_options, full.io_private_size), (0, 5, 128));
    assert_eq!((full.struct_size, full.flags), (184, IOE_F_RAW));
    // SAFETY: rows are constants.
    let row = unsafe { &**full.options };
    assert_eq!((row.r#type, row.min, row.max), (IOE_OPT_UINT, 1, 8));
}

#[test]
fn a_life_from_init_to_cleanup() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(0), 4));
    let i = host.open(ops(0), &job).unwrap();
    let (o, mut target) = (i.ops, file(-1, IOE_KIND_REGULAR));
    let mut caps = ioe_caps {
        struct_size: 40,
        max_depth: 0,
        flags: o.flags,
        ops: 0,
        max_transfer: 0,
        mem_align: 0,
        reserved: 0,
    };
    let mut buf = [0; 64];
    // SAFETY: the instance lives, all structs are whole.
    unsafe {
        assert_eq!(o.get_caps.unwrap()(i.inst, &mut caps), 0);
        assert_eq!((caps.max_depth, caps.flags), (3, IOE_F_RAW));
        assert_eq!(o.open_file.unwrap()(i.inst, &mut *target), IOE_OPENED);
        assert_eq!(o.get_file_size.unwrap()(i.inst, &mut *target), 0);
        assert_eq!((target.fd, target.size, target.block_size), (41, 1 << 30, 4096));
        target.index = 1;
        assert_eq!(o.open_file.unwrap()(i.inst, &mut *target), IOE_OPEN_HOST);
    }
    let mut ios: Vec<_> = (0..4)
        .map(|n| request(IOE_OP_READ, &mut *target, n * 16, &mut buf[n as usize * 16..][..16]))
        .collect();
    let answers: Vec<i32> = ios.iter_mut().map(|io| i.queue(io)).collect();
    assert_eq!(answers, [IOE_Q_QUEUED, IOE_Q_QUEUED, IOE_Q_QUEUED, IOE_Q_BUSY]);
    assert_eq!(i.commit(), 0);
    // SAFETY: the request is one of this instance's.
    let cancel = |io: *mut ioe_io| unsafe { o.cancel.unwrap()(i.inst, io) };
    assert_eq!(cancel(&mut *ios[1]), IOE_CANCELED);
    assert_eq!(cancel(&mut *ios[1]), -libc::ENOENT);
    let back = i.getevents(1, 1, 0).unwrap();
    assert_eq!(back, [&raw mut *ios[2]]);
    assert_eq!((ios[2].resid, ios[2].error), (8, 0));
    assert_eq!(i.getevents(0, 8, 0).unwrap(), [&raw mut *ios[0]]);
    assert!(i.getevents(0, 8, 0).unwrap().is_empty());
    assert_eq!((buf[0], buf[16], buf[32]), (9, 0, 9));
}

#[test]
fn answers_of_queue() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(0), 4));
    let i = host.open(ops(0), &job).unwrap();
    let mut buf = [1; 32];
    for (op, answer, resid, error) in [
        (IOE_OP_WRITE, IOE_Q_COMPLETED, 1, 0),
        (IOE_OP_TRIM, IOE_Q_COMPLETED, 32, libc::EOPNOTSUPP),
        (IOE_OP_FSYNC, IOE_Q_COMPLETED, 0, 0),
        (IOE_OP_ENGINE, -libc::ENXIO, 0, 0),
    ] {
        let mut io = request(op, null_mut(), 0, &mut buf);
        assert_eq!((i.queue(&mut io), io.resid, io.error), (answer, resid, error), "op {op}");
    }
    assert_eq!(host.errors(), [(libc::ENXIO, "not that one".to_owned())]);
}

#[test]
fn details_are_cut_to_the_buffer() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(0), 4));
    let i = host.open(ops(0), &job).unwrap();
    let mut io = request(IOE_OP_WRITE, null_mut(), 0, &mut []);
    (io.vendor_status, io.error) = (0x2a, libc::EIO);
    for (cap, expected) in [(1, ""), (7, "status"), (32, "status 0x2a errno 5")] {
        let mut text = [b'#'; 33];
        // SAFETY: the buffer has room for cap.
        let status =
            unsafe { i.ops.errdetails.unwrap()(i.inst, &*io, text.as_mut_ptr().cast(), cap) };
        assert_eq!(status, 0);
        assert_eq!(CStr::from_bytes_until_nul(&text).unwrap().to_str(), Ok(expected));
        assert!(text[cap..].iter().all(|b| *b == b'#'));
    }
}

/// Calls one callback; its status, or 0 where it has none.
fn call(ops: &ioe_ops, inst: *mut c_void, name: &str) -> i32 {
    let (mut target, mut buf) = (file(-1, IOE_KIND_REGULAR), [0; 8]);
    let mut io = request(IOE_OP_FSYNC, &mut *target, 0, &mut buf);
    let mut caps = ioe_caps {
        struct_size: 40,
        max_depth: 0,
        flags: 0,
        ops: 0,
        max_transfer: 0,
        mem_align: 0,
        reserved: 0,
    };
    let (mut out, mut text) = ([null_mut(); 4], [0; 32]);
    // SAFETY: the instance lives, all structs are whole.
    unsafe {
        match name {
            "get_caps" => ops.get_caps.unwrap()(inst, &mut caps),
            "open_file" => ops.open_file.unwrap()(inst, &mut *target),
            "close_file" => ops.close_file.unwrap()(inst, &mut *target),
            "get_file_size" => ops.get_file_size.unwrap()(inst, &mut *target),
            "io_init" => ops.io_init.unwrap()(inst, &mut *io),
            "io_free" => {
                ops.io_free.unwrap()(inst, &mut *io);
                -libc::EIO
            }
            "start" => ops.start.unwrap()(inst),
            "prep" => ops.prep.unwrap()(inst, &mut *io),
            "queue" => ops.queue.unwrap()(inst, &mut *io),
            "commit" => ops.commit.unwrap()(inst),
            "getevents" => ops.getevents.unwrap()(inst, 0, 4, 0, out.as_mut_ptr()),
            "cancel" => ops.cancel.unwrap()(inst, &mut *io),
            "errdetails" => ops.errdetails.unwrap()(inst, &*io, text.as_mut_ptr(), 32),
            "terminate" => {
                ops.terminate.unwrap()(inst);
                -libc::EIO
            }
            other => panic!("no callback {other}"),
        }
    }
}

const CALLBACKS: [&str; 14] = [
    "get_caps",
    "open_file",
    "close_file",
    "get_file_size",
    "io_init",
    "io_free",
    "start",
    "prep",
    "queue",
    "commit",
    "getevents",
    "cancel",
    "errdetails",
    "terminate",
];

#[test]
fn a_panic_answers_eio_and_poisons_the_instance() {
    for name in CALLBACKS {
        let (host, job) = (TestHost::new(), job(name));
        let i = host.open(ops(0), &job).unwrap();
        assert_eq!(call(i.ops, i.inst, name), -libc::EIO, "{name}");
        let (errno, text) = host.errors().pop().unwrap();
        assert_eq!(errno, libc::EIO);
        for part in ["engine full: panic in", name, "vtable.rs:", "bang in"] {
            assert!(text.contains(part), "{name}: {text}");
        }
        assert_eq!(host.lines(), [(IOE_LOG_ERROR, text)]);
        for later in CALLBACKS.iter().filter(|c| **c != "terminate") {
            assert_eq!(call(i.ops, i.inst, later), -libc::EIO, "{later} after {name}");
            assert!(host.errors().last().unwrap().1.contains("an earlier callback panicked"));
        }
        // Cleanup leaks: had the engine been dropped, it would have said so.
        let lines = host.lines().len();
        drop(i);
        assert_eq!(host.lines().len(), lines);
    }
}

#[test]
fn an_error_tells_its_words() {
    for name in ["get_caps", "open_file", "start", "prep", "commit", "getevents", "cancel"] {
        let (host, job) = (TestHost::new(), job(&format!("err:{name}")));
        let i = host.open(ops(0), &job).unwrap();
        assert_eq!(call(i.ops, i.inst, name), -libc::ENODEV, "{name}");
        assert_eq!(host.errors(), [(libc::ENODEV, format!("no {name} today"))]);
        let other = if name == "commit" { "start" } else { "commit" };
        assert_eq!(call(i.ops, i.inst, other), 0, "an error does not poison");
    }
}

#[test]
fn init_that_fails_makes_no_instance() {
    for (how, status) in [("init", -libc::EIO), ("err:init", -libc::ENODEV)] {
        let (host, job) = (TestHost::new(), job(how));
        assert_eq!(host.open(ops(0), &job).map(|_| ()), Err(status));
        assert_eq!(host.errors().len(), 1);
    }
    let (host, mut short) = (TestHost::new(), TestJob::new(ops(0), 4));
    short.raw().struct_size = 56;
    assert_eq!(host.open(ops(0), &short).map(|_| ()), Err(-libc::EINVAL));
}

#[test]
fn a_panic_in_drop_stops_at_the_border() {
    let (host, job) = (TestHost::new(), job("cleanup"));
    drop(host.open(ops(0), &job).unwrap());
    let lines = host.lines();
    assert_eq!(lines[0].1, "dropped");
    assert!(lines[1].1.contains("panic in cleanup()"));
}

#[test]
fn terminate_comes_from_another_thread() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(0), 4));
    let i = host.open(ops(0), &job).unwrap();
    let (terminate, inst) = (i.ops.terminate.unwrap(), i.inst as usize);
    let before = WOKEN.load(Ordering::Relaxed);
    // SAFETY: the instance outlives the thread; terminate may come from any thread.
    std::thread::spawn(move || unsafe { terminate(inst as *mut c_void) }).join().unwrap();
    assert!(WOKEN.load(Ordering::Relaxed) > before);
}

#[test]
fn extensions_need_no_instance() {
    let get = ops(0).get_extension.unwrap();
    // SAFETY: inst may be null for this callback.
    unsafe {
        assert_eq!(get(null_mut(), c"test.seven/1".as_ptr()), (&raw const EXTENSION).cast());
        assert!(get(null_mut(), c"unknown/1".as_ptr()).is_null());
        assert!(get(null_mut(), c"test.panic/1".as_ptr()).is_null());
        assert!(get(null_mut(), null()).is_null());
    }
}

#[test]
fn setup_and_teardown_stop_panics() {
    let host = TestHost::new();
    let p = plugin(&host);
    // SAFETY: a whole host table.
    let statuses: Vec<i32> = (0..3).map(|_| unsafe { p.setup.unwrap()(host.table()) }).collect();
    assert_eq!(statuses, [0, -libc::EBUSY, -libc::EIO]);
    assert_eq!(host.errors()[0], (libc::EBUSY, "set up before".to_owned()));
    assert!(host.errors()[1].1.contains("bang in setup"));
    // SAFETY: takes nothing.
    unsafe { p.teardown.unwrap()() };
}

/// A table at the very end of a page, with a page behind it that nobody may touch.
struct Guarded {
    map: *mut c_void,
}

const PAGE: usize = 4096;

impl Guarded {
    fn new() -> Guarded {
        // SAFETY: a fresh mapping; its second page loses all rights.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let rights = libc::PROT_READ | libc::PROT_WRITE;
            let map = libc::mmap(null_mut(), 2 * PAGE, rights, flags, -1, 0);
            assert_ne!(map, libc::MAP_FAILED);
            assert_eq!(libc::mprotect(map.add(PAGE), PAGE, libc::PROT_NONE), 0);
            Guarded { map }
        }
    }

    /// Copies the first `bytes` of a table to the end of the page.
    fn put<T>(&self, table: &T, bytes: u32) -> *mut T {
        // SAFETY: bytes <= size_of::<T>() < PAGE: within table and page.
        unsafe {
            let at = self.map.cast::<u8>().add(PAGE - bytes as usize);
            std::ptr::copy_nonoverlapping(std::ptr::from_ref(table).cast(), at, bytes as usize);
            at.cast()
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: this value's own mapping.
        unsafe { libc::munmap(self.map, 2 * PAGE) };
    }
}

#[test]
fn tables_of_1_0_are_never_read_beyond_their_end() {
    let (host, mut job) = (TestHost::new(), TestJob::new(ops(0), 4));
    let pages: Vec<Guarded> = (0..3).map(|_| Guarded::new()).collect();
    let table = pages[0].put(host.table(), v1_0::HOST);
    let raw_job = pages[1].put(job.raw(), v1_0::JOB);
    let mut caps = ioe_caps {
        struct_size: v1_0::CAPS,
        max_depth: 0,
        flags: 0,
        ops: 0,
        max_transfer: 0,
        mem_align: 0,
        reserved: 0,
    };
    caps.flags = 5;
    let caps = pages[2].put(&caps, v1_0::CAPS);
    let o = ops(0);
    let mut inst = null_mut();
    // SAFETY: whole tables of version 1.0, alive until the end of the block.
    unsafe {
        assert!(!ioe_plugin_entry_v1(table, null_mut(), 0).is_null());
        assert_eq!(o.init.unwrap()(table, raw_job, &mut inst), 0);
        assert_eq!(o.get_caps.unwrap()(inst, caps), 0);
        assert_eq!(((*caps).max_depth, (*caps).flags), (3, 5));
        o.cleanup.unwrap()(inst);
    }
}

#[test]
fn a_larger_host_of_a_later_minor_is_served() {
    #[repr(C)]
    struct Later {
        host: ioe_host,
        more: [u64; 4],
    }
    let (host, job) = (TestHost::new(), TestJob::new(ops(0), 4));
    // SAFETY: a copy of plain data; `host` outlives it.
    let copy = unsafe { std::ptr::read(host.table()) };
    let mut later = Later { host: copy, more: [u64::MAX; 4] };
    (later.host.struct_size, later.host.abi_minor) = (size_of::<Later>() as u32, 99);
    let mut job = job;
    let mut inst = null_mut();
    // SAFETY: whole tables, alive until the end of the block.
    unsafe {
        assert!(!ioe_plugin_entry_v1(&later.host, null_mut(), 0).is_null());
        assert_eq!(ops(0).init.unwrap()(&later.host, job.raw(), &mut inst), 0);
        ops(0).cleanup.unwrap()(inst);
    }
    assert_eq!(later.more, [u64::MAX; 4]);
}

#[test]
fn values_that_do_not_fit_the_table_are_refused() {
    let fewer: fn(&mut ioe_job) = |job| job.n_opts = 1;
    let none: fn(&mut ioe_job) = |job| job.opts = null();
    for edit in [fewer, none] {
        let (host, mut job) = (TestHost::new(), TestJob::new(ops(0), 4));
        edit(job.raw());
        assert_eq!(host.open(ops(0), &job).map(|_| ()), Err(-libc::EINVAL));
        let text = &host.errors()[0].1;
        assert!(text.contains("fewer values than the engine has options"), "{text}");
    }
}
