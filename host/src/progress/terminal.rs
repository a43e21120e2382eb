//! The view for a terminal: one status line that is redrawn, bars while files are laid out.
//!
//! Drawing, wrapping at the terminal's width and keeping notes apart from the line is the crate
//! `indicatif`'s work. Chosen by `view`; must not be used where standard error is no terminal.

use super::line::{layout_line, status_lines};
use super::View;
use crate::run::events::Event;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;

/// Redraws; leaves notes, layout lines and nothing else behind.
#[derive(Debug)]
pub struct Terminal {
    all: MultiProgress,
    layouts: HashMap<String, ProgressBar>,
    status: Option<ProgressBar>,
}

impl Terminal {
    /// On standard error.
    pub fn stderr() -> Terminal {
        Terminal::on(ProgressDrawTarget::stderr())
    }

    fn on(target: ProgressDrawTarget) -> Terminal {
        Terminal {
            all: MultiProgress::with_draw_target(target),
            layouts: HashMap::new(),
            status: None,
        }
    }

    fn layout(&mut self, job: &str, files: u32, total_bytes: u64, done_bytes: u64) {
        let line = layout_line(job, files, total_bytes);
        if done_bytes >= total_bytes {
            if let Some(bar) = self.layouts.remove(job) {
                bar.finish_and_clear();
                self.all.remove(&bar);
                self.keep(&line);
            }
            return;
        }
        let bar = self.layouts.entry(job.to_owned()).or_insert_with(|| {
            let bar = self.all.insert(0, ProgressBar::new(total_bytes));
            bar.set_style(style("{msg} [{bar:30}] {percent}%"));
            bar.set_message(line);
            bar
        });
        bar.set_position(done_bytes);
    }

    fn show(&mut self, text: String) {
        let status = self.status.get_or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new_spinner());
            bar.set_style(style("{msg}"));
            bar
        });
        status.set_message(text);
        // A state comes about once a second, and each shall be seen.
        status.force_draw();
    }

    /// Writes a line above what is redrawn, for good.
    fn keep(&self, line: &str) {
        // A terminal that went away must not end the run, and there is nobody else to tell.
        let _ = self.all.println(line.trim_end());
    }

    fn clear(&mut self) {
        for bar in self.layouts.drain().map(|(_, bar)| bar).chain(self.status.take()) {
            bar.finish_and_clear();
        }
    }
}

impl View for Terminal {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Starting { .. } => {}
            Event::Layout { job, files, total_bytes, done_bytes } => {
                self.layout(job, *files, *total_bytes, *done_bytes);
            }
            Event::Tick(status) => self.show(status_lines(status)),
            Event::Note(note) => self.keep(&format!("iodyno: {note}")),
            Event::Error(error) => self.keep(&format!("iodyno: error: {error}")),
            Event::Finished => self.clear(),
        }
    }
}

impl Drop for Terminal {
    /// A run that ends early leaves no half line behind.
    fn drop(&mut self) {
        self.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    style.progress_chars("#>-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::fixture::status;
    use indicatif::TermLike;
    use std::io;
    use std::sync::{Arc, Mutex};

    const WIDTH: usize = 60;

    /// What a terminal of [`WIDTH`] columns shows; like a real one it wraps only when the next
    /// character comes.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<Grid>>);

    #[derive(Debug, Default)]
    struct Grid {
        rows: Vec<String>,
        row: usize,
    }

    impl Grid {
        fn current(&mut self) -> &mut String {
            self.rows.resize(self.rows.len().max(self.row + 1), String::new());
            &mut self.rows[self.row]
        }

        fn put(&mut self, character: char) {
            if self.current().len() == WIDTH {
                self.row += 1;
            }
            match character {
                '\r' => self.current().clear(),
                '\n' => self.row += 1,
                _ => self.current().push(character),
            }
        }
    }

    impl Screen {
        fn text(&self) -> String {
            let rows: Vec<String> =
                self.0.lock().unwrap().rows.iter().map(|row| row.trim_end().to_owned()).collect();
            rows.join("\n").trim_end().to_owned()
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            WIDTH as u16
        }
        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().row -= n;
            Ok(())
        }
        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().row += n;
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)?;
            self.write_str("\n")
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            let mut grid = self.0.lock().unwrap();
            text.chars().for_each(|character| grid.put(character));
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.0.lock().unwrap().current().clear();
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn terminal() -> (Screen, Terminal) {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        (screen, Terminal::on(target))
    }

    #[test]
    fn a_note_stands_above_the_line_and_the_line_goes_at_the_end() {
        let (screen, mut view) = terminal();
        view.event(&Event::Tick(status("R", &[], Some(0.1), Some(9))));
        assert_eq!(screen.text(), "Jobs: 1 (f=1): [R(1)][10.0%][eta 00m:09s]");
        view.event(&Event::Note("slow".to_owned()));
        view.event(&Event::Tick(status("R", &[], Some(0.2), Some(8))));
        assert_eq!(screen.text(), "iodyno: slow\nJobs: 1 (f=1): [R(1)][20.0%][eta 00m:08s]");
        view.event(&Event::Finished);
        assert_eq!(screen.text(), "iodyno: slow");
    }

    #[test]
    fn a_layout_is_a_bar_and_then_fios_line() {
        let (screen, mut view) = terminal();
        let layout = |done_bytes| Event::Layout {
            job: "a".to_owned(),
            files: 1,
            total_bytes: 16 << 20,
            done_bytes,
        };
        view.event(&layout(0));
        assert!(screen.text().starts_with("a: Laying out IO file (1 file / 16MiB) ["));
        view.event(&layout(16 << 20));
        assert_eq!(screen.text(), "a: Laying out IO file (1 file / 16MiB)");
    }

    #[test]
    fn a_line_that_wraps_is_redrawn_and_cleared_as_a_whole() {
        let (screen, mut view) = terminal();
        view.event(&Event::Tick(status(&"RW".repeat(20), &[], None, None)));
        assert!(screen.text().lines().count() > 1);
        view.event(&Event::Note("slow".to_owned()));
        view.event(&Event::Tick(status("R", &[], None, None)));
        assert_eq!(screen.text(), "iodyno: slow\nJobs: 1 (f=1): [R(1)][-.-%][eta --]");
        drop(view);
        assert_eq!(screen.text(), "iodyno: slow");
    }
}
