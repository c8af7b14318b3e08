//! In the place of `recording`, where there are no recordings: whoever asks for one is told so.

use std::io::Write;
use std::sync::Once;

use crate::heap::noted::Note;

/// No allocator is recorded.
pub(super) fn asked_for() -> Option<Note> {
    static FIRST: Once = Once::new();
    FIRST.call_once(|| {
        if std::env::var_os("SMMALLOC_RECORD").is_some_and(|name| !name.is_empty()) {
            let sentence = "this library cannot record: that takes the feature `record`, and unix";
            let _told = writeln!(std::io::stderr(), "smmalloc: SMMALLOC_RECORD: {sentence}");
        }
    });
    None
}
