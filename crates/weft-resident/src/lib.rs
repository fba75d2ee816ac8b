//! Gives memory back to the machine that work has left behind in a process.
//!
//! In: nothing; the process itself, as `/proc/self/smaps` shows it. Out: how much was resident before and after.
//! Holds: what the program computes does not change; pages of code come back from the page cache when they are used.
//! Never: a page that was written. When to do this is for the caller to say.
//! Why: start and a new configuration run through code and heap that rest and requests never touch again, and the
//! kernel maps sixteen pages around each one that is used. Unless memory is short, it never unmaps any.
//! Why unsafe, in this room alone: no crate has a safe call for either of the two system interfaces.
#![allow(unsafe_code, reason = "madvise and malloc_trim have no safe form")]

mod mapping;
mod rest;

use std::io;

use rustix::mm::{Advice, madvise};

pub use crate::rest::keep_small;

use crate::mapping::Mapping;

/// Unmaps code and constants that can be read again from their files, and hands unused heap back.
///
/// # Errors
/// When the kernel does not show the process' mappings.
pub fn shrink() -> io::Result<()> {
    trim();
    let text = std::fs::read_to_string("/proc/self/smaps")?;
    mapping::clean_objects(&text).iter().for_each(unmap);
    Ok(())
}

#[cfg(target_env = "gnu")]
fn trim() {
    // SAFETY: malloc_trim takes glibc's own locks, changes no allocation that is in use, and may be called at any
    // time from any thread. Safe was not enough: glibc gives pages inside of its heaps back in no other way.
    let _gave_any = unsafe { libc::malloc_trim(0) };
}

/// Other allocators have ways of their own.
#[cfg(not(target_env = "gnu"))]
const fn trim() {}

fn unmap(mapping: &Mapping) {
    let start = std::ptr::with_exposed_provenance_mut(mapping.start);
    // SAFETY: the range is one private mapping of an object file that cannot be written to and of which no page was
    // written (`clean_objects`), so that each page reads the same when the kernel maps it again. It stays mapped: it
    // touches the object's code, which nobody unloads, as nothing here calls dlclose. Safe was not enough: there is
    // no other call that unmaps pages of one's own. Miri knows no madvise; `tests/process.rs` runs it for real.
    // A locked mapping is refused, and stays as it is.
    let _unless_locked = unsafe { madvise(start, mapping.length, Advice::LinuxDontNeed) };
}
