//! A PostgreSQL of this program's own, in a folder that goes with it.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

/// The owner of all, and who migrates.
pub(crate) const OWNER: &str = "postgres";
/// Who has the rights that docs/fleet.md lists, and no others.
pub(crate) const STUDIO: &str = "studio";
pub(crate) const PASSWORD: &str = "a secret: /?#@%";

/// A running database server.
pub(crate) struct Cluster {
    bin: PathBuf,
    folder: TempDir,
    pub(crate) port: u16,
}

impl Cluster {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let cluster = Self {
            bin: installed()?,
            folder: tempfile::Builder::new().prefix("genrex-fleet").tempdir()?,
            port: free_port()?,
        };
        cluster.initialise()?;
        cluster.up()?;
        let role = format!("CREATE ROLE {STUDIO} LOGIN PASSWORD '{PASSWORD}'");
        cluster.sql("postgres", &role)?;
        Ok(cluster)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate that the server shows, which is its own root and is for `localhost`.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder().join("server.crt")
    }

    pub(crate) fn version(&self) -> anyhow::Result<String> {
        self.sql("postgres", "SELECT version()")
    }

    /// Where a database is, for a role, without the password.
    pub(crate) fn url(&self, role: &str, database: &str) -> String {
        url(role, database, self.port)
    }

    /// Runs a statement as the owner of all, and returns what it says.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        self.sql_at(self.port, database, sql)
    }

    fn sql_at(&self, port: u16, database: &str, sql: &str) -> anyhow::Result<String> {
        let ended = Command::new(self.psql())
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .args(["-h", "localhost", "-p", &port.to_string()])
            .args(["-U", OWNER, "-d", database, "-c", sql])
            .env("PGPASSWORD", PASSWORD)
            .output()?;
        ensure!(
            ended.status.success(),
            "{sql}: {}",
            String::from_utf8_lossy(&ended.stderr)
        );
        Ok(String::from_utf8_lossy(&ended.stdout).trim().to_owned())
    }

    /// Asks until the answer is this.
    pub(crate) fn until(&self, sql: &str, answer: &str) -> anyhow::Result<()> {
        self.until_at(self.port, sql, answer)
    }

    #[expect(clippy::disallowed_methods, reason = "another process is waited for")]
    fn until_at(&self, port: u16, sql: &str, answer: &str) -> anyhow::Result<()> {
        for _ in 0..600 {
            if self.sql_at(port, "postgres", sql)? == answer {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("{sql} does not come to {answer}")
    }

    /// One of PostgreSQL's programs.
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.bin.join(name))
    }

    /// The program that asks it.
    pub(crate) fn psql(&self) -> PathBuf {
        self.bin.join("psql")
    }

    /// Stops it as an administrator does, and starts it.
    pub(crate) fn restart(&self) -> anyhow::Result<()> {
        self.control(&["stop", "-w", "-m", "fast"])?;
        self.up()
    }

    /// Stops it, and starts it when `meanwhile` is over.
    pub(crate) fn away(&self, meanwhile: impl FnOnce()) -> anyhow::Result<()> {
        self.control(&["stop", "-w", "-m", "fast"])?;
        meanwhile();
        self.up()
    }

    /// Kills the server by SIGKILL, and starts it: it recovers from what it has synced.
    pub(crate) fn crash(&self) -> anyhow::Result<()> {
        let file = self.folder().join("data/postmaster.pid");
        let text = std::fs::read_to_string(file)?;
        let pid = text.lines().next().context("no process")?;
        let killed = Command::new("kill").args(["-9", pid]).status()?;
        ensure!(killed.success(), "the server could not be killed");
        self.up()
    }

    #[expect(clippy::disallowed_methods, reason = "another process is waited for")]
    fn up(&self) -> anyhow::Result<()> {
        // The children of a server that was killed end a moment later.
        for _ in 0..100 {
            if self.control(&["start", "-w"]).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("PostgreSQL does not start: {}", self.log())
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("data/log")).unwrap_or_default()
    }

    fn initialise(&self) -> anyhow::Result<()> {
        let folder = self.folder();
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
        std::fs::write(folder.join("password"), PASSWORD)?;
        certify(folder)?;
        if is_root() {
            run(Command::new("chown").args(["-R", "postgres"]).arg(folder))?;
        }
        let mut made = self.as_owner("initdb");
        made.arg("-D").arg(folder.join("data"));
        made.args([
            "-U",
            OWNER,
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]);
        made.arg("--pwfile").arg(folder.join("password"));
        run(&mut made)
    }

    fn control(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.control_at(&self.folder().join("data"), self.port, arguments)
    }

    /// The server of a data folder.
    fn control_at(&self, data: &Path, port: u16, arguments: &[&str]) -> anyhow::Result<()> {
        let folder = self.folder();
        let options = format!(
            "-p {} -c listen_addresses=localhost -c unix_socket_directories={} -c max_connections=200 -c fsync=on \
             -c ssl=on -c ssl_cert_file={} -c ssl_key_file={}",
            port,
            folder.display(),
            folder.join("server.crt").display(),
            folder.join("server.key").display(),
        );
        let mut command = self.as_owner("pg_ctl");
        command.args(arguments).arg("-D").arg(data);
        command.arg("-l").arg(data.join("log"));
        if arguments.first() == Some(&"start") {
            command.arg("-o").arg(options);
        }
        run(&mut command)
    }

    /// A program of PostgreSQL's, as a user that it lets start a server: root is none.
    pub(crate) fn as_owner(&self, name: &str) -> Command {
        as_owner(&self.bin.join(name))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Its folder goes next; a server that is gone already is no trouble.
        let _ = self.control(&["stop", "-w", "-m", "immediate"]);
    }
}

fn url(role: &str, database: &str, port: u16) -> String {
    format!("postgres://{role}@localhost:{port}/{database}?sslmode=disable")
}

/// A server that begins as a copy of another's files: a standby, which follows it until it takes over, or one that is
/// restored from the log that the other has archived.
pub(crate) struct Copied<'a> {
    cluster: &'a Cluster,
    data: PathBuf,
    port: u16,
}

impl<'a> Copied<'a> {
    pub(crate) fn standby(cluster: &'a Cluster) -> anyhow::Result<Self> {
        let standby = Self::take(cluster, &["-R", "-X", "stream"])?;
        standby.control(&["start", "-w"])?;
        cluster.until(
            "SELECT count(*) > 0 FROM pg_stat_replication WHERE state = 'streaming'",
            "t",
        )?;
        Ok(standby)
    }

    /// The files alone: without the log they are not of one moment.
    pub(crate) fn base_backup(cluster: &'a Cluster) -> anyhow::Result<Self> {
        Self::take(cluster, &["-X", "none"])
    }

    fn take(cluster: &'a Cluster, how: &[&str]) -> anyhow::Result<Self> {
        let port = free_port()?;
        let copied = Self {
            cluster,
            data: cluster.folder().join(format!("copied-{port}")),
            port,
        };
        let mut copy = cluster.as_owner("pg_basebackup");
        copy.args(["-h", "localhost", "-p", &cluster.port.to_string()]);
        copy.args(["-U", OWNER, "-c", "fast"]).args(how).arg("-D");
        copy.arg(&copied.data).env("PGPASSWORD", PASSWORD);
        run(&mut copy)?;
        Ok(copied)
    }

    pub(crate) fn url(&self, role: &str, database: &str) -> String {
        url(role, database, self.port)
    }

    /// When it has all that the other has: the other is left for good by those who are told this address.
    pub(crate) fn take_over(&self, cluster: &Cluster) -> anyhow::Result<()> {
        let is_even =
            "SELECT bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication";
        cluster.until(is_even, "t")?;
        self.control(&["promote", "-w"])
    }

    /// Starts it, and has it replay what was archived, up to a named point or to the end.
    pub(crate) fn restore(&self, archive: &Archive, to: Option<&str>) -> anyhow::Result<()> {
        let mut settings = File::options()
            .append(true)
            .open(self.data.join("postgresql.auto.conf"))?;
        let from = archive.0.display();
        writeln!(settings, "archive_mode = off")?;
        writeln!(settings, "restore_command = 'cp {from}/%f %p'")?;
        writeln!(settings, "recovery_target_timeline = 'current'")?;
        writeln!(settings, "recovery_target_action = 'promote'")?;
        if let Some(point) = to {
            writeln!(settings, "recovery_target_name = '{point}'")?;
        }
        let signal = self.data.join("recovery.signal");
        File::create(&signal)?;
        give_to_owner(&signal)?;
        self.control(&["start", "-w"])?;
        self.cluster
            .until_at(self.port, "SELECT pg_is_in_recovery()", "f")
    }

    fn control(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.cluster.control_at(&self.data, self.port, arguments)
    }
}

impl Drop for Copied<'_> {
    fn drop(&mut self) {
        // Its folder goes with the other's.
        let _ = self.control(&["stop", "-w", "-m", "immediate"]);
    }
}

/// Where a server copies each file of its log to that it has filled.
pub(crate) struct Archive(PathBuf);

impl Archive {
    /// From now on; the server is started again for it.
    pub(crate) fn start(cluster: &Cluster) -> anyhow::Result<Self> {
        let folder = cluster.folder().join("archive");
        std::fs::create_dir(&folder)?;
        give_to_owner(&folder)?;
        let command = format!("test ! -f {0}/%f && cp %p {0}/%f", folder.display());
        cluster.sql("postgres", "ALTER SYSTEM SET archive_mode = on")?;
        cluster.sql(
            "postgres",
            &format!("ALTER SYSTEM SET archive_command = '{command}'"),
        )?;
        cluster.restart()?;
        Ok(Self(folder))
    }

    /// What the server has written until now is in it.
    pub(crate) fn fill(&self, cluster: &Cluster) -> anyhow::Result<()> {
        let last = cluster.sql("postgres", "SELECT pg_walfile_name(pg_switch_wal())")?;
        let is_there = format!("SELECT last_archived_wal >= '{last}' FROM pg_stat_archiver");
        cluster.until(&is_there, "t")
    }

    pub(crate) fn stop(self, cluster: &Cluster) -> anyhow::Result<()> {
        cluster.sql("postgres", "ALTER SYSTEM RESET archive_command")?;
        cluster.sql("postgres", "ALTER SYSTEM RESET archive_mode")?;
        cluster.restart()
    }
}

fn give_to_owner(path: &Path) -> anyhow::Result<()> {
    if !is_root() {
        return Ok(());
    }
    run(Command::new("chown").arg("postgres").arg(path))
}

/// A program as the user `postgres`, if this one is root.
pub(crate) fn as_owner(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command.current_dir("/");
        command
    } else {
        Command::new(program)
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Runs a command, whose words are told if it fails. A server that it leaves behind must not hold a pipe open.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let words = tempfile::NamedTempFile::new()?;
    let status = command
        .stdin(Stdio::null())
        .stdout(words.reopen()?)
        .stderr(words.reopen()?)
        .status()
        .with_context(|| format!("{command:?}"))?;
    let said = std::fs::read(words.path())?;
    ensure!(
        status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&said)
    );
    Ok(())
}

/// The folder of PostgreSQL's programs; they are installed if that can be.
fn installed() -> anyhow::Result<PathBuf> {
    if let Some(found) = newest() {
        return Ok(found);
    }
    ensure!(
        is_root(),
        "PostgreSQL is not installed: apt-get install postgresql"
    );
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    run(Command::new("apt-get").args([
        "install",
        "-y",
        "-qq",
        "postgresql",
        "pgbouncer",
        "faketime",
    ]))?;
    newest().context("PostgreSQL could not be installed")
}

fn newest() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let found = versions.map(|version| version.path().join("bin"));
    let mut found: Vec<PathBuf> = found.filter(|bin| bin.join("initdb").exists()).collect();
    found.sort();
    found.pop()
}

/// A certificate for `localhost`.
fn certify(folder: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt"]);
    command.args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    command.args([
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
    ]);
    command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    command.arg("-keyout").arg(folder.join("server.key"));
    command.arg("-out").arg(folder.join("server.crt"));
    run(&mut command)?;
    let private = std::fs::Permissions::from_mode(0o600);
    Ok(std::fs::set_permissions(
        folder.join("server.key"),
        private,
    )?)
}
