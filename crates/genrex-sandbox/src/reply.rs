use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use crate::audio::Audio;
use crate::piece::Piece;

/// What a request leads to, decided while nothing else is: the rest needs no state, and may take its time.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The answer.
    Ready(Response<Bytes>),
    /// The answer, and a piece that is better made before somebody asks for it.
    Ahead(Response<Bytes>, Arc<Piece>),
    /// A piece, and what the answer is once it is made.
    Of(Arc<Piece>, Answer),
}

impl Reply {
    pub(crate) fn of(
        piece: Arc<Piece>,
        answer: impl FnOnce(&Audio) -> Response<Bytes> + Send + 'static,
    ) -> Self {
        Self::Of(piece, Answer(Box::new(answer)))
    }

    /// Changes the answer, whenever it is there.
    pub(crate) fn map(
        self,
        change: impl FnOnce(Response<Bytes>) -> Response<Bytes> + Send + 'static,
    ) -> Self {
        match self {
            Self::Ready(response) => Self::Ready(change(response)),
            Self::Ahead(response, piece) => Self::Ahead(change(response), piece),
            Self::Of(piece, answer) => Self::of(piece, |audio| change(answer.to(audio))),
        }
    }

    /// The answer, with its piece made here and now if it needs one.
    pub(crate) fn whole(self) -> Response<Bytes> {
        match self {
            Self::Ready(response) | Self::Ahead(response, _) => response,
            Self::Of(piece, answer) => answer.to(piece.make()),
        }
    }
}

impl From<Response<Bytes>> for Reply {
    fn from(response: Response<Bytes>) -> Self {
        Self::Ready(response)
    }
}

/// What is answered once a piece is made.
pub(crate) struct Answer(Box<OfAudio>);

type OfAudio = dyn FnOnce(&Audio) -> Response<Bytes> + Send;

impl Answer {
    pub(crate) fn to(self, audio: &Audio) -> Response<Bytes> {
        self.0(audio)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}
