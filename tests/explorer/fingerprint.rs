//! A fingerprint of 128 bits of what is hashed, byte by byte.

use std::hash::{Hash, Hasher};

/// The fingerprint of `value`.
pub fn fingerprint(value: &impl Hash) -> u128 {
    let mut mixer = Mixer {
        block: [0; 16],
        filled: 0,
        left: LEFT,
        right: RIGHT,
    };
    value.hash(&mut mixer);
    mixer.end()
}

// Odd numbers without a pattern: digits of pi and of e.
const LEFT: u64 = 0x2438_D313_1989_A2E3;
const RIGHT: u64 = 0xB7E1_5162_8AED_2A6B;

/// Collects bytes, and mixes sixteen at a time.
struct Mixer {
    block: [u8; 16],
    filled: usize,
    left: u64,
    right: u64,
}

/// Both halves of the product.
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

impl Mixer {
    fn push(&mut self, byte: u8) {
        self.block[self.filled] = byte;
        self.filled += 1;
        if self.filled == self.block.len() {
            self.mix();
        }
    }

    fn mix(&mut self) {
        let block = u128::from_le_bytes(self.block);
        let (low, high) = (block as u64, (block >> 64) as u64);
        let (left, right) = (self.left, self.right);
        self.left = folded(left ^ low ^ LEFT, high ^ RIGHT).wrapping_add(right);
        self.right =
            folded(right ^ high ^ LEFT, low ^ RIGHT.rotate_left(32)).rotate_left(23) ^ left;
        self.block = [0; 16];
        self.filled = 0;
    }

    fn end(mut self) -> u128 {
        self.mix();
        self.mix();
        u128::from(self.left) << 64 | u128::from(self.right)
    }
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        unreachable!("the fingerprint is taken as a whole");
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.push(byte));
    }

    fn write_u8(&mut self, byte: u8) {
        self.push(byte);
    }

    /// A fingerprint is a block of its own.
    fn write_u128(&mut self, fingerprint: u128) {
        if self.filled > 0 {
            self.mix();
        }
        self.block = fingerprint.to_le_bytes();
        self.mix();
    }

    // Almost all numbers are small.
    fn write_u64(&mut self, number: u64) {
        self.push(number.min(0xFF) as u8);
        if number >= 0xFF {
            self.write(&number.to_le_bytes());
        }
    }

    // Which variant of an enum it is, and how many items there are: both are small.
    fn write_isize(&mut self, number: isize) {
        self.push(number as u8);
    }

    fn write_usize(&mut self, number: usize) {
        self.push(number as u8);
    }
}
