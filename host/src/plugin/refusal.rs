//! Why a plugin that could be loaded is not taken: host and plugin do not fit, or its tables break
//! the contract.
//!
//! Made in the process that loaded the plugin (the probe child, the cell); its words cross the pipe
//! and become `PluginError::Refused`.

/// What is wrong, in words for the plugin's author or user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The loader refused.
    #[error("cannot be loaded: {0}")]
    Loader(String),
    /// The entry answered NULL.
    #[error("refuses this iodyno: {0}")]
    ByPlugin(String),
    /// A pointer that must not be null.
    #[error("{whose}: {name} is NULL")]
    NullPointer {
        /// Struct.
        name: String,
        /// Where.
        whose: String,
    },
    /// A pointer that cannot lead to such a struct.
    #[error("{whose}: {name} is not aligned (compiled with -fpack-struct?)")]
    Misaligned {
        /// Struct.
        name: String,
        /// Where.
        whose: String,
    },
    /// Wrong magic.
    #[error(
        "the struct that its entry function returns does not begin with IOE_MAGIC (but with \
         {found:#x}); set .magic = IOE_MAGIC"
    )]
    Magic {
        /// What stands there.
        found: u64,
    },
    /// A struct_size that cannot be.
    #[error(
        "{whose}: {name}.struct_size is {found}, at least {least} is expected; set it to \
         sizeof(struct {name})"
    )]
    StructSize {
        /// Struct.
        name: &'static str,
        /// Where.
        whose: String,
        /// As written.
        found: u32,
        /// Of version 1.0.
        least: u32,
    },
    /// More than anyone needs.
    #[error("{whose}: {count} times {name}, at most {count_max} are read")]
    TooMany {
        /// Struct.
        name: &'static str,
        /// Where.
        whose: String,
        /// As written.
        count: u32,
        /// The bound.
        count_max: u32,
    },
    /// A text without end.
    #[error("{what}: no zero byte within {bytes_max} bytes")]
    TextTooLong {
        /// Which text.
        what: String,
        /// The bound.
        bytes_max: usize,
    },
    /// A text in another encoding.
    #[error("{what}: not UTF-8")]
    TextNotUtf8 {
        /// Which text.
        what: String,
    },
    /// Another major.
    #[error(
        "speaks engine ABI {found_major}.{found_minor}, this iodyno speaks {own_major}.x; \
         rebuild it"
    )]
    Major {
        /// Of the plugin.
        found_major: u16,
        /// Of the plugin.
        found_minor: u16,
        /// Of the host.
        own_major: u16,
    },
    /// A newer host is needed.
    #[error(
        "needs engine ABI {major}.{need_minor}, this iodyno offers {offer}; use a newer iodyno"
    )]
    NeedMinor {
        /// Of both.
        major: u16,
        /// Of the plugin.
        need_minor: u16,
        /// "1.0" or "1.0 to 1.2".
        offer: String,
    },
    /// The plugin's compiler laid a struct out differently.
    #[error(
        "was compiled with another layout of the ABI: {field} is {found}, here it is {own} (-m32, \
         -fpack-struct or an edited header?)"
    )]
    Layout {
        /// Field of ioe_layout, in words.
        field: &'static str,
        /// In the plugin.
        found: u16,
        /// In the host.
        own: u16,
    },
    /// A struct of the plugin's compiler lacks fields of 1.0.
    #[error(
        "was compiled with another layout of the ABI: {field} is {found}, 1.0 has {least} (-m32, \
         -fpack-struct or an edited header?)"
    )]
    LayoutShort {
        /// Field of ioe_layout, in words.
        field: &'static str,
        /// In the plugin.
        found: u16,
        /// In version 1.0.
        least: u32,
    },
    /// abi_stable found a difference.
    #[cfg(feature = "layout-check")]
    #[error("was compiled with another layout of the ABI: {0}")]
    LayoutExport(String),
    /// Nothing in it.
    #[error("carries no engine (n_engines is 0)")]
    NoEngines,
    /// A bad id.
    #[error("its id is `{0}`; reverse DNS is expected, such as com.acme.sg")]
    BadId(String),
    /// Something is wrong with one engine.
    #[error("engine {engine}: {why}")]
    Engine {
        /// Name, or number where it has none.
        engine: String,
        /// In words.
        why: String,
    },
}

impl Refusal {
    /// About one engine.
    pub(super) fn engine(engine: &str, why: impl Into<String>) -> Self {
        Self::Engine { engine: engine.to_owned(), why: why.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::preflight::Unfit;
    use super::*;

    fn short(whose: &str, name: &'static str, found: u32, least: u32) -> Refusal {
        Refusal::StructSize { name, whose: whose.to_owned(), found, least }
    }

    /// People look for a message in the page about the ABI; there it stands as it is said.
    #[test]
    fn the_abi_page_has_the_words() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/abi.md");
        let page = std::fs::read_to_string(page).unwrap();
        let need =
            |offer: &str| Refusal::NeedMinor { major: 1, need_minor: 3, offer: offer.into() };
        let entry = "the entry function";
        let refusals = [
            Refusal::ByPlugin(
                "this plugin speaks engine ABI 1.0, and was given no host table".to_owned(),
            ),
            Refusal::NullPointer { name: "ioe_plugin".to_owned(), whose: entry.to_owned() },
            Refusal::Magic { found: 0x7f },
            short(entry, "ioe_plugin", 88, 96),
            short("ioe_plugin.engines[0]", "ioe_ops", 176, 184),
            short("engine grown: options[0]", "ioe_option", 80, 88),
            Refusal::Major { found_major: 2, found_minor: 0, own_major: 1 },
            need("1.0"),
            need("1.0 to 1.2"),
            Refusal::engine("grown", "no queue handler"),
            Refusal::Layout { field: "the offset of ioe_io.engine_data", found: 80, own: 88 },
            Refusal::LayoutShort { field: "the size of ioe_io", found: 88, least: 96 },
        ];
        let mut said: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        said.push(Unfit::EntryMajor { found: "2".to_owned() }.to_string());
        for words in said {
            assert!(page.contains(&format!("\n{words}\n")), "docs/abi.md does not say: {words}");
        }
    }
}
