//! The laws against their definitions, which are written here a second time and otherwise: sums
//! over all blocks with the platform's own functions.
//! Fixed seeds; p > 0.001 throughout. Nothing of the sampler's own arithmetic may be used here.

use super::{complaint, Sampler};
use crate::workload::{Law, Rng};

const DRAWS: usize = 100_000;
/// Beyond so many standard deviations lies one in a thousand.
const NORMAL_999: f64 = 3.09;

fn draw(law: &Law, count: u64, seed: u64) -> Vec<u64> {
    let mut sampler = Sampler::new(law, count, 1, seed);
    let mut rng = Rng::new(seed);
    (0..DRAWS).map(|_| sampler.draw(&mut rng)).collect()
}

/// The law of each block 0..count where the hottest comes first (zipf, pareto) or as it lies.
fn expected(law: &Law, count: u64) -> Vec<f64> {
    let n = count as f64;
    let blocks = (0..count).map(|block| block as f64);
    let weights: Vec<f64> = match law {
        Law::Uniform => blocks.map(|_| 1.0).collect(),
        Law::Zipf { theta, .. } => blocks.map(|b| (b + 1.0).powf(-theta)).collect(),
        Law::Pareto { h, .. } => {
            // The first x of the blocks get x^(ln(1-h) / ln h): h of them get 1-h.
            let share = |x: f64| (x / n).powf((1.0 - h).ln() / h.ln());
            blocks.map(|b| share(b + 1.0) - share(b)).collect()
        }
        Law::Normal { deviation, center } => {
            let (mean, deviation) = (n * center, n * deviation / 100.0);
            // The density, summed over 4 points of each block.
            let density = |x: f64| (-((x - mean) / deviation).powi(2) / 2.0).exp();
            blocks.map(|b| (0..4).map(|i| density(b + (f64::from(i) + 0.5) / 4.0)).sum()).collect()
        }
        Law::Zoned(zones) => {
            let mut weights = vec![0.0; count as usize];
            let mut begin = 0.0;
            for &(access, size) in zones {
                let end = begin + n * f64::from(size) / 100.0;
                let (from, to) = (begin.round() as usize, f64::round(end) as usize);
                for weight in &mut weights[from..to] {
                    *weight = f64::from(access) / (to - from) as f64;
                }
                begin = end;
            }
            weights
        }
        Law::ZonedAbs(zones) => {
            let mut weights = vec![0.0; count as usize];
            let mut begin = 0;
            for &(access, size) in zones {
                let end = (begin + size as usize).min(count as usize);
                for weight in &mut weights[begin..end] {
                    *weight = f64::from(access) / (end - begin) as f64;
                }
                begin = end;
            }
            weights
        }
    };
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// Chi-square over classes of neighbouring blocks that are expected at least 20 times each; the
/// limit for p = 0.001 after Wilson and Hilferty.
fn assert_chi_square(numbers: &[u64], law: &[f64], what: &str) {
    let mut counts = vec![0u64; law.len()];
    numbers.iter().for_each(|&number| counts[number as usize] += 1);
    let (mut chi, mut classes) = (0.0, 0.0f64);
    let (mut seen, mut wanted) = (0.0, 0.0);
    let mut left = 1.0;
    for (&count, &p) in counts.iter().zip(law) {
        seen += count as f64;
        wanted += p * numbers.len() as f64;
        left -= p;
        if p == 0.0 {
            assert_eq!(count, 0, "{what}: a block that is never to come");
        }
        if wanted >= 20.0 && left * numbers.len() as f64 >= 20.0 {
            chi += (seen - wanted) * (seen - wanted) / wanted;
            classes += 1.0;
            (seen, wanted) = (0.0, 0.0);
        }
    }
    chi += (seen - wanted) * (seen - wanted) / wanted.max(1e-9);
    let spread = 2.0 / (9.0 * classes.max(1.0));
    let limit = classes.max(1.0) * (1.0 - spread + NORMAL_999 * spread.sqrt()).powi(3);
    assert!(chi < limit, "{what}: chi-square {chi} of {classes} exceeds {limit}");
}

/// Kolmogorov and Smirnov: the largest distance of the two distributions; 1.95 / sqrt(n) at
/// p = 0.001 (and more cautious than that where blocks are few).
fn assert_kolmogorov_smirnov(numbers: &[u64], law: &[f64], what: &str) {
    let mut counts = vec![0u64; law.len()];
    numbers.iter().for_each(|&number| counts[number as usize] += 1);
    let (mut seen, mut wanted, mut distance) = (0u64, 0.0, 0.0f64);
    for (count, p) in counts.iter().zip(law) {
        seen += count;
        wanted += p;
        distance = distance.max((seen as f64 / numbers.len() as f64 - wanted).abs());
    }
    let limit = 1.95 / (numbers.len() as f64).sqrt();
    assert!(distance < limit, "{what}: distance {distance} exceeds {limit}");
}

fn assert_fits(law: &Law, counts: &[u64]) {
    for &count in counts {
        let expected = expected(law, count);
        let numbers = draw(law, count, count);
        let what = format!("{law:?} over {count}");
        assert_chi_square(&numbers, &expected, &what);
        assert_kolmogorov_smirnov(&numbers, &expected, &what);
    }
}

const COUNTS: [u64; 6] = [1, 2, 10, 1000, 1 << 20, (1 << 20) + 7];
const FIRST: Option<f64> = Some(0.0);

#[test]
fn zipf_fits_its_law() {
    for theta in [0.2, 0.8, 1.0, 1.000_001, 1.2, 2.5] {
        assert_fits(&Law::Zipf { theta, center: FIRST }, &COUNTS);
    }
}

#[test]
fn pareto_fits_its_law() {
    for h in [0.05, 0.2, 0.3, 0.5, 0.8] {
        assert_fits(&Law::Pareto { h, center: FIRST }, &COUNTS);
    }
}

#[test]
fn normal_fits_its_law() {
    for (deviation, center) in [(1.0, 0.5), (10.0, 0.5), (20.0, 0.25), (100.0, 0.5), (15.0, 1.0)] {
        assert_fits(&Law::Normal { deviation, center }, &[100, 1000, 1 << 20]);
    }
}

#[test]
fn zones_fit_their_law() {
    let zoned = |zones: &[(u8, u8)]| Law::Zoned(zones.to_vec());
    assert_fits(&zoned(&[(60, 10), (30, 20), (8, 30), (2, 40)]), &[10, 33, 1000, (1 << 20) + 7]);
    assert_fits(&zoned(&[(0, 50), (100, 50)]), &[10, 1001]);
    assert_fits(&zoned(&[(100, 100)]), &[1, 7]);
    assert_fits(&Law::ZonedAbs(vec![(60, 20), (30, 100), (10, 500)]), &[620, 1000, 200, 1 << 20]);
}

#[test]
fn uniform_is_uniform() {
    assert_fits(&Law::Uniform, &COUNTS);
}

/// Without a center the ranks are scattered: sorted by frequency the law is the same, and the hot
/// blocks are no neighbours.
#[test]
fn scattered_ranks_keep_the_law() {
    for count in [1000u64, 4096] {
        for law in [Law::Zipf { theta: 1.2, center: None }, Law::Pareto { h: 0.2, center: None }] {
            let numbers = draw(&law, count, 9);
            let mut counts = vec![0u64; count as usize];
            numbers.iter().for_each(|&number| counts[number as usize] += 1);
            let mut hot: Vec<usize> = (0..counts.len()).collect();
            hot.sort_unstable_by_key(|&block| std::cmp::Reverse(counts[block]));
            let expected = expected(&law, count);
            for (rank, &block) in hot[..5].iter().enumerate() {
                let (seen, p) = (counts[block] as f64, expected[rank]);
                let deviation = (p * (1.0 - p) * DRAWS as f64).sqrt();
                let off = (seen - p * DRAWS as f64).abs() / deviation;
                assert!(off < 4.0, "{law:?} rank {rank}: {seen}, {off} deviations off");
            }
            let near = hot[..10].windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 10).count();
            assert!(near < 3, "{law:?} over {count}: hot blocks {:?}", &hot[..10]);
        }
    }
}

#[test]
fn a_center_is_where_the_hottest_block_lies() {
    for center in [0.0, 0.25, 0.999, 1.0] {
        let first = ((1000.0 * center) as u64).min(999);
        for law in [
            Law::Zipf { theta: 1.2, center: Some(center) },
            Law::Pareto { h: 0.2, center: Some(center) },
        ] {
            let behind: Vec<u64> =
                draw(&law, 1000, 3).iter().map(|number| (number + 1000 - first) % 1000).collect();
            assert_chi_square(&behind, &expected(&law, 1000), &format!("{law:?}"));
        }
    }
}

#[test]
fn eighty_percent_go_to_twenty() {
    let numbers = draw(&Law::Pareto { h: 0.2, center: FIRST }, 100_000, 4);
    let hot = numbers.iter().filter(|&&number| number < 20_000).count() as f64;
    assert!((hot / DRAWS as f64 - 0.8).abs() < 0.005, "{hot}");
}

#[test]
fn laws_stay_inside_at_every_size() {
    let laws = [
        Law::Zipf { theta: 0.01, center: None },
        Law::Zipf { theta: 1.0, center: Some(0.5) },
        Law::Zipf { theta: 100.0, center: None },
        Law::Pareto { h: 1e-6, center: None },
        Law::Pareto { h: 0.999_999, center: Some(1.0) },
        Law::Normal { deviation: 1e-300, center: 1.0 },
        Law::Normal { deviation: 100.0, center: 0.0 },
        Law::Zoned(vec![(1, 1); 100]),
        Law::ZonedAbs(vec![(50, 1), (50, 1 << 40)]),
    ];
    for law in laws {
        assert_eq!(complaint(&law), None);
        for count in [1, 2, 3, 63, 64, 65, 1 << 20, 1 << 40, i64::MAX as u64] {
            if law == Law::ZonedAbs(vec![(50, 1), (50, 1 << 40)]) && count == 1 {
                continue;
            }
            let mut sampler = Sampler::new(&law, count, 1, 5);
            let mut rng = Rng::new(6);
            for _ in 0..300 {
                let number = sampler.draw(&mut rng);
                assert!(number < count, "{law:?} over {count}: {number}");
            }
        }
    }
}

#[test]
fn laws_without_a_meaning_are_told() {
    let cases = [
        (Law::Zipf { theta: 0.0, center: None }, "zipf's theta 0 is not above 0"),
        (Law::Zipf { theta: f64::NAN, center: None }, "is not above 0"),
        (Law::Zipf { theta: 1.2, center: Some(1.5) }, "center 1.5 is not from 0 to 1"),
        (Law::Pareto { h: 1.0, center: None }, "pareto's h 1 is not between 0 and 1"),
        (Law::Normal { deviation: 0.0, center: 0.5 }, "normal's deviation 0 is not above 0"),
        (Law::Zoned(vec![(50, 50), (50, 40)]), "sizes add up to 90 percent"),
        (Law::Zoned(vec![(50, 50), (40, 50)]), "requests add up to 90 percent"),
        (Law::Zoned(vec![(50, 0), (50, 100)]), "a zone of size 0 cannot take requests"),
        (Law::ZonedAbs(vec![(99, 4096)]), "requests add up to 99 percent"),
    ];
    for (law, words) in cases {
        let told = complaint(&law).unwrap_or_else(|| panic!("{law:?} is wrong"));
        assert!(told.contains(words), "{told:?} should say {words:?}");
    }
}
