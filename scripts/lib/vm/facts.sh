# What the laboratory's guest is: where it comes from, what it knows, how it is started. Every name,
# version and size that more than one file needs, or that moves with Debian, stands here.
# Sourced by scripts/vm; sets variables only. A guest is prepared anew when this file changes.

# The kernel and busybox are fetched with apt, checked by apt against Debian's keys, and unpacked in
# the cache. The suite's cloud kernel has ublk, scsi_debug's injected errors and zoned devices.
vm_mirror=${IODYNO_VM_MIRROR:-http://deb.debian.org/debian}
vm_suites=(bookworm bookworm-backports)
vm_kernel_suite=bookworm-backports
vm_kernel_package=linux-image-cloud-amd64 # depends on the package of the current version
vm_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# What the host has to have, program=package.
vm_programs=(qemu-system-x86_64=qemu-system-x86 cpio=cpio zstd=zstd xz=xz-utils setpriv=util-linux
    flock=util-linux dpkg-deb=dpkg)

# Modules that lie in every guest, for `modprobe`, with what they depend on. The first are loaded
# in this order before anything else happens.
vm_modules_first=(virtio_pci virtio_console virtio_blk configfs)
vm_modules_scsi=(scsi_mod sd_mod sg scsi_debug)
vm_modules_nvme=(nvme)
vm_modules_more=(null_blk ublk_drv loop brd dm_mod dm_flakey dm_delay dm_log_writes dm_zero
    dm_snapshot)

# Programs of the host that every guest gets if they are there.
vm_guest_programs=(dmsetup)

# What --scsi and --nvme make.
vm_scsi_parameters="dev_size_mb=64 delay=0"
vm_nvme_mb=64
vm_nvme_zns="zoned=true,zoned.zone_size=4M,zoned.max_open=8"
vm_nvme_metadata="ms=8,mset=0"
vm_nvme_pi="ms=8,mset=0,pi=1"
vm_nvme_pi64="ms=16,mset=0,pi=1,pif=2" # guards of 64 bits
# Of devices with protection information, the block whose guard is wrong.
vm_nvme_bad_block=$((0x1234))

# The machine. cmpxchg16b, as QEMU 7.2 emulates it, spoils flags: half of the guests die with it.
vm_memory_mb=1024
vm_processors=2
vm_machine=(-M "q35,usb=off,vmport=off,sata=off,smbus=off" -nodefaults -no-user-config
    -display none -monitor none -no-reboot)
vm_accel_tcg=(-accel "tcg,thread=multi" -cpu "max,cx16=off")
vm_accel_kvm=(-accel kvm -cpu host)
vm_kernel_line="console=ttyS0 loglevel=4 panic=-1 oops=panic mitigations=off nokaslr tsc=reliable
    no_timer_check random.trust_cpu=on cryptomgr.notests ras=cec_disable nvme.poll_queues=1"

# Seconds from QEMU's start until the guest has to report, and boots in all.
vm_boot_seconds=90
vm_boots=3
# Seconds without a sign of life, of which there is one every five, that end a guest.
vm_silence_seconds=60
# Seconds that a command gets where --timeout does not say.
vm_timeout_seconds=300
# Room for what --bring names.
vm_bring_size=2G
