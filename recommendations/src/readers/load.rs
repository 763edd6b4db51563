use super::ReadersError;
use crate::{ratings::Base, store::Store};

/// All histories and their revision. Beside them only some thousand rows are held.
pub(super) async fn all(store: &Store) -> Result<(Base, i64), ReadersError> {
    let mut reading = store.read_history().await.map_err(ReadersError::Store)?;
    let mut base = Base::default();
    loop {
        let entries = reading.next().await.map_err(ReadersError::Store)?;
        if entries.is_empty() {
            break;
        }
        for (reader, entry) in entries {
            base.push(reader, entry).map_err(ReadersError::Unordered)?;
        }
    }
    base.shrink();
    Ok((base, reading.revision()))
}
