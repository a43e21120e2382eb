//! `iodyno __cell`: the process in which engines are loaded and workers run. Started by iodyno
//! itself, with the control process at the other end of standard input; serving is `run::cell`'s
//! affair. Must not print and must not outlive the control process.

use super::args::CellArgs;
use crate::plugin::kept;
use crate::run::cell;
use crate::sys::inherit;
use crate::sys::shm::SharedMemory;
use anyhow::Context;
use std::os::unix::net::UnixStream;

/// Serves until the control process is gone, then ends without running a destructor: libraries are
/// never unloaded, and a thread may still be stuck in an engine.
pub(super) fn main(args: &CellArgs) -> anyhow::Result<u8> {
    inherit::leave_signals_to_parent();
    let socket = inherit::take(0).context("__cell is started by iodyno itself")?;
    let page = inherit::take(args.page_fd).context("__cell is started by iodyno itself")?;
    for copy in &args.sealed_copy {
        let fd = inherit::take(copy.fd).context("__cell is started by iodyno itself")?;
        kept::adopt(&copy.path, &copy.sha256, fd);
    }
    inherit::live_and_die_with_parent(&socket)?;
    inherit::detach_stdio()?;
    inherit::let_crashes_kill();
    // Started through /proc/self/exe: without a name of its own, ps would call it `exe`.
    rustix::thread::set_name(c"iodyno-cell")?;
    inherit::raise_descriptor_limit();
    let status = match cell::serve(UnixStream::from(socket), SharedMemory::from_fd(page), true) {
        Ok(()) => 0,
        Err(_) => i32::from(cell::MUTE),
    };
    inherit::exit_now(status)
}
