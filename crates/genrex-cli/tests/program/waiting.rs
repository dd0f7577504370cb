//! Waiting for jobs and asking after them: several, by their numbers, and those that are here.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::service::{Counting, Lossy};
use crate::support::{Sandbox, code, error, json, stderr, stdout};

/// Buys so many jobs and leaves them to `genrex wait`: their ids.
fn bought(sandbox: &Sandbox, folder: &Path, texts: &[&str]) -> Vec<String> {
    let buy = |text: &&str| {
        let left = sandbox.run(folder, &["generate", text, "-d", "5", "--no-wait"]);
        assert_eq!(code(&left), 0, "{}", stderr(&left));
        stdout(&left).trim().to_owned()
    };
    texts.iter().map(buy).collect()
}

#[test]
fn what_is_here_is_said_to_be_here_without_asking_anybody() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let ids = bought(&sandbox, folder.path(), &["music"]);
    let id = ids[0].as_str();
    let name = format!("music-{id}.wav");
    let waited = sandbox.run(folder.path(), &["wait", "1", "--poll-interval", "10ms"]);
    assert_eq!(stdout(&waited), format!("{name}\n"), "{}", stderr(&waited));
    let environment = sandbox.environment.clone();
    assert_eq!(sandbox.end(), Some(0));

    let again = |args: &[&str]| {
        let mut command = crate::support::genrex(folder.path());
        let own = environment.iter().map(|(name, value)| (*name, value));
        command.args(args).envs(own).output().unwrap()
    };
    for args in [
        &["wait", id][..],
        &["wait", "1"],
        &["wait", "1", id],
        &["wait", "1", "-o", &name],
        &["wait", "1", "-o", "."],
    ] {
        let here = again(args);
        assert_eq!(code(&here), 0, "{args:?} {}", stderr(&here));
        assert_eq!(stdout(&here), format!("{name}\n"), "{args:?}");
        assert_eq!(stderr(&here), format!("here: {name}\n"), "{args:?}");
    }
    let document = json(&again(&["wait", "1", "--json"]));
    let path = folder.path().canonicalize().unwrap().join(&name);
    assert_eq!(document["queryId"], id);
    assert_eq!(document["assets"][0]["path"], path.to_str().unwrap());
    let all = json(&again(&["wait", "1", id, "--json"]));
    assert_eq!(all, json!([document]));

    // What has changed is not taken for it, and is not asked for anew in silence.
    fs::write(folder.path().join(&name), "RIFF").unwrap();
    let changed = again(&["wait", "1", "--timeout", "300ms"]);
    assert_eq!(code(&changed), 5, "{}", stderr(&changed));
}

/// Without a ledger the file is known by what it holds; another one is left alone, and no command leads in a circle.
#[test]
fn a_file_that_is_there_is_taken_only_if_it_is_the_same() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let ids = bought(&sandbox, folder.path(), &["music"]);
    let id = ids[0].as_str();
    let wait = |more: &[&str]| {
        let args = ["wait", id, "--poll-interval", "10ms"];
        sandbox.run(folder.path(), &[&args[..], more].concat())
    };
    assert_eq!(code(&wait(&["--no-ledger"])), 0);
    let again = wait(&[]);
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    let shown = sandbox.run(folder.path(), &["jobs", "show", "1"]);
    assert!(stdout(&shown).contains("downloaded"), "{}", stdout(&shown));

    let path = folder.path().join(format!("music-{id}.wav"));
    fs::write(&path, "precious").unwrap();
    let refused = wait(&["--json"]);
    assert_eq!(code(&refused), 1, "{}", stderr(&refused));
    let refused = error(&refused);
    assert_eq!(
        (&refused["kind"], &refused["resume"]),
        (&json!("storage"), &Value::Null)
    );
    let hint = refused["hint"].as_str().unwrap();
    assert!(
        hint.contains("--output PATH") && hint.contains("--force"),
        "{hint}"
    );
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert_eq!(code(&wait(&["--output", "other.wav"])), 0);
    assert_eq!(code(&wait(&["--force"])), 0);
}

#[test]
fn several_are_waited_for_and_asked_after_by_id_and_by_number() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let ids = bought(&sandbox, folder.path(), &["one", "two", "three"]);
    let run = |args: &[&str]| sandbox.run(folder.path(), args);
    let asked = run(&["status", "1", &ids[1]]);
    assert_eq!(code(&asked), 0, "{}", stderr(&asked));
    for id in &ids[..2] {
        assert!(stdout(&asked).contains(id), "{}", stdout(&asked));
    }
    let asked = json(&run(&["status", "--open", "--json"]));
    let told: Vec<_> = asked
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["id"])
        .collect();
    assert_eq!(told, [&ids[0], &ids[1], &ids[2]]);

    let waited = run(&["wait", "1", &ids[1], "--poll-interval", "10ms", "--json"]);
    assert_eq!(code(&waited), 0, "{}", stderr(&waited));
    let mut here: Vec<_> = json(&waited)
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["queryId"].as_str().unwrap().to_owned())
        .collect();
    here.sort();
    let mut both = ids[..2].to_vec();
    both.sort();
    assert_eq!(here, both);

    let open = run(&["wait", "--open", "--poll-interval", "10ms"]);
    assert_eq!(stdout(&open), format!("three-{}.wav\n", ids[2]));
    let none = run(&["wait", "--open"]);
    assert_eq!((code(&none), stdout(&none)), (0, String::new()));
    assert_eq!(json(&run(&["wait", "--open", "--json"])), json!([]));
    let one_file = run(&["wait", "1", "2", "-o", "a.wav"]);
    assert_eq!(code(&one_file), 2, "{}", stderr(&one_file));
}

/// One that fails does not keep the others from coming, and each failure is said with its job.
#[test]
fn of_several_each_failure_is_said_and_the_others_come() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let ids = bought(&sandbox, folder.path(), &["sandbox:fail", "good"]);
    let waited = sandbox.run(
        folder.path(),
        &["wait", "--open", "--poll-interval", "10ms"],
    );
    assert_eq!(code(&waited), 4, "{}", stderr(&waited));
    assert_eq!(stdout(&waited), format!("good-{}.wav\n", ids[1]));
    assert!(stderr(&waited).contains(&ids[0]), "{}", stderr(&waited));
}

#[test]
fn a_number_that_leads_nowhere_is_refused_with_what_leads_on() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    let run = |args: &[&str]| {
        let at = ["--base-url", &service.url, "--json"];
        sandbox.run(folder.path(), &[args, &at].concat())
    };
    service.state().is_answering = false;
    assert_eq!(code(&run(&["generate", "a"])), 7);
    service.state().raw = Some(String::from(
        "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ));
    assert_eq!(code(&run(&["generate", "b"])), 1);
    for doing in ["wait", "status"] {
        for (number, expected, word) in [
            ("1", 7, "genrex jobs reconcile 1"),
            ("2", 2, "genrex jobs show 2"),
            ("9", 2, "genrex jobs list"),
        ] {
            let refused = run(&[doing, number]);
            assert_eq!(code(&refused), expected, "{doing} {}", stderr(&refused));
            let hint = error(&refused)["hint"].as_str().unwrap().to_owned();
            assert!(hint.contains(word), "{hint}");
        }
    }
}

/// What the service does not know it does not keep.
#[test]
fn an_unknown_job_is_not_said_to_be_kept() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    for args in [&["wait", "QRY_unknown"][..], &["status", "QRY_unknown"]] {
        let unknown = sandbox.run(folder.path(), args);
        assert_eq!(code(&unknown), 1);
        let said = stderr(&unknown);
        assert!(said.contains("QRY_unknown"), "{said}");
        for word in ["kept", "go on", "nothing is lost", "genrex wait"] {
            assert!(!said.contains(word), "{word}: {said}");
        }
    }
}

/// As the service sent them.
#[test]
fn whole_numbers_are_whole() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let ids = bought(&sandbox, folder.path(), &["music"]);
    let asked = sandbox.run(folder.path(), &["status", &ids[0], "--json"]);
    assert!(
        stdout(&asked).contains(r#""duration":5,"#) || stdout(&asked).contains(r#""duration":5}"#),
        "{}",
        stdout(&asked)
    );
}

/// An id that was found is linked by one word, and the ledger knows it from then on.
#[cfg(target_os = "linux")]
#[test]
fn an_id_is_linked_by_a_person_who_says_yes() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let service = Lossy::before(&sandbox);
    service.state().loses = true;
    let at = ["--base-url", &service.url];
    let lost = sandbox.run(folder.path(), &[&["generate", "music"][..], &at].concat());
    assert_eq!(code(&lost), 7, "{}", stderr(&lost));
    service.state().loses = false;
    let answer = service.state().lost[0].clone();
    let id = answer.split('"').find(|it| it.starts_with("QRY_")).unwrap();

    let wait = ["wait", id, "--poll-interval", "10ms"];
    let mut command = sandbox.genrex(folder.path(), &[&wait[..], &at].concat());
    let (shown, ended) = crate::terminal::typing(&mut command, "y\n");
    assert_eq!(ended, 0, "{shown}");
    assert!(shown.contains(&format!("{id} is job 1")), "{shown}");
    let job = json(&sandbox.run(folder.path(), &["jobs", "show", "1", "--json"]));
    assert_eq!(
        (&job["state"], &job["queryId"]),
        (&json!("downloaded"), &json!(id))
    );
    let open = sandbox.run(folder.path(), &["jobs", "recover"]);
    assert_eq!(stdout(&open), "");
}
