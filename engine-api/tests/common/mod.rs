//! What `src/abi.rs` says, in two readings: its text (names of constants and fields), and what the
//! Rust compiler makes of it (values, sizes, offsets). The tests of header and golden file share
//! it.

use iodyno_engine_api::abi::*;
use std::fmt::Write as _;
use std::mem::{offset_of, size_of, MaybeUninit};
use std::path::{Path, PathBuf};

/// A file of this package.
pub(crate) fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A constant as the source spells it.
#[allow(dead_code)] // each test reads its part
pub(crate) struct Constant {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) value: String,
}

/// A struct or union and its fields, in order.
pub(crate) struct Record {
    pub(crate) keyword: String,
    pub(crate) name: String,
    pub(crate) fields: Vec<String>,
}

/// The constants of `src/abi.rs`, the entry's name aside.
pub(crate) fn constants() -> Vec<Constant> {
    let source = std::fs::read_to_string(here("src/abi.rs")).unwrap();
    let all = source.lines().filter_map(|line| {
        let (head, value) = line.strip_prefix("pub const ")?.split_once(" = ")?;
        let (name, ty) = head.split_once(": ")?;
        let value = value.trim_end_matches(';').replace('_', "");
        Some(Constant { name: name.into(), ty: ty.into(), value })
    });
    all.filter(|c| c.ty != "&str").collect()
}

/// The structs and unions of `src/abi.rs`.
pub(crate) fn records() -> Vec<Record> {
    let source = std::fs::read_to_string(here("src/abi.rs")).unwrap();
    let mut records: Vec<Record> = Vec::new();
    for line in source.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["pub", keyword @ ("struct" | "union"), name, "{"] => records.push(Record {
                keyword: (*keyword).into(),
                name: (*name).into(),
                fields: Vec::new(),
            }),
            ["pub", field, ..] if line.starts_with("    pub ") && field.ends_with(':') => {
                let field = field.trim_end_matches(':').trim_start_matches("r#");
                records.last_mut().unwrap().fields.push(field.into());
            }
            _ => {}
        }
    }
    records
}

fn size_behind<F>(_: *const F) -> usize {
    size_of::<F>()
}

macro_rules! rust_view {
    (constants { $($c:ident)* } $($record:ident { $($f:ident)* })*) => {{
        let mut text = String::new();
        $( writeln!(text, "{} {}", stringify!($c), $c as i128).unwrap(); )*
        $(
            writeln!(text, "{} size {}", stringify!($record), size_of::<$record>()).unwrap();
            $( writeln!(
                text, "{}.{} offset {} size {}", stringify!($record),
                stringify!($f).trim_start_matches("r#"), offset_of!($record, $f),
                // SAFETY: a place is named, not read, and it lies within the allocation.
                size_behind(unsafe { &raw const (*MaybeUninit::<$record>::uninit().as_ptr()).$f })
            ).unwrap(); )*
        )*
        text
    }};
}

/// Values, sizes and offsets as the Rust compiler sees them: the content of the golden file.
#[rustfmt::skip]
pub(crate) fn rust_view() -> String {
    let view = rust_view! {
        constants {
            IOE_ABI_MAJOR IOE_ABI_MINOR IOE_MAGIC
            IOE_Q_COMPLETED IOE_Q_QUEUED IOE_Q_BUSY IOE_CANCELED IOE_CANCEL_PENDING
            IOE_LOG_DEBUG IOE_LOG_INFO IOE_LOG_WARN IOE_LOG_ERROR
            IOE_OP_READ IOE_OP_WRITE IOE_OP_TRIM IOE_OP_FSYNC IOE_OP_FDATASYNC IOE_OP_SYNC_RANGE
            IOE_OP_WRITE_ZEROES IOE_OP_ENGINE
            IOE_F_SYNC IOE_F_RAW IOE_F_DISKLESS IOE_F_NOEXTEND IOE_F_UNIDIR IOE_F_PIPE IOE_F_FAKE
            IOE_F_NOIO IOE_F_SETS_ISSUE IOE_F_PER_FILE IOE_F_MUST_MEM
            IOE_KIND_NONE IOE_KIND_REGULAR IOE_KIND_BLOCK IOE_KIND_CHAR IOE_KIND_DIR IOE_KIND_PIPE
            IOE_OPEN_READ IOE_OPEN_WRITE IOE_OPEN_CREATE IOE_OPEN_TRUNC IOE_OPEN_DIRECT
            IOE_OPEN_SYNC IOE_OPEN_DSYNC IOE_OPENED IOE_OPEN_HOST IOE_IO_HIPRI IOE_IO_FUA
            IOE_IO_SYNC_WAIT_BEFORE IOE_IO_SYNC_WRITE IOE_IO_SYNC_WAIT_AFTER
            IOE_OPT_BOOL IOE_OPT_INT IOE_OPT_UINT IOE_OPT_SIZE IOE_OPT_TIME_NS IOE_OPT_FLOAT
            IOE_OPT_STR IOE_OPT_PATH IOE_OPT_ENUM IOE_OPT_FLAGSET IOE_OPT_ENGINE
            IOE_OPTF_REQUIRED IOE_OPTF_SECRET IOE_OPTF_HIDDEN IOE_OPTF_DEPRECATED
            IOE_ZONE_CONVENTIONAL IOE_ZONE_SEQ_REQUIRED IOE_ZONE_SEQ_PREFERRED IOE_ZONE_NOT_WP
            IOE_ZONE_EMPTY IOE_ZONE_IMPLICIT_OPEN IOE_ZONE_EXPLICIT_OPEN IOE_ZONE_CLOSED
            IOE_ZONE_READ_ONLY IOE_ZONE_FULL IOE_ZONE_OFFLINE
        }
        ioe_file { struct_size fd name size kind open_flags block_size index engine_data }
        ioe_io {
            struct_size op flags offset len buf file buf_index ioprio resid issue_ns error
            vendor_status host_cookie engine_data
        }
        ioe_choice { struct_size reserved name value help }
        ioe_option {
            struct_size r#type flags n_choices name alias def help group min max step choices
        }
        ioe_value_v { i u f s }
        ioe_value { struct_size r#type is_set reserved v }
        ioe_host {
            struct_size abi_major abi_minor ctx name version log set_error now_ns alloc free
            should_stop get_extension
        }
        ioe_job {
            struct_size iodepth numjobs job_index max_bs align direct name op_mask verify opts
            n_opts reserved
        }
        ioe_caps { struct_size max_depth flags ops max_transfer mem_align reserved }
        ioe_ops {
            struct_size n_options flags name help options io_private_size reserved init cleanup
            get_caps open_file close_file get_file_size io_init io_free start prep queue commit
            getevents cancel terminate errdetails get_extension
        }
        ioe_iomem_1 { struct_size reserved alloc free add }
        ioe_identify_1 { struct_size reserved get }
        ioe_zone { struct_size kind cond reserved start len capacity wp }
        ioe_zbd_1 { struct_size reserved limits report reset finish }
        ioe_stack_1 { struct_size reserved ops job }
        ioe_layout {
            struct_size ptr endian io_size io_engine_data file_size option_choices value_v
            host_get_extension job_n_opts ops_get_extension
        }
        ioe_plugin {
            magic struct_size abi_major abi_minor need_minor reserved n_engines id vendor version
            license url engines layout setup teardown
        }
    };
    let l = ioe_layout::OWN;
    let values = [
        l.ptr, l.endian, l.io_size, l.io_engine_data, l.file_size, l.option_choices, l.value_v,
        l.host_get_extension, l.job_n_opts, l.ops_get_extension,
    ];
    let values: Vec<String> = values.iter().map(u16::to_string).collect();
    format!("{view}IOE_LAYOUT_INIT {} {}\n", l.struct_size, values.join(" "))
}

/// Compares with a checked-in file; `IODYNO_BLESS=1` rewrites it.
pub(crate) fn compare_or_bless(path: &Path, now: &str) {
    if std::env::var_os("IODYNO_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(path, now).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    if let Some((n, (a, b))) = kept.lines().zip(now.lines()).enumerate().find(|(_, (a, b))| a != b)
    {
        panic!(
            "{}:{}: stale\n  kept: {a}\n  now:  {b}\nIODYNO_BLESS=1 cargo test -p \
             iodyno-engine-api rewrites it",
            path.display(),
            n + 1
        );
    }
    assert!(kept == now, "{}: stale (another length); IODYNO_BLESS=1 rewrites it", path.display());
}
