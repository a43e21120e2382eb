//! Words for a caught panic: what it said and where it was.
//!
//! The payload that `catch_unwind` returns has no place in it, so `install` adds a hook, in front
//! of the one that is there, which remembers the place for the thread. Called by `export` (hook)
//! and `vtable` (words). Costs nothing as long as nobody panics.

use std::any::Any;
use std::cell::RefCell;
use std::panic;
use std::sync::Once;

thread_local! {
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Adds the hook, once per process. A plugin has a standard library of its own, and is never
/// unloaded, so the hook sees this plugin's panics and outlives them.
pub(crate) fn install() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            // A thread that is being torn down has no place to remember anything in.
            let _ = PLACE.try_with(|p| p.replace(place));
            before(info);
        }));
    });
}

/// "src/engine.rs:12:5: index out of bounds ...". The payload is leaked: dropping it may panic.
pub(crate) fn words(payload: Box<dyn Any + Send>) -> String {
    let said = payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without words".to_owned());
    std::mem::forget(payload);
    let place = PLACE.try_with(RefCell::take).unwrap_or_default();
    match place.is_empty() {
        true => said,
        false => format!("{place}: {said}"),
    }
}
