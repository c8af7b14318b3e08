//! Arguments that are numbers, checked; every complaint is a sentence for the user.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use lexopt::{Parser, ValueExt};

/// The value of option `name`, which comes next.
pub(crate) fn value(name: &str, parser: &mut Parser) -> Result<String, String> {
    let value = parser.value().map_err(|_| format!("{name} needs a value"))?;
    value.string().map_err(|error| format!("{name}: {error}"))
}

/// `text` as a number in `range`, or a sentence that says what it should be.
pub(crate) fn within<T>(name: &str, text: &str, range: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    let number = text.trim().parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{name}: \"{text}\" is not a number from {} to {}", range.start(), range.end()))
}
