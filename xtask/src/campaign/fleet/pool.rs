//! The same suite with pgbouncer in between, which gives each transaction whichever connection is free.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::cluster::{Cluster, PASSWORD, STUDIO, as_owner, free_port, is_root, run as run_command};
use super::restored::dumps;
use super::suite;

pub(crate) fn run(cluster: &Cluster) -> anyhow::Result<()> {
    let Some(program) = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
    else {
        println!("NOT RUN: the suite through pgbouncer, which is not installed");
        return Ok(());
    };
    let pool = Pool::start(cluster, program)?;
    dumps::behind_a_pool(cluster, pool.port).context("a database that is put back behind it")?;
    let opened = suite::conform(cluster, "pooled", pool.port)?;
    println!(
        "pool: PostgreSQL keeps what a ledger promises through pgbouncer in transaction mode, on {opened} ledgers"
    );
    Ok(())
}

struct Pool {
    process: Child,
    port: u16,
}

impl Pool {
    #[expect(clippy::disallowed_methods, reason = "another process is waited for")]
    fn start(cluster: &Cluster, program: &str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let folder = cluster.folder();
        let users = folder.join("users.txt");
        let settings = folder.join("pgbouncer.ini");
        std::fs::write(&users, format!("\"{STUDIO}\" \"{PASSWORD}\"\n"))?;
        let text = format!(
            "[databases]\n* = host=localhost port={}\n[pgbouncer]\nlisten_addr = localhost\nlisten_port = {port}\n\
             pool_mode = transaction\nauth_type = trust\nauth_file = {}\nmax_client_conn = 500\n\
             default_pool_size = 2\nunix_socket_dir =\n",
            cluster.port,
            users.display()
        );
        std::fs::write(&settings, text)?;
        if is_root() {
            run_command(
                Command::new("chown")
                    .arg("postgres")
                    .args([&users, &settings]),
            )?;
        }
        let process = as_owner(program.as_ref())
            .arg("-q")
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pool = Self { process, port };
        for _ in 0..100 {
            if std::net::TcpStream::connect(("localhost", port)).is_ok() {
                return Ok(pool);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        ensure!(false, "pgbouncer does not answer");
        Ok(pool)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // It takes a signal to end in order; `runuser` hands it on.
        let _ = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        let _ = self.process.wait();
    }
}
