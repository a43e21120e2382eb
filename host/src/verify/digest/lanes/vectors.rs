//! Lanes of 32 bits in vector registers: what the kernels of `md5` and of `sha2` both need.
//!
//! Each module is one set of instructions. What enables it can be called only from where it is
//! enabled, so the kernels, whose makers detect it, are the door. The loads from streams are here.

/// 16 lanes of 32 bits. All of it is AVX-512F.
pub(in super::super) mod avx512 {
    use std::arch::x86_64::*;

    pub(in super::super::super) const LANES: usize = 16;
    pub(in super::super::super) type Vector = __m512i;

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(in super::super::super) fn all(word: u32) -> Vector {
        _mm512_set1_epi32(word.cast_signed())
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(in super::super::super) fn add(a: Vector, b: Vector) -> Vector {
        _mm512_add_epi32(a, b)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(in super::super::super) fn read(from: &[u32; LANES]) -> Vector {
        // SAFETY: the array is as long as a register; this load needs no alignment.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(in super::super::super) fn write(to: &mut [u32; LANES], a: Vector) {
        // SAFETY: the array is as long as a register; this store needs no alignment.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), a) }
    }

    /// Reads 64 bytes of each lane, all at the same distance from its begin: the first word of each
    /// lane, the second, and so on.
    ///
    /// # Safety
    /// So many bytes are readable there, behind each begin.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(in super::super::super) unsafe fn transposed(
        begins: &[*const u8; LANES],
        at: usize,
    ) -> [Vector; 16] {
        let mut rows = [all(0); 16];
        for (row, begin) in rows.iter_mut().zip(begins) {
            // SAFETY: the caller vouches for the 64 bytes there, as many as a register has; this
            // load needs no alignment.
            *row = unsafe { _mm512_loadu_si512(begin.add(at).cast()) };
        }
        // Within each quarter of a register: four rows' words 4q + j side by side, for j of 0..4.
        let mut fours = [all(0); 16];
        for n in (0..16).step_by(4) {
            let [a, b, c, d] = [rows[n], rows[n + 1], rows[n + 2], rows[n + 3]];
            let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
            fours[n] = _mm512_unpacklo_epi64(ab, cd);
            fours[n + 1] = _mm512_unpackhi_epi64(ab, cd);
            let (ab, cd) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
            fours[n + 2] = _mm512_unpacklo_epi64(ab, cd);
            fours[n + 3] = _mm512_unpackhi_epi64(ab, cd);
        }
        // Then the quarters: 0x88 takes quarters 0 and 2 of both, 0xdd quarters 1 and 3.
        let mut words = [all(0); 16];
        for j in 0..4 {
            let [a, b, c, d] = [fours[j], fours[j + 4], fours[j + 8], fours[j + 12]];
            let ab = _mm512_shuffle_i32x4::<0x88>(a, b);
            let cd = _mm512_shuffle_i32x4::<0x88>(c, d);
            words[j] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
            words[j + 8] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
            let ab = _mm512_shuffle_i32x4::<0xdd>(a, b);
            let cd = _mm512_shuffle_i32x4::<0xdd>(c, d);
            words[j + 4] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
            words[j + 12] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
        }
        words
    }
}

/// 8 lanes of 32 bits. All of it is AVX2 and what AVX2 implies.
pub(in super::super) mod avx2 {
    use std::arch::x86_64::*;

    pub(in super::super::super) const LANES: usize = 8;
    pub(in super::super::super) type Vector = __m256i;

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super::super) fn all(word: u32) -> Vector {
        _mm256_set1_epi32(word.cast_signed())
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super::super) fn add(a: Vector, b: Vector) -> Vector {
        _mm256_add_epi32(a, b)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super::super) fn read(from: &[u32; LANES]) -> Vector {
        // SAFETY: the array is as long as a register; this load needs no alignment.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super::super) fn write(to: &mut [u32; LANES], a: Vector) {
        // SAFETY: the array is as long as a register; this store needs no alignment.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), a) }
    }

    /// Reads 64 bytes of each lane, all at the same distance from its begin: the first word of each
    /// lane, the second, and so on.
    ///
    /// # Safety
    /// So many bytes are readable there, behind each begin.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super::super) unsafe fn transposed(
        begins: &[*const u8; LANES],
        at: usize,
    ) -> [Vector; 16] {
        let mut words = [all(0); 16];
        for half in 0..2 {
            let mut rows = [all(0); LANES];
            for (row, begin) in rows.iter_mut().zip(begins) {
                // SAFETY: the caller vouches for the 64 bytes there, as many as two registers
                // have; this load needs no alignment.
                *row = unsafe { _mm256_loadu_si256(begin.add(at + half * 32).cast()) };
            }
            // Within each half of a register: four rows' words 4q + j side by side, for j of 0..4.
            let mut fours = [all(0); LANES];
            for n in [0, 4] {
                let [a, b, c, d] = [rows[n], rows[n + 1], rows[n + 2], rows[n + 3]];
                let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
                fours[n] = _mm256_unpacklo_epi64(ab, cd);
                fours[n + 1] = _mm256_unpackhi_epi64(ab, cd);
                let (ab, cd) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
                fours[n + 2] = _mm256_unpacklo_epi64(ab, cd);
                fours[n + 3] = _mm256_unpackhi_epi64(ab, cd);
            }
            // Then the halves: 0x20 takes the low ones of both, 0x31 the high ones.
            for j in 0..4 {
                let (low, high) = (fours[j], fours[j + 4]);
                words[half * 8 + j] = _mm256_permute2x128_si256::<0x20>(low, high);
                words[half * 8 + j + 4] = _mm256_permute2x128_si256::<0x31>(low, high);
            }
        }
        words
    }
}
