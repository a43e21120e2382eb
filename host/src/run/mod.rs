//! Runs what a [`crate::job::spec::RunSpec`] describes: plan, control process, cells, shared page,
//! phases, events, and the result that the reports are made from.
//!
//! [`control`] starts cells and never loads a plugin; [`cell`] is the other side, in which plugins
//! are loaded and workers run. Views (`report`, `progress`) see events and results, nothing else.

mod autopsy;
pub mod cell;
mod content;
pub mod control;
mod crew;
mod delay;
mod doors;
pub mod events;
mod exits;
mod fit;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gate;
pub mod gather;
mod hands;
mod loss;
mod minimum;
mod outbox;
pub mod page;
mod placement;
pub mod plan;
mod plugins;
mod process;
pub mod protocol;
pub mod result;
mod slim;
mod status;
mod steady;
pub mod targets;
mod track;
mod verdict;
mod verify_load;
mod verify_state;
mod verifying;
mod watch;
mod waves;
mod words;
mod worker;
mod zbd;
