//! What was measured, as JSON and as Markdown.

use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::machine::Machine;
use super::series::Spread;
use super::table::{Goal, Ratio, Series, Table};

/// How it was measured.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    pub(crate) command: &'a str,
    pub(crate) before: &'a Machine,
    pub(crate) after: &'a Machine,
    pub(crate) missing: &'a [String],
}

pub(crate) fn json(row: &str, tables: &[Table], taken: &Taken<'_>) -> Value {
    let Machine {
        date,
        processor,
        cores,
        kernel,
        load,
        commit,
    } = taken.before;
    let series = |series: &Series| json!({"name": series.name, "values": series.values});
    let ratio = |ratio: &Ratio| {
        json!({
            "name": ratio.name,
            "values": ratio.values,
            "goal": ratio.goal.map(Goal::told),
            "met": ratio.is_met(),
        })
    };
    let table = |table: &Table| {
        json!({
            "caption": table.caption,
            "unit": format!("{:?}", table.unit).to_lowercase(),
            "series": table.series.iter().map(series).collect::<Vec<_>>(),
            "ratios": table.ratios.iter().map(ratio).collect::<Vec<_>>(),
            "remarks": table.remarks,
        })
    };
    json!({
        "row": row,
        "command": taken.command,
        "date": date,
        "processor": processor,
        "cores": cores,
        "kernel": kernel,
        "commit": commit,
        "load": [load, taken.after.load],
        "missing": taken.missing,
        "tables": tables.iter().map(table).collect::<Vec<_>>(),
    })
}

pub(crate) fn block(tables: &[Table], taken: &Taken<'_>) -> String {
    let mut text = String::new();
    for table in tables {
        // Writing to a string does not fail.
        let _ = write_table(&mut text, table);
    }
    let Machine {
        date,
        processor,
        cores,
        kernel,
        load,
        ..
    } = taken.before;
    let _ = writeln!(
        text,
        "`{}`, {date}, {processor}, {cores} cores, {kernel}; load {load} before and {} after.",
        taken.command, taken.after.load
    );
    text
}

fn write_table(text: &mut String, table: &Table) -> std::fmt::Result {
    writeln!(text, "{}:\n", table.caption)?;
    writeln!(text, "| | median | quartiles | least to most | runs |")?;
    writeln!(text, "| --- | --: | --: | --: | --: |")?;
    for Series { name, values } in &table.series {
        if let Some(spread) = Spread::of(values) {
            let told = |value| table.unit.told(value);
            writeln!(
                text,
                "| {name} | {} | {} to {} | {} to {} | {} |",
                told(spread.median),
                told(spread.lower),
                told(spread.upper),
                told(spread.least),
                told(spread.most),
                values.len()
            )?;
        }
    }
    if !table.ratios.is_empty() {
        writeln!(
            text,
            "\n| ratio | median | quartiles | least to most | goal |"
        )?;
        writeln!(text, "| --- | --: | --: | --: | --- |")?;
        for ratio in &table.ratios {
            write_ratio(text, ratio)?;
        }
    }
    for remark in &table.remarks {
        writeln!(text, "\n{remark}")?;
    }
    writeln!(text)
}

fn write_ratio(text: &mut String, ratio: &Ratio) -> std::fmt::Result {
    let Some(spread) = Spread::of(&ratio.values) else {
        return Ok(());
    };
    let goal = match (ratio.goal, ratio.is_met()) {
        (Some(goal), Some(true)) => format!("{}: met", goal.told()),
        (Some(goal), _) => format!("{}: **missed**", goal.told()),
        (None, _) => String::new(),
    };
    writeln!(
        text,
        "| {} | {:.2} | {:.2} to {:.2} | {:.2} to {:.2} | {goal} |",
        ratio.name, spread.median, spread.lower, spread.upper, spread.least, spread.most
    )
}

/// The page with what stands between a row's markers replaced.
pub(crate) fn with_block(page: &str, row: &str, block: &str) -> anyhow::Result<String> {
    let (begin, end) = (
        format!("<!-- bench:{row} -->\n"),
        format!("<!-- /bench:{row} -->"),
    );
    let (before, rest) = page
        .split_once(&begin)
        .with_context(|| format!("the page has no line {}", begin.trim()))?;
    let (_, after) = rest
        .split_once(&end)
        .with_context(|| format!("the page has no line {end}"))?;
    Ok(format!("{before}{begin}\n{block}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::table::Unit;

    fn machine(load: &str) -> Machine {
        Machine {
            date: String::from("2026-01-02 03:04 UTC"),
            processor: String::from("some processor"),
            cores: 2,
            kernel: String::from("Linux 6"),
            load: load.to_owned(),
            commit: String::from("abc"),
        }
    }

    fn table() -> Table {
        Table::new("CPU of a poll", Unit::Nanoseconds)
            .with("one", vec![3_000.0, 1_000.0, 2_000.0])
            .with("other", vec![1_000.0, 1_000.0, 1_000.0])
            .ratio("one", "other", Some(Goal::AtMost(1.05)))
            .remark("Both on one core.")
    }

    #[test]
    fn a_block_says_what_was_measured_and_how() {
        let (before, after) = (machine("0.10"), machine("0.90"));
        let taken = Taken {
            command: "cargo xtask bench --only poll",
            before: &before,
            after: &after,
            missing: &[],
        };
        let block = block(&[table()], &taken);
        for line in [
            "CPU of a poll:",
            "| one | 2.00 µs | 1.00 µs to 3.00 µs | 1.00 µs to 3.00 µs | 3 |",
            "| one / other | 2.00 | 1.00 to 3.00 | 1.00 to 3.00 | at most 1.05: **missed** |",
            "Both on one core.",
            "`cargo xtask bench --only poll`, 2026-01-02 03:04 UTC, some processor, 2 cores, Linux 6; load 0.10 before and 0.90 after.",
        ] {
            assert!(block.lines().any(|found| found == line), "{line}\n{block}");
        }
        let json = json("poll", &[table()], &taken);
        assert_eq!(json["tables"][0]["ratios"][0]["met"], false);
        assert_eq!(json["load"][1], "0.90");
    }

    #[test]
    fn a_block_takes_the_place_of_the_last_one_and_of_nothing_else() {
        let page = "# Page\n<!-- bench:a -->\nold\n<!-- /bench:a -->\nmore\n<!-- bench:b -->\n<!-- /bench:b -->\n";
        let once = with_block(page, "a", "new\n").unwrap();
        assert_eq!(
            once,
            "# Page\n<!-- bench:a -->\n\nnew\n\n<!-- /bench:a -->\nmore\n<!-- bench:b -->\n<!-- /bench:b -->\n"
        );
        assert_eq!(with_block(&once, "a", "new\n").unwrap(), once);
        with_block(page, "c", "new\n").unwrap_err();
    }
}
