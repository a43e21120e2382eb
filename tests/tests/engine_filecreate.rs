//! filecreate, which makes files, through a run: what can be said of every engine.
//!
//! What it does is tested together with its siblings, in `engine_fileops`.

use iodyno_tests::engines::Engine;

const FILECREATE: Engine = Engine::sync("filecreate");

iodyno_tests::engine_tests!(FILECREATE; conforms, documented, example);
