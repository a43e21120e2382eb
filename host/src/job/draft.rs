//! A job under construction: the options write into it one after another, the last one wins.
//!
//! Starts with the defaults of the option table; `resolve` makes a `JobSpec` of it once everything
//! is said. Only the fields whose meaning depends on others are kept apart from the spec's types.

use super::criterion::Criterion;
use super::machine;
use super::options;
use super::raw::{RawItem, RawValue};
use super::spec::{
    Amount, ContentSpec, DepthSpec, ErrorsSpec, FlowSpec, Isolation, LatencyTarget, LoadSpec,
    PaceSpec, ProcessSpec, ReportSpec, SteadyState, Strided, TargetSpec, TimeSpec, VerifySpec, Zbd,
};
use super::value::Reading;
use super::{diagnostic::Place, number::Dialect};
use crate::ddir::Ddir;
use crate::units::{Bytes, Nanos};

/// `zonemode` and its kin as given; 0 = not given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Zones {
    pub(crate) strided: bool,
    /// `zonemode=zbd`.
    pub(crate) zbd: bool,
    pub(crate) size: Bytes,
    pub(crate) range: Bytes,
    pub(crate) skip: Bytes,
    /// Of `zonemode=zbd`, but for its sizes.
    pub(crate) of_zbd: Zbd,
}

/// `latency_target` and its kin, which are one where the target is given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LatencyParts {
    pub(crate) target: Option<Nanos>,
    pub(crate) window: Option<Nanos>,
    pub(crate) percentile: f64,
    pub(crate) run: bool,
}

/// `steadystate` and its kin, which are one where the criterion is given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SteadyParts {
    pub(crate) criterion: Option<Criterion>,
    pub(crate) duration: Nanos,
    pub(crate) ramp_time: Nanos,
    pub(crate) interval: Nanos,
}

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
    pub(crate) content: ContentSpec,
    pub(crate) zones: Zones,
    pub(crate) target: TargetSpec,
    /// `direct` and `buffered` as given; `target` has what the later one says.
    pub(crate) direct_asked: bool,
    pub(crate) buffered_asked: bool,
    /// `zero_buffers` as given; a later `buffer_pattern` takes it back.
    pub(crate) zeros_asked: bool,
    pub(crate) iodepth: u32,
    /// 0 = `iodepth`.
    pub(crate) batch_submit: u32,
    pub(crate) batch_complete_min: u32,
    /// None = the minimum.
    pub(crate) batch_complete_max: Option<u32>,
    /// 0 = `iodepth`.
    pub(crate) low: u32,
    pub(crate) offload: bool,
    /// Without `steadystate`.
    pub(crate) time: TimeSpec,
    pub(crate) steady: SteadyParts,
    /// Without `flow` and `latency_target`.
    pub(crate) pace: PaceSpec,
    /// Weight 0 = none.
    pub(crate) flow: FlowSpec,
    pub(crate) latency: LatencyParts,
    pub(crate) process: ProcessSpec,
    pub(crate) verify: VerifySpec,
    pub(crate) errors: ErrorsSpec,
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
            load: LoadSpec::default(),
            mix_percent: (0, 0),
            content: ContentSpec::default(),
            zones: Zones::default(),
            target: TargetSpec::default(),
            direct_asked: false,
            buffered_asked: false,
            zeros_asked: false,
            iodepth: 0,
            batch_submit: 0,
            batch_complete_min: 0,
            batch_complete_max: None,
            low: 0,
            offload: false,
            time: TimeSpec::default(),
            steady: SteadyParts::default(),
            pace: PaceSpec::default(),
            flow: FlowSpec { weight: 0, id: 0, sleep: Nanos(0) },
            latency: LatencyParts::default(),
            process: ProcessSpec::default(),
            verify: VerifySpec::default(),
            errors: ErrorsSpec::default(),
            report: ReportSpec::default(),
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
            offload: self.offload,
        }
    }

    /// The load with the zones filled in.
    pub(crate) fn load(&self) -> LoadSpec {
        let Zones { strided, zbd, size, range, skip, of_zbd } = self.zones;
        let range = if range == Bytes(0) { size } else { range };
        let strided = strided.then_some(Strided { size, range, skip });
        let zbd = zbd.then_some(Zbd { zone_size: size, skip, ..of_zbd });
        LoadSpec { strided, zbd, ..self.load.clone() }
    }

    /// The target with what follows from other options.
    pub(crate) fn target(&self) -> TargetSpec {
        let mut target = self.target.clone();
        // What is read ahead would be dropped again.
        target.invalidate &= !target.pre_read;
        target
    }

    /// The times, with `steadystate` where it is given.
    pub(crate) fn time(&self) -> TimeSpec {
        let steady = self.steady;
        let steadystate = steady.criterion.map(|criterion| SteadyState {
            metric: criterion.metric,
            slope: criterion.slope,
            limit: criterion.limit,
            percent: criterion.percent,
            duration: steady.duration,
            ramp_time: steady.ramp_time,
            interval: steady.interval,
        });
        TimeSpec { steadystate, ..self.time }
    }

    /// The pace, with `flow` and `latency_target` where they are given.
    pub(crate) fn pace(&self) -> PaceSpec {
        let latency = self.latency;
        let latency_target = latency.target.map(|target| LatencyTarget {
            target,
            // The checks refuse a target without a window.
            window: latency.window.unwrap_or_default(),
            percentile: latency.percentile,
            run: latency.run,
        });
        PaceSpec {
            flow: Some(self.flow).filter(|flow| flow.weight != 0),
            latency_target,
            ..self.pace
        }
    }

    /// The process, with the nodes that `all` stands for.
    pub(crate) fn process(&self, nodes: &[u32]) -> ProcessSpec {
        let mut process = self.process.clone();
        process.numa_mem_policy =
            process.numa_mem_policy.map(|policy| machine::filled(policy, nodes));
        process
    }

    /// The verification, with the batches kept within the backlogs (the checks tell of it).
    pub(crate) fn verify(&self) -> VerifySpec {
        let mut verify = self.verify.clone();
        verify.backlog_batch = verify.backlog_batch.min(verify.backlog);
        verify.trim_backlog_batch = verify.trim_backlog_batch.min(verify.trim_backlog);
        verify
    }

    /// The job goes in this direction.
    pub(crate) fn uses(&self, ddir: Ddir) -> bool {
        match ddir {
            Ddir::Read => self.load.rw.reads(),
            Ddir::Write => self.load.rw.writes(),
            Ddir::Trim => self.load.rw.trims(),
            Ddir::Sync => false,
        }
    }

    /// Smallest block of the directions that the job uses.
    pub(crate) fn block_min(&self) -> Bytes {
        let used = self.load.bs.iter().filter(|(ddir, _)| self.uses(*ddir));
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
