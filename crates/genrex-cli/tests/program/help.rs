//! What `help`, `--help`, `man` and the completions tell is true: each example is run.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::tempdir;

use crate::support::{Sandbox, code, install, run, stderr, stdout};

const TOPICS: [&str; 5] = ["money", "config", "batch-file", "exit-codes", "environment"];

/// Every command, such as `jobs list`, by what `help` lists.
fn commands(folder: &Path, of: &[&str]) -> Vec<Vec<String>> {
    let help = stdout(&run(folder, &[&["help"], of].concat()));
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    let mut found = Vec::new();
    for name in names {
        let path = [of, &[name]].concat();
        found.push(path.iter().map(|&word| word.to_owned()).collect());
        found.extend(commands(folder, &path));
    }
    found
}

fn all_commands(folder: &Path) -> Vec<Vec<String>> {
    let found = commands(folder, &[]);
    assert!(found.len() > 15, "{found:?}");
    found
}

fn words(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

/// The lines of a text that are to be typed.
fn examples(text: &str) -> Vec<String> {
    let typed = text.lines().filter_map(|line| line.strip_prefix("  "));
    let is_command = |line: &&str| {
        !line.starts_with(' ') && (line.starts_with("genrex ") || line.contains("| genrex "))
    };
    typed.filter(is_command).map(str::to_owned).collect()
}

#[test]
fn each_command_tells_examples_environment_files_and_exit_codes() {
    let folder = tempdir().unwrap();
    for path in all_commands(folder.path()) {
        let path = words(&path);
        let help = run(folder.path(), &[&path[..], &["--help"]].concat());
        assert_eq!(code(&help), 0);
        for part in [
            "Examples:",
            "Environment:",
            "GENREX_LEDGER",
            "Files:",
            "credentials.toml",
            "Exit codes:",
            "130",
        ] {
            assert!(stdout(&help).contains(part), "{path:?} {part}");
        }
        let same = run(folder.path(), &[&["help"][..], &path[..]].concat());
        if path != ["config"] {
            assert_eq!(stdout(&same).trim(), stdout(&help).trim(), "{path:?}");
        }
        let page = run(folder.path(), &[&["man"][..], &path[..]].concat());
        assert_eq!(code(&page), 0);
        assert!(
            stdout(&page).contains(&format!(".TH genrex-{} 1", path.join("-"))),
            "{path:?}"
        );
    }
}

#[test]
fn each_topic_is_there_and_what_is_none_is_refused() {
    let folder = tempdir().unwrap();
    let listed = stdout(&run(folder.path(), &["help"]));
    for topic in TOPICS {
        let told = run(folder.path(), &["help", topic]);
        assert_eq!(code(&told), 0);
        assert!(stdout(&told).lines().count() > 5, "{topic}");
        assert!(listed.contains(&format!("  {topic}")), "{topic}");
    }
    for args in [
        &["help", "nonsense"][..],
        &["help", "jobs", "nonsense"],
        &["man", "nonsense"],
    ] {
        let refused = run(folder.path(), args);
        assert_eq!(code(&refused), 2);
        assert!(stderr(&refused).contains("genrex help"), "{args:?}");
    }
}

#[test]
fn a_folder_gets_a_page_a_command() {
    let folder = tempdir().unwrap();
    let written = run(folder.path(), &["man", "--out-dir", "man1"]);
    assert_eq!(code(&written), 0, "{}", stderr(&written));
    for path in all_commands(folder.path()) {
        let name = format!("man1/genrex-{}.1", path.join("-"));
        assert!(folder.path().join(&name).is_file(), "{name}");
    }
    let own = fs::read_to_string(folder.path().join("man1/genrex.1")).unwrap();
    assert!(own.contains(".TH genrex 1"));
}

#[test]
fn a_shell_completes_the_names_of_a_dialect() {
    let folder = tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&run(folder.path(), &["completions", shell]));
        let names = script
            .lines()
            .filter(|line| line.contains("quick-start") && line.contains("reference"));
        assert!(
            names.count() > 0 || script.contains("reference\\t"),
            "{shell}"
        );
    }
}

/// A folder in which what the examples name is there.
fn prepare(folder: &Path, sandbox: &Sandbox) -> String {
    fs::write(folder.join("prompts.csv"), "text,duration\nslow rain,5\n").unwrap();
    fs::write(folder.join("lines.txt"), "a drum\na bell\n").unwrap();
    let bought = sandbox.run(folder, &["generate", "first", "--no-wait"]);
    let id = stdout(&bought).trim().to_owned();
    // A job that is open keeps others waiting for its price.
    let args = [
        "wait",
        &id,
        "--output",
        "first.wav",
        "--poll-interval",
        "10ms",
    ];
    let waited = sandbox.run(folder, &args);
    assert_eq!(code(&waited), 0, "{}", stderr(&waited));
    id
}

fn type_in(folder: &Path, sandbox: &Sandbox, line: &str) -> Output {
    let genrex = sandbox.genrex(folder, &[]);
    let programs = Path::new(genrex.get_program()).parent().unwrap();
    let mut shell = Command::new("bash");
    shell
        .args(["-o", "pipefail", "-c", line])
        .current_dir(folder)
        .env_clear();
    shell.envs(
        genrex
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    // What would open a window, or make a noise, does neither.
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    for name in ["xdg-open", "open"] {
        install(Path::new("/bin/true"), &bin.join(name));
    }
    let path = format!("{}:{}:/usr/bin:/bin", bin.display(), programs.display());
    let mut shell = shell
        .env("PATH", path)
        .env("GENREX_PLAYER", "true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A sandbox ends with it, and nobody is asked.
    drop(shell.stdin.take());
    shell.wait_with_output().unwrap()
}

#[test]
fn each_example_does_what_it_says() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let id = prepare(folder.path(), &sandbox);
    let mut typed: Vec<String> = Vec::new();
    for topic in TOPICS {
        typed.extend(examples(&stdout(&run(folder.path(), &["help", topic]))));
    }
    for path in all_commands(folder.path()) {
        let args = [&words(&path)[..], &["--help"]].concat();
        typed.extend(examples(&stdout(&run(folder.path(), &args))));
    }
    typed.sort();
    typed.dedup();
    // What has a limit waits for the charges of what went before it: it is begun first, and what stays open last.
    typed.sort_by_key(|line| (!line.contains("--max-credits"), line.contains("--no-wait")));
    assert!(typed.len() > 30, "{typed:?}");
    for (number, line) in typed.iter().enumerate() {
        // What an example changes is not there for the next; its ledger is.
        let config = format!("config-{number}");
        let line = line
            .replace("QRY_ID", &id)
            .replace("--interval 1m", "--interval 1ms");
        let line = format!("export XDG_CONFIG_HOME=$PWD/{config}; {line}");
        let told = type_in(folder.path(), &sandbox, &line);
        let said = format!("{line}\n{}{}", stdout_of(&told), stderr(&told));
        let expected: &[i32] = match () {
            () if line.contains("config get") => &[1],
            () if line.contains("jobs reconcile") || line.contains("jobs resolve") => &[2],
            // It is a file, and there is no such database.
            () if line.contains("accept-restored") => &[2],
            () if line.contains("ledger copy") => &[1],
            () if line.ends_with("genrex login") => &[3],
            () => &[0],
        };
        assert!(expected.contains(&code(&told)), "{} {said}", code(&told));
    }
}

fn stdout_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
