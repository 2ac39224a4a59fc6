//! Errors within what HTTP/2 clients take: many stop at 8 KiB of metadata, and see `RESOURCE_EXHAUSTED` in an error's
//! place. The message travels percent-encoded, and once more, with the violations, in base64.

use std::fmt::Write;

/// Bytes of a message, as it is encoded.
const MESSAGE: usize = 1_000;
/// Bytes of all violations. With the message, in base64: 5.5 kB.
const VIOLATIONS: usize = 2_800;
/// Bytes of a violation's two texts beside their framing in protobuf.
const FRAMING: usize = 16;
/// Characters of a client's value that are echoed.
const ECHOED: usize = 64;

/// A value as it is echoed to its sender.
pub fn echoed(value: &str) -> String {
    shortened(value, |kept| kept.chars().count() <= ECHOED)
}

/// A message that fits.
pub fn message(text: &str) -> String {
    shortened(text, |kept| encoded_length(kept) <= MESSAGE)
}

/// As many of the violations, each a subject and a text, as fit, and how many more there are.
pub fn violations(all: Vec<(String, String)>) -> Vec<(String, String)> {
    let count = all.len();
    let mut kept = Vec::new();
    let mut room = VIOLATIONS;
    for (subject, text) in all {
        let (subject, text) = (echoed(&subject), message(&text));
        let size = subject.len() + text.len() + FRAMING;
        if size > room {
            let mut more = String::new();
            // Writing into a string does not fail.
            let _ = write!(
                more,
                "{} more are not listed: correct these first",
                count - kept.len()
            );
            kept.push((String::new(), more));
            break;
        }
        room -= size;
        kept.push((subject, text));
    }
    kept
}

/// The longest beginning that fits, with an ellipsis where it is not all.
fn shortened(text: &str, fits: impl Fn(&str) -> bool) -> String {
    if fits(text) {
        return text.to_owned();
    }
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let kept = ends.partition_point(|end| fits(&format!("{}…", &text[..*end])));
    format!("{}…", &text[..ends[kept.saturating_sub(1)]])
}

/// Bytes of `grpc-message`: printable ASCII but `%` as it is, anything else as `%XX`.
fn encoded_length(text: &str) -> usize {
    let plain = |byte: &u8| (b' '..=b'~').contains(byte) && *byte != b'%';
    text.bytes()
        .map(|byte| if plain(&byte) { 1 } else { 3 })
        .sum()
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::rpc::{request::Violation, status::RpcError};
    use tonic::Status;

    /// Bytes of metadata of an error, as it travels.
    fn size(status: &Status) -> usize {
        encoded_length(status.message()) + status.details().len().div_ceil(3) * 4
    }

    #[test]
    fn however_much_is_wrong_clients_can_read_the_error() {
        let value = "é".repeat(20_000);
        let many = (0..16).map(|i| Violation::new(format!("target_languages[{i}]"), value.clone()));
        let one = [Violation::new(value.clone(), value.clone())];
        for violations in [many.collect(), one.to_vec()] {
            let status = Status::from(RpcError::Invalid(violations));
            assert!(size(&status) < 7_000, "{}", size(&status));
            assert!(status.message().ends_with('…'));
        }
    }

    #[test]
    fn sixteen_ordinary_violations_are_all_listed() {
        let all: Vec<_> = (0..16)
            .map(|i| (format!("target_languages[{i}]"), "r".repeat(130)))
            .collect();
        assert_eq!(violations(all.clone()), all);
    }

    #[test]
    fn what_fits_is_echoed_whole_and_what_does_not_is_cut_between_characters() {
        assert_eq!(echoed("text/x"), "text/x");
        assert_eq!(echoed(&"é".repeat(99)), "é".repeat(63) + "…");
    }
}
