//! What `genrex help` and `--help` tell beyond the flags: examples, topics, and what every command shares.

use clap::CommandFactory as _;

use crate::args::Args;
use crate::command_error::CommandError;
use crate::output::Output;

/// A topic's name, what it is about, and its text.
type Topic = (&'static str, &'static str, &'static str);

const TOPICS: [Topic; 5] = [
    (
        "money",
        "what is promised about your credits, and limits",
        include_str!("help/money.txt"),
    ),
    (
        "config",
        "the files of settings, and how to change them",
        include_str!("help/config.txt"),
    ),
    (
        "batch-file",
        "the forms of a batch's file",
        include_str!("help/batch-file.txt"),
    ),
    ("exit-codes", "what each exit code means", EXIT_CODES),
    ("environment", "the variables that are read", ENVIRONMENT),
];

const EXIT_CODES: &str = include_str!("help/exit-codes.txt");
const ENVIRONMENT: &str = include_str!("help/environment.txt");

const FILES: &str = "\
Files:
  ~/.config/genrex/config.toml       profiles and limits
  ~/.config/genrex/credentials.toml  secrets, for you alone
  ~/.local/share/genrex/ledger.db    what was sent, paid for, finished, unclear
";

/// The commands with everything that their `--help` tells.
pub(crate) fn command() -> clap::Command {
    let names = TOPICS.map(|(name, ..)| name).join(", ");
    let command = Args::command()
        .after_help(format!("Topics: {names}. genrex help TOPIC"))
        .after_long_help(after(""));
    with_help(command, "")
}

fn with_help(mut command: clap::Command, path: &str) -> clap::Command {
    let names: Vec<_> = command
        .get_subcommands()
        .map(|it| it.get_name().to_owned())
        .collect();
    for name in names {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(name, |it| {
            with_help(it.after_long_help(after(path.trim())), &path)
        });
    }
    command
}

/// What stands below the flags of a command.
fn after(path: &str) -> String {
    let examples = examples(path).iter().map(|it| format!("  {it}\n"));
    let examples: String = examples.collect();
    format!("Examples:\n{examples}\n{ENVIRONMENT}\n{FILES}\n{EXIT_CODES}")
}

/// How a command is typed. A test runs each: `QRY_ID` stands for a job that is there, and `1` for its number. clap makes
/// a line end of `{n}`, so that none has it.
fn examples(path: &str) -> &'static [&'static str] {
    match path {
        "" => &[
            "genrex generate 'slow rain on a tin roof' --sandbox",
            "genrex help money",
        ],
        "generate" => &[
            "genrex generate 'slow rain on a tin roof' --duration 30 --output rain.wav",
            "echo 'brass band at dawn' | genrex generate - --no-wait",
            "genrex generate 'a drum' -d 5 --output - > drum.wav",
        ],
        "batch" => &[
            "genrex batch prompts.csv --out-dir music --dry-run",
            "genrex batch prompts.csv --out-dir music --max-credits 100",
            "genrex batch lines.txt --out-dir lines --duration 10 --output '{line}-{prompt}.wav'",
        ],
        "work" => &["genrex work --out-dir others"],
        "wait" => &[
            "genrex wait QRY_ID",
            "genrex wait QRY_ID --output again.wav --timeout 2m",
        ],
        "status" => &["genrex status QRY_ID", "genrex status QRY_ID --json"],
        "jobs" | "jobs list" => {
            &["genrex jobs list --state ambiguous --state accepted --limit 20 --json"]
        }
        "jobs show" => &["genrex jobs show 1", "genrex jobs show QRY_ID --json"],
        "jobs recover" => &["genrex jobs recover"],
        "jobs reconcile" => &["genrex jobs reconcile 7"],
        "jobs resolve" => &["genrex jobs resolve 7 --charged --why 'support, mail of 3 May'"],
        "jobs export" => &["genrex jobs export > jobs.jsonl"],
        "play" => &["genrex play 1"],
        "open" => &["genrex open 1 --folder"],
        "balance" => &[
            "genrex balance",
            "genrex balance --watch --below 100 --interval 1m --count 3",
        ],
        "sign" => &["printf '{}' | genrex sign"],
        "verify" => &["printf '{}' | genrex verify --signature \"$(printf '{}' | genrex sign)\""],
        "sandbox" => &[
            "genrex sandbox",
            "genrex sandbox --render-time 500ms --quota 100 --json",
        ],
        "completions" => &["genrex completions bash > genrex.bash"],
        "man" => &["genrex man batch", "genrex man --out-dir man1"],
        "help" => &["genrex help", "genrex help batch-file"],
        _ => of_settings(path),
    }
}

/// The examples of what is set once.
fn of_settings(path: &str) -> &'static [&'static str] {
    match path {
        "config" | "config list" => &["genrex config list"],
        "config path" => &["genrex config path"],
        "config get" => &["genrex config get limits.day"],
        "config set" => &[
            "genrex config set limits.day 200",
            "genrex config set profile.work.base_url https://api.genrex.com",
        ],
        "login" => &[
            "genrex login",
            "printf '%s\\n' \"$GENREX_API_KEY\" \"$GENREX_API_SECRET\" | genrex login --profile work",
        ],
        _ => of_ledgers(path),
    }
}

fn of_ledgers(path: &str) -> &'static [&'static str] {
    match path {
        "ledger" | "ledger path" => &["genrex ledger path"],
        "ledger migrate" => &["genrex ledger migrate"],
        "ledger status" => &["genrex ledger status"],
        "ledger accept-restored" => &["genrex ledger accept-restored"],
        "ledger copy" => &[
            "genrex ledger copy \"$(genrex ledger path)\" 'postgres://postgres@db/genrex?sslmode=verify-full'",
        ],
        _ => &[],
    }
}

/// `genrex help`: a command's long help, or a topic.
pub(crate) fn run(topic: &[String], output: &Output) -> Result<(), CommandError> {
    let mut command = command();
    command.build();
    if let [name] = topic
        && let Some((_, _, text)) = TOPICS.iter().find(|(topic, ..)| topic == name)
        && command
            .find_subcommand(name)
            .is_none_or(|_| name == "config")
    {
        return tell(text, output);
    }
    let mut found = &mut command;
    for name in topic {
        let shown = topic.join(" ");
        found = found.find_subcommand_mut(name).ok_or_else(|| {
            CommandError::usage(format!("there is no command and no topic {shown}"))
                .hint("genrex help lists them")
        })?;
    }
    let mut text = found.render_long_help().to_string();
    if topic.is_empty() {
        text.push_str("\nTopics, by genrex help TOPIC:\n");
        for (name, about, _) in TOPICS {
            text.push_str(&format!("  {name:<12} {about}\n"));
        }
    }
    tell(&text, output)
}

fn tell(text: &str, output: &Output) -> Result<(), CommandError> {
    let text = text.trim_end();
    text.lines().try_for_each(|line| output.line(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_an_example_of_itself() {
        fn check(command: &clap::Command, path: &str) {
            for it in command.get_subcommands() {
                let path = format!("{path} {}", it.get_name());
                let examples = examples(path.trim());
                let is_of_it = |example: &&str| example.contains(&format!("genrex{path}"));
                assert!(
                    examples.iter().any(is_of_it) || it.has_subcommands(),
                    "{path}"
                );
                check(it, &path);
            }
        }
        command().debug_assert();
        check(&command(), "");
    }

    #[test]
    fn a_topic_has_a_name_of_its_own() {
        let command = command();
        for (name, ..) in TOPICS {
            assert!(
                command.find_subcommand(name).is_none() || name == "config",
                "{name}"
            );
        }
    }
}
