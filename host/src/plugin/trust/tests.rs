//! The rules as tables, and the walk over real files.
//!
//! What needs other users or the whole program stands among the black-box tests.

use super::*;
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::time::{Duration, Instant};

fn dir(path: &str, uid: u32, gid: u32, mode: u32) -> Step {
    Step { path: path.into(), kind: FileType::Directory, uid, gid, mode }
}

fn so(path: &str, uid: u32, gid: u32, mode: u32) -> Step {
    Step { path: path.into(), kind: FileType::RegularFile, uid, gid, mode }
}

fn link(path: &str, uid: u32) -> Step {
    Step { path: path.into(), kind: FileType::Symlink, uid, gid: 0, mode: 0o777 }
}

fn caller(uid: u32) -> Caller {
    Caller { uid, gid: uid, program: Some(("/opt/bob".into(), 1001)) }
}

/// Caller, steps after the root, words of the broken rule.
type Case = (u32, Vec<Step>, Option<&'static str>);

fn check(cases: &[Case]) {
    for (uid, rest, want) in cases {
        let mut steps = vec![dir("/", 0, 0, 0o755)];
        steps.extend(rest.iter().cloned());
        let got = judge(&steps, &caller(*uid));
        match (got.as_deref(), want) {
            (None, None) => {}
            (Some(got), Some(want)) if got.contains(want) => {}
            (got, want) => panic!("uid {uid}, {rest:?}: got {got:?}, want {want:?}"),
        }
    }
}

#[test]
fn rules_for_a_user() {
    let tmp = dir("/tmp", 0, 0, 0o1777);
    check(&[
        (1000, vec![so("/x.so", 0, 0, 0o644)], None),
        (1000, vec![so("/x.so", 1000, 1000, 0o644)], None),
        (1000, vec![so("/x.so", 1001, 0, 0o644)], Some("belongs to user 1001, not to root or")),
        (1000, vec![so("/x.so", 1000, 1000, 0o646)], Some("the file is world-writable")),
        (1000, vec![so("/x.so", 1000, 1000, 0o4755)], Some("set-user-id")),
        (1000, vec![so("/x.so", 1000, 1000, 0o775)], None),
        (1000, vec![so("/x.so", 1000, 50, 0o775)], Some("group 50 may write the file")),
        (1000, vec![tmp.clone(), so("/tmp/x.so", 1000, 0, 0o644)], None),
        (1000, vec![tmp.clone(), so("/tmp/x.so", 1001, 0, 0o644)], Some("user 1001")),
        (
            1000,
            vec![dir("/d", 1000, 0, 0o777), so("/d/x.so", 0, 0, 0o644)],
            Some("/d is world-writable"),
        ),
        (1000, vec![dir("/d", 1000, 1000, 0o775), so("/d/x.so", 0, 0, 0o644)], None),
        (1000, vec![dir("/d", 1000, 7, 0o775), so("/d/x.so", 0, 0, 0o644)], Some("group 7")),
        (1000, vec![dir("/d", 1001, 7, 0o755), so("/d/x.so", 0, 0, 0o644)], Some("/d belongs")),
        (1000, vec![dir("/t", 1001, 0, 0o1777), so("/t/x.so", 0, 0, 0o644)], Some("/t belongs")),
        (1000, vec![dir("/t", 0, 7, 0o1775), so("/t/x.so", 0, 0, 0o644)], None),
        (
            1000,
            vec![tmp.clone(), dir("/tmp/d", 1001, 0, 0o755), so("/tmp/d/x.so", 0, 0, 0o644)],
            Some("/tmp/d belongs to user 1001"),
        ),
        (1000, vec![tmp.clone(), link("/tmp/l", 1001), so("/x.so", 0, 0, 0o644)], Some("/tmp/l")),
        (0, vec![so("/x.so", 0, 0, 0o664)], Some("group 0 may write the file")),
        (0, vec![link("/l", 1000), so("/x.so", 0, 0, 0o644)], Some("/l belongs")),
        (0, vec![dir("/d", 0, 0, 0o1775), so("/d/x.so", 0, 0, 0o644)], None),
        (1000, vec![link("/l", 1000), so("/x.so", 0, 0, 0o644)], None),
        (1000, vec![link("/l", 1001), so("/x.so", 0, 0, 0o644)], Some("/l belongs")),
    ]);
}

#[test]
fn rules_for_root() {
    check(&[
        (0, vec![so("/x.so", 0, 0, 0o644)], None),
        (0, vec![so("/x.so", 1000, 0, 0o644)], Some("user 1000, not to root")),
        (0, vec![dir("/d", 0, 0, 0o775), so("/d/x.so", 0, 0, 0o644)], Some("group 0 may")),
        (
            0,
            vec![
                dir("/opt", 0, 0, 0o755),
                dir("/opt/bob", 1001, 1001, 0o755),
                so("/opt/bob/x.so", 1001, 1001, 0o755),
            ],
            None,
        ),
        (
            0,
            vec![
                dir("/opt", 0, 0, 0o755),
                dir("/opt/bob", 1001, 1001, 0o755),
                so("/opt/bob/x.so", 1002, 1001, 0o755),
            ],
            Some("user 1002"),
        ),
        (
            0,
            vec![dir("/opt/ann", 1001, 0, 0o755), so("/opt/ann/x.so", 1001, 0, 0o755)],
            Some("/opt/ann belongs to user 1001"),
        ),
    ]);
}

#[test]
fn walks_links_and_dots_to_the_real_path() {
    let temp = tempfile::tempdir().unwrap();
    let base = temp.path().canonicalize().unwrap();
    fs::create_dir(base.join("real")).unwrap();
    fs::write(base.join("real/x.so"), "bytes").unwrap();
    symlink("real", base.join("relative")).unwrap();
    symlink(base.join("relative/../real/x.so"), base.join("absolute.so")).unwrap();
    symlink("loop", base.join("loop")).unwrap();
    let caller = Caller::current();
    for name in ["real/x.so", "relative/x.so", "absolute.so", "real/../relative/./x.so"] {
        let opened = open(&base.join(name), &caller).unwrap();
        assert_eq!(opened.path, base.join("real/x.so"), "{name}");
        assert_eq!(opened.size, 5);
    }
    assert!(open(&base.join("loop"), &caller).is_err());
    assert!(open(&base.join("real/x.so/y"), &caller).is_err());
    assert!(matches!(open(&base, &caller), Err(PluginError::NotRegular { .. })));
}

#[test]
fn identity_sees_a_rewrite() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("x.so");
    fs::write(&path, "one").unwrap();
    let opened = open(&path, &Caller::current()).unwrap();
    assert!(is_same(&opened.path, &opened.identity));
    fs::write(&path, "three").unwrap();
    assert!(!is_same(&opened.path, &opened.identity));
    fs::remove_file(&path).unwrap();
    assert!(!is_same(&opened.path, &opened.identity));
}

#[test]
fn what_was_changed_just_now_is_waited_for() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("x.so");
    fs::write(&path, "one").unwrap();
    let opened = open(&path, &Caller::current()).unwrap();
    // At once, and of the same length: without the wait nothing would tell the two apart.
    fs::write(&path, "two").unwrap();
    assert!(!is_same(&opened.path, &opened.identity));
    let changed_s = i128::from(opened.identity.ctime.0) * SECOND_NS;
    let now = clock_gettime(ClockId::Realtime);
    let now_ns = i128::from(now.tv_sec) * SECOND_NS + i128::from(now.tv_nsec);
    assert!(now_ns - changed_s - i128::from(opened.identity.ctime.1) > TICK_NS);
}

#[test]
fn what_does_not_come_to_rest_is_refused() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("x.so");
    fs::write(&path, "bytes").unwrap();
    let (ended, file) = (AtomicBool::new(false), path.clone());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
            }
        });
        // On a busy machine the writer may sleep for longer than a clock tick, or not have begun:
        // then the file rests.
        let limit = Instant::now() + Duration::from_secs(30);
        let is_refused =
            || matches!(open(&path, &Caller::current()), Err(PluginError::Unsettled { .. }));
        let refused = std::iter::repeat_with(is_refused)
            .take_while(|_| Instant::now() < limit)
            .any(|refused| refused);
        ended.store(true, Ordering::Relaxed);
        assert!(refused, "a file that is touched all the time was never refused");
    });
}

#[test]
fn a_writable_directory_is_seen_on_disk() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("x.so");
    fs::write(&path, "bytes").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let opened = open(&path, &Caller::current()).unwrap();
    assert!(opened.broken_rule.unwrap().contains("is world-writable"));
}
