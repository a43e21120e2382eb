//! splice through its raw table.
