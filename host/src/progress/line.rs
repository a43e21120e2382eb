//! The words of the live view: fio's status line and its line about layout. Called by both views,
//! `terminal` and `plain`. Pure: reads no clock and no terminal, and writes nowhere; how a line
//! gets onto a screen is the views' affair.

use crate::ddir::Ddir;
use crate::run::events::{Rate, Status};
use crate::stats::figures;
use crate::units::Nanos;

/// fio's line, without any newline:
/// `Jobs: 1 (f=1): [R(1)][50.0%][r=17.9GiB/s][r=4693k IOPS][eta 00m:02s]`.
pub fn status_line(status: &Status) -> String {
    let done = match status.done {
        Some(done) => format!("{:.1}%", done.clamp(0.0, 1.0) * 100.0),
        None => "-.-%".to_owned(),
    };
    let eta = status.eta.map_or_else(|| "--".to_owned(), clock);
    let bandwidth = rates(&status.rates, |rate| figures::bytes_per_second(rate.bytes_per_s));
    let iops = rates(&status.rates, |rate| figures::iops(rate.iops));
    let rates =
        if status.rates.is_empty() { String::new() } else { format!("[{bandwidth}][{iops} IOPS]") };
    format!(
        "Jobs: {} (f={}): [{}][{done}]{rates}[eta {eta}]",
        status.running,
        status.open_files,
        letters(&status.letters),
    )
}

/// The status line, and under it a line for each callback that does not return.
pub(super) fn status_lines(status: &Status) -> String {
    let mut text = status_line(status);
    for stuck in &status.stuck {
        text.push_str("\n  ");
        text.push_str(stuck);
    }
    text
}

/// `a: Laying out IO file (1 file / 16MiB)`.
pub(super) fn layout_line(job: &str, files: u32, total_bytes: u64) -> String {
    let mib = figures::mebibytes(total_bytes);
    if files == 1 {
        format!("{job}: Laying out IO file (1 file / {mib}MiB)")
    } else {
        format!("{job}: Laying out IO files ({files} files / total {mib}MiB)")
    }
}

/// Neighbours of one letter are counted: `R(3),_(1)`.
fn letters(letters: &[char]) -> String {
    let runs: Vec<String> =
        letters.chunk_by(|a, b| a == b).map(|run| format!("{}({})", run[0], run.len())).collect();
    runs.join(",")
}

fn rates(rates: &[Rate], show: impl Fn(&Rate) -> String) -> String {
    let all: Vec<String> =
        rates.iter().map(|rate| format!("{}={}", letter(rate.ddir), show(rate))).collect();
    all.join(",")
}

fn letter(ddir: Ddir) -> char {
    match ddir {
        Ddir::Read => 'r',
        Ddir::Write => 'w',
        Ddir::Trim => 't',
        Ddir::Sync => 's',
    }
}

/// Minutes and seconds, with hours and days where there are any; a begun second counts.
fn clock(left: Nanos) -> String {
    let seconds = left.0.div_ceil(Nanos::SECOND.0);
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let rest = format!("{:02}m:{:02}s", seconds / 60 % 60, seconds % 60);
    match (days, hours) {
        (0, 0) => rest,
        (0, hours) => format!("{hours:02}h:{rest}"),
        (days, hours) => format!("{days}d:{hours:02}h:{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::fixture::status;

    #[test]
    fn lines_look_like_fios() {
        let all = [
            status("R", &[(Ddir::Read, 17.9, 4_693_000.0)], Some(0.5), Some(2)),
            status("rrrP", &[(Ddir::Read, 21.8, 5_706_400.0)], Some(0.0), Some(4_294_967_294)),
            status(
                "___W",
                &[(Ddir::Read, 2.0, 624e3), (Ddir::Write, 4.5, 1170e3), (Ddir::Trim, 4.5, 1170e3)],
                Some(0.857),
                Some(3661),
            ),
            status("PI", &[], None, None),
            Status::default(),
        ];
        let lines: Vec<String> = all.iter().map(status_line).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn what_is_stuck_stands_below() {
        let mut status = status("R", &[], None, None);
        status.stuck = vec!["worker 1: queue has not returned for 31 s".to_owned()];
        insta::assert_snapshot!(status_lines(&status));
    }

    #[test]
    fn layout_lines_look_like_fios() {
        let cases = [
            (1, 16 << 20, "a: Laying out IO file (1 file / 16MiB)"),
            (3, 3 << 20, "a: Laying out IO files (3 files / total 3MiB)"),
            (1, 4096, "a: Laying out IO file (1 file / 1MiB)"),
        ];
        for (files, bytes, expected) in cases {
            assert_eq!(layout_line("a", files, bytes), expected);
        }
    }
}
