//! [`Steps`]: a list that grows and shrinks step by step.

use std::ops::{Index, IndexMut};

/// How many items a chunk holds, and how many chunks a node.
const WIDTH: usize = 512;

/// A list that is long, and changes under a lock. It adds and gives back memory chunk by chunk: no call moves more than
/// 512 items, or the headers of 512 chunks, or those of the nodes: 8,192 for 2^31 items.
#[derive(Debug)]
pub(crate) struct Steps<T> {
    /// The first node of chunks of items: most lists have no other.
    first: Vec<Vec<T>>,
    /// The other nodes. All are full, but the last ones.
    nodes: Vec<Vec<Vec<T>>>,
    len: usize,
}

impl<T> Default for Steps<T> {
    fn default() -> Self {
        let (first, nodes) = (Vec::new(), Vec::new());
        Self {
            first,
            nodes,
            len: 0,
        }
    }
}

impl<T> Steps<T> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, item: T) {
        let (node, chunk, _) = place(self.len);
        if node > self.nodes.len() {
            self.nodes.push(Vec::new());
        }
        let chunks = match node {
            0 => &mut self.first,
            node => &mut self.nodes[node - 1],
        };
        if chunk == chunks.len() {
            // The first one grows with what it holds: many lists are short.
            let room = if self.len == 0 { 0 } else { WIDTH };
            chunks.push(Vec::with_capacity(room));
        }
        chunks[chunk].push(item);
        self.len += 1;
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let chunks = self.nodes.last_mut().unwrap_or(&mut self.first);
        let chunk = chunks.last_mut()?;
        let item = chunk.pop()?;
        self.len -= 1;
        if chunk.is_empty() {
            chunks.pop();
            if chunks.is_empty() {
                // Of the first node there is none left.
                self.nodes.pop();
            }
        }
        Some(item)
    }

    /// All items, one beside the other. It moves all of them: not under a lock.
    pub(crate) fn into_vec(self) -> Vec<T> {
        let mut all = Vec::with_capacity(self.len);
        let nodes = self.nodes.into_iter().flatten();
        for mut chunk in self.first.into_iter().chain(nodes) {
            all.append(&mut chunk);
        }
        all
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        let (node, chunk, item) = place(index);
        self.node(node)?.get(chunk)?.get(item)
    }

    #[inline]
    fn node(&self, node: usize) -> Option<&Vec<Vec<T>>> {
        match node.checked_sub(1) {
            None => Some(&self.first),
            Some(node) => self.nodes.get(node),
        }
    }

    #[inline]
    fn node_mut(&mut self, node: usize) -> Option<&mut Vec<Vec<T>>> {
        match node.checked_sub(1) {
            None => Some(&mut self.first),
            Some(node) => self.nodes.get_mut(node),
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let (node, chunk, item) = place(index);
        self.node_mut(node)?.get_mut(chunk)?.get_mut(item)
    }
}

/// The numbers of the node, of the chunk in it, and of the item in that.
const fn place(index: usize) -> (usize, usize, usize) {
    (
        index / (WIDTH * WIDTH),
        index / WIDTH % WIDTH,
        index % WIDTH,
    )
}

impl<T> Index<usize> for Steps<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        self.get(index).expect("there are more items")
    }
}

impl<T> IndexMut<usize> for Steps<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        self.get_mut(index).expect("there are more items")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_found_where_they_were_put_and_leave_in_the_other_sequence() {
        let mut steps = Steps::default();
        let count = 2 * WIDTH * WIDTH + 1;
        (0..count).for_each(|item| steps.push(item));
        assert_eq!(steps.len(), count);
        assert!((0..count).all(|item| steps[item] == item));
        assert_eq!(steps.get(count), None);
        let mut few = Steps::default();
        (0..2 * WIDTH + 1).for_each(|item| few.push(item));
        assert!(few.into_vec().into_iter().eq(0..2 * WIDTH + 1));
        for item in (0..count).rev() {
            assert_eq!(steps.pop(), Some(item));
        }
        assert_eq!((steps.pop(), steps.len()), (None, 0));
        assert!(
            steps.first.is_empty() && steps.nodes.is_empty(),
            "the memory is given back"
        );
    }
}
