//! One daemon to a file: a lock file beside it, held for as long as the daemon lives.
//!
//! The lock belongs to an open file and ends with the process, however that ends; what stands in it is only for the
//! message to whoever comes second. It is a file of its own because SQLite's locks on the database must stay SQLite's.

use std::{
    ffi::OsString,
    fs::{File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use crossfade_ports::StoreError;

/// The file is this daemon's while this lives.
#[derive(Debug)]
pub struct Reserved(#[expect(dead_code, reason = "held, not used: the lock ends with it")] Option<File>);

pub(crate) fn reserve(database: Option<&Path>, who: &str) -> Result<Reserved, StoreError> {
    // What is in memory is nobody else's anyway.
    let Some(database) = database else { return Ok(Reserved(None)) };
    let path = lock_path(database);
    lock(&path, who).map(|file| Reserved(Some(file)))
}

/// One for all names that lead to the database.
fn lock_path(database: &Path) -> PathBuf {
    let mut path: OsString = database.canonicalize().unwrap_or_else(|_| database.to_owned()).into();
    path.push(".lock");
    path.into()
}

fn lock(path: &Path, who: &str) -> Result<File, StoreError> {
    let unusable = |error: io::Error| StoreError::Unavailable {
        what: format!("the lock file {} cannot be used", path.display()),
        source: Some(Box::new(error)),
    };
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { by: holder(&mut file, path) }),
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    file.set_len(0).map_err(unusable)?;
    file.rewind().map_err(unusable)?;
    file.write_all(who.as_bytes()).map_err(unusable)?;
    Ok(file)
}

fn holder(file: &mut File, path: &Path) -> String {
    let mut who = String::new();
    match file.read_to_string(&mut who) {
        Ok(read) if read > 0 => who.trim().to_owned(),
        // It has the lock, and has not written yet who it is.
        Ok(_) | Err(_) => format!("another daemon, which holds {}", path.display()),
    }
}
