//! The option table of syslet-rw: empty, as in fio. There are as many threads as the job is deep.
//! Called by `engine` for `Engine::OPTIONS`. An option that comes belongs here, with its help, and
//! not into the reading of requests.

use iodyno_engine_api::abi::ioe_option;

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[];
