//! Who waits for what was bought, and downloads it.

use genrex_ledger::LocalId;

use crate::failure::Failure;
use crate::query::IN_FLIGHT;
use crate::store::{Owner, Store};

impl Store<'_> {
    /// Makes a job that the service has taken this owner's to carry on, unless another has it that was heard of
    /// within a lease. One that is downloaded is nobody's: whoever has not got its file may fetch it. Of two that ask at once the second is asked again, and finds the first.
    pub(crate) async fn claim(self, id: LocalId) -> Result<bool, Failure> {
        let sql = format!(
            "UPDATE genrex.job SET carrier = $2 WHERE id = $1 AND NOT ({IN_FLIGHT}) AND \
             (state = 'downloaded' OR coalesce(carrier, epoch) = $2 OR NOT EXISTS (SELECT 1 FROM genrex.machine \
                 WHERE machine.epoch = coalesce(job.carrier, job.epoch) \
                 AND machine.seen_at > clock_timestamp() - $3 * interval '1 millisecond')) RETURNING id"
        );
        let Owner { epoch, lease, .. } = self.owner;
        let values = [id.0.into(), (*epoch).into(), (*lease).into()];
        Ok(!self.session.read(&sql, &values).await?.is_empty())
    }
}
