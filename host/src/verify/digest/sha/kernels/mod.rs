//! SHA-256 and SHA-512 over lanes of a vector register: 16 and 8 of AVX-512, 8 and 4 of AVX2.
//!
//! Advanced by `lanes`, which keeps each lane filled. Unsafe stands here for loads from streams and
//! for what the constructors vouch for. Knows nothing of padding or of messages' ends. Both are
//! the same algorithm (FIPS 180-4, 6.2.2 and 6.4.2) with words of 32 and of 64 bits.

use super::super::lanes::kernel::Kernel;
#[cfg(target_arch = "x86_64")]
use super::super::lanes::kernel::{group, group_mut, Begins, States};

/// Words of a state.
pub(super) const WORDS: usize = 8;

/// The foundation, and words of bytes.
#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")
}

/// Makes a constructor of a module's kernel.
macro_rules! constructor {
    ($(#[$doc:meta])* $name:ident, $word:ty, $chunk:literal, $has:expr) => {
        $(#[$doc])*
        #[cfg(target_arch = "x86_64")]
        pub(super) fn $name() -> Option<Kernel<$word, WORDS, $chunk>> {
            // SAFETY: what the module is compiled for was just detected, and `run` reads the chunks
            // that it is told of as many begins as the module has lanes.
            $has.then(|| unsafe { Kernel::new($name::LANES, $name::run) })
        }

        /// No such machine.
        #[cfg(not(target_arch = "x86_64"))]
        pub(super) fn $name() -> Option<Kernel<$word, WORDS, $chunk>> {
            None
        }
    };
}

constructor! {
    /// SHA-256 in lanes of AVX-512, if the machine has it.
    avx512_32, u32, 64, has_avx512()
}
constructor! {
    /// SHA-256 in lanes of AVX2, if the machine has it.
    avx2_32, u32, 64, is_x86_feature_detected!("avx2")
}
constructor! {
    /// SHA-512 in lanes of AVX-512, if the machine has it.
    avx512_64, u64, 128, has_avx512()
}
constructor! {
    /// SHA-512 in lanes of AVX2, if the machine has it.
    avx2_64, u64, 128, is_x86_feature_detected!("avx2")
}

/// Rounds that one pass over the schedule makes.
#[cfg(target_arch = "x86_64")]
const PASS: usize = 16;

/// The constants of SHA-512's rounds: the cube roots of the first 80 primes, 64 bits behind the
/// point (FIPS 180-4, 4.2.3).
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const K512: [[u64; PASS]; 5] = as_passes([
    0x428a_2f98_d728_ae22, 0x7137_4491_23ef_65cd, 0xb5c0_fbcf_ec4d_3b2f, 0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538, 0x59f1_11f1_b605_d019, 0x923f_82a4_af19_4f9b, 0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242, 0x1283_5b01_4570_6fbe, 0x2431_85be_4ee4_b28c, 0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f, 0x80de_b1fe_3b16_96b1, 0x9bdc_06a7_25c7_1235, 0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2, 0xefbe_4786_384f_25e3, 0x0fc1_9dc6_8b8c_d5b5, 0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275, 0x4a74_84aa_6ea6_e483, 0x5cb0_a9dc_bd41_fbd4, 0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab, 0xa831_c66d_2db4_3210, 0xb003_27c8_98fb_213f, 0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2, 0xd5a7_9147_930a_a725, 0x06ca_6351_e003_826f, 0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc, 0x2e1b_2138_5c26_c926, 0x4d2c_6dfc_5ac4_2aed, 0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de, 0x766a_0abb_3c77_b2a8, 0x81c2_c92e_47ed_aee6, 0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364, 0xa81a_664b_bc42_3001, 0xc24b_8b70_d0f8_9791, 0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218, 0xd699_0624_5565_a910, 0xf40e_3585_5771_202a, 0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8, 0x1e37_6c08_5141_ab53, 0x2748_774c_df8e_eb99, 0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63, 0x4ed8_aa4a_e341_8acb, 0x5b9c_ca4f_7763_e373, 0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc, 0x78a5_636f_4317_2f60, 0x84c8_7814_a1f0_ab72, 0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28, 0xa450_6ceb_de82_bde9, 0xbef9_a3f7_b2c6_7915, 0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c, 0xd186_b8c7_21c0_c207, 0xeada_7dd6_cde0_eb1e, 0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba, 0x0a63_7dc5_a2c8_98a6, 0x113f_9804_bef9_0dae, 0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84, 0x32ca_ab7b_40c7_2493, 0x3c9e_be0a_15c9_bebc, 0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6, 0x597f_299c_fc65_7e2a, 0x5fcb_6fab_3ad6_faec, 0x6c44_198c_4a47_5817,
]);

/// Those of SHA-256: 32 bits of the first 64 of them (4.2.2).
#[cfg(target_arch = "x86_64")]
const K256: [[u32; PASS]; 4] = {
    let mut halves = [[0; PASS]; 4];
    let mut at = 0;
    while at < 4 * PASS {
        halves[at / PASS][at % PASS] = (K512[at / PASS][at % PASS] >> 32) as u32;
        at += 1;
    }
    halves
};

#[cfg(target_arch = "x86_64")]
const fn as_passes(all: [u64; 5 * PASS]) -> [[u64; PASS]; 5] {
    let mut passes = [[0; PASS]; 5];
    let mut at = 0;
    while at < 5 * PASS {
        passes[at / PASS][at % PASS] = all[at];
        at += 1;
    }
    passes
}

/// Sixteen rounds with the functions of the module that it stands in. `next` makes the schedule's
/// word of 16 rounds later out of each that was used.
#[cfg(target_arch = "x86_64")]
macro_rules! pass {
    ($next:tt $k:ident $w:ident
     $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
        pass!(@eight $next 0 1 2 3 4 5 6 7, $k $w $a $b $c $d $e $f $g $h);
        pass!(@eight $next 8 9 10 11 12 13 14 15, $k $w $a $b $c $d $e $f $g $h);
    };
    (@eight $next:tt $n0:literal $n1:literal $n2:literal $n3:literal $n4:literal $n5:literal
     $n6:literal $n7:literal, $k:ident $w:ident
     $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
        pass!(@one $next $n0 $k $w $a $b $c $d $e $f $g $h);
        pass!(@one $next $n1 $k $w $h $a $b $c $d $e $f $g);
        pass!(@one $next $n2 $k $w $g $h $a $b $c $d $e $f);
        pass!(@one $next $n3 $k $w $f $g $h $a $b $c $d $e);
        pass!(@one $next $n4 $k $w $e $f $g $h $a $b $c $d);
        pass!(@one $next $n5 $k $w $d $e $f $g $h $a $b $c);
        pass!(@one $next $n6 $k $w $c $d $e $f $g $h $a $b);
        pass!(@one $next $n7 $k $w $b $c $d $e $f $g $h $a);
    };
    (@one $next:tt $n:literal $k:ident $w:ident
     $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
        let (input, chosen) = (add($w[$n], all($k[$n])), choose($e, $f, $g));
        let first = add(add($h, input), add(chosen, big_e($e)));
        $d = add($d, first);
        $h = add(first, add(big_a($a), majority($a, $b, $c)));
        pass!(@schedule $next $n $w);
    };
    (@schedule next $n:literal $w:ident) => {
        let (a, b) = (small_a($w[($n + 1) % PASS]), small_b($w[($n + 14) % PASS]));
        $w[$n] = add(add($w[$n], a), add($w[($n + 9) % PASS], b));
    };
    (@schedule last $n:literal $w:ident) => {};
}

/// `run` of a module that has `read`, `write`, `words` and what [`pass`] needs.
#[cfg(target_arch = "x86_64")]
macro_rules! run {
    ($features:literal) => {
        /// Advances `LANES` states by `chunks`.
        ///
        /// # Safety
        /// `chunks` whole chunks are readable behind each of the first `LANES` begins.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn run(
            states: &mut States<Word, WORDS>,
            begins: &Begins,
            chunks: usize,
        ) {
            let mut state = [all(0); WORDS];
            for (vector, words) in state.iter_mut().zip(&states.0) {
                *vector = read(group(words, 0));
            }
            for chunk in 0..chunks {
                // SAFETY: `chunk` is below `chunks`, and all lanes are among the first `LANES`: the
                // caller vouched for this chunk of each.
                let mut w = unsafe { words(group(begins, 0), chunk * CHUNK) };
                let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
                let [others @ .., last] = &K;
                for k in others {
                    pass!(next k w a b c d e f g h);
                }
                pass!(last last w a b c d e f g h);
                for (vector, more) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
                    *vector = add(*vector, more);
                }
            }
            for (words, vector) in states.0.iter_mut().zip(state) {
                write(group_mut(words, 0), vector);
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2_32;
#[cfg(target_arch = "x86_64")]
mod avx2_64;
#[cfg(target_arch = "x86_64")]
mod avx512_32;
#[cfg(target_arch = "x86_64")]
mod avx512_64;
