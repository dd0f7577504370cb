//! The fixed cases that are more than a batch: what is typed, what the world does meanwhile, and what must be then.

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use genrex_ledger::State;
use genrex_sandbox::Incident;

use super::drive::{Case, said, wait};
use crate::campaign::plan::Plan;
use crate::campaign::service::Manners;
use crate::campaign::truth::Scene;
use crate::campaign::{Findings, Setting};

type Script = fn(&Setting, &mut fastrand::Rng) -> anyhow::Result<Findings>;

pub(super) const ALL: [(&str, Script); 12] = [
    ("a stored notCharged", stored_verdict),
    ("an output column is added", output_column),
    ("a cut answer, and a kill", cut_and_killed),
    ("a second ledger on the same folder", second_ledger),
    ("the ledger is renamed", renamed_ledger),
    ("a hard link of the ledger", linked_ledger),
    ("the first one is killed", first_killed),
    ("the first one is not waited for", first_not_waited_for),
    ("the same id twice", same_id_twice),
    ("SIGHUP during a submit", |setting, random| {
        signalled(setting, random, "-HUP")
    }),
    ("SIGQUIT during a submit", |setting, random| {
        signalled(setting, random, "-QUIT")
    }),
    ("an id that support names", named_by_support),
];

/// A scene, and what was found in it.
struct Stage<'a> {
    setting: &'a Setting,
    scene: Scene,
    findings: Findings,
}

impl<'a> Stage<'a> {
    fn new(setting: &'a Setting, plan: Plan, random: &mut fastrand::Rng) -> anyhow::Result<Self> {
        Ok(Self {
            setting,
            scene: Scene::new(plan, random.u64(..))?,
            findings: Findings {
                cases: 1,
                ..Findings::default()
            },
        })
    }

    fn start(&mut self, arguments: &[&str]) -> anyhow::Result<Child> {
        self.scene.service.begin_run();
        let mut command = self.scene.genrex(self.setting, arguments);
        Ok(command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?)
    }

    fn run(&mut self, arguments: &[&str]) -> anyhow::Result<Output> {
        Ok(wait(self.start(arguments)?)?)
    }

    fn batch(&mut self) -> anyhow::Result<Output> {
        self.scene.service.begin_run();
        let mut command = self.scene.command(self.setting);
        Ok(wait(command.stderr(Stdio::piped()).spawn()?)?)
    }

    fn generate(&mut self, text: &str, more: &[&str]) -> anyhow::Result<Output> {
        let arguments = [
            "generate",
            text,
            "--duration",
            "5",
            "--poll-interval",
            "10ms",
        ];
        self.run(&[&arguments[..], more].concat())
    }

    /// What must be.
    fn expect(&mut self, is_so: bool, otherwise: &str, ended: &Output) {
        if !is_so {
            let code = ended.status.code();
            let what = format!("{otherwise} (exit {code:?}: {})", said(ended));
            self.findings.wrong.push(what);
        }
    }

    fn expect_code(&mut self, code: i32, ended: &Output) {
        self.expect(
            ended.status.code() == Some(code),
            &format!("not exit {code}"),
            ended,
        );
    }

    fn bought(&self) -> usize {
        self.scene.service.jobs().len()
    }

    fn end(mut self) -> anyhow::Result<Findings> {
        self.findings.add(self.scene.known()?);
        Ok(self.findings)
    }
}

/// A verdict is looked at again before it is acted on, though a person acts on it long after.
fn stored_verdict(setting: &Setting, random: &mut fastrand::Rng) -> anyhow::Result<Findings> {
    let mut plan = Plan::plain(0);
    plan.options.render_time = Duration::from_secs(4);
    plan.options.tolerance = Duration::from_secs(24 * 3600);
    plan.options.incidents = incident("4:504+2000s");
    let mut stage = Stage::new(setting, plan, random)?;
    for text in ["a", "b", "c"] {
        let run = stage.generate(text, &["--no-wait"])?;
        stage.expect_code(0, &run);
        // A look while it is made, and two when it is done.
        for pass in [1, 10, 10] {
            let look = stage.run(&["jobs", "recover"])?;
            stage.expect_code(0, &look);
            let looked = stage.run(&["balance"])?;
            stage.expect_code(0, &looked);
            stage.scene.service.pass(Duration::from_secs(pass));
        }
        let id = stage.scene.service.jobs();
        for (id, _) in id {
            let waited = stage.run(&["wait", &id, "--force", "--output", "a.wav"])?;
            stage.expect_code(0, &waited);
        }
        stage.scene.service.pass(Duration::from_secs(700));
    }
    let unclear = stage.generate("d", &[])?;
    stage.expect_code(7, &unclear);
    stage.scene.service.pass(Duration::from_secs(700));
    let found = stage.run(&["jobs", "reconcile", "4"])?;
    let verdict = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    stage.scene.service.pass(Duration::from_secs(2000));
    let again = stage.generate("d", &[])?;
    stage.expect(
        stage.bought() == 4,
        &format!("bought twice after {verdict}"),
        &again,
    );
    stage.end()
}

/// A row is known by its text and duration, whatever stands beside them.
fn output_column(setting: &Setting, random: &mut fastrand::Rng) -> anyhow::Result<Findings> {
    let mut stage = Stage::new(setting, Plan::plain(2), random)?;
    let first = stage.batch()?;
    stage.expect_code(0, &first);
    let csv = "text,duration,output\npiece 0,5,a.wav\npiece 1,5,b.wav\n";
    fs::write(stage.scene.folder.path().join("batch.csv"), csv)?;
    let second = stage.batch()?;
    stage.expect(stage.bought() == 2, "bought again", &second);
    stage.expect_code(0, &second);
    stage.end()
}

/// An id that stands whole in a broken answer is kept before it is confirmed.
fn cut_and_killed(setting: &Setting, random: &mut fastrand::Rng) -> anyhow::Result<Findings> {
    let mut stage = Stage::new(setting, Plan::plain(0), random)?;
    stage.scene.service.behave(Manners {
        cuts_submits: true,
        fails_retrieves: true,
        ..Manners::default()
    });
    let mut process = stage.start(&["generate", "music", "--duration", "5"])?;
    pause(400);
    process.kill()?;
    process.wait()?;
    stage.scene.service.end_run(true);
    stage.scene.service.behave(Manners::default());
    let recovered = stage.run(&["jobs", "recover"])?;
    let id = stage
        .scene
        .service
        .jobs()
        .pop()
        .map_or(String::new(), |(id, _)| id);
    let entries = stage.scene.entries()?;
    let unconfirmed = entries
        .first()
        .and_then(|entry| entry.unconfirmed_id.as_ref());
    let is_kept = unconfirmed.is_some_and(|own| own.as_str() == id);
    stage.expect(is_kept, "the id is not kept", &recovered);
    let resolved = stage.run(&["jobs", "resolve", "1", "--query-id", &id])?;
    stage.expect_code(0, &resolved);
    let waited = stage.run(&["wait", &id, "--output", "a.wav"])?;
    stage.expect_code(0, &waited);
    stage.end()
}

/// Another ledger knows nothing of what a folder holds, so that all would be bought again.
fn second_ledger(setting: &Setting, random: &mut fastrand::Rng) -> anyhow::Result<Findings> {
    let mut stage = Stage::new(setting, Plan::plain(2), random)?;
    let first = stage.batch()?;
    stage.expect_code(0, &first);
    let mut command = stage.scene.command(setting);
    command.env("GENREX_LEDGER", stage.scene.folder.path().join("other.db"));
    let second = wait(command.stderr(Stdio::piped()).spawn()?)?;
    stage.expect(stage.bought() == 2, "it was bought again", &second);
    let third = stage.batch()?;
    stage.expect_code(0, &third);
    stage.end()
}

/// A ledger that is not where it was is not written to, and nothing is bought beside it.
fn renamed_ledger(setting: &Setting, random: &mut fastrand::Rng) -> anyhow::Result<Findings> {
    let mut stage = Stage::new(setting, Plan::plain(30), random)?;
    stage.scene.service.behave(Manners {
        holds_submits: Duration::from_millis(30),
        ..Manners::default()
    });
    stage.scene.service.begin_run();
    let process = stage
        .scene
        .command(setting)
        .stderr(Stdio::piped())
        .spawn()?;
    pause(400);
    let (ledger, other) = (
        stage.scene.ledger(),
        stage.scene.folder.path().join("other.db"),
    );
    fs::rename(&ledger, &other)?;
    let ended = wait(process)?;
    stage.expect(
        ended.status.code() != Some(0),
        "it went on without a ledger",
        &ended,
    );
    stage.expect(
        stage.bought() < 30,
        "all was bought without a ledger",
        &ended,
    );
    fs::rename(&other, &ledger)?;
    let second = stage.batch()?;
    stage.expect(
        matches!(second.status.code(), Some(0 | 7)),
        "it does not go on",
        &second,
    );
    stage.end()
}

/// Two names of one ledger would be two locks.
fn linked_ledger(setting: &Setting, random: &mut fastrand::Rng) -> anyhow::Result<Findings> {
    let mut stage = Stage::new(setting, Plan::plain(2), random)?;
    let first = stage.batch()?;
    stage.expect_code(0, &first);
    fs::hard_link(stage.scene.ledger(), stage.scene.folder.path().join("b.db"))?;
    let linked = stage.generate("more", &[])?;
    stage.expect(
        linked.status.code() != Some(0),
        "it used a ledger with two names",
        &linked,
    );
    stage.expect(
        stage.bought() == 2,
        "it bought with a ledger of two names",
        &linked,
    );
    fs::remove_file(stage.scene.folder.path().join("b.db"))?;
    let after = stage.generate("more", &[])?;
    stage.expect_code(0, &after);
    stage.end()
}

/// The purchase that was to show the price is killed: a later one shows it.
fn first_killed(setting: &Setting, random: &mut fastrand::Rng) -> anyhow::Result<Findings> {
    let mut stage = Stage::new(setting, limited(4, 15), random)?;
    stage.scene.service.behave(Manners {
        holds_submits: Duration::from_secs(2),
        ..Manners::default()
    });
    stage.scene.service.begin_run();
    let mut process = stage.scene.command(setting).spawn()?;
    pause(500);
    process.kill()?;
    process.wait()?;
    stage.scene.service.end_run(true);
    stage.scene.service.behave(Manners::default());
    ends_by_itself(stage, random)
}

fn first_not_waited_for(setting: &Setting, random: &mut fastrand::Rng) -> anyhow::Result<Findings> {
    let mut stage = Stage::new(setting, limited(4, 15), random)?;
    let first = stage.generate("first", &["--no-wait"])?;
    stage.expect_code(0, &first);
    ends_by_itself(stage, random)
}

/// Three pieces at 5 credits fit into 15, and one of them is bought before.
fn ends_by_itself(mut stage: Stage<'_>, random: &mut fastrand::Rng) -> anyhow::Result<Findings> {
    let case = Case::new("and then the batch", stage.scene.plan.clone());
    let (found, code) = case.run_in(&mut stage.scene, stage.setting, random)?;
    let bought = stage.bought();
    if bought != 3 {
        let what = format!(
            "{bought} pieces were bought where 3 fit, and the last run ended with {code:?}"
        );
        stage.findings.wrong.push(what);
    }
    stage.findings.add(Findings { cases: 0, ..found });
    stage.end()
}

fn limited(rows: u64, total: u64) -> Plan {
    let mut plan = Plan::plain(rows);
    plan.limits.total = Some(total);
    plan
}

/// A sandbox that is started again gives the same ids again.
fn same_id_twice(setting: &Setting, random: &mut fastrand::Rng) -> anyhow::Result<Findings> {
    let plan = Plan::plain(0);
    let options = plan.options.clone();
    let mut stage = Stage::new(setting, plan, random)?;
    let first = stage.generate("one", &[])?;
    stage.expect_code(0, &first);
    stage.scene.service.restart(options)?;
    let second = stage.generate("two", &[])?;
    let told = said(&second);
    stage.expect(!told.contains("UNIQUE"), "the storage's own words", &second);
    let left = stage
        .scene
        .entries()?
        .iter()
        .any(|entry| entry.state == State::Sent);
    stage.expect(!left, "the job is left as sent", &second);
    let third = stage.generate("three", &[])?;
    stage.expect_code(0, &third);
    // The service has forgotten the first, so that its jobs tell nothing more.
    Ok(stage.findings)
}

/// A terminal that goes away does not make a submit unclear.
fn signalled(
    setting: &Setting,
    random: &mut fastrand::Rng,
    signal: &str,
) -> anyhow::Result<Findings> {
    let mut stage = Stage::new(setting, Plan::plain(0), random)?;
    stage.scene.service.behave(Manners {
        holds_submits: Duration::from_millis(800),
        ..Manners::default()
    });
    let process = stage.start(&["generate", "music", "--duration", "5"])?;
    pause(500);
    Command::new("kill")
        .args([signal, &process.id().to_string()])
        .status()?;
    let ended = wait(process)?;
    stage.scene.service.wait_until_idle();
    let recovered = stage.run(&["jobs", "recover"])?;
    stage.expect(
        recovered.status.success(),
        "it cannot be recovered",
        &recovered,
    );
    let entries = stage.scene.entries()?;
    let is_kept = entries.iter().any(|entry| entry.query_id.is_some());
    stage.expect(is_kept, &format!("the id is not kept: {entries:?}"), &ended);
    stage.end()
}

/// What support names settles a row, and the batch ends.
fn named_by_support(setting: &Setting, random: &mut fastrand::Rng) -> anyhow::Result<Findings> {
    let mut plan = Plan::plain(2);
    plan.options.incidents = incident("1:303");
    let mut stage = Stage::new(setting, plan, random)?;
    let first = stage.batch()?;
    stage.expect_code(7, &first);
    let entries = stage.scene.entries()?;
    let unclear = entries.iter().find(|entry| entry.state == State::Ambiguous);
    let jobs = stage.scene.service.jobs();
    let named = unclear.and_then(|entry| {
        let (id, _) = jobs.iter().find(|(_, text)| *text == entry.text)?;
        Some((entry.id.to_string(), id.clone()))
    });
    let Some((local, id)) = named else {
        stage.expect(false, "nothing is unclear", &first);
        return stage.end();
    };
    let waited = stage.run(&["wait", &id, "--output", "a.wav"])?;
    let offers = said(&waited).contains(&format!("jobs resolve {local} --query-id {id}"));
    stage.expect(offers, "it does not offer to link the id", &waited);
    let resolved = stage.run(&["jobs", "resolve", &local, "--query-id", &id])?;
    stage.expect_code(0, &resolved);
    let last = stage.batch()?;
    stage.expect_code(0, &last);
    stage.end()
}

fn incident(text: &str) -> Vec<Incident> {
    text.parse().ok().into_iter().collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the world does something after a time"
)]
fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}
