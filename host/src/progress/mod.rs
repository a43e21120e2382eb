//! The live view: shows the events of a run on standard error while it runs.
//!
//! `cli` chooses a view and hands it to `run` as the consumer of events. A view never changes what
//! happens, reads nothing but events, and writes nothing to standard output: that is the report's.

mod line;
mod plain;
mod terminal;

use crate::run::events::Event;

pub use line::status_line;
pub use plain::Plain;
pub use terminal::Terminal;

/// Consumes the events of a run, in their order.
pub trait View {
    /// Shows what happened. Must not block for long: the control process waits meanwhile.
    fn event(&mut self, event: &Event);
}

/// Shows nothing at all.
#[derive(Debug, Default)]
pub struct Silent;

impl View for Silent {
    fn event(&mut self, _event: &Event) {}
}

/// When to show how the run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// On a terminal.
    Auto,
    /// Everywhere; off a terminal a line at a time.
    Always,
    /// Nowhere: notes alone.
    Never,
}

/// The view for standard error: notes are shown in any case, the rest as asked for.
pub fn view(show: Show, stderr_is_terminal: bool) -> Box<dyn View + Send> {
    match (show, stderr_is_terminal) {
        (Show::Auto | Show::Always, true) => Box::new(Terminal::stderr()),
        (Show::Always, false) => Box::new(Plain::new(std::io::stderr(), true)),
        (Show::Auto, false) | (Show::Never, _) => Box::new(Plain::new(std::io::stderr(), false)),
    }
}

#[cfg(test)]
mod fixture;
