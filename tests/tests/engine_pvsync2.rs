//! pvsync2 through a run: the common cases, and its options.

use iodyno_tests::engines::Engine;

const PVSYNC2: Engine = Engine::sync("pvsync2");

iodyno_tests::stores_data!(PVSYNC2);
