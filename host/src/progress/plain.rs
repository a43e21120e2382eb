//! The view for logs and pipes: whole lines, nothing is ever overwritten. Chosen by
//! [`super::view`] where standard error is no terminal. Must not write to standard output, which
//! carries the report alone, and must not fail where its reader went away.

use super::line::{layout_line, status_lines};
use super::View;
use crate::run::events::Event;
use std::collections::HashSet;
use std::io::Write;

/// Writes a line for each note, and, where it shall, for each state and each layout.
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
    shows_status: bool,
    layouts: HashSet<String>,
}

impl<W: Write> Plain<W> {
    /// Writes to `out`; without `shows_status` notes alone.
    pub fn new(out: W, shows_status: bool) -> Plain<W> {
        Plain { out, shows_status, layouts: HashSet::new() }
    }

    fn line(&mut self, text: &str) {
        // A reader that went away must not end the run, and there is nobody else to tell.
        let _ = writeln!(self.out, "{}", text.trim_end());
    }
}

impl<W: Write> View for Plain<W> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Note(note) => self.line(&format!("iodyno: {note}")),
            Event::Error(error) => self.line(&format!("iodyno: error: {error}")),
            Event::Tick(status) if self.shows_status => self.line(&status_lines(status)),
            Event::Layout { job, files, total_bytes, .. } if self.shows_status => {
                if self.layouts.insert(job.clone()) {
                    self.line(&layout_line(job, *files, *total_bytes));
                }
            }
            Event::Starting { .. } | Event::Tick(_) | Event::Layout { .. } | Event::Finished => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ddir::Ddir;
    use crate::progress::fixture::status;

    fn shown(shows_status: bool) -> String {
        let mut out = Vec::new();
        let mut view = Plain::new(&mut out, shows_status);
        let layout = |done_bytes| Event::Layout {
            job: "a".to_owned(),
            files: 1,
            total_bytes: 16 << 20,
            done_bytes,
        };
        view.event(&Event::Starting { workers: 1 });
        view.event(&layout(0));
        view.event(&layout(16 << 20));
        view.event(&Event::Tick(status("R", &[(Ddir::Read, 1.0, 262_144.0)], Some(0.25), Some(3))));
        view.event(&Event::Note("a slow device\n".to_owned()));
        view.event(&Event::Finished);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_for_a_log() {
        assert_eq!(
            shown(true),
            "a: Laying out IO file (1 file / 16MiB)\n\
             Jobs: 1 (f=1): [R(1)][25.0%][r=1024MiB/s][r=262k IOPS][eta 00m:03s]\n\
             iodyno: a slow device\n"
        );
    }

    #[test]
    fn notes_alone() {
        assert_eq!(shown(false), "iodyno: a slow device\n");
    }

    #[test]
    fn a_reader_that_went_away_is_no_harm() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
        }
        Plain::new(Gone, true).event(&Event::Note("x".to_owned()));
    }
}
