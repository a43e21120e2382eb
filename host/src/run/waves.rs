//! Waves as the control process sees them: who waits for whom, who is being set up, who runs.
//!
//! Called by `control` between two messages. A wave is set up when the job that it waits for is
//! through, well or ill, and begins when all its cells are ready. Must not wait itself.

use super::control::Control;
use super::protocol::ToCell;
use std::time::Instant;

/// Where a wave stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// For another job, or for its turn.
    Waits,
    /// Its workers are being set up.
    Prepares,
    /// Its workers were let go, or it was left out.
    Gone,
}

/// A wave of the present stage.
#[derive(Debug)]
struct WaveState {
    number: u32,
    step: Step,
    /// Cells that have not said Ready.
    preparing: Vec<u32>,
    /// Cells that have not said WaveDone.
    running: Vec<u32>,
}

/// How the present stage stands.
#[derive(Debug)]
pub(super) struct StageState {
    waves: Vec<WaveState>,
    /// When all pages are looked at again.
    pub(super) next_tick: Instant,
}

impl StageState {
    /// None of these waves has begun.
    pub(super) fn new(numbers: impl Iterator<Item = u32>, next_tick: Instant) -> StageState {
        let wave = |number| WaveState {
            number,
            step: Step::Waits,
            preparing: Vec::new(),
            running: Vec::new(),
        };
        StageState { waves: numbers.map(wave).collect(), next_tick }
    }

    /// Whether nothing runs and nothing is to come.
    pub(super) fn is_over(&self) -> bool {
        self.waves.iter().all(|wave| wave.step != Step::Waits && wave.running.is_empty())
    }

    /// Whether any worker was let go.
    pub(super) fn has_begun(&self) -> bool {
        self.waves.iter().any(|wave| wave.step == Step::Gone)
    }

    /// Cells in which workers are set up or run, each once.
    pub(super) fn cells(&self) -> Vec<u32> {
        let mut cells: Vec<u32> =
            self.waves.iter().flat_map(|wave| wave.running.iter().copied()).collect();
        cells.sort_unstable();
        cells.dedup();
        cells
    }

    /// A cell's workers of a wave are ready.
    pub(super) fn ready(&mut self, cell: u32, wave: u32) {
        let of_wave = self.waves.iter_mut().filter(|it| it.number == wave);
        of_wave.for_each(|wave| wave.preparing.retain(|&other| other != cell));
    }

    /// A cell's workers of a wave are through.
    pub(super) fn done(&mut self, cell: u32, wave: u32) {
        self.ready(cell, wave);
        let of_wave = self.waves.iter_mut().filter(|it| it.number == wave);
        of_wave.for_each(|wave| wave.running.retain(|&other| other != cell));
    }

    /// Only these cells are there.
    pub(super) fn retain_cells(&mut self, mut is_there: impl FnMut(u32) -> bool) {
        for wave in &mut self.waves {
            wave.preparing.retain(|&cell| is_there(cell));
            wave.running.retain(|&cell| is_there(cell));
        }
    }

    /// Leaves a wave out that has not begun; false where it has.
    pub(super) fn leave_out(&mut self, number: u32) -> bool {
        let waits = |it: &&mut WaveState| it.number == number && it.step == Step::Waits;
        match self.waves.iter_mut().find(waits) {
            Some(wave) => {
                wave.step = Step::Gone;
                true
            }
            None => false,
        }
    }

    /// The waves that wait.
    pub(super) fn waiting(&self) -> Vec<u32> {
        let waits = self.waves.iter().filter(|wave| wave.step == Step::Waits);
        waits.map(|wave| wave.number).collect()
    }

    fn begin(&mut self, number: u32, cells: &[u32]) {
        for wave in self.waves.iter_mut().filter(|wave| wave.number == number) {
            wave.step = Step::Prepares;
            wave.preparing = cells.to_vec();
            wave.running = cells.to_vec();
        }
    }

    /// Waves of which all cells are ready now, with their cells; they are gone from then on.
    fn let_go(&mut self) -> Vec<(u32, Vec<u32>)> {
        let is_ready = |wave: &WaveState| wave.step == Step::Prepares && wave.preparing.is_empty();
        let ready = self.waves.iter_mut().filter(|wave| is_ready(wave));
        ready
            .map(|wave| {
                wave.step = Step::Gone;
                (wave.number, wave.running.clone())
            })
            .collect()
    }
}

impl Control<'_> {
    /// Sets waves up whose time has come, and lets those go that are ready.
    pub(super) fn move_waves(&mut self, state: &mut StageState) {
        for number in state.waiting() {
            if self.interrupted.is_some() {
                state.leave_out(number);
            } else if self.may_begin(number) {
                self.begin_wave(number, state);
            }
        }
        for (wave, cells) in state.let_go() {
            self.disks.begin();
            self.outdate_states(wave);
            cells.into_iter().for_each(|cell| self.tell(cell, &ToCell::Go { wave }));
        }
    }

    fn may_begin(&self, wave: u32) -> bool {
        let Some(after) = self.plan.waves[wave as usize].after else { return true };
        self.plan.job(after).iter().all(|worker| self.is_through(worker.id))
    }

    /// Whether a worker has ended, or will never begin.
    fn is_through(&self, worker: u32) -> bool {
        let wave = self.plan.workers[worker as usize].wave;
        self.tracks[worker as usize].ended || self.left_out[wave as usize]
    }

    fn begin_wave(&mut self, number: u32, state: &mut StageState) {
        self.begun[number as usize] = true;
        let mut cells: Vec<u32> = self.plan.wave(number).map(|worker| worker.cell).collect();
        cells.dedup();
        cells.retain(|&cell| match self.start_cell(cell) {
            Ok(()) => {
                self.tell(cell, &ToCell::Start { wave: number });
                true
            }
            Err(error) => {
                self.never_born(cell, &error);
                false
            }
        });
        state.begin(number, &cells);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_begins_when_all_its_cells_are_ready_and_a_stage_ends_with_its_last_wave() {
        let mut state = StageState::new(3..6, Instant::now());
        assert_eq!(state.waiting(), [3, 4, 5]);
        state.begin(3, &[0, 1]);
        assert!(state.let_go().is_empty());
        state.ready(0, 3);
        state.ready(1, 4);
        assert!(state.let_go().is_empty(), "cell 1 is not ready for this wave");
        state.ready(1, 3);
        assert_eq!(state.let_go(), [(3, vec![0, 1])]);
        assert!(state.let_go().is_empty(), "once");
        assert!(state.has_begun());
        assert!(state.leave_out(5) && !state.leave_out(5) && !state.leave_out(3));
        state.begin(4, &[1, 2]);
        assert_eq!(state.cells(), [0, 1, 2]);
        state.done(0, 3);
        state.done(1, 3);
        assert!(!state.is_over());
        state.retain_cells(|cell| cell == 2);
        assert!(!state.is_over());
        state.done(2, 4);
        assert!(state.is_over());
        assert_eq!(state.let_go(), [(4, vec![])], "all failed before the start");
    }
}
