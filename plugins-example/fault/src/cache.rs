//! The engine with a cache that a power cut empties: a second part of [`Fault`].
//!
//! Each request is done at once and waited for, whatever the inner engine's depth, so that what is
//! held and what was written never overtake each other. `power` keeps what is held.

use crate::engine::{After, Fate, Fault};
use crate::journal::Deed;
use crate::power::Held;
use crate::settings::Class;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::stack::{Ask, Buffer, Data, Slot};
use iodyno_engine_api::{Answer, Io};

impl Fault {
    pub(crate) fn queue_cached<'a>(&mut self, slot: Slot, mut io: Io<'a>) -> Answer<'a> {
        if self.power.is_to_go(&self.settings, self.host.now_ns()) {
            self.cut(slot);
        }
        if self.power.is_off(&self.settings) {
            self.injured.insert(slot);
            return io.finish(Err(self.settings.errno));
        }
        let ask = Ask::of(&io);
        match ask.op {
            IOE_OP_WRITE if ask.flags & IOE_IO_FUA == 0 => {
                self.power.hold(&io);
                match self.write_above(slot, self.settings.held_max) {
                    Ok(()) => io.finish_all(),
                    Err(errno) => io.finish(Err(errno)),
                }
            }
            IOE_OP_READ => {
                let data = Data::Own(Buffer::new(io.buf().len(), self.align));
                let (outcome, data) = self.inner.run(slot, ask, data, &mut self.ended);
                io.set_vendor_status(outcome.vendor_status);
                let result = outcome.result.map(|done| {
                    let buf = io.buf_mut();
                    if let Data::Own(read) = &data {
                        buf[..done as usize].copy_from_slice(&read[..done as usize]);
                    }
                    self.power.overlay(&ask, buf, done)
                });
                io.finish(result)
            }
            _ => match self.write_all(slot) {
                Ok(()) => self.pass(slot, ask, io, After::Nothing, Fate::Pass, None),
                Err(errno) => io.finish(Err(errno)),
            },
        }
    }

    pub(crate) fn write_all(&mut self, slot: Slot) -> Result<(), i32> {
        self.write_above(slot, 0)
    }

    /// Writes what is held, the oldest first, down to so many bytes.
    fn write_above(&mut self, slot: Slot, bytes: u64) -> Result<(), i32> {
        while let Some(held) = self.power.oldest_above(bytes) {
            self.write_held(slot, &held)?;
        }
        Ok(())
    }

    fn write_held(&mut self, slot: Slot, held: &Held) -> Result<(), i32> {
        let mut done = 0;
        while done < held.data.len() {
            let rest = &held.data[done..];
            let (offset, len) = (held.ask.offset + done as u64, rest.len() as u64);
            match self.write(slot, Ask { offset, len, ..held.ask }, rest).result? {
                0 => return Err(libc::EIO),
                more => done += more as usize,
            }
        }
        Ok(())
    }

    /// The power goes: some of what is held survives, everything else is lost.
    fn cut(&mut self, slot: Slot) {
        for (held, kept) in self.power.judged(self.settings.cut_keep) {
            let class = match kept && self.write_held(slot, &held).is_ok() {
                true => "kept",
                false => "lost",
            };
            let Held { ask, name, .. } = held;
            self.journal.write(&Deed { class, file: name, offset: ask.offset, len: ask.len }, "");
        }
        let class = Class::Powercut.word();
        self.journal.write(&Deed { class, file: String::new(), offset: 0, len: 0 }, "");
    }
}
