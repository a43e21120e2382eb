//! Whether an interval that fits no single write is made of sectors of writes that may all be
//! there: what a power cut leaves of writes that no flush had covered.
//!
//! Asked by [`super::check`] for an interval of which several writes may be there, and only where
//! none of them is there as a whole: it may take its time. Devices write sectors as a whole;
//! everything but stamp and digest is compared byte by byte.

use super::check::{Interval, Rules};
use super::recipe::Recipe;
use super::stamp::{Stamp, STAMP_LEN};
use std::ops::RangeInclusive;

/// What devices write as one.
const SECTOR: usize = 512;

/// Writes that are tried, the newest first: as many as take some tenths of a second.
const TRIES_MAX: u64 = 1 << 16;

/// Whether each sector is of one of these writes.
pub(super) fn may_be(
    recipe: &Recipe,
    rules: &Rules,
    interval: &Interval<'_>,
    writes: RangeInclusive<u64>,
) -> bool {
    let data = &*interval.data;
    if data.len() < recipe.interval || !recipe.method.stamps() {
        return false;
    }
    let stamp_end = recipe.place + STAMP_LEN;
    let is_split = recipe.place / SECTOR != (stamp_end - 1) / SECTOR;
    match Stamp::take(&data[recipe.place..]) {
        Ok(stamp) if !fits(recipe, rules, interval, &stamp, &writes) => return false,
        Ok(_) => {}
        // Halves of two stamps may stand where a sector ends in the middle of one.
        Err(_) if is_split => {}
        Err(_) => return false,
    }
    let sealed = recipe.place..stamp_end + recipe.method.digest_len();
    let mut left: Vec<usize> = (0..data.len().div_ceil(SECTOR)).collect();
    let (oldest, newest) = writes.into_inner();
    let newer = (oldest..=newest).rev().take(TRIES_MAX as usize);
    for generation in newer.chain([oldest]) {
        let stamp = recipe.stamp(interval.file, interval.offset, generation);
        let mut made = vec![0; recipe.interval];
        recipe.fill(&mut made, &stamp);
        left.retain(|&sector| {
            let begin = sector * SECTOR;
            let end = (begin + SECTOR).min(data.len());
            // Stamp and digest are known only with the time of the write: the payload tells.
            let before = begin..end.min(sealed.start.max(begin));
            let behind = begin.max(sealed.end.min(end))..end;
            data[before.clone()] != made[before] || data[behind.clone()] != made[behind]
        });
        if left.is_empty() {
            return true;
        }
    }
    false
}

/// Whether it is the stamp of one of these writes.
fn fits(
    recipe: &Recipe,
    rules: &Rules,
    interval: &Interval<'_>,
    stamp: &Stamp,
    writes: &RangeInclusive<u64>,
) -> bool {
    let wanted = recipe.stamp(interval.file, interval.offset, stamp.generation);
    let wanted = Stamp {
        time_ns: stamp.time_ns,
        run: rules.run.unwrap_or(stamp.run),
        target: if rules.origin { wanted.target } else { stamp.target },
        worker: if rules.origin { wanted.worker } else { stamp.worker },
        ..wanted
    };
    *stamp == wanted && writes.contains(&stamp.generation)
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, Block, Expectation, Findings};
    use super::super::digest::Algorithm;
    use super::super::method::Method;
    use super::super::payload::Payload;
    use super::super::recipe::Sealing;
    use super::*;

    const LEN: usize = 4096;

    fn recipe(place: usize) -> Recipe {
        Recipe {
            method: Method::Digest(Algorithm::Sha512),
            interval: LEN,
            place,
            payload: Payload::Random,
            run: 1,
            worker: 2,
            seed: 3,
            targets: vec![4],
        }
    }

    fn written(recipe: &Recipe, generation: u64) -> Vec<u8> {
        let mut data = vec![0; LEN];
        recipe.seal([Sealing { data: &mut data, file: 0, offset: 8192, generation }], 7);
        data
    }

    fn judge(recipe: &Recipe, data: &[u8], oldest: u64, newest: u64) -> bool {
        let rules = Rules {
            generation: true,
            seed: true,
            run: Some(1),
            origin: true,
            blank: false,
            dump: false,
        };
        let mut data = data.to_vec();
        let expected = [Expectation::Own { oldest, newest }];
        let block = Block { data: &mut data, file: 0, offset: 8192, expected: &expected };
        let mut findings = Findings::default();
        check(recipe, &rules, [block], &mut findings);
        assert_eq!(findings.right + findings.miscompares.len() as u64, 1);
        findings.right == 1
    }

    #[test]
    fn sectors_of_writes_that_may_be_there_are_no_damage() {
        for place in [0, 480, 512, 2000] {
            let recipe = recipe(place);
            let writes: Vec<Vec<u8>> = (1..=6).map(|number| written(&recipe, number)).collect();
            for cut in (0..=LEN).step_by(512) {
                let torn = [&writes[1][..cut], &writes[4][cut..]].concat();
                assert!(judge(&recipe, &torn, 2, 5), "place {place}, torn at {cut}");
                let whole = cut == 0 || cut == LEN;
                assert_eq!(judge(&recipe, &torn, 5, 5), cut == 0, "place {place}, at {cut}");
                assert_eq!(judge(&recipe, &torn, 3, 6), whole && cut == 0, "{place}, at {cut}");
            }
            let mut three = writes[1].clone();
            three[1024..1536].copy_from_slice(&writes[2][1024..1536]);
            three[3584..].copy_from_slice(&writes[4][3584..]);
            assert!(judge(&recipe, &three, 2, 5), "place {place}");
            three[3000] ^= 1;
            assert!(!judge(&recipe, &three, 2, 5), "place {place}: a flipped bit");
            assert!(!judge(&recipe, &vec![0; LEN], 2, 5), "place {place}: zeros");
        }
    }
}
