use crate::args::{Global, Wait};
use crate::commands::deliver::Delivering;
use crate::connect::Connection;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::output::Output;
use crate::progress::Display;

/// `genrex wait`: takes a job up by its id.
pub(crate) async fn run(wait: Wait, global: &Global, output: &Output) -> Result<(), Failure> {
    let delivery = &wait.delivery;
    delivery.check(output.is_json())?;
    let connection = Connection::open(global, delivery.timeout, delivery.poll_interval).await?;
    let books = connection.books(!delivery.no_ledger, output)?;
    let display = Display::new(*output);
    let mut interrupts = Interrupts::watch()?;
    let job = connection.client.job(wait.query_id.clone());
    let mut delivering = Delivering {
        connection: &connection,
        delivery,
        display: &display,
        interrupts: &mut interrupts,
        paid: false,
        output,
        books: &books,
    };
    delivering.wait_and_download(&job, false).await
}
