//! The option table of splice: empty, as in fio. What a request needs is in the request. Called by
//! `engine` for `Engine::OPTIONS`. An option that comes belongs here, with its help, and not into
//! the reading of requests.

use iodyno_engine_api::abi::ioe_option;

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[];
