//! The described load: which direction, file, offset and length comes next, and what is written.
//!
//! Called once a request by `io`, and by `verify` to draw the same sequence again. Pure arithmetic:
//! reads no clock, starts no thread, opens nothing, and after [`Generator::new`] allocates nothing.
//! A seed is a promise: the same recipe gives the same requests in every release (golden tests).

mod bitmap;
mod checks;
mod content;
mod files;
mod fill;
mod generator;
mod laws;
mod lengths;
mod permutation;
mod places;
mod plain;
mod reals;
mod recipe;
mod rng;
mod shape;
mod stretch;
mod varied;
pub mod zoned;
mod zones;

#[cfg(test)]
mod tests;

pub use content::{Compress, Content, ContentRecipe, Dedupe, Repeats};
pub use generator::Generator;
pub use recipe::{Order, Recipe, Region, Repeat, Request, WorkloadError};
pub use rng::{mix_seed, Rng};
pub use shape::{FileChoice, Law, Shape, Zoning};
