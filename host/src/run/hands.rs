//! The threads that make and look at data for the verifying jobs of a cell (`verify_async`).
//!
//! Called by [`super::cell`] while workers are set up. Made when the first job asks for them,
//! shared by all, gone with the cell. What they do is `verify::pool`'s affair.

use super::outbox::Outbox;
use super::protocol::ToControl;
use crate::io::batch::Errand;
use crate::job::spec::JobSpec;
use crate::sys::thread::bind_to_cpus;
use crate::verify::pool::Pool;

/// Batches that may wait for a thread.
const ROOM: usize = 64;

/// The pool of a cell.
#[derive(Debug, Default)]
pub(super) struct Hands {
    pool: Option<Pool<Errand>>,
    threads: u32,
}

impl Hands {
    /// The pool, for a job that asks for it. It has as many threads as the job that asks for most.
    pub(super) fn for_job(&mut self, job: &JobSpec, outbox: &Outbox) -> Option<Pool<Errand>> {
        if job.verify.threads == 0 || !job.verifies() {
            return None;
        }
        let pool = self.pool.get_or_insert_with(|| Pool::new(ROOM)).clone();
        while self.threads < job.verify.threads {
            if let Err(error) = start(pool.clone(), job.verify.cpus.clone(), outbox.clone()) {
                let words =
                    format!("verify_async: start a thread: {error}; the workers look themselves");
                outbox.send(&ToControl::Note(words));
                break;
            }
            self.threads += 1;
        }
        Some(pool)
    }
}

fn start(pool: Pool<Errand>, cpus: Option<Vec<u32>>, outbox: Outbox) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("verify".into());
    thread.spawn(move || {
        if let Some(Err(error)) = cpus.map(|cpus| bind_to_cpus(&cpus)) {
            let words = format!("verify_async_cpus: {error}; it runs wherever it may");
            outbox.send(&ToControl::Note(words));
        }
        pool.serve();
    })?;
    Ok(())
}
