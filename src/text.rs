//! What is said while a program is built: a sentence with numbers in it.

/// A sentence that is put together piece by piece, in a `const` too, where nothing can be formatted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    bytes: [u8; 256],
    len: usize,
}

impl Text {
    pub(crate) const fn new(text: &str) -> Self {
        Self { bytes: [0; 256], len: 0 }.with(text)
    }

    pub(crate) const fn with(mut self, text: &str) -> Self {
        let mut at = 0;
        while at < text.len() {
            self = self.byte(text.as_bytes()[at]);
            at += 1;
        }
        self
    }

    const fn byte(mut self, byte: u8) -> Self {
        self.bytes[self.len] = byte;
        self.len += 1;
        self
    }

    pub(crate) const fn number(self, number: usize) -> Self {
        let before = if number > 9 { self.number(number / 10) } else { self };
        before.byte(b"0123456789"[number % 10])
    }

    pub(crate) const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => unreachable!(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn numbers_stand_between_words() {
        const TEXT: Text = Text::new("from ").number(0).with(" to ").number(usize::MAX);
        assert_eq!(TEXT.as_str(), format!("from 0 to {}", usize::MAX));
    }
}
