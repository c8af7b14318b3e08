//! Packets whose content says whether it is what was sent.

/// Bytes of the number each packet begins with: no packet is smaller.
const NUMBER: usize = size_of::<u64>();

/// Fills packet `number`: the number itself, then bytes that depend on it.
pub(crate) fn fill(packet: &mut [u8], number: u64) {
    for (position, word) in (0..).zip(packet.chunks_mut(NUMBER)) {
        word.copy_from_slice(&word_at(position, number)[..word.len()]);
    }
}

/// Whether `echo` is an earlier packet than `packet`, and whole: then it is late. If it is not whole it is damaged.
pub(crate) fn is_older(echo: &[u8], packet: &[u8]) -> bool {
    let (Some(echo_number), Some(number)) = (number(echo), number(packet)) else { return false };
    let mut words = (0..).zip(echo.chunks(NUMBER));
    echo_number < number && words.all(|(position, word)| *word == word_at(position, echo_number)[..word.len()])
}

fn number(packet: &[u8]) -> Option<u64> {
    packet.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The eight bytes at `8 * position` of packet `number`.
fn word_at(position: u64, number: u64) -> [u8; NUMBER] {
    let word = if position == 0 { number } else { (number ^ position << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15) };
    word.to_le_bytes()
}
