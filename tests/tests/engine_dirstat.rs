//! dirstat, which looks at directories, through a run: what can be said of every engine.
//!
//! What it does is tested together with its siblings, in `engine_fileops`.

use iodyno_tests::engines::Engine;

const DIRSTAT: Engine = Engine::sync("dirstat");

iodyno_tests::engine_tests!(DIRSTAT; conforms, documented, example);
