//! Writes that are drawn and made before their turn, several together: a digest of several blocks
//! at once costs a part of what they cost one by one, and threads of the pool can make them while
//! the worker submits others.
//!
//! Filled by [`super::keeping`] where a verifying job's digests gain by it; requests begin in the
//! order in which they were drawn. Makes no request, and looks at nothing that was read.

use super::batch::Errand;
use super::held::Held;
use super::keeper::Keeper;
use super::slots::Slots;
use crate::ddir::Ddir;
use crate::sys::clock::wall_ms;
use crate::verify::pool::{Desk, Work};
use crate::verify::recipe::{Recipe, Sealing};
use crate::workload::Request;
use std::collections::VecDeque;
use std::sync::Arc;

/// Batches that may be with the pool or wait for their turn; one alone where there is no pool.
const BATCHES: usize = 4;

/// A request before its turn.
#[derive(Debug)]
pub(super) struct Drawn {
    /// What it asks for.
    pub(super) request: Request,
    /// Its number, where it changes the target.
    generation: u64,
    data: Data,
}

/// Where a drawn request's data is.
#[derive(Debug)]
enum Data {
    /// It has none, or it is made when its turn comes.
    Later,
    /// It is being made.
    Away,
    /// It is made.
    Ready(Held),
}

/// Writes that are made together.
#[derive(Debug)]
pub struct Seals {
    recipe: Arc<Recipe>,
    time_ns: u64,
    writes: Vec<Seal>,
}

#[derive(Debug)]
struct Seal {
    /// How many were drawn before it.
    number: u64,
    held: Held,
    file: u32,
    offset: u64,
    generation: u64,
}

impl Work for Seals {
    fn run(&mut self) {
        let writes = self.writes.iter_mut().map(|write| Sealing {
            data: write.held.data(),
            file: write.file,
            offset: write.offset,
            generation: write.generation,
        });
        self.recipe.seal(writes, self.time_ns);
    }
}

/// What was drawn, in the order in which it begins.
#[derive(Debug)]
pub(super) struct Ahead {
    queue: VecDeque<Drawn>,
    /// How many have begun.
    begun: u64,
    /// Writes that are made together.
    batch: usize,
    /// As many may wait for their turn when more are drawn.
    low: usize,
    open: Seals,
    empties: Vec<Seals>,
    /// The request whose turn it is, and its data.
    turn: Option<(u64, Option<Held>)>,
}

impl Ahead {
    pub(super) fn new(recipe: &Arc<Recipe>, batch: usize, has_pool: bool) -> Ahead {
        let batches = if has_pool { BATCHES } else { 1 };
        let seals =
            || Seals { recipe: Arc::clone(recipe), time_ns: 0, writes: Vec::with_capacity(batch) };
        Ahead {
            queue: VecDeque::with_capacity((batches + 1) * batch),
            begun: 0,
            batch,
            low: (batches - 1) * batch,
            open: seals(),
            empties: (0..batches).map(|_| seals()).collect(),
            turn: None,
        }
    }

    /// Draws and gives away as many batches as are wanted.
    fn fill(
        &mut self,
        slots: &mut Slots,
        mut draw: impl FnMut() -> Option<(Request, u64)>,
        desk: &mut Option<Desk<Errand>>,
    ) {
        while self.queue.len() <= self.low {
            let mut any = false;
            for _ in 0..self.batch {
                let Some((request, generation)) = draw() else { break };
                any = true;
                self.take(slots, request, generation);
            }
            self.give_away(desk);
            if !any {
                return;
            }
        }
    }

    fn take(&mut self, slots: &mut Slots, request: Request, generation: u64) {
        let held = match request.ddir {
            Ddir::Write => slots.hold_spare(request.len as usize),
            _ => None,
        };
        let mut data = Data::Later;
        if let Some(held) = held {
            let number = self.begun + self.queue.len() as u64;
            let Request { file, offset, .. } = request;
            self.open.writes.push(Seal { number, held, file, offset, generation });
            data = Data::Away;
        }
        self.queue.push_back(Drawn { request, generation, data });
    }

    /// Has the open batch made, here or by the pool.
    fn give_away(&mut self, desk: &mut Option<Desk<Errand>>) {
        if self.open.writes.is_empty() {
            return;
        }
        self.open.time_ns = wall_ms() * 1_000_000;
        let Some(empty) = self.empties.pop() else { return self.make_open() };
        let full = std::mem::replace(&mut self.open, empty);
        let refused = match desk {
            Some(desk) => desk.hand_over(Errand::Seal(full)).err(),
            None => Some(Errand::Seal(full)),
        };
        if let Some(Errand::Seal(mut seals)) = refused {
            seals.run();
            self.returned(seals);
        }
    }

    /// All batches are away: this one is made here.
    fn make_open(&mut self) {
        self.open.run();
        for seal in self.open.writes.drain(..) {
            Self::put(&mut self.queue, self.begun, seal);
        }
    }

    /// A batch is made.
    pub(super) fn returned(&mut self, mut seals: Seals) {
        for seal in seals.writes.drain(..) {
            Self::put(&mut self.queue, self.begun, seal);
        }
        self.empties.push(seals);
    }

    fn put(queue: &mut VecDeque<Drawn>, begun: u64, seal: Seal) {
        match queue.get_mut((seal.number - begun) as usize) {
            Some(drawn) => drawn.data = Data::Ready(seal.held),
            None => unreachable!("what is being made waits for its turn"),
        }
    }
}

impl Keeper {
    /// Lets requests be drawn ahead, where that makes sense: the digest gains by it, and nothing
    /// decides on a request when its turn comes.
    pub(super) fn draw_ahead(&mut self) {
        let parts = &self.parts;
        let writes = parts.ledger.is_some() && !parts.only;
        if writes && parts.batch > 1 && parts.trims.percentage == 0 {
            self.ahead = Some(Ahead::new(&parts.recipe, parts.batch, parts.desk.is_some()));
        }
    }

    /// Whether requests that were drawn wait for their turn.
    pub(super) fn has_drawn(&self) -> bool {
        self.ahead.as_ref().is_some_and(|ahead| !ahead.queue.is_empty())
    }

    /// Draws what is wanted of the load.
    pub(super) fn fill_ahead(
        &mut self,
        slots: &mut Slots,
        mut draw: impl FnMut() -> Option<Request>,
    ) {
        let (Some(ahead), Some(ledger)) = (&mut self.ahead, &self.parts.ledger) else { return };
        let draw = || {
            let request = draw()?;
            let changes = matches!(request.ddir, Ddir::Write | Ddir::Trim);
            Some((request, if changes { ledger.take_generation() } else { 0 }))
        };
        ahead.fill(slots, draw, &mut self.parts.desk);
    }

    /// Whether the data of the next request is still being made.
    pub(super) fn is_next_away(&self) -> bool {
        let next = self.ahead.as_ref().and_then(|ahead| ahead.queue.front());
        next.is_some_and(|drawn| matches!(drawn.data, Data::Away))
    }

    /// The next request, whose turn it is now.
    pub(super) fn next_drawn(&mut self) -> Option<Request> {
        let ahead = self.ahead.as_mut()?;
        let Drawn { request, generation, data } = ahead.queue.pop_front()?;
        ahead.begun += 1;
        let held = match data {
            Data::Ready(held) => Some(held),
            Data::Later => None,
            Data::Away => unreachable!("it was waited for"),
        };
        ahead.turn = Some((generation, held));
        Some(request)
    }

    /// Number and data of the request whose turn it is.
    pub(super) fn take_turn(&mut self) -> Option<(u64, Option<Held>)> {
        self.ahead.as_mut()?.turn.take()
    }

    /// The number of the oldest change that is drawn and has not begun.
    pub(super) fn oldest_drawn(&self) -> Option<u64> {
        let queue = &self.ahead.as_ref()?.queue;
        queue.iter().map(|drawn| drawn.generation).find(|&generation| generation > 0)
    }

    /// The load is over: what was drawn will not begin. Nothing may be away any more.
    pub(super) fn drop_drawn(&mut self, slots: &mut Slots) {
        let Some(ahead) = &mut self.ahead else { return };
        ahead.begun += ahead.queue.len() as u64;
        let turn = ahead.turn.take().and_then(|(_, held)| held);
        turn.into_iter().for_each(|held| slots.put_back(held));
        for drawn in ahead.queue.drain(..) {
            if let Data::Ready(held) = drawn.data {
                slots.put_back(held);
            }
        }
    }
}
