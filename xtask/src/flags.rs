#![allow(
    missing_docs,
    unreachable_pub,
    reason = "the macro writes what it needs, and its own help"
)]

use std::path::PathBuf;

xflags::xflags! {
    /// The project's own tasks.
    cmd xtask {
        /// Hold the crates against the layers: which crate uses which, what pure crates must not touch, and
        /// what clients and front ends must not decide.
        cmd layers {}
        /// Find source files and functions that are too long.
        cmd sizes {}
        /// Run the README's test command many times with two busy threads beside it, and say what failed and how
        /// often. Builds once.
        cmd soak {
            /// How many times; 20 without it
            optional --times times: u32
            /// How many at once, each the others' load; one without it
            optional --at-once at_once: u32
            /// The tests of this package alone
            optional --package package: String
        }
        /// Run each target of `fuzz` many times, optimised and with overflow checks, and say how often.
        cmd fuzz {
            /// How many executions in all; ten million without it
            optional --executions executions: u64
            /// Only this target
            optional --target target: String
        }
        /// Change the code that decides in each small way, and find what no test catches and `docs/mutants.md` does
        /// not explain. Installs cargo-mutants.
        cmd mutants {
            /// Only this package
            optional --package package: String
            /// Only what has changed since this revision
            optional --changed base: String
            /// At most so many mutants of a package
            optional --most most: usize
            /// At most so many minutes for a package
            optional --minutes minutes: u32
        }
        /// Write each library's public surface to its `public-api.txt`.
        cmd public-api {
            /// Only this library; without it, all
            optional library: String
            /// Compare with what is kept there instead
            optional --check
        }
        /// Package every crate that is published, in order of dependency, and check what each package holds.
        cmd package {
            /// Do not compile what was packaged
            optional --no-verify
        }
        /// Hold the dependency tree against what the project claims of it.
        cmd dependencies {}
        /// Check that each library builds with each of its features alone, and with none.
        cmd features {
            /// Leave out the sets that have this feature
            optional --without feature: String
        }
        /// Write the signature's test vectors for other languages, and check them against their schema
        /// and the crate.
        cmd vectors {
            /// Write nothing, and fail if the file is not what would be written
            optional --check
        }
        /// Run the whole programs of GenreX's quick start, with only host and keys changed, against the
        /// sandbox. Needs Node and npm.
        cmd quick-start {
            /// The quick start's page, as text.
            required file: PathBuf
        }
        /// Run a session of the program on a terminal against a sandbox, and draw it into `docs/terminal.svg`. Linux
        /// only.
        cmd recording {}
        /// Measure genrex and what it is held against, in turn, and write the tables of `docs/performance.md`, in
        /// 25 minutes or so. Linux only.
        cmd bench {
            /// Only this row
            optional --only row: String
            /// A few short rounds, and no table: to see that it works
            optional --quick
            /// With what takes an hour: batches of 100,000 jobs
            optional --large
            /// Measure nothing; hold what does not depend on the machine against `xtask/budget.toml`
            optional --counts
        }
        /// Attack what must never lose or double a paid job, and print how many cases ran. Needs strace for
        /// `syscalls`, `disk` and `power`.
        cmd campaign {
            /// kill, syscalls, disk, power, wire, cap, credits, or all
            required which: String
            /// How many cases; without it, the short form
            optional --cases cases: u64
            /// Run the planted bugs instead, and succeed only if each is caught
            optional --control
            /// Repeat what an earlier run printed
            optional --seed seed: u64
        }
        /// Hold PostgreSQL as a ledger to the storages' suite, and attack many workers that share one: they are killed,
        /// stopped for longer than a lease, and lose their database. Installs PostgreSQL if it is not there. Runs the
        /// planted bugs too, and succeeds only if each is caught. Then processes of the program share one batch, into a
        /// folder and into an object store, which it installs from PyPI if it is not there.
        cmd fleet {
            /// How many rows the attack has; 1000 without it. A shared batch has a fifth of them
            optional --rows rows: u64
            /// The planted bugs alone
            optional --control
            /// One part alone: encryption, scenarios, suite, pool, moves, restored, partitions, attack or shared
            optional --part part: String
            /// How fast it is, beside bare statements, instead
            optional --speed
            /// How many jobs the database holds for that; 1000000 without it
            optional --jobs jobs: u64
            /// Repeat what an earlier run printed
            optional --seed seed: u64
        }
        /// A worker of the fleet: not for use.
        cmd fleet-worker {
            required database: String
            required url: String
            required number: u64
            required rows: u64
            required bug: String
        }
        /// A worker of the campaigns, with a bug planted on purpose: not for use.
        cmd planted {
            required bug: String
            required folder: PathBuf
            required url: String
            required file: String
        }
    }
}
