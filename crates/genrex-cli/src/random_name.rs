/// A name that nothing else has: of a run, of a batch.
pub(crate) fn random_name() -> String {
    format!("{:016x}", fastrand::u64(..))
}
