//! The stamp in front of what is verified: who wrote these bytes, where, as which write.
//!
//! Format 1, described in docs/verify-format.md; a target that was stamped by an older version has
//! to be readable for ever, so nothing here changes without a new version number. Written by
//! [`super::seal`], read by [`super::check`] and [`super::damage`]. Knows bytes, no files.

use super::method::Method;

/// Bytes of a stamp without the digest that follows it.
pub const STAMP_LEN: usize = 80;

/// How a stamp begins. Neither text nor a likely number, and no shift of itself.
pub const MAGIC: [u8; 8] = *b"\x89iodyno\n";

/// Version of the format.
const VERSION: u16 = 1;

/// Bytes that the stamp's own CRC-32C covers; it stands behind them.
const SEALED: usize = STAMP_LEN - 4;

/// What the payload is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PayloadKind {
    /// Random bytes of the seed: it can be made again from the stamp alone.
    Random = 0,
    /// `verify_pattern`: it can be made again by who knows the job.
    Pattern = 1,
    /// Random bytes of the seed, a part of which compresses: likewise.
    Squeezed = 2,
}

/// What a stamp says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// How the interval is verified.
    pub method: Method,
    /// What else is in it.
    pub payload: PayloadKind,
    /// Bytes of the interval, stamp included.
    pub len: u32,
    /// Where the interval begins on the target.
    pub offset: u64,
    /// Which target.
    pub target: u64,
    /// Which run.
    pub run: u64,
    /// Which of the run's workers.
    pub worker: u32,
    /// Where in the interval the stamp stands (`verify_offset`).
    pub place: u32,
    /// Number of the write, from 1.
    pub generation: u64,
    /// Of the payload.
    pub seed: u64,
    /// Wall clock when it was made, nanoseconds since 1970.
    pub time_ns: u64,
}

/// Why bytes are no stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStamp {
    /// It does not begin like one.
    Magic,
    /// It does, and its own CRC says that it was changed.
    Crc,
    /// It is whole, and of a version or method that is not known here.
    Unknown {
        /// The format's version.
        version: u16,
        /// Number of the method.
        method: u8,
    },
}

impl Stamp {
    /// Puts it into the beginning of `out`, which has room for it.
    #[inline]
    pub fn put(&self, out: &mut [u8]) {
        let mut bytes = [0u8; STAMP_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10] = self.method.number();
        bytes[11] = self.payload as u8;
        bytes[12..16].copy_from_slice(&self.len.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.offset.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.target.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.run.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.worker.to_le_bytes());
        bytes[44..48].copy_from_slice(&self.place.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.generation.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.seed.to_le_bytes());
        bytes[64..72].copy_from_slice(&self.time_ns.to_le_bytes());
        // 72..76 is for later, and zero.
        let crc = crc32c(&bytes[..SEALED]);
        bytes[SEALED..].copy_from_slice(&crc.to_le_bytes());
        out[..STAMP_LEN].copy_from_slice(&bytes);
    }

    /// Reads the stamp with which `bytes` begin.
    ///
    /// # Errors
    /// There is none.
    #[inline]
    pub fn take(bytes: &[u8]) -> Result<Stamp, NoStamp> {
        let bytes: &[u8; STAMP_LEN] =
            bytes.get(..STAMP_LEN).and_then(|b| b.try_into().ok()).ok_or(NoStamp::Magic)?;
        if bytes[..8] != MAGIC {
            return Err(NoStamp::Magic);
        }
        if crc32c(&bytes[..SEALED]) != word32(bytes, SEALED) {
            return Err(NoStamp::Crc);
        }
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        let unknown = NoStamp::Unknown { version, method: bytes[10] };
        let (Some(method), Some(payload)) = (Method::of_number(bytes[10]), payload(bytes[11]))
        else {
            return Err(unknown);
        };
        if version != VERSION {
            return Err(unknown);
        }
        Ok(Stamp {
            method,
            payload,
            len: word32(bytes, 12),
            offset: word64(bytes, 16),
            target: word64(bytes, 24),
            run: word64(bytes, 32),
            worker: word32(bytes, 40),
            place: word32(bytes, 44),
            generation: word64(bytes, 48),
            seed: word64(bytes, 56),
            time_ns: word64(bytes, 64),
        })
    }
}

/// The first whole stamp in `bytes`, and where it stands.
pub fn find(bytes: &[u8]) -> Option<(usize, Stamp)> {
    let last = bytes.len().checked_sub(STAMP_LEN)?;
    let mut at = 0;
    while at <= last {
        if let Ok(stamp) = Stamp::take(&bytes[at..]) {
            return Some((at, stamp));
        }
        // On to the next byte that may begin one.
        at += 1 + bytes[at + 1..].iter().position(|&byte| byte == MAGIC[0])?;
    }
    None
}

/// The stamp's own checksum, whatever the method is.
fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

fn payload(number: u8) -> Option<PayloadKind> {
    [PayloadKind::Random, PayloadKind::Pattern, PayloadKind::Squeezed]
        .into_iter()
        .find(|&kind| kind as u8 == number)
}

fn word32(bytes: &[u8; STAMP_LEN], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn word64(bytes: &[u8; STAMP_LEN], at: usize) -> u64 {
    u64::from(word32(bytes, at)) | u64::from(word32(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp {
            method: Method::Meta,
            payload: PayloadKind::Random,
            len: 4096,
            offset: 0x0123_4567_89ab_c000,
            target: 0x1111_2222_3333_4444,
            run: 0x5555_6666_7777_8888,
            worker: 9,
            place: 512,
            generation: 77,
            seed: 0xfeed_f00d_dead_beef,
            time_ns: 1_700_000_000_123_456_789,
        }
    }

    #[test]
    fn what_was_put_is_taken() {
        let mut bytes = [0xaau8; STAMP_LEN + 3];
        stamp().put(&mut bytes);
        assert_eq!(Stamp::take(&bytes), Ok(stamp()));
        assert_eq!(bytes[STAMP_LEN..], [0xaa; 3]);
    }

    #[test]
    fn the_first_whole_stamp_is_found() {
        let mut bytes = vec![MAGIC[0]; 5000];
        assert_eq!(find(&bytes), None);
        stamp().put(&mut bytes[700..]);
        bytes[703] ^= 1;
        stamp().put(&mut bytes[1003..]);
        assert_eq!(find(&bytes), Some((1003, stamp())));
        assert_eq!(find(&bytes[..1003 + STAMP_LEN - 1]), None);
        assert_eq!(find(&[]), None);
    }

    #[test]
    fn each_flipped_bit_is_seen() {
        let mut bytes = [0u8; STAMP_LEN];
        stamp().put(&mut bytes);
        for bit in 0..STAMP_LEN * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let expected = if bit < 64 { NoStamp::Magic } else { NoStamp::Crc };
            assert_eq!(Stamp::take(&bytes), Err(expected), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(Stamp::take(&bytes[..STAMP_LEN - 1]), Err(NoStamp::Magic));
    }

    #[test]
    fn other_versions_and_methods_are_named() {
        let mut bytes = [0u8; STAMP_LEN];
        stamp().put(&mut bytes);
        bytes[8] = 2;
        bytes[10] = 200;
        let crc = crc32c(&bytes[..SEALED]);
        bytes[SEALED..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Stamp::take(&bytes), Err(NoStamp::Unknown { version: 2, method: 200 }));
    }

    /// Who wrote a target years ago can still read it.
    #[test]
    fn the_format_is_frozen() {
        let mut bytes = [0u8; STAMP_LEN];
        stamp().put(&mut bytes);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "89696f64796e6f0a010001000010000000c0ab8967452301444433332222111188887777666655550900\
             0000000200004d00000000000000efbeadde0df0edfe15cd853dfe9c9717000000002c6ace50"
        );
    }
}
