//! What others wait for while a sandbox makes long pieces.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::meter;
use crate::wire::Connection;

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(60);
/// More pieces of 60 s than a sandbox keeps, so that each of them is made anew when it is its turn again.
const PIECES: u64 = 10;

/// Asks after pieces of 60 s so many times, with or without a piece to be made each time; meanwhile another connection
/// asks for the balance. Tells the median time of a retrieve, and of the others' answers the middle and the latest.
pub fn run(url: &str, how: &str, count: u64) -> anyhow::Result<()> {
    let mut connection = Connection::open(url, TIMEOUT)?;
    let ids = (0..PIECES).map(|number| bought(&mut connection, number));
    let ids = ids.collect::<anyhow::Result<Vec<_>>>()?;
    for id in &ids {
        while retrieve(&mut connection, id)?["status"] != "Completed" {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    // The last one is kept, the first one is not.
    let asked = match how {
        "made" => &ids[..],
        "kept" => &ids[ids.len() - 1..],
        _ => anyhow::bail!("pieces are made or kept"),
    };
    let (is_over, cpu) = (AtomicBool::new(false), meter::cpu()?);
    let (mut retrieves, mut others) = std::thread::scope(|scope| {
        let others = scope.spawn(|| balances(url, &is_over));
        let retrieves = retrieves(&mut connection, asked, count);
        is_over.store(true, Ordering::Relaxed);
        let others = others.join().map_err(|_| anyhow::anyhow!("a panic"))?;
        anyhow::Ok((retrieves?, others?))
    })?;
    retrieves.sort_unstable();
    others.sort_unstable();
    let at = |times: &[Duration], percent: usize| {
        let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(place).copied().unwrap_or_default()
    };
    let nanoseconds = |time: Duration| time.as_secs_f64() * 1e9;
    let told = json!({
        "other_ns": nanoseconds(at(&others, 50)),
        "other_p99_ns": nanoseconds(at(&others, 99)),
        "others": others.len(),
    });
    meter::tell(1, at(&retrieves, 50), meter::cpu()? - cpu, &told);
    Ok(())
}

fn bought(connection: &mut Connection, number: u64) -> anyhow::Result<String> {
    let body = format!(r#"{{"duration":60,"text":"long piece {number}"}}"#);
    let answer: Value = serde_json::from_slice(&connection.ask("generateMusic", &body)?)?;
    Ok(answer["id"].as_str().context("no id")?.to_owned())
}

fn retrieve(connection: &mut Connection, id: &str) -> anyhow::Result<Value> {
    let body = format!(r#"{{"queryId":"{id}"}}"#);
    Ok(serde_json::from_slice(&connection.ask("retrieve", &body)?)?)
}

fn retrieves(
    connection: &mut Connection,
    ids: &[String],
    count: u64,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    for id in ids.iter().cycle().take(usize::try_from(count)?) {
        let began = Instant::now();
        retrieve(connection, id)?;
        times.push(began.elapsed());
        // So that the others ask often enough, however little this takes.
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(times)
}

fn balances(url: &str, is_over: &AtomicBool) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(url, TIMEOUT)?;
    let mut times = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        connection.ask("getBalance", "{}")?;
        times.push(began.elapsed());
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(times)
}
