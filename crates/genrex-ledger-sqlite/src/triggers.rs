//! The second guard: triggers in the file, made from the state machine, that refuse what it does not have,
//! whoever writes to the file.

use std::collections::BTreeSet;

use genrex_ledger::State;

/// The triggers, as SQL.
pub(crate) fn sql() -> String {
    let goes = State::transitions().map(|(from, to)| format!("'{from}>{to}'"));
    let goes = goes.collect::<Vec<_>>().join(", ");
    let begins = State::Intended;
    let taken = quoted(State::Accepted.reached());
    let here = quoted(State::Downloaded.reached());
    let all = [
        refuse(
            "job_begins",
            "INSERT ON job",
            &format!("NEW.state != '{begins}'"),
            "a job begins as an intent",
        ),
        refuse(
            "job_goes",
            "UPDATE OF state ON job",
            &format!("(OLD.state || '>' || NEW.state) NOT IN ({goes})"),
            "a job does not go there from where it stands",
        ),
        refuse(
            "job_has_its_id",
            "UPDATE OF state, query_id ON job",
            &format!("NEW.state IN ({taken}) AND NEW.query_id IS NULL"),
            "a job that the service took has its id",
        ),
        refuse(
            "job_has_its_file",
            "UPDATE OF state, path, bytes, sha256 ON job",
            &format!(
                "NEW.state IN ({here}) AND (NEW.path IS NULL OR NEW.bytes IS NULL OR NEW.sha256 IS NULL)"
            ),
            "a job that is here has its file",
        ),
        refuse(
            "job_keeps_its_id",
            "UPDATE OF query_id ON job",
            "OLD.query_id IS NOT NULL AND NEW.query_id IS NOT OLD.query_id",
            "the id of a job does not change",
        ),
        refuse("job_stays", "DELETE ON job", "1", "no job is forgotten"),
        refuse(
            "history_stays",
            "DELETE ON history",
            "1",
            "no step is forgotten",
        ),
        refuse(
            "history_is_so",
            "UPDATE ON history",
            "1",
            "what has happened does not change",
        ),
    ];
    all.concat()
}

fn refuse(name: &str, what: &str, when: &str, why: &str) -> String {
    format!(
        "CREATE TRIGGER {name} BEFORE {what} WHEN {when}\nBEGIN\n    SELECT RAISE(ABORT, '{why}');\nEND;\n"
    )
}

fn quoted(states: BTreeSet<State>) -> String {
    let names = states.into_iter().map(|state| format!("'{state}'"));
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that was made before keeps the triggers that it was made with: whoever changes the machine has
    /// to write a migration that makes them anew, and then to change this list.
    #[test]
    fn a_machine_that_changes_needs_a_migration() {
        let made_with = "intended>sent intended>notSent sent>sent sent>notSent sent>refused sent>ambiguous \
             sent>accepted refused>accepted ambiguous>ambiguous ambiguous>accepted accepted>accepted \
             accepted>failed accepted>completed accepted>downloaded failed>failed completed>failed \
             completed>downloaded downloaded>downloaded";
        let transitions: Vec<String> = State::transitions()
            .map(|(from, to)| format!("{from}>{to}"))
            .collect();
        assert_eq!(transitions.join(" "), made_with);
    }
}
