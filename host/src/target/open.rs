//! stub
use super::error::TargetError;
use rustix::fd::OwnedFd;
/// stub
#[derive(Default)]
pub struct OpenWish {
    pub read: bool,
    pub write: bool,
    pub create: bool,
    pub direct: bool,
    pub sync: bool,
}
/// stub
pub fn open(path: &std::path::Path, wish: &OpenWish) -> Result<OwnedFd, TargetError> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .read(wish.read)
        .write(wish.write)
        .create(wish.create)
        .custom_flags(if wish.direct { 0o40000 } else { 0 })
        .open(path)
        .map(Into::into)
        .map_err(|e| TargetError::io(format!("open {}", path.display()), e))
}
