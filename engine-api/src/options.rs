//! An engine's option table, written as a constant, and the reading of the values that come back.
//!
//! The table is data: the host parses job files against it, checks ranges, fills in defaults,
//! prints help, all without an instance. `Job` reads the values by name through `read`. No
//! parsing here.

use crate::abi::*;
use crate::error::Error;
use crate::v1_0;
use core::ffi::{c_char, CStr};
use core::mem::size_of;
use core::ptr::null;

// SAFETY: shared means read-only: no field has interior mutability, and what follows a pointer of
// the row is unsafe itself.
unsafe impl Sync for ioe_option {}
// SAFETY: as for ioe_option.
unsafe impl Sync for ioe_choice {}

/// Builds one option in a constant:
///
/// ```
/// use iodyno_engine_api::{abi::ioe_option, choice, Opt};
/// const OPTIONS: &[&ioe_option] = &[
///     &Opt::time_ns(c"delay", c"how long a request takes").default(c"10us").build(),
///     &Opt::choice(c"mode", c"how", &[&choice(c"fast", 1, c""), &choice(c"safe", 2, c"")])
///         .required()
///         .build(),
/// ];
/// assert_eq!(OPTIONS.len(), 2);
/// ```
#[derive(Debug)]
pub struct Opt(ioe_option);

/// One choice of a [`Opt::choice`] or [`Opt::flagset`]: its word, what the engine gets, its help.
pub const fn choice(name: &'static CStr, value: u64, help: &'static CStr) -> ioe_choice {
    ioe_choice {
        struct_size: size_of::<ioe_choice>() as u32,
        reserved: 0,
        name: name.as_ptr(),
        value,
        help: help.as_ptr(),
    }
}

impl Opt {
    const fn new(kind: u32, name: &'static CStr, help: &'static CStr) -> Opt {
        Opt(ioe_option {
            struct_size: size_of::<ioe_option>() as u32,
            r#type: kind,
            flags: 0,
            n_choices: 0,
            name: name.as_ptr(),
            alias: null(),
            def: null(),
            help: help.as_ptr(),
            group: null(),
            min: 0,
            max: 0,
            step: 0,
            choices: null(),
        })
    }

    const fn with_choices(mut self, choices: &'static [&'static ioe_choice]) -> Opt {
        self.0.n_choices = choices.len() as u32;
        self.0.choices = choices.as_ptr().cast(); // a reference is a pointer that is not null
        self
    }

    /// Yes or no.
    pub const fn boolean(name: &'static CStr, help: &'static CStr) -> Opt {
        Opt::new(IOE_OPT_BOOL, name, help)
    }

    /// A signed integer.
    pub const fn int(name: &'static CStr, help: &'static CStr) -> Opt {
        Opt::new(IOE_OPT_INT, name, help)
    }

    /// An unsigned integer.
    pub const fn uint(name: &'static CStr, help: &'static CStr) -> Opt {
        Opt::new(IOE_OPT_UINT, name, help)
    }

    /// Bytes, with units in the job file.
    pub const fn size(name: &'static CStr, help: &'static CStr) -> Opt {
        Opt::new(IOE_OPT_SIZE, name, help)
    }

    /// A time, with units in the job file; the engine gets nanoseconds.
    pub const fn time_ns(name: &'static CStr, help: &'static CStr) -> Opt {
        Opt::new(IOE_OPT_TIME_NS, name, help)
    }

    /// A double.
    pub const fn float(name: &'static CStr, help: &'static CStr) -> Opt {
        Opt::new(IOE_OPT_FLOAT, name, help)
    }

    /// Text.
    pub const fn text(name: &'static CStr, help: &'static CStr) -> Opt {
        Opt::new(IOE_OPT_STR, name, help)
    }

    /// A path.
    pub const fn path(name: &'static CStr, help: &'static CStr) -> Opt {
        Opt::new(IOE_OPT_PATH, name, help)
    }

    /// One of several words.
    pub const fn choice(
        name: &'static CStr,
        help: &'static CStr,
        choices: &'static [&'static ioe_choice],
    ) -> Opt {
        Opt::new(IOE_OPT_ENUM, name, help).with_choices(choices)
    }

    /// Any of several words; the engine gets their values or-ed.
    pub const fn flagset(
        name: &'static CStr,
        help: &'static CStr,
        choices: &'static [&'static ioe_choice],
    ) -> Opt {
        Opt::new(IOE_OPT_FLAGSET, name, help).with_choices(choices)
    }

    /// Another engine, which the host loads first.
    pub const fn engine(name: &'static CStr, help: &'static CStr) -> Opt {
        Opt::new(IOE_OPT_ENGINE, name, help)
    }

    /// A second name.
    pub const fn alias(mut self, name: &'static CStr) -> Opt {
        self.0.alias = name.as_ptr();
        self
    }

    /// The default, in job-file syntax.
    pub const fn default(mut self, value: &'static CStr) -> Opt {
        self.0.def = value.as_ptr();
        self
    }

    /// A heading in the help.
    pub const fn group(mut self, name: &'static CStr) -> Opt {
        self.0.group = name.as_ptr();
        self
    }

    /// Smallest and largest value.
    pub const fn range(mut self, min: i64, max: i64) -> Opt {
        self.0.min = min;
        self.0.max = max;
        self
    }

    /// 1 = a power of two, n = a multiple of n.
    pub const fn step(mut self, step: u64) -> Opt {
        self.0.step = step;
        self
    }

    /// A job without it is refused.
    pub const fn required(self) -> Opt {
        self.flag(IOE_OPTF_REQUIRED)
    }

    /// Redacted in every output.
    pub const fn secret(self) -> Opt {
        self.flag(IOE_OPTF_SECRET)
    }

    /// Not shown in help.
    pub const fn hidden(self) -> Opt {
        self.flag(IOE_OPTF_HIDDEN)
    }

    /// Still works, warned of.
    pub const fn deprecated(self) -> Opt {
        self.flag(IOE_OPTF_DEPRECATED)
    }

    const fn flag(mut self, flag: u32) -> Opt {
        self.0.flags |= flag;
        self
    }

    /// The finished row.
    pub const fn build(self) -> ioe_option {
        self.0
    }
}

/// A value as it lies in the host's table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(&'a CStr),
}

/// The values of a job together with the table that they answer.
#[derive(Clone, Copy)]
pub(crate) struct Values {
    pub(crate) table: &'static [&'static ioe_option],
    pub(crate) opts: *const *const ioe_value,
    pub(crate) n_opts: u32,
}

/// Index of option `name` in the engine's own table.
pub(crate) fn position(values: &Values, name: &str) -> Option<usize> {
    // SAFETY: Table::CHECKED in vtable refuses a row without a name when compiling; Opt takes it as
    // a CStr that lives for ever, which the ABI wants of rows that are built by hand.
    let named =
        |row: &&ioe_option| unsafe { CStr::from_ptr(row.name) }.to_bytes() == name.as_bytes();
    values.table.iter().position(named)
}

/// Finds the value of option `name`. `None`: the job gives none and there is no default.
pub(crate) fn read<'a>(values: &'a Values, name: &str) -> Result<Option<Value<'a>>, Error> {
    let fault = |what: &str| Error::new(libc::EINVAL, format!("option {name}: {what}"));
    let index = position(values, name)
        .ok_or_else(|| fault("the engine asks for it, but its option table lacks it"))?;
    if index >= values.n_opts as usize || values.opts.is_null() {
        return Err(fault("the host hands over fewer values than the engine has options"));
    }
    // SAFETY: index < n_opts was just tested, and the array is valid until cleanup.
    let value = unsafe { *values.opts.add(index) };
    // SAFETY: struct_size is the first field of any version; a null value is refused before it.
    if value.is_null() || unsafe { (*value).struct_size } < v1_0::VALUE {
        return Err(fault("the host's value is missing or shorter than in version 1.0"));
    }
    // SAFETY: all fields of 1.0 lie within struct_size, as just tested. The union is read by the
    // type that the table declares, and only after the host's own type was found equal to it.
    unsafe {
        if (*value).is_set == 0 {
            return Ok(None);
        }
        let (declared, given) = (values.table[index].r#type, (*value).r#type);
        if declared != given {
            return Err(fault(&format!("the host gives type {given} for type {declared}")));
        }
        Ok(Some(match declared {
            IOE_OPT_INT => Value::Int((*value).v.i),
            IOE_OPT_FLOAT => Value::Float((*value).v.f),
            IOE_OPT_STR | IOE_OPT_PATH | IOE_OPT_ENGINE => {
                let text: *const c_char = (*value).v.s;
                match text.is_null() {
                    true => return Err(fault("the host gives no text")),
                    false => Value::Text(CStr::from_ptr(text)),
                }
            }
            _ => Value::Uint((*value).v.u),
        }))
    }
}
