//! A byte trie over the vocabulary: all pieces that start at a position, in one walk.

/// Nodes in breadth-first order, the children of each side by side and sorted by their byte.
pub struct Trie {
    nodes: Vec<Node>,
    /// Byte on the edge into each node, apart from the nodes so that a search reads few lines.
    labels: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Node {
    first_child: u32,
    children: u16,
    /// Piece that ends here, `NONE` if none does.
    value: u32,
}

const NONE: u32 = u32::MAX;

impl Trie {
    /// `entries`: (piece, value).
    ///
    /// # Errors
    /// A piece that stands twice.
    pub fn new(mut entries: Vec<(&[u8], u32)>) -> Result<Self, &[u8]> {
        entries.sort_unstable();
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(pair[0].0);
        }
        let mut trie = Trie {
            nodes: vec![Node {
                first_child: 0,
                children: 0,
                value: NONE,
            }],
            labels: vec![0],
        };
        // Breadth first: (node, range of entries below it, depth).
        let mut level = vec![(0usize, 0..entries.len(), 0usize)];
        while !level.is_empty() {
            let mut next = Vec::new();
            for (node, mut range, depth) in level {
                if range.start < range.end && entries[range.start].0.len() == depth {
                    trie.nodes[node].value = entries[range.start].1;
                    range.start += 1;
                }
                trie.nodes[node].first_child = trie.nodes.len() as u32;
                while range.start < range.end {
                    let byte = entries[range.start].0[depth];
                    let len = entries[range.clone()].partition_point(|(key, _)| key[depth] == byte);
                    next.push((trie.nodes.len(), range.start..range.start + len, depth + 1));
                    trie.nodes.push(Node {
                        first_child: 0,
                        children: 0,
                        value: NONE,
                    });
                    trie.labels.push(byte);
                    trie.nodes[node].children += 1;
                    range.start += len;
                }
            }
            level = next;
        }
        Ok(trie)
    }

    /// Calls `found(length, value)` for each piece that `text` starts with, shortest first.
    pub fn prefixes(&self, text: &[u8], mut found: impl FnMut(usize, u32)) {
        let mut node = self.nodes[0];
        for (depth, byte) in text.iter().enumerate() {
            let first = node.first_child as usize;
            let labels = &self.labels[first..first + usize::from(node.children)];
            let Ok(child) = labels.binary_search(byte) else {
                return;
            };
            node = self.nodes[first + child];
            if node.value != NONE {
                found(depth + 1, node.value);
            }
        }
    }

    pub fn get(&self, piece: &[u8]) -> Option<u32> {
        let mut exact = None;
        self.prefixes(piece, |len, value| {
            if len == piece.len() {
                exact = Some(value);
            }
        });
        exact
    }
}
