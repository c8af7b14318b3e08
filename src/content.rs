//! What all owners of bytes do alike with their content: compare, show, read from the front, cut, take apart.

mod compare;
mod copied;
mod into_bytes;
mod part;
mod read;
mod show;
mod write;

pub use into_bytes::IntoBytes;

pub(crate) use compare::{compares_by_content, compares_from, compares_with};
pub(crate) use copied::copied;
pub(crate) use part::part_of;
pub(crate) use read::reads_from_the_front;
pub(crate) use show::{shows_content, write_byte_string, write_hex};
pub(crate) use write::writes_to_the_end;
