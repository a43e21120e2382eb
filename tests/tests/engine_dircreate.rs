//! dircreate, which makes directories, through a run: what can be said of every engine.
//!
//! What it does is tested together with its siblings, in `engine_fileops`.

use iodyno_tests::engines::Engine;

const DIRCREATE: Engine = Engine::sync("dircreate");

iodyno_tests::engine_tests!(DIRCREATE; conforms, documented, example);
