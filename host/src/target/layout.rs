//! stub
use super::error::TargetError;
/// stub
#[derive(Clone, Copy)]
pub enum Purpose {
    Read,
    Write,
}
/// stub
pub struct LaidOut;
/// stub
pub struct LayoutOptions {
    pub purpose: Purpose,
    pub seed: u64,
}
/// stub
pub fn lay_out(
    path: &std::path::Path,
    len: u64,
    options: &LayoutOptions,
    tell: &mut dyn FnMut(u64, u64),
    _stop: &dyn Fn() -> bool,
) -> Result<(), TargetError> {
    let f = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|e| TargetError::io("lay out", e))?;
    if f.metadata().unwrap().len() < len {
        if let Purpose::Read = options.purpose {
            use std::io::Write;
            let mut f = &f;
            let b = vec![7u8; 1 << 20];
            let mut n = 0;
            while n < len {
                f.write_all(&b[..(len - n).min(1 << 20) as usize]).unwrap();
                n += 1 << 20;
                tell(n.min(len), len);
            }
        }
    }
    Ok(())
}
