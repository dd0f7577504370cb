use genrex_async::Client;
use genrex_ledger::{Intent, Limits, LocalId};

use crate::books::{Books, broken};
use crate::clock;
use crate::failure::{Code, Failure};

/// A submit that has been written down and may now be made, and what it is to teach of the price.
#[derive(Debug)]
pub(crate) struct Purchase {
    pub(crate) entry: Option<LocalId>,
    duration: u8,
    /// The credits used before it, where its price is to be learned.
    teaches: Option<u64>,
    /// How often the balance was looked at since.
    looks: u32,
    /// When the balance before it was asked for.
    since: u64,
}

/// What bounds a purchase: the account's limits, and what this run may still spend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) limits: Limits,
    pub(crate) left_for_run: Option<u64>,
}

impl Bounds {
    pub(crate) const fn are_none(&self) -> bool {
        self.limits.is_none() && self.left_for_run.is_none()
    }
}

impl Purchase {
    /// Checks what bounds it, and writes the intent down. On an error nothing may be sent.
    pub(crate) async fn prepare(
        client: &Client,
        books: &Books,
        mut intent: Intent,
        duration: u8,
        bounds: Bounds,
        with_balance: bool,
    ) -> Result<Self, Failure> {
        let price = books.price(duration)?;
        // A verdict on an ambiguous one needs the price too.
        let is_to_teach = (!bounds.are_none() || with_balance) && price.is_none();
        if let (Some(cost), Some(left)) = (price, bounds.left_for_run)
            && cost > left
        {
            let message = format!(
                "this would cost {cost} credits, and {left} are left of --max-credits; it was not sent"
            );
            return Err(Failure::new(Code::OutOfCredit, "overLimit", message));
        }
        let since = clock::now();
        let mut used_before = None;
        if is_to_teach || with_balance {
            let balance = client.balance().await?;
            used_before = Some(balance.credits_used);
            let changed = balance.updated_at.map(|changed| changed.to_string());
            intent = intent.after_balance(balance.credits_used, changed);
        }
        let entry = books.intend(&intent, &bounds.limits).map_err(broken)?;
        // Another may have found the price out since it was looked up.
        let teaches = entry
            .as_ref()
            .filter(|entry| is_to_teach && entry.expected_cost.is_none())
            .and(used_before);
        Ok(Self {
            entry: entry.map(|entry| entry.id),
            duration,
            teaches,
            looks: 0,
            since,
        })
    }

    /// Whether its price has not shown yet.
    pub(crate) const fn is_teaching(&self) -> bool {
        self.teaches.is_some()
    }

    /// Learns what it cost, as soon as the balance shows it: at the submit, or when the job is done.
    pub(crate) async fn learn(&mut self, client: &Client, books: &Books) -> Result<(), Failure> {
        let Some(before) = self.teaches else {
            return Ok(());
        };
        let used = client.balance().await?.credits_used;
        if used > before {
            // If others have bought meanwhile it is more than this one cost: a bound that keeps every limit. But
            // when this one was charged is then not known.
            let is_alone = match self.entry {
                Some(entry) => books.is_alone(entry, self.since)?,
                None => false,
            };
            books.learn(self.duration, used - before, self.looks == 0 && is_alone)?;
            self.teaches = None;
        }
        self.looks += 1;
        Ok(())
    }
}
