//! The errors of a job that is to be settled, in the order of the page.

use super::Row;
use super::world::World;

pub(super) const ROWS: &[Row] = &[
    Row {
        message: "job 1 is downloaded, and not ambiguous",
        kind: "invalidInput",
        exit: 2,
        command: "`genrex jobs reconcile 1` of a job that is here",
        credits: "it was charged once",
        next: &[("genrex jobs show 1", 0)],
        provoke: |world| {
            world.complete(World::music());
            world.run(&["generate", "music"]);
            world.provoke(&["jobs", "reconcile", "1"])
        },
    },
    Row {
        message: "job 1 is downloaded, and what is in that state cannot be settled by hand; nothing was changed",
        kind: "invalidInput",
        exit: 2,
        command: "`genrex jobs resolve 1 --charged` of a job that is here",
        credits: "it was charged once",
        next: &[("genrex jobs show 1", 0)],
        provoke: |world| {
            world.complete(World::music());
            world.run(&["generate", "music"]);
            world.provoke(&["jobs", "resolve", "1", "--charged"])
        },
    },
    Row {
        message: "the service says that QRY_other is of another prompt or duration than job 1; nothing was settled",
        kind: "invalidInput",
        exit: 2,
        command: "`genrex jobs resolve 1 --query-id QRY_other`, which is of another prompt",
        credits: "**perhaps charged**",
        next: &[("genrex jobs show 1", 0)],
        provoke: |world| {
            world.service.state().is_answering = false;
            world.run(&["generate", "music"]);
            let told = r#"{"id":"QRY_other","status":"Processing","content":{"text":"other","duration":10}}"#;
            world.service.state().raw_when_free = Some(World::answer("200 OK", told));
            world.provoke(&["jobs", "resolve", "1", "--query-id", "QRY_other"])
        },
    },
    Row {
        message: "QRY_1 is the id of job 1; nothing was settled",
        kind: "invalidInput",
        exit: 2,
        command: "`genrex jobs resolve 2 --query-id QRY_1`, which is the id of job 1",
        credits: "**perhaps charged**",
        next: &[("genrex jobs show 2", 0)],
        provoke: |world| {
            world.run(&["generate", "music", "--no-wait"]);
            world.service.state().is_answering = false;
            world.run(&["generate", "more"]);
            world.provoke(&["jobs", "resolve", "2", "--query-id", "QRY_1"])
        },
    },
];
