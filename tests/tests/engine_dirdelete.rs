//! dirdelete, which removes directories, through a run: what can be said of every engine.
//!
//! What it does is tested together with its siblings, in `engine_fileops`.

use iodyno_tests::engines::Engine;

const DIRDELETE: Engine = Engine::sync("dirdelete");

iodyno_tests::engine_tests!(DIRDELETE; conforms, documented, example);
