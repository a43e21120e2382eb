//! stub
/// stub
pub struct Invalidated;
impl Invalidated {
    /// stub
    pub fn note(&self) -> Option<String> {
        None
    }
}
/// stub
pub fn invalidate(_: &super::Target) -> Invalidated {
    Invalidated
}
