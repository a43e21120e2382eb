//! What can be tested without a disk: answers of disks, as bytes. The rest is `iodyno check`.

use crate::device::{log_words, world_wide_name};
use crate::scsi::Failure;

#[test]
fn sense_data_in_both_formats() {
    let mut fixed = [0; 32];
    fixed[..14].copy_from_slice(&[0xf0, 0, 3, 0, 0, 0x12, 0x34, 10, 0, 0, 0, 0, 0x11, 0]);
    let mut described = [0; 32];
    described[..12].copy_from_slice(&[0x72, 3, 0x11, 0, 0, 0, 0, 12, 0, 10, 0x80, 0]);
    described[18..20].copy_from_slice(&[0x12, 0x34]);
    for sense in [fixed, described] {
        let failure = Failure::new(0, 2, &sense);
        assert_eq!(failure.vendor_status(), 0x31100);
        assert_eq!(failure.as_errno(), libc::ENODATA);
        assert!(failure.to_string().ends_with("(sense 03/11/00), block 4660"), "{failure}");
    }
    assert_eq!(Failure::new(0, 0, &[0; 32]), Failure::default());
    let silent = Failure::new(3, 0, &[0; 32]);
    assert_eq!(silent.vendor_status(), 0x8000_0300);
    assert!(silent.to_string().starts_with("ACME-001 no answer"), "{silent}");
    let reserved = Failure::new(0, 0x18, &[0; 32]);
    assert!(reserved.to_string().starts_with("ACME-002"), "{reserved}");
    let not_sent = Failure { errno: libc::ENODEV, ..Failure::default() };
    assert_eq!((not_sent.vendor_status(), not_sent.as_errno()), (0, libc::ENODEV));
}

#[test]
fn pages_that_end_too_early_are_read_as_far_as_they_go() {
    let log = [0x0d, 0, 0, 12, 0, 0, 3, 2, 0, 38, 0, 1, 3, 2, 0, 65];
    assert_eq!(log_words(0x0d, &log), "38 C, 65 C at most");
    assert_eq!(log_words(0x30, &log[..10]), "parameter 0: [00, 26]");
    assert_eq!(log_words(0x0d, &log[..9]), "");
    let names = [0, 0x83, 0, 16, 2, 1, 0, 0, 1, 3, 0, 8, 0x33, 0, 0, 0, 0, 0, 7, 0xd0];
    assert_eq!(world_wide_name(&names).as_deref(), Some("naa.33000000000007d0"));
    assert_eq!(world_wide_name(&names[..19]), None);
    assert_eq!(world_wide_name(&[]), None);
}
