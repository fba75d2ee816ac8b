//! Whether a process lives.
//!
//! In: its number. Out: yes or no.
//! Holds: who was told to end by a signal that cannot be refused is dead from the moment of that call, though the kernel may not have run it
//! since, and though it still holds its files and sockets.
//! Why by `/proc` and not by a signal 0: that reaches the dying too.

use std::fs;

/// `SIGKILL` in a mask of signals of `/proc/PID/status`.
const KILL: u64 = 1 << (nix::libc::SIGKILL - 1);
/// `PF_EXITING | PF_SIGNALED` of Linux' `include/linux/sched.h`: it runs its last instructions.
const ENDING: u64 = 0x4 | 0x400;

/// Is the process there, and not about to end?
pub(crate) fn lives(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    // Read after the masks: who takes the signal out of them has said so here.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    flags(&stat).is_some_and(|flags| flags & ENDING == 0) && !is_killed(&status)
}

/// The flags of a process; `None` when that is no line of `/proc/PID/stat`.
fn flags(stat: &str) -> Option<u64> {
    // The name may hold blanks and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(6)?.parse().ok()
}

/// Does the signal wait for its process?
fn is_killed(status: &str) -> bool {
    let masks = status
        .lines()
        .filter_map(|line| line.strip_prefix("SigPnd:").or_else(|| line.strip_prefix("ShdPnd:")));
    masks.filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok()).any(|mask| mask & KILL != 0)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::lives;

    #[test]
    fn who_is_killed_is_dead_at_once() {
        for _ in 0..50 {
            let mut child = Command::new("sleep").arg("60").spawn().unwrap();
            assert!(lives(child.id()));
            child.kill().unwrap();
            assert!(!lives(child.id()));
            child.wait().unwrap();
            assert!(!lives(child.id()));
        }
    }
}
