//! GPT-2's letters for bytes: printable ones stand for themselves, the others for U+0100 and up.

/// The letter that a byte is written with.
pub fn letter(byte: u8) -> char {
    if is_printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|other| !is_printable(*other)).count() as u32;
    char::from_u32(0x100 + before).unwrap_or_default()
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// All letters, by byte.
pub fn letters() -> [char; 256] {
    std::array::from_fn(|byte| letter(byte as u8))
}
