//! vsync through a run: the common cases, and what becomes of a chain.

use iodyno_tests::engines::Engine;

const VSYNC: Engine = Engine::queued("vsync");

iodyno_tests::stores_data!(VSYNC);
