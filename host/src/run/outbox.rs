//! What a cell tells the control process: messages from any of its threads, and the words of
//! engines that become some.
//!
//! Called by everything that runs in a cell. Interprets nothing; where nothing can be told any
//! more, the cell is made to end.

use super::cell::CellEvent;
use super::protocol::{Sender, ToControl};
use super::result::RunError;
use crate::plugin::handle::Terminator;
use crate::plugin::host_table::LogLine;
use crossbeam::channel;
use iodyno_engine_api::abi::{IOE_LOG_DEBUG, IOE_LOG_INFO, IOE_LOG_WARN};
use std::sync::{Arc, Mutex, PoisonError};

/// Messages to the control process, from any thread of the cell.
#[derive(Debug, Clone)]
pub(super) struct Outbox(Arc<Mutex<Sender>>, channel::Sender<CellEvent>);

impl Outbox {
    /// Over this stream; the cell hears of its end.
    pub(super) fn new(sender: Sender, events: channel::Sender<CellEvent>) -> Outbox {
        Outbox(Arc::new(Mutex::new(sender)), events)
    }

    /// Sends. Where that fails, the control process is gone, or an engine closed a descriptor that
    /// is not its own: then nobody would ever hear of what happens here.
    pub(super) fn send(&self, message: &ToControl) {
        self.send_all(std::slice::from_ref(message));
    }

    /// Sends several at once.
    pub(super) fn send_all(&self, messages: &[ToControl]) {
        if messages.is_empty() {
            return;
        }
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner).send_all(messages);
        if sent.is_err() {
            let _ending = self.1.send(CellEvent::Mute);
        }
    }

    /// Tells of something that went wrong with a worker.
    pub(super) fn error(&self, worker: u32, error: RunError) {
        self.send(&ToControl::Error { worker, error });
    }
}

/// Calls `terminate` on a thread of its own: an engine's that blocks must not block the cell.
pub(super) fn wake(terminator: &Terminator, outbox: &Outbox) {
    if !terminator.is_armed() {
        return;
    }
    let terminator = terminator.clone();
    let thread = std::thread::Builder::new().spawn(move || terminator.terminate());
    if let Err(error) = thread {
        // Many threads may be what used the limit up.
        outbox.send(&ToControl::Note(format!(
            "an engine that waits was not woken: start a thread: {error} (raise ulimit -u, or \
             lower iodepth or numjobs)"
        )));
    }
}

/// What an engine logs goes into the report, but for what is meant for its author alone.
pub(super) fn log_line(outbox: &Outbox, line: &LogLine) {
    let class = match line.level {
        IOE_LOG_DEBUG => return,
        IOE_LOG_INFO => "says",
        IOE_LOG_WARN => "warns",
        _ => "reports an error",
    };
    outbox.send(&ToControl::Note(format!("an engine {class}: {}", line.text)));
}
