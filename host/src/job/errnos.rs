//! Names of error numbers, and lists of them: `EIO:ENOSPC,5,EILSEQ`.
//!
//! Called by `value` and by the option table, which prints them again. The numbers are the C
//! library's constants; no system call is made.

use super::raw::{RawItem, RawValue};
use super::spec::IgnoreError;
use super::suggest::did_you_mean;
use super::value::{number_text, scalar_text, Fault};

/// Highest number of an error: the kernel answers none above.
const ERRNO_MAX: i32 = 4095;

macro_rules! errnos {
    ($($name:ident)*) => {
        &[$((stringify!($name), libc::$name)),*]
    };
}

/// What a request may fail with, in the order of the numbers; of two names the usual one is first.
#[rustfmt::skip]
const ERRNOS: &[(&str, i32)] = errnos![
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT
    ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG
    ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY
    ELOOP ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR
    EXFULL ENOANO EBADRQC EBADSLT EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK
    EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC
    ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE
    EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT
    EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN
    ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY
    EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE
    ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL
    EHWPOISON EWOULDBLOCK EDEADLOCK ENOTSUP
];

/// `READ,WRITE,VERIFY`, each a list joined by `:`; in TOML such a text or an array of up to three.
pub(crate) fn lists(item: &RawItem) -> Result<IgnoreError, Fault> {
    let texts: Vec<&str> = match &item.value {
        RawValue::Array(items) => items.iter().map(scalar_text).collect::<Result<_, _>>()?,
        _ => number_text(item)?.split(',').map(str::trim).collect(),
    };
    if texts.len() > 3 {
        return Err(Fault::new("has more than three lists")
            .help("the lists are for reads, writes and verification, each joined by `:`"));
    }
    let mut kinds = Vec::new();
    for text in texts {
        kinds.push(list(text)?);
    }
    let mut kinds = kinds.into_iter();
    let mut next = || kinds.next().unwrap_or_default();
    let found = IgnoreError { read: next(), write: next(), verify: next() };
    if found == IgnoreError::default() {
        return Err(Fault::new("has an empty value"));
    }
    Ok(found)
}

fn list(text: &str) -> Result<Vec<i32>, Fault> {
    let mut errors: Vec<i32> = Vec::new();
    if text == "0" || text.is_empty() {
        return Ok(errors);
    }
    for word in text.split(':').map(str::trim) {
        errors.push(number(word)?);
    }
    errors.sort_unstable();
    errors.dedup();
    Ok(errors)
}

fn number(word: &str) -> Result<i32, Fault> {
    if word.is_empty() {
        return Err(Fault::new("has an empty element"));
    }
    if let Ok(number) = word.parse::<i32>() {
        let known = (1..=ERRNO_MAX).contains(&number).then_some(number);
        return known.ok_or_else(|| {
            Fault::new(format!("`{word}` is not the number of an error (1 to {ERRNO_MAX})"))
        });
    }
    let upper = word.to_ascii_uppercase();
    if let Some((_, number)) = ERRNOS.iter().find(|(name, _)| *name == upper) {
        return Ok(*number);
    }
    let guess = did_you_mean(word, ERRNOS.iter().map(|(name, _)| *name));
    let help = guess.unwrap_or_else(|| "write a name such as `EIO`, or its number".to_owned());
    Err(Fault::new(format!("`{word}` is not the name of an error")).help(help))
}

/// As `ignore_error` takes it.
pub(crate) fn shown(errors: &IgnoreError) -> String {
    let mut lists = vec![joined(&errors.read), joined(&errors.write), joined(&errors.verify)];
    while lists.last().is_some_and(String::is_empty) {
        lists.pop();
    }
    lists.join(",")
}

fn joined(errors: &[i32]) -> String {
    let names = errors.iter().map(|error| {
        let known = ERRNOS.iter().find(|(_, number)| number == error);
        known.map_or_else(|| error.to_string(), |(name, _)| (*name).to_owned())
    });
    names.collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::diagnostic::Place;

    fn read(text: &str) -> Result<IgnoreError, Fault> {
        let place = Place::File { source: 0, span: 0..0 };
        lists(&RawItem { value: RawValue::Text(text.to_owned()), place })
    }

    #[test]
    fn lists_of_errors() {
        for (text, read_list, write, verify, again) in [
            ("EIO", &[5][..], &[][..], &[][..], "EIO"),
            ("eio:28:EIO", &[5, 28], &[], &[], "EIO:ENOSPC"),
            ("EAGAIN,ENOSPC:122", &[11], &[28, 122], &[], "EAGAIN,ENOSPC:EDQUOT"),
            (",,EILSEQ", &[], &[], &[84], ",,EILSEQ"),
            ("EWOULDBLOCK,0", &[11], &[], &[], "EAGAIN"),
            ("4000", &[4000], &[], &[], "4000"),
        ] {
            let found = read(text).unwrap();
            let lists = (&found.read[..], &found.write[..], &found.verify[..]);
            assert_eq!(lists, (read_list, write, verify), "{text}");
            assert_eq!(shown(&found), again, "{text}");
            assert_eq!(read(&shown(&found)).unwrap(), found, "{text}");
        }
    }

    #[test]
    fn what_is_no_error() {
        for (text, words) in [
            ("", "empty value"),
            (",", "empty value"),
            ("EIO,,,EIO", "more than three"),
            ("EIO::5", "empty element"),
            ("-5", "number of an error"),
            ("5000", "number of an error"),
            ("ENOPE", "not the name"),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.message.contains(words), "{text}: {}", fault.message);
        }
        let fault = read("ENOSPCE").unwrap_err();
        assert_eq!(fault.help.as_deref(), Some("did you mean `ENOSPC`?"));
    }
}
