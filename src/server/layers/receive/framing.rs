//! Where messages begin and end in a body: a byte of flags, four of length, then as many as the length
//! (gRPC over HTTP/2, length-prefixed messages).

const HEADER: usize = 5;

/// Bytes of a message that has begun and not ended.
#[derive(Debug, Default)]
pub struct Framing {
    header: [u8; HEADER],
    /// Of the header.
    read: usize,
    /// Of the message, that are still to come.
    left: usize,
    held: usize,
}

impl Framing {
    /// Goes on by these bytes. Says whether a message has begun in them that has not ended.
    pub fn pass(&mut self, mut bytes: &[u8]) -> bool {
        let mut begun = false;
        while !bytes.is_empty() {
            if self.left == 0 {
                begun |= self.read == 0;
                let taken = bytes.len().min(HEADER - self.read);
                self.header[self.read..][..taken].copy_from_slice(&bytes[..taken]);
                self.advance(&mut bytes, taken);
                self.read += taken;
                if self.read == HEADER {
                    let [_flags, a, b, c, d] = self.header;
                    self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.end_if_whole(&mut begun);
                }
            } else {
                let taken = bytes.len().min(self.left);
                self.advance(&mut bytes, taken);
                self.left -= taken;
                self.end_if_whole(&mut begun);
            }
        }
        begun
    }

    /// Bytes that came of a message that has not ended.
    pub fn held(&self) -> usize {
        self.held
    }

    fn advance(&mut self, bytes: &mut &[u8], taken: usize) {
        *bytes = &bytes[taken..];
        self.held += taken;
    }

    fn end_if_whole(&mut self, begun: &mut bool) {
        if self.left == 0 {
            (self.read, self.held, *begun) = (0, 0, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend_from_slice(&(length as u32).to_be_bytes());
        bytes.resize(HEADER + length, 7);
        bytes
    }

    #[test]
    fn only_what_has_not_ended_is_held_however_it_comes() {
        let bytes = [message(3), message(0), message(300)].concat();
        for size in [1, 2, 5, 7, 64, bytes.len()] {
            let mut framing = Framing::default();
            let mut most = 0;
            for part in bytes.chunks(size) {
                framing.pass(part);
                most = most.max(framing.held());
            }
            assert_eq!(framing.held(), 0, "by {size}");
            assert!(most < HEADER + 300, "by {size}");
            assert!(most >= 300 || size > 5, "by {size}: {most}");
        }
    }

    #[test]
    fn a_beginning_is_told_once() {
        let mut framing = Framing::default();
        assert!(framing.pass(&message(9)[..3]));
        assert!(!framing.pass(&message(9)[3..10]));
        assert_eq!(framing.held(), 10);
        let next = [&message(9)[10..], &message(4)[..6]].concat();
        assert!(framing.pass(&next));
        assert_eq!(framing.held(), 6);
        assert!(!framing.pass(&message(4)[6..]));
        assert_eq!(framing.held(), 0);
    }
}
