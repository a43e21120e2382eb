//! syslet-rw through its raw table.
