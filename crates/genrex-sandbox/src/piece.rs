use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use crate::audio::Audio;

/// A piece of music, which is made once: when it is first needed.
#[derive(Debug)]
pub(crate) struct Piece {
    text: String,
    seconds: u8,
    seed: u64,
    audio: OnceLock<Audio>,
}

impl Piece {
    /// It, if it was made before.
    pub(crate) fn made(&self) -> Option<&Audio> {
        self.audio.get()
    }

    /// It, made now if need be: that takes milliseconds.
    pub(crate) fn make(&self) -> &Audio {
        let render = || Audio::render(&self.text, self.seconds, self.seed);
        self.audio.get_or_init(render)
    }

    fn is(&self, text: &str, seconds: u8) -> bool {
        self.seconds == seconds && self.text == text
    }
}

/// The pieces that were asked for last. Any other is made again when it is.
#[derive(Debug)]
pub(crate) struct Pieces {
    seed: u64,
    /// The one that was asked for last is the first.
    kept: VecDeque<Arc<Piece>>,
}

impl Pieces {
    /// How much music is kept, in seconds: a second takes 64 kB.
    const KEPT: u32 = 480;
    /// How many pieces are begun before somebody asks for them.
    const AHEAD: usize = 8;

    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            seed,
            kept: VecDeque::new(),
        }
    }

    /// A piece that is asked for.
    pub(crate) fn asked(&mut self, text: &str, seconds: u8) -> Arc<Piece> {
        let known = self.kept.iter().position(|piece| piece.is(text, seconds));
        let piece = known.and_then(|at| self.kept.remove(at));
        let piece = piece.unwrap_or_else(|| {
            Arc::new(Piece {
                text: text.to_owned(),
                seconds,
                seed: self.seed,
                audio: OnceLock::new(),
            })
        });
        self.kept.push_front(Arc::clone(&piece));
        while self.seconds() > Self::KEPT {
            self.kept.pop_back();
        }
        piece
    }

    /// A piece that will be asked for, unless it is made already, or so many others wait to be made that it would be
    /// of no use.
    pub(crate) fn ahead(&mut self, text: &str, seconds: u8) -> Option<Arc<Piece>> {
        let waiting = self.kept.iter().filter(|piece| piece.made().is_none());
        if waiting.count() >= Self::AHEAD {
            return None;
        }
        let piece = self.asked(text, seconds);
        piece.made().is_none().then_some(piece)
    }

    fn seconds(&self) -> u32 {
        let seconds = self.kept.iter().map(|piece| u32::from(piece.seconds));
        seconds.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Piece {
        pub(crate) fn text(&self) -> &str {
            &self.text
        }
    }

    #[test]
    fn a_piece_is_kept_while_it_is_asked_for_and_as_long_as_there_is_room() {
        let mut pieces = Pieces::new(0);
        let first = pieces.asked("first", 60);
        let second = pieces.asked("second", 60);
        for other in 0..6 {
            pieces.asked(&other.to_string(), 60);
        }
        assert!(Arc::ptr_eq(&first, &pieces.asked("first", 60)));
        pieces.asked("one more", 60);
        assert!(Arc::ptr_eq(&first, &pieces.asked("first", 60)));
        assert!(!Arc::ptr_eq(&second, &pieces.asked("second", 60)));
        assert!(!Arc::ptr_eq(&first, &pieces.asked("first", 5)));
        assert_eq!(pieces.seconds(), 7 * 60 + 5);
    }

    #[test]
    fn pieces_are_begun_ahead_while_few_wait() {
        let mut pieces = Pieces::new(0);
        let begun: Vec<_> = (0..20)
            .filter_map(|piece: u8| pieces.ahead(&piece.to_string(), 5))
            .collect();
        assert_eq!(begun.len(), Pieces::AHEAD);
        begun[0].make();
        assert!(pieces.ahead("0", 5).is_none(), "it is made already");
        assert!(pieces.ahead("20", 5).is_some());
        assert!(pieces.ahead("21", 5).is_none());
        // What somebody asks for is never refused.
        assert!(pieces.asked("21", 5).made().is_none());
    }
}
