//! Numbers with units and arithmetic in parentheses: "4k", "1.5GiB", "(4*1024)", "10m".
//!
//! Called by `value` for every option that holds a number. Exact: what does not come out as a whole
//! number of the smallest unit is an error, nothing is rounded.

/// Who decides what `4KiB` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// fio's reading: `k`, `kB` and `Ki` follow `kb_base`, `KiB` is the other base.
    Fio {
        /// 1024 or 1000.
        kb_base: u32,
    },
    /// The unit states it: KiB = 1024, kB = 1000, a bare `k` = 1024.
    Stated,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Nanoseconds; a bare number is so many of these.
    Time(i128),
}

impl Measure {
    /// A bare number is seconds.
    pub(crate) const TIME: Measure = Measure::Time(NS_PER_S);
}

/// A number, and what its reading may surprise with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quantity {
    pub(crate) value: i128,
    pub(crate) remark: Option<String>,
}

/// Deepest nesting of parentheses.
const DEPTH_MAX: u32 = 32;

/// Reads one number; the error is a fragment that follows the quoted text.
pub(crate) fn parse(text: &str, measure: Measure, dialect: Dialect) -> Result<Quantity, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    let mut parser = Parser { rest: text, measure, dialect, remark: None };
    let value = parser.factor(0)?;
    match parser.rest.trim().chars().next() {
        None => {}
        Some('+' | '-' | '*' | '/') => {
            return Err("is arithmetic, which goes into parentheses".to_owned())
        }
        Some(_) => return Err(format!("has `{}` behind the number", parser.rest.trim())),
    }
    if value.denominator != 1 {
        return Err(match measure {
            Measure::Count => "is not a whole number",
            Measure::Bytes => "is not a whole number of bytes",
            Measure::Time(_) => "is not a whole number of nanoseconds",
        }
        .to_owned());
    }
    Ok(Quantity { value: value.numerator, remark: parser.remark })
}

/// A fraction in lowest terms, the denominator positive.
#[derive(Clone, Copy, Debug)]
struct Fraction {
    numerator: i128,
    denominator: i128,
}

impl Fraction {
    fn new(numerator: i128, denominator: i128) -> Option<Fraction> {
        let divisor = gcd(numerator.checked_abs()?, denominator.checked_abs()?).max(1);
        let sign = if denominator < 0 { -1 } else { 1 };
        let numerator = (numerator / divisor).checked_mul(sign)?;
        Some(Fraction { numerator, denominator: (denominator / divisor).checked_mul(sign)? })
    }

    fn apply(self, operator: char, other: Fraction) -> Option<Fraction> {
        let (a, b) = (self.numerator, self.denominator);
        let (c, d) = (other.numerator, other.denominator);
        match operator {
            '*' => Fraction::new(a.checked_mul(c)?, b.checked_mul(d)?),
            '/' if c == 0 => None,
            '/' => Fraction::new(a.checked_mul(d)?, b.checked_mul(c)?),
            '+' => {
                Fraction::new(a.checked_mul(d)?.checked_add(c.checked_mul(b)?)?, b.checked_mul(d)?)
            }
            _ => {
                Fraction::new(a.checked_mul(d)?.checked_sub(c.checked_mul(b)?)?, b.checked_mul(d)?)
            }
        }
    }
}

fn gcd(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

struct Parser<'a> {
    rest: &'a str,
    measure: Measure,
    dialect: Dialect,
    remark: Option<String>,
}

impl<'a> Parser<'a> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    /// `-x`, `(a + b)UNIT` or `12UNIT`.
    fn factor(&mut self, depth: u32) -> Result<Fraction, String> {
        if depth > DEPTH_MAX {
            return Err("is nested too deeply".to_owned());
        }
        let mut sign = 1;
        while self.peek() == Some('-') {
            self.rest = &self.rest[1..];
            sign = -sign;
        }
        let value = match self.peek() {
            Some('(') => {
                self.rest = &self.rest[1..];
                let value = self.sum(depth + 1)?;
                if self.peek() != Some(')') {
                    return Err("lacks a closing parenthesis".to_owned());
                }
                self.rest = &self.rest[1..];
                value
            }
            _ => self.number()?,
        };
        let word = self.take(|c| c.is_ascii_alphabetic());
        let unit = Fraction { numerator: sign * self.unit(word, depth)?, denominator: 1 };
        value.apply('*', unit).ok_or_else(too_large)
    }

    fn sum(&mut self, depth: u32) -> Result<Fraction, String> {
        let mut value = self.product(depth)?;
        while let Some(operator @ ('+' | '-')) = self.peek() {
            self.rest = &self.rest[1..];
            let other = self.product(depth)?;
            value = value.apply(operator, other).ok_or_else(too_large)?;
        }
        Ok(value)
    }

    fn product(&mut self, depth: u32) -> Result<Fraction, String> {
        let mut value = self.factor(depth)?;
        while let Some(operator @ ('*' | '/')) = self.peek() {
            self.rest = &self.rest[1..];
            let other = self.factor(depth)?;
            if operator == '/' && other.numerator == 0 {
                return Err("divides by zero".to_owned());
            }
            value = value.apply(operator, other).ok_or_else(too_large)?;
        }
        Ok(value)
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// Decimal with a fraction, or 0x and hex.
    fn number(&mut self) -> Result<Fraction, String> {
        let hex = self.rest.strip_prefix("0x").or_else(|| self.rest.strip_prefix("0X"));
        if let Some(rest) = hex {
            self.rest = rest;
            let digits = self.take(|c| c.is_ascii_hexdigit());
            let value = i128::from_str_radix(digits, 16).map_err(|_| number_error(digits))?;
            return Ok(Fraction { numerator: value, denominator: 1 });
        }
        let whole = self.take(|c| c.is_ascii_digit());
        let mut digits = whole.to_owned();
        let mut places = 0;
        if let (false, Some(rest)) = (whole.is_empty(), self.rest.strip_prefix('.')) {
            self.rest = rest;
            let fraction = self.take(|c| c.is_ascii_digit());
            if let (Dialect::Fio { .. }, Measure::Bytes | Measure::Time(_)) =
                (self.dialect, self.measure)
            {
                return Err(format!("is not a whole number (fio would read {whole})"));
            }
            digits.push_str(fraction);
            places = u32::try_from(fraction.len()).map_err(|_| too_large())?;
        }
        let value: i128 = digits.parse().map_err(|_| number_error(&digits))?;
        let scale = 10i128.checked_pow(places).ok_or_else(too_large)?;
        Fraction::new(value, scale).ok_or_else(too_large)
    }

    /// What a unit multiplies by. A bare time has the option's unit: a sum cannot mix units.
    fn unit(&mut self, word: &str, depth: u32) -> Result<i128, String> {
        if word.is_empty() {
            return Ok(match self.measure {
                Measure::Time(bare) if depth == 0 => bare,
                _ => 1,
            });
        }
        if matches!(self.measure, Measure::Time(_)) && depth > 0 {
            return Err(format!("has its unit `{word}` inside of the parentheses: put it behind"));
        }
        let unit = word.to_ascii_lowercase();
        match self.measure {
            Measure::Time(_) => time_unit(&unit)
                .ok_or_else(|| format!("has an unknown unit of time `{word}` ({TIME_UNITS})")),
            Measure::Count if self.dialect == Dialect::Stated => {
                Err(format!("has a unit `{word}`, but a count takes none"))
            }
            Measure::Count | Measure::Bytes => {
                let (power, form) = split_unit(&unit)
                    .ok_or_else(|| format!("has an unknown unit `{word}` ({BYTE_UNITS})"))?;
                let base = self.base(word, form, power);
                base.checked_pow(power).ok_or_else(too_large)
            }
        }
    }

    /// 1024 or 1000, and a remark where the reader may have meant the other.
    fn base(&mut self, word: &str, form: UnitForm, power: u32) -> i128 {
        match (self.dialect, form) {
            (Dialect::Stated, UnitForm::Letter | UnitForm::Ib) => 1024,
            (Dialect::Stated, UnitForm::B) => 1000,
            (Dialect::Fio { kb_base }, UnitForm::Ib) => {
                let base: i128 = if kb_base == 1000 { 1024 } else { 1000 };
                if base == 1000 {
                    let factor = base.pow(power);
                    self.remark = Some(format!(
                        "`{word}` is {factor} in fio's reading of job files (kb_base=1024)"
                    ));
                }
                base
            }
            (Dialect::Fio { kb_base }, _) => {
                let base = i128::from(kb_base);
                if self.measure == Measure::Count && power > 0 && base == 1024 {
                    let factor = base.pow(power);
                    self.remark =
                        Some(format!("`{word}` is {factor} in fio's reading, also of counts"));
                }
                base
            }
        }
    }
}

const NS_PER_S: i128 = 1_000_000_000;
const TIME_UNITS: &str = "known: d, h, m, s, ms, us, ns";
const BYTE_UNITS: &str = "known: k, m, g, t, p, with or without B or iB";

fn too_large() -> String {
    "is too large".to_owned()
}

fn number_error(digits: &str) -> String {
    if digits.is_empty() {
        "is not a number".to_owned()
    } else {
        too_large()
    }
}

/// What stands behind the letter of a unit.
#[derive(Clone, Copy)]
enum UnitForm {
    /// `k`, `Ki`.
    Letter,
    /// `kB`.
    B,
    /// `KiB`.
    Ib,
}

fn split_unit(unit: &str) -> Option<(u32, UnitForm)> {
    if unit == "b" {
        return Some((0, UnitForm::Letter));
    }
    let mut letters = unit.chars();
    let power = match letters.next()? {
        'k' => 1,
        'm' => 2,
        'g' => 3,
        't' => 4,
        'p' => 5,
        _ => return None,
    };
    match letters.as_str() {
        "" | "i" => Some((power, UnitForm::Letter)),
        "b" => Some((power, UnitForm::B)),
        "ib" => Some((power, UnitForm::Ib)),
        _ => None,
    }
}

fn time_unit(unit: &str) -> Option<i128> {
    Some(match unit {
        "d" => 86_400 * NS_PER_S,
        "h" => 3_600 * NS_PER_S,
        "m" | "min" => 60 * NS_PER_S,
        "s" | "sec" => NS_PER_S,
        "ms" | "msec" => 1_000_000,
        "us" | "usec" => 1_000,
        "ns" | "nsec" => 1,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIO: Dialect = Dialect::Fio { kb_base: 1024 };
    const FIO_1000: Dialect = Dialect::Fio { kb_base: 1000 };

    /// Measured with fio 3.33 (`bs=X`, bytes of one request), but for what fio reads in part.
    #[test]
    fn bytes_in_the_three_readings() {
        for (text, fio, fio_1000, stated) in [
            ("1", 1i64, 1i64, 1i64),
            ("1b", 1, 1, 1),
            ("10B", 10, 10, 10),
            ("1k", 1024, 1000, 1024),
            ("1K", 1024, 1000, 1024),
            ("1kb", 1024, 1000, 1000),
            ("1kB", 1024, 1000, 1000),
            ("1KB", 1024, 1000, 1000),
            ("1ki", 1024, 1000, 1024),
            ("1Ki", 1024, 1000, 1024),
            ("1kib", 1000, 1024, 1024),
            ("1KiB", 1000, 1024, 1024),
            ("1m", 1 << 20, 1_000_000, 1 << 20),
            ("1mB", 1 << 20, 1_000_000, 1_000_000),
            ("1MiB", 1_000_000, 1 << 20, 1 << 20),
            ("2g", 2 << 30, 2_000_000_000, 2 << 30),
            ("1t", 1 << 40, 1_000_000_000_000, 1 << 40),
            ("1p", 1 << 50, 1_000_000_000_000_000, 1 << 50),
            ("0x10", 16, 16, 16),
            ("0x10k", 16384, 16000, 16384),
            ("010", 10, 10, 10),
            ("(4*1024)", 4096, 4096, 4096),
            ("(1+3)k", 4096, 4000, 4096),
            ("(2k*2)", 4096, 4000, 4096),
            ("(7/2*2)", 7, 7, 7),
            ("((1+2)*(3-1))", 6, 6, 6),
            ("(10 - -2)", 12, 12, 12),
        ] {
            for (dialect, expected) in [(FIO, fio), (FIO_1000, fio_1000), (Dialect::Stated, stated)]
            {
                let found = parse(text, Measure::Bytes, dialect).map(|q| q.value);
                assert_eq!(found, Ok(i128::from(expected)), "{text} {dialect:?}");
            }
        }
    }

    #[test]
    fn times() {
        for (text, ns) in [
            ("10", 10 * NS_PER_S),
            ("10s", 10 * NS_PER_S),
            ("10S", 10 * NS_PER_S),
            ("10sec", 10 * NS_PER_S),
            ("5m", 300 * NS_PER_S),
            ("2h", 7200 * NS_PER_S),
            ("1d", 86400 * NS_PER_S),
            ("250ms", 250_000_000),
            ("250msec", 250_000_000),
            ("7us", 7000),
            ("7usec", 7000),
            ("9ns", 9),
            ("(2*30)", 60 * NS_PER_S),
            ("(2*30)m", 3600 * NS_PER_S),
        ] {
            let found = parse(text, Measure::TIME, FIO).map(|q| q.value);
            assert_eq!(found, Ok(ns), "{text}");
        }
        for (text, bare, ns) in
            [("10", 1_000, 10_000), ("10ms", 1_000, 10_000_000), ("(2*3)", 1_000_000, 6_000_000)]
        {
            let found = parse(text, Measure::Time(bare), FIO).map(|q| q.value);
            assert_eq!(found, Ok(ns), "{text}");
        }
        let half = parse("1.5", Measure::TIME, Dialect::Stated).map(|q| q.value);
        assert_eq!(half, Ok(1_500_000_000));
        let half = parse("1.5GiB", Measure::Bytes, Dialect::Stated).map(|q| q.value);
        assert_eq!(half, Ok(3 << 29));
    }

    #[test]
    fn what_is_no_number() {
        for (text, measure, dialect, words) in [
            ("", Measure::Bytes, FIO, "is empty"),
            ("4x", Measure::Bytes, FIO, "unknown unit `x`"),
            ("4k5", Measure::Bytes, FIO, "has `5` behind"),
            ("1z", Measure::Bytes, FIO, "unknown unit"),
            ("k", Measure::Bytes, FIO, "is not a number"),
            ("1 KiB k", Measure::Bytes, FIO, "behind the number"),
            ("4.5", Measure::Count, FIO, "is not a whole number"),
            ("1.5k", Measure::Bytes, FIO, "fio would read 1"),
            ("1.0001k", Measure::Bytes, Dialect::Stated, "whole number of bytes"),
            ("1.5ns", Measure::TIME, Dialect::Stated, "nanoseconds"),
            ("10k", Measure::Count, Dialect::Stated, "takes none"),
            ("4*1024", Measure::Bytes, FIO, "parentheses"),
            ("(4", Measure::Bytes, FIO, "closing parenthesis"),
            ("(4/0)", Measure::Bytes, FIO, "divides by zero"),
            ("(1/3)", Measure::Bytes, FIO, "whole"),
            ("1:30", Measure::TIME, FIO, "behind the number"),
            ("(1m+30)", Measure::TIME, FIO, "put it behind"),
            ("1w", Measure::TIME, FIO, "unknown unit of time"),
            (&"9".repeat(60), Measure::Bytes, FIO, "too large"),
            (&"(".repeat(999), Measure::Bytes, FIO, "nested"),
            (&"-".repeat(999), Measure::Bytes, FIO, "is not a number"),
        ] {
            let found = parse(text, measure, dialect).unwrap_err();
            assert!(found.contains(words), "{text}: {found}");
        }
    }

    #[test]
    fn surprises_are_told() {
        let remark = |text, measure, dialect| parse(text, measure, dialect).unwrap().remark;
        assert!(remark("4KiB", Measure::Bytes, FIO).unwrap().contains("is 1000"));
        assert!(remark("4k", Measure::Count, FIO).unwrap().contains("is 1024"));
        for (text, measure, dialect) in [
            ("4KiB", Measure::Bytes, Dialect::Stated),
            ("4KiB", Measure::Bytes, FIO_1000),
            ("4k", Measure::Bytes, FIO),
            ("4kB", Measure::Bytes, FIO),
        ] {
            assert_eq!(remark(text, measure, dialect), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[0-9.xkKmiB()*/+ -]{0,24}", other in any::<String>()) {
            for measure in [Measure::Count, Measure::Bytes, Measure::TIME] {
                for dialect in [FIO, FIO_1000, Dialect::Stated] {
                    let _ = parse(&text, measure, dialect);
                    let _ = parse(&other, measure, dialect);
                }
            }
        }

        #[test]
        fn whole_numbers_stay_what_they_are(n in any::<u64>()) {
            let found = parse(&n.to_string(), Measure::Bytes, FIO).map(|q| q.value);
            prop_assert_eq!(found, Ok(i128::from(n)));
        }
    }
}
