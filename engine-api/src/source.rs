//! This crate's own text, for tools that hand the contract on: `iodyno engine new` writes the C
//! header, or a copy of this crate, into the project that it makes, so that it stands alone.
//!
//! Constants that nothing refers to cost an engine nothing. No code here, and no file left out: a
//! test compares the list with the directory.

/// `iodyno_engine.h`, the contract in C.
pub const HEADER: &str = include_str!("../include/iodyno_engine.h");

/// Version of this crate, whose major and minor are the ABI's.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The crate as files: path from its root, and text. The manifest is one that needs no workspace;
/// tests are left out.
pub const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", MANIFEST),
    ("include/iodyno_engine.h", HEADER),
    ("src/abi.rs", include_str!("abi.rs")),
    ("src/engine.rs", include_str!("engine.rs")),
    ("src/error.rs", include_str!("error.rs")),
    ("src/export.rs", include_str!("export.rs")),
    ("src/file.rs", include_str!("file.rs")),
    ("src/host.rs", include_str!("host.rs")),
    ("src/io.rs", include_str!("io.rs")),
    ("src/layout.rs", include_str!("layout.rs")),
    ("src/lib.rs", include_str!("lib.rs")),
    ("src/options.rs", include_str!("options.rs")),
    ("src/panics.rs", include_str!("panics.rs")),
    ("src/source.rs", include_str!("source.rs")),
    ("src/stack.rs", include_str!("stack.rs")),
    ("src/stack/ask.rs", include_str!("stack/ask.rs")),
    ("src/stack/buffer.rs", include_str!("stack/buffer.rs")),
    ("src/stack/terminator.rs", include_str!("stack/terminator.rs")),
    ("src/testing.rs", include_str!("testing.rs")),
    ("src/text.rs", include_str!("text.rs")),
    ("src/unit.rs", include_str!("unit.rs")),
    ("src/v1_0.rs", include_str!("v1_0.rs")),
    ("src/vtable.rs", include_str!("vtable.rs")),
];

const MANIFEST: &str = concat!(
    "# A copy of iodyno-engine-api, the contract between iodyno and its engines. Do not edit it:\n",
    "# iodyno compares the layout of its types with its own.\n",
    "[package]\n",
    "name = \"",
    env!("CARGO_PKG_NAME"),
    "\"\ndescription = \"",
    env!("CARGO_PKG_DESCRIPTION"),
    "\"\nversion = \"",
    env!("CARGO_PKG_VERSION"),
    "\"\nedition = \"2021\"\nrust-version = \"",
    env!("CARGO_PKG_RUST_VERSION"),
    "\"\nlicense = \"",
    env!("CARGO_PKG_LICENSE"),
    "\"\nrepository = \"",
    env!("CARGO_PKG_REPOSITORY"),
    "\"\n\n",
    "[features]\n",
    "default = [\"layout-check\"]\n",
    "layout-check = [\"dep:abi_stable\"]\n\n",
    "[dependencies]\n",
    "abi_stable = { version = \"0.11\", default-features = false, optional = true }\n",
    "libc = \"0.2\"\n",
);
