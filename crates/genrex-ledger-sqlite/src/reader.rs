//! A thread that looks into a ledger and changes nothing.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use crate::connection;
use crate::owner::Owners;
use crate::place::Place;
use crate::request::Request;
use crate::storage_error::RequestError;
use crate::store::Store;

/// It opens the file anew for what is asked together: so it sees what a writer has begun since, and whichever
/// file is there.
#[derive(Debug)]
pub(crate) struct Reader {
    /// As the caller gave it.
    path: PathBuf,
    place: Place,
    owners: Owners,
}

impl Reader {
    pub(crate) fn open(path: &Path, place: Place) -> Result<Self, RequestError> {
        connection::open_to_read(&place)?;
        Ok(Self {
            path: path.to_owned(),
            owners: Owners::of(place.owners()),
            place,
        })
    }

    /// Works until the last handle is gone.
    pub(crate) fn run(self, queue: &Receiver<Request>) {
        let mut is_open = true;
        while is_open && let Ok(first) = queue.recv() {
            let connection = connection::open_to_read(&self.place);
            for request in std::iter::once(first).chain(queue.try_iter()) {
                match (request, &connection) {
                    (Request::Read(read), Ok(connection)) => {
                        let store = Store {
                            connection,
                            owners: &self.owners,
                            owner: "",
                            unwritten: None,
                        };
                        read(Ok(&store), &self.path);
                    }
                    (Request::Read(read), Err(trouble)) => read(Err(trouble), &self.path),
                    (Request::Close, _) => is_open = false,
                    // None is queued here.
                    (Request::Write(_), _) => {}
                }
            }
        }
    }
}
