//! A stack that is large enough.
//!
//! Holds: what runs here is bounded in depth by its callers; the parser of rules needs some 100 kB for each bracket in
//! debug builds, more than the threads of a server have.

/// Reserved, not used: only the pages that are touched cost memory.
const STACK: usize = 64 << 20;

/// Runs `work` to its end on a stack of its own; `None` when the machine has no thread left for it.
pub(crate) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("schema".into()).stack_size(STACK);
        thread.spawn_scoped(scope, work).ok()?.join().ok()
    })
}
