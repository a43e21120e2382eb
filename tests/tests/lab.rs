//! The laboratory itself: what `scripts/vm` promises about a command in its guest.
//!
//! Each test is a boot or two, a few seconds each. Knows no engine and no device's behaviour: that
//! is `lab_devices`.

use iodyno_tests::lab::{alone, vm};
use iodyno_tests::process::{self, eventually};
use iodyno_tests::{require, Scene};
use rustix::process::Signal;
use std::time::Duration;

/// Status, output, error output and files, each as the command made it.
#[test]
fn a_command_comes_back_as_it_was() {
    require!(lab);
    let scene = Scene::new();
    let noise: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
    scene.file("noise", &noise);
    scene.file("it's a script.sh", "cat \"$1\"; echo $2 >&2; cp noise back; mkdir d; echo x >d/x");
    let args = ["--bring", "back", "--bring", "d:put/here", "--bring", "missing"];
    let command = ["--", "sh", "it's a script.sh", "noise", "to 'quote' $HOME; \"it\""];
    let args = [&["run", "--file", "noise"], &args[..], &command, &["unseen"]].concat();
    let outcome = alone(|| vm(&scene, &args).run());
    // The file that was not there spoils nothing but the status.
    let outcome = outcome.expect(125).says(&["to 'quote' $HOME; \"it\"", "missing did not come"]);
    assert!(outcome.stdout == String::from_utf8_lossy(&noise), "300 kB come back as they were");
    assert_eq!(std::fs::read(scene.at("back")).expect("it came back"), noise);
    assert_eq!(std::fs::read(scene.at("put/here/x")).expect("it came back"), b"x\n");
}

/// What the options make is there, and a command's own status is the script's.
#[test]
fn devices_are_there_and_a_status_is_kept() {
    require!(lab);
    let scene = Scene::new();
    let script = "set -e
        test -b /dev/sda; test -c /dev/sg0; test -b /dev/nvme0n1; test -c /dev/ng0n1
        test -b /dev/nvme1n1; test -b /dev/nullb0; test \"$(cat /root/word)\" = set-up
        cat /sys/block/nvme0n1/queue/zoned /sys/block/nvme1n1/queue/zoned
        cat /sys/block/nullb0/queue/zoned; iodyno engines >&2; exit 7";
    let devices = ["run", "--scsi", "--nvme", "--nvme=zns", "--modules", "null_blk zoned=1"];
    let setup = ["--setup", "echo set-up >/root/word", "--", "sh", "-c", script];
    let outcome = alone(|| vm(&scene, &[&devices[..], &setup].concat()).run());
    let outcome = outcome.expect(7).says(&["psync", "io_uring"]);
    assert_eq!(outcome.stdout, "none\nhost-managed\nhost-managed\n");
}

/// Two guests side by side: one hangs, one dies.
#[test]
fn hanging_is_124_and_dying_is_125() {
    require!(lab);
    let (first, second) = (Scene::new(), Scene::new());
    let hang = ["run", "--timeout", "3", "--", "sh", "-c", "echo begun; sleep 1000"];
    let die = ["run", "--", "sh", "-c", "echo begun; echo c >/proc/sysrq-trigger; sleep 1000"];
    let (hung, died) = alone(|| {
        let (hung, died) = (vm(&first, &hang).start(), vm(&second, &die).start());
        (hung.wait(), died.wait())
    });
    let hung = hung.expect(124).says(&["after 3 s"]);
    assert_eq!(hung.stdout, "begun\n");
    let died = died.expect(125).says(&["the guest died", "Kernel panic", "sysrq triggered crash"]);
    assert_eq!(died.stdout, "begun\n", "a command that had begun is not started again");
}

/// An interrupted script leaves no guest and no file.
#[test]
fn nothing_stays_behind() {
    require!(lab);
    let scene = Scene::new();
    alone(|| {
        let run = vm(&scene, &["run", "--", "sleep", "1000"]).start();
        let guests = || {
            let pids = process::bearing(scene.path()).into_iter();
            let names = pids.map(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")));
            names.filter(|name| name.as_ref().is_ok_and(|name| name.starts_with("qemu"))).count()
        };
        let limit = Duration::from_secs(60);
        eventually("the guest starts", limit, || (guests() == 1).then_some(()));
        process::signal(run.pid(), Signal::TERM);
        let outcome = run.wait().expect(143);
        assert!(process::bearing(scene.path()).is_empty(), "{outcome}");
        assert!(process::names_with(scene.path(), "iodyno-vm").is_empty(), "{outcome}");
    });
}

/// What cannot be is refused in words, before anything is fetched or started.
#[test]
fn refusals() {
    let scene = Scene::new();
    for (args, words) in [
        (&["run"][..], "no command"),
        (&["run", "true"], "'true' is no option"),
        (&["start"], "'start' is neither"),
        (&["run", "--memory", "0", "--", "true"], "--memory takes a whole number"),
        (&["run", "--timeout", "5m", "--", "true"], "not '5m'"),
        (&["run", "--nvme=odd", "--", "true"], "plain, zns, metadata or pi, not 'odd'"),
        (&["run", "--bring"], "--bring takes a value"),
    ] {
        let outcome = vm(&scene, args).run().expect(125).says(&["vm: ", words]);
        assert_eq!(outcome.stdout, "", "{args:?}");
    }
}

#[test]
fn help_tells_every_option() {
    let scene = Scene::new();
    let outcome = vm(&scene, &["--help"]).run().expect(0);
    for word in ["--scsi", "--nvme", "--modules", "--memory", "--timeout", "--file", "--bring"] {
        assert!(outcome.stdout.contains(word), "{word}:\n{outcome}");
    }
}
