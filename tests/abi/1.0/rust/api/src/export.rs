//! The plugin's description and its one exported symbol.
//!
//! [`export_plugin!`](crate::export_plugin) makes both. The entry judges the host before it reads
//! anything else of it, and refuses in words. What is `pub` here is for the macro's expansion.

use crate::abi::*;
use crate::error::Error;
use crate::host::{Host, Level};
use crate::panics;
use crate::text::write_text;
use crate::v1_0;
use core::ffi::{c_char, CStr};
use core::mem::size_of;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// A plugin's description, as a `static` of the plugin's.
#[repr(transparent)]
pub struct Plugin(ioe_plugin);

// SAFETY: shared means read-only: the field is private, without interior mutability, and only its
// address leaves this module.
unsafe impl Sync for Plugin {}

/// Type of the raw `setup` callback.
pub type SetupFn = unsafe extern "C" fn(*const ioe_host) -> ioe_status;
/// Type of the raw `teardown` callback.
pub type TeardownFn = unsafe extern "C" fn();

const LAYOUT: &ioe_layout = &ioe_layout::OWN;

impl Plugin {
    /// The description: id, vendor, version, license, url; then the tables.
    pub const fn new(
        words: [&'static CStr; 5],
        engines: &'static [&'static ioe_ops],
        setup: Option<SetupFn>,
        teardown: Option<TeardownFn>,
    ) -> Plugin {
        Plugin(ioe_plugin {
            magic: IOE_MAGIC,
            struct_size: size_of::<ioe_plugin>() as u32,
            abi_major: IOE_ABI_MAJOR,
            abi_minor: IOE_ABI_MINOR,
            need_minor: 0,
            reserved: 0,
            n_engines: engines.len() as u32,
            id: words[0].as_ptr(),
            vendor: words[1].as_ptr(),
            version: words[2].as_ptr(),
            license: words[3].as_ptr(),
            url: words[4].as_ptr(),
            engines: engines.as_ptr().cast(), // a reference is a pointer that is not null
            layout: LAYOUT,
            setup,
            teardown,
        })
    }
}

/// The body of `ioe_plugin_entry_v1`.
///
/// # Safety
/// `host` is null or begins with `struct_size`; `err` is null or has room for `errcap` bytes.
pub unsafe fn entry(
    host: *const ioe_host,
    err: *mut c_char,
    errcap: usize,
    plugin: &'static Plugin,
) -> *const ioe_plugin {
    // SAFETY: passed on to the caller.
    match catch_unwind(AssertUnwindSafe(|| unsafe { judge(host) })) {
        Ok(Ok(())) => {
            panics::install();
            &raw const plugin.0
        }
        Ok(Err(text)) => {
            // SAFETY: the caller vouches for the room; write_text() tests for null.
            let _ = unsafe { write_text(err, errcap, |out| out.write_str(&text)) };
            core::ptr::null()
        }
        Err(_) => core::ptr::null(),
    }
}

/// Whether this host can be worked with; a refusal in words.
///
/// # Safety
/// `host` is null or begins with `struct_size`.
unsafe fn judge(host: *const ioe_host) -> Result<(), String> {
    let own = format!("this plugin speaks engine ABI {IOE_ABI_MAJOR}.{IOE_ABI_MINOR}");
    if host.is_null() {
        return Err(format!("{own}, and was given no host table"));
    }
    // SAFETY: struct_size is the first field of any version.
    let size = unsafe { (*host).struct_size };
    if size < 8 {
        return Err(format!("{own}, and was given a host table of {size} bytes"));
    }
    // SAFETY: both lie within the first 8 bytes, which size was found to cover.
    let (major, minor) = unsafe { ((*host).abi_major, (*host).abi_minor) };
    if major != IOE_ABI_MAJOR {
        return Err(format!(
            "{own}, the host offers {major}.{minor}: get the plugin's build for it"
        ));
    }
    if size < v1_0::HOST {
        let least = v1_0::HOST;
        return Err(format!("{own}, the host's table has {size} bytes where 1.0 has {least}"));
    }
    Ok(())
}

/// The body of the raw `setup` callback.
///
/// # Safety
/// `host` is the host's table, as the entry was given it.
pub unsafe fn run_setup(
    host: *const ioe_host,
    setup: fn(&Host) -> Result<(), Error>,
) -> ioe_status {
    // SAFETY: the caller vouches for it; an entry that refused this host has no setup called.
    let host = unsafe { Host::from_raw(host, false) };
    match catch_unwind(AssertUnwindSafe(|| setup(&host))) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => host.tell(&error),
        Err(payload) => {
            let text = format!("panic in setup(): {}", panics::words(payload));
            host.set_error(libc::EIO, &text);
            host.log(Level::Error, &text);
            -libc::EIO
        }
    }
}

/// The body of the raw `teardown` callback. There is no host to tell a panic to any more.
pub fn run_teardown(teardown: fn()) {
    if let Err(payload) = catch_unwind(teardown) {
        let _ = panics::words(payload);
    }
}

/// A C string from any constant text, `env!` and `concat!` included.
#[macro_export]
macro_rules! cstr {
    ($text:expr) => {{
        const TEXT: &str = $text;
        const BYTES: [u8; TEXT.len() + 1] = {
            let mut bytes = [0; TEXT.len() + 1];
            let mut i = 0;
            while i < TEXT.len() {
                bytes[i] = TEXT.as_bytes()[i];
                i += 1;
            }
            bytes
        };
        const C: &::core::ffi::CStr = match ::core::ffi::CStr::from_bytes_with_nul(&BYTES) {
            Ok(c) => c,
            Err(_) => panic!("text with a NUL inside"),
        };
        C
    }};
}

/// Makes a `cdylib` a plugin: its description, the entry `ioe_plugin_entry_v1`, and with feature
/// `layout-check` the symbol `iodyno_layout_v1_0`. Once per library. All texts are constants of
/// type `&str`; `setup` and `teardown` may be left out.
///
/// ```text
/// iodyno_engine_api::export_plugin! {
///     id: "com.example.fast",            // reverse DNS
///     vendor: "Example",
///     version: env!("CARGO_PKG_VERSION"),
///     license: "MIT",
///     url: "https://example.com",
///     engines: [Fast, Faster],
///     setup: prepare,                    // fn(&Host) -> Result<(), Error>
///     teardown: finish,                  // fn()
/// }
/// ```
#[macro_export]
macro_rules! export_plugin {
    (
        id: $id:expr, vendor: $vendor:expr, version: $version:expr, license: $license:expr,
        url: $url:expr, engines: [$($engine:ty),+ $(,)?] $(, setup: $setup:path)?
        $(, teardown: $teardown:path)? $(,)?
    ) => {
        static IODYNO_PLUGIN: $crate::export::Plugin = $crate::export::Plugin::new(
            [
                $crate::cstr!($id),
                $crate::cstr!($vendor),
                $crate::cstr!($version),
                $crate::cstr!($license),
                $crate::cstr!($url),
            ],
            &[$($crate::vtable::Table::<$engine>::OPS),+],
            $crate::__setup!($($setup)?),
            $crate::__teardown!($($teardown)?),
        );

        /// The one symbol that the host looks for.
        ///
        /// # Safety
        /// `host` begins with its `struct_size`; `err` has room for `errcap` bytes.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn ioe_plugin_entry_v1(
            host: *const $crate::abi::ioe_host,
            err: *mut ::core::ffi::c_char,
            errcap: usize,
        ) -> *const $crate::abi::ioe_plugin {
            // SAFETY: the host's promise, which is this function's own.
            unsafe { $crate::export::entry(host, err, errcap, &IODYNO_PLUGIN) }
        }

        $crate::__layout!();
    };
}

/// `setup: path` as the raw callback.
#[doc(hidden)]
#[macro_export]
macro_rules! __setup {
    () => {
        None
    };
    ($setup:path) => {{
        unsafe extern "C" fn setup(host: *const $crate::abi::ioe_host) -> $crate::abi::ioe_status {
            // SAFETY: called by the host with the table that the entry has judged.
            unsafe { $crate::export::run_setup(host, $setup) }
        }
        Some(setup)
    }};
}

/// `teardown: path` as the raw callback.
#[doc(hidden)]
#[macro_export]
macro_rules! __teardown {
    () => {
        None
    };
    ($teardown:path) => {{
        unsafe extern "C" fn teardown() {
            $crate::export::run_teardown($teardown)
        }
        Some(teardown)
    }};
}

/// The layout symbol.
#[cfg(feature = "layout-check")]
#[doc(hidden)]
#[macro_export]
macro_rules! __layout {
    () => {
        /// The layout of the ABI as this plugin was built with it, for `layout::check_layout`.
        #[unsafe(no_mangle)]
        pub extern "C" fn iodyno_layout_v1_0() -> &'static $crate::layout::TypeLayout {
            $crate::layout::own_layout()
        }
    };
}

/// Without the feature there is no layout symbol.
#[cfg(not(feature = "layout-check"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __layout {
    () => {};
}
