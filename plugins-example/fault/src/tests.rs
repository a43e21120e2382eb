//! The parts without a host; runs over real engines are in `tests/tests/engine_fault.rs`.

use crate::errno;
use crate::ioe_plugin_entry_v1;
use crate::rng::Rng;
use iodyno_engine_api::testing::{self, TestHost, TestJob};

#[test]
fn a_host_without_the_extension_is_told_so() {
    let ops = testing::ops(ioe_plugin_entry_v1);
    let (host, job) = (TestHost::new(), TestJob::new(ops, 1));
    assert_eq!(host.open(ops, &job).err(), Some(-libc::ENOTSUP));
    assert!(host.errors()[0].1.contains("iodyno.stack/1"), "{:?}", host.errors());
}

#[test]
fn errors_have_names_and_numbers() {
    for (text, errno) in [("EIO", Some(libc::EIO)), ("28", Some(libc::ENOSPC)), ("0", None)] {
        assert_eq!(errno::by_name(text), errno, "{text}");
    }
    assert_eq!(errno::by_name("eio"), None);
}

#[test]
fn equal_seeds_go_equal_ways_and_clones_apart() {
    let draw = |seed, clone| {
        let mut rng = Rng::new(seed, clone);
        (0..4).map(|_| rng.below(1000)).collect::<Vec<u64>>()
    };
    assert_eq!(draw(7, 0), draw(7, 0));
    assert_ne!(draw(7, 0), draw(7, 1));
    assert_ne!(draw(7, 0), draw(8, 0));
    let mut rng = Rng::new(1, 0);
    let hits = (0..10_000).filter(|_| rng.percent(25.0)).count();
    assert!((2300..2700).contains(&hits), "{hits}");
}
