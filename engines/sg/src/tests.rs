//! sg without a device: what is refused, in which words.
