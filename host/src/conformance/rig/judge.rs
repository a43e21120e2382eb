//! What the contract says of a unit that is the host's again: result fields, input fields, red
//! zones, the source of a write.
//!
//! Called by the rig for each answer. Each rule stands here once. Calls no engine.

use super::super::check::Finding;
use super::super::units::Zone;
use super::words::{describe, rules, Done, Request};
use super::Rig;
use iodyno_engine_api::abi::{ioe_io, IOE_OP_WRITE};

/// The fields of a unit that an engine must leave alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inputs {
    op: u32,
    flags: u64,
    offset: u64,
    len: u64,
    buf: usize,
    file: usize,
    buf_index: u32,
    ioprio: u32,
    host_cookie: u64,
    engine_data: usize,
}

impl Inputs {
    pub(super) fn of(unit: &ioe_io) -> Inputs {
        Inputs {
            op: unit.op,
            flags: unit.flags,
            offset: unit.offset,
            len: unit.len,
            buf: unit.buf as usize,
            file: unit.file as usize,
            buf_index: unit.buf_index,
            ioprio: unit.ioprio,
            host_cookie: unit.host_cookie,
            engine_data: unit.engine_data as usize,
        }
    }
}

impl Rig<'_> {
    /// Everything that the contract says of a finished unit.
    pub(super) fn judge(&mut self, index: usize, request: Request) -> Result<Done, Finding> {
        let unit = self.units.get(index);
        self.unharmed(index)?;
        if unit.resid > request.len {
            return Err(Finding::breaks(
                rules::RESID,
                format!("{}: resid is {} (above len)", describe(&request), unit.resid),
            ));
        }
        if !(0..=4095).contains(&unit.error) {
            return Err(Finding::breaks(
                rules::ERRNO,
                format!("{}: error is {} (0 or a positive errno)", describe(&request), unit.error),
            ));
        }
        Ok(Done {
            index,
            request,
            resid: unit.resid,
            error: unit.error,
            vendor_status: unit.vendor_status,
        })
    }

    /// Who wrote around a unit, its private area or its buffer broke which rule?
    pub(super) fn damage(&self, index: usize) -> Option<Finding> {
        let (zone, words) = self.units.damage(index)?;
        let rule = match zone {
            Zone::Unit => rules::INPUTS,
            Zone::Private => rules::PRIVATE,
            Zone::Buffer => rules::BOUNDS,
        };
        Some(Finding::breaks(rule, words))
    }

    /// Input fields, red zones and the source of a write are as they were.
    pub(super) fn unharmed(&mut self, index: usize) -> Result<(), Finding> {
        let unit = self.units.get(index);
        let Some(before) = self.offered[index] else { return Ok(()) };
        let after = Inputs::of(&unit);
        if before != after {
            let words = format!("input fields were {before:?} and are {after:?}");
            return Err(Finding::breaks(rules::INPUTS, words));
        }
        if let Some(finding) = self.damage(index) {
            return Err(finding);
        }
        if unit.op != IOE_OP_WRITE {
            self.sources[index] = None;
            return Ok(());
        }
        let Some((source, offset)) = self.sources[index] else { return Ok(()) };
        let len = unit.len as usize;
        match source.first_wrong(&self.units.buffer(index)[..len], offset) {
            None => Ok(()),
            Some(at) => Err(Finding::breaks(
                rules::SOURCE,
                format!("a write changed the byte of its buffer that belongs at {at}"),
            )),
        }
    }
}
