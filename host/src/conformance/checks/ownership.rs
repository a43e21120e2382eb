//! Whose memory is whose: what an engine may touch of units, private areas and buffers.
//!
//! Called through the table. Most rules are judged by the rig at each answer; these checks make the
//! requests that bring a breach to light.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::rig::{describe, Request, Rig, RigWish};
use super::super::stand::Stand;
use crate::plugin::handle::Callback;
use iodyno_engine_api::abi::*;

/// What all of them have in common.
const OWNERSHIP: Check = Check {
    id: "",
    rule: "",
    level: Level::Requests,
    rests_on: &["queue.status", "units.once"],
    deadline: DEADLINE,
    run: inputs,
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "units.inputs",
        rule: "An engine changes nothing of a unit but resid, issue_ns, error and vendor_status, \
               and nothing around it.",
        run: inputs,
        ..OWNERSHIP
    },
    Check {
        id: "units.private",
        rule: "A unit's engine_data are io_private_size bytes, and nothing around them is touched.",
        run: private,
        ..OWNERSHIP
    },
    Check {
        id: "buffer.bounds",
        rule: "A read stores within the len bytes of its buffer and nowhere else.",
        run: bounds,
        ..OWNERSHIP
    },
    Check {
        id: "buffer.source",
        rule: "A write leaves its buffer as it is.",
        run: source,
        ..OWNERSHIP
    },
    Check {
        id: "prep.repeat",
        rule: "prep comes again after Busy and before each continuation: it must be repeatable.",
        run: prep,
        ..OWNERSHIP
    },
];

/// The operations that the engine says it can do, as a mask; what any engine can where it does not
/// say.
fn known_ops(stand: &Stand) -> Result<u32, Finding> {
    let usual = RigWish::default();
    let rig = stand.rig(usual.clone())?;
    let all = (1 << (IOE_OP_WRITE_ZEROES + 1)) - 1;
    let ops = if rig.caps.ops == 0 { usual.ops } else { rig.caps.ops as u32 & all };
    rig.end()?;
    Ok(ops)
}

/// Requests of all kinds that the rig's job issues, with the flags that go with them.
fn of_all_kinds(rig: &Rig<'_>, len: u64) -> Vec<Request> {
    let mut requests = Vec::new();
    for op in 0..=IOE_OP_WRITE_ZEROES {
        if rig.issues(op).is_err() {
            continue;
        }
        let flags: &[u64] = match op {
            IOE_OP_READ => &[0, IOE_IO_HIPRI],
            IOE_OP_WRITE => &[0, IOE_IO_FUA],
            IOE_OP_SYNC_RANGE => &[0, IOE_IO_SYNC_WRITE, IOE_IO_SYNC_WAIT_AFTER],
            _ => &[0],
        };
        for (n, flags) in flags.iter().enumerate() {
            requests.push(Request { flags: *flags, ..rig.piece(op, n as u64, len) });
        }
    }
    requests
}

fn inputs(stand: &Stand) -> Outcome {
    let ops = known_ops(stand)?;
    for depth in [1, 4] {
        let mut rig = stand.rig(RigWish { depth, ops, ..RigWish::default() })?;
        for len in [512.max(rig.grain()), 4096] {
            let requests = of_all_kinds(&rig, len).into_iter().map(|request| (request, None));
            rig.run(requests, |_, _| Ok(()))?;
        }
        rig.end()?;
    }
    Ok(())
}

fn private(stand: &Stand) -> Outcome {
    let ops = known_ops(stand)?;
    for depth in [1, 4] {
        let mut rig = stand.rig(RigWish { depth, ops, ..RigWish::default() })?;
        if rig.instance().io_private_size() == 0 {
            return Err(Finding::skip("its io_private_size is 0"));
        }
        let requests: Vec<_> =
            (0..8).flat_map(|_| of_all_kinds(&rig, 4096)).map(|request| (request, None)).collect();
        rig.run(requests, |_, _| Ok(()))?;
        rig.end()?;
    }
    Ok(())
}

/// Lengths that end in the midst of blocks and pages, as far as the target takes them.
fn lengths(rig: &Rig<'_>) -> Vec<u64> {
    let grain = rig.grain();
    let odd = [1, 7, 511, 512, 513, 4095, 4096, 4097, 8191, 8192];
    odd.into_iter().filter(|len| len % grain == 0 && *len <= rig.len_max()).collect()
}

fn bounds(stand: &Stand) -> Outcome {
    const DEPTH: usize = 3;
    let wish = RigWish { depth: DEPTH as u32, bs: 8192, ..RigWish::default() };
    let mut rig = stand.rig(wish)?;
    for len in lengths(&rig) {
        for op in rig.moves() {
            for index in 0..DEPTH {
                let request = rig.piece(op, index as u64, len);
                if op == IOE_OP_READ {
                    let pattern = rig.pattern(9);
                    pattern.fill(rig.buffer(index), 0);
                }
                rig.complete(index, request)?;
                untouched_behind(&mut rig, index, request)?;
            }
        }
    }
    if stand.place.is_directory() && rig.can(IOE_OP_READ).is_ok() {
        let (size, _) = rig.file_size(0);
        for offset in [size.saturating_sub(512), size] {
            rig.complete(1, Request::read(offset, 8192))?;
        }
    }
    rig.end()
}

/// What lies behind a read's len in its own buffer is what was there before.
fn untouched_behind(rig: &mut Rig<'_>, index: usize, request: Request) -> Outcome {
    if request.op != IOE_OP_READ {
        return Ok(());
    }
    let (pattern, len) = (rig.pattern(9), request.len as usize);
    match pattern.first_wrong(&rig.buffer(index)[len..], request.len) {
        None => Ok(()),
        Some(at) => Err(Finding::fail(format!(
            "{}: byte {} behind it was written to",
            describe(&request),
            at - request.len + 1
        ))),
    }
}

fn source(stand: &Stand) -> Outcome {
    const DEPTH: u32 = 4;
    let wish = RigWish { depth: DEPTH, bs: 128 << 10, ..RigWish::default() };
    let mut rig = stand.rig(wish)?;
    rig.issues(IOE_OP_WRITE)?;
    let mut len = 512.max(rig.grain());
    while len <= rig.len_max() {
        let pattern = rig.pattern(1);
        let writes = (0..2 * u64::from(DEPTH)).map(|n| rig.piece(IOE_OP_WRITE, n, len));
        let writes: Vec<_> = writes.map(|write| (write, Some(pattern))).collect();
        rig.run(writes, |_, _| Ok(()))?;
        len *= 2;
    }
    rig.end()
}

fn prep(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish::default())?;
    if !rig.instance().has(Callback::Prep) {
        return Err(Finding::skip("it has no prep"));
    }
    for n in 0..16 {
        let request = rig.nth(n);
        let once = rig.complete(0, request)?;
        rig.place(0, request);
        let unit = rig.unit(0);
        for time in ["first", "second"] {
            let status = rig.instance().prep(unit).unwrap_or(0);
            if status < 0 && once.error == 0 {
                let refusal = rig.instance().refusal(Callback::Prep, status);
                return Err(Finding::fail(format!("the {time} time: {refusal}")));
            }
        }
        let thrice = rig.complete(0, request)?;
        if (once.error, once.resid) != (thrice.error, thrice.resid) {
            let (what, once, thrice) = (describe(&request), once.how(), thrice.how());
            let words = format!("{what}: {once} after one prep, {thrice} after three");
            return Err(Finding::fail(words));
        }
    }
    rig.end()
}
