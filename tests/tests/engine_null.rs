//! null through a run: the cases that need no data.
//!
//! It is the host that null measures, and the host's own tests use it throughout.

use iodyno_tests::engines::Engine;

const NULL: Engine = Engine::queued("null");

iodyno_tests::engine_tests!(
    NULL;
    conforms,
    documented,
    example,
    an_interrupted_run,
    a_depth_is_taken_or_warned_of
);
