//! The option table of psync: empty, as in fio. What a request needs is in the request.

use iodyno_engine_api::abi::ioe_option;

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[];
