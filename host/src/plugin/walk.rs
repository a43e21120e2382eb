//! Everything that a plugin's tables hold, read anew: as bytes that can be compared, as texts and
//! structs that can be judged one by one.
//!
//! For `conformance` alone: where `load` stops at the first thing that is wrong, this one goes on,
//! so that each check meets what it is about. Reads within each struct's own `struct_size`; calls
//! nothing of the plugin's.

use super::describe;
use super::foreign::{self, Table};
use super::gate::Answered;
use super::lint;
use super::ops;
use super::refusal::Refusal;
use crate::catalogue::EngineInfo;
use iodyno_engine_api::abi::{ioe_choice, ioe_ops, ioe_option, ioe_plugin};
use std::ffi::c_char;

/// Engines, options and choices that are read.
const COUNT_MAX: u32 = 1024;

/// Some bytes of a plugin's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which struct, array or text.
    pub what: String,
    /// What stood there.
    pub bytes: Vec<u8>,
}

/// A text of a plugin's that is not NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Which one.
    pub what: String,
    /// Without its terminator; none where there is none within what is read.
    pub bytes: Option<Vec<u8>>,
}

/// The tables of a plugin.
pub struct Tables {
    plugin: ioe_plugin,
    /// In the order of the plugin's array.
    pub engines: Vec<EngineTable>,
    /// All of them.
    pub texts: Vec<Text>,
    /// All that was read, in an order that depends on the tables alone.
    pub pieces: Vec<Piece>,
    /// Fields named reserved, and whether they are 0.
    pub reserved: Vec<(String, bool)>,
}

/// One engine's.
pub struct EngineTable {
    /// As in messages: its name, where it has one.
    pub name: String,
    /// The host's copy.
    pub ops: ioe_ops,
    /// Names and `IOE_OPTF_*` of its options.
    pub option_flags: Vec<(String, u32)>,
    /// Where it stands in the plugin's array.
    index: usize,
}

impl Tables {
    /// Reads all of them.
    ///
    /// # Errors
    /// Host and plugin do not fit, or a pointer or a size cannot be: in words.
    pub fn read(answered: Answered) -> Result<Tables, String> {
        let plugin = answered.agree()?;
        let mut walk = Walk::default();
        // SAFETY: the struct agreed with this host, so its pointers lead to what they say; a lie is
        // the plugin's crash in this child.
        let engines = unsafe { walk.plugin(answered.as_ptr(), &plugin) };
        let engines = engines.map_err(|why| why.to_string())?;
        let Walk { texts, pieces, reserved } = walk;
        Ok(Tables { plugin, engines, texts, pieces, reserved })
    }

    /// What the host warns of in the plugin's own words about itself.
    ///
    /// # Errors
    /// The host refuses them.
    pub fn self_description(&self) -> Result<Vec<String>, String> {
        // SAFETY: the copy of a struct that agreed (`read`).
        let description = unsafe { describe::plugin(&self.plugin) };
        description.map(|d| d.warnings).map_err(|why| why.to_string())
    }

    /// The first difference from tables that were read earlier, in words.
    #[must_use]
    pub fn change_since(&self, before: &Tables) -> Option<String> {
        let mut pairs = before.pieces.iter().zip(&self.pieces);
        let other = pairs.find(|(was, is)| was != is).map(|(was, _)| was.what.as_str());
        let shorter = before.pieces.len() != self.pieces.len();
        other.or(shorter.then_some("the number of structs and texts")).map(str::to_owned)
    }
}

impl EngineTable {
    /// Whether the host takes its name and its callbacks together with its flags.
    ///
    /// # Errors
    /// In words.
    pub fn callbacks(&self) -> Result<(), String> {
        ops::check_callbacks(&self.ops, &self.name).map_err(|why| why.to_string())
    }

    /// Whether its name is one.
    ///
    /// # Errors
    /// In words.
    pub fn legal_name(&self) -> Result<(), String> {
        let whose = format!("ioe_plugin.engines[{}]", self.index);
        ops::check_name(&self.name, &whose).map_err(|why| why.to_string())
    }

    /// Its options as data, and what is odd about them.
    ///
    /// # Errors
    /// What the host refuses, in words.
    pub fn options(&self) -> Result<(EngineInfo, Vec<String>), String> {
        // SAFETY: the copy of a table of a plugin that agreed (`Tables::read`).
        let info = unsafe { describe::engine(&self.ops, self.name.clone()) };
        let info = info.map_err(|why| why.to_string())?;
        let warnings = lint::options(&self.name, &info.options).map_err(|why| why.to_string())?;
        Ok((info, warnings))
    }
}

#[derive(Default)]
struct Walk {
    texts: Vec<Text>,
    pieces: Vec<Piece>,
    reserved: Vec<(String, bool)>,
}

impl Walk {
    /// # Safety
    /// `from` is what `raw` is the copy of, in a plugin that agreed with this host; so for all
    /// pointers in it.
    unsafe fn plugin(
        &mut self,
        from: *const ioe_plugin,
        raw: &ioe_plugin,
    ) -> Result<Vec<EngineTable>, Refusal> {
        self.zero("ioe_plugin.reserved", raw.reserved.into());
        // SAFETY: the caller vouches for all pointers here and below.
        unsafe {
            self.bytes("ioe_plugin", from, raw.struct_size);
            self.bytes("ioe_plugin.layout", raw.layout, (*raw.layout).struct_size);
            for (name, text) in [
                ("id", raw.id),
                ("vendor", raw.vendor),
                ("version", raw.version),
                ("license", raw.license),
                ("url", raw.url),
            ] {
                self.text(&format!("ioe_plugin.{name}"), text);
            }
            let engines = self.array("ioe_plugin.engines", raw.engines, raw.n_engines)?;
            let numbered = engines.into_iter().enumerate();
            numbered.map(|(index, from)| self.engine(from, index)).collect()
        }
    }

    /// # Safety
    /// As in `plugin`.
    unsafe fn engine(
        &mut self,
        from: *const ioe_ops,
        index: usize,
    ) -> Result<EngineTable, Refusal> {
        let whose = format!("engines[{index}]");
        // SAFETY: the caller vouches for the pointer, and for those in the table.
        unsafe {
            let ops = foreign::copy(from, &whose)?;
            self.bytes(&format!("{whose}: ioe_ops"), from, ops.struct_size);
            self.zero(&format!("{whose}: ioe_ops.reserved"), ops.reserved);
            let name = self.text(&format!("{whose}: name"), ops.name);
            self.text(&format!("{whose}: help"), ops.help);
            let options = self.array(&format!("{whose}: options"), ops.options, ops.n_options)?;
            let mut option_flags = Vec::new();
            for (n, option) in options.into_iter().enumerate() {
                option_flags.push(self.option(option, &format!("{whose}: options[{n}]"))?);
            }
            Ok(EngineTable { name: name.unwrap_or_default(), ops, option_flags, index })
        }
    }

    /// # Safety
    /// As in `plugin`.
    unsafe fn option(
        &mut self,
        from: *const ioe_option,
        whose: &str,
    ) -> Result<(String, u32), Refusal> {
        // SAFETY: the caller vouches for the pointer, and for those in the option.
        unsafe {
            let raw = foreign::copy(from, whose)?;
            self.bytes(whose, from, raw.struct_size);
            let own_name = self.text(&format!("{whose}.name"), raw.name);
            for (name, text) in
                [("alias", raw.alias), ("def", raw.def), ("help", raw.help), ("group", raw.group)]
            {
                self.text(&format!("{whose}.{name}"), text);
            }
            let choices = self.array(&format!("{whose}.choices"), raw.choices, raw.n_choices)?;
            for (n, from) in choices.into_iter().enumerate() {
                let whose = format!("{whose}.choices[{n}]");
                let choice: ioe_choice = foreign::copy(from, &whose)?;
                self.bytes(&whose, from, choice.struct_size);
                self.zero(&format!("{whose}.reserved"), choice.reserved);
                self.text(&format!("{whose}.name"), choice.name);
                self.text(&format!("{whose}.help"), choice.help);
            }
            Ok((own_name.unwrap_or_default(), raw.flags))
        }
    }

    fn zero(&mut self, what: &str, value: u32) {
        self.reserved.push((what.to_owned(), value == 0));
    }

    /// # Safety
    /// `len` bytes can be read there.
    unsafe fn bytes<T>(&mut self, what: &str, from: *const T, len: u32) {
        // SAFETY: the caller vouches for it; padding does not exist in these structs.
        let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), len as usize) };
        self.pieces.push(Piece { what: what.to_owned(), bytes: bytes.to_vec() });
    }

    /// # Safety
    /// `from` is null or leads to `count` pointers.
    unsafe fn array<T: Table>(
        &mut self,
        what: &str,
        from: *const *const T,
        count: u32,
    ) -> Result<Vec<*const T>, Refusal> {
        // SAFETY: the caller vouches for it.
        let pointers = unsafe { foreign::pointers(from, count, COUNT_MAX, what)? };
        let bytes = pointers.iter().flat_map(|to| to.addr().to_ne_bytes()).collect();
        self.pieces.push(Piece { what: what.to_owned(), bytes });
        Ok(pointers)
    }

    /// # Safety
    /// `from` is null or leads to a text.
    unsafe fn text(&mut self, what: &str, from: *const c_char) -> Option<String> {
        if from.is_null() {
            return None;
        }
        // SAFETY: not null; the caller vouches for the rest, up to the bound.
        let bytes = unsafe { foreign::bytes_until_zero(from, foreign::TEXT_BYTES_MAX) };
        let what = what.to_owned();
        let shown = bytes.clone().unwrap_or_default();
        self.pieces.push(Piece { what: what.clone(), bytes: shown.clone() });
        self.texts.push(Text { what, bytes });
        Some(String::from_utf8_lossy(&shown).into_owned())
    }
}
