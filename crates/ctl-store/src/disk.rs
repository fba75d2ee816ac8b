//! The file: one table of objects as JSON, one of numbers.
//!
//! In: a batch of events. Out: they are on disk, all or none.
//! Holds: a commit returns after `fsync`; a crash in the middle leaves the batch before.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ctl_source::Packed;
use redb::{Database, ReadableTable, TableDefinition};

use crate::memory::Memory;
use crate::{Event, EventKind, Key};

const OBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const REVISION: &str = "revision";

pub(crate) type Disk = Database;

/// Opens the file and reads all of it.
pub(crate) fn open(path: &Path) -> Result<(Disk, Memory), String> {
    let disk = Database::create(path).map_err(|e| e.to_string())?;
    let memory = load(&disk).map_err(|e| e.to_string())??;
    Ok((disk, memory))
}

fn load(disk: &Disk) -> Result<Result<Memory, String>, redb::Error> {
    let transaction = disk.begin_write()?;
    let mut objects = BTreeMap::new();
    let revision;
    {
        let table = transaction.open_table(OBJECTS)?;
        for row in table.iter()? {
            let (key, value) = row?;
            let Some(parsed) = Key::parse(key.value()) else {
                return Ok(Err(format!("unreadable key {:?}", key.value())));
            };
            let read = serde_json::from_slice(value.value()).map_err(|error| error.to_string());
            let packed = read.and_then(|object| {
                Packed::of(&Arc::new(object)).map_err(|error| error.to_string())
            });
            match packed {
                Ok(packed) => objects.insert(parsed, packed),
                Err(error) => return Ok(Err(format!("unreadable object {parsed}: {error}"))),
            };
        }
        revision = transaction.open_table(NUMBERS)?.get(REVISION)?.map_or(0, |r| r.value());
    }
    transaction.commit()?;
    Ok(Ok(Memory::new(objects, revision)))
}

/// Writes a batch and waits for the disk.
pub(crate) fn commit(disk: &Disk, batch: &[Event]) -> Result<(), redb::Error> {
    let transaction = disk.begin_write()?;
    {
        let mut objects = transaction.open_table(OBJECTS)?;
        let mut numbers = transaction.open_table(NUMBERS)?;
        for event in batch {
            let key = event.key.text();
            if event.kind == EventKind::Deleted {
                objects.remove(key.as_str())?;
            } else {
                objects.insert(key.as_str(), event.object.text().as_slice())?;
            }
            numbers.insert(REVISION, event.revision)?;
        }
    }
    Ok(transaction.commit()?)
}
