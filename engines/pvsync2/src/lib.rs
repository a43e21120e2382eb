//! pvsync2: preadv2 and pwritev2, whose flags are this engine's options.
//!
//! This file only exports; `options` is the table and its reading, `engine` serves requests, `dice`
//! throws for hipri_percentage.

mod dice;
mod engine;
mod options;
#[cfg(test)]
mod tests;

use engine::Pvsync2;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.pvsync2",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Pvsync2],
}
