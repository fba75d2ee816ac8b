//! A thread for each connection.
//! In: what each thread works on. Out: what all of them found. Holds: all have ended; a panic in one is a panic here.

use std::panic::resume_unwind;
use std::thread;

use anyhow::Result;

pub(crate) fn all<T: Send, R: Send>(
    members: Vec<T>,
    work: impl Fn(T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> =
            members.into_iter().map(|member| scope.spawn(move || work(member))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panicked| resume_unwind(panicked)))
            .collect()
    })
}
