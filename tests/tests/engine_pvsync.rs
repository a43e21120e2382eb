//! pvsync through a run: the common cases; it has none of its own that a run shows.
//!
//! Which system calls it makes is judged by its unit tests.

use iodyno_tests::engines::Engine;

const PVSYNC: Engine = Engine::sync("pvsync");

iodyno_tests::stores_data!(PVSYNC);
