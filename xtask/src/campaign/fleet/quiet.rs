//! Whether workers are at an end, though they wait on.

use super::cluster::Cluster;

/// For how many looks nothing has happened, and nothing was under way.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    steps: String,
    looks: u32,
    same: u32,
}

impl Quiet {
    /// A minute at least, by the looks' own pace.
    const LONG: u32 = 60;

    pub(crate) fn is_reached(&mut self, cluster: &Cluster, database: &str) -> anyhow::Result<bool> {
        const A_SECOND: u32 = 10;
        self.looks += 1;
        if !self.looks.is_multiple_of(A_SECOND) {
            return Ok(false);
        }
        let asked = "SELECT (SELECT max(id) FROM genrex.history), count(*) FROM genrex.job \
             WHERE state IN ('intended', 'sent', 'accepted')";
        let steps = cluster.sql(database, asked)?;
        let is_same = steps == self.steps && steps.ends_with("|0");
        self.same = if is_same { self.same + 1 } else { 0 };
        self.steps = steps;
        Ok(self.is_so())
    }

    pub(crate) const fn is_so(&self) -> bool {
        self.same >= Self::LONG
    }
}
