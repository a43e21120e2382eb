//! fio's options that this version does not have: facts for a better error message.
//!
//! Names and aliases of fio 3.42's job options and of its engines' own options, without those of
//! the option table. An option that gets supported moves from here into the table; the test of the
//! table refuses a name that is in both.

/// Where fio has an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// fio itself.
    Core,
    /// One or several of its engines.
    Engine,
}

/// Who has it in fio; none where fio has no such option, or this version has it.
pub(crate) fn owner(name: &str) -> Option<Owner> {
    if CORE.split_whitespace().any(|known| known == name) {
        Some(Owner::Core)
    } else {
        ENGINES.split_whitespace().any(|known| known == name).then_some(Owner::Engine)
    }
}

/// All names, for proposals.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    CORE.split_whitespace().chain(ENGINES.split_whitespace())
}

/// What stands in for one of them.
pub(crate) fn instead(name: &str) -> Option<&'static str> {
    Some(match name {
        "userspace_reap" | "hipri" | "fixedbufs" | "registerfiles" => {
            "choose an engine that has this option: `iodyno engines` lists them"
        }
        "verifysort" | "verifysort_nr" => {
            "leave it out: what was written is always read back in the order of its offsets"
        }
        "verify_pattern_interval" => {
            "leave it out: `verify_pattern` begins anew at each `verify_interval` in any case"
        }
        _ => return None,
    })
}

const CORE: &str = "
    lockfile file_append use_os_rand fadvise_hint atomic clocksource verifysort verifysort_nr
    verify_pattern_interval write_iolog read_iolog read_iolog_chunked replay_no_stall
    replay_redirect replay_scale replay_align replay_time_scale replay_skip merge_blktrace_file
    merge_blktrace_scalars merge_blktrace_iters exec_prerun exec_postrun ioscheduler zonecapacity
    recover_zbd_write_error prio_hint thinkcycles rate_ignore_thinktime
    write_hint per_job_logs write_bw_log bwavgtime write_lat_log write_iops_log iopsavgtime
    log_entries log_avg_msec log_hist_msec log_hist_coarseness write_hist_log log_max_value
    log_window_value log_offset log_prio log_issue_time log_compression log_compression_cpus
    log_store_compressed log_unix_epoch log_alternate_epoch log_alternate_epoch_clock_id
    job_start_clock_id block_error_percentiles stats dedupe_global gtod_cpu profile
    cgroup cgroup_nodelete cgroup_weight uid gid unit_base flow_watermark sprandom num_range fdp
    fdp_pli fdp_pli_select dataplacement plids plid_select dp_scheme";

const ENGINES: &str = "
    userspace_reap cmdprio_percentage cmdprio_class cmdprio cmdprio_bssplit cmdprio_hint nowait
    hipri hipri_percentage fixedbufs registerfiles sqthread_poll sqthread_poll_cpu nonvectored
    uncached force_async cmd_type readfua writefua sg_write_mode stream_id md_per_io_size pi_act
    pi_chk apptag apptag_mask hostname port protocol proto nodelay listen pingpong interface ttl
    window_size mss clustername rbdname pool clientname busy_poll touch_objects uri thp
    http_host http_mode http_user http_pass http_s3_key http_s3_keyid http_s3_region
    http_s3_sse_customer_key http_s3_sse_customer_algorithm http_s3_storage_class
    http_swift_auth_token http_verbose https cpuload cpuchunks cpumode exit_on_io_done skip_bad
    inplace donorname namenode hdfsdirectory chunk_size single_instance hdfs_use_direct verb
    bindname program arguments grace_time std_redirect xnvme_async xnvme_sync xnvme_admin
    xnvme_dev_nsid xnvme_iovec xnvme_mem xnvme_dev_subnqn libblkio_driver libblkio_path
    libblkio_pre_connect_props libblkio_num_entries libblkio_queue_size libblkio_pre_start_props
    libblkio_vectored libblkio_write_zeroes_on_trim libblkio_wait_mode
    libblkio_force_enable_completion_eventfd volume brick cont object_class";

/// fio's engines that this version does not have.
#[rustfmt::skip]
pub(crate) const FIO_ENGINES: &[&str] = &[
    "cpuio", "dev-dax", "dircreate", "dirdelete", "dirstat", "e4defrag", "exec", "falloc",
    "filecreate", "filedelete", "filestat", "ftruncate", "gfapi", "gfapi_async", "http", "io_uring",
    "io_uring_cmd", "libaio", "libblkio", "libcufile", "libhdfs", "libiscsi", "libnbd", "libpmem",
    "libzbc", "mmap", "mtd", "nbd", "net", "netsplice", "nfs", "pmemblk", "posixaio", "pvsync",
    "pvsync2", "rados", "rbd", "rdma", "sg", "splice", "sync", "vsync", "xnvme",
];
