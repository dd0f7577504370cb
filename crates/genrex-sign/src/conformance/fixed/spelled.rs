use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::conformance::case::Request;
use crate::conformance::{Case, Rule};

/// The right MAC in other digits.
pub(super) fn macs() -> Vec<Case> {
    let request = Request::published();
    let mac = request.mac();
    // The MAC's fifth byte is 06; `u8::from_str_radix` reads `+6` as 6.
    let (before, after) = (&mac[..8], &mac[10..]);
    let pairs = |separator: &str| {
        let bytes = mac.as_bytes().chunks(2).map(String::from_utf8_lossy);
        bytes.collect::<Vec<_>>().join(separator)
    };
    let spellings = [
        ("in upper case", mac.to_uppercase()),
        (
            "with its first letter in upper case",
            mac.replacen('c', "C", 1),
        ),
        ("with its last letter in upper case", {
            let (start, end) = mac.rsplit_once('f').unwrap_or_default();
            format!("{start}F{end}")
        }),
        ("with `+6` for `06`", format!("{before}+6{after}")),
        ("with ` 6` for `06`", format!("{before} 6{after}")),
        (
            "without a leading zero of a byte",
            format!("{before}6{after}"),
        ),
        ("after `0x`", format!("0x{mac}")),
        ("after `sha256=`", format!("sha256={mac}")),
        ("in quotes", format!("\"{mac}\"")),
        ("with colons", pairs(":")),
        ("with spaces", pairs(" ")),
        ("with commas", pairs(",")),
        ("with a percent code", format!("%63{}", &mac[1..])),
        ("with a full-width digit", mac.replacen('6', "６", 1)),
        ("with `g` for its first digit", format!("g{}", &mac[1..])),
        ("with a NUL byte at its end", format!("{mac}\0")),
        (
            "with a NUL byte for its last digit",
            format!("{}\0", &mac[..63]),
        ),
        (
            "in base64",
            "w+qvmwZCg801WLGo51mg7V8dXYBZks4LAsk39OLmz5A=".into(),
        ),
        ("as 64 bytes that are no digits", "z".repeat(64)),
        ("as 64 bytes of characters of two bytes", "é".repeat(32)),
        (
            "as 64 bytes with each such character across a pair",
            format!("a{}b", "é".repeat(31)),
        ),
    ];
    let case = |(name, mac): (&str, String)| {
        let case = request
            .case(Rule::MacSpelling, format!("the MAC {name}"))
            .malformed();
        case.with_header(format!("t={},v={mac}", request.t))
    };
    spellings.into_iter().map(case).collect()
}

/// The right time in other characters.
pub(super) fn times() -> Vec<Case> {
    let t = Request::published().t;
    let full_width: String = t.to_string().replace('1', "１");
    let arabic: String = t.to_string().replace('1', "١");
    [
        format!("+{t}"),
        format!("-{t}"),
        format!("0{t}"),
        format!("000{t}"),
        format!(" {t}"),
        format!("{t} "),
        format!("\t{t}"),
        format!("{t}\n"),
        format!("{t}\0"),
        format!("{t}."),
        format!("{t}.0"),
        format!("{t}e0"),
        format!("{t}n"),
        format!("{t}ms"),
        format!("\"{t}\""),
        format!("{t:#x}"),
        format!("{t:#o}"),
        format!("{t:x}"),
        full_width,
        arabic,
        "1_717_574_785_354".into(),
        "1717574785.354".into(),
        "1.717574785354e12".into(),
        "2024-06-05T08:06:25.354Z".into(),
    ]
    .iter()
    .flat_map(|spelling| spelled(spelling, t))
    .collect()
}

/// Times that only a parser of another type, or one that wraps or stops at its end, takes for the
/// verifier's own.
pub(super) fn numbers() -> Vec<Case> {
    let wrapped = (1_u128 << 64) + u128::from(Request::published().t);
    [
        ("", 0),
        ("-", 0),
        ("+", 0),
        ("00", 0),
        ("-0", 0),
        ("+0", 0),
        ("null", 0),
        ("NaN", 0),
        ("18446744073709551616", 0),
        (&wrapped.to_string(), Request::published().t),
        ("01", 1),
        ("+1", 1),
        (" 1", 1),
        ("true", 1),
        ("-1", u64::MAX),
        ("18446744073709551616", u64::MAX),
        ("99999999999999999999", u64::MAX),
        ("Infinity", u64::MAX),
        (&"9".repeat(400), u64::MAX),
    ]
    .into_iter()
    .flat_map(|(spelling, now)| spelled(spelling, now))
    .collect()
}

/// A spelling of the verifier's time, under the MAC of the number and under the MAC of its own text.
fn spelled(spelling: &str, now: u64) -> [Case; 2] {
    let request = Request::published().at(now);
    let text = [spelling.as_bytes(), b".", request.body.as_slice()].concat();
    [
        ("the number", request.mac()),
        ("this text", request.mac_of(&text)),
    ]
    .map(|(of, mac)| {
        let shown: String = spelling.chars().take(40).collect();
        let name = format!("the time {now} written {shown:?}, under the MAC of {of}");
        let case = request.case(Rule::TimeSpelling, name).malformed();
        case.with_header(format!("t={spelling},v={mac}"))
    })
}

/// Fields missing, added, repeated, and in another order.
pub(super) fn fields() -> Vec<Case> {
    let request = Request::published();
    let (t, mac, wrong) = (request.t, request.mac(), "0".repeat(64));
    let (later, zero) = (t + 1, request.clone().at(0).mac());
    let without_time = request.mac_of(&[b".", request.body.as_slice()].concat());
    let of_body = request.mac_of(&request.body);
    let missing = [
        String::new(),
        format!("t={t}"),
        format!("t={t},"),
        format!("t={t},v"),
        format!("t={t},{mac}"),
        format!("v={mac}"),
        format!(",v={mac}"),
        format!("t,v={mac}"),
        format!("{t},v={mac}"),
        format!("={t},={mac}"),
        format!("v={without_time}"),
        format!("v={of_body}"),
        format!("v={zero}"),
    ];
    let extra = [
        format!("t={t},v={mac},"),
        format!(",t={t},v={mac}"),
        format!("t={t},,v={mac}"),
        format!("t={t},v={mac},x=1"),
        format!("x=1,t={t},v={mac}"),
        format!("t={t},x=1,v={mac}"),
        format!("t={t},v={mac},x"),
        format!("t={t},v={mac},x={wrong}"),
        format!("t={t},v0={wrong},v={mac}"),
        format!("t={t},v1={mac}"),
        format!("t={t},v={mac},v1={wrong}"),
        format!("t={t},v={mac};x=1"),
    ];
    let repeated = [
        format!("t={t},t={t},v={mac}"),
        format!("t={t},t={later},v={mac}"),
        format!("t={later},t={t},v={mac}"),
        format!("t={t},v={mac},t={t}"),
        format!("t={t},v={mac},t={later}"),
        format!("t={later},v={mac},t={t}"),
        format!("t={t},v={mac},v={mac}"),
        format!("t={t},v={mac},v={wrong}"),
        format!("t={t},v={wrong},v={mac}"),
        format!("t={t},v=,v={mac}"),
        format!("t={t},v={mac},t={t},v={mac}"),
        format!("t={later},v={wrong},t={t},v={mac}"),
        format!("t={t},v={mac},t={later},v={wrong}"),
    ];
    let order = [format!("v={mac},t={t}"), format!("{mac},{t}")];
    all(Rule::MissingField, &missing)
        .chain(all(Rule::ExtraField, &extra))
        .chain(all(Rule::RepeatedField, &repeated))
        .chain(all(Rule::FieldOrder, &order))
        .collect()
}

/// White space, and what passes for it, in every place that a trimming parser looks at.
pub(super) fn white_space() -> Vec<Case> {
    let request = Request::published();
    let (t, mac) = (request.t, request.mac());
    [" ", "\t", "\n", "\r\n", "\0", "\u{a0}", "\u{feff}"]
        .iter()
        .flat_map(|space| {
            let headers = [
                format!("{space}t={t},v={mac}"),
                format!("t={t},v={mac}{space}"),
                format!("t={t},{space}v={mac}"),
                format!("t={t},v={space}{mac}"),
                format!("t{space}={t},v={mac}"),
            ];
            all(Rule::WhiteSpace, &headers).collect::<Vec<_>>()
        })
        .collect()
}

/// Other characters around the right time and MAC, and texts that are no header at all.
pub(super) fn headers() -> Vec<Case> {
    let request = Request::published();
    let (t, mac) = (request.t, request.mac());
    let headers = [
        format!("T={t},v={mac}"),
        format!("t={t},V={mac}"),
        format!("t:{t},v:{mac}"),
        format!("t={t};v={mac}"),
        format!("t={t}&v={mac}"),
        format!("t={t}.v={mac}"),
        format!("t={t}\u{ff0c}v={mac}"),
        format!("t=={t},v={mac}"),
        format!("t={t},v=={mac}"),
        format!("t={t},v={mac}="),
        format!("\"t={t},v={mac}\""),
        format!("t=\"{t}\",v=\"{mac}\""),
        format!("t%3D{t}%2Cv%3D{mac}"),
        format!("{{\"t\":{t},\"v\":\"{mac}\"}}"),
        format!("gx-signature: t={t},v={mac}"),
        format!("HMAC t={t},v={mac}"),
        format!("time={t},value={mac}"),
        format!("ts={t},v={mac}"),
        format!("s={t},v={mac}"),
        format!("t={t},s={mac}"),
        format!("{t}.{mac}"),
        mac,
        t.to_string(),
        "t".into(),
        "v".into(),
        "=".into(),
        ",".into(),
        "t=".into(),
        "t=,".into(),
        "t=,v=".into(),
        ",v=".into(),
        "é".into(),
        "té".into(),
        "t=é,v=é".into(),
        "é".repeat(60),
        format!("t{}", "é".repeat(60)),
        format!("t=1717574785354é{}", "é".repeat(60)),
        ",".repeat(1000),
        "=".repeat(1000),
        "t=1,".repeat(1000),
    ];
    all(Rule::HeaderForm, &headers).collect()
}

/// A case for each header, for the published request at its own time.
fn all(rule: Rule, headers: &[String]) -> impl Iterator<Item = Case> {
    let request = Request::published();
    let (t, mac) = (request.t.to_string(), request.mac());
    headers.iter().map(move |header| {
        let shown = header
            .replace(&mac, "MAC")
            .replace(&"0".repeat(64), "ZEROS")
            .replace(&t, "TIME");
        let length = header.len();
        let name = match shown.char_indices().nth(60) {
            Some((end, _)) => format!("a header of {length} bytes that begins {:?}", &shown[..end]),
            None => format!("the header {shown:?}"),
        };
        request
            .case(rule, name)
            .malformed()
            .with_header(header.as_str())
    })
}
