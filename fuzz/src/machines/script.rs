use std::time::Duration;

/// What happens in a world, out of any bytes; when they are used up, always the first choice.
#[derive(Debug)]
pub(super) struct Script {
    bytes: Vec<u8>,
    at: usize,
}

impl Script {
    pub(super) fn new(data: &[u8]) -> Self {
        Self {
            bytes: data.to_vec(),
            at: 0,
        }
    }

    pub(super) fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte.unwrap_or(0)
    }

    pub(super) fn is_over(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// One time in so many, and never when it is over.
    pub(super) fn once_in(&mut self, most: u8) -> bool {
        !self.is_over() && self.byte() % most == most - 1
    }

    /// How long something takes.
    pub(super) fn delay(&mut self) -> Duration {
        const MILLIS: [u64; 12] = [
            0, 1, 1, 40, 999, 1_000, 3_000, 19_999, 25_000, 61_000, 700_000, 90_000_000,
        ];
        Duration::from_millis(self.of(&MILLIS))
    }
}
