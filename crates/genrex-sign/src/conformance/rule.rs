use core::fmt;

/// What a verifier must keep.
///
/// `Display` says the rule in words; [`name`](Self::name) is its name in the JSON vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// An honest request, at the time it was signed, is accepted.
    Honest,
    /// The body is checked as the bytes that came: never decoded, trimmed or written again as JSON.
    RawBody,
    /// The MAC covers every byte of the body.
    BodySigned,
    /// The MAC covers the time.
    TimeSigned,
    /// The MAC is keyed with the whole secret.
    SecretKeyed,
    /// The MAC is HMAC-SHA256, and all its bits are compared.
    MacCompared,
    /// The MAC covers `<unix ms>.<body>`, with the dot, and nothing else.
    DotSigned,
    /// The MAC has 64 hexadecimal digits.
    MacLength,
    /// The MAC is written in lower-case hexadecimal digits.
    MacSpelling,
    /// The time is written in decimal digits, without sign, white space or leading zeros, and fits 64 bits.
    TimeSpelling,
    /// The header has both `t` and `v`.
    MissingField,
    /// The header has no field but `t` and `v`, and no empty one.
    ExtraField,
    /// The header has each field once.
    RepeatedField,
    /// `t` comes before `v`.
    FieldOrder,
    /// The header has no white space.
    WhiteSpace,
    /// The header is `t=<unix ms>,v=<64 digits>`, character for character.
    HeaderForm,
    /// A time up to the tolerance in the past is accepted, and one further in the past is refused.
    WindowPast,
    /// A time up to the tolerance in the future is accepted, and one further in the future is refused.
    WindowFuture,
    /// The verifier answers; it does not panic.
    NoPanic,
}

impl Rule {
    /// The rule's name in the JSON vectors, such as `window-past`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::RawBody => "raw-body",
            Self::BodySigned => "body-signed",
            Self::TimeSigned => "time-signed",
            Self::SecretKeyed => "secret-keyed",
            Self::MacCompared => "mac-compared",
            Self::DotSigned => "dot-signed",
            Self::MacLength => "mac-length",
            Self::MacSpelling => "mac-spelling",
            Self::TimeSpelling => "time-spelling",
            Self::MissingField => "missing-field",
            Self::ExtraField => "extra-field",
            Self::RepeatedField => "repeated-field",
            Self::FieldOrder => "field-order",
            Self::WhiteSpace => "white-space",
            Self::HeaderForm => "header-form",
            Self::WindowPast => "window-past",
            Self::WindowFuture => "window-future",
            Self::NoPanic => "no-panic",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Honest => "an honest request is accepted at the time it was signed",
            Self::RawBody => "the body is checked as the bytes that came",
            Self::BodySigned => "the MAC covers every byte of the body",
            Self::TimeSigned => "the MAC covers the time",
            Self::SecretKeyed => "the MAC is keyed with the whole secret",
            Self::MacCompared => "the MAC is HMAC-SHA256 and all its bits are compared",
            Self::DotSigned => "the MAC covers `<unix ms>.<body>`, with the dot",
            Self::MacLength => "the MAC has 64 digits",
            Self::MacSpelling => "the MAC is written in lower-case hexadecimal digits",
            Self::TimeSpelling => {
                "the time is written in decimal digits without sign, white space or leading zeros, and fits 64 bits"
            }
            Self::MissingField => "the header has both `t` and `v`",
            Self::ExtraField => "the header has no field but `t` and `v`",
            Self::RepeatedField => "the header has each field once",
            Self::FieldOrder => "`t` comes before `v`",
            Self::WhiteSpace => "the header has no white space",
            Self::HeaderForm => "the header is `t=<unix ms>,v=<64 digits>`, character for character",
            Self::WindowPast => "a time is accepted up to the tolerance in the past, and not further",
            Self::WindowFuture => "a time is accepted up to the tolerance in the future, and not further",
            Self::NoPanic => "the verifier does not panic",
        })
    }
}
