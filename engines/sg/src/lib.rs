//! sg: SCSI commands sent by the program itself, through the kernel's sg driver.
//!
//! A node /dev/sgN is used by asynchronous write() and read() of struct sg_io_hdr, a whole block
//! device by the ioctl SG_IO, one command at a time. This file only exports; `cdb`, `sense`,
//! `outcome` and `unmap` are pure, `device` knows a target, `engine` does the work.

mod block_device;
mod cdb;
mod char_device;
mod device;
mod engine;
mod flight;
mod header;
mod identify;
mod node;
mod options;
mod outcome;
mod request;
mod sense;
#[cfg(test)]
mod tests;
mod unmap;
mod wake;
mod zones;

use engine::Sg;

iodyno_engine_api::export_plugin! {
    id: "org.iodyno.sg",
    vendor: "iodyno",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [Sg],
}
