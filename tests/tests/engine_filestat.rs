//! filestat, which looks at files, through a run: what can be said of every engine.
//!
//! What it does is tested together with its siblings, in `engine_fileops`.

use iodyno_tests::engines::Engine;

const FILESTAT: Engine = Engine::sync("filestat");

iodyno_tests::engine_tests!(FILESTAT; conforms, documented, example, an_interrupted_run);
