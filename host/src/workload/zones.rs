//! One file of a varied load: a whole region, or the strided zones of it, one behind the other.
//!
//! Called by [`super::varied`], once a request. A zone is a [`Part`] that is begun afresh; there
//! are at most two kinds of them, whole ones and the one that the region's end cuts off.

use super::places::{Draws, Part, Style};
use super::recipe::Region;
use super::shape::Zoning;
use crate::ddir::Ddir;

/// The places of one file.
#[derive(Clone, Debug)]
pub(super) struct FilePlaces {
    region: Region,
    /// Where the part begins that is worked on, counted from the region's beginning.
    at: u64,
    /// Of the zone that is worked on.
    issued: u64,
    zoning: Option<Zoning>,
    /// Whole zones (or the region), then the cut one, if there is one.
    parts: Vec<Part>,
    block_min: u64,
}

impl FilePlaces {
    /// Zones, where there are any, hold a block. [`FilePlaces::restart`] begins a pass.
    pub(super) fn new(
        region: Region,
        zoning: Option<Zoning>,
        style: &Style,
        seed: u64,
    ) -> FilePlaces {
        let block_min = style.block_min();
        let whole = zoning.map_or(region.len, |zoning| zoning.range.min(region.len));
        let mut parts = vec![Part::new(whole, style, seed)];
        if let Some(zoning) = zoning {
            let cut = region.len % zoning.range.saturating_add(zoning.skip);
            if cut < zoning.range && cut >= block_min && cut != region.len {
                parts.push(Part::new(cut, style, seed));
            }
        }
        FilePlaces { region, at: 0, issued: 0, zoning, parts, block_min }
    }

    /// Begins a pass.
    pub(super) fn restart(&mut self, draws: &mut Draws) {
        self.at = 0;
        self.issued = 0;
        self.part().restart(draws);
    }

    /// Offset in the file and length of the next request; none if this pass has none left.
    pub(super) fn draw(
        &mut self,
        ddir: Ddir,
        style: &Style,
        draws: &mut Draws,
    ) -> Option<(u64, u64)> {
        let base = self.region.offset;
        let Some(zoning) = self.zoning else {
            let (offset, len) = self.parts[0].draw(ddir, style, draws)?;
            return Some((base + offset, len));
        };
        // Bounded: a part that was begun afresh has a place to give.
        loop {
            if self.issued >= zoning.size {
                self.next_zone(zoning, draws)?;
            }
            if let Some((offset, len)) = self.part().draw(ddir, style, draws) {
                self.issued += len;
                return Some((base + self.at + offset, len));
            }
            if self.is_cut() {
                self.next_zone(zoning, draws)?;
            } else {
                self.part().restart(draws);
            }
        }
    }

    #[cold]
    fn next_zone(&mut self, zoning: Zoning, draws: &mut Draws) -> Option<()> {
        let at = self.at.checked_add(zoning.range)?.checked_add(zoning.skip)?;
        if self.region.len.checked_sub(at)? < self.block_min {
            return None;
        }
        self.at = at;
        self.issued = 0;
        self.part().restart(draws);
        Some(())
    }

    fn is_cut(&self) -> bool {
        self.zoning.is_some_and(|zoning| self.region.len - self.at < zoning.range)
    }

    fn part(&mut self) -> &mut Part {
        let index = usize::from(self.is_cut()).min(self.parts.len() - 1);
        &mut self.parts[index]
    }
}
