//! `config` and `login`: settings without an editor, and secrets that nobody sees.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tempfile::tempdir;

use crate::service::Counting;
use crate::support::{Sandbox, code, error, genrex, json, run, stderr, stdout};

const SECRET: &str = "s3cr3t-0f-mine";

fn config(folder: &Path) -> PathBuf {
    folder.join("config/genrex")
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

/// Runs a command that reads these lines.
fn fed(mut command: std::process::Command, lines: &str) -> Output {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended without reading.
    let _ = process.stdin.take().unwrap().write_all(lines.as_bytes());
    process.wait_with_output().unwrap()
}

#[test]
fn a_setting_is_written_read_listed_and_taken_out() {
    let folder = tempdir().unwrap();
    let path = stdout(&run(folder.path(), &["config", "path"]));
    assert_eq!(
        Path::new(path.trim()),
        config(folder.path()).join("config.toml")
    );
    assert_eq!(
        code(&run(folder.path(), &["config", "get", "limits.day"])),
        1
    );
    for (key, value) in [
        ("limits.day", "200"),
        ("profile.work.base_url", "https://a.example"),
    ] {
        let set = run(folder.path(), &["config", "set", key, value]);
        assert_eq!(code(&set), 0, "{}", stderr(&set));
        let got = run(folder.path(), &["config", "get", key]);
        assert_eq!(stdout(&got).trim(), value);
    }
    let file = config(folder.path()).join("config.toml");
    assert_eq!((mode(&file), mode(&config(folder.path()))), (0o600, 0o700));
    let listed = json(&run(folder.path(), &["config", "list", "--json"]));
    assert_eq!(listed["limits.day"], "200");
    assert_eq!(
        stdout(&run(folder.path(), &["config"])),
        "limits.day = 200\nprofile.work.base_url = https://a.example\n"
    );

    let written = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("# mine\n{written}")).unwrap();
    assert_eq!(
        code(&run(folder.path(), &["config", "set", "limits.day", ""])),
        0
    );
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with("# mine\n") && !text.contains("day"),
        "{text}"
    );
}

/// Each reads the file and writes it back whole.
#[test]
fn settings_that_are_written_at_once_are_all_kept() {
    const AT_ONCE: usize = 16;
    let folder = tempdir().unwrap();
    let name = |at: usize| format!("profile.p{at}.api_key");
    let setting = (0..AT_ONCE).map(|at| {
        let mut set = genrex(folder.path());
        set.args(["config", "set", &name(at), "key"]);
        set.stdout(Stdio::null()).stderr(Stdio::null());
        set.spawn().unwrap()
    });
    for mut process in setting.collect::<Vec<_>>() {
        assert!(process.wait().unwrap().success());
    }
    let listed = json(&run(folder.path(), &["config", "list", "--json"]));
    for at in 0..AT_ONCE {
        assert_eq!(listed[name(at)], "key", "{at}: {listed}");
    }
}

#[test]
fn what_is_no_setting_changes_nothing() {
    let folder = tempdir().unwrap();
    for args in [
        &["config", "set", "limits.week", "5"][..],
        &["config", "set", "limits.day", "five"],
        &["config", "set", "profile.a.base_url", "http://a.example"],
        &["config", "set", "profile.a.api_secret", SECRET],
        &["config", "get", "nonsense"],
    ] {
        let refused = run(folder.path(), args);
        assert_eq!(code(&refused), 2, "{args:?} {}", stderr(&refused));
        assert!(!config(folder.path()).exists(), "{args:?}");
    }
    fs::create_dir_all(config(folder.path())).unwrap();
    let file = config(folder.path()).join("config.toml");
    for text in ["nonsense", "limits = 5\n"] {
        fs::write(&file, text).unwrap();
        let refused = run(folder.path(), &["config", "set", "limits.day", "5"]);
        assert_eq!(code(&refused), 2, "{}", stderr(&refused));
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

/// What is read from others' files is not written into them either.
#[test]
fn a_link_and_a_file_that_others_can_change_are_not_written_to() {
    let folder = tempdir().unwrap();
    let (home, elsewhere) = (config(folder.path()), folder.path().join("elsewhere"));
    fs::create_dir_all(&home).unwrap();
    fs::write(&elsewhere, "# theirs\n").unwrap();
    let file = home.join("config.toml");
    symlink(&elsewhere, &file).unwrap();
    let refused = run(folder.path(), &["config", "set", "limits.day", "5"]);
    assert_eq!(code(&refused), 2, "{}", stderr(&refused));
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "# theirs\n");
    assert!(file.is_symlink());
    fs::remove_file(&file).unwrap();
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let refused = run(folder.path(), &["config", "set", "limits.day", "5"]);
    assert_eq!(code(&refused), 2, "{}", stderr(&refused));
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}

fn lines_of(sandbox: &Sandbox) -> String {
    let value = |name| {
        sandbox
            .environment
            .iter()
            .find(|it| it.0 == name)
            .unwrap()
            .1
            .clone()
    };
    format!(
        "{}\n{}\n",
        value("GENREX_API_KEY"),
        value("GENREX_API_SECRET")
    )
}

#[test]
fn a_login_from_a_pipe_is_checked_and_kept_apart() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let lines = lines_of(&sandbox);
    let secret = lines.lines().nth(1).unwrap().to_owned();
    let login = |more: &[&str], lines: &str| {
        let mut command = genrex(folder.path());
        command
            .args(["login", "--base-url", &sandbox.url, "--profile", "work"])
            .args(more);
        fed(command, lines)
    };
    let wrong = login(
        &[],
        &format!("{}\n{SECRET}\n", lines.lines().next().unwrap()),
    );
    assert_eq!(code(&wrong), 3, "{}", stderr(&wrong));
    assert!(!config(folder.path()).exists(), "nothing was kept");
    let kept = login(&[], &lines);
    assert_eq!(code(&kept), 0, "{}", stderr(&kept));
    let told = format!("{}{}", stdout(&kept), stderr(&kept));
    assert!(
        told.contains("credentials.toml") && told.contains("10000 credits left"),
        "{told}"
    );
    assert!(!told.contains(&secret));
    let home = config(folder.path());
    assert_eq!(mode(&home.join("credentials.toml")), 0o600);
    assert!(
        !fs::read_to_string(home.join("config.toml"))
            .unwrap()
            .contains(&secret)
    );
    let balance = run(folder.path(), &["balance", "--profile", "work", "--json"]);
    assert_eq!(
        json(&balance)["creditsLeft"],
        10_000,
        "{}",
        stderr(&balance)
    );
    let listed = stdout(&run(folder.path(), &["config", "list"]));
    assert!(!listed.contains(&secret), "{listed}");
    // The key is known now: the secret alone is enough.
    let again = login(&["--json"], &format!("{secret}\n"));
    assert_eq!(
        (code(&again), &json(&again)["creditsLeft"]),
        (0, &10_000.into())
    );
}

/// A URL that only the environment names is not kept with the keys: it is said, with the command that keeps it.
#[test]
fn a_login_says_that_the_url_of_the_environment_is_not_kept() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let login = |more: &[&str]| {
        let mut command = genrex(folder.path());
        command.arg("login").args(more);
        command.env("GENREX_BASE_URL", &sandbox.url);
        let done = fed(command, &lines_of(&sandbox));
        assert_eq!(code(&done), 0, "{}", stderr(&done));
        stderr(&done)
    };
    let said = login(&["--profile", "work"]);
    let command = format!("genrex config set profile.work.base_url {}\n", sandbox.url);
    assert!(said.ends_with(&command), "{said}");
    let typed: Vec<_> = command.split_whitespace().skip(1).collect();
    assert_eq!(code(&run(folder.path(), &typed)), 0);
    let balance = run(folder.path(), &["balance", "--profile", "work"]);
    assert_eq!(code(&balance), 0, "{}", stderr(&balance));
    // What is kept, or was named by a flag, is no news.
    assert_eq!(login(&["--profile", "work"]), "");
    assert_eq!(login(&["--base-url", &sandbox.url]), "");
}

#[test]
fn a_login_without_a_look_or_without_a_service() {
    let folder = tempdir().unwrap();
    let login = |more: &[&str], lines: &str| {
        let mut command = genrex(folder.path());
        command
            .args(["login", "--base-url", "http://127.0.0.1:1"])
            .args(more);
        fed(command, lines)
    };
    let refused = login(&["--json"], &format!("key\n{SECRET}\n"));
    assert_eq!(code(&refused), 8, "{}", stderr(&refused));
    assert!(!config(folder.path()).exists());
    for lines in ["", "\n\n", "key\nnot a\u{7}secret\n"] {
        let refused = login(&["--no-check", "--json"], lines);
        assert_eq!(code(&refused), 3, "{lines:?} {}", stderr(&refused));
        assert!(!error(&refused).to_string().contains("not a"));
        assert!(!config(folder.path()).exists());
    }
    let kept = login(&["--no-check"], &format!("key\n{SECRET}\n"));
    assert_eq!(code(&kept), 0, "{}", stderr(&kept));
    let secrets = fs::read_to_string(config(folder.path()).join("credentials.toml")).unwrap();
    assert_eq!(
        secrets,
        format!("[profile.default]\napi_secret = \"{SECRET}\"\n")
    );
    assert_eq!(
        code(&run(folder.path(), &["login", SECRET])),
        2,
        "no argument takes a secret"
    );
}

#[test]
fn the_ledger_that_is_used_is_told_and_no_scheme_is_a_folder() {
    let folder = tempdir().unwrap();
    let own = stdout(&run(folder.path(), &["ledger", "path"]));
    assert!(
        own.trim().ends_with(".local/share/genrex/ledger.db"),
        "{own}"
    );
    let named = genrex(folder.path())
        .args(["ledger", "path", "--json"])
        .env("GENREX_LEDGER", "x.db")
        .output();
    assert_eq!(json(&named.unwrap())["path"], "x.db");
    for (place, said) in [
        (
            "postgres://u@x:hidden/y",
            "the ledger's address cannot be read",
        ),
        (
            "postgresql://u:hidden@x/y?sslmode=perhaps",
            "the ledger's sslmode is none of",
        ),
        ("sqlite://x.db", "sqlite://, which is no ledger"),
    ] {
        for args in [
            &["ledger", "path"][..],
            &["jobs", "list"],
            &["generate", "a"],
        ] {
            let mut command = genrex(folder.path());
            command.args(args).env("GENREX_LEDGER", place);
            command
                .env("GENREX_API_KEY", "k")
                .env("GENREX_API_SECRET", "s")
                .env("GENREX_BASE_URL", "http://127.0.0.1:1");
            let refused = command.output().unwrap();
            assert_eq!(code(&refused), 2, "{place} {args:?} {}", stderr(&refused));
            assert!(stderr(&refused).contains(said), "{}", stderr(&refused));
            assert!(!stderr(&refused).contains("den"), "{}", stderr(&refused));
        }
    }
    let made: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .flatten()
        .map(|it| it.file_name())
        .collect();
    assert!(made.is_empty(), "{made:?}");
}

/// Nobody listens there: the address is told, and its password is not.
#[test]
fn a_database_that_is_away_is_named_without_its_password_and_nothing_is_sent() {
    let folder = tempdir().unwrap();
    let service = Counting::start();
    let away = "postgres://studio:hidden@127.0.0.1:1/genrex";
    let shown = "postgres://studio@127.0.0.1:1/genrex";
    let run = |args: &[&str]| {
        let mut command = genrex(folder.path());
        command.args(args).env("GENREX_LEDGER", away);
        command
            .env("GENREX_API_KEY", "k")
            .env("GENREX_API_SECRET", "s")
            .env("GENREX_BASE_URL", &service.url)
            .env("RUST_LOG", "trace");
        command.output().unwrap()
    };
    let told = run(&["ledger", "path", "--json"]);
    assert_eq!(json(&told)["path"], shown);
    assert!(!stderr(&told).contains("hidden") && !stdout(&told).contains("hidden"));
    for args in [
        &["generate", "a", "--json", "--timeout", "1s"][..],
        &["ledger", "status", "--json"],
    ] {
        let refused = run(args);
        let said = error(&refused);
        assert_eq!((code(&refused), &said["kind"]), (1, &"ledger".into()));
        let message = said["message"].as_str().unwrap();
        assert!(message.contains(shown), "{message}");
        assert!(!stderr(&refused).contains("hidden"), "{}", stderr(&refused));
    }
    assert_eq!(service.state().submits, 0, "nothing was sent");
}

/// On a terminal of its own, the secret is typed and not seen.
#[cfg(target_os = "linux")]
#[test]
fn a_secret_that_is_typed_is_not_seen() {
    use std::io::Read as _;

    use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};

    let folder = tempdir().unwrap();
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags).unwrap();
    unlockpt(&ours).unwrap();
    let theirs = fs::File::from(ioctl_tiocgptpeer(&ours, flags).unwrap());
    let program = genrex(folder.path());
    let mut command = std::process::Command::new("setsid");
    command
        .args(["--ctty", "--wait"])
        .arg(program.get_program())
        .args(["login", "--no-check"]);
    command.current_dir(folder.path()).env_clear().envs(
        program
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let mut process = command
        .stdin(theirs.try_clone().unwrap())
        .stdout(theirs.try_clone().unwrap())
        .stderr(theirs)
        .spawn()
        .unwrap();
    drop(command);
    let mut ours = fs::File::from(ours);
    let mut shown = Vec::new();
    let mut read_until = |ours: &mut fs::File, text: &str| {
        let mut chunk = [0; 256];
        while !String::from_utf8_lossy(&shown).contains(text) {
            match ours.read(&mut chunk) {
                Ok(length) if length > 0 => shown.extend_from_slice(&chunk[..length]),
                _ => break,
            }
        }
        String::from_utf8_lossy(&shown).into_owned()
    };
    read_until(&mut ours, "API key:");
    ours.write_all(b"typed-key\n").unwrap();
    read_until(&mut ours, "not shown:");
    // The terminal shows what is typed until the program has asked it not to.
    wait_until_hidden(&ours);
    ours.write_all(format!("{SECRET}\n").as_bytes()).unwrap();
    let told = read_until(&mut ours, "no such text");
    assert_eq!(process.wait().unwrap().code(), Some(0), "{told}");
    assert!(
        told.contains("credentials.toml") && told.contains("typed-key"),
        "{told}"
    );
    assert!(!told.contains(SECRET), "{told}");
    let secrets = fs::read_to_string(config(folder.path()).join("credentials.toml")).unwrap();
    assert!(secrets.contains(SECRET));
}

#[cfg(target_os = "linux")]
fn wait_until_hidden(terminal: &fs::File) {
    use rustix::termios::{LocalModes, tcgetattr};
    while tcgetattr(terminal)
        .unwrap()
        .local_modes
        .contains(LocalModes::ECHO)
    {
        std::thread::yield_now();
    }
}
