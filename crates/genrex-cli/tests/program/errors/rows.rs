//! The errors of buying, waiting and asking, in the order of the page.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Row;
use super::world::{Provoked, World};
use crate::interrupts::interrupt;
use crate::support::{Sandbox, genrex};

const NOTHING_SENT: &str = "nothing was sent";
const REFUSED: &str = "a refusal is not charged, unless the balance shows otherwise";
const PAID: &str = "the job is paid for, and stays at the service";

pub(super) const ROWS: &[Row] = &[
    Row {
        message: "the following required arguments were not provided",
        kind: "usage",
        exit: 2,
        command: "`genrex generate`",
        credits: NOTHING_SENT,
        next: &[("genrex generate --help", 0)],
        provoke: |world| world.provoke(&["generate"]),
    },
    Row {
        message: "the prompt is empty or blank; nothing was sent",
        kind: "invalidInput",
        exit: 2,
        command: "`genrex generate ''`",
        credits: NOTHING_SENT,
        next: &[("genrex generate --help", 0)],
        provoke: |world| world.provoke(&["generate", ""]),
    },
    Row {
        message: "taken.wav is there already; nothing was sent",
        kind: "invalidInput",
        exit: 2,
        command: "`genrex generate music -o taken.wav`, where that file is",
        credits: NOTHING_SENT,
        next: &[],
        provoke: |world| {
            fs::write(world.folder().join("taken.wav"), "precious").unwrap();
            world.provoke(&["generate", "music", "-o", "taken.wav"])
        },
    },
    Row {
        message: "the base URL is refused",
        kind: "configuration",
        exit: 2,
        command: "`genrex balance` with `GENREX_BASE_URL=http://api.genrex.com`",
        credits: NOTHING_SENT,
        next: &[("genrex balance --help", 0)],
        provoke: |world| {
            let url = ("GENREX_BASE_URL", "http://api.genrex.com");
            world.provoked(world.run_with(&["balance"], &[url]))
        },
    },
    Row {
        message: "there is no API key",
        kind: "credentials",
        exit: 3,
        command: "`genrex balance` without a key",
        credits: NOTHING_SENT,
        next: &[("genrex login", 3)],
        provoke: |world| {
            let mut command = genrex(world.folder());
            let output = command.args(["balance", "--json"]).output().unwrap();
            world.provoked(output)
        },
    },
    Row {
        message: "the service refused the signature",
        kind: "credentials",
        exit: 3,
        command: "`genrex balance` with another's `GENREX_API_SECRET`",
        credits: REFUSED,
        next: &[("genrex balance", 0)],
        provoke: |world| {
            let sandbox = Sandbox::start(world.folder(), &[]);
            let mut command = sandbox.genrex(world.folder(), &["balance", "--json"]);
            let output = command.env("GENREX_API_SECRET", "wrong").output().unwrap();
            Provoked {
                output,
                environment: sandbox.environment.clone(),
                sandbox: Some(sandbox),
            }
        },
    },
    Row {
        message: "the service refused the signature: this machine's clock is 3 days behind the service's",
        kind: "credentials",
        exit: 3,
        command: "`genrex balance` against `genrex sandbox --clock-offset 72h`",
        credits: REFUSED,
        next: &[("genrex balance", 3)],
        provoke: |world| world.in_sandbox(&["--clock-offset", "72h"], &["balance"]),
    },
    Row {
        message: "the service does not know the job",
        kind: "notFound",
        exit: 1,
        command: "`genrex wait QRY_unknown`",
        credits: "asking costs nothing",
        next: &[("genrex jobs list", 0)],
        provoke: |world| world.in_sandbox(&[], &["wait", "QRY_unknown"]),
    },
    Row {
        message: "the ledger holds no job 9",
        kind: "invalidInput",
        exit: 2,
        command: "`genrex wait 9`",
        credits: NOTHING_SENT,
        next: &[("genrex jobs list", 0)],
        provoke: |world| world.provoke(&["wait", "9"]),
    },
    Row {
        message: "the account has not enough credit",
        kind: "outOfCredit",
        exit: 6,
        command: "`genrex generate music` against `genrex sandbox --quota 5`",
        credits: REFUSED,
        next: &[("genrex balance", 0), ("genrex jobs show 1", 0)],
        provoke: |world| world.in_sandbox(&["--quota", "5"], &["generate", "music"]),
    },
    Row {
        message: "the service refused the request",
        kind: "refused",
        exit: 1,
        command: "`genrex generate music`, answered with 422",
        credits: REFUSED,
        next: &[("genrex balance", 0), ("genrex jobs show 1", 0)],
        provoke: |world| {
            world.service.state().raw = Some(World::empty("422 No"));
            world.provoke(&["generate", "music"])
        },
    },
    Row {
        message: "the service asked to slow down after 5 tries",
        kind: "rateLimited",
        exit: 8,
        command: "`genrex generate music`, answered with 429 five times",
        credits: REFUSED,
        next: &[("genrex balance", 0), ("genrex jobs show 1", 0)],
        provoke: |world| {
            let mut state = world.service.state();
            state.raw = Some(World::empty("429 Later\r\nRetry-After: 0"));
            state.is_raw_for_all = true;
            drop(state);
            world.provoke(&["generate", "music"])
        },
    },
    Row {
        message: "the service says that the generation failed",
        kind: "generationFailed",
        exit: 4,
        command: "`genrex generate sandbox:fail` against `genrex sandbox`",
        credits: "the balance shows what it cost",
        next: &[("genrex balance", 0), ("genrex jobs show 1", 0)],
        provoke: |world| world.in_sandbox(&["--render-time", "1ms"], &["generate", "sandbox:fail"]),
    },
    Row {
        message: "the job is not over after",
        kind: "deadline",
        exit: 5,
        command: "`genrex wait 1 --timeout 300ms`",
        credits: PAID,
        next: &[("genrex jobs show 1", 0), ("genrex wait QRY_1", 0)],
        provoke: |world| {
            world.run(&["generate", "music", "--no-wait"]);
            let late = world.provoke(&["wait", "1", "--timeout", "300ms"]);
            world.complete(World::music());
            late
        },
    },
    Row {
        message: "interrupted; the job goes on at the service",
        kind: "interrupted",
        exit: 130,
        command: "Ctrl-C while `genrex wait 1` waits",
        credits: PAID,
        next: &[("genrex wait QRY_1", 0)],
        provoke: |world| {
            world.run(&["generate", "music", "--no-wait"]);
            let process = genrex(world.folder())
                .args(["wait", "1", "--json"])
                .envs(world.environment())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            while world.service.state().asked.is_empty() {
                std::thread::yield_now();
            }
            interrupt(&process);
            let output = process.wait_with_output().unwrap();
            world.complete(World::music());
            world.provoked(output)
        },
    },
    Row {
        message: "the submit of job 1 may have been charged, and was not sent again",
        kind: "ambiguous",
        exit: 7,
        command: "`genrex generate music`, answered with 502, or not at all",
        credits: "**perhaps charged**: it counts as spent until it is settled",
        next: &[("genrex jobs reconcile 1", 0)],
        provoke: |world| {
            world.service.state().is_answering = false;
            world.provoke(&["generate", "music"])
        },
    },
    Row {
        message: "job 1 is ambiguous, and has no id at the service to ask after",
        kind: "ambiguous",
        exit: 7,
        command: "`genrex wait 1` of an ambiguous job",
        credits: "**perhaps charged**",
        next: &[("genrex jobs reconcile 1", 0)],
        provoke: |world| {
            world.service.state().is_answering = false;
            world.run(&["generate", "music"]);
            world.provoke(&["wait", "1"])
        },
    },
    Row {
        message: "1 submits may have been charged; none is sent again on its own",
        kind: "ambiguous",
        exit: 7,
        command: "`genrex batch rows.csv --out-dir out`, of which a submit was not answered",
        credits: "**perhaps charged**, for each of these rows",
        next: &[("genrex jobs reconcile 1", 0)],
        provoke: |world| {
            world.service.state().is_answering = false;
            batch(world)
        },
    },
    Row {
        message: "0 of 1 are here",
        kind: "incomplete",
        exit: 1,
        command: "`genrex batch rows.csv --out-dir out`, of which a row was refused",
        credits: REFUSED,
        next: &[],
        provoke: |world| {
            world.service.state().raw = Some(World::empty("422 No"));
            batch(world)
        },
    },
    Row {
        message: "the same was bought before; nothing was sent",
        kind: "alreadyOpen",
        exit: 2,
        command: "`genrex generate music`, while the same is open",
        credits: "nothing was sent; the first is paid for",
        next: &[("genrex jobs show 1", 0), ("genrex wait QRY_1", 0)],
        provoke: |world| {
            world.run(&["generate", "music", "--no-wait"]);
            let again = world.provoke(&["generate", "music"]);
            world.complete(World::music());
            again
        },
    },
    Row {
        message: "it would spend more than is allowed; nothing was sent",
        kind: "overLimit",
        exit: 6,
        command: "`genrex generate music --max-credits 0`",
        credits: NOTHING_SENT,
        next: &[("genrex jobs list", 0)],
        provoke: |world| world.provoke(&["generate", "music", "--max-credits", "0"]),
    },
    Row {
        message: "what it costs is not known yet; nothing was sent",
        kind: "priceUnknown",
        exit: 6,
        command: "`genrex generate more --max-credits 50 --timeout 300ms`, while an earlier piece shows the price",
        credits: NOTHING_SENT,
        next: &[(
            "genrex generate more --max-credits 50 --timeout 300ms --json",
            6,
        )],
        provoke: |world| {
            world.run(&["generate", "music", "--no-wait", "--max-credits", "50"]);
            world.provoke(&[
                "generate",
                "more",
                "--max-credits",
                "50",
                "--timeout",
                "300ms",
            ])
        },
    },
    Row {
        message: "the service could not be reached after 5 tries",
        kind: "unreachable",
        exit: 8,
        command: "`genrex generate music --base-url http://127.0.0.1:1`",
        credits: NOTHING_SENT,
        next: &[("genrex balance", 8)],
        provoke: |world| world.provoke(&["generate", "music", "--base-url", "http://127.0.0.1:1"]),
    },
    Row {
        message: "the service's answer could not be read after 3 tries",
        kind: "unexpectedAnswer",
        exit: 8,
        command: "`genrex balance`, answered with a page",
        credits: "asking costs nothing",
        next: &[("genrex balance -vv", 8)],
        provoke: |world| {
            world.service.state().raw_when_free = Some(World::answer("200 OK", "<html>"));
            world.provoke(&["balance"])
        },
    },
    Row {
        message: "the answer is larger than 1 MiB",
        kind: "tooLarge",
        exit: 8,
        command: "`genrex balance`, answered with 2 MiB",
        credits: "asking costs nothing",
        next: &[("genrex balance -vv", 8)],
        provoke: |world| {
            let large = " ".repeat(2 << 20);
            world.service.state().raw_when_free = Some(World::answer("200 OK", &large));
            world.provoke(&["balance"])
        },
    },
    Row {
        message: "the storage answered 403 Forbidden",
        kind: "linkExpired",
        exit: 1,
        command: "`genrex wait 1`, whose links are answered with 403",
        credits: PAID,
        next: &[("genrex jobs show 1", 0), ("genrex wait QRY_1", 0)],
        provoke: |world| audio(world, World::empty("403 No").into_bytes()),
    },
    Row {
        message: "what came is not a WAVE file",
        kind: "invalidAudio",
        exit: 1,
        command: "`genrex wait 1`, whose links lead to a page",
        credits: PAID,
        next: &[("genrex jobs show 1", 0), ("genrex wait QRY_1", 0)],
        provoke: |world| audio(world, World::answer("200 OK", "<html>").into_bytes()),
    },
    Row {
        message: "taken.wav is there already, and is another file; it was left as it is",
        kind: "storage",
        exit: 1,
        command: "`genrex wait 1 -o taken.wav`, where another file is",
        credits: PAID,
        next: &[("genrex wait QRY_1 --output PATH", 0)],
        provoke: |world| {
            fs::write(world.folder().join("taken.wav"), "precious").unwrap();
            world.run(&["generate", "music", "--no-wait"]);
            world.complete(World::music());
            world.provoke(&["wait", "1", "-o", "taken.wav"])
        },
    },
    Row {
        message: "the ledger could not do what was asked",
        kind: "ledger",
        exit: 1,
        command: "`genrex generate music --timeout 3s`, while another program writes to the ledger",
        credits: NOTHING_SENT,
        next: &[("genrex jobs list", 0)],
        provoke: |world| {
            world.run(&["jobs", "list"]);
            let path = world.folder().join(".local/share/genrex/ledger.db");
            let held = rusqlite::Connection::open(path).unwrap();
            held.execute_batch("BEGIN IMMEDIATE").unwrap();
            world.provoke(&["generate", "music", "--timeout", "3s"])
        },
    },
    Row {
        message: "the ledger garbage is not a ledger",
        kind: "ledger",
        exit: 1,
        command: "`genrex generate music` with `GENREX_LEDGER=garbage`, which is no ledger",
        credits: NOTHING_SENT,
        next: &[],
        provoke: |world| {
            let garbage = world.folder().join("garbage");
            fs::write(&garbage, "no ledger at all ".repeat(100)).unwrap();
            let set = Command::new("chmod").arg("600").arg(&garbage).status();
            assert!(set.unwrap().success());
            with_ledger(world, Path::new("garbage"))
        },
    },
    Row {
        message: "the ledger /sys/genrex/ledger.db cannot be kept",
        kind: "ledger",
        exit: 1,
        command: "`genrex generate music` with `GENREX_LEDGER=/sys/genrex/ledger.db`, where nothing may be written",
        credits: NOTHING_SENT,
        next: &[],
        provoke: |world| with_ledger(world, Path::new("/sys/genrex/ledger.db")),
    },
    Row {
        message: "the ledger gone.db is not there, and files that belong to it are",
        kind: "ledger",
        exit: 1,
        command: "`genrex generate music` with `GENREX_LEDGER=gone.db`, which was taken away",
        credits: NOTHING_SENT,
        next: &[],
        provoke: |world| {
            let (path, more) = (Path::new("gone.db"), [("GENREX_LEDGER", "gone.db")]);
            world.run_with(&["jobs", "list"], &more);
            fs::rename(
                world.folder().join(path),
                world.folder().join("elsewhere.db"),
            )
            .unwrap();
            with_ledger(world, path)
        },
    },
];

/// A batch of one row.
fn batch(world: &World) -> Provoked {
    fs::write(world.folder().join("rows.csv"), "text,duration\none,5\n").unwrap();
    world.provoke(&["batch", "rows.csv", "--out-dir", "out"])
}

/// A job that is done, whose link leads to this; to music when it is asked for again.
fn audio(world: &World, answer: Vec<u8>) -> Provoked {
    world.run(&["generate", "music", "--no-wait"]);
    world.complete(answer);
    let provoked = world.provoke(&["wait", "1"]);
    world.complete(World::music());
    provoked
}

fn with_ledger(world: &World, path: &Path) -> Provoked {
    let more = [("GENREX_LEDGER", path.to_str().unwrap())];
    world.provoked(world.run_with(&["generate", "music"], &more))
}
