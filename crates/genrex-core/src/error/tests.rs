use genrex_ledger as ledger;
use genrex_proto::{Generation, Prompt, QueryId, Seconds};
use genrex_sign::{ApiKey, SignatureHeader};

use super::*;

/// An error and its causes, each as it is shown.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> Vec<String> {
    let causes = std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        error.source()
    });
    causes.map(ToString::to_string).collect()
}

/// What a cause says, itself and as the cause of an error.
fn both<E: StdError + Into<Error> + 'static>(cause: E) -> (Vec<String>, Error) {
    (chain(&cause), cause.into())
}

#[test]
fn each_level_says_one_thing_and_the_last_is_the_cause() {
    let storage = || ledger::Error::new(ledger::ErrorKind::Storage, "no room");
    let header = "t=".parse::<SignatureHeader>();
    let invalid = ErrorKind::InvalidInput;
    for ((causes, error), kind) in [
        (both(ApiKey::new("").unwrap_err()), ErrorKind::Credentials),
        (both(header.unwrap_err()), invalid),
        (both(Prompt::new("").unwrap_err()), invalid),
        (both(Seconds::new(1).unwrap_err()), invalid),
        (both(QueryId::new("../x").unwrap_err()), invalid),
        (
            both(Generation::from_json(b"{}").unwrap_err()),
            ErrorKind::UnexpectedAnswer,
        ),
        (both(storage()), ErrorKind::Ledger),
    ] {
        assert_eq!(error.kind(), kind);
        let said = chain(&error);
        assert_eq!(said[1..], causes);
        for cause in &causes {
            assert!(!said[0].contains(cause), "{said:?}");
        }
    }
}
