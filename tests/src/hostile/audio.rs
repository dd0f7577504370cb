//! Audio that lies.

use genrex_core::ErrorKind as Kind;

use super::Stage::Audio;
use super::{Behaviour, always, with_head};
use crate::{Act, Received, answer, wav};

const NO_AUDIO: Result<(), Kind> = Err(Kind::InvalidAudio);

/// A success with these bytes.
macro_rules! body {
    ($name:literal, $body:expr, $expected:expr) => {
        always(
            Audio,
            $name,
            |_| Act::Write(answer(200, &[("ETag", "\"v1\"")], $body)),
            $expected,
        )
    };
}

pub(super) const ALL: &[Behaviour] = &[
    body!("audio: nothing", "", NO_AUDIO),
    body!("audio: a page", "<html><title>Sign in</title>", NO_AUDIO),
    body!("audio: JSON", r#"{"message":"later"}"#, NO_AUDIO),
    body!("audio: four letters", "RIFF", NO_AUDIO),
    body!("audio: a head and no more", &wav()[..44], NO_AUDIO),
    body!(
        "audio: half of it, by its own head",
        &wav()[..50_000],
        NO_AUDIO
    ),
    body!(
        "audio: RIFF that is no WAVE",
        b"RIFF\x04\0\0\0AVI ",
        NO_AUDIO
    ),
    body!("audio: a RIFF of nothing", b"RIFF\0\0\0\0WAVE", NO_AUDIO),
    body!(
        "audio: a format and no samples",
        b"RIFF\x1c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\0\x7d\0\0\0\xfa\0\0\x02\0\x10\0",
        NO_AUDIO
    ),
    body!(
        "audio: a chunk of 4 GB",
        b"RIFF\x24\0\0\0WAVEjunk\xf8\xff\xff\xff",
        NO_AUDIO
    ),
    body!(
        "audio: a format of 4 GB",
        b"RIFF\x24\0\0\0WAVEfmt \xff\xff\xff\xff",
        NO_AUDIO
    ),
    body!(
        "audio: MP3",
        b"ID3\x04\0\0\0\0\0\0\xff\xfb\x90\x64",
        NO_AUDIO
    ),
    always(
        Audio,
        "audio: compressed",
        |_| Act::Write(answer(200, &[("Content-Encoding", "gzip")], wav())),
        Err(Kind::UnexpectedAnswer),
    ),
    always(
        Audio,
        "audio: 300 MB by its word",
        |_| with_head("HTTP/1.1 200 OK\r\nContent-Length: 300000000", "RIFF"),
        Err(Kind::TooLarge),
    ),
    always(
        Audio,
        "audio: cut every time, and no ETag",
        |_| cut("", 1_000),
        Err(Kind::Unreachable),
    ),
    always(
        Audio,
        "audio: cut once",
        |_| cut("ETag: \"v1\"\r\n", 30_000),
        Ok(()),
    )
    .once(),
    always(
        Audio,
        "audio: cut once, with a weak ETag",
        |_| cut("ETag: W/\"v1\"\r\n", 30_000),
        Ok(()),
    )
    .once(),
    always(
        Audio,
        "audio: cut, and then the rest of another file",
        |request| match request.header("range") {
            None => cut("ETag: \"v1\"\r\n", 30_000),
            Some(_) => Act::Write(answer(
                206,
                &[
                    ("ETag", "\"v2\""),
                    ("Content-Range", "bytes 30000-100043/100044"),
                ],
                [7; 70_044],
            )),
        },
        Err(Kind::UnexpectedAnswer),
    ),
    always(
        Audio,
        "audio: cut, and then another place of it",
        |request| match request.header("range") {
            None => cut("ETag: \"v1\"\r\n", 30_000),
            Some(_) => Act::Write(answer(
                206,
                &[
                    ("ETag", "\"v1\""),
                    ("Content-Range", "bytes 40000-100043/100044"),
                ],
                &wav()[40_000..],
            )),
        },
        Err(Kind::UnexpectedAnswer),
    ),
    always(
        Audio,
        "audio: a part that nobody asked for",
        |_| {
            let place = ("Content-Range", "bytes 1000-100043/100044");
            Act::Write(answer(206, &[place, ("ETag", "\"v1\"")], &wav()[1_000..]))
        },
        Err(Kind::UnexpectedAnswer),
    ),
    always(
        Audio,
        "audio: whole, as text",
        |_| Act::Write(answer(200, &[("Content-Type", "text/plain")], wav())),
        Ok(()),
    ),
    always(
        Audio,
        "audio: a name of its own",
        |_| {
            let name = "attachment; filename=\"../../../../tmp/owned.sh\"";
            Act::Write(answer(200, &[("Content-Disposition", name)], wav()))
        },
        Ok(()),
    ),
    always(
        Audio,
        "audio: cookies",
        |_| Act::Write(answer(200, &[("Set-Cookie", "a=b; Path=/")], wav())),
        Ok(()),
    ),
    always(Audio, "audio: reset, once", |_| Act::ResetRead, Ok(())).once(),
];

/// Storage that answers as it should.
pub(super) fn honest(request: &Received) -> Vec<u8> {
    let whole = wav();
    let start = request
        .header("range")
        .and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        })
        .filter(|start: &usize| *start < whole.len())
        .filter(|_| request.header("if-range") == Some("\"v1\""));
    match start {
        None => answer(200, &[("ETag", "\"v1\"")], whole),
        Some(start) => {
            let place = format!("bytes {start}-{}/{}", whole.len() - 1, whole.len());
            let headers = [("ETag", "\"v1\""), ("Content-Range", place.as_str())];
            answer(206, &headers, &whole[start..])
        }
    }
}

/// The file's first bytes, under its whole length.
fn cut(headers: &str, bytes: usize) -> Act {
    let whole = wav();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}\r\n",
        whole.len()
    );
    Act::Write([head.as_bytes(), &whole[..bytes]].concat())
}
