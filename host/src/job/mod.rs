//! From text to a validated description of the load: text -> [`raw::RawRun`] (spans, as written) ->
//! [`spec::RunSpec`] (validated, immutable).
//!
//! Called by `cli` and `run`. Pure: makes no system call, reads no file, loads no plugin; what the
//! engines offer comes in as a catalogue, what the environment holds as a function.
//!
//! ```text
//! parse(sources) -> RawRun -> engines_wanted -> (the plugin room) -> Catalogue
//!                        \-> resolve(raw, overrides, catalogue) -> RunSpec, warnings
//! ```

mod checks;
mod criterion;
pub mod diagnostic;
mod draft;
pub mod effective;
mod engine_options;
mod engines;
mod entries;
mod errnos;
mod expand;
mod fingerprint;
mod from_ini;
mod from_toml;
mod lists;
mod machine;
mod number;
mod one_job;
pub mod options;
mod overrides;
mod pattern;
pub mod raw;
mod refusals;
mod render;
mod resolve;
mod shapes;
mod source;
pub mod spec;
mod stack;
mod suggest;
mod times;
mod value;

pub use diagnostic::{exit_status, Diagnostic, Severity};
pub use engine_options::engine_value;
pub use engines::{Catalogue, EngineWish, FindFailure, FoundEngine};
pub use expand::{Environment, Getenv};
pub use fingerprint::fingerprint;
pub use number::Dialect;
pub use overrides::Overrides;
pub use raw::RawRun;
pub use render::render;
pub use resolve::{engines_wanted, resolve, Resolved};
pub use source::{Format, Source};

use raw::RawSection;

/// Reads job files; says everything that is wrong with their form, with their names and with keys
/// that are there twice. What the options mean is `resolve`'s affair.
///
/// # Errors
///
/// At least one message that is an error; warnings may be among them.
pub fn parse(sources: &[Source], env: &Environment) -> Result<RawRun, Vec<Diagnostic>> {
    let mut out = Vec::new();
    let mut sections: Vec<RawSection> = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        sections.extend(match source.format {
            Format::Toml => from_toml::parse(source, index, env, &mut out),
            Format::Ini => from_ini::parse(source, index, env, &mut out),
        });
    }
    entries::check_sections(&sections, sources, &mut out);
    let out = diagnostic::the_first(out);
    if out.iter().any(Diagnostic::is_error) {
        return Err(out);
    }
    Ok(RawRun { sources: sources.to_vec(), sections, warnings: out })
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fixtures;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
#[cfg(test)]
mod tests;
