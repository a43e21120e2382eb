//! Values of `steadystate`: what is looked at, and how still it has to hold.
//!
//! Called by `value` and by the option table, which prints them again.

use super::number::Measure;
use super::spec::SteadyMetric;
use super::value::{quantity, Fault, Reading};

/// `METRIC[_slope]:LIMIT[%]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Criterion {
    pub(crate) metric: SteadyMetric,
    pub(crate) slope: bool,
    /// In the metric's unit, or percent of the mean.
    pub(crate) limit: f64,
    pub(crate) percent: bool,
}

const METRICS: [(&str, SteadyMetric); 3] =
    [("iops", SteadyMetric::Iops), ("bw", SteadyMetric::Bw), ("lat", SteadyMetric::Lat)];

/// Reads one.
pub(crate) fn criterion(text: &str, reading: &mut Reading<'_>) -> Result<Criterion, Fault> {
    let (word, limit) = text.split_once(':').map_or((text, ""), |(a, b)| (a.trim(), b.trim()));
    let (name, slope) = word.strip_suffix("_slope").map_or((word, false), |name| (name, true));
    let Some((_, metric)) = METRICS.iter().find(|(metric, _)| *metric == name) else {
        return Err(Fault::new(format!(
            "`{word}` is none of iops, iops_slope, bw, bw_slope, lat, lat_slope"
        )));
    };
    if limit.is_empty() {
        return Err(Fault::new(format!("`{text}` lacks its limit"))
            .help(format!("write `{word}:5%`: 5 percent of the mean")));
    }
    let (limit, percent) = match limit.strip_suffix('%') {
        Some(number) => (float(number)?, true),
        None => (limit_in_unit(limit, *metric, reading)?, false),
    };
    if limit < 0.0 || (limit == 0.0 && !slope) {
        return Err(Fault::new(format!("`{text}` has a limit that nothing keeps to")));
    }
    Ok(Criterion { metric: *metric, slope, limit, percent })
}

/// Plain numbers, else what the metric's unit takes: bytes a second, or a time.
fn limit_in_unit(
    text: &str,
    metric: SteadyMetric,
    reading: &mut Reading<'_>,
) -> Result<f64, Fault> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let measure = match metric {
        _ if plain => return float(text),
        SteadyMetric::Iops => Measure::Count,
        SteadyMetric::Bw => Measure::Bytes,
        SteadyMetric::Lat => Measure::Time(1),
    };
    quantity(text, measure, reading).map(|value| value as f64)
}

fn float(text: &str) -> Result<f64, Fault> {
    let text = text.trim();
    let found = text.parse::<f64>().ok().filter(|value| value.is_finite());
    found.ok_or_else(|| Fault::new(format!("`{text}` is not a number")))
}

/// A number above 0, at most 100.
pub(crate) fn percent(text: &str) -> Result<f64, Fault> {
    let value = float(text)?;
    if value > 0.0 && value <= 100.0 {
        return Ok(value);
    }
    Err(Fault::new(format!("`{text}` is out of range (above 0, at most 100)")))
}

/// A number from 0 to 1.
pub(crate) fn fraction(text: &str) -> Result<f64, Fault> {
    let value = float(text)?;
    if (0.0..=1.0).contains(&value) {
        return Ok(value);
    }
    Err(Fault::new(format!("`{text}` is out of range (0 to 1)")))
}

/// As `steadystate` takes it.
pub(crate) fn shown(metric: SteadyMetric, slope: bool, limit: f64, percent: bool) -> String {
    let known = METRICS.iter().find(|(_, known)| *known == metric);
    let name = known.map_or("", |(name, _)| name);
    let slope = if slope { "_slope" } else { "" };
    let unit = match (percent, metric) {
        (true, _) => "%",
        // A fraction of a nanosecond is printed without a unit, as it has to be read again.
        (false, SteadyMetric::Lat) if limit.fract() == 0.0 => "ns",
        _ => "",
    };
    format!("{name}{slope}:{limit}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::number::Dialect;

    fn read(text: &str) -> Result<Criterion, Fault> {
        let mut remarks = Vec::new();
        let dialect = Dialect::Fio { kb_base: 1024 };
        criterion(text, &mut Reading { dialect, remarks: &mut remarks })
    }

    #[test]
    fn criteria() {
        use SteadyMetric::{Bw, Iops, Lat};
        for (text, metric, slope, limit, percent, again) in [
            ("iops:2", Iops, false, 2.0, false, "iops:2"),
            ("iops_slope:0.3%", Iops, true, 0.3, true, "iops_slope:0.3%"),
            ("iops_slope:0", Iops, true, 0.0, false, "iops_slope:0"),
            ("bw:1m", Bw, false, 1_048_576.0, false, "bw:1048576"),
            ("bw_slope:5%", Bw, true, 5.0, true, "bw_slope:5%"),
            ("lat:50us", Lat, false, 50_000.0, false, "lat:50000ns"),
            ("lat:50", Lat, false, 50.0, false, "lat:50ns"),
            ("lat_slope:1.5", Lat, true, 1.5, false, "lat_slope:1.5"),
        ] {
            let found = read(text).unwrap();
            assert_eq!(found, Criterion { metric, slope, limit, percent }, "{text}");
            assert_eq!(shown(metric, slope, limit, percent), again);
            assert_eq!(read(again), Ok(found), "{text}");
        }
        for text in ["", "iops", "iops:", "iops:x", "iops:-1%", "iops:0", "clat:5%", "bw:5s", "5%"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
