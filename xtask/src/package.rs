pub(crate) fn run(_: &xshell::Shell, _: bool) -> anyhow::Result<()> {
    Ok(())
}
