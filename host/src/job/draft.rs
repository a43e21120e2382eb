//! A job under construction: the options write into it one after another, the last one wins.
//!
//! Starts with the defaults of the option table; `resolve` makes a `JobSpec` of it once everything
//! is said. Only the fields whose meaning depends on others are kept apart from the spec's types.

use super::options;
use super::raw::{RawItem, RawValue};
use super::spec::{
    Amount, BlockRange, DepthSpec, Isolation, LoadSpec, PaceSpec, ProcessSpec, ReportSpec, Rw,
    TargetSpec, TimeSpec,
};
use super::value::Reading;
use super::{diagnostic::Place, number::Dialect};
use crate::ddir::{Ddir, PerDir};
use crate::units::{Bytes, Nanos};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) description: Option<String>,
    pub(crate) engine_asked: String,
    pub(crate) engine_pin: Option<String>,
    pub(crate) engine_timeout: Option<Nanos>,
    pub(crate) isolation: Isolation,
    pub(crate) load: LoadSpec,
    /// `rwmixread` and `rwmixwrite` as given; `load` has what the later one says.
    pub(crate) mix_percent: (u8, u8),
    pub(crate) target: TargetSpec,
    pub(crate) iodepth: u32,
    /// 0 = `iodepth`.
    pub(crate) batch_submit: u32,
    pub(crate) batch_complete_min: u32,
    /// None = the minimum.
    pub(crate) batch_complete_max: Option<u32>,
    /// 0 = `iodepth`.
    pub(crate) low: u32,
    pub(crate) time: TimeSpec,
    pub(crate) pace: PaceSpec,
    pub(crate) process: ProcessSpec,
    pub(crate) report: ReportSpec,
}

impl Draft {
    /// All defaults.
    pub(crate) fn new() -> Draft {
        let mut draft = Draft::blank();
        for option in options::all() {
            if option.default.is_empty() {
                continue;
            }
            let place = Place::File { source: 0, span: 0..0 };
            let item = RawItem { value: RawValue::Text(option.default.to_owned()), place };
            let mut remarks = Vec::new();
            let dialect = Dialect::Fio { kb_base: 1024 };
            let mut reading = Reading { dialect, remarks: &mut remarks };
            match option.kind.parse(&item, &mut reading) {
                Ok(value) => (option.apply)(&mut draft, &value),
                Err(fault) => unreachable!("default of {}: {}", option.name, fault.message),
            }
        }
        draft
    }

    /// Nothing said; what has no default in the table stays like this.
    fn blank() -> Draft {
        Draft {
            description: None,
            engine_asked: String::new(),
            engine_pin: None,
            engine_timeout: None,
            isolation: Isolation::Run,
            load: LoadSpec {
                rw: Rw::Read,
                bs: PerDir::all(BlockRange { min: Bytes(0), max: Bytes(0) }),
                size: None,
                io_size: None,
                offset: None,
                rwmixread: 0,
                norandommap: false,
                randrepeat: false,
                randseed: 0,
                fsync: 0,
                end_fsync: false,
                number_ios: None,
            },
            mix_percent: (0, 0),
            target: TargetSpec {
                filename: Vec::new(),
                directory: Vec::new(),
                nrfiles: 0,
                filesize: None,
                direct: false,
                unlink: false,
                invalidate: false,
                allow_mounted_write: false,
            },
            iodepth: 0,
            batch_submit: 0,
            batch_complete_min: 0,
            batch_complete_max: None,
            low: 0,
            time: TimeSpec { runtime: None, time_based: false, ramp_time: Nanos(0), loops: 0 },
            pace: PaceSpec { rate: PerDir::all(None), rate_iops: PerDir::all(None) },
            process: ProcessSpec {
                numjobs: 0,
                group_reporting: false,
                stonewall: false,
                thread: false,
                cpus_allowed: None,
            },
            report: ReportSpec { gtod_reduce: false, percentile_list: Vec::new() },
        }
    }

    /// The depths with what depends on one another filled in, and kept within `iodepth` as fio does
    /// (the checks tell of it).
    pub(crate) fn depth(&self) -> DepthSpec {
        let iodepth = self.iodepth;
        let or_depth = |n: u32| if n == 0 { iodepth } else { n.min(iodepth) };
        let batch_complete_min = self.batch_complete_min.min(iodepth);
        let batch_complete_max =
            self.batch_complete_max.unwrap_or(batch_complete_min).clamp(1, iodepth.max(1));
        DepthSpec {
            iodepth,
            batch_submit: or_depth(self.batch_submit),
            batch_complete_min,
            batch_complete_max,
            low: or_depth(self.low),
        }
    }

    /// Smallest block of the directions that the job uses.
    pub(crate) fn block_min(&self) -> Bytes {
        let rw = self.load.rw;
        let used = self.load.bs.iter().filter(|(ddir, _)| match ddir {
            Ddir::Read => rw.reads(),
            Ddir::Write => rw.writes(),
            _ => rw.trims(),
        });
        used.map(|(_, bs)| bs.min).min().unwrap_or(Bytes(1))
    }

    /// `size` in bytes, where it is given in bytes.
    pub(crate) fn size_bytes(&self) -> Option<Bytes> {
        match self.load.size {
            Some(Amount::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
}
