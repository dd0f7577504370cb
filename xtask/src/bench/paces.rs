//! Paces held against each other by a simulator with a fixed seed: a table, and a drawing.

mod svg;

use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use super::{PAGE, page};

const DRAWING: &str = "docs/paces.svg";
/// What it is asked for by, and found by in the page.
pub(crate) const NAME: &str = "paces";

/// A kind of service, and what each pace comes to there.
#[derive(Debug)]
struct Service {
    name: String,
    paces: Vec<Pace>,
}

#[derive(Debug, Clone)]
struct Pace {
    name: String,
    polls: f64,
    late: f64,
    late_p95: f64,
}

pub(crate) fn run(shell: &Shell) -> anyhow::Result<()> {
    println!("== {NAME}");
    let told = cmd!(
        shell,
        "cargo run --quiet --package genrex-tests --example paces"
    )
    .quiet()
    .read()?;
    let services = services(&serde_json::from_str(&told)?).context("what was told is not that")?;
    ensure!(services.len() >= 6, "{services:?}");
    shell.write_file(DRAWING, svg::draw(&services))?;
    let text = page::with_block(&shell.read_file(PAGE)?, NAME, &table(&services))?;
    shell.write_file(PAGE, text)?;
    println!(
        "{DRAWING} and the table are the same for the same code: the times of jobs are seeded"
    );
    Ok(())
}

fn services(told: &Value) -> Option<Vec<Service>> {
    let pace = |told: &Value| {
        Some(Pace {
            name: told["name"].as_str()?.to_owned(),
            polls: told["polls"].as_f64()?,
            late: told["late"].as_f64()?,
            late_p95: told["late_p95"].as_f64()?,
        })
    };
    let service = |told: &Value| {
        Some(Service {
            name: told["name"].as_str()?.to_owned(),
            paces: told["paces"]
                .as_array()?
                .iter()
                .map(pace)
                .collect::<Option<_>>()?,
        })
    };
    told.as_array()?.iter().map(service).collect()
}

fn table(services: &[Service]) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_table(&mut text, services);
    let _ = writeln!(
        text,
        "\nPolls a job · mean lag · lag that 95 of 100 jobs do not exceed, both in seconds. Not dominated: bold.\n\n\
         `cargo xtask bench --only {NAME}`"
    );
    text
}

fn write_table(text: &mut String, services: &[Service]) -> std::fmt::Result {
    let names: Vec<&str> = services
        .first()
        .into_iter()
        .flat_map(|service| service.paces.iter().map(|pace| pace.name.as_str()))
        .collect();
    writeln!(text, "| jobs take | {} |", names.join(" | "))?;
    writeln!(text, "| --- |{}", " --- |".repeat(names.len()))?;
    for service in services {
        write!(text, "| {} |", service.name)?;
        for name in &names {
            let found = service.paces.iter().find(|pace| pace.name == *name);
            match found {
                Some(pace) => {
                    let mark = if service.is_dominated(pace) { "" } else { "**" };
                    let Pace {
                        polls,
                        late,
                        late_p95,
                        ..
                    } = pace;
                    write!(
                        text,
                        " {mark}{polls:.1} · {late:.1} · {late_p95:.1}{mark} |"
                    )?;
                }
                None => write!(text, " |")?,
            }
        }
        writeln!(text)?;
    }
    Ok(())
}

impl Service {
    /// Whether another pace has fewer polls and less lag too. One that knows the times is no pace that can be had.
    fn is_dominated(&self, pace: &Pace) -> bool {
        self.paces.iter().any(|other| {
            other.name != "optimal"
                && other.name != pace.name
                && other.polls <= pace.polls
                && other.late_p95 <= pace.late_p95
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(name: &str, polls: f64, late_p95: f64) -> Pace {
        Pace {
            name: name.to_owned(),
            polls,
            late: late_p95 / 2.0,
            late_p95,
        }
    }

    #[test]
    fn what_another_beats_in_both_is_dominated() {
        let service = Service {
            name: String::from("30 s"),
            paces: vec![
                pace("learned", 5.0, 2.0),
                pace("5 s", 7.0, 4.0),
                pace("0.5 s", 60.0, 0.5),
                pace("optimal", 1.0, 0.1),
            ],
        };
        let dominated = service.paces.iter().map(|pace| service.is_dominated(pace));
        assert_eq!(dominated.collect::<Vec<_>>(), [false, true, false, false]);
        let table = table(&[service]);
        assert!(
            table.contains(
                "| 30 s | **5.0 · 1.0 · 2.0** | 7.0 · 2.0 · 4.0 | **60.0 · 0.2 · 0.5** |"
            ),
            "{table}"
        );
    }
}
