//! Names of errors, for the option `error`.
//!
//! Those that devices and file systems answer; any other by its number.

/// A positive errno by name or number; none where it is neither.
pub(crate) fn by_name(name: &str) -> Option<i32> {
    let known = [
        ("EIO", libc::EIO),
        ("ENOSPC", libc::ENOSPC),
        ("EAGAIN", libc::EAGAIN),
        ("EBADF", libc::EBADF),
        ("EBADMSG", libc::EBADMSG),
        ("EBUSY", libc::EBUSY),
        ("ECANCELED", libc::ECANCELED),
        ("EDQUOT", libc::EDQUOT),
        ("EFBIG", libc::EFBIG),
        ("EILSEQ", libc::EILSEQ),
        ("EINTR", libc::EINTR),
        ("EINVAL", libc::EINVAL),
        ("ENODATA", libc::ENODATA),
        ("ENODEV", libc::ENODEV),
        ("ENOLINK", libc::ENOLINK),
        ("ENOMEM", libc::ENOMEM),
        ("ENXIO", libc::ENXIO),
        ("EOPNOTSUPP", libc::EOPNOTSUPP),
        ("EPERM", libc::EPERM),
        ("EREMOTEIO", libc::EREMOTEIO),
        ("EROFS", libc::EROFS),
        ("ESHUTDOWN", libc::ESHUTDOWN),
        ("ETIME", libc::ETIME),
        ("ETIMEDOUT", libc::ETIMEDOUT),
    ];
    let named = known.iter().find(|(known, _)| *known == name).map(|(_, errno)| *errno);
    named.or_else(|| name.parse().ok().filter(|errno| (1..4096).contains(errno)))
}
