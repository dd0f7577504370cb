//! Drives the program through a case: again and again, as a person would, until it says that it is done or can go on no
//! further.

use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use genrex_ledger::State;
use genrex_sandbox::{Happening, Trouble, What};
use serde_json::Value;

use super::promise::{self, Bound};
use crate::campaign::plan::{Plan, pick};
use crate::campaign::report;
use crate::campaign::truth::Scene;
use crate::campaign::{Findings, Setting, planted};

/// A batch, and how it is run.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) plan: Plan,
    /// `--max-credits`.
    pub(super) run_limit: Option<u64>,
    pub(super) policy: &'static str,
    pub(super) processes: usize,
    /// How many times as fast as this machine's the service's clock runs.
    pub(super) speed: u32,
    pub(super) moves_folder: bool,
}

/// One run of each process: which happenings of the service fell into it, and how they ended.
struct Run {
    from: usize,
    to: usize,
    ended: Vec<Output>,
}

impl Case {
    pub(super) fn new(name: &str, plan: Plan) -> Self {
        Self {
            name: name.to_owned(),
            plan,
            run_limit: None,
            policy: "skip",
            processes: 1,
            speed: 1,
            moves_folder: false,
        }
    }

    pub(super) fn run(
        &self,
        setting: &Setting,
        random: &mut fastrand::Rng,
    ) -> anyhow::Result<Findings> {
        let mut scene = Scene::new(self.plan.clone(), random.u64(..))?;
        let (mut findings, _) = self.run_in(&mut scene, setting, random)?;
        for wrong in &mut findings.wrong {
            *wrong = format!("{}: {wrong}", self.name);
        }
        Ok(findings)
    }

    /// The same in a scene that has seen something already.
    pub(super) fn run_in(
        &self,
        scene: &mut Scene,
        setting: &Setting,
        random: &mut fastrand::Rng,
    ) -> anyhow::Result<(Findings, Option<i32>)> {
        /// A person types it no more often.
        const MOST: usize = 40;
        // What waits for longer is typed again, and time has passed on the service's clock.
        scene.timeout = "2s";
        let mut findings = Findings {
            cases: 1,
            ..Findings::default()
        };
        let mut idle = 0;
        let mut round = 0;
        let last = loop {
            round += 1;
            let mut run = self.once(scene, setting)?;
            if setting.bug.is_none() {
                findings.wrong.extend(self.wrong_ends(&run.ended));
            }
            findings.wrong.extend(self.passed_by_run(scene, &run));
            let bought = count(&scene.service.history()[run.from..run.to]);
            idle = if bought == 0 { idle + 1 } else { 0 };
            let is_done = run.ended.iter().all(is_final);
            // A limit that is reached stays so; what waits for a price goes on when ten times the longest lag has
            // passed, which is 100 minutes at most.
            if is_done || idle >= 12 || setting.bug.is_some() {
                break run.ended.swap_remove(0);
            }
            if round > MOST {
                let ended = run.ended.swap_remove(0);
                let what = format!("it has not ended after {MOST} runs: {}", said(&ended));
                findings.wrong.push(what);
                break ended;
            }
            if self.moves_folder {
                scene.perhaps_move()?;
            }
            scene
                .service
                .pass(Duration::from_secs(pick(random, &[0, 5, 61, 660])));
            if idle > 1 {
                scene.service.pass(Duration::from_secs(11 * 60));
            }
        };
        // All charges come.
        scene.service.pass(Duration::from_secs(3600));
        findings.add(self.check(scene, setting, &last)?);
        Ok((findings, last.status.code()))
    }

    /// Runs each process once, at the same time.
    fn once(&self, scene: &mut Scene, setting: &Setting) -> anyhow::Result<Run> {
        let from = scene.service.history().len();
        scene.service.begin_run();
        let commands: Vec<Command> = (0..self.processes)
            .map(|_| self.command(scene, setting))
            .collect();
        let running: Vec<Child> = commands
            .into_iter()
            .map(|mut command| command.spawn().context("the program cannot be run"))
            .collect::<anyhow::Result<_>>()?;
        let ended = with_fast_clock(scene, self.speed, || {
            let ended = running.into_iter().map(wait);
            ended.collect::<std::io::Result<Vec<_>>>()
        })?;
        scene.service.end_run(false);
        Ok(Run {
            from,
            to: scene.service.history().len(),
            ended,
        })
    }

    fn command(&self, scene: &mut Scene, setting: &Setting) -> Command {
        let mut command = scene.command(setting);
        if setting.bug.is_none() {
            command.args(["--json", "--on-ambiguous", self.policy]);
            if let Some(most) = self.run_limit {
                command.args(["--max-credits", &most.to_string()]);
            }
        }
        let limit = self
            .plan
            .limits
            .total
            .or(self.run_limit)
            .unwrap_or(u64::MAX);
        command.env(planted::LIMIT, limit.to_string());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// What must not be when all is over.
    fn check(&self, scene: &Scene, setting: &Setting, last: &Output) -> anyhow::Result<Findings> {
        let code = last.status.code();
        let history = scene.service.history();
        let mut findings = Findings::default();
        for bound in self.bounds() {
            findings
                .wrong
                .extend(promise::broken(&history, 0, history.len(), bound));
        }
        if setting.bug.is_none() && code == Some(6) && self.run_limit.is_none() {
            findings.wrong.extend(self.blocked(scene, &history, last)?);
        }
        findings.add(scene.known()?);
        Ok(findings)
    }

    fn bounds(&self) -> Vec<Bound> {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        let limits = self.plan.limits;
        let bounds = [
            ("total", limits.total, None),
            ("day", limits.day, Some(DAY)),
        ];
        let bounds = bounds
            .into_iter()
            .filter_map(|(name, most, window)| Some(self.bound(name, most?, window)));
        bounds.collect()
    }

    fn bound(&self, name: &'static str, most: u64, window: Option<u64>) -> Bound {
        let options = &self.plan.options;
        let happens = |which: fn(&Trouble) -> bool| {
            let mut incidents = options.incidents.iter();
            incidents.any(|incident| which(&incident.what))
        };
        let is_disturbed = options.others.is_some() || !options.incidents.is_empty();
        let may_change = is_disturbed || options.price_change.is_some();
        Bound {
            name,
            most,
            window,
            per_job: self.plan.limits.per_job,
            processes: self.processes,
            on_their_way: if may_change { self.processes - 1 } else { 0 },
            is_disturbed,
            hides_refusals: happens(|what| *what == Trouble::ChargedRefusal)
                && (self.processes > 1 || happens(|what| matches!(what, Trouble::TakenLater(_)))),
        }
    }

    /// `--max-credits` bounds one run.
    fn passed_by_run(&self, scene: &Scene, run: &Run) -> Vec<String> {
        match self.run_limit {
            Some(most) if self.processes == 1 => {
                let bound = self.bound("max-credits", most, None);
                promise::broken(&scene.service.history(), run.from, run.to, bound)
            }
            _ => Vec::new(),
        }
    }

    /// A limit that was not reached, and is said to be.
    fn blocked(
        &self,
        scene: &Scene,
        history: &[Happening],
        last: &Output,
    ) -> anyhow::Result<Option<String>> {
        let limits = self.plan.limits;
        let options = &self.plan.options;
        let price = options
            .price_change
            .map_or(options.price, |change| change.price);
        let rows = self.plan.rows.iter();
        let costs = rows.map(|row| options.price.of(row.seconds).max(price.of(row.seconds)));
        let dearest = costs.max().unwrap_or(0);
        let most = [limits.total, limits.day].into_iter().flatten().min();
        // A job that costs more than the user knows that one can stops everything, and is to.
        let is_stopped = limits.per_job.is_some_and(|most| most < dearest);
        let (Some(most), false) = (most, is_stopped) else {
            return Ok(None);
        };
        // What others spend meanwhile counts as ours, and what is unclear counts until somebody settles it. Both what
        // others spend and what a refusal charges may be taken for a part of a price.
        let unclear = scene.entries()?.into_iter();
        let unclear = unclear
            .filter(|entry| entry.state == State::Ambiguous)
            .count();
        let reserved = dearest.max(limits.per_job.unwrap_or(0));
        let others = promise::of_others(history);
        let spent = promise::spent(history) + others + u64::try_from(unclear)? * reserved;
        let next = reserved + others + promise::of_refusals(history);
        let is_blocked = spent + next <= most;
        Ok(is_blocked.then(|| {
            format!(
                "it stopped for ever, and {spent} of {most} are spent: {}",
                said(last)
            )
        }))
    }

    /// Ways in which a run may not end, and reports that do not add up.
    fn wrong_ends(&self, ended: &[Output]) -> Vec<String> {
        let mut wrong = Vec::new();
        for ended in ended {
            // 1 is incomplete: what was refused for now is bought by the next run.
            let code = ended.status.code();
            if !matches!(code, Some(0 | 1 | 4 | 5 | 6 | 7)) {
                wrong.push(format!("a run ended with {code:?}: {}", said(ended)));
                continue;
            }
            match report_of(ended) {
                Some(report) => wrong.extend(self.does_not_add_up(&report)),
                None => wrong.push(format!("a run told no report: {}", said(ended))),
            }
        }
        wrong
    }

    fn does_not_add_up(&self, told: &Value) -> Option<String> {
        let rows = u64::try_from(self.plan.rows.len()).unwrap_or(0);
        let is_whole = report::sum(told) == rows && told["planned"].as_u64() == Some(rows);
        (!is_whole).then(|| format!("{rows} rows, and the report is {told}"))
    }
}

/// Waits for a process, and kills it when it takes for ever.
#[expect(clippy::disallowed_methods, reason = "a process is waited for")]
pub(super) fn wait(mut process: Child) -> std::io::Result<Output> {
    const STEP: Duration = Duration::from_millis(5);
    const LONGEST: u32 = 120_000 / 5;
    for _ in 0..LONGEST {
        if process.try_wait()?.is_some() {
            return process.wait_with_output();
        }
        std::thread::sleep(STEP);
    }
    process.kill()?;
    process.wait_with_output()
}

/// How many jobs were taken.
fn count(history: &[Happening]) -> usize {
    let taken = |happening: &&Happening| matches!(happening.what, What::Taken { .. });
    history.iter().filter(taken).count()
}

/// Whether another run has nothing to do.
fn is_final(ended: &Output) -> bool {
    let nothing_left = report_of(ended).is_some_and(|report| {
        let left = ["notStarted", "notSent", "open", "refused", "elsewhere"];
        left.iter().all(|name| report[*name].as_u64() == Some(0))
    });
    matches!(ended.status.code(), Some(0 | 4 | 7)) && nothing_left
}

fn report_of(ended: &Output) -> Option<Value> {
    report::of(&String::from_utf8_lossy(&ended.stderr))
}

pub(super) fn said(ended: &Output) -> String {
    String::from_utf8_lossy(&ended.stderr).trim().to_owned()
}

/// Lets the service's clock run so much faster while something is done.
#[expect(clippy::disallowed_methods, reason = "the service's clock is moved on")]
pub(super) fn with_fast_clock<T>(scene: &Scene, speed: u32, act: impl FnOnce() -> T) -> T {
    const STEP: Duration = Duration::from_millis(10);
    if speed <= 1 {
        return act();
    }
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(STEP);
                scene.service.pass(STEP * (speed - 1));
            }
        });
        let result = act();
        is_over.store(true, Ordering::Relaxed);
        result
    })
}
