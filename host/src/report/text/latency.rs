//! Latency lines and percentile tables of the normal output. Called by `text::job`. Chooses a unit
//! for each line as fio does, so that figures stay short. Reads histograms as they were gathered
//! and merges nothing.

use super::line;
use crate::stats::figures::{scaled, Base, TimeUnit};
use crate::stats::snapshot::HistogramSnapshot;

/// Appends minimum, maximum, mean and deviation in a unit of their own; nothing without samples.
pub(super) fn summary(out: &mut String, name: &str, histogram: &HistogramSnapshot) {
    if histogram.count == 0 {
        return;
    }
    let stddev = histogram.stddev();
    let unit = TimeUnit::pick(histogram.min, histogram.max, stddev);
    line(
        out,
        format_args!(
            "{name:>8} ({}): min={}, max={}, avg={:5.2}, stdev={:5.2}",
            unit.name(),
            scaled(histogram.min / unit.ns(), 6, Base::Si),
            scaled(histogram.max / unit.ns(), 6, Base::Si),
            histogram.mean() / unit.ns() as f64,
            stddev / unit.ns() as f64,
        ),
    );
}

/// Appends the table of percentiles; nothing without samples.
pub(super) fn percentiles(
    out: &mut String,
    name: &str,
    histogram: &HistogramSnapshot,
    list: &[f64],
) {
    let found: Vec<(f64, u64)> =
        list.iter().filter_map(|&at| Some((at, histogram.percentile(at)?))).collect();
    let values = || found.iter().map(|&(_, value)| value);
    let (Some(min), Some(max)) = (values().min(), values().max()) else {
        return;
    };
    let unit = TimeUnit::pick(min, max, f64::INFINITY);
    line(out, format_args!("    {name} percentiles ({}):", unit.name()));
    let decimals = list.iter().map(|&at| decimals(at)).max().unwrap_or(0);
    let digits = max.div_ceil(unit.ns()).to_string().len().max(5);
    let cells: Vec<String> = found
        .iter()
        .map(|&(at, value)| {
            let value = value.div_ceil(unit.ns());
            format!("{at:0$.decimals$}th=[{value:digits$}]", decimals + 3)
        })
        .collect();
    // Frame and columns fill 80 characters.
    let per_line = ((80 - 7) / (decimals + digits + 10)).max(1);
    let lines: Vec<String> =
        cells.chunks(per_line).map(|cells| format!("     | {}", cells.join(", "))).collect();
    line(out, format_args!("{}", lines.join(",\n")));
}

/// Decimals that are needed to write `percent`, at most six.
fn decimals(percent: f64) -> usize {
    let text = format!("{percent:.6}");
    let text = text.trim_end_matches('0');
    text.split_once('.').map_or(0, |(_, fraction)| fraction.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_counted() {
        let cases = [(50.0, 0), (99.5, 1), (99.99, 2), (1.0, 0), (99.999_9, 4), (99.999_999_9, 0)];
        for (percent, expected) in cases {
            assert_eq!(decimals(percent), expected, "{percent}");
        }
    }

    #[test]
    fn tables_are_laid_out_like_fios() {
        let histogram = HistogramSnapshot::of(&[692, 700, 852, 757_000]);
        let table = |list: &[f64]| {
            let mut out = String::new();
            percentiles(&mut out, "clat", &histogram, list);
            out
        };
        assert_eq!(
            table(&[25.0, 75.0]),
            "    clat percentiles (nsec):\n     |  25th=[  692],  75th=[  852]\n"
        );
        assert_eq!(
            table(&[12.0, 13.0, 14.0, 75.0, 99.999]),
            "    clat percentiles (nsec):\n     \
             | 12.000th=[   692], 13.000th=[   692], 14.000th=[   692],\n     \
             | 75.000th=[   852], 99.999th=[757760]\n"
        );
    }

    #[test]
    fn nothing_measured_prints_nothing() {
        let mut out = String::new();
        summary(&mut out, "clat", &HistogramSnapshot::default());
        percentiles(&mut out, "clat", &HistogramSnapshot::default(), &[50.0]);
        percentiles(&mut out, "clat", &HistogramSnapshot::of(&[1]), &[]);
        assert_eq!(out, "");
    }
}
