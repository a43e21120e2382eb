//! io_uring through a run: the common cases, each with the ring's other forms, and its refusals.
//!
//! Waiting, cancelling and what is registered are judged by its unit tests.

use iodyno_tests::engines::{self, Engine};
use iodyno_tests::{require, Scene};

const IO_URING: Engine = Engine::queued("io_uring");

iodyno_tests::stores_data!(IO_URING, io_uring);

/// Every form of the ring that changes the way of the data.
#[test]
fn options_keep_the_data() {
    require!(io_uring);
    for options in [
        "fixedbufs=1\nregisterfiles=1",
        "nonvectored=0",
        "force_async=3",
        "sqthread_poll=1\nattach_wq=1",
        "taskrun=coop",
        "taskrun=plain",
    ] {
        let engine = IO_URING.options(options);
        engines::what_it_writes_is_in_the_file(&engine);
        engines::several_files(&engine);
        engines::two_instances_on_one_file(&engine);
    }
}

/// Options whose values are at their limits still make the same requests.
#[test]
fn options_at_their_limits() {
    require!(io_uring);
    let scene = Scene::new();
    for options in [
        "force_async=1",
        "force_async=4294967295",
        "sqthread_poll=1\nsqthread_poll_cpu=0",
        "cmdprio_percentage=100\ncmdprio_class=3\ncmdprio=7",
        "cmdprio_percentage=0,100\ncmdprio_class=2,3\ncmdprio=0,7",
        "cmdprio_bssplit=4k/50/2/7:8k/100/3/0,",
    ] {
        let lines = format!("filename=target\nrw=randrw\nsize=1m\niodepth=8\n{options}");
        let document = IO_URING.run(&scene, &lines).clean();
        assert_eq!(document.all_ios(), 256, "{options}");
    }
    let deepest = "filename=target\nrw=randrw\nsize=1m\nbs=512\niodepth=32768";
    assert_eq!(IO_URING.run(&scene, deepest).clean().all_ios(), 2048);
}

/// Registered files that are opened and closed all the time.
#[test]
fn files_come_and_go() {
    require!(io_uring);
    for options in ["registerfiles=1", "registerfiles=1\nfixedbufs=1", "sqthread_poll=1"] {
        let scene = Scene::new();
        let lines = format!(
            "nrfiles=12\nopenfiles=3\nrw=randwrite\nbs=4k\nsize=3m\niodepth=8\nloops=2\n\
             file_service_type=random:2\n{options}"
        );
        let document = IO_URING.run(&scene, &lines).clean();
        assert_eq!(document.ios(0, "write"), 2 * 768, "{options}");
    }
}

/// `nowait` ends requests that would wait with EAGAIN, which a job can ignore.
#[test]
fn nowait_can_be_ignored() {
    require!(io_uring);
    let scene = Scene::new();
    let lines = "filename=target\nrw=randread\nbs=4k\nsize=1m\niodepth=8\nnowait=1\n\
                 ignore_error=EAGAIN";
    let outcome = IO_URING.run(&scene, lines);
    assert!([0, 1].contains(&outcome.status), "{outcome}");
    if outcome.status == 1 {
        // A file system may not know of it at all.
        outcome.says(&["nowait"]);
    }
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    require!(io_uring);
    for (lines, words) in [
        ("hipri=1", "hipri needs direct=1"),
        ("uncached=1\ndirect=1", "uncached"),
        ("sqthread_poll_cpu=0", "sqthread_poll=1"),
        ("sqthread_poll=1\nsqthread_poll_cpu=65535", "processor 65535"),
        ("cmdprio_percentage=101", "0 to 100"),
        ("cmdprio_class=2", "cmdprio_percentage"),
        ("iodepth=40000\nbs=512", "32768"),
    ] {
        engines::refused(&IO_URING, lines, &[words]);
    }
}

/// A device without poll queues is told apart before the run.
#[test]
fn a_device_that_cannot_be_polled() {
    require!(io_uring);
    require!(loop_device);
    let (scene, device) = (Scene::new(), iodyno_tests::device::LoopDevice::new(8 << 20));
    let name = device.name();
    let lines = format!("filename={name}\nrw=randread\nbs=4k\nsize=1m\ndirect=1\nhipri=1");
    let outcome = IO_URING.run(&scene, &lines).expect(2).says(&["hipri", "poll queues"]);
    assert_eq!(outcome.document().all_ios(), 0, "{outcome}");
}

/// Trims and zeroes of a block device, by the ring and by polling's system calls.
#[test]
fn a_block_device_is_trimmed() {
    require!(io_uring);
    require!(loop_device);
    for depth in [1, 16] {
        let (scene, device) = (Scene::new(), iodyno_tests::device::LoopDevice::new(8 << 20));
        std::fs::write(device.path(), vec![0xee; 8 << 20]).expect("the device is ours");
        let name = device.name();
        let lines = format!("filename={name}\nrw=trim\nbs=64k\nsize=4m\niodepth={depth}");
        let document = IO_URING.run(&scene, &lines).clean();
        assert_eq!(document.ios(0, "trim"), 64, "depth {depth}");
        let found = std::fs::read(device.path()).expect("the device is ours");
        assert!(found[..4 << 20].iter().all(|byte| *byte == 0), "a loop device reads zeroes");
        assert!(found[4 << 20..].iter().all(|byte| *byte == 0xee), "and nothing else changed");
    }
}
