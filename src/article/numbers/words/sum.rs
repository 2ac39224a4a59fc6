//! A number under construction, word by word, as French and English both build them: hundreds and what is below, then a
//! word for a thousand or more, then the same again.

#[derive(Clone, Copy, Default)]
pub struct Sum {
    /// What was closed by a word for a thousand or more.
    closed: u128,
    /// The power of ten of the last of those words.
    last: Option<u32>,
    hundreds: u128,
    low: u128,
    /// How many parts it has.
    pub parts: usize,
}

impl Sum {
    /// What is below a hundred.
    pub fn low(&self) -> u128 {
        self.low
    }

    pub fn value(&self) -> u128 {
        self.closed + self.hundreds + self.low
    }

    /// Sets what is below a hundred.
    pub fn put_low(&mut self, low: u128) {
        self.low = low;
        self.parts += 1;
    }

    /// `cent`, `hundred`: of what is below a hundred, where there is no hundred yet.
    pub fn put_hundred(&mut self) -> bool {
        let counts = matches!(self.low, 0..=9 | 11..=19 | 21..=99);
        if self.hundreds > 0 || !counts {
            return false;
        }
        self.hundreds = self.low.max(1) * 100;
        self.low = 0;
        self.parts += 1;
        true
    }

    /// `mille`, `million`: of all since the last one that was greater. `alone`: what it is worth with nothing before.
    pub fn put_scale(&mut self, power: u32, alone: u128) -> bool {
        let group = self.hundreds + self.low;
        let scaled = |value: u128| value.checked_mul(10u128.checked_pow(power)?);
        let closed = match self.last {
            // Mille milliards.
            Some(last) if power > last => scaled(self.closed + group),
            Some(last) if power == last => return false,
            _ if group == 0 && alone == 0 => return false,
            _ => {
                let value = scaled(if group == 0 { alone } else { group });
                value.and_then(|value| value.checked_add(self.closed))
            }
        };
        // What is below a million finds room, too.
        let Some(closed) = closed.filter(|closed| *closed < u128::MAX / 1000) else {
            return false;
        };
        self.closed = closed;
        (self.hundreds, self.low) = (0, 0);
        self.last = Some(power);
        self.parts += 1;
        true
    }

    /// The power of ten of the last word, if that was one for a thousand or more.
    pub fn ends_on_scale(&self) -> Option<u32> {
        self.last.filter(|_| self.hundreds + self.low == 0)
    }
}
