//! Numbers as fio prints them: four significant digits, k/M suffixes, KiB beside kB, the unit of a
//! latency line. Called by `report::text`, and by `progress` for the rates of its status line.
//! Pure: turns values into words and prints nothing itself.

/// Decimal or binary multiples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// k = 1000.
    Si,
    /// Ki = 1024.
    Iec,
}

const SI: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
const IEC: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// `number` with at most `digits` digits, scaled down by 1000 or 1024 until they suffice, and with
/// decimals as far as they leave room for point and digit: "4096", "96.2Mi", "4194k". Never down to
/// 0 of what is not 0: with few digits 350 MiB are "350Mi", where fio prints "0Gi".
pub fn scaled(number: u64, digits: usize, base: Base) -> String {
    let (step, suffixes) = match base {
        Base::Si => (1000, SI),
        Base::Iec => (1024, IEC),
    };
    let length = |n: u128| n.checked_ilog10().unwrap_or(0) as usize + 1;
    let number = u128::from(number);
    let (mut power, mut unit) = (0, 1u128);
    while length(number / unit) > digits && number >= unit * step && power + 1 < suffixes.len() {
        unit *= step;
        power += 1;
    }
    let room = digits.saturating_sub(length(number / unit));
    if unit == 1 || room <= 1 {
        return format!("{}{}", (number + unit / 2) / unit, suffixes[power]);
    }
    format!("{:.*}{}", room - 1, number as f64 / unit as f64, suffixes[power])
}

/// Digits of a figure: fio's `significant_figures`, 4 where nobody says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits(pub u8);

impl Default for Digits {
    fn default() -> Digits {
        Digits(4)
    }
}

impl Digits {
    /// "7813MiB".
    pub fn kib(self, bytes: u64) -> String {
        scaled(bytes, self.0.into(), Base::Iec) + "B"
    }

    /// "8192MB".
    pub fn kb(self, bytes: u64) -> String {
        scaled(bytes, self.0.into(), Base::Si) + "B"
    }

    /// "4693k".
    pub fn iops(self, iops: f64) -> String {
        scaled(iops as u64, self.0.into(), Base::Si)
    }
}

/// Four digits and KiB, MiB ...
pub fn kib(bytes: u64) -> String {
    Digits::default().kib(bytes)
}

/// "17.9GiB/s".
pub fn bytes_per_second(bytes: f64) -> String {
    kib(bytes as u64) + "/s"
}

/// "4693k".
pub fn iops(iops: f64) -> String {
    Digits::default().iops(iops)
}

/// A time in the unit that leaves it above 1: "100.00us", "0.00ns".
pub fn time(ns: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1000, "us")];
    let found = units.into_iter().find(|(unit, _)| ns >= *unit);
    let (unit, name) = found.unwrap_or((1, "ns"));
    format!("{:.2}{name}", ns as f64 / unit as f64)
}

/// Whole mebibytes, at least one where there is anything: fio's figure for a file's layout.
pub fn mebibytes(bytes: u64) -> u64 {
    if bytes == 0 {
        return 0;
    }
    (bytes >> 20).max(1)
}

/// The unit of a line about latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Nanoseconds.
    Nsec,
    /// Microseconds.
    Usec,
    /// Milliseconds.
    Msec,
}

impl TimeUnit {
    /// The largest in which the values stay tellable: the smallest shows two units and more, the
    /// largest a hundred, and the deviation (where the line has one) more than one.
    pub fn pick(min_ns: u64, max_ns: u64, stddev_ns: f64) -> TimeUnit {
        let fits =
            |unit: u64| min_ns > 2 * unit && max_ns > 100 * unit - 1 && stddev_ns > unit as f64;
        if fits(1_000_000) {
            TimeUnit::Msec
        } else if fits(1000) {
            TimeUnit::Usec
        } else {
            TimeUnit::Nsec
        }
    }

    /// fio's word.
    pub fn name(self) -> &'static str {
        match self {
            TimeUnit::Nsec => "nsec",
            TimeUnit::Usec => "usec",
            TimeUnit::Msec => "msec",
        }
    }

    /// Nanoseconds in one.
    pub fn ns(self) -> u64 {
        match self {
            TimeUnit::Nsec => 1,
            TimeUnit::Usec => 1000,
            TimeUnit::Msec => 1_000_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_like_fios() {
        // Observed on fio 3.33, except the last ones: those are the ends of the range.
        let cases = [
            (98, 4, Base::Si, "98"),
            (8533, 4, Base::Si, "8533"),
            (24_629, 4, Base::Si, "24.6k"),
            (624_000, 4, Base::Si, "624k"),
            (4_693_000, 4, Base::Si, "4693k"),
            (4096, 4, Base::Iec, "4096"),
            (65_536, 4, Base::Iec, "64.0Ki"),
            (262_144, 4, Base::Iec, "256Ki"),
            (8159232 + 8199168, 4, Base::Iec, "15.6Mi"),
            (4_194_304, 4, Base::Iec, "4096Ki"),
            (4_194_304, 4, Base::Si, "4194k"),
            (218_865, 6, Base::Si, "218865"),
            (2_508_400, 6, Base::Si, "2508.4k"),
            (15_430_000, 6, Base::Si, "15430k"),
            (0, 4, Base::Si, "0"),
            (9_999_500, 4, Base::Si, "10000k"),
            (u64::MAX, 4, Base::Iec, "16.0Ei"),
            // Here fio prints "0Gi", "0k".
            (350 << 20, 2, Base::Iec, "350Mi"),
            (350 << 20, 1, Base::Iec, "350Mi"),
            (127, 2, Base::Si, "127"),
            (5599, 1, Base::Si, "6k"),
        ];
        for (number, digits, base, expected) in cases {
            assert_eq!(scaled(number, digits, base), expected);
        }
        assert_eq!(bytes_per_second(100_900_000.0), "96.2MiB/s");
        assert_eq!((mebibytes(0), mebibytes(1), mebibytes(16 << 20)), (0, 1, 16));
    }

    #[test]
    fn units_are_picked_like_fios() {
        let cases = [
            (1803, 2_508_400, 96_145.56, TimeUnit::Nsec),
            (36_000, 1_458_000, 13_810.0, TimeUnit::Usec),
            (2444, 253_000, 14_100.0, TimeUnit::Usec),
            (2444, 99_999, 14_100.0, TimeUnit::Nsec),
            (2444, 253_000, 1000.0, TimeUnit::Nsec),
            (507_974, 14_270_986, 3_346_619.0, TimeUnit::Usec),
            (4_000_000, 716_000_000, 71_390_000.0, TimeUnit::Msec),
        ];
        for (min, max, stddev, expected) in cases {
            assert_eq!(TimeUnit::pick(min, max, stddev), expected, "{min} {max} {stddev}");
        }
    }
}
