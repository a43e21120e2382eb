//! Where the descriptors of an instance stand, for engines that use the file position.
//!
//! Called around each transfer: `go` seeks where the position is another one, `moved` keeps what
//! the transfer made of it. `opened` must be called from `open_file`: the host opens, and a
//! descriptor that is new stands elsewhere. Nobody else may move the descriptors.

use crate::errno::Errno;
use crate::fd;
use iodyno_engine_api::abi::IOE_KIND_PIPE;
use iodyno_engine_api::FileView;

/// No file has this offset: the kernel's are signed.
const UNKNOWN: u64 = u64::MAX;

/// The position of each file, by its index in the job.
#[derive(Debug, Default)]
pub struct Positions(Vec<u64>);

impl Positions {
    /// A file is (to be) opened: its position is not known until the first transfer.
    pub fn opened(&mut self, file: &FileView<'_>) {
        let index = file.index() as usize;
        if self.0.len() <= index {
            self.0.resize(index + 1, UNKNOWN);
        }
        self.0[index] = UNKNOWN;
    }

    /// Puts the descriptor where the transfer begins. A pipe's cannot be put anywhere: it stays.
    #[inline]
    pub fn go(&mut self, file: &FileView<'_>, offset: u64) -> Result<(), Errno> {
        match self.0.get(file.index() as usize) {
            Some(position) if *position == offset && offset != UNKNOWN => Ok(()),
            _ if file.kind() == IOE_KIND_PIPE => Ok(()),
            _ => fd::seek(file.fd(), offset),
        }
    }

    /// The transfer that began at `offset` is over. After an error nobody knows where it stands.
    #[inline]
    pub fn moved(&mut self, file: &FileView<'_>, offset: u64, result: Result<u64, Errno>) {
        if let Some(position) = self.0.get_mut(file.index() as usize) {
            *position = result.map_or(UNKNOWN, |done| offset + done);
        }
    }
}
