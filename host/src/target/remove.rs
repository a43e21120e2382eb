//! stub
/// stub
pub struct Left;
/// stub
pub fn remove(path: &std::path::Path) -> Result<(), super::TargetError> {
    let _ = std::fs::remove_file(path);
    Ok(())
}
