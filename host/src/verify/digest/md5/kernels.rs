//! MD5's compression over lanes of a vector register: 16 of AVX-512, 8 of AVX2, once or twice.
//!
//! Advanced by `lanes`, which keeps each lane filled. Unsafe stands here for loads from streams and
//! for what the constructors vouch for. Knows nothing of padding or of messages' ends. One
//! chain of MD5 leaves most of a core idle (each step waits for the one before), so two groups of
//! lanes interleaved cost hardly more than one.

#[cfg(target_arch = "x86_64")]
use super::super::lanes::kernel::{group, group_mut, Begins, States};

/// Bytes that one compression takes.
pub(super) const CHUNK: usize = 64;

/// Words of a state.
pub(super) const WORDS: usize = 4;

pub(super) type Kernel = super::super::lanes::kernel::Kernel<u32, WORDS, CHUNK>;

/// One group and two groups of AVX-512 lanes, if the machine has it.
#[cfg(target_arch = "x86_64")]
pub(super) fn avx512() -> Option<[Kernel; 2]> {
    // SAFETY: called below, where AVX-512F was detected, and `run` needs nothing else; it reads the
    // chunks that it is told of as many begins as there are lanes in its groups.
    let kernels = || unsafe {
        let [one, both] = [avx512::LANES, 2 * avx512::LANES];
        [Kernel::new(one, avx512::run::<1>), Kernel::new(both, avx512::run::<2>)]
    };
    is_x86_feature_detected!("avx512f").then(kernels)
}

/// One group and two groups of AVX2 lanes, if the machine has it.
#[cfg(target_arch = "x86_64")]
pub(super) fn avx2() -> Option<[Kernel; 2]> {
    // SAFETY: called below, where AVX2 was detected, and `run` needs nothing else; it reads the
    // chunks that it is told of as many begins as there are lanes in its groups.
    let kernels = || unsafe {
        let [one, both] = [avx2::LANES, 2 * avx2::LANES];
        [Kernel::new(one, avx2::run::<1>), Kernel::new(both, avx2::run::<2>)]
    };
    is_x86_feature_detected!("avx2").then(kernels)
}

/// No such machine.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn avx512() -> Option<[Kernel; 2]> {
    None
}

/// No such machine.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn avx2() -> Option<[Kernel; 2]> {
    None
}

/// The constants of the 64 steps: floor(2^32 * abs(sin(step + 1))) (RFC 1321, 3.4).
#[cfg(target_arch = "x86_64")]
const SINES: [u32; 64] = [
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
];

/// All 64 steps over all groups, with the functions of the module that it stands in: `f`, `g`, `h`
/// and `i` mix three words, `step` does the rest.
#[cfg(target_arch = "x86_64")]
macro_rules! rounds {
    ($groups:ident $words:ident $a:ident $b:ident $c:ident $d:ident) => {
        rounds!(@four f 0, 0 1 2 3, 7 12 17 22, $groups $words $a $b $c $d);
        rounds!(@four f 4, 4 5 6 7, 7 12 17 22, $groups $words $a $b $c $d);
        rounds!(@four f 8, 8 9 10 11, 7 12 17 22, $groups $words $a $b $c $d);
        rounds!(@four f 12, 12 13 14 15, 7 12 17 22, $groups $words $a $b $c $d);
        rounds!(@four g 16, 1 6 11 0, 5 9 14 20, $groups $words $a $b $c $d);
        rounds!(@four g 20, 5 10 15 4, 5 9 14 20, $groups $words $a $b $c $d);
        rounds!(@four g 24, 9 14 3 8, 5 9 14 20, $groups $words $a $b $c $d);
        rounds!(@four g 28, 13 2 7 12, 5 9 14 20, $groups $words $a $b $c $d);
        rounds!(@four h 32, 5 8 11 14, 4 11 16 23, $groups $words $a $b $c $d);
        rounds!(@four h 36, 1 4 7 10, 4 11 16 23, $groups $words $a $b $c $d);
        rounds!(@four h 40, 13 0 3 6, 4 11 16 23, $groups $words $a $b $c $d);
        rounds!(@four h 44, 9 12 15 2, 4 11 16 23, $groups $words $a $b $c $d);
        rounds!(@four i 48, 0 7 14 5, 6 10 15 21, $groups $words $a $b $c $d);
        rounds!(@four i 52, 12 3 10 1, 6 10 15 21, $groups $words $a $b $c $d);
        rounds!(@four i 56, 8 15 6 13, 6 10 15 21, $groups $words $a $b $c $d);
        rounds!(@four i 60, 4 11 2 9, 6 10 15 21, $groups $words $a $b $c $d);
    };
    (@four $mix:ident $at:literal, $k0:literal $k1:literal $k2:literal $k3:literal,
     $s0:literal $s1:literal $s2:literal $s3:literal,
     $groups:ident $words:ident $a:ident $b:ident $c:ident $d:ident) => {
        rounds!(@one $mix $at, $k0, $s0, $groups $words $a $b $c $d);
        rounds!(@one $mix $at + 1, $k1, $s1, $groups $words $d $a $b $c);
        rounds!(@one $mix $at + 2, $k2, $s2, $groups $words $c $d $a $b);
        rounds!(@one $mix $at + 3, $k3, $s3, $groups $words $b $c $d $a);
    };
    (@one $mix:ident $at:expr, $k:literal, $s:literal,
     $groups:ident $words:ident $a:ident $b:ident $c:ident $d:ident) => {
        for n in 0..$groups {
            let mixed = $mix($b[n], $c[n], $d[n]);
            let sum = add(add($a[n], mixed), add($words[n][$k], all(SINES[$at])));
            $a[n] = add($b[n], rotate::<$s, { 32 - $s }>(sum));
        }
    };
}

/// `run` of a module that has the vectors' `read`, `write`, `transposed` and what [`rounds`] needs.
#[cfg(target_arch = "x86_64")]
macro_rules! run {
    ($features:literal) => {
        /// Advances `GROUPS * LANES` states by `chunks`.
        ///
        /// # Safety
        /// `chunks` whole chunks are readable behind each of the first `GROUPS * LANES` begins.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn run<const GROUPS: usize>(
            states: &mut States<u32, WORDS>,
            begins: &Begins,
            chunks: usize,
        ) {
            let States([a_words, b_words, c_words, d_words]) = states;
            let zero = [all(0); GROUPS];
            let (mut a, mut b, mut c, mut d) = (zero, zero, zero, zero);
            for n in 0..GROUPS {
                a[n] = read(group(a_words, n));
                b[n] = read(group(b_words, n));
                c[n] = read(group(c_words, n));
                d[n] = read(group(d_words, n));
            }
            for chunk in 0..chunks {
                let mut words = [[all(0); 16]; GROUPS];
                for n in 0..GROUPS {
                    // SAFETY: `chunk` is below `chunks`, and all lanes of group `n` are among the
                    // first `GROUPS * LANES`: the caller vouched for this chunk of each.
                    words[n] = unsafe { transposed(group(begins, n), chunk * CHUNK) };
                }
                let before = (a, b, c, d);
                rounds!(GROUPS words a b c d);
                for n in 0..GROUPS {
                    a[n] = add(a[n], before.0[n]);
                    b[n] = add(b[n], before.1[n]);
                    c[n] = add(c[n], before.2[n]);
                    d[n] = add(d[n], before.3[n]);
                }
            }
            for n in 0..GROUPS {
                write(group_mut(a_words, n), a[n]);
                write(group_mut(b_words, n), b[n]);
                write(group_mut(c_words, n), c[n]);
                write(group_mut(d_words, n), d[n]);
            }
        }
    };
}

/// 16 lanes of 32 bits. All of it is AVX-512F.
#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::super::super::lanes::vectors::avx512::{add, all, read, transposed, write, Vector};
    use super::{group, group_mut, Begins, States, CHUNK, SINES, WORDS};
    use std::arch::x86_64::*;

    pub(super) use super::super::super::lanes::vectors::avx512::LANES;

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn rotate<const LEFT: i32, const RIGHT: i32>(a: Vector) -> Vector {
        _mm512_rol_epi32::<LEFT>(a)
    }

    // The tables of three inputs read: bit 4b + 2c + d is what comes out for these bits.

    /// b ? c : d
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn f(b: Vector, c: Vector, d: Vector) -> Vector {
        _mm512_ternarylogic_epi32::<0xca>(b, c, d)
    }

    /// d ? b : c
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn g(b: Vector, c: Vector, d: Vector) -> Vector {
        _mm512_ternarylogic_epi32::<0xe4>(b, c, d)
    }

    /// b ^ c ^ d
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn h(b: Vector, c: Vector, d: Vector) -> Vector {
        _mm512_ternarylogic_epi32::<0x96>(b, c, d)
    }

    /// c ^ (b | !d)
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn i(b: Vector, c: Vector, d: Vector) -> Vector {
        _mm512_ternarylogic_epi32::<0x39>(b, c, d)
    }

    run!("avx512f");
}

/// 8 lanes of 32 bits. All of it is AVX2 and what AVX2 implies.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::super::super::lanes::vectors::avx2::{add, all, read, transposed, write, Vector};
    use super::{group, group_mut, Begins, States, CHUNK, SINES, WORDS};
    use std::arch::x86_64::*;

    pub(super) use super::super::super::lanes::vectors::avx2::LANES;

    #[inline]
    #[target_feature(enable = "avx2")]
    fn rotate<const LEFT: i32, const RIGHT: i32>(a: Vector) -> Vector {
        _mm256_or_si256(_mm256_slli_epi32::<LEFT>(a), _mm256_srli_epi32::<RIGHT>(a))
    }

    /// b ? c : d
    #[inline]
    #[target_feature(enable = "avx2")]
    fn f(b: Vector, c: Vector, d: Vector) -> Vector {
        _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d)))
    }

    /// d ? b : c
    #[inline]
    #[target_feature(enable = "avx2")]
    fn g(b: Vector, c: Vector, d: Vector) -> Vector {
        _mm256_or_si256(_mm256_and_si256(d, b), _mm256_andnot_si256(d, c))
    }

    /// b ^ c ^ d
    #[inline]
    #[target_feature(enable = "avx2")]
    fn h(b: Vector, c: Vector, d: Vector) -> Vector {
        _mm256_xor_si256(b, _mm256_xor_si256(c, d))
    }

    /// c ^ (b | !d)
    #[inline]
    #[target_feature(enable = "avx2")]
    fn i(b: Vector, c: Vector, d: Vector) -> Vector {
        _mm256_xor_si256(c, _mm256_or_si256(b, _mm256_xor_si256(d, all(!0))))
    }

    run!("avx2");
}
