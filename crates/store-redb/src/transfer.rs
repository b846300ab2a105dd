//! Back-up as one stream: every (namespace, key, value), ended by a count and a checksum.

use std::io::{self, Read, Write};
use std::path::Path;

use astrid_host_kv::{MAX_KEY, MAX_VALUE, StoreError, Usage};

use crate::apply::{Rows, size, write};
use crate::directory::{Database, Directory, Holds, OpenError, redb_error};
use crate::engine::{Engine, ROWS, is_dropping};
use crate::layout;
use crate::store::RedbStore;

const MAGIC: &[u8; 16] = b"astrid-kv-dump 1";
const RECORD: u8 = 1;
const END: u8 = 0;
/// `{64}:capsule:{64}`, with room to grow.
const MAX_NAMESPACE: usize = 256;

impl RedbStore {
    /// Writes everything to `to` as one consistent stream, and says how many keys it holds. Mutations
    /// wait meanwhile. Copying the directory of an open store instead gives no usable copy.
    ///
    /// # Errors
    /// A damaged value, or reading or writing failed; the stream has no valid end then, and
    /// [`RedbStore::import`] refuses it.
    pub async fn export(&self, to: impl Write + Send + 'static) -> Result<u64, StoreError> {
        self.alone(move |engine| export(engine, to)).await
    }

    /// Makes a new store in `path`, which must be empty or absent, from an export. The directory
    /// appears only when the stream was read to its end and found whole. Waits for the disk.
    ///
    /// # Errors
    /// [`OpenError::NotEmpty`], [`OpenError::Import`]; or the operating system refused.
    pub fn import(path: impl AsRef<Path>, from: impl Read) -> Result<u64, OpenError> {
        let path = path.as_ref();
        let io = |error| OpenError::Io { path: path.to_owned(), error };
        if path.exists() && std::fs::read_dir(path).map_err(io)?.next().is_some() {
            return Err(OpenError::NotEmpty(path.to_owned()));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".importing");
        let partial = Path::new(&partial);
        remove(partial).map_err(io)?;
        let imported = Directory::open(partial, Holds::Values)
            .and_then(|directory| import(&directory.database(64 << 20)?, from));
        match imported {
            Ok(count) => {
                // Renaming over an empty directory is allowed, and is one step.
                std::fs::rename(partial, path).map_err(io)?;
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                std::fs::File::open(parent.unwrap_or(Path::new(".")))
                    .and_then(|d| d.sync_all())
                    .map_err(io)?;
                Ok(count)
            }
            Err(error) => {
                remove(partial).map_err(io)?;
                Err(error)
            }
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

struct Hashed<T> {
    inner: T,
    hash: blake3::Hasher,
}

impl<W: Write> Hashed<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.inner.write_all(bytes)
    }

    fn put_sized(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.put(&length.to_le_bytes())?;
        self.put(bytes)
    }
}

fn export(engine: &Engine, to: impl Write) -> Result<u64, StoreError> {
    let mut out = Hashed { inner: io::BufWriter::new(to), hash: blake3::Hasher::new() };
    out.put(MAGIC)?;
    let (rows, mut count) = (engine.snapshot()?, 0_u64);
    for row in rows.range(&b"k"[..]..&b"l"[..]).map_err(redb_error)? {
        let (row, value) = row.map_err(redb_error)?;
        let Some((namespace, key)) = layout::parse_key_row(row.value()) else { continue };
        if is_dropping(&rows, namespace)? {
            continue;
        }
        let value = engine.checked(&rows, namespace, key, value.value())?;
        out.put(&[RECORD])?;
        for part in [namespace, key, &value] {
            out.put_sized(part)?;
        }
        count += 1;
    }
    out.put(&[END])?;
    out.put(&count.to_le_bytes())?;
    let digest = out.hash.finalize();
    out.inner.write_all(digest.as_bytes())?;
    out.inner.flush()?;
    Ok(count)
}

impl<R: Read> Hashed<R> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], OpenError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn take_sized(&mut self, most: usize) -> Result<Vec<u8>, OpenError> {
        let length = usize::try_from(u32::from_le_bytes(self.take()?)).unwrap_or(usize::MAX);
        if length > most {
            return Err(OpenError::Import(format!("a part of {length} bytes; allowed: {most}")));
        }
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), OpenError> {
        self.inner.read_exact(bytes).map_err(|error| OpenError::Import(error.to_string()))?;
        self.hash.update(bytes);
        Ok(())
    }
}

/// Bytes of values that one transaction of an import holds.
const IMPORT_STEP: usize = 8 << 20;

fn import(database: &Database, from: impl Read) -> Result<u64, OpenError> {
    let mut input = Hashed { inner: io::BufReader::new(from), hash: blake3::Hasher::new() };
    if &input.take::<16>()? != MAGIC {
        return Err(OpenError::Import("it does not begin as one".to_owned()));
    }
    let mut count: u64 = 0;
    let mut usage = std::collections::BTreeMap::<Vec<u8>, Usage>::new();
    let mut more = true;
    while more {
        let mut records = Vec::new();
        let mut held = 0;
        while held < IMPORT_STEP {
            more = input.take()? == [RECORD];
            if !more {
                break;
            }
            let namespace = input.take_sized(MAX_NAMESPACE)?;
            let key = input.take_sized(MAX_KEY)?;
            let value = input.take_sized(MAX_VALUE)?;
            let sum = usage.entry(namespace.clone()).or_default();
            *sum = sum.replaced(None, Some(size(&key, value.len())));
            held += value.len() + key.len() + namespace.len();
            count += 1;
            records.push((namespace, key, value));
        }
        change(database, |rows| {
            records.iter().try_for_each(|(namespace, key, value)| write(rows, namespace, key, value))
        })?;
    }
    if u64::from_le_bytes(input.take()?) != count {
        return Err(OpenError::Import("its count of keys is wrong".to_owned()));
    }
    let expected = input.hash.finalize();
    if input.take::<32>()? != *expected.as_bytes() {
        return Err(OpenError::Import("its checksum is wrong".to_owned()));
    }
    change(database, |rows| {
        usage.iter().try_for_each(|(namespace, sum)| {
            let row = layout::usage_row(namespace);
            rows.insert(&*row, &*layout::encode_usage(*sum)).map(drop).map_err(redb_error)
        })
    })?;
    Ok(count)
}

fn change(
    database: &Database,
    work: impl FnOnce(&mut Rows<'_>) -> Result<(), StoreError>,
) -> Result<(), OpenError> {
    let changed = database.redb.begin_write().map_err(redb_error).and_then(|transaction| {
        work(&mut transaction.open_table(ROWS).map_err(redb_error)?)?;
        database.commit(transaction)
    });
    changed.map_err(|error| OpenError::Import(error.to_string()))
}
