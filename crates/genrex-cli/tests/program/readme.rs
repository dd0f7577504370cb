//! What the README tells a newcomer to type does what it says, and whatever it names is there.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::tempdir;

use crate::support::{Sandbox, code, genrex, stderr};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");

/// The lines of its blocks in a language, in order.
fn lines_of(readme: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line.strip_prefix("```") {
            Some(name) => inside = !inside && name == language,
            None if inside => found.push(line.to_owned()),
            None => {}
        }
    }
    found
}

/// A line as a shell reads it, with no program in reach but this one.
fn typed(line: &str, sandbox: &Sandbox, folder: &Path) -> Output {
    let program = Path::new(assert_cmd::cargo::cargo_bin!("genrex"));
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", line])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", program.parent().unwrap())
        .envs(
            sandbox
                .environment
                .iter()
                .map(|(name, value)| (*name, value)),
        )
        .stdin(Stdio::null());
    shell.output().unwrap()
}

#[test]
fn what_the_readme_says_to_type_works() {
    let readme = fs::read_to_string(README).unwrap();
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let prompts = lines_of(&readme, "csv").join("\n");
    fs::write(folder.path().join("prompts.csv"), prompts).unwrap();
    let mut ran = Vec::new();
    for line in lines_of(&readme, "sh") {
        match line.split(' ').next() {
            // What is run from its source, and what sets the keys that the sandbox has set here.
            Some("cargo" | "export") => continue,
            Some("genrex") => {}
            _ => panic!("nothing tests {line:?}"),
        }
        if line == "genrex sandbox" {
            continue;
        }
        let output = typed(&line, &sandbox, folder.path());
        assert_eq!(code(&output), 0, "{line}: {}", stderr(&output));
        ran.push(line);
    }
    for file in ["rain.wav", "music/rain.wav", "music/lap.wav"] {
        let wav = fs::read(folder.path().join(file)).unwrap();
        assert!(wav.starts_with(b"RIFF"), "{file}");
    }
    assert!(ran.len() >= 6, "{ran:?}");
}

#[test]
fn the_sandbox_of_the_readme_prints_three_lines_for_another_shell() {
    let readme = fs::read_to_string(README).unwrap();
    assert!(lines_of(&readme, "sh").contains(&String::from("genrex sandbox")));
    let folder = tempdir().unwrap();
    let mut process = genrex(folder.path())
        .arg("sandbox")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    for (name, line) in ["BASE_URL", "API_KEY", "API_SECRET"].iter().zip(lines) {
        assert!(line.unwrap().starts_with(&format!("export GENREX_{name}=")));
    }
    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());
}

/// The first cell of each row of its table of commands: what is in capitals and what is a flag is not the command's
/// name.
#[test]
fn each_command_of_the_readme_is_there() {
    let readme = fs::read_to_string(README).unwrap();
    let folder = tempdir().unwrap();
    let rows = readme.lines().filter(|line| line.starts_with("| `genrex "));
    let mut found = 0;
    for row in rows {
        let cell = row.split('|').nth(1).unwrap();
        for command in cell.split('`').filter(|part| part.starts_with("genrex ")) {
            let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            let is_name = |word: &&str| !word.starts_with('-') && word.bytes().all(is_letter);
            let words: Vec<&str> = command.split(' ').skip(1).take_while(is_name).collect();
            let output = genrex(folder.path()).args(&words).arg("--help").output();
            let output = output.unwrap();
            assert_eq!(code(&output), 0, "{command}: {}", stderr(&output));
            found += 1;
        }
    }
    assert!(found >= 15, "{found}");
}

/// Its other programs need a server.
#[test]
fn each_command_of_the_guide_for_many_machines_is_there() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fleet.md");
    // A block may be a part of a list.
    let page = fs::read_to_string(page).unwrap().replace("\n   ", "\n");
    let typed = lines_of(&page, "sh").join("\n").replace("\\\n", "");
    let folder = tempdir().unwrap();
    let mut found = 0;
    for line in typed.lines() {
        let words: Vec<&str> = line.split(' ').take_while(|word| *word != "|").collect();
        let Some(first) = words.iter().position(|word| *word == "genrex") else {
            continue;
        };
        let is_name = |word: &&&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
        let command: Vec<&str> = words[first + 1..]
            .iter()
            .take_while(is_name)
            .copied()
            .collect();
        let help = genrex(folder.path()).args(&command).arg("--help").output();
        let help = help.unwrap();
        assert_eq!(code(&help), 0, "{line}: {}", stderr(&help));
        let help = String::from_utf8(help.stdout).unwrap();
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            let mut words = help.split([' ', ',', '\n']);
            assert!(
                words.any(|word| word == *flag),
                "{line}: {flag} is not in {help}"
            );
        }
        found += 1;
    }
    assert!(found >= 6, "{found}");
}

/// What a command has of its own is in the table, each by its name.
#[test]
fn each_command_of_jobs_and_of_ledgers_is_in_the_readme() {
    let readme = fs::read_to_string(README).unwrap();
    let folder = tempdir().unwrap();
    for (command, least) in [("jobs", 5), ("ledger", 5)] {
        let help = genrex(folder.path()).args([command, "--help"]).output();
        let help = String::from_utf8(help.unwrap().stdout).unwrap();
        let (_, after) = help.split_once("Commands:\n").unwrap();
        let names = after.lines().take_while(|line| !line.is_empty());
        // What is said of one may go on in the next line.
        let names = names.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        let names = names.filter(|name| !name.is_empty());
        let names: Vec<&str> = names.filter(|name| *name != "help").collect();
        assert!(names.len() >= least, "{names:?}");
        for name in names {
            let named = format!("`genrex {command} {name}");
            assert!(readme.contains(&named), "{named} is not in the table");
        }
    }
}

/// A sandbox charges a credit a second: no piece of the README may be dearer than its limit for one, which would stop
/// every further purchase.
#[test]
fn the_limits_of_the_readme_let_its_pieces_through() {
    let readme = fs::read_to_string(README).unwrap();
    let number = |text: &str| text.trim().parse::<u64>().unwrap();
    let limits = lines_of(&readme, "toml");
    let limit = |name: &str| {
        let line = limits.iter().find_map(|line| line.strip_prefix(name));
        number(line.unwrap().trim_start_matches(" ="))
    };
    let typed = lines_of(&readme, "sh");
    let of_commands = typed.iter().filter_map(|line| {
        let (_, after) = line.split_once("--duration ")?;
        after.split(' ').next().map(number)
    });
    let rows = lines_of(&readme, "csv");
    let of_rows = rows.iter().skip(1).map(|row| {
        let mut fields = row.rsplit(',');
        number(fields.nth(1).unwrap())
    });
    let longest = of_commands.chain(of_rows).max().unwrap();
    assert!(longest >= 30 && longest <= limit("per_job"), "{longest}");
    assert!(limit("per_job") <= limit("day"));
}
