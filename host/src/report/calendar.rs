//! A date in the words of C's `ctime`, as fio's reports have it. Called by `json` and `text`.
//!
//! Knows no time zone: the offset is a fact of the host and comes with the result.

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// "Sat Nov 21 07:36:12 2026" for milliseconds since the epoch, `offset_s` ahead of UTC.
pub(super) fn ctime(timestamp_ms: u64, offset_s: i32) -> String {
    let seconds = (timestamp_ms / 1000) as i64 + i64::from(offset_s);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!(
        "{} {} {day:2} {:02}:{:02}:{:02} {year}",
        DAYS[days.rem_euclid(7) as usize],
        MONTHS[month],
        second / 3600,
        second / 60 % 60,
        second % 60,
    )
}

/// Year, month from 0, day from 1 of a day counted from 1970-01-01.
fn civil(days: i64) -> (i64, usize, i64) {
    // Years that begin in March end with the leap day; 719468 days lie between 0000-03-01 and 1970.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12;
    (era * 400 + year + i64::from(month < 2), month as usize, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_ctime_prints_it() {
        let cases = [
            (0, 0, "Thu Jan  1 00:00:00 1970"),
            (1_795_246_572_665, 0, "Sat Nov 21 07:36:12 2026"),
            (1_795_246_572_665, -28_800, "Fri Nov 20 23:36:12 2026"),
            (951_782_400_000, 0, "Tue Feb 29 00:00:00 2000"),
            (951_868_799_000, 1, "Wed Mar  1 00:00:00 2000"),
            (4_107_542_399_000, 0, "Sun Feb 28 23:59:59 2100"),
            (4_107_542_400_000, 0, "Mon Mar  1 00:00:00 2100"),
        ];
        for (ms, offset, expected) in cases {
            assert_eq!(ctime(ms, offset), expected);
        }
    }
}
