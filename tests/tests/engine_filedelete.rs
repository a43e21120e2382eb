//! filedelete, which removes files, through a run: what can be said of every engine.
//!
//! What it does is tested together with its siblings, in `engine_fileops`.

use iodyno_tests::engines::Engine;

const FILEDELETE: Engine = Engine::sync("filedelete");

iodyno_tests::engine_tests!(FILEDELETE; conforms, documented, example);
