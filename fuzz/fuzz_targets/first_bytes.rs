//! See `checks/wire.rs`.
#![no_main]

#[path = "../checks/wire.rs"]
#[allow(dead_code, reason = "each target runs its part")]
mod wire;

libfuzzer_sys::fuzz_target!(|data: &[u8]| wire::first_bytes(data));
