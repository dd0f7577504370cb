use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn read_with(bytes: &[u8], duration: Option<u32>) -> Vec<Result<Row, String>> {
    let defaults = Defaults {
        duration: duration.map(|seconds| Seconds::new(seconds).unwrap()),
        output: None,
    };
    match Rows::read(bytes, defaults) {
        Ok(rows) => rows.map(|row| row.map_err(|bad| bad.to_string())).collect(),
        Err(bad) => vec![Err(bad.to_string())],
    }
}

fn read(text: &str) -> Vec<Result<Row, String>> {
    read_with(text.as_bytes(), None)
}

/// What a row says, and where.
type Said = (u64, String, u8, Option<PathBuf>, String);

fn said(rows: Vec<Result<Row, String>>) -> Vec<Said> {
    let said = |row: Row| {
        let output = row.output(Some("ID"));
        (
            row.line,
            row.text.as_str().to_owned(),
            row.duration.get(),
            output,
            row.name,
        )
    };
    rows.into_iter().map(|row| said(row.unwrap())).collect()
}

fn utf16(text: &str, is_big_endian: bool) -> Vec<u8> {
    let bytes = |unit: u16| match is_big_endian {
        true => unit.to_be_bytes(),
        false => unit.to_le_bytes(),
    };
    text.encode_utf16().flat_map(bytes).collect()
}

const PLAIN: &str = "text,duration,output\n\"rain, slow\",10,a.wav\nmüsic 🎵,5,\n";

#[test]
fn every_form_says_the_same() {
    let expected = said(read(PLAIN));
    assert_eq!(expected.len(), 2);
    assert_eq!((expected[0].0, expected[1].0), (2, 3));
    let marked = format!("\u{feff}{PLAIN}");
    for (form, bytes) in [
        ("byte order mark", marked.clone().into_bytes()),
        ("CRLF", PLAIN.replace('\n', "\r\n").into_bytes()),
        ("CR", PLAIN.replace('\n', "\r").into_bytes()),
        ("UTF-16 LE", utf16(&marked, false)),
        ("UTF-16 BE", utf16(&marked, true)),
        ("UTF-16 LE without a mark", utf16(PLAIN, false)),
        ("UTF-16 BE without a mark", utf16(PLAIN, true)),
        ("no line end", PLAIN.trim_end().as_bytes().to_vec()),
        (
            "semicolons",
            b"text;duration;output\nrain, slow;10;a.wav\nm\xc3\xbcsic \xf0\x9f\x8e\xb5;5;\n"
                .to_vec(),
        ),
        (
            "tabs, another case and order",
            "Duration\tOUTPUT\t Text\n10\ta.wav\train, slow\n5\t\tmüsic 🎵\n".into(),
        ),
        (
            "another column, decimals, an empty row",
            "id;text;duration;output\n1;rain, slow;10,0;a.wav\n2;müsic 🎵;5.00;\n;;;\n".into(),
        ),
    ] {
        assert_eq!(said(read_with(&bytes, None)), expected, "{form}");
    }
    let lines = |rows: Vec<Said>| -> Vec<_> {
        rows.into_iter()
            .map(|row| (row.1, row.2, row.3, row.4))
            .collect()
    };
    for (form, text) in [
        (
            "a hint of the delimiter",
            "sep=;\ntext;duration;output\nrain, slow;10;a.wav\nmüsic 🎵;5;\n",
        ),
        (
            "JSON Lines",
            "{\"text\":\"rain, slow\",\"duration\":10,\"output\":\"a.wav\"}\n\n{\"Text\":\"müsic 🎵\",\"duration\":\"5\",\"output\":null}",
        ),
        (
            "an array",
            " [ {\"text\":\"rain, slow\",\"duration\":10.0,\"output\":\"a.wav\"},\n{\"n\":[{}],\"text\":\"m\\u00fcsic 🎵\",\"DURATION\":5}\r\n] ",
        ),
    ] {
        assert_eq!(lines(said(read(text))), lines(expected.clone()), "{form}");
    }
}

#[test]
fn plain_lines_are_prompts_when_the_duration_is_said() {
    for text in [
        "rain, slow\n\n[intro] music; 5\n",
        "\u{feff}rain, slow\r\n \r\n[intro] music; 5",
    ] {
        let rows = said(read_with(text.as_bytes(), Some(7)));
        let texts: Vec<_> = rows
            .iter()
            .map(|row| (row.0, row.1.as_str(), row.2))
            .collect();
        assert_eq!(texts, [(1, "rain, slow", 7), (3, "[intro] music; 5", 7)]);
    }
    // What looks like another form is never bought as prompts.
    for (text, fault) in [
        (
            "prompt,duration\nrain,5\n",
            "line 1: the header names no column text",
        ),
        (
            "{\"prompt\":\"rain\"}\n",
            "line 1: it has no key text, but \"prompt\"; write it as {\"text\"",
        ),
        ("[\"rain\"]\n{", "line 1: here a row should begin"),
    ] {
        let fault_found = read_with(text.as_bytes(), Some(7)).remove(0).unwrap_err();
        assert!(fault_found.starts_with(fault), "{text:?}: {fault_found}");
        // What was given already is no advice.
        assert!(!fault_found.contains("--duration"), "{fault_found}");
    }
    assert_eq!(said(read_with(b"text\nrain\n", Some(7)))[0].2, 7);
    assert_eq!(
        said(read_with(b"text,duration\nrain,\nrain,9\n", Some(7)))[1].2,
        9
    );
}

#[test]
fn a_file_with_nothing_in_it_has_no_rows() {
    for text in [
        "",
        "\n\r\n ",
        "\u{feff}",
        "[]",
        " [\n] ",
        "text,duration\n",
        "text,duration\n,\n\n",
    ] {
        assert_eq!(read(text).len(), 0, "{text:?}");
    }
}

#[test]
fn other_columns_are_kept_as_they_are_written() {
    let csv = read("Track No,text,duration\n007,a,5\n").remove(0).unwrap();
    assert_eq!(csv.others, [(String::from("Track No"), Value::from("007"))]);
    let json = read("{\"tags\":[1],\"text\":\"a\",\"duration\":5}")
        .remove(0)
        .unwrap();
    assert_eq!(
        json.others,
        [(String::from("tags"), serde_json::json!([1]))]
    );
}

#[test]
fn a_row_keeps_its_name_when_others_come_and_go() {
    let names = |text: &str| -> Vec<String> {
        read(text)
            .into_iter()
            .map(|row| row.unwrap().name)
            .collect()
    };
    let before = names("text,duration\na,5\nb,5\na,5\n");
    let after = names("text,duration\nnew,5\na,5\na,5\nb,5\n");
    assert_eq!(before[0], after[1]);
    assert_eq!(before[2], after[2]);
    assert_eq!(before[1], after[3]);
    assert_ne!(before[0], before[2], "two alike are two");
    // What the ledgers of earlier versions hold.
    assert_eq!(before[0], "32b9d075ea43a94f78dd01025963e83e:1");
}

/// Files, and how the first fault in each is told.
const BAD: &[(&str, &str)] = &[
    (
        "text,duration\nok,5\n,5\n",
        "line 3, column text: the prompt is empty or blank; write",
    ),
    (
        "text,duration\r\nok,5\r\n\r\n\" \",5\r\n",
        "line 4, column text: the prompt is empty or blank; write",
    ),
    (
        "Text,Duration\n\"two\r\nlines\",5\nok,4\n",
        "line 4, column Duration: 4 is not a duration; write whole seconds, 5 to 60",
    ),
    (
        "text;duration\nok;ten\n",
        "line 2, column duration: ten is not a duration; write whole seconds",
    ),
    (
        "text,duration\nok,5.5\n",
        "line 2, column duration: 5.5 is not a duration; write whole seconds",
    ),
    (
        "text,duration\nok,\n",
        "line 2, column duration: nothing is written there; write whole seconds",
    ),
    (
        "text,duration\nok\n",
        "line 2: it has 1 fields, and the header 2; put",
    ),
    (
        "text,duration,output\nok,5,../x\n",
        "line 2, column output: \"../x\" leads out of the folder; write",
    ),
    (
        "text,duration,output\nok,5,/etc/passwd\n",
        "line 2, column output: \"/etc/passwd\" leads",
    ),
    (
        "text,duration,output\nok,5,{id}.mp3\n",
        "line 2, column output: \"id.mp3\" would not hold mp3 but WAV; end",
    ),
    (
        "text,duration,output\nok,5,{title}.wav\n",
        "line 2, column output: \"{title}.wav\" has the field {title}; the fields are",
    ),
    (
        "prompt,duration\nok,5\n",
        "line 1: the header names no column text, but \"prompt, duration\"; write text,duration",
    ),
    (
        "rain\nsnow\n",
        "line 1: the header names no column text, but \"rain\"; write text,duration",
    ),
    (
        "text;output\nok;x\n",
        "line 1: the header names no column duration, but \"text, output\"; write",
    ),
    (
        "text,duration,TEXT\n",
        "line 1: the header names text twice; leave",
    ),
    (
        "text,duration\n\"a\" b,5\n",
        "line 2, column text: something stands behind its quotes; write",
    ),
    (
        "text,duration\nok,5\n\"a,5\nb,5\n",
        "line 3, column text: its quotes are not closed; write",
    ),
    (
        "{\"text\":\"ok\",\"duration\":5}\n{\"text\":\"ok\"}\n",
        "line 2, column duration: nothing is written there",
    ),
    (
        "{\"prompt\":\"b\",\"duration\":7}\n",
        "line 1: it has no key text, but \"prompt\"; write it as {\"text\"",
    ),
    (
        "[{\"duration\":7}]\n",
        "line 1: it has no key text; write it as {\"text\"",
    ),
    (
        "{\"text\":5,\"duration\":5}\n",
        "line 1, column text: 5 is not text; put it into quotes",
    ),
    (
        "{\"text\":\"ok\",\"duration\":[5]}\n",
        "line 1, column duration: [5] is not a duration; write",
    ),
    (
        "{\"text\":\"ok\",\"duration\":5,\"Text\":\"b\"}\n",
        "line 1, column Text: it is there twice; leave",
    ),
    (
        "{nonsense\n",
        "line 1: it is no JSON object, at character 2; write it as {\"text\"",
    ),
    (
        "\n[{\"text\":\"ok\",\"duration\":5}\n {}",
        "line 3: write a comma between rows",
    ),
    (
        "[{\"text\":\"ok\",\"duration\":5},\n]",
        "line 2: here a row should begin; write",
    ),
    (
        "[{\"text\":\"ok\",\"duration\":5}]\n[",
        "line 2: something stands after the array; take",
    ),
    ("[5]", "line 1: here a row should begin; write"),
    (
        "[\n{\"text\":\"ok\",\n\"duration\":4}]",
        "line 2, column duration: 4 is not a duration",
    ),
    (
        "[{\"text\":\"ok\"",
        "line 1: the file ends within a row; write",
    ),
];

#[test]
fn a_bad_row_is_named_with_its_line_its_column_and_the_remedy() {
    let long = format!("text,duration\n{},5\n", "x".repeat(251));
    let too_long = (long.as_str(), "line 2, column text: the prompt has 251");
    for (text, said) in BAD.iter().chain([&too_long]) {
        let error = read(text)
            .into_iter()
            .find_map(Result::err)
            .unwrap_or_default();
        assert!(error.starts_with(said), "{text:?}: {error}");
    }
}

#[test]
fn what_is_no_text_is_named_where_it_is() {
    for (bytes, said) in [
        (
            &b"text,duration\nok,5\nr\xe9sum\xe9,5\n"[..],
            "line 3, column text: it is not text in UTF-8",
        ),
        (b"{\"text\":\"r\xe9\"}", "line 1: it is not text in UTF-8"),
        (
            b"t\0e\0x\0t\0,\0d\0u\0r\0a\0t\0i\0o\0n\0\n\0\x00\xd8a\0,\x005\0\n\0",
            "line 2, column text: it is not text",
        ),
        (
            b"t\0e\0x\0t\0,\0d\0u\0r\0a\0t\0i\0o\0n\0\n\0a\0,\x005",
            "line 2, column duration: it is not text",
        ),
    ] {
        let error = read_with(bytes, None)
            .into_iter()
            .find_map(Result::err)
            .unwrap_or_default();
        assert!(error.starts_with(said), "{bytes:?}: {error}");
    }
}

/// Whatever holds the byte that is one too many, nothing is read after it.
#[test]
fn nothing_is_read_of_a_row_that_is_too_long_and_after_it() {
    let next = r#"{"text":"next","duration":5}"#;
    let padded = |length: usize| {
        let row = r#"{"text":"one","duration":5"#;
        format!("{row}{}}}", " ".repeat(length - row.len() - 1))
    };
    for length in [LONGEST - 1, LONGEST, LONGEST + 1, LONGEST + 2, 3 * LONGEST] {
        let (is_too_long, row) = (length > LONGEST, padded(length));
        let quoted = format!("\"{}\",5", " ".repeat(length - 4));
        for (text, fault_at, count) in [
            (format!("{row}\n{next}\n"), 0, 2),
            (format!("[{row},\n{next}]"), 0, 2),
            (format!("text,duration\nok,5\n{quoted}\nnext,5\n"), 1, 3),
        ] {
            let rows = read(&text);
            let expected = if is_too_long { fault_at + 1 } else { count };
            assert_eq!(rows.len(), expected, "{length} {}", &text[..9]);
            let fault = rows[fault_at].as_ref().err().cloned().unwrap_or_default();
            assert_eq!(
                fault.contains("longer than 64 KiB"),
                is_too_long,
                "{length} {fault}"
            );
        }
        let plain = read_with(format!("{}\nnext", "x".repeat(length)).as_bytes(), Some(5));
        assert_eq!(plain.len(), if is_too_long { 1 } else { 2 }, "{length}");
    }
}

#[test]
fn a_row_takes_no_more_memory_than_it_may() {
    for start in [
        "text,duration\n\"",
        "{\"text\":\"",
        "[{\"text\":\"",
        "",
        "[\n{\"a\":",
    ] {
        let endless = start.as_bytes().chain(io::repeat(b'x').take(1 << 40));
        match Rows::read(endless, Defaults::default()) {
            Ok(rows) => assert_eq!(rows.count(), 1, "{start}"),
            Err(bad) => assert!(bad.fault.contains("longer than 64 KiB"), "{start}: {bad}"),
        }
    }
}

/// The same rows in one of the forms.
fn write(rows: &[(String, u8)], form: usize) -> Vec<u8> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let table = |delimiter: &str, end: &str| {
        let rows = rows
            .iter()
            .map(|(text, seconds)| format!("{}{delimiter}{seconds}{end}", quoted(text)));
        format!("Text{delimiter}duration{end}{}", rows.collect::<String>())
    };
    let objects = || {
        rows.iter()
            .map(|(text, duration)| serde_json::json!({"text": text, "duration": duration}))
    };
    let text = match form {
        0 => table(",", "\n"),
        1 => table(";", "\r\n"),
        2 => table("\t", "\n"),
        3 => objects().map(|row| format!("{row}\n")).collect(),
        4 => Value::from(objects().collect::<Vec<_>>()).to_string(),
        5 => format!("{:#}", Value::from(objects().collect::<Vec<_>>())),
        6 => return utf16(&format!("\u{feff}{}", table("\t", "\r\n")), false),
        7 => return utf16(&format!("\u{feff}{}", table(",", "\n")), true),
        _ => format!("\u{feff}{}", table(";", "\r")),
    };
    text.into_bytes()
}

const FORMS: usize = 9;

proptest! {
    /// A batch is the same in each form: what is bought, and what it is known by.
    #[test]
    fn rows_are_the_same_in_each_form(
        rows in prop::collection::vec(("[ -~\\n\\t\u{80}-\u{2fff}\u{1f300}-\u{1f5ff}]{1,40}", 5_u8..=60), 1..12)
    ) {
        let rows: Vec<_> = rows.into_iter().filter(|(text, _)| !text.trim().is_empty()).collect();
        let mut names = HashSet::new();
        for form in 0..FORMS {
            let read = said(read_with(&write(&rows, form), None));
            let texts: Vec<_> = read.iter().map(|row| (row.1.clone(), row.2)).collect();
            prop_assert_eq!(&texts, &rows, "form {}", form);
            names.insert(read.into_iter().map(|row| row.4).collect::<Vec<_>>());
        }
        prop_assert_eq!(names.len(), 1);
    }

    /// Plain lines are the rows whose durations are all one.
    #[test]
    fn plain_lines_are_the_same_rows(
        lines in prop::collection::vec("[a-zà-ü,; ]{0,20}[a-zà-ü]", 1..12), seconds in 5_u8..=60
    ) {
        prop_assume!(header_of(lines[0].as_bytes()) == Header::None);
        let rows: Vec<_> = lines.iter().map(|line| (line.clone(), seconds)).collect();
        let plain = said(read_with(lines.join("\r\n").as_bytes(), Some(seconds.into())));
        let table = said(read_with(&write(&rows, 0), None));
        let names = |rows: &[Said]| rows.iter().map(|row| row.4.clone()).collect::<Vec<_>>();
        prop_assert_eq!(names(&plain), names(&table));
    }

    /// Where a fault is told, whatever the rows before it take.
    #[test]
    fn a_fault_is_on_its_line(
        before in prop::collection::vec("[a-z,\\n]{0,9}[a-z]", 0..9), form in 0..3_usize
    ) {
        let rows: Vec<_> = before.into_iter().map(|text| (text, 5)).collect();
        let end = ["\n", "\r\n", "\n"][form];
        let mut text = String::from_utf8(write(&rows, form)).unwrap();
        let line = text.split('\n').count();
        text.push_str(&format!("bad{}4{end}", [",", ";", "\t"][form]));
        let fault = read(&text).into_iter().find_map(Result::err).unwrap();
        let expected = format!("line {line}, column duration: 4 is not");
        prop_assert!(fault.starts_with(&expected), "{} {}", fault, expected);
    }

    #[test]
    fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), has_duration: bool) {
        for row in read_with(&bytes, has_duration.then_some(5)) {
            if let Err(fault) = row {
                prop_assert!(fault.starts_with("line "), "{}", fault);
            }
        }
    }
}
