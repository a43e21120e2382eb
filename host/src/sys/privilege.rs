//! Whether this process has rights that its caller lacks.
//!
//! Called by `plugin::find`, which then ignores what the environment says about engines.

/// True where real and effective ids differ or the kernel started the program in secure mode
/// (set-user-id, file capabilities).
#[must_use]
pub fn is_privileged() -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    // SAFETY: getauxval reads a vector of this process that the kernel wrote before the start; any
    // key is allowed, an unknown one answers 0.
    let secure = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    secure || getuid() != geteuid() || getgid() != getegid()
}
