//! Many processes on one cap.

use std::process::{Child, Stdio};

use super::truth::Scene;
use super::{Findings, Setting};

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Findings> {
    const SHORT: u64 = 6 * 20;
    const SUBMITS: u64 = 200;
    let wanted = setting.cases.unwrap_or(SHORT);
    let submits = SUBMITS.min(wanted / 6);
    let processes = wanted.div_ceil(submits);
    // Some are to be left over, and it is to end in the middle of a price.
    let limit = wanted * Scene::SECONDS * 6 / 10 + 2;
    let scene = Scene::new(submits)?;
    std::fs::create_dir(scene.folder.path().join("genrex"))?;
    std::fs::write(
        scene.folder.path().join("genrex/config.toml"),
        format!("[limits]\ntotal = {limit}\n"),
    )?;
    let bug = setting.control.then_some("check-then-post");
    let processes: Vec<Child> = (0..processes)
        .map(|process| {
            // A batch of its own each, in one ledger.
            let mut command = scene.command_into(&format!("out {process}"), setting, bug)?;
            Ok(command
                .env("PLANTED_LIMIT", limit.to_string())
                .stderr(Stdio::null())
                .spawn()?)
        })
        .collect::<anyhow::Result<_>>()?;
    for mut process in processes {
        process.wait()?;
    }
    let used = scene.credits_used()?;
    println!("  {wanted} submits under a cap of {limit} credits: {used} used");
    let mut findings = Findings {
        cases: wanted,
        ..Findings::default()
    };
    if used > limit {
        findings
            .wrong
            .push(format!("{used} credits used, and {limit} allowed"));
    }
    if used + Scene::SECONDS <= limit {
        findings.wrong.push(format!(
            "{used} credits used, and one more would fit into {limit}"
        ));
    }
    Ok(findings)
}
