//! Numbers that begin at a line of the cache: a register or a row of a tile that lies across two lines
//! takes two reads.
#![allow(unsafe_code)]

use std::{
    mem::MaybeUninit,
    ops::{Deref, DerefMut},
};

/// Bytes of a line.
const LINE: usize = 64;

/// A slice of fixed length whose first element stands at the beginning of a line.
pub struct Aligned<T> {
    /// With room for the elements before the first.
    room: Vec<T>,
    first: usize,
    length: usize,
}

impl<T: Copy + Default> Aligned<T> {
    pub fn zeros(length: usize) -> Self {
        let room = vec![T::default(); length + Self::BEFORE];
        let first = Self::first(room.as_ptr());
        Aligned {
            room,
            first,
            length,
        }
    }
}

impl<T> Aligned<T> {
    /// Places that may stand before the first.
    const BEFORE: usize = LINE / size_of::<T>();

    /// The first place at the beginning of a line, `start` being that of the room.
    fn first(start: *const T) -> usize {
        // No offset is known only while constants are computed.
        start.align_offset(LINE).min(Self::BEFORE)
    }

    /// What `write` leaves in as many places.
    ///
    /// # Safety
    /// `write` sets every place.
    pub unsafe fn written(length: usize, write: impl FnOnce(&mut [MaybeUninit<T>])) -> Self
    where
        T: Copy + Default,
    {
        let mut room: Vec<T> = Vec::with_capacity(length + Self::BEFORE);
        let first = Self::first(room.as_ptr());
        room.resize(first, T::default());
        write(&mut room.spare_capacity_mut()[..length]);
        // SAFETY: the places before the first were set by `resize`, the others by `write`.
        unsafe { room.set_len(first + length) };
        Aligned {
            room,
            first,
            length,
        }
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.room[self.first..][..self.length]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.room[self.first..][..self.length]
    }
}
