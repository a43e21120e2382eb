//! What an option takes out of its parsed value.
//!
//! Called by the option table's `apply`. Another kind than the option states is a defect of the
//! table, which its test finds.

use super::super::spec::Amount;
use super::Value;
use crate::ddir::PerDir;
use crate::units::{Bytes, Nanos};

/// What `apply` takes out of a value; the option table guarantees the kind.
impl Value {
    pub(crate) fn bool(&self) -> bool {
        let Value::Bool(on) = self else { unreachable!("the option is a flag") };
        *on
    }

    pub(crate) fn count(&self) -> u64 {
        let Value::Count(count) = self else { unreachable!("the option is a count") };
        *count
    }

    /// A count that the option's bounds keep small.
    pub(crate) fn count_u32(&self) -> u32 {
        u32::try_from(self.count()).unwrap_or_else(|_| unreachable!("bounded by the option table"))
    }

    pub(crate) fn bytes(&self) -> Bytes {
        Bytes(self.count())
    }

    pub(crate) fn text(&self) -> &str {
        let Value::Text(text) = self else { unreachable!("the option is a text") };
        text
    }

    pub(crate) fn time(&self) -> Nanos {
        let Value::Time(time) = self else { unreachable!("the option is a time") };
        *time
    }

    /// CPUs or nodes; none = all.
    pub(crate) fn numbers(&self) -> Option<Vec<u32>> {
        let Value::Numbers(numbers) = self else { unreachable!("the option is a list of numbers") };
        numbers.clone()
    }

    pub(crate) fn list(&self) -> &[String] {
        let Value::List(list) = self else { unreachable!("the option is a list") };
        list
    }

    /// 0 bytes is fio's way to say "not given".
    pub(crate) fn amount(&self) -> Option<Amount> {
        let Value::Amount(amount) = self else { unreachable!("the option is an amount") };
        (*amount != Amount::Bytes(Bytes(0))).then_some(*amount)
    }

    pub(crate) fn per_dir(&self) -> PerDir<Option<u64>> {
        let Value::PerDir(values) = self else { unreachable!("the option is per direction") };
        *values
    }
}
